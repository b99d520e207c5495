//! A ledger that moves: a log of its own becomes a copy of another, or a complete copy a log of its own. Which of the two is
//! the truth is the caller's to know; here it is only kept from being both.

use super::{
    Journal, Mirror, Shared,
    checkpoint::checkpoint,
    error::{Defect, JournalError, RowError},
    format,
    lock::Fence,
    mirror::{KEEP, TABLE, is_mirror},
};
use convenio_events::Sequence;
use rusqlite::{Connection, TransactionBehavior};
use std::sync::Arc;

/// A log of its own to which nobody writes, as long as this is held.
#[derive(Debug)]
pub struct Held {
    shared: Arc<Shared>,
    connection: Connection,
    head: Sequence,
    _fence: Fence,
}

impl Journal {
    /// Takes the fence without writing anything; it blocks. What a writer that was killed left behind is settled as a writer
    /// settles it.
    ///
    /// # Errors
    /// [`JournalError::InUse`] while somebody writes, [`JournalError::Copy`] where it is no log of its own, and others.
    pub fn hold(&self) -> Result<Held, JournalError> {
        let shared = self.shared.clone();
        let fence = shared.fence()?;
        let connection = format::open_read_write(&shared.file)?;
        let at = |error: rusqlite::Error| RowError::from(error).at(&shared.file);
        if is_mirror(&connection).map_err(at)? {
            return Err(JournalError::Copy { path: shared.file.clone() });
        }
        if !checkpoint(&connection, "TRUNCATE").map_err(at)?.complete {
            let source = "another process is reading the journal and does not end".into();
            return Err(JournalError::Unavailable { path: shared.file.clone(), source });
        }
        let head = format::head(&connection).map_err(|error| error.at(&shared.file))?;
        shared.raise_head(head);
        Ok(Held { shared, connection, head, _fence: fence })
    }
}

impl Held {
    /// How many events it has.
    pub fn head(&self) -> Sequence {
        self.head
    }

    /// From now on it is a copy of another log, which was read up to `cursor` and holds the same: nobody writes to it as to a
    /// log any more. It blocks, and the change is durable when it returns.
    ///
    /// # Errors
    /// [`JournalError`]; then it is what it was.
    pub fn become_copy(mut self, cursor: &str) -> Result<(), JournalError> {
        let become_copy = |connection: &mut Connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(TABLE)?;
            transaction.execute(KEEP, [cursor])?;
            transaction.commit()
        };
        become_copy(&mut self.connection).map_err(|error| RowError::from(error).at(&self.shared.file))
    }
}

impl Mirror {
    /// From now on it is a log of its own of so many events, and nothing is copied into it any more. It blocks, and everything
    /// in it is durable when it returns.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] where it has another number of events: it is not complete. Then, and after any other error,
    /// it is what it was.
    pub fn become_log(mut self, events: Sequence) -> Result<(), JournalError> {
        if self.next() != events {
            let found = format!("it has {} events, and the log that it copies {events}", self.next());
            return Err(RowError::from(Defect::Check(found)).at(&self.shared.file));
        }
        let become_log = |connection: &mut Connection| {
            // A copy waits for no disk; this commit takes everything before it along.
            connection.pragma_update(None, "synchronous", "FULL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch("DROP TABLE mirror")?;
            transaction.commit()
        };
        become_log(&mut self.connection).map_err(|error| RowError::from(error).at(&self.shared.file))?;
        // Who copies the file of a ledger that was moved has all of it in one; where somebody reads, the next start does it.
        if let Err(error) = checkpoint(&self.connection, "TRUNCATE") {
            tracing::info!(%error, "the journal's WAL could not be emptied");
        }
        Ok(())
    }
}
