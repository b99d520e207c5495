//! A few read-only connections that callers share. It never hands out one connection twice at a time.

use super::{
    error::{JournalError, RowError},
    format::open_read_only,
};
use rusqlite::Connection;
use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

/// Most connections that read at a time; a further reader waits for one of them.
pub(crate) const READERS_LIMIT: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    idle: Mutex<Idle>,
    returned: Condvar,
}

#[derive(Debug)]
struct Idle {
    connections: Vec<Connection>,
    /// How many more may be opened.
    unopened: usize,
}

impl Readers {
    /// Opens the first connection, which shows that the journal can be read; others are opened when they are needed.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let connections = vec![open_read_only(path)?];
        let idle = Idle { connections, unopened: READERS_LIMIT - 1 };
        Ok(Self { path: path.to_owned(), idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Runs `read` on a connection of its own, waiting until one is free.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> Result<T, RowError>) -> Result<T, RowError> {
        let loan = self.borrow()?;
        let outcome = read(loan.connection.as_ref().expect("held until it is dropped"));
        drop(loan);
        outcome
    }

    fn borrow(&self) -> Result<Loan<'_>, RowError> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Ok(Loan { readers: self, connection: Some(connection) });
            }
            if idle.unopened > 0 {
                idle.unopened -= 1;
                drop(idle);
                // From here on the loan gives the place back, with or without a connection in it.
                let mut loan = Loan { readers: self, connection: None };
                loan.connection = Some(open_read_only(&self.path).map_err(|error| match error {
                    JournalError::Damaged { source, .. } => RowError::Defect(source),
                    other @ (JournalError::Missing { .. }
                    | JournalError::Newer { .. }
                    | JournalError::NotAJournal { .. }
                    | JournalError::Copy { .. }
                    | JournalError::NoCopy { .. }
                    | JournalError::InUse { .. }
                    | JournalError::Unavailable { .. }) => {
                        RowError::Busy(rusqlite::Error::ToSqlConversionFailure(other.into()))
                    }
                })?);
                return Ok(loan);
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Loan<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut idle = self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match self.connection.take() {
            Some(connection) => idle.connections.push(connection),
            None => idle.unopened += 1,
        }
        drop(idle);
        self.readers.returned.notify_one();
    }
}
