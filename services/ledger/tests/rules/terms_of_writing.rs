//! When a node writes: elections, derived stores that fail, clocks that nobody may set. What it writes is said elsewhere.

use crate::{
    cast::{By, listing, organisation, uuid},
    node::{Call, Node, Setup, TestClock, opening},
};
use async_trait::async_trait;
use convenio_events::{
    Actor, CommandId, EventId, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    codes::Purpose,
    log::{EventLog, OpenError, OpenedWriter, ReadError},
    memory_log::MemoryLog,
};
use convenio_ledger::{
    memory_stores::{MemoryIndex, MemoryState},
    rejection::Refusal,
    sequencer::SequencerError,
    stores::{EventIndex, IndexedEvent, StateChange, StateStore, StoreError},
    submission::Role,
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use tokio::sync::watch;
use uuid::Uuid;

/// A log that counts how often it was opened for writing.
#[derive(Default)]
struct CountingLog {
    log: MemoryLog,
    opened: AtomicU32,
}

#[async_trait]
impl EventLog for CountingLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        self.log.open_writer().await
    }
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read(from, limit).await
    }
    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_elected_for_good_opens_the_log_once() {
    let log = Arc::new(CountingLog::default());
    let mut node = Setup { log: log.clone(), ..Setup::new() }.start();
    // Nobody will ever elect anew.
    node.elected = watch::channel(1).0;
    node.register_cast().await;
    node.idle().await;
    assert_eq!(node.ledger.standing().role, Role::Writer);
    assert_eq!(log.opened.load(Ordering::Relaxed), 1);
}
