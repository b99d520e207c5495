//! Which log a node is on, and whether it may write there. What is on the log is not known here.

use crate::config::{Config, LogChoice};
use anyhow::{Context as _, bail};
use convenio_events::{Sequence, log::EventLog};
use convenio_journal::{Access, Index, Journal};
use convenio_kafka::{Election, KafkaLog};
use convenio_ledger::submission::{Ledger, Role};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long a node waits for Kafka to show it the end of the log before it gives up starting.
const FIRST_SIGHT: Duration = Duration::from_secs(600);
/// How often an elected node looks whether it writes.
const LOOK: Duration = Duration::from_millis(200);
/// An elected node that does not even begin to write was fenced: so soon it gives the seat up.
const FENCED_LIMIT: Duration = Duration::from_secs(1);
/// An elected node that does not come to write in so long leaves the seat to another.
const STRUGGLE_LIMIT: Duration = Duration::from_secs(10);
/// How often a sequencer opens the embedded log again: five seconds.
const EMBEDDED_ATTEMPTS: u32 = 25;

/// The log of a node.
pub(crate) struct Backend {
    pub(crate) journal: Journal,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) kafka: Option<KafkaLog>,
}

impl Backend {
    /// Opens the log; of one on Kafka, this node's copy is complete when it returns.
    pub(crate) async fn open(config: &Config) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&config.data)
            .with_context(|| format!("making the data directory {}", config.data.display()))?;
        let journal = Journal::open(&config.data, Access::ReadWrite)
            .with_context(|| format!("opening the journal in {}", config.data.display()))?;
        let LogChoice::Kafka(settings) = &config.log else {
            return Ok(Self { log: Arc::new(journal.clone()), journal, kafka: None });
        };
        let opened = KafkaLog::open(settings.clone(), journal.clone()).await;
        let kafka = opened.with_context(|| format!("opening the log at {}", settings.address))?;
        let mut following = kafka.following();
        let seen = following.wait_for(|following| following.confirmed.is_some() || following.halted.is_some());
        let seen = tokio::time::timeout(FIRST_SIGHT, seen).await.context("Kafka does not show the end of the log")?;
        let seen = seen?.clone();
        if let Some(halted) = seen.halted {
            bail!("{halted}");
        }
        if let Some(closed) = seen.closed {
            bail!("nobody may write to the log at {}: {closed}", settings.address);
        }
        Ok(Self { log: Arc::new(kafka.clone()), journal, kafka: Some(kafka) })
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self.log.head().borrow() == Sequence::ZERO
    }

    /// How often its sequencer opens the log again before it gives up: for ever where others hold the log.
    pub(crate) fn attempts(&self) -> u32 {
        if self.kafka.is_some() { u32::MAX } else { EMBEDDED_ATTEMPTS }
    }
}

/// This node's seat in the election, where there is one.
pub(crate) struct Seat {
    election: Arc<Election>,
    watch: tokio::task::JoinHandle<()>,
}

impl Seat {
    /// Stands for election, and gives the seat up whenever the node is elected but does not come to write.
    pub(crate) fn take(kafka: &KafkaLog, elected: watch::Sender<u64>, ledger: &Ledger) -> anyhow::Result<Self> {
        let term = elected.subscribe();
        let election = Arc::new(Election::stand(kafka.settings(), elected)?);
        // It holds no handle of the ledger, whose end it must not put off.
        let standing = ledger.watch();
        let watching = Arc::downgrade(&election);
        let watch = tokio::spawn(async move {
            let mut writing = Instant::now();
            while let Some(election) = watching.upgrade() {
                let (role, elected) = (standing.borrow().role, *term.borrow() != 0);
                if role == Role::Stopped {
                    break;
                }
                if !elected || role == Role::Writer {
                    writing = Instant::now();
                } else if writing.elapsed() > STRUGGLE_LIMIT
                    || (role == Role::Follower && writing.elapsed() > FENCED_LIMIT)
                {
                    tracing::warn!(role = ?role, "elected, but not writing: the seat is given up");
                    election.stand_anew();
                    writing = Instant::now();
                }
                drop(election);
                tokio::time::sleep(LOOK).await;
            }
        });
        Ok(Self { election, watch })
    }

    /// Leaves it, so that another node takes over at once. Blocks.
    pub(crate) fn leave(self) {
        self.watch.abort();
        drop(self.election);
    }
}

/// Keeps the look-ups complete on a node that does not write. The sequencer of one that does keeps them itself; what is told
/// twice is known once.
pub(crate) async fn keep_index(
    index: Arc<Index>,
    mut head: watch::Receiver<Sequence>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    /// The least time between two groups of events.
    const PACE: Duration = Duration::from_millis(20);
    tokio::pin!(stop);
    loop {
        // On a thread of its own: it may block.
        index.catch_up().context("the index of a copy")?;
        tokio::select! {
            biased;
            () = &mut stop => return Ok(()),
            changed = head.changed() => if changed.is_err() { return Ok(()) },
        }
        tokio::time::sleep(PACE).await;
    }
}
