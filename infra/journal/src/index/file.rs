//! The tables of `index.db`, written in batches that are sorted by each table's key. It answers from the file alone.

use super::{CommandKey, tail::Tail};
use crate::{
    Journal,
    derived::{Derived, Kind},
};
use convenio_events::{EventId, Sequence, StreamVersion, Subject, Timestamp};
use convenio_ledger::stores::{IndexedEvent, StoreError};
use rusqlite::{OptionalExtension as _, Row, ToSql, Transaction};

static INDEX: Kind = Kind {
    file: super::INDEX_FILE,
    // "ConI" in ASCII.
    application_id: 0x436F_6E49,
    format: 1,
    // `command.id` is the kind of actor in one byte, its scope and the command id, 16 bytes each; `subject.kind` is the kind's place in
    // `RecordKind::ALL`, and whoever changes that order raises the format. `moment` has a row per point in time at which
    // something was recorded.
    schema: "
        CREATE TABLE command (
            id BLOB PRIMARY KEY, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE event (
            id BLOB PRIMARY KEY, sequence INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE subject (
            id BLOB NOT NULL, kind INTEGER NOT NULL, version INTEGER NOT NULL,
            sequence INTEGER NOT NULL, PRIMARY KEY (id, kind, version)) STRICT, WITHOUT ROWID;
        CREATE TABLE moment (time INTEGER PRIMARY KEY, events INTEGER NOT NULL) STRICT;",
};

#[derive(Debug)]
pub(super) struct IndexFile {
    file: Derived,
}

impl IndexFile {
    pub(super) fn open(journal: &Journal) -> Result<Self, StoreError> {
        Ok(Self { file: Derived::open(journal, &INDEX)? })
    }

    pub(super) fn indexed(&self) -> Sequence {
        self.file.folded()
    }

    pub(super) fn command(&self, key: &CommandKey) -> Result<Option<Sequence>, StoreError> {
        self.one("SELECT sequence FROM command WHERE id = ?1", &&key[..])
    }

    pub(super) fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError> {
        self.one("SELECT sequence FROM event WHERE id = ?1", id.uuid().as_bytes())
    }

    /// The number of events at or before `time`, if there are any.
    pub(super) fn as_of(&self, time: Timestamp) -> Result<Option<Sequence>, StoreError> {
        let query = "SELECT events FROM moment WHERE time <= ?1 ORDER BY time DESC LIMIT 1";
        self.one(query, &time.micros())
    }

    pub(super) fn subject(
        &self,
        subject: Subject,
        from: StreamVersion,
        limit: usize,
    ) -> Result<Vec<(StreamVersion, Sequence)>, StoreError> {
        self.file.read(|connection| {
            let query = "SELECT version, sequence FROM subject
                WHERE id = ?1 AND kind = ?2 AND version >= ?3 ORDER BY version LIMIT ?4";
            let mut query = connection.prepare_cached(query)?;
            let id = subject.id.as_bytes();
            let from = i64::try_from(from.0).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = query.query_map((id, subject.kind as i64, from, limit), |row| {
                Ok((StreamVersion(row.get::<_, i64>(0)?.cast_unsigned()), sequence(row, 1)?))
            })?;
            rows.collect()
        })
    }

    fn one(&self, query: &str, key: &dyn ToSql) -> Result<Option<Sequence>, StoreError> {
        self.file.read(|connection| {
            let mut query = connection.prepare_cached(query)?;
            query.query_row([key], |row| sequence(row, 0)).optional()
        })
    }

    /// Writes all of a tail in one transaction.
    pub(super) fn write(&self, tail: &Tail) -> Result<(), StoreError> {
        let Some(last) = tail.events().last() else { return Ok(()) };
        self.file.write(last.sequence.next(), 0, |transaction| {
            write_commands(transaction, tail.events())?;
            write_events(transaction, tail.events())?;
            write_subjects(transaction, tail.events())?;
            write_moments(transaction, tail.events())
        })
    }
}

fn sequence(row: &Row<'_>, column: usize) -> rusqlite::Result<Sequence> {
    row.get::<_, i64>(column).map(|sequence| Sequence(sequence.cast_unsigned()))
}

fn write_commands(transaction: &Transaction<'_>, events: &[IndexedEvent]) -> rusqlite::Result<()> {
    let firsts = events.iter().filter(|event| event.first_of_command);
    let mut keys: Vec<_> =
        firsts.map(|event| (super::command_key(event.actor, event.command_id), event.sequence)).collect();
    keys.sort_unstable();
    // The first event of a command is the one that counts, should there ever be two.
    let insert = "INSERT OR IGNORE INTO command (id, sequence) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (key, sequence) in &keys {
        insert.execute((&key[..], sequence.0.cast_signed()))?;
    }
    Ok(())
}

fn write_events(transaction: &Transaction<'_>, events: &[IndexedEvent]) -> rusqlite::Result<()> {
    let mut keys: Vec<_> = events.iter().map(|event| (event.id, event.sequence)).collect();
    keys.sort_unstable();
    let insert = "INSERT OR IGNORE INTO event (id, sequence) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (id, sequence) in &keys {
        insert.execute((id.uuid().as_bytes(), sequence.0.cast_signed()))?;
    }
    Ok(())
}

fn write_subjects(transaction: &Transaction<'_>, events: &[IndexedEvent]) -> rusqlite::Result<()> {
    let key = |event: &IndexedEvent| {
        let Subject { kind, id } = event.subject;
        (id, kind as i64, event.stream_version.0.cast_signed(), event.sequence.0.cast_signed())
    };
    let mut keys: Vec<_> = events.iter().map(key).collect();
    keys.sort_unstable();
    let insert = "INSERT OR IGNORE INTO subject (id, kind, version, sequence) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (id, kind, version, sequence) in &keys {
        insert.execute((id.as_bytes(), kind, version, sequence))?;
    }
    Ok(())
}

fn write_moments(transaction: &Transaction<'_>, events: &[IndexedEvent]) -> rusqlite::Result<()> {
    let insert = "INSERT OR REPLACE INTO moment (time, events) VALUES (?1, ?2)";
    let mut insert = transaction.prepare_cached(insert)?;
    for moment in events.chunk_by(|event, next| event.time == next.time) {
        if let Some(last) = moment.last() {
            let events = last.sequence.next().0.cast_signed();
            insert.execute((last.time.micros(), events))?;
        }
    }
    Ok(())
}
