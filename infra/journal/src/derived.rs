//! A SQLite file that is derived from the journal: opened, checked against it, and thrown away when it does not fit.
//! It knows nothing of the tables that each file holds.
//!
//! Beside its rows a file keeps how many events they were made of, and the entry of the last one. Where the journal has
//! another entry at that place, or none, the file was made of another log (a journal restored from a backup, another
//! ledger) and is made anew. Entries commit to everything else, so equal entries are equal events.
//!
//! It keeps the sum of its rows' seals too, changed with them in one transaction. A page of an earlier day, or an earlier copy of
//! the file below a later WAL, has rows of which each is whole and sealed: their sum is another, and the file is made anew.

use crate::{
    Journal,
    chain::{Chain, Sum},
    journal::{is_damage, keep_plans},
};
use convenio_events::Sequence;
use convenio_ledger::stores::StoreError;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};
use std::{
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// Longest wait for somebody else's lock on a derived file.
const BUSY_DEADLINE: Duration = Duration::from_secs(5);
/// So much is written before the WAL is moved into the file.
const CHECKPOINT_PAGES: i64 = 16_384;
/// Pages of 4096 bytes that each of the two connections keeps in memory.
const CACHE_PAGES: i64 = 4_096;

const META: &str = "
    CREATE TABLE meta (
        folded       INTEGER NOT NULL,
        last_entry   TEXT,
        code_version INTEGER NOT NULL,
        sum          INTEGER NOT NULL
    ) STRICT;
    INSERT INTO meta VALUES (0, NULL, 0, 0);";

/// What tells one derived file from another.
#[derive(Debug)]
pub(crate) struct Kind {
    /// Its name in the data directory.
    pub(crate) file: &'static str,
    /// SQLite's `application_id`.
    pub(crate) application_id: i64,
    /// SQLite's `user_version`; a file with any other is made anew.
    pub(crate) format: i64,
    /// Its tables of keys.
    pub(crate) chains: &'static [Chain],
    /// Its other tables.
    pub(crate) schema: &'static str,
    /// Those of them whose rows are sealed.
    pub(crate) sealed: &'static [&'static str],
}

/// An open derived file: one connection writes, another reads.
#[derive(Debug)]
pub(crate) struct Derived {
    kind: &'static Kind,
    path: PathBuf,
    journal: Journal,
    writer: Mutex<Writer>,
    reader: Mutex<Reader>,
    /// Found damaged: nothing is read or written until it is begun anew, for what is missing would look as if it had never been.
    damaged: AtomicBool,
    /// How often it was begun anew.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    folded: Sequence,
    code_version: u32,
    sum: Sum,
}

