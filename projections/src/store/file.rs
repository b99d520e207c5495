//! One file of one view: made, opened, folded into, page by page, each page with its position in one transaction. Which file is
//! live is not known here.
//!
//! The files are derived, so they are written without fsync. The death of the process loses nothing (the kernel has the bytes);
//! after a crash of the whole machine a file that was not closed cleanly is not believed but made anew.

use super::{is_corruption, seal::Seal, stamps::Stamps};
use crate::{
    ApplyError,
    view::{Spec, View},
};
use convenio_events::{Event, Sequence};
use convenio_pages::Damage;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Prepared statements that the writer keeps.
const STATEMENTS_KEPT: usize = 64;
/// How long a page waits for somebody else's lock on the file before it is put off.
pub(super) const LOCK_WAIT: std::time::Duration = std::time::Duration::from_millis(200);

/// The one writer of a file.
pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    view: Box<dyn View>,
    indexes: &'static str,
    position: Sequence,
    bulk: bool,
    /// `None` in bulk: the file has no WAL then, and nobody reads it.
    seal: Option<Seal>,
}

/// The entries by which a file is known to be of a log.
#[derive(Clone, Copy, Default)]
pub(crate) struct Entries<'a> {
    /// The ledger's first one.
    pub(crate) first: Option<&'a str>,
    /// The last one of the events at hand, and its sequence.
    pub(crate) last: Option<(Sequence, &'a str)>,
}

/// Why a page was not folded whole.
pub(crate) enum FoldError {
    /// This event cannot be folded; everything before it is in.
    Poisoned { sequence: Sequence, cause: ApplyError },
    /// The file cannot be written now; nothing was folded. Try again later.
    Passing(ApplyError),
    /// The file is damaged: make a new one.
    Damaged(ApplyError),
}

impl FoldError {
    fn of_file(cause: ApplyError) -> Self {
        if cause.is_passing() { Self::Passing(cause) } else { Self::Damaged(cause) }
    }
}

/// Why a file that is there cannot be used.
#[derive(Debug)]
pub(crate) enum Unusable {
    Missing,
    OtherVersion,
    OtherLedger,
    OtherLog,
    AheadOfLog,
    NotClosed,
    Damaged(rusqlite::Error),
    Changed(Damage),
}

impl Unusable {
    /// Whether it was ours, and is not what it was.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Changed(Damage::Page(_) | Damage::Wal | Damage::Io(_)))
    }
}

impl Writer {
    /// Makes a new, empty file. In `bulk`, without a journal and without indexes: nobody may read it before [`Self::finish_bulk`].
    pub(crate) fn create(path: &Path, spec: &Spec, bulk: bool) -> rusqlite::Result<Self> {
        remove(path);
        let connection = Connection::open(path)?;
        connection.execute_batch("PRAGMA page_size = 8192")?;
        set_pragmas(&connection, bulk)?;
        connection.execute_batch("CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID")?;
        spec.tables.iter().try_for_each(|tables| connection.execute_batch(tables))?;
        if !bulk {
            connection.execute_batch(spec.indexes)?;
        }
        let mut writer = Self {
            connection,
            path: path.into(),
            view: (spec.make)(),
            indexes: spec.indexes,
            position: Sequence::ZERO,
            bulk,
            seal: None,
        };
        if bulk {
            writer.view.begin_bulk();
        }
        writer.set("view", spec.name.word())?;
        writer.set("version", spec.version)?;
        writer.set("position", 0)?;
        writer.mark_open()?;
        writer.connection.busy_timeout(LOCK_WAIT)?;
        if !bulk {
            writer.seal()?;
        }
        Ok(writer)
    }

    /// Opens a file that belongs to the ledger whose first entry is given, or says why not.
    pub(crate) fn open(path: &Path, spec: &Spec, first_entry: Option<&str>, head: Sequence) -> Result<Self, Unusable> {
        if !path.exists() {
            return Err(Unusable::Missing);
        }
        let seal = Seal::open(path).map_err(Unusable::Changed)?;
        let connection = Connection::open(path).map_err(Unusable::Damaged)?;
        set_pragmas(&connection, false).map_err(Unusable::Damaged)?;
        let position = check(&connection, spec, first_entry, head)?;
        connection.busy_timeout(LOCK_WAIT).map_err(Unusable::Damaged)?;
        let writer = Self {
            connection,
            path: path.into(),
            view: (spec.make)(),
            indexes: spec.indexes,
            position,
            bulk: false,
            seal: Some(seal),
        };
        writer.mark_open().map_err(Unusable::Damaged)?;
        writer.seal.iter().for_each(Seal::end);
        Ok(writer)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What readers know the file by; none in bulk, when nobody may read it.
    pub(super) fn stamps(&self) -> Option<Arc<Stamps>> {
        self.seal.as_ref().map(Seal::stamps)
    }

    /// How many events were folded.
    pub(crate) fn position(&self) -> Sequence {
        self.position
    }

    /// The last event of which the file keeps the entry, and that.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(crate) fn last_entry(&self) -> rusqlite::Result<Option<(Sequence, String)>> {
        let value = |key: &str| format!("(SELECT value FROM meta WHERE key = '{key}')");
        let sql = format!("SELECT {}, {}", value("last_sequence"), value("last_entry"));
        let (sequence, entry): (Option<i64>, Option<String>) =
            self.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(sequence.map(|sequence| Sequence(sequence.cast_unsigned())).zip(entry))
    }

