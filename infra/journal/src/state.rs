//! The write model's snapshot, `state.db`: a row per subject. It never looks inside a state, and says so where the file cannot be
//! believed: a record that is missing would else be one that never was.

use crate::{
    Journal,
    chain::{Chain, Known, Sum, broken, seal},
    derived::{Derived, Kind},
};
use convenio_events::{RecordKind, Sequence, Subject, Timestamp};
use convenio_ledger::stores::{StateChange, StateStore, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Transaction};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use uuid::Uuid;

/// The snapshot's file in the data directory.
pub const STATE_FILE: &str = "state.db";

/// A subject's kind in one byte and its id, to its `state.number`.
const SUBJECT: Chain = Chain { table: "subject" };
/// A name that must be unique, to its holder.
const NAME: Chain = Chain { table: "name" };

static STATE: Kind = Kind {
    file: STATE_FILE,
    // "ConS" in ASCII.
    application_id: 0x436F_6E53,
    format: 4,
    chains: &[SUBJECT, NAME],
    // `state` comes last: a pass over the seals reads no page of a long one. Ids come in no order, and states are large: only a
    // narrow table takes a page for each id. `kind` is `RecordKind::number`. `timers.digest` is the sum of all timers' seals: that
    // one is missing is seen.
    schema: "
        CREATE TABLE state (
            number INTEGER PRIMARY KEY,
            kind   INTEGER NOT NULL,
            id     BLOB NOT NULL,
            due    INTEGER,
            seal   INTEGER NOT NULL,
            state  BLOB NOT NULL
        ) STRICT;
        CREATE INDEX timer ON state (due) WHERE due IS NOT NULL;
        CREATE TABLE timers (digest INTEGER NOT NULL) STRICT;
        INSERT INTO timers VALUES (0);",
    sealed: &["state"],
};

/// The snapshot of a ledger, beside its journal.
#[derive(Debug)]
pub struct StateFile {
    file: Arc<Derived>,
    /// Of the file when [`StateStore::folded`] was last asked: whoever goes by an earlier one has to begin anew.
    generation: AtomicU64,
}

impl StateFile {
    /// Opens `state.db` beside a journal; one that is damaged, newer, or was made of another log is thrown away. Only the
    /// process that writes the journal may have it open. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when neither the file nor an empty one in its place can be opened.
    pub fn open(journal: &Journal) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(Derived::open(journal, &STATE)?), generation: AtomicU64::new(0) })
    }

    /// The same file for another who reads or writes it: each of them finds out for itself that it was begun anew.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self { file: self.file.clone(), generation: AtomicU64::new(self.file.generation()) }
    }

    /// Looks whether the file has on the disk what was written; where it has not, it is made anew by whoever reads or writes it next.
    /// It blocks, for some time.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn look_through(&self) -> Result<(), StoreError> {
        self.file.look_through()
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        self.current()?;
        let found = self.file.read(read)?;
        // It may have been begun anew just before it was read.
        self.current()?;
        Ok(found)
    }

    fn current(&self) -> Result<(), StoreError> {
        if self.generation.load(Ordering::Acquire) == self.file.generation() {
            return Ok(());
        }
        Err(StoreError { store: STATE_FILE, source: "it was damaged, and is made anew".into() })
    }
}

impl StateStore for StateFile {
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError> {
        if self.file.is_damaged() {
            self.file.begin_anew()?;
        }
        self.generation.store(self.file.generation(), Ordering::Release);
        if self.file.code_version() != code_version {
            self.file.write(Sequence::ZERO, code_version, |transaction, sum| {
                transaction.execute_batch("DELETE FROM state; UPDATE timers SET digest = 0;")?;
                *sum = Sum::default();
                [SUBJECT, NAME].iter().try_for_each(|chain| chain.begin(transaction, sum))
            })?;
        }
        Ok(self.file.folded())
    }

    fn distrust(&self, why: &str) {
        self.file.distrust(why);
    }

    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|connection| {
            let Some(number) = number_of(connection, subject)? else { return Ok(None) };
            Row::read(connection, subject, number).map(|row| Some(row.state))
        })
    }

    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.read(|connection| {
            let holder = NAME.get(connection, name.as_bytes())?;
            let holder = holder.map(|holder| Uuid::from_slice(&holder).map_err(|_| broken(NAME.table)));
            holder.transpose()
        })
    }

    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        self.read(|connection| {
            let query = "SELECT due, kind, id FROM state WHERE due IS NOT NULL ORDER BY due";
            let mut query = connection.prepare_cached(query)?;
            let timers = query.query_map([], |row| {
                let subject = Subject::new(kind(row.get(1)?)?, Uuid::from_bytes(row.get(2)?));
                Ok((row.get::<_, i64>(0)?, subject))
            })?;
            let timers: Vec<_> = timers.collect::<Result<_, _>>()?;
            let digest =
                timers.iter().fold(0, |sum: i64, (due, subject)| sum.wrapping_add(timer(*subject, Some(*due))));
            if digest != timers_digest(connection)? {
                return Err(broken("timers"));
            }
            Ok(timers.into_iter().map(|(due, subject)| (Timestamp::from_micros(due), subject)).collect())
        })
    }

    fn write(&self, changes: Vec<StateChange>, folded: Sequence) -> Result<(), StoreError> {
        self.current()?;
        self.file.write(folded, self.file.code_version(), |transaction, sum| {
            let digest = changes.iter().try_fold(0_i64, |digest, change| {
                Ok::<_, rusqlite::Error>(digest.wrapping_add(apply(transaction, change, sum)?))
            })?;
            if digest == 0 {
                return Ok(());
            }
            let before = timers_digest(transaction)?;
            transaction.execute("UPDATE timers SET digest = ?1", [before.wrapping_add(digest)]).map(drop)
        })
    }
}

