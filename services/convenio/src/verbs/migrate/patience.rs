//! Waiting for Kafka: for the end of a topic, and for brokers that come back. It waits for nothing that will not pass.

use crate::verbs::output::Progress;
use anyhow::{Context as _, bail};
use convenio_events::{Sequence, log::EventLog as _};
use convenio_kafka::{Closed, KafkaLog, KafkaLogError};
use std::time::{Duration, Instant};

/// How long nothing may come of it.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long to wait before it is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked how far the copy is.
const LOOK: Duration = Duration::from_millis(20);

/// Tries until it succeeds, as long as the trouble may pass and `position` moves at least every five minutes.
pub(super) fn insist<T>(
    position: impl Fn() -> u64,
    mut attempt: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let (mut reached, mut since) = (position(), Instant::now());
    loop {
        let error = match attempt() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        if position() > reached {
            (reached, since) = (position(), Instant::now());
        }
        let passes = error.downcast_ref::<KafkaLogError>().is_some_and(KafkaLogError::may_pass);
        if !passes || since.elapsed() > PATIENCE {
            return Err(error);
        }
        tracing::warn!(error = format!("{error:#}"), "Kafka does not take part now: trying again");
        std::thread::sleep(RETRY);
    }
}

/// What a topic held when its end was seen.
pub(super) struct Seen {
    pub(super) head: Sequence,
    pub(super) closed: Option<Closed>,
}

/// Waits until the copy has seen the end of the topic, and `enough` of it. `look` is asked about the first events.
pub(super) fn wait_for_end(
    log: &KafkaLog,
    enough: Sequence,
    progress: &mut Progress,
    mut look: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Seen> {
    let (following, heads) = (log.following(), log.head());
    let (mut reached, mut since, mut looked) = (*heads.borrow(), Instant::now(), false);
    loop {
        // The end counts for what was there before: the head is read after it.
        let now = following.borrow().clone();
        let head = *heads.borrow();
        if let Some(why) = now.halted {
            bail!("{why}");
        }
        if head > Sequence::ZERO && !looked {
            look()?;
            looked = true;
        }
        if now.confirmed.is_some() && head >= enough {
            return Ok(Seen { head, closed: now.closed });
        }
        if head > reached {
            (reached, since) = (head, Instant::now());
            progress.set(head.0, None);
        }
        if since.elapsed() > PATIENCE {
            return Err(KafkaLogError::Late("show the end of the topic")).context("reading the topic");
        }
        std::thread::sleep(LOOK);
    }
}
