//! The log contract on Kafka: what is read comes from this node's copy, what is written goes to the topic and comes back.

use crate::{
    alarm::AlarmKind,
    announcement::Announcement,
    error::KafkaLogError,
    follower::{Follower, Following},
    moving::Mover,
    settings::{Opening, Settings},
    topics,
    writer::{self, Leaving, Wanted, Writer},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog, OpenError, OpenedWriter, ReadError},
};
use convenio_journal::Journal;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// How long a node whose clock is not the brokers' does not try to write again.
const CLOCK_RETRY: Duration = Duration::from_secs(60);

/// A ledger's log on Kafka, seen from one node; clones share it.
#[derive(Clone, Debug)]
pub struct KafkaLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    journal: Journal,
    follower: Follower,
    announcement: Mutex<Announcement>,
    leaving: Leaving,
}

impl KafkaLog {
    /// Checks the topics, makes those that are missing and may be made, and begins to copy them into the journal. Where Kafka does not answer
    /// and the journal has a copy already, that copy can be read, and the rest follows when Kafka is back.
    ///
    /// # Errors
    /// [`KafkaLogError`].
    pub async fn open(settings: Settings, journal: Journal) -> Result<Self, KafkaLogError> {
        let has_copy = *journal.head().borrow() > Sequence::ZERO;
        let settings = if has_copy { settings.with_opening(Opening::Opened) } else { settings };
        let patience = if has_copy { topics::PATIENCE_WITH_COPY } else { topics::PATIENCE };
        let cluster = match topics::prepare(&settings, patience).await {
            Ok(cluster) => Some(cluster),
            Err(error) if has_copy && error.may_pass() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Kafka is away: this node has its copy only");
                None
            }
            Err(error) => return Err(error),
        };
        let shared = tokio::task::spawn_blocking(move || {
            let follower = Follower::start(&settings, cluster.as_ref(), &journal)?;
            let (announcement, leaving) = (Mutex::default(), Leaving::default());
            Ok(Shared { settings, journal, follower, announcement, leaving })
        });
        let shared = shared.await.unwrap_or(Err(KafkaLogError::Late("begin to follow")))?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Says what this node announces when it begins to write.
    pub fn announce(&self, announcement: Announcement) {
        *self.shared.announcement.lock().unwrap_or_else(PoisonError::into_inner) = announcement;
    }

    /// Where this node's copy stands.
    pub fn following(&self) -> watch::Receiver<Following> {
        self.shared.follower.following()
    }

    /// Stops following for good, because what was copied is not what others have: `why` is told to operators.
    pub fn halt(&self, why: String) {
        tracing::error!(why, "this node follows the log no more");
        self.shared.follower.halt(why);
    }

    /// Raises an alarm about this node, or takes it back where there is no detail.
    pub fn alarm(&self, kind: AlarmKind, detail: Option<String>) {
        self.shared.follower.alarm(kind, detail);
    }

    /// The brokers tell the time to writers only: after a while it may try again.
    fn clock_differs_for_now(&self, detail: String) {
        self.alarm(AlarmKind::ClockDiffers, Some(detail));
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            tokio::time::sleep(CLOCK_RETRY).await;
            if let Some(shared) = shared.upgrade() {
                shared.follower.alarm(AlarmKind::ClockDiffers, None);
            }
        });
    }

    /// Fences whoever writes, to move the ledger. It blocks.
    ///
    /// # Errors
    /// [`KafkaLogError`].
    pub fn mover(&self) -> Result<Mover, KafkaLogError> {
        Mover::take(&self.shared.settings, self.following(), self.shared.journal.clone())
    }

    /// How the node speaks to Kafka.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }
}

#[async_trait]
impl EventLog for KafkaLog {
    /// Dropping the future gives the opening up: whoever else was elected meanwhile is not fenced by it.
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        let (wanted, stop) = Wanted::new();
        let shared = self.shared.clone();
        let opened = tokio::task::spawn_blocking(move || {
            let announcement = shared.announcement.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let (following, journal) = (shared.follower.following(), shared.journal.clone());
            writer::open(&shared.settings, &announcement, following, journal, &stop)
        });
        let opened = opened.await.map_err(|error| OpenError::Unavailable(error.into()))?;
        if let Err(KafkaLogError::Clock(detail)) = &opened {
            self.clock_differs_for_now(detail.clone());
        }
        let opened = opened?;
        let head = opened.next;
        Ok(OpenedWriter { writer: Box::new(Writer::new(opened, wanted, self.shared.leaving.clone())), head })
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.shared.journal.read(from, limit).await
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.shared.journal.head()
    }
}
