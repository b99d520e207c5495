//! A bounded pool of read-only connections to one file, and the snapshot that a question is answered on. It never writes.

use super::{file::Writer, stamps::Stamps};
use crate::{error::QueryError, name::ViewName};
use convenio_events::Sequence;
use rusqlite::{CachedStatement, Connection, OpenFlags};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The most connections to one file. Who comes when all are in use waits, then gets [`QueryError::Overloaded`].
const CONNECTIONS_LIMIT: usize = 16;
/// How long a reader waits for a connection.
const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// Prepared statements that each connection keeps.
const STATEMENTS_KEPT: usize = 64;

/// The connections to one file. The file is deleted with its last user once it was retired.
#[derive(Debug)]
pub(crate) struct Pool {
    view: ViewName,
    path: PathBuf,
    stamps: Option<Arc<Stamps>>,
    idle: Mutex<Idle>,
    returned: Condvar,
    /// Counts of collections, for those who ask the same again.
    pub(crate) counted: crate::collection::Counted,
    /// Names of interned tags, for views that have them: shared by all readers of the file.
    pub(crate) tag_names: Mutex<Vec<(Box<str>, Box<str>)>>,
}

#[derive(Debug, Default)]
struct Idle {
    connections: Vec<Connection>,
    open: usize,
    retired: bool,
}

impl Pool {
    pub(crate) fn new(view: ViewName, writer: &Writer) -> Self {
        Self {
            view,
            path: writer.path().to_owned(),
            stamps: writer.stamps(),
            idle: Mutex::default(),
            returned: Condvar::new(),
            counted: Default::default(),
            tag_names: Mutex::default(),
        }
    }

    /// From now on the file is nobody's: it goes when the last reader is done.
    pub(crate) fn retire(&self) {
        self.idle().retired = true;
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        // Every statement that changes it leaves it whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connection(&self) -> Result<Connection, QueryError> {
        let deadline = Instant::now() + CONNECTION_WAIT;
        let mut idle = self.idle();
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Ok(connection);
            }
            if idle.open < CONNECTIONS_LIMIT {
                idle.open += 1;
                drop(idle);
                return open_for_reading(&self.path).inspect_err(|_| self.idle().open -= 1).map_err(Into::into);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(QueryError::Overloaded(self.view));
            }
            idle = self.returned.wait_timeout(idle, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Begins to read the file as it is now.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<Reader, QueryError> {
        if self.stamps.as_ref().is_some_and(|stamps| stamps.check().is_err()) {
            return Err(QueryError::Damaged("somebody else wrote it"));
        }
        let connection = self.connection()?;
        // From here on, dropping the reader gives the connection back.
        let mut reader = Reader { pool: self.clone(), connection: Some(connection), position: Sequence::ZERO };
        reader.run("BEGIN DEFERRED")?;
        // The first read takes the snapshot: everything after it is true at this very position.
        let position: i64 =
            reader.statement("SELECT value FROM meta WHERE key = 'position'")?.query_row([], |row| row.get(0))?;
        reader.position = Sequence(position.cast_unsigned());
        Ok(reader)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        idle.connections.clear();
        if idle.retired {
            super::file::remove(&self.path);
        }
    }
}

fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    // Not SQLITE_OPEN_READ_ONLY: a read-only connection may not create the shared memory that WAL needs. `query_only` it is.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    super::prepare(&connection, STATEMENTS_KEPT)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cache_size = -2000; PRAGMA mmap_size = 1073741824; PRAGMA temp_store = MEMORY",
    )?;
    Ok(connection)
}

/// One view as it was at one position; everything read through it is true at that position.
///
/// It holds one connection of a bounded pool: answer the question and drop it. It is for one thread, and blocks it.
#[derive(Debug)]
pub struct Reader {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    position: Sequence,
}

impl Reader {
    /// How many events had been folded: every event below this sequence is in, no other.
    pub fn position(&self) -> Sequence {
        self.position
    }

    /// Which view it reads.
    pub fn view(&self) -> ViewName {
        self.pool.view
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("taken only when the reader is dropped")
    }

    pub(crate) fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection().prepare_cached(sql)
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.statement(sql)?.execute([]).map(|_| ())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let ended = self.connection().is_autocommit() || self.run("ROLLBACK").is_ok();
        let connection = self.connection.take();
        let mut idle = self.pool.idle();
        match connection {
            Some(connection) if ended && !idle.retired => idle.connections.push(connection),
            _ => idle.open -= 1,
        }
        drop(idle);
        self.pool.returned.notify_one();
    }
}
