//! The one writer of the embedded log, on a thread of its own. It never retries what may have been written.
//!
//! Opening, in this order, so that a crash after any step leaves a log that opens the same way again:
//! 1. the fence is taken: whatever an earlier writer had under way has ended with its process or its handle;
//! 2. a new connection is opened: nothing that an earlier one believed is taken over;
//! 3. a truncating checkpoint: every page of the WAL is in the database and synced, and what a failed sync may have
//!    left behind the last commit is cut off. Only then is the head believed;
//! 4. the head is read;
//! 5. a little room is made ahead. On a full disk that fails, and nothing is taken until it works.

use super::{
    Shared,
    checkpoint::checkpoint,
    error::{JournalError, RowError},
    format,
    lock::Fence,
    mirror::is_mirror,
    room::Room,
    wal::{READERS_WAIT, Wal},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, LogWriter, OpenError, OpenedWriter},
};
use rusqlite::{Connection, TransactionBehavior};
use std::{sync::Arc, thread::JoinHandle};
use tokio::sync::{mpsc, oneshot};

/// Batches that wait for the thread. The contract allows one under way; one more is there for a caller that gave up
/// waiting and dropped its future.
const QUEUE_LIMIT: usize = 2;

const INSERT: &str = "INSERT INTO log (sequence, entry, record, record_salt, text, text_salt)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

type Batch = Arc<Vec<RecordedEvent>>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

struct Append {
    batch: Batch,
    answer: oneshot::Sender<Result<(), Cause>>,
}

/// The handle; dropping it waits for the batch under way and then ends thread and fence.
struct Writer {
    appends: Option<mpsc::Sender<Append>>,
    thread: Option<JoinHandle<()>>,
    next: Sequence,
    /// False while an outcome is not known, and for good after an error.
    usable: bool,
}

/// Opens the writer of a journal. It blocks.
pub(super) fn open(shared: &Arc<Shared>) -> Result<OpenedWriter, OpenError> {
    let unavailable = |source: Cause| JournalError::Unavailable { path: shared.data.clone(), source };
    let fence = shared.fence()?;
    // Else one that was deleted would be begun anew, empty. That nobody writes here is no reason for a node to end: it has much to
    // show, and whoever looks after the files tells.
    shared.files.check().map_err(|error| unavailable(error.into()))?;
    let mut connection = format::open_read_write(&shared.file)?;
    if is_mirror(&connection).map_err(|error| RowError::from(error).at(&shared.file))? {
        return Err(JournalError::Copy { path: shared.file.clone() }.into());
    }
    if let Some(pages) = shared.options.pages_limit {
        limit_pages(&connection, pages).map_err(|error| RowError::from(error).at(&shared.file))?;
    }
    let progress = checkpoint(&connection, "TRUNCATE").map_err(|error| RowError::from(error).at(&shared.file))?;
    if !progress.complete {
        return Err(unavailable("another process is reading the journal and does not end".into()).into());
    }
    let head = format::head(&connection).map_err(|error| error.at(&shared.file))?;
    let mut room = Room::of(&shared.file);
    room.begin(&mut connection).map_err(|error| unavailable(error.into()))?;
    let wal = Wal::start(&shared.file)?;
    shared.files.watch()?;
    let (appends, received) = mpsc::channel(QUEUE_LIMIT);
    let thread = Thread { shared: shared.clone(), wal, connection, _fence: fence, room };
    let thread = std::thread::Builder::new()
        .name("journal-writer".to_owned())
        .spawn(move || thread.run(received))
        .map_err(|error| unavailable(error.into()))?;
    shared.recent.clear();
    shared.raise_head(head);
    let writer = Writer { appends: Some(appends), thread: Some(thread), next: head, usable: true };
    Ok(OpenedWriter { writer: Box::new(writer), head })
}

fn limit_pages(connection: &Connection, pages: u32) -> rusqlite::Result<()> {
    connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
}

