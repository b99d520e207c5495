//! The log as a node reads it: whoever comes upon damage tells the node, which then records nothing more and says where it is. It
//! repairs nothing.

use crate::tree::OtherHistory;
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    causes::with_causes,
    log::{EventLog, OpenError, OpenedWriter, ReadError},
};
use convenio_journal::{Index, Journal};
use convenio_kafka::KafkaLog;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::watch;

/// How often it is looked whether the files of the log are still the ones that are open.
const LOOK: Duration = Duration::from_millis(500);

/// What was found, once something was; clones share it.
#[derive(Clone)]
pub(crate) struct Damage {
    found: Arc<watch::Sender<Option<String>>>,
    /// Whether all of the log is in doubt.
    all: Arc<AtomicBool>,
    /// Keeps this node from recording.
    halt: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Damage {
    pub(crate) fn new(halt: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { found: Arc::new(watch::Sender::new(None)), all: Arc::default(), halt: Arc::new(halt) }
    }

    /// Where it is, in words for an operator.
    pub(crate) fn found(&self) -> Option<String> {
        self.found.borrow().clone()
    }

    /// Whether nothing of the log can be believed.
    pub(crate) fn is_of_all(&self) -> bool {
        self.all.load(Relaxed)
    }

    /// Tells of what the tree came upon: of another history, nothing can be believed.
    pub(crate) fn tell_of_tree(&self, error: &anyhow::Error) {
        self.all.store(error.is::<OtherHistory>(), Relaxed);
        self.tell(&format!("{error:#}"));
    }

    /// Tells of it. The first one counts: what is found after it may only follow from it.
    pub(crate) fn tell(&self, what: &str) {
        let first = self.found.send_if_modified(|found| {
            let first = found.is_none();
            found.get_or_insert_with(|| what.to_owned());
            first
        });
        if first {
            tracing::error!(
                what,
                "the log is damaged: nothing is recorded any more. Stop the node and restore a backup"
            );
            (self.halt)(what);
        }
    }
}

/// What keeps a node from recording on a damaged log: its term is over, or it leaves the log to the others.
pub(crate) fn halt(kafka: Option<KafkaLog>, elect: watch::Sender<u64>) -> impl Fn(&str) + Send + Sync {
    move |what| match &kafka {
        Some(kafka) => kafka.halt(what.to_owned()),
        None => drop(elect.send_replace(0)),
    }
}

/// A log, watched for damage.
pub(crate) struct WatchedLog {
    log: Arc<dyn EventLog>,
    damage: Damage,
}

impl WatchedLog {
    pub(crate) fn new(log: Arc<dyn EventLog>, damage: Damage) -> Self {
        Self { log, damage }
    }
}

#[async_trait]
impl EventLog for WatchedLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        self.log.open_writer().await
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let read = self.log.read(from, limit).await;
        if let Err(error @ ReadError::Damaged { .. }) = &read {
            self.damage.tell(&with_causes(error));
        }
        read
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

/// Looks every now and then, until it is told to stop, for damage that no read comes upon: files that are gone from under the node,
/// and an event that the log has twice.
pub(crate) async fn keep_looking(
    journal: Journal,
    index: Arc<Index>,
    damage: Damage,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    tokio::pin!(stop);
    let mut looks = tokio::time::interval(LOOK);
    while damage.found().is_none() {
        tokio::select! {
            () = &mut stop => break,
            _ = looks.tick() => {}
        }
        if let Err(error) = journal.check_files() {
            damage.tell(&with_causes(&error));
        } else if let Some(doubled) = index.doubled() {
            damage.tell(&doubled);
        }
    }
    Ok(())
}