/// Keeps its read open from one look-up to the next, which spares each the locks of beginning one.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    reading: bool,
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Derived {
    /// Opens the file beside a journal, or an empty one in its place.
    pub(crate) fn open(journal: &Journal, kind: &'static Kind) -> Result<Self, StoreError> {
        let path = journal.path().with_file_name(kind.file);
        let failed = |source| StoreError { store: kind.file, source };
        let derived = match open_fitting(&path, journal, kind) {
            Ok(Some(derived)) => derived,
            Ok(None) => {
                discard(&path).map_err(|error| failed(error.into()))?;
                let derived = open_fitting(&path, journal, kind).map_err(failed)?;
                derived.ok_or_else(|| failed("an empty file does not fit either".into()))?
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(derived)
    }

    /// How many events its rows were made of.
    pub(crate) fn folded(&self) -> Sequence {
        lock(&self.writer).folded
    }

    /// Which code made its rows; zero where nobody said.
    pub(crate) fn code_version(&self) -> u32 {
        lock(&self.writer).code_version
    }

    /// Whether it was found damaged and answers nothing any more.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Acquire)
    }

    /// How often it was begun anew since it was opened: what was read before that says nothing of what is there now.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Puts an empty file in the place of a damaged one.
    pub(crate) fn begin_anew(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError { store: self.kind.file, source };
        let (mut writer, mut reader) = (lock(&self.writer), lock(&self.reader));
        // Another may have been first.
        if !self.is_damaged() {
            return Ok(());
        }
        discard(&self.path).map_err(|error| failed(error.into()))?;
        let opened = open_fitting(&self.path, &self.journal, self.kind).map_err(failed)?;
        let opened = opened.ok_or_else(|| failed("an empty file does not fit either".into()))?;
        *writer = opened.writer.into_inner().unwrap_or_else(PoisonError::into_inner);
        *reader = opened.reader.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.generation.fetch_add(1, Ordering::AcqRel);
        self.damaged.store(false, Ordering::Release);
        tracing::warn!(file = %self.path.display(), "a damaged file is made anew from the log");
        Ok(())
    }

    /// Refuses where it was found damaged.
    fn usable(&self) -> Result<(), StoreError> {
        if self.is_damaged() {
            return Err(StoreError { store: self.kind.file, source: "it is damaged, and is made anew".into() });
        }
        Ok(())
    }

    /// Reads what was committed last.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut reader = lock(&self.reader);
        self.usable()?;
        let found = reader.begin().and_then(|()| read(&reader.connection));
        if found.is_err() {
            // The error stands for itself; a read that cannot be ended either fails again at the next look-up.
            let _ = reader.end();
        }
        found.map_err(|error| self.failed(error))
    }

    /// Believes it no more, for what somebody knows who has not read it: it is made anew.
    pub(crate) fn distrust(&self, why: &str) {
        if !self.damaged.swap(true, Ordering::AcqRel) {
            tracing::warn!(file = %self.path.display(), why, "a derived file is damaged and thrown away");
        }
    }

    /// Looks whether the file has on the disk what was written, page by page and on a connection of its own: what is in memory hides a
    /// page that somebody put back. Where it has not, it is not believed any more. It blocks, for some time.
    pub(crate) fn look_through(&self) -> Result<(), StoreError> {
        self.usable()?;
        let generation = self.generation();
        let compared = connect_to_existing(&self.path).and_then(|mut connection| {
            // Both of one moment.
            let moment = connection.transaction()?;
            let written = moment.query_row("SELECT sum FROM meta", [], |row| row.get(0).map(Sum))?;
            Ok(sum(&moment, &self.path, self.kind)? == written)
        });
        match compared {
            _ if generation != self.generation() => {}
            Ok(true) => {}
            Ok(false) => self.distrust("it has rows of another day"),
            Err(error) => return Err(self.failed(error)),
        }
        Ok(())
    }

    /// Changes rows, which are then made of `folded` events, and their sum, in one transaction. What is read afterwards has seen it.
    pub(crate) fn write(
        &self,
        folded: Sequence,
        code_version: u32,
        change: impl FnOnce(&Transaction<'_>, &mut Sum) -> rusqlite::Result<()>,
    ) -> Result<(), StoreError> {
        let last_entry = self.last_entry(folded)?;
        let mut writer = lock(&self.writer);
        self.usable()?;
        let (before, mut sum) = (writer.folded, writer.sum);
        let connection = &mut writer.connection;
        let commit = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            change(&transaction, &mut sum)?;
            let meta = "UPDATE meta SET folded = ?1, last_entry = ?2, code_version = ?3, sum = ?4
                WHERE folded = ?5";
            let meta = transaction.prepare_cached(meta)?.execute((
                folded.0.cast_signed(),
                &last_entry,
                code_version,
                sum.0,
                before.0.cast_signed(),
            ))?;
            // Zero when another process moved the cursor: its rows and ours would be mixed.
            if meta != 1 {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
            transaction.commit()?;
            Ok(sum)
        };
        writer.sum = commit().map_err(|error| self.failed(error))?;
        writer.folded = folded;
        writer.code_version = code_version;
        self.end_reading()?;
        self.checkpoint(&writer.connection)
    }

    fn last_entry(&self, folded: Sequence) -> Result<Option<String>, StoreError> {
        let Some(last) = folded.0.checked_sub(1) else { return Ok(None) };
        self.journal.entry(Sequence(last)).map_err(|error| StoreError { store: self.kind.file, source: error.into() })
    }

    /// Moves the WAL into the file when it is long. A reader that is still in it keeps it from starting over, so the
    /// reader is asked to begin anew both before and after.
    fn checkpoint(&self, connection: &Connection) -> Result<(), StoreError> {
        let run = |mode: &str| -> rusqlite::Result<i64> {
            let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
            statement.query_row([], |row| row.get(1))
        };
        if run("NOOP").map_err(|error| self.failed(error))? < CHECKPOINT_PAGES {
            return Ok(());
        }
        run("PASSIVE").map_err(|error| self.failed(error))?;
        self.end_reading()
    }

    fn end_reading(&self) -> Result<(), StoreError> {
        lock(&self.reader).end().map_err(|error| self.failed(error))
    }

    /// A damaged file is unlinked at once: whoever begins anew, or the next start, makes another.
    fn failed(&self, error: rusqlite::Error) -> StoreError {
        if is_spoilt(&error) && !self.damaged.swap(true, Ordering::AcqRel) {
            tracing::warn!(file = %self.path.display(), %error, "a derived file is damaged and thrown away");
            if let Err(error) = discard(&self.path) {
                tracing::error!(file = %self.path.display(), %error, "it could not be deleted");
            }
        }
        StoreError { store: self.kind.file, source: error.into() }
    }
}

impl Reader {
    fn begin(&mut self) -> rusqlite::Result<()> {
        if !self.reading {
            self.connection.prepare_cached("BEGIN")?.execute([])?;
            self.reading = true;
        }
        Ok(())
    }

    fn end(&mut self) -> rusqlite::Result<()> {
        if self.reading {
            self.connection.prepare_cached("COMMIT")?.execute([])?;
            self.reading = false;
        }
        Ok(())
    }
}

/// `None` when there is a file that does not fit: damaged, mixed with an earlier one, of another format, or made of another log.
fn open_fitting(path: &Path, journal: &Journal, kind: &'static Kind) -> Result<Option<Derived>, Cause> {
    let opened = connect(path).and_then(|mut connection| {
        let meta = prepare(&mut connection, kind)?;
        Ok(meta.map(|meta| (connection, meta)))
    });
    let (connection, meta) = match opened {
        Ok(Some(opened)) => opened,
        Ok(None) => return Ok(None),
        Err(error) if is_spoilt(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let entry = meta.folded.0.checked_sub(1).map(|last| journal.entry(Sequence(last))).transpose()?;
    if entry.flatten() != meta.last_entry || (meta.folded.0 > 0 && meta.last_entry.is_none()) {
        return Ok(None);
    }
    match sum(&connection, path, kind) {
        Ok(sum) if sum == meta.sum => {}
        Ok(_) => {
            tracing::warn!(file = %path.display(), "a derived file has rows of another day: it is made anew from the log");
            return Ok(None);
        }
        Err(error) if is_spoilt(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let writer = Writer { connection, folded: meta.folded, code_version: meta.code_version, sum: meta.sum };
    let reader = Reader { connection: connect(path)?, reading: false };
    Ok(Some(Derived {
        kind,
        path: path.to_owned(),
        journal: journal.clone(),
        writer: Mutex::new(writer),
        reader: Mutex::new(reader),
        damaged: AtomicBool::new(false),
        generation: AtomicU64::new(0),
    }))
}

/// The sum of what the file holds: one pass over the seals, which hashes nothing.
fn sum(connection: &Connection, path: &Path, kind: &Kind) -> rusqlite::Result<Sum> {
    // The pass takes pages as the keys go, which is all over the file: read in the file's order, they come from the disk faster.
    // Where the system does not do it, it is slower.
    let _ = std::fs::File::open(path).map(|file| rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::WillNeed));
    let tables = kind.chains.iter().map(|chain| chain.table).chain(kind.sealed.iter().copied());
    let mut all = Sum::default();
    for table in tables {
        all.add(Sum::of(connection, table)?.0);
    }
    Ok(all)
}

/// Whether a file of ours is not what we made: beside damage, SQLite's plain error, which is all it says when a statement names
/// what is not there, a length that no row of ours has, and a header that says not to write.
fn is_spoilt(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{ReadOnly, TooBig, Unknown};
    let names_what_is_not_there = matches!(error, rusqlite::Error::SqlInputError { .. });
    is_damage(error)
        || names_what_is_not_there
        || matches!(error.sqlite_error_code(), Some(ReadOnly | TooBig | Unknown))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    configured(Connection::open(path)?)
}

fn connect_to_existing(path: &Path) -> rusqlite::Result<Connection> {
    configured(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
}

fn configured(connection: Connection) -> rusqlite::Result<Connection> {
    keep_plans(&connection)?;
    connection.busy_timeout(BUSY_DEADLINE)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A crash may lose the last transactions but tears none: the log fills in what is missing.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", CACHE_PAGES)?;
    // Keys are scattered, so that a transaction comes back to its pages: written early, they would be written twice.
    connection.pragma_update(None, "cache_spill", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

struct Meta {
    folded: Sequence,
    last_entry: Option<String>,
    code_version: u32,
    sum: Sum,
}

/// Creates the tables in an empty file; `None` when there are others.
fn prepare(connection: &mut Connection, kind: &Kind) -> rusqlite::Result<Option<Meta>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let marks = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = transaction.query_row(tables, [], |row| row.get(0))?;
    if marks == (0, 0) && tables == 0 {
        transaction.execute_batch(META)?;
        transaction.execute_batch(kind.schema)?;
        let mut sum = Sum::default();
        kind.chains.iter().try_for_each(|chain| chain.begin(&transaction, &mut sum))?;
        transaction.execute("UPDATE meta SET sum = ?1", [sum.0])?;
        transaction.pragma_update(None, "application_id", kind.application_id)?;
        transaction.pragma_update(None, "user_version", kind.format)?;
    } else if marks != (kind.application_id, kind.format) {
        return Ok(None);
    }
    let meta = "SELECT folded, last_entry, code_version, sum FROM meta";
    let meta = transaction.query_row(meta, [], |row| {
        let folded = Sequence(row.get::<_, i64>(0)?.cast_unsigned());
        Ok(Meta { folded, last_entry: row.get(1)?, code_version: row.get(2)?, sum: Sum(row.get(3)?) })
    });
    let meta = meta.optional()?;
    transaction.commit()?;
    Ok(meta)
}

fn discard(path: &Path) -> std::io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Every value behind these locks is whole after each statement that changes it, so a panic elsewhere spoils nothing.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
