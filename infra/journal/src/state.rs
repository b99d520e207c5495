//! The write model's snapshot, `state.db`: a row per subject. It never looks inside a state.

use crate::{
    Journal,
    derived::{Derived, Kind},
};
use convenio_events::{RecordKind, Sequence, Subject, Timestamp};
use convenio_ledger::stores::{StateChange, StateStore, StoreError};
use rusqlite::{OptionalExtension as _, Transaction};
use uuid::Uuid;

/// The snapshot's file in the data directory.
pub const STATE_FILE: &str = "state.db";

static STATE: Kind = Kind {
    file: STATE_FILE,
    // "ConS" in ASCII.
    application_id: 0x436F_6E53,
    format: 2,
    // Ids come in no order, and states are large: only a narrow index takes a page for each id. `kind` is the place in `RecordKind::ALL`; whoever changes that order raises the format.
    schema: "
        CREATE TABLE state (
            number INTEGER PRIMARY KEY,
            kind   INTEGER NOT NULL,
            id     BLOB NOT NULL,
            state  BLOB NOT NULL,
            due    INTEGER,
            UNIQUE (kind, id)
        ) STRICT;
        CREATE INDEX timer ON state (due) WHERE due IS NOT NULL;
        CREATE TABLE name (name TEXT PRIMARY KEY, holder BLOB NOT NULL) STRICT, WITHOUT ROWID;",
};

/// The snapshot of a ledger, beside its journal.
#[derive(Debug)]
pub struct StateFile {
    file: Derived,
}

impl StateFile {
    /// Opens `state.db` beside a journal; one that is damaged, newer, or was made of another log is thrown away. Only the
    /// process that writes the journal may have it open. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when neither the file nor an empty one in its place can be opened.
    pub fn open(journal: &Journal) -> Result<Self, StoreError> {
        Ok(Self { file: Derived::open(journal, &STATE)? })
    }
}

impl StateStore for StateFile {
    fn folded(&self, code_version: u32) -> Result<Sequence, StoreError> {
        if self.file.code_version() != code_version {
            self.file.write(Sequence::ZERO, code_version, |transaction| {
                transaction.execute_batch("DELETE FROM state; DELETE FROM name;")
            })?;
        }
        Ok(self.file.folded())
    }

    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        self.file.read(|connection| {
            let query = "SELECT state FROM state WHERE kind = ?1 AND id = ?2";
            let mut query = connection.prepare_cached(query)?;
            query.query_row((number(subject.kind), subject.id.as_bytes()), |row| row.get(0)).optional()
        })
    }

    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        self.file.read(|connection| {
            let mut query = connection.prepare_cached("SELECT holder FROM name WHERE name = ?1")?;
            query.query_row([name], |row| row.get(0).map(Uuid::from_bytes)).optional()
        })
    }

    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        self.file.read(|connection| {
            let query = "SELECT due, kind, id FROM state WHERE due IS NOT NULL ORDER BY due";
            let mut query = connection.prepare_cached(query)?;
            let timers = query.query_map([], |row| {
                let subject = Subject::new(kind(row.get(1)?)?, Uuid::from_bytes(row.get(2)?));
                Ok((Timestamp::from_micros(row.get(0)?), subject))
            })?;
            timers.collect()
        })
    }

    fn write(&self, changes: Vec<StateChange>, folded: Sequence) -> Result<(), StoreError> {
        self.file.write(folded, self.file.code_version(), |transaction| {
            changes.iter().try_for_each(|change| apply(transaction, change))
        })
    }
}

fn apply(transaction: &Transaction<'_>, change: &StateChange) -> rusqlite::Result<()> {
    match change {
        StateChange::Subject { subject, state, due } => transaction
            .prepare_cached(
                "INSERT INTO state (kind, id, state, due) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT (kind, id) DO UPDATE SET state = excluded.state, due = excluded.due",
            )?
            .execute((number(subject.kind), subject.id.as_bytes(), state, due.map(Timestamp::micros)))?,
        StateChange::Name { name, holder: Some(holder) } => transaction
            .prepare_cached("INSERT OR REPLACE INTO name (name, holder) VALUES (?1, ?2)")?
            .execute((name, holder.as_bytes()))?,
        StateChange::Name { name, holder: None } => {
            transaction.prepare_cached("DELETE FROM name WHERE name = ?1")?.execute([name])?
        }
    };
    Ok(())
}

fn number(kind: RecordKind) -> i64 {
    kind as i64
}

fn kind(number: i64) -> rusqlite::Result<RecordKind> {
    let known = usize::try_from(number).ok().and_then(|number| RecordKind::ALL.get(number));
    known.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(1, number))
}