/// Writes a change; returns by how much it changes the sum of the timers' seals.
fn apply(transaction: &Transaction<'_>, change: &StateChange, sum: &mut Sum) -> rusqlite::Result<i64> {
    match change {
        StateChange::Subject { subject, state, due } => {
            let due = due.map(Timestamp::micros);
            let Some(number) = number_of(transaction, *subject)? else {
                Row { state: state.clone(), due }.add(transaction, *subject, sum)?;
                return Ok(timer(*subject, due));
            };
            let before = Row::read(transaction, *subject, number)?;
            let after = Row { state: state.clone(), due };
            after.change(transaction, *subject, number)?;
            sum.take(before.seal(*subject, number));
            sum.add(after.seal(*subject, number));
            Ok(timer(*subject, due).wrapping_sub(timer(*subject, before.due)))
        }
        StateChange::Name { name, holder: Some(holder) } => {
            NAME.put(transaction, name.as_bytes(), holder.as_bytes(), Known::Replace, sum).map(|_| 0)
        }
        StateChange::Name { name, holder: None } => NAME.remove(transaction, name.as_bytes(), sum).map(|()| 0),
    }
}

/// A subject's row.
struct Row {
    state: Vec<u8>,
    due: Option<i64>,
}

impl Row {
    fn read(connection: &Connection, subject: Subject, number: i64) -> rusqlite::Result<Self> {
        let mut query = connection.prepare_cached("SELECT state, due, seal FROM state WHERE number = ?1")?;
        let row = query.query_row([number], |row| {
            let found = Self { state: row.get(0)?, due: row.get(1)? };
            Ok((found, row.get::<_, i64>(2)?))
        });
        let (found, sealed) = row.optional()?.ok_or_else(|| broken("state"))?;
        if found.seal(subject, number) == sealed { Ok(found) } else { Err(broken("state")) }
    }

    fn add(&self, transaction: &Transaction<'_>, subject: Subject, sum: &mut Sum) -> rusqlite::Result<()> {
        let last = "SELECT coalesce(max(number), 0) FROM state";
        let number = transaction.prepare_cached(last)?.query_row([], |row| row.get::<_, i64>(0))? + 1;
        let insert = "INSERT INTO state (number, kind, id, state, due, seal) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (kind, id) = (subject.kind.number(), subject.id.as_bytes());
        let seal = self.seal(subject, number);
        transaction.prepare_cached(insert)?.execute((number, kind, id, &self.state, self.due, seal))?;
        sum.add(seal);
        SUBJECT.put(transaction, &key(subject), &number.to_be_bytes(), Known::Keep, sum).map(drop)
    }

    fn change(&self, transaction: &Transaction<'_>, subject: Subject, number: i64) -> rusqlite::Result<()> {
        let update = "UPDATE state SET state = ?2, due = ?3, seal = ?4 WHERE number = ?1";
        let seal = self.seal(subject, number);
        transaction.prepare_cached(update)?.execute((number, &self.state, self.due, seal)).map(drop)
    }

    fn seal(&self, subject: Subject, number: i64) -> i64 {
        let due = self.due.map(i64::to_be_bytes);
        seal(&[&key(subject), &number.to_be_bytes(), &self.state, due.as_ref().map_or(&[], |due| due)])
    }
}

/// What a timer adds to the sum of all; nothing where there is none.
fn timer(subject: Subject, due: Option<i64>) -> i64 {
    due.map_or(0, |due| seal(&[&key(subject), &due.to_be_bytes()]))
}

/// The sum of all timers' seals.
fn timers_digest(connection: &Connection) -> rusqlite::Result<i64> {
    let digest = connection.query_row("SELECT digest FROM timers", [], |row| row.get(0)).optional()?;
    digest.ok_or_else(|| broken("timers"))
}

fn number_of(connection: &Connection, subject: Subject) -> rusqlite::Result<Option<i64>> {
    let number = SUBJECT.get(connection, &key(subject))?;
    let number = number.map(|number| number.try_into().map_err(|_| broken(SUBJECT.table)).map(i64::from_be_bytes));
    number.transpose()
}

fn key(subject: Subject) -> [u8; 17] {
    let mut key = [0; 17];
    key[0] = subject.kind.number();
    key[1..].copy_from_slice(subject.id.as_bytes());
    key
}

fn kind(number: i64) -> rusqlite::Result<RecordKind> {
    let known = u8::try_from(number).ok().and_then(RecordKind::from_number);
    known.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))
}
