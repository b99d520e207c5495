//! A log as far as its events can be looked up. What is shown to people and integrators follows this one: an answer that is true
//! at a sequence has then found everything up to it. It decides nothing and is never written.

use crate::Index;
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog, OpenError, OpenedWriter, ReadError},
};
use std::sync::Arc;
use tokio::sync::watch;

/// A log whose head is how far its index is.
pub struct IndexedLog {
    log: Arc<dyn EventLog>,
    indexed: watch::Receiver<Sequence>,
}

impl std::fmt::Debug for IndexedLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexedLog").field("indexed", &*self.indexed.borrow()).finish_non_exhaustive()
    }
}

impl IndexedLog {
    /// `index` is of this log, and somebody keeps it up.
    pub fn new(log: Arc<dyn EventLog>, index: &Index) -> Self {
        Self { log, indexed: index.watch() }
    }
}

#[async_trait]
impl EventLog for IndexedLog {
    /// Never: whoever writes needs what is not indexed yet.
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        Err(OpenError::Unavailable("this log is for readers".into()))
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let there = self.indexed.borrow().0.saturating_sub(from.0);
        match limit.min(usize::try_from(there).unwrap_or(usize::MAX)) {
            0 => Ok(Vec::new()),
            limit => self.log.read(from, limit).await,
        }
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.indexed.clone()
    }
}
