//! The log contract on Kafka: what is read comes from this node's copy, what is written goes to the topic and comes back.

use crate::{
    error::KafkaLogError,
    follower::{Follower, Following},
    moving::Mover,
    settings::Settings,
    topics::{self, Cluster},
    writer,
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog, OpenError, OpenedWriter, ReadError},
};
use convenio_journal::Journal;
use std::sync::Arc;
use tokio::sync::watch;

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
    cluster: Cluster,
}

impl KafkaLog {
    /// Checks the topics, makes those that are missing, and begins to copy them into the journal.
    ///
    /// # Errors
    /// [`KafkaLogError`].
    pub async fn open(settings: Settings, journal: Journal) -> Result<Self, KafkaLogError> {
        let cluster = topics::prepare(&settings).await?;
        let shared = tokio::task::spawn_blocking(move || {
            let follower = Follower::start(&settings, &cluster, &journal)?;
            Ok(Shared { settings, journal, follower, cluster })
        });
        let shared = shared.await.unwrap_or(Err(KafkaLogError::Late("begin to follow")))?;
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where this node's copy stands.
    pub fn following(&self) -> watch::Receiver<Following> {
        self.shared.follower.following()
    }

    /// The cluster that the log is on.
    pub fn cluster(&self) -> &Cluster {
        &self.shared.cluster
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
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        let shared = self.shared.clone();
        let opened = tokio::task::spawn_blocking(move || {
            writer::open(&shared.settings, shared.follower.following(), shared.journal.clone())
        });
        let (writer, head) = opened.await.map_err(|error| OpenError::Unavailable(error.into()))??;
        Ok(OpenedWriter { writer: Box::new(writer), head })
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.shared.journal.read(from, limit).await
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.shared.journal.head()
    }
}
