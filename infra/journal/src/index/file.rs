//! The tables of `index.db`, written in batches that are sorted by each table's key. It answers from the file alone, and says so
//! where the file cannot be believed: "not known" of a command is what an event is made of.

use super::{CommandKey, tail::Tail};
use crate::{
    Journal,
    chain::{Chain, Known, Sum, broken, seal},
    derived::{Derived, Kind},
};
use convenio_events::{Actor, EventId, Sequence, StreamVersion, Subject, Timestamp};
use convenio_ledger::stores::{IndexedEvent, StoreError};
use rusqlite::{OptionalExtension as _, Transaction};

/// The kind of actor in one byte, its scope and the command id, 16 bytes each, to the command's first event.
const COMMAND: Chain = Chain { table: "command" };
/// An event's id to its sequence.
const EVENT: Chain = Chain { table: "event" };

static INDEX: Kind = Kind {
    file: super::INDEX_FILE,
    // "ConI" in ASCII.
    application_id: 0x436F_6E49,
    format: 3,
    chains: &[COMMAND, EVENT],
    // `subject.kind` is `RecordKind::number`. `moment` has a row
    // per point in time at which something was recorded. A row of either is sealed, and that one is missing is seen: versions are
    // dense, and each moment says how many events there were at the one before.
    schema: "
        CREATE TABLE subject (
            id BLOB NOT NULL, kind INTEGER NOT NULL, version INTEGER NOT NULL,
            sequence INTEGER NOT NULL, seal INTEGER NOT NULL, PRIMARY KEY (id, kind, version)) STRICT, WITHOUT ROWID;
        CREATE TABLE moment (
            time INTEGER PRIMARY KEY, events INTEGER NOT NULL, before INTEGER NOT NULL, seal INTEGER NOT NULL) STRICT;",
    sealed: &["subject", "moment"],
};

/// What the log has twice: no writer of ours records that, and no look-up can tell which of the two counts.
#[derive(Debug, thiserror::Error)]
pub(super) enum Doubled {
    #[error("event {sequence} is a second one of version {version} of the {} {}", subject.kind, subject.id)]
    Version { sequence: Sequence, subject: Subject, version: u64 },
    #[error("event {sequence} records a command a second time")]
    Command { sequence: Sequence },
}

impl Doubled {
    /// Whether this is why a batch was not written.
    pub(super) fn of(error: &StoreError) -> Option<&Self> {
        let rusqlite::Error::ToSqlConversionFailure(cause) = error.source.downcast_ref()? else { return None };
        cause.downcast_ref()
    }
}

impl From<Doubled> for rusqlite::Error {
    fn from(doubled: Doubled) -> Self {
        Self::ToSqlConversionFailure(doubled.into())
    }
}

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

    /// Whether it was found damaged, and answers nothing any more.
    pub(super) fn is_damaged(&self) -> bool {
        self.file.is_damaged()
    }

    /// Puts an empty file in its place.
    pub(super) fn begin_anew(&self) -> Result<(), StoreError> {
        self.file.begin_anew()
    }

    /// Looks whether it has on the disk what was written.
    pub(super) fn look_through(&self) -> Result<(), StoreError> {
        self.file.look_through()
    }

    pub(super) fn command(&self, key: &CommandKey) -> Result<Option<Sequence>, StoreError> {
        self.one(&COMMAND, key)
    }

    pub(super) fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError> {
        self.one(&EVENT, id.uuid().as_bytes())
    }

    /// The number of events at or before `time`, if there are any.
    pub(super) fn as_of(&self, time: Timestamp) -> Result<Option<Sequence>, StoreError> {
        self.file.read(|connection| {
            let columns = "SELECT time, events, before, seal FROM moment";
            let read = |sql: String| {
                let mut query = connection.prepare_cached(&sql)?;
                let row = query.query_row([time.micros()], Moment::read).optional()?;
                Ok::<_, rusqlite::Error>(row)
            };
            let found = read(format!("{columns} WHERE time <= ?1 ORDER BY time DESC LIMIT 1"))?;
            let next = read(format!("{columns} WHERE time > ?1 ORDER BY time LIMIT 1"))?;
            let events = found.map_or(0, |moment| moment.events);
            let folded: i64 = connection.query_row("SELECT folded FROM meta", [], |row| row.get(0))?;
            if next.map_or(folded, |next| next.before) != events {
                return Err(broken("moment"));
            }
            Ok((events > 0).then(|| Sequence(events.cast_unsigned())))
        })
    }

    pub(super) fn subject(
        &self,
        subject: Subject,
        from: StreamVersion,
        limit: usize,
    ) -> Result<Vec<(StreamVersion, Sequence)>, StoreError> {
        self.file.read(|connection| {
            let query = "SELECT version, sequence, seal FROM subject
                WHERE id = ?1 AND kind = ?2 AND version >= ?3 ORDER BY version LIMIT ?4";
            let mut query = connection.prepare_cached(query)?;
            let id = subject.id.as_bytes();
            let from = i64::try_from(from.0).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = query.query((id, subject.kind.number(), from, limit))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let (version, sequence): (i64, i64) = (row.get(0)?, row.get(1)?);
                let expected = from.saturating_add(i64::try_from(found.len()).unwrap_or(i64::MAX));
                if version != expected || row.get::<_, i64>(2)? != sealed(subject, version, sequence) {
                    return Err(broken("subject"));
                }
                found.push((StreamVersion(version.cast_unsigned()), Sequence(sequence.cast_unsigned())));
            }
            Ok(found)
        })
    }

    fn one(&self, chain: &Chain, key: &[u8]) -> Result<Option<Sequence>, StoreError> {
        self.file.read(|connection| {
            let value = chain.get(connection, key)?;
            value.map(|value| sequence(&value).ok_or_else(|| broken(chain.table))).transpose()
        })
    }

    /// Writes all of a tail in one transaction; one that does not continue the file belongs to an earlier one.
    pub(super) fn write(&self, tail: &Tail) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (tail.events().first(), tail.events().last()) else { return Ok(()) };
        let before = self.indexed();
        if first.sequence != before {
            return Ok(());
        }
        self.file.write(last.sequence.next(), 0, |transaction, sum| {
            write_commands(transaction, tail.events(), sum)?;
            write_events(transaction, tail.events(), sum)?;
            write_subjects(transaction, tail.events(), sum)?;
            write_moments(transaction, before, tail.events(), sum)
        })
    }
}

