//! The answers of one batch between those who write them and the client that reads them, or does not. It never makes
//! writers wait:
//! the limits of a batch bound what it holds.

use bytes::Bytes;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Both ends; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Spool {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    written: Notify,
    taken: Notify,
}

#[derive(Debug, Default)]
struct Held {
    chunks: VecDeque<Bytes>,
    end: Option<End>,
}

/// How the answers of a batch end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// Nothing more comes.
    Closed,
    /// The connection is to be cut: what was held is gone.
    Abandoned,
}

impl Spool {
    fn held(&self) -> MutexGuard<'_, Held> {
        // Every statement that changes it leaves it whole.
        self.shared.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds answers; drops them once the batch was abandoned.
    pub(super) fn write(&self, chunk: Vec<u8>) {
        let mut held = self.held();
        if held.end.is_none() {
            held.chunks.push_back(chunk.into());
        }
        drop(held);
        self.shared.written.notify_one();
    }

    /// Says that nothing more comes, and waits until the client has taken everything or takes nothing for `patience`.
    pub(super) async fn close(&self, patience: Duration) {
        self.held().end.get_or_insert(End::Closed);
        self.shared.written.notify_one();
        loop {
            if self.held().chunks.is_empty() {
                return;
            }
            if tokio::time::timeout(patience, self.shared.taken.notified()).await.is_err() {
                return self.abandon();
            }
        }
    }

    /// Gives everything up.
    pub(super) fn abandon(&self) {
        let mut held = self.held();
        held.end = Some(End::Abandoned);
        held.chunks = VecDeque::new();
        drop(held);
        self.shared.written.notify_one();
        self.shared.taken.notify_one();
    }

    /// The next answers, or how they end.
    pub(super) async fn take(&self) -> Result<Bytes, End> {
        loop {
            {
                let mut held = self.held();
                if let Some(chunk) = held.chunks.pop_front() {
                    drop(held);
                    self.shared.taken.notify_one();
                    return Ok(chunk);
                }
                if let Some(end) = held.end {
                    return Err(end);
                }
            }
            self.shared.written.notified().await;
        }
    }
}

/// Abandons the answers when whoever writes them ends without saying that nothing more comes.
#[derive(Debug)]
pub(super) struct Writing(pub(super) Spool);

impl Drop for Writing {
    fn drop(&mut self) {
        if self.0.held().end.is_none() {
            self.0.abandon();
        }
    }
}

/// Abandons the answers when the client goes away.
#[derive(Debug)]
pub(super) struct Reading(pub(super) Spool);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_come_in_order_and_then_end() {
        let spool = Spool::default();
        spool.write(b"a".to_vec());
        spool.write(b"b".to_vec());
        let (spool, reader) = (spool.clone(), spool);
        let closing = tokio::spawn(async move { spool.close(Duration::from_secs(60)).await });
        assert_eq!(reader.take().await, Ok(Bytes::from_static(b"a")));
        assert_eq!(reader.take().await, Ok(Bytes::from_static(b"b")));
        assert_eq!(reader.take().await, Err(End::Closed));
        closing.await.expect("it does not panic");
    }

    #[tokio::test]
    async fn who_reads_does_not_wait_for_a_writer_that_broke() {
        let spool = Spool::default();
        drop(Writing(spool.clone()));
        assert_eq!(spool.take().await, Err(End::Abandoned));
        let spool = Spool::default();
        let writing = Writing(spool.clone());
        spool.close(Duration::from_secs(60)).await;
        drop(writing);
        assert_eq!(spool.take().await, Err(End::Closed));
    }

    #[tokio::test]
    async fn answers_that_nobody_takes_are_given_up() {
        let spool = Spool::default();
        spool.write(vec![0; 1 << 20]);
        spool.close(Duration::from_millis(1)).await;
        assert_eq!(spool.take().await, Err(End::Abandoned));
    }
}
