//! The answers of one batch between those who write them and the client that reads them, or does not. It never makes writers wait:
//! who reads the batch asks for room before it takes a line.

use super::batch::CHUNK_BYTES;
use crate::limits::BATCH_ANSWERS_BYTES_LIMIT;
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
    chunks: VecDeque<Vec<u8>>,
    /// Of all chunks together.
    bytes: usize,
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

impl Held {
    /// Answers that were written one by one go together: each alone would hold the memory of a chunk.
    fn push(&mut self, mut chunk: Vec<u8>) {
        self.bytes += chunk.len();
        match self.chunks.back_mut() {
            Some(last) if last.len() + chunk.len() <= CHUNK_BYTES => last.append(&mut chunk),
            Some(_) | None => {
                chunk.shrink_to_fit();
                self.chunks.push_back(chunk);
            }
        }
    }
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
            held.push(chunk);
        }
        drop(held);
        self.shared.written.notify_one();
    }

    /// Waits until there is room for more answers; false where the client takes none of them for `patience`.
    pub(super) async fn room(&self, patience: Duration) -> bool {
        loop {
            {
                let held = self.held();
                if held.bytes < BATCH_ANSWERS_BYTES_LIMIT || held.end.is_some() {
                    return true;
                }
            }
            if tokio::time::timeout(patience, self.shared.taken.notified()).await.is_err() {
                return false;
            }
        }
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
        (held.chunks, held.bytes) = (VecDeque::new(), 0);
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
                    held.bytes -= chunk.len();
                    drop(held);
                    self.shared.taken.notify_one();
                    return Ok(chunk.into());
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
        spool.write(vec![b'c'; CHUNK_BYTES]);
        let (spool, reader) = (spool.clone(), spool);
        let closing = tokio::spawn(async move { spool.close(Duration::from_secs(60)).await });
        assert_eq!(reader.take().await, Ok(Bytes::from_static(b"ab")));
        assert_eq!(reader.take().await, Ok(Bytes::from(vec![b'c'; CHUNK_BYTES])));
        assert_eq!(reader.take().await, Err(End::Closed));
        closing.await.expect("it does not panic");
    }

    #[tokio::test]
    async fn there_is_room_again_when_answers_were_taken_and_small_ones_go_together() {
        let (spool, soon) = (Spool::default(), Duration::from_millis(1));
        for _ in 0..1_000 {
            spool.write(Vec::with_capacity(CHUNK_BYTES));
            spool.write(b"{}\n".to_vec());
        }
        assert_eq!(spool.held().chunks.len(), 1);
        assert!(spool.held().chunks.iter().all(|chunk| chunk.capacity() <= 2 * CHUNK_BYTES));
        assert!(spool.room(soon).await);
        spool.write(vec![0; BATCH_ANSWERS_BYTES_LIMIT]);
        assert!(!spool.room(soon).await, "nobody takes any");
        let waiting = tokio::spawn({
            let spool = spool.clone();
            async move { spool.room(Duration::from_secs(60)).await }
        });
        assert_eq!(spool.take().await.map(|chunk| chunk.len()), Ok(3_000));
        assert_eq!(spool.take().await.map(|chunk| chunk.len()), Ok(BATCH_ANSWERS_BYTES_LIMIT));
        assert!(waiting.await.expect("it does not panic"));
        spool.write(vec![0; BATCH_ANSWERS_BYTES_LIMIT]);
        spool.abandon();
        assert!(spool.room(soon).await, "nobody is left who could read: what was sent is recorded all the same");
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
