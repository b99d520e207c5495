//! One record: as it is, and each of its versions, as far as its reader may see them.

use super::{
    query::{Item, VersionSummary},
    versions::json,
};
use crate::{
    QueryError, ReaderIdentity,
    document::Head,
    standing::{Sight, Standing},
    store::{
        Reader,
        codec::{circle_from, organisations_from, subject_bytes, subject_from},
    },
};
use convenio_events::{Sequence, StreamVersion, Subject};
use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::value::RawValue;

/// What an [`Item`] of the present is made of. Of a record that has one version only, `current` has no row.
const PRESENT: &str = "SELECT r.subject, r.visibility, r.organisations, r.stream_version, r.updated_sequence, r.shown_version, \
    r.shown_sequence, r.has_past, COALESCE(c.shown, d.full), c.full FROM record r LEFT JOIN current c ON c.number = r.number \
    LEFT JOIN document d ON c.number IS NULL AND d.from_sequence = r.updated_sequence WHERE ";

/// A record as it is; `None` when there is none or it is not the reader's to see. Who was named in it and no longer is sees it as it
/// was left then.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn record(reader: &Reader, identity: &ReaderIdentity, subject: Subject) -> Result<Option<Item>, QueryError> {
    match current(reader, identity, &format!("{PRESENT}r.subject = ?1"), params![subject_bytes(subject)])? {
        Current::Seen(item) => Ok(Some(item)),
        Current::PerhapsOnce => record_as_of(reader, identity, subject, reader.position()),
        Current::Unseen => Ok(None),
    }
}

/// The item of a current record that the reader was found to see.
pub(super) fn item(reader: &Reader, identity: &ReaderIdentity, number: i64) -> Result<Item, QueryError> {
    match current(reader, identity, &format!("{PRESENT}r.number = ?1"), params![number])? {
        Current::Seen(item) => Ok(item),
        Current::PerhapsOnce | Current::Unseen => Err(QueryError::Store(rusqlite::Error::QueryReturnedNoRows)),
    }
}

/// What is told of a record that is no longer the reader's to see: which.
pub(super) fn gone(reader: &Reader, number: i64) -> Result<Item, QueryError> {
    let sql = "SELECT subject, updated_sequence FROM record WHERE number = ?1";
    let row = |row: &Row<'_>| Ok((subject_from(row.get_ref(0)?.as_blob()?), row.get::<_, i64>(1)?));
    let (subject, _) = reader.statement(sql)?.query_row([number], row)?;
    let subject = subject.ok_or(rusqlite::Error::InvalidQuery)?;
    Ok(Item {
        kind: subject.kind,
        id: subject.id,
        stream_version: StreamVersion(0),
        updated_sequence: Sequence::ZERO,
        gone: true,
        document: RawValue::from_string(serde_json::json!({"id": subject.id, "gone": true}).to_string())?,
    })
}

enum Current {
    Seen(Item),
    /// Not as it is; perhaps as it once was.
    PerhapsOnce,
    Unseen,
}