    /// Folds those of `events` that are not folded yet, in one transaction; they must continue what is. The first entry comes with the
    /// first event, the last one with the last.
    pub(crate) fn fold(&mut self, events: &[&Event], entries: Entries<'_>) -> Result<(), FoldError> {
        let known = events.partition_point(|event| event.sequence < self.position);
        let fresh = &events[known..];
        let Some(first) = fresh.first() else { return Ok(()) };
        assert_eq!(first.sequence, self.position, "pages continue each other");
        if let Some(seal) = &mut self.seal {
            seal.begin(&self.connection).map_err(FoldError::of_file)?;
        }
        let folded = self.fold_fresh(fresh, entries);
        self.seal.iter().for_each(Seal::end);
        folded
    }

    fn fold_fresh(&mut self, fresh: &[&Event], entries: Entries<'_>) -> Result<(), FoldError> {
        let Err((done, cause)) = self.transact(fresh, entries) else {
            let Some(seal) = &mut self.seal else { return Ok(()) };
            return seal.after_commit(&self.connection).map_err(FoldError::of_file);
        };
        if cause.is_corruption() || self.bulk {
            return Err(FoldError::Damaged(cause));
        }
        if cause.is_passing() {
            return Err(FoldError::Passing(cause));
        }
        let sequence = fresh.get(done).map_or(self.position, |event| event.sequence);
        match self.transact(&fresh[..done], entries) {
            Ok(()) => Err(FoldError::Poisoned { sequence, cause }),
            Err((_, again)) if again.is_corruption() => Err(FoldError::Damaged(again)),
            Err((_, again)) if again.is_passing() => Err(FoldError::Passing(again)),
            Err((_, again)) => Err(FoldError::Poisoned { sequence: self.position, cause: again }),
        }
    }

    /// All of `events` and the new position in one transaction, or none and how many could be applied.
    fn transact(&mut self, events: &[&Event], entries: Entries<'_>) -> Result<(), (usize, ApplyError)> {
        let result = self.try_transact(events, entries);
        if result.is_err() {
            self.view.forget();
            if !self.connection.is_autocommit() {
                // Where this fails too, the file is damaged, and the next statement says so.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        result
    }

    fn try_transact(&mut self, events: &[&Event], entries: Entries<'_>) -> Result<(), (usize, ApplyError)> {
        let all = events.len();
        let at = |index: usize| move |error: rusqlite::Error| (index, error.into());
        self.connection.prepare_cached("BEGIN IMMEDIATE").and_then(|mut begin| begin.execute([])).map_err(at(0))?;
        for (index, event) in events.iter().enumerate() {
            self.view.apply(&self.connection, event).map_err(|cause| (index, cause))?;
        }
        self.view.flush(&self.connection).map_err(|cause| (all, cause))?;
        let position = events.last().map_or(self.position, |event| event.sequence.next());
        if let (Some(entry), Sequence::ZERO) = (entries.first, self.position) {
            self.set("first_entry", entry).map_err(at(all))?;
        }
        if let Some((sequence, entry)) = entries.last.filter(|(sequence, _)| sequence.next() == position) {
            self.set("last_sequence", sequence.0.cast_signed()).map_err(at(all))?;
            self.set("last_entry", entry).map_err(at(all))?;
        }
        self.set("position", position.0.cast_signed()).map_err(at(all))?;
        self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([])).map_err(at(all))?;
        self.position = position;
        Ok(())
    }

    /// Makes a file that was folded in bulk one that can be read while it is written.
    pub(crate) fn finish_bulk(&mut self) -> Result<(), ApplyError> {
        self.connection.execute_batch("BEGIN")?;
        self.view.finish_bulk(&self.connection)?;
        self.connection.execute_batch("COMMIT")?;
        self.connection.execute_batch(self.indexes)?;
        self.connection.execute_batch("PRAGMA locking_mode = NORMAL; SELECT 1 FROM meta LIMIT 1")?;
        set_pragmas(&self.connection, false)?;
        self.bulk = false;
        Ok(self.seal()?)
    }

    /// Takes the file as it is for what was written.
    fn seal(&mut self) -> rusqlite::Result<()> {
        let cannot = |error: std::io::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
        let seal = Seal::new(&self.path).map_err(cannot)?;
        seal.end();
        self.seal = Some(seal);
        Ok(())
    }

    /// Looks whether some more of the file is still what was written.
    pub(crate) fn look(&mut self) -> Result<(), ApplyError> {
        match &mut self.seal {
            Some(seal) => seal.look(&self.connection),
            None => Ok(()),
        }
    }

    fn set(&self, key: &str, value: impl rusqlite::ToSql) -> rusqlite::Result<()> {
        let sql =
            "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.connection.prepare_cached(sql)?.execute(params![key, value]).map(|_| ())
    }

    fn mark_open(&self) -> rusqlite::Result<()> {
        self.set("boot", boot_id())?;
        self.set("closed", false)
    }

    /// Puts everything on disk and says so in the file: it may then be believed after a crash of the machine.
    pub(crate) fn close(mut self) -> Result<(), ApplyError> {
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        if let Some(seal) = &mut self.seal {
            seal.begin(&self.connection)?;
        }
        self.set("closed", true)?;
        if let Some(seal) = &mut self.seal {
            seal.move_wal(&self.connection)?;
        }
        Ok(self.connection.close().map_err(|(_, error)| error)?)
    }
}

fn set_pragmas(connection: &Connection, bulk: bool) -> rusqlite::Result<()> {
    super::prepare(connection, STATEMENTS_KEPT)?;
    let journal = if bulk {
        "PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -32768;"
    } else {
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -12288;"
    };
    connection.execute_batch(journal)?;
    connection.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF",
    )
}

