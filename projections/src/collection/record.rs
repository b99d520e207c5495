//! One record: as it is, and each of its versions.

use super::query::{Item, VersionSummary};
use crate::{
    QueryError, ReaderIdentity,
    store::{
        Reader,
        codec::{circle_from, organisations_from, subject_bytes, subject_from},
    },
};
use convenio_events::{Sequence, StreamVersion, Subject};
use rusqlite::{OptionalExtension as _, Params, Row};
use serde_json::value::RawValue;

/// What an [`Item`] is made of; the record is `r`, the version `v`, the document `d`.
const SELECT: &str =
    "SELECT r.subject, r.visibility, r.organisations, v.stream_version, v.from_sequence, d.shown, d.full FROM record r";

/// A record as it is; `None` when there is none or it is not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn record(reader: &Reader, identity: &ReaderIdentity, subject: Subject) -> Result<Option<Item>, QueryError> {
    // The record's own columns say all that the version's would.
    const SQL: &str = "SELECT r.subject, r.visibility, r.organisations, r.stream_version, r.updated_sequence, d.shown, d.full \
        FROM record r JOIN document d ON d.from_sequence = r.updated_sequence WHERE r.subject = ?1";
    one(reader, identity, SQL, [subject_bytes(subject)])
}

/// Every version of a record, oldest first; `None` when there is none or it is not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn versions(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
) -> Result<Option<Vec<VersionSummary>>, QueryError> {
    if record(reader, identity, subject)?.is_none() {
        return Ok(None);
    }
    let sql = "SELECT v.stream_version, v.from_sequence, v.to_sequence FROM record r JOIN version v ON v.number = r.number \
               WHERE r.subject = ?1 ORDER BY v.from_sequence";
    let mut statement = reader.statement(sql)?;
    let sequence = |number: i64| Sequence(number.cast_unsigned());
    let rows = statement.query_map([subject_bytes(subject)], |row| {
        Ok(VersionSummary {
            stream_version: StreamVersion(row.get::<_, i64>(0)?.cast_unsigned()),
            from_sequence: sequence(row.get(1)?),
            to_sequence: row.get::<_, Option<i64>>(2)?.map(sequence),
        })
    })?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

/// One version of a record, seen with today's rights.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn version(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
    version: StreamVersion,
) -> Result<Option<Item>, QueryError> {
    let sql = format!(
        "{SELECT} JOIN version v ON v.number = r.number JOIN document d ON d.from_sequence = v.from_sequence \
         WHERE r.subject = ?1 AND v.stream_version = ?2"
    );
    one(reader, identity, &sql, (subject_bytes(subject), version.0.cast_signed()))
}

/// A record as it was after the first `position` events, seen with today's rights; `None` when it was not there yet.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn record_as_of(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
    position: Sequence,
) -> Result<Option<Item>, QueryError> {
    let sql = format!(
        "{SELECT} JOIN version v ON v.number = r.number JOIN document d ON d.from_sequence = v.from_sequence \
         WHERE r.subject = ?1 AND v.from_sequence < ?2 ORDER BY v.from_sequence DESC LIMIT 1"
    );
    one(reader, identity, &sql, (subject_bytes(subject), position.0.cast_signed()))
}

/// The item of a current record that the reader was found to see.
pub(super) fn item(reader: &Reader, identity: &ReaderIdentity, number: i64) -> Result<Item, QueryError> {
    const SQL: &str = "SELECT r.subject, r.visibility, r.organisations, r.stream_version, r.updated_sequence, d.shown, d.full \
        FROM record r JOIN document d ON d.from_sequence = r.updated_sequence WHERE r.number = ?1";
    one(reader, identity, SQL, [number])?.ok_or(QueryError::Store(rusqlite::Error::QueryReturnedNoRows))
}

/// The item of a version whose record the reader was found to see.
pub(super) fn item_of_version(reader: &Reader, identity: &ReaderIdentity, from: i64) -> Result<Item, QueryError> {
    const SQL: &str = "SELECT r.subject, r.visibility, r.organisations, v.stream_version, v.from_sequence, d.shown, d.full \
        FROM version v JOIN record r ON r.number = v.number JOIN document d ON d.from_sequence = v.from_sequence \
        WHERE v.from_sequence = ?1";
    one(reader, identity, SQL, [from])?.ok_or(QueryError::Store(rusqlite::Error::QueryReturnedNoRows))
}

fn one(
    reader: &Reader,
    identity: &ReaderIdentity,
    sql: &str,
    parameters: impl Params,
) -> Result<Option<Item>, QueryError> {
    let row = reader.statement(sql)?.query_row(parameters, |row| read(row, identity)).optional()?.flatten();
    let Some(Raw { subject, stream_version, updated, json }) = row else { return Ok(None) };
    Ok(Some(Item {
        kind: subject.kind,
        id: subject.id,
        stream_version: StreamVersion(stream_version.cast_unsigned()),
        updated_sequence: Sequence(updated.cast_unsigned()),
        document: RawValue::from_string(json)?,
    }))
}

struct Raw {
    subject: Subject,
    stream_version: i64,
    updated: i64,
    json: String,
}

fn read(row: &Row<'_>, identity: &ReaderIdentity) -> rusqlite::Result<Option<Raw>> {
    let organisations = organisations_from(row.get_ref(2)?.as_blob()?);
    let Some(subject) = subject_from(row.get_ref(0)?.as_blob()?) else { return Ok(None) };
    if !identity.may_see(circle_from(row.get(1)?), &organisations) {
        return Ok(None);
    }
    let full: Option<String> =
        if identity.admin_or_auditor || identity.is_one_of(&organisations) { row.get(6)? } else { None };
    let json = match full {
        Some(full) => full,
        None => row.get(5)?,
    };
    Ok(Some(Raw { subject, stream_version: row.get(3)?, updated: row.get(4)?, json }))
}