fn current(
    reader: &Reader,
    identity: &ReaderIdentity,
    sql: &str,
    parameters: &[&dyn rusqlite::ToSql],
) -> Result<Current, QueryError> {
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query(parameters)?;
    let Some(row) = rows.next()? else { return Ok(Current::Unseen) };
    let organisations = organisations_from(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
    if !identity.may_see(circle_from(row.get(1)?), &organisations) {
        return Ok(if row.get(7)? { Current::PerhapsOnce } else { Current::Unseen });
    }
    let whole = identity.admin_or_auditor || identity.is_one_of(&organisations);
    let (version, sequence) = if whole { (3, 4) } else { (5, 6) };
    let document = if whole { row.get::<_, Option<String>>(9)? } else { None };
    let document = match document {
        Some(full) => full,
        None => row.get(8)?,
    };
    let subject = subject_from(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    let subject = subject.ok_or(rusqlite::Error::InvalidQuery)?;
    item_from(subject, row.get(version)?, row.get(sequence)?, document).map(Current::Seen)
}

fn item_from(subject: Subject, version: i64, updated: i64, document: String) -> Result<Item, QueryError> {
    Ok(Item {
        kind: subject.kind,
        id: subject.id,
        stream_version: StreamVersion(version.cast_unsigned()),
        updated_sequence: Sequence(updated.cast_unsigned()),
        gone: false,
        document: RawValue::from_string(document)?,
    })
}

/// A record's number and who may see what of it; `None` when there is none.
fn standing(reader: &Reader, subject: Subject) -> Result<Option<(i64, Standing)>, QueryError> {
    let sql = "SELECT number, standing FROM record WHERE subject = ?1";
    let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
    let Some((number, beside)) = reader.statement(sql)?.query_row([subject_bytes(subject)], row).optional()? else {
        return Ok(None);
    };
    Ok(Some((number, Head::standing_beside(&beside)?)))
}

/// A version's row, as far as it says who may see it.
struct Version {
    stream_version: StreamVersion,
    from: Sequence,
    aside: bool,
}

impl Version {
    /// From the columns `stream_version`, `from_sequence` and `aside`.
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let stream_version = StreamVersion(row.get::<_, i64>(0)?.cast_unsigned());
        Ok(Self { stream_version, from: Sequence(row.get::<_, i64>(1)?.cast_unsigned()), aside: row.get(2)? })
    }

    /// Whether the reader may see it; `Some(true)`, all of it.
    fn seen(&self, standing: &Standing, identity: &ReaderIdentity) -> Option<bool> {
        let whole = standing.is_whole_at(identity, self.from);
        let shown = !self.aside && standing.sight(identity, self.from) == Sight::Whole;
        (whole || shown).then_some(whole)
    }

    fn item(&self, reader: &Reader, subject: Subject, whole: bool) -> Result<Item, QueryError> {
        let from = self.from.0.cast_signed();
        let (full, shown) = json(reader, from)?;
        let document = if whole { full } else { shown.unwrap_or(full) };
        item_from(subject, self.stream_version.0.cast_signed(), from, document)
    }
}

/// Every version of a record that the reader may see, oldest first; `None` when there is no such one.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn versions(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
) -> Result<Option<Vec<VersionSummary>>, QueryError> {
    let Some((number, standing)) = standing(reader, subject)? else { return Ok(None) };
    let sql = "SELECT stream_version, from_sequence, aside FROM version WHERE number = ?1 ORDER BY from_sequence";
    let mut statement = reader.statement(sql)?;
    let mut versions: Vec<VersionSummary> = Vec::new();
    for version in statement.query_map([number], Version::read)? {
        let version = version?;
        if version.seen(&standing, identity).is_none() {
            continue;
        }
        if let Some(last) = versions.last_mut() {
            last.to_sequence = Some(version.from);
        }
        let Version { stream_version, from, .. } = version;
        versions.push(VersionSummary { stream_version, from_sequence: from, to_sequence: None });
    }
    Ok((!versions.is_empty()).then_some(versions))
}

/// One version of a record, where the reader may see it today.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn version(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
    version: StreamVersion,
) -> Result<Option<Item>, QueryError> {
    let Some((number, standing)) = standing(reader, subject)? else { return Ok(None) };
    let sql = "SELECT stream_version, from_sequence, aside FROM version WHERE number = ?1 AND stream_version = ?2";
    let asked = params![number, version.0.cast_signed()];
    let version = reader.statement(sql)?.query_row(asked, Version::read).optional()?;
    let seen = version.and_then(|version| version.seen(&standing, identity).map(|whole| (version, whole)));
    seen.map(|(version, whole)| version.item(reader, subject, whole)).transpose()
}

/// A record as it was after the first `position` events, as far as the reader may see that today; `None` when it was not there yet,
/// or not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn record_as_of(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
    position: Sequence,
) -> Result<Option<Item>, QueryError> {
    let Some((number, standing)) = standing(reader, subject)? else { return Ok(None) };
    let sql = "SELECT stream_version, from_sequence, aside FROM version WHERE number = ?1 AND from_sequence < ?2 \
               ORDER BY from_sequence DESC";
    let mut statement = reader.statement(sql)?;
    let before = i64::try_from(position.0).unwrap_or(i64::MAX);
    for version in statement.query_map([number, before], Version::read)? {
        let version = version?;
        if let Some(whole) = version.seen(&standing, identity) {
            return version.item(reader, subject, whole).map(Some);
        }
    }
    Ok(None)
}

/// The item of a version whose record the reader was found to see.
pub(super) fn item_of_version(
    reader: &Reader,
    subject: Subject,
    (version, from): (i64, i64),
    whole: bool,
) -> Result<Item, QueryError> {
    let stream_version = StreamVersion(version.cast_unsigned());
    Version { stream_version, from: Sequence(from.cast_unsigned()), aside: false }.item(reader, subject, whole)
}