fn check(
    connection: &Connection,
    spec: &Spec,
    first_entry: Option<&str>,
    head: Sequence,
) -> Result<Sequence, Unusable> {
    let text = |key: &str| {
        connection
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get::<_, rusqlite::types::Value>(0))
            .optional()
            .map_err(Unusable::Damaged)
    };
    use rusqlite::types::Value;
    let is = |value: Option<Value>, wanted: &str| value == Some(Value::Text(wanted.to_owned()));
    if !is(text("view")?, spec.name.word()) || text("version")? != Some(Value::Integer(spec.version.into())) {
        return Err(Unusable::OtherVersion);
    }
    let Some(Value::Integer(position)) = text("position")? else { return Err(Unusable::OtherVersion) };
    let position = Sequence(position.cast_unsigned());
    if position > head {
        return Err(Unusable::AheadOfLog);
    }
    if position > Sequence::ZERO && !first_entry.is_some_and(|entry| is(text("first_entry").ok().flatten(), entry)) {
        return Err(Unusable::OtherLedger);
    }
    if text("closed")? != Some(Value::Integer(1)) && !is(text("boot")?, &boot_id()) {
        return Err(Unusable::NotClosed);
    }
    Ok(position)
}

/// How many events a file was made of, the entry of the last one or else of the first, and whether it is the last one's; `None` where
/// it says nothing that can be believed.
pub(crate) fn reach(path: &Path) -> Option<(Sequence, String, bool)> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // What is not as it was written is not believed.
    Seal::open(path).ok()?;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    super::prepare(&connection, STATEMENTS_KEPT).ok()?;
    connection.busy_timeout(LOCK_WAIT).ok()?;
    // Whoever opens it next to write moves its WAL; nobody waits for that here.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok()?;
    let meta = "SELECT value FROM meta WHERE key = ?1";
    let number = |key| connection.query_row(meta, [key], |row| row.get::<_, i64>(0)).ok();
    let text = |key| connection.query_row(meta, [key], |row| row.get::<_, String>(0)).ok();
    let is_whole = number("closed") == Some(1) || text("boot").is_some_and(|boot| boot == boot_id());
    if !is_whole {
        return None;
    }
    let sequence = |key| Some(Sequence(u64::try_from(number(key)?).ok()?));
    match sequence("last_sequence").zip(text("last_entry")) {
        Some((last, entry)) => Some((last.next(), entry, true)),
        None => Some((sequence("position")?, text("first_entry")?, false)),
    }
}

/// What changes whenever the machine starts; where the system does not tell, machines are taken never to crash.
fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

/// Deletes a view's file and what SQLite keeps beside it.
pub(crate) fn remove(path: &Path) {
    for suffix in ["", "-wal", "-shm", "-journal", "-sums", "-sums.new"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        // What is not there needs no deleting, and what cannot be deleted is found again at the next start.
        let _ = std::fs::remove_file(&name);
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none"),
            Self::OtherVersion => f.write_str("it is of another version"),
            Self::OtherLedger => f.write_str("it is of another ledger"),
            Self::OtherLog => {
                f.write_str("it is of another log of this ledger: the event that it folded last is another there")
            }
            Self::AheadOfLog => f.write_str("it is ahead of the log"),
            Self::NotClosed => f.write_str("the machine stopped while it was open"),
            Self::Damaged(error) if is_corruption(error) => write!(f, "it is damaged: {error}"),
            Self::Damaged(error) => write!(f, "it cannot be read: {error}"),
            Self::Changed(damage) => write!(f, "{damage}"),
        }
    }
}