fn sequence(value: &[u8]) -> Option<Sequence> {
    value.try_into().ok().map(u64::from_be_bytes).map(Sequence)
}

/// How many events there were at a point in time.
struct Moment {
    time: i64,
    events: i64,
    /// How many at the moment before.
    before: i64,
}

impl Moment {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let moment = Self { time: row.get(0)?, events: row.get(1)?, before: row.get(2)? };
        if row.get::<_, i64>(3)? == moment.seal() { Ok(moment) } else { Err(broken("moment")) }
    }

    fn seal(&self) -> i64 {
        seal(&[&self.time.to_be_bytes(), &self.events.to_be_bytes(), &self.before.to_be_bytes()])
    }
}

fn sealed(subject: Subject, version: i64, sequence: i64) -> i64 {
    let kind = i64::from(subject.kind.number());
    seal(&[subject.id.as_bytes(), &kind.to_be_bytes(), &version.to_be_bytes(), &sequence.to_be_bytes()])
}

fn write_commands(transaction: &Transaction<'_>, events: &[IndexedEvent], sum: &mut Sum) -> rusqlite::Result<()> {
    let firsts = events.iter().filter(|event| event.first_of_command);
    // A timer's command is named by when it was due, and of two that are due at one moment the first counts.
    let known = |actor| if actor == Actor::Clock { Known::Keep } else { Known::Refuse };
    let mut keys: Vec<_> = firsts
        .map(|event| (super::command_key(event.actor, event.command_id), event.sequence, known(event.actor)))
        .collect();
    keys.sort_unstable_by_key(|(key, sequence, _)| (*key, *sequence));
    keys.iter().try_for_each(|(key, sequence, known)| {
        let is_new = COMMAND.put(transaction, key, &sequence.0.to_be_bytes(), *known, sum)?;
        if is_new { Ok(()) } else { Err(Doubled::Command { sequence: *sequence }.into()) }
    })
}

fn write_events(transaction: &Transaction<'_>, events: &[IndexedEvent], sum: &mut Sum) -> rusqlite::Result<()> {
    let mut keys: Vec<_> = events.iter().map(|event| (event.id, event.sequence)).collect();
    keys.sort_unstable();
    let mut put = |id: EventId, sequence: Sequence| {
        EVENT.put(transaction, id.uuid().as_bytes(), &sequence.0.to_be_bytes(), Known::Keep, sum).map(drop)
    };
    keys.into_iter().try_for_each(|(id, sequence)| put(id, sequence))
}

fn write_subjects(transaction: &Transaction<'_>, events: &[IndexedEvent], sum: &mut Sum) -> rusqlite::Result<()> {
    let key =
        |event: &IndexedEvent| (event.subject, event.stream_version.0.cast_signed(), event.sequence.0.cast_signed());
    let mut keys: Vec<_> = events.iter().map(key).collect();
    keys.sort_unstable_by_key(|(subject, version, _)| (subject.id, subject.kind, *version));
    let insert = "INSERT INTO subject (id, kind, version, sequence, seal) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = transaction.prepare_cached(insert)?;
    for (subject, version, sequence) in keys {
        let seal = sealed(subject, version, sequence);
        let inserted = insert.execute((subject.id.as_bytes(), subject.kind.number(), version, sequence, seal));
        inserted.map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::ConstraintViolation) => {
                let (sequence, version) = (Sequence(sequence.cast_unsigned()), version.cast_unsigned());
                Doubled::Version { sequence, subject, version }.into()
            }
            _ => error,
        })?;
        sum.add(seal);
    }
    Ok(())
}

fn write_moments(
    transaction: &Transaction<'_>,
    before: Sequence,
    events: &[IndexedEvent],
    sum: &mut Sum,
) -> rusqlite::Result<()> {
    let known = "SELECT time, events, before, seal FROM moment ORDER BY time DESC LIMIT 1";
    let mut last = transaction.prepare_cached(known)?.query_row([], Moment::read).optional()?;
    if last.as_ref().map_or(0, |last| last.events) != before.0.cast_signed() {
        return Err(broken("moment"));
    }
    let insert = "INSERT OR REPLACE INTO moment (time, events, before, seal) VALUES (?1, ?2, ?3, ?4)";
    let mut insert = transaction.prepare_cached(insert)?;
    for group in events.chunk_by(|event, next| event.time == next.time) {
        let Some(newest) = group.last() else { continue };
        let (time, events) = (newest.time.micros(), newest.sequence.next().0.cast_signed());
        // The same moment as in the batch before: it goes on.
        let before = last.as_ref().map_or(0, |last| if last.time == time { last.before } else { last.events });
        let moment = Moment { time, events, before };
        insert.execute((moment.time, moment.events, moment.before, moment.seal()))?;
        if let Some(replaced) = last.filter(|last| last.time == time) {
            sum.take(replaced.seal());
        }
        sum.add(moment.seal());
        last = Some(moment);
    }
    Ok(())
}
