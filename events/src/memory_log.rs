//! The log in memory, for tests of everything above the contract. It forgets when it is dropped.

use crate::{
    ids::Sequence,
    log::{AppendError, EventLog, LogWriter, OpenError, OpenedWriter, PAGE_BYTES_LIMIT, PAGE_EVENTS_LIMIT, ReadError},
    recorded::RecordedEvent,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// A log that lives as long as its last clone.
#[derive(Clone, Debug)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
    head: watch::Sender<Sequence>,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<RecordedEvent>,
    term: u64,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self { state: Arc::default(), head: watch::Sender::new(Sequence::ZERO) }
    }
}

impl MemoryLog {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is whole after every statement that changes it, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        let mut state = self.state();
        state.term += 1;
        let writer = MemoryWriter { log: self.clone(), term: state.term };
        Ok(OpenedWriter { writer: Box::new(writer), head: Sequence(state.events.len() as u64) })
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let state = self.state();
        let start = usize::try_from(from.0).unwrap_or(usize::MAX).min(state.events.len());
        let mut bytes = 0;
        let page = state.events[start..].iter().take(limit.min(PAGE_EVENTS_LIMIT)).take_while(|event| {
            let first = bytes == 0;
            bytes += event.size();
            first || bytes <= PAGE_BYTES_LIMIT
        });
        Ok(page.cloned().collect())
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.head.subscribe()
    }
}

struct MemoryWriter {
    log: MemoryLog,
    term: u64,
}

#[async_trait]
impl LogWriter for MemoryWriter {
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError> {
        let mut state = self.log.state();
        if state.term != self.term {
            return Err(AppendError::Fenced);
        }
        for (event, expected) in batch.iter().zip(state.events.len() as u64..) {
            assert_eq!(event.sequence.0, expected, "a batch continues the log without gaps");
        }
        state.events.extend(batch.iter().cloned());
        let head = Sequence(state.events.len() as u64);
        drop(state);
        self.log.head.send_replace(head);
        Ok(())
    }

    async fn confirm(&mut self) -> Result<(), AppendError> {
        if self.log.state().term == self.term { Ok(()) } else { Err(AppendError::Fenced) }
    }
}
