//! The form of `journal.db`: its table, its marks and the settings of every connection. It reads and writes no events.

use super::{
    checkpoint::CHECKPOINT_BYTES,
    error::{Defect, JournalError, RowError},
};
use convenio_events::Sequence;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, config::DbConfig};
use std::{path::Path, time::Duration};

/// The journal's file in the data directory.
pub const JOURNAL_FILE: &str = "journal.db";
/// The newest format that this program reads and writes; SQLite's `user_version`.
pub(crate) const FORMAT: i64 = 1;
/// "Conv" in ASCII; SQLite's `application_id`, by which `file` and others can tell a journal from another database.
const APPLICATION_ID: i64 = 0x436F_6E76;
/// Longest wait for somebody else's lock on the file (an open `sqlite3` shell). Beyond it, a write has no known
/// outcome and a read or an opening is refused.
pub(crate) const BUSY_DEADLINE: Duration = Duration::from_secs(5);
/// A WAL file that starts over keeps this much: writing over a file is faster than making it longer.
const WAL_FILE_BYTES_KEPT: i64 = 2 * CHECKPOINT_BYTES as i64;
/// Rows are about 1.1 KB: see `examples/append_floor.rs` for the page sizes that were measured.
pub(crate) const PAGE_BYTES: u32 = 8192;
/// Prepared statements that each connection keeps: all that there are.
const STATEMENTS_KEPT: usize = 64;

/// `sequence` is the only key: random keys in the commit path would cost tenfold. Everything else is looked up in
/// `index.db`.
const SCHEMA: &str = "
    CREATE TABLE log (
        sequence    INTEGER PRIMARY KEY,
        entry       TEXT NOT NULL,
        record      TEXT NOT NULL,
        record_salt BLOB NOT NULL,
        text        TEXT,
        text_salt   BLOB
    ) STRICT;";

/// Opens the journal for writing and creates it when the file is not there yet.
pub(crate) fn open_read_write(path: &Path) -> Result<Connection, JournalError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        keep_plans(&connection)?;
        connection.busy_timeout(BUSY_DEADLINE)?;
        Ok(connection)
    };
    let mut connection = open().map_err(|error: rusqlite::Error| RowError::from(error).at(path))?;
    if !is_journal(&connection, path)? {
        create(&mut connection).map_err(|error| RowError::from(error).at(path))?;
        is_journal(&connection, path)?;
    }
    configure_writer(&connection).map_err(|error| RowError::from(error).at(path))?;
    Ok(connection)
}

/// Opens the journal for reading only; it must be there.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, JournalError> {
    if !path.exists() {
        return Err(JournalError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        keep_plans(&connection)?;
        connection.busy_timeout(BUSY_DEADLINE)?;
        // A page that was overwritten is noticed when it is read, and not only when it is used.
        connection.pragma_update(None, "cell_size_check", true)?;
        Ok(connection)
    };
    let connection = open().map_err(|error: rusqlite::Error| RowError::from(error).at(path))?;
    if is_journal(&connection, path)? {
        Ok(connection)
    } else {
        Err(JournalError::NotAJournal { path: path.to_owned() })
    }
}

/// True for a journal of a format that this program knows, false for a database without anything in it.
fn is_journal(connection: &Connection, path: &Path) -> Result<bool, JournalError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let read = || {
        let tables = "SELECT count(*) FROM sqlite_schema";
        let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
        Ok((pragma("application_id")?, pragma("user_version")?, tables))
    };
    let (application, format, tables) = read().map_err(|error: rusqlite::Error| RowError::from(error).at(path))?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, FORMAT, _) => Ok(true),
        (APPLICATION_ID, found, _) if found > FORMAT => {
            Err(JournalError::Newer { path: path.to_owned(), found, known: FORMAT })
        }
        _ => Err(JournalError::NotAJournal { path: path.to_owned() }),
    }
}

/// What every connection of ours begins with: a statement is prepared once.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Plans must not depend on bound values: SQLite would prepare a statement with a bound LIMIT again at every use.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Two processes may come here at once: the second finds the table and the marks of the first.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let exists = "SELECT 1 FROM sqlite_schema WHERE name = 'log'";
    let exists = transaction.query_row(exists, [], |_| Ok(())).optional()?;
    if exists.is_none() {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
    }
    transaction.commit()
}

fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is erased is overwritten with zeros.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // Checkpoints are the checkpointer's: one in the middle of a commit would be somebody's latency.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // A WAL that a long read made longer than usual is cut back when it starts over.
    connection.pragma_update(None, "journal_size_limit", WAL_FILE_BYTES_KEPT)
}

/// The head, after a look at both ends: a log that does not begin at zero has lost something.
pub(crate) fn head(connection: &Connection) -> Result<Sequence, RowError> {
    // One aggregate per statement: SQLite answers each from one end of the table, but both together by a scan.
    let ends = "SELECT (SELECT min(sequence) FROM log), (SELECT max(sequence) FROM log)";
    let mut statement = connection.prepare_cached(ends)?;
    let ends = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (first, last): (Option<i64>, Option<i64>) = statement.query_row([], ends)?;
    let sequence = |key: i64| Sequence(u64::try_from(key).unwrap_or(u64::MAX));
    match (first, last) {
        (Some(0), Some(last)) => Ok(sequence(last).next()),
        (Some(first), _) => Err(Defect::Gap { expected: Sequence::ZERO, found: sequence(first) }.into()),
        (None, _) => Ok(Sequence::ZERO),
    }
}
