//! Which log a node is on. What is on the log is not known here.

use crate::{
    cluster::Secret,
    config::{Config, LogChoice},
    starting::Stage,
};
use anyhow::{Context as _, bail};
use convenio_events::{Sequence, log::EventLog};
use convenio_journal::{Access, Index, Journal, Options};
use convenio_kafka::{KafkaLog, Opening};
use convenio_ledger::{sequencer::Parts, stores::EventIndex as _};
use convenio_notary::OpenedLedger;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long a node waits for Kafka to show it the end of the log before it gives up starting.
const FIRST_SIGHT: Duration = Duration::from_secs(600);
/// The same for one that has a copy to show meanwhile.
const FIRST_SIGHT_WITH_COPY: Duration = Duration::from_secs(10);
/// How often a sequencer opens the embedded log again: five seconds.
const EMBEDDED_ATTEMPTS: u32 = 25;

/// The log of a node.
pub(crate) struct Backend {
    pub(crate) journal: Journal,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) kafka: Option<KafkaLog>,
}

impl Backend {
    /// Opens the log; of one on Kafka, this node's copy is complete when it returns, or Kafka is away and there is a copy.
    pub(crate) async fn open(config: &Config, stage: &Stage) -> anyhow::Result<Self> {
        let options = Options { checked: true, ..Options::default() };
        let journal = Journal::open_with(&config.data, Access::ReadWrite, options)
            .with_context(|| format!("opening the journal in {}", config.data.display()))?;
        let LogChoice::Kafka(settings) = &config.log else {
            return Ok(Self { log: Arc::new(journal.clone()), journal, kafka: None });
        };
        stage.enter("the node waits for Kafka to let it in and to show it the ledger's topics");
        let opening = if opened_before(&config.identity)? { Opening::Opened } else { Opening::MayBegin };
        if let Some(secret) = Secret::existing(config.cluster_secret.as_deref(), &config.identity)? {
            settings.authority.hold(secret.bytes());
        }
        let opened = KafkaLog::open(settings.clone().with_opening(opening), journal.clone()).await;
        let kafka = opened.with_context(|| format!("opening the log at {}", settings.address))?;
        let has_copy = *journal.head().borrow() > Sequence::ZERO;
        let patience = if has_copy { FIRST_SIGHT_WITH_COPY } else { FIRST_SIGHT };
        stage.enter("the node copies the log, and waits for Kafka to show it the end");
        let mut following = kafka.following();
        let seen = following.wait_for(|following| following.confirmed.is_some() || following.halted.is_some());
        match tokio::time::timeout(patience, seen).await {
            Ok(seen) => {
                let seen = seen?.clone();
                if let Some(halted) = seen.halted {
                    bail!("{halted}");
                }
                if let Some(closed) = seen.closed {
                    bail!("nobody may write to the log at {}: {closed}", settings.address);
                }
            }
            Err(_) if has_copy => {
                tracing::warn!("the end of the log was not seen yet: the portal shows what was copied")
            }
            Err(late) => return Err(late).context("Kafka does not show the end of the log"),
        }
        Ok(Self { log: Arc::new(kafka.clone()), journal, kafka: Some(kafka) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self.log.head().borrow() == Sequence::ZERO
    }

    /// How often its sequencer opens the log again before it gives up: for ever where others hold the log.
    pub(crate) fn attempts(&self) -> u32 {
        if self.kafka.is_some() { Parts::FOR_EVER } else { EMBEDDED_ATTEMPTS }
    }
}

/// Whether the identity has opened its ledger: then a log of its own is somewhere, and none is begun.
pub(crate) fn opened_before(identity: &Path) -> anyhow::Result<bool> {
    Ok(OpenedLedger::read(identity)?.is_some())
}

/// Keeps the look-ups complete on a node that does not write: what is not there yet is not shown. The sequencer of one that does
/// keeps them itself; what is told twice is known once. What fails is tried again.
pub(crate) async fn keep_index(
    index: Arc<Index>,
    mut head: watch::Receiver<Sequence>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    /// The least time between two groups of events; meanwhile a sequencer of this node has told of them.
    const PACE: Duration = Duration::from_millis(2);
    /// How long what failed waits before it is tried again.
    const RETRY: Duration = Duration::from_secs(1);
    tokio::pin!(stop);
    loop {
        let missing = index.indexed() < *head.borrow_and_update();
        // On a thread of its own: it may block.
        let kept = if missing { index.catch_up().map(drop) } else { Ok(()) };
        let failed = kept.is_err();
        if let Err(error) = kept {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "the index cannot be kept: trying again");
        }
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            () = tokio::time::sleep(RETRY), if failed => {}
            changed = head.changed(), if !failed => if changed.is_err() { return Ok(()) },
        }
        tokio::time::sleep(PACE).await;
    }
}