/// Inserts events as rows; returns their size in bytes.
pub(super) fn insert(transaction: &Connection, events: &[RecordedEvent]) -> rusqlite::Result<usize> {
    let mut bytes = 0;
    let mut insert = transaction.prepare_cached(INSERT)?;
    for event in events {
        insert.raw_bind_parameter(1, event.sequence.0.cast_signed())?;
        insert.raw_bind_parameter(2, &*event.entry)?;
        insert.raw_bind_parameter(3, &*event.record)?;
        insert.raw_bind_parameter(4, &event.record_salt.0[..])?;
        insert.raw_bind_parameter(5, event.text.as_deref())?;
        insert.raw_bind_parameter(6, event.text_salt.as_ref().map(|salt| &salt.0[..]))?;
        insert.raw_execute()?;
        bytes += event.size();
    }
    Ok(bytes)
}

#[async_trait]
impl LogWriter for Writer {
    async fn append(&mut self, batch: Batch) -> Result<(), AppendError> {
        if !self.usable {
            return Err(AppendError::Unknown("the writer had failed before".into()));
        }
        let (Some(last), Some(appends)) = (batch.last(), &self.appends) else {
            return Ok(());
        };
        let next = last.sequence.next();
        for (event, expected) in batch.iter().zip(self.next.0..) {
            assert_eq!(event.sequence.0, expected, "a batch continues the log without gaps");
        }
        // Stays false when this future is dropped while it waits: then nobody knows.
        self.usable = false;
        let (answer, answered) = oneshot::channel();
        let ended = || AppendError::Unknown("the journal's writer has ended".into());
        appends.send(Append { batch, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?.map_err(AppendError::Unknown)?;
        self.next = next;
        self.usable = true;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.appends.take());
        if let Some(thread) = self.thread.take() {
            // Joined, so that whoever opens next finds the fence free. A panic has been reported by its hook.
            let _ = thread.join();
        }
    }
}

/// What the writer's thread owns. Fields are dropped in this order: the fence goes last.
struct Thread {
    shared: Arc<Shared>,
    wal: Wal,
    connection: Connection,
    _fence: Fence,
    room: Room,
}

impl Thread {
    fn run(mut self, mut appends: mpsc::Receiver<Append>) {
        while let Some(Append { batch, answer }) = appends.blocking_recv() {
            let outcome = self.append(&batch);
            let failed = outcome.is_err();
            let outcome = outcome.map(|bytes| self.publish(batch, bytes));
            // Nobody waits any more: the caller dropped its future and knows that it does not know.
            let _ = answer.send(outcome);
            if failed || self.wal.keep_short(&self.connection).is_err() {
                // Whatever is asked from now on has no known outcome: `appends` is closed by our end.
                return;
            }
            self.room.make(&mut self.connection, self.wal.bytes());
        }
        if self.shared.files.check().is_err() {
            return;
        }
        // Who copies the file of a ledger that was stopped has all of it in one.
        let emptied =
            self.connection.busy_timeout(READERS_WAIT).and_then(|()| checkpoint(&self.connection, "TRUNCATE"));
        if !emptied.is_ok_and(|progress| progress.complete) {
            tracing::info!("the journal's WAL could not be emptied at the end; the next start does it");
        }
    }

    /// Shows a committed batch to readers.
    fn publish(&self, batch: Batch, bytes: usize) {
        if let Some(next) = batch.last().map(|last| last.sequence.next()) {
            self.shared.recent.push(batch, bytes);
            self.shared.raise_head(next);
        }
    }

    /// Commits a batch; returns its size in bytes.
    fn append(&mut self, batch: &[RecordedEvent]) -> Result<usize, Cause> {
        if self.wal.failed() {
            return Err("a checkpoint of the journal failed".into());
        }
        // Before: what was cut off a WAL is as long as before once more is written behind it. After: what is in a file that is
        // gone by now counts as little as what never was written.
        self.shared.files.check()?;
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bytes = insert(&transaction, batch)?;
        transaction.commit()?;
        self.shared.files.check()?;
        self.wal.wrote(bytes);
        Ok(bytes)
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.shared.files.leave();
    }
}
