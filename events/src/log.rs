//! The contract of the log: one fenced writer, all-or-nothing batches in order, committed reads. No backend is named here.
//!
//! Kafka has no conditional append, so a backend cannot be asked for optimistic concurrency per stream. What every
//! backend can promise honestly is **one fenced writer**; the sequencer does the rest in memory. Every sentence of this
//! page is a check in [`crate::conformance`], which every backend runs.

use crate::{ids::Sequence, recorded::RecordedEvent};
use async_trait::async_trait;
use std::{future::Future, pin::Pin, sync::Arc};

/// The most events of one [`LogWriter::append`].
pub const BATCH_EVENTS_LIMIT: usize = 10_000;
/// The most bytes ([`RecordedEvent::size`]) of one [`LogWriter::append`].
pub const BATCH_BYTES_LIMIT: usize = 16 << 20;
/// The most events of one [`EventLog::read`].
pub const PAGE_EVENTS_LIMIT: usize = 10_000;
/// The most bytes of one [`EventLog::read`], except that a page holds at least one event.
pub const PAGE_BYTES_LIMIT: usize = 4 << 20;

/// A totally ordered, append-only log of one ledger.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Fences whoever wrote before, and returns a writer and the number of committed events.
    ///
    /// Once it returns, nothing that an earlier writer still had under way can become committed: what is below the head
    /// is all that the earlier writer ever committed, also what it never got an answer for.
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError>;

    /// At most `limit` committed events from `from` on, in order, without gaps; empty at or beyond the head.
    /// A page is bounded by [`PAGE_EVENTS_LIMIT`] and [`PAGE_BYTES_LIMIT`]. Events that are not committed are never seen.
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError>;

    /// How many events are committed; never decreases while the log is open, and is raised only after they can be read.
    fn head(&self) -> tokio::sync::watch::Receiver<Sequence>;
}

/// A writer that nobody has fenced yet, as far as it knows.
pub struct OpenedWriter {
    /// It.
    pub writer: Box<dyn LogWriter>,
    /// How many events are committed: the sequence of the next one.
    pub head: Sequence,
}

impl std::fmt::Debug for OpenedWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedWriter").field("head", &self.head).finish_non_exhaustive()
    }
}

/// The one writer of a log.
#[async_trait]
pub trait LogWriter: Send + 'static {
    /// Appends a batch: all or nothing, in order, after everything appended before, durable when it returns `Ok`.
    ///
    /// The first event's sequence must be the head and the batch dense, else nothing is written and it is a bug of the
    /// caller (panic). An empty batch is `Ok` and writes nothing. After any error the writer is of no more use.
    /// Dropping the future does not cancel the append: its outcome is then not known.
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError>;

    /// The same in two steps, where a log has two: completes as soon as it takes the next batch, which may be before this one
    /// counts. Batches that were submitted one after the other are written in that order, and none after one that was not:
    /// `Ok` for one says that all before it are in the log.
    async fn submit(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<Submitted, AppendError> {
        self.append(batch).await.map(|()| Submitted::Counts)
    }

    /// `Ok` when nobody else has committed anything since this writer last did: what was decided since is decided on the whole
    /// log. An append finds that out by itself; answers that append nothing must ask. Where the fence is a lock that is held,
    /// there is nothing to find out.
    async fn confirm(&mut self) -> Result<(), AppendError> {
        Ok(())
    }
}

/// Completes when a batch that was submitted counts: it is durable and can be read. Dropping it cancels nothing.
pub type Acknowledgement = Pin<Box<dyn Future<Output = Result<(), AppendError>> + Send>>;

/// A batch that was taken: the next one may follow.
pub enum Submitted {
    /// It counts.
    Counts,
    /// It will count when this completes with `Ok`. After an error the writer is of no more use.
    UnderWay(Acknowledgement),
}

impl Submitted {
    /// What tells that it counts.
    pub fn acknowledgement(self) -> Acknowledgement {
        match self {
            Self::Counts => Box::pin(std::future::ready(Ok(()))),
            Self::UnderWay(acknowledgement) => acknowledgement,
        }
    }
}

impl std::fmt::Debug for Submitted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Counts => "Counts",
            Self::UnderWay(_) => "UnderWay(..)",
        })
    }
}

/// Why a batch was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another writer took over: nothing of the batch was or will be written. Stop deciding; open again only when elected anew.
    #[error("another writer has taken over the log")]
    Fenced,
    /// The batch was written whole or not at all, and the log does not know which. Open again, while still elected, and look.
    #[error("the log did not say whether the batch was written")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why no writer could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another writer is at work and cannot be fenced (an embedded log in use by another process).
    #[error("another process is writing this log")]
    InUse,
    /// It may work later.
    #[error("the log cannot be opened for writing now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It will not work until somebody does something.
    #[error("the log is damaged or not this ledger's")]
    Damaged(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It may work later.
    #[error("the log cannot be read now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It will not work until somebody does something.
    #[error("the log is damaged at event {sequence}")]
    Damaged {
        /// Where.
        sequence: Sequence,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Reads a log from a position on and then waits for more: every event once, in order.
pub struct Follower {
    log: Arc<dyn EventLog>,
    head: tokio::sync::watch::Receiver<Sequence>,
    next: Sequence,
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower").field("next", &self.next).finish_non_exhaustive()
    }
}

/// Follows a log from `from` on: first what is there, then what comes.
pub fn follow(log: Arc<dyn EventLog>, from: Sequence) -> Follower {
    let head = log.head();
    Follower { log, head, next: from }
}

impl Follower {
    /// The next page of at most `limit` events, waiting until there is one; `None` when the log was closed.
    ///
    /// # Errors
    /// [`ReadError`]; the position is unchanged, the same call may be made again.
    pub async fn next_page(&mut self, limit: usize) -> Result<Option<Vec<RecordedEvent>>, ReadError> {
        loop {
            let next = self.next;
            if self.head.wait_for(|head| *head > next).await.is_err() {
                return Ok(None);
            }
            let page = self.log.read(self.next, limit).await?;
            if let Some(last) = page.last() {
                self.next = last.sequence.next();
                return Ok(Some(page));
            }
        }
    }
    /// The sequence of the next event.
    pub fn position(&self) -> Sequence {
        self.next
    }
}
