//! The writer of a journal that copies another log: rows, and how far that log was read, in one transaction. It decides no
//! order and waits for no disk: a tail that a crash of the machine takes is read again.

use super::{
    Journal, Shared,
    error::{Defect, JournalError, RowError},
    format,
    lock::Fence,
    wal::Wal,
    writer::insert,
};
use convenio_events::{RecordedEvent, Sequence};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use std::sync::Arc;

/// Its one row says how far the other log was read. That the table is there says that this journal is a copy.
pub(super) const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS mirror (id INTEGER PRIMARY KEY CHECK (id = 0), cursor TEXT NOT NULL) STRICT";

pub(super) const KEEP: &str =
    "INSERT INTO mirror VALUES (0, ?1) ON CONFLICT (id) DO UPDATE SET cursor = excluded.cursor";

/// The one writer of a copy; the fence ends with it.
#[derive(Debug)]
pub struct Mirror {
    pub(super) shared: Arc<Shared>,
    wal: Wal,
    pub(super) connection: Connection,
    cursor: Option<String>,
    next: Sequence,
    _fence: Fence,
}

/// Whether a journal is a copy of another log.
pub(super) fn is_mirror(connection: &Connection) -> rusqlite::Result<bool> {
    let found = connection.query_row("SELECT 1 FROM sqlite_schema WHERE name = 'mirror'", [], |_| Ok(()));
    Ok(found.optional()?.is_some())
}

impl Journal {
    /// Opens the journal as a copy of another log; it blocks. A journal with events that came from nowhere else is refused:
    /// it is a truth of its own.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open_mirror(&self) -> Result<Mirror, JournalError> {
        let shared = self.shared.clone();
        let fence = shared.fence()?;
        let connection = format::open_read_write(&shared.file)?;
        let prepared = prepare(&connection).map_err(|error| error.at(&shared.file))?;
        let (next, cursor) = prepared.ok_or_else(|| JournalError::NoCopy { path: shared.file.clone() })?;
        shared.recent.clear();
        shared.raise_head(next);
        let wal = Wal::start(&shared.file)?;
        shared.files.watch()?;
        Ok(Mirror { shared, wal, connection, cursor, next, _fence: fence })
    }
}

/// The head and the place of the other log; `None` where the journal is a log of its own.
fn prepare(connection: &Connection) -> Result<Option<(Sequence, Option<String>)>, RowError> {
    let next = format::head(connection)?;
    if next > Sequence::ZERO && !is_mirror(connection)? {
        return Ok(None);
    }
    // Kafka, or whatever is copied, has what a crash of the machine takes from the end.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.execute_batch(TABLE)?;
    let cursor = connection.query_row("SELECT cursor FROM mirror", [], |row| row.get(0)).optional()?;
    Ok(Some((next, cursor)))
}

impl Mirror {
    /// How far the other log was read, in its own words; `None` before anything was.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The sequence of the next event.
    pub fn next(&self) -> Sequence {
        self.next
    }

    /// Adds events that continue the copy, and where the other log goes on; all or nothing. It blocks.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the first event is not the next, else [`JournalError::Unavailable`].
    pub fn append(&mut self, events: Arc<Vec<RecordedEvent>>, cursor: &str) -> Result<(), JournalError> {
        if self.wal.failed() {
            // It was told; what is copied from now on gets another try.
            self.wal = Wal::start(&self.shared.file)?;
        }
        let appended = self.try_append(&events, cursor).map_err(|error| error.at(&self.shared.file))?;
        self.cursor = Some(cursor.to_owned());
        if let Some(last) = events.last() {
            self.next = last.sequence.next();
            self.shared.recent.push(events, appended);
            self.shared.raise_head(self.next);
        }
        self.wal.wrote(appended);
        // It was told, too; what was copied is there all the same.
        let _ = self.wal.keep_short(&self.connection);
        Ok(())
    }

    fn try_append(&mut self, events: &[RecordedEvent], cursor: &str) -> Result<usize, RowError> {
        for (event, expected) in events.iter().zip(self.next.0..) {
            if event.sequence.0 != expected {
                return Err(Defect::Gap { expected: Sequence(expected), found: event.sequence }.into());
            }
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let bytes = insert(&transaction, events)?;
        transaction.prepare_cached(KEEP)?.execute([cursor])?;
        transaction.commit()?;
        Ok(bytes)
    }
}
