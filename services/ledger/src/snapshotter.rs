//! Writes the snapshot of the write model: a projection of its own, from committed events only. The sequencer never waits for it.

use crate::{
    sequencer::SnapshotCursor,
    stores::{StateStore, StoreError},
    world::{CODE_VERSION, World},
};
use convenio_events::{
    DecodeError, Event,
    log::{EventLog, ReadError, follow},
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// The most events folded before the snapshot is written.
const EVENTS_LIMIT: usize = 8_192;
/// How long a change waits at most before it is written. Only a restart reads it, which folds a second's events in no time; and the
/// more subjects are written at once, the more of them share a page.
const WRITE_PERIOD: Duration = Duration::from_secs(1);
/// The least time between two pages that are not full.
const PACE: Duration = Duration::from_millis(50);
/// How many subjects it keeps in memory between writes.
const SUBJECTS_KEPT: usize = 20_000;

/// Why the snapshot stopped being written. The ledger goes on; a restart then folds more.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// The log holds what this program cannot read.
    #[error("the log holds an event that this program cannot read")]
    Decode(#[from] DecodeError),
    /// The file cannot be written.
    #[error("the snapshot cannot be written")]
    Store(#[from] StoreError),
}

/// Follows the log and writes the snapshot, until the log is closed or `stop` completes.
///
/// # Errors
/// [`SnapshotError`]; the file is as of its cursor.
pub async fn run(
    log: Arc<dyn EventLog>,
    store: Arc<dyn StateStore>,
    cursor: SnapshotCursor,
    stop: impl Future<Output = ()>,
) -> Result<(), SnapshotError> {
    let mut world = World::load(store.clone())?;
    debug_assert_eq!(store.folded(CODE_VERSION).ok(), Some(world.next()));
    cursor.set(world.next());
    let mut follower = follow(log, world.next());
    let mut pending = 0;
    let mut written = Instant::now();
    tokio::pin!(stop);
    loop {
        let page = tokio::select! {
            biased;
            () = &mut stop => None,
            page = tokio::time::timeout(WRITE_PERIOD, follower.next_page(EVENTS_LIMIT)) => match page {
                Ok(page) => page?,
                Err(_) if pending == 0 => continue,
                Err(_) => Some(Vec::new()),
            },
        };
        let due = page.as_ref().is_none_or(Vec::is_empty) || written.elapsed() >= WRITE_PERIOD;
        for recorded in page.iter().flatten() {
            let event = Event::decode(recorded)?;
            world.fold((&event).into());
            pending += 1;
        }
        if let Some(fault) = world.take_fault() {
            return Err(fault.into());
        }
        if pending >= EVENTS_LIMIT || (due && pending > 0) {
            store.write(world.take_changes(), world.next())?;
            cursor.set(world.next());
            world.evict(world.next(), SUBJECTS_KEPT);
            pending = 0;
            written = Instant::now();
        }
        match page {
            None => return Ok(()),
            // Nobody waits for the snapshot: it reads in groups, and leaves the processors to those who record.
            Some(page) if page.len() < EVENTS_LIMIT => tokio::time::sleep(PACE).await,
            Some(_) => {}
        }
    }
}
