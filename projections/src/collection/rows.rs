//! The rows that a collection has of one record, and the record in memory that they are written from. How events become records
//! is not known here.

use super::{
    index::FoundBy,
    parts,
    versions::{self, Step},
};
use crate::{
    ApplyError,
    document::{Document, Head},
    store::codec::{circle_number, organisations_bytes, subject_bytes, tags_bytes, tags_from},
};
use convenio_events::{OrganisationId, Subject};
use rusqlite::{Connection, OptionalExtension as _, params};

/// A record in memory.
pub(super) struct Kept {
    pub(super) number: i64,
    pub(super) document: Document,
    /// The versions from which the next one may differ; empty where they have to be read from the file first.
    pub(super) path: Vec<Step>,
    /// About how many bytes it takes.
    pub(super) bytes: usize,
    pub(super) tags: Vec<u32>,
    /// Organisations that the record names, and their tags.
    pub(super) named: (Vec<OrganisationId>, Vec<u32>),
    /// The tags that the `tag` table has; empty for a record that is not in the file yet.
    pub(super) stored_tags: Vec<u32>,
    /// Where the current version waits in `versions`, if it does, and the last that is shown to everybody who sees the record.
    pub(super) waiting: Option<usize>,
    pub(super) waiting_shown: Option<usize>,
    /// The sequences that the `latest` table has.
    pub(super) stored_latest: Vec<i64>,
    /// What the `record` table has as `shown_sequence`.
    pub(super) stored_shown: Option<i64>,
    pub(super) touched: bool,
    pub(super) new: bool,
    pub(super) words_changed: bool,
    /// Whether its versions' tags are in `tag_span`.
    pub(super) spans: bool,
    /// As the index has its words.
    pub(super) found_by: FoundBy,
    /// As the `record` table has it.
    pub(super) place: Place,
}

/// What a record is sorted by. It seldom changes, and each part has an index.
#[derive(Default)]
pub(super) struct Place {
    pub(super) starts_on: Option<String>,
    pub(super) ends_on: Option<String>,
    pub(super) title: String,
}

/// The row of a record. An index whose columns an UPDATE does not name is not touched, so where the record stays in its place only
/// the index by age is.
pub(super) fn write_row(file: &Connection, subject: Subject, kept: &Kept, moved: bool) -> rusqlite::Result<()> {
    let head = &kept.document.head;
    let circle = circle_number(head.circle());
    let organisations = organisations_bytes(&head.organisations);
    let tags = tags_bytes(&kept.tags);
    let version = head.stream_version.0.cast_signed();
    let updated = head.updated.sequence.0.cast_signed();
    let (shown, shown_version) = (head.shown_sequence().0.cast_signed(), head.shown_version().0.cast_signed());
    let has_past = head.standing.has_past();
    if kept.new {
        let place = &kept.place;
        let sql = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
        file.prepare_cached(sql)?.execute(params![
            kept.number,
            subject_bytes(subject),
            circle,
            organisations,
            tags,
            version,
            updated,
            place.starts_on,
            place.ends_on,
            place.title,
            shown,
            shown_version,
            has_past,
            head.kept_beside(),
        ])?;
        return Ok(());
    }
    let sql = "UPDATE record SET visibility = ?2, organisations = ?3, tags = ?4, stream_version = ?5, \
               updated_sequence = ?6, shown_sequence = ?7, shown_version = ?8, has_past = ?9, standing = ?10 WHERE number = ?1";
    file.prepare_cached(sql)?.execute(params![
        kept.number,
        circle,
        organisations,
        tags,
        version,
        updated,
        shown,
        shown_version,
        has_past,
        head.kept_beside()
    ])?;
    if moved {
        let Place { starts_on, ends_on, title } = &kept.place;
        let sql = "UPDATE record SET starts_on = ?2, ends_on = ?3, title = ?4 WHERE number = ?1";
        file.prepare_cached(sql)?.execute(params![kept.number, starts_on, ends_on, title])?;
    }
    Ok(())
}

/// The events that are the last one of the record for somebody: for who sees all of it, for who sees less, and for whoever it was
/// hidden from.
pub(super) fn latest(document: &Document) -> Vec<i64> {
    let head = &document.head;
    let mut latest = head.standing.hidings();
    latest.extend([head.updated.sequence, head.shown_sequence()]);
    let mut latest: Vec<i64> = latest.into_iter().map(|sequence| sequence.0.cast_signed()).collect();
    latest.sort_unstable();
    latest.dedup();
    latest
}

/// Brings the rows of one record in `latest` up to date.
pub(super) fn write_latest(file: &Connection, kept: &Kept, latest: &[i64]) -> rusqlite::Result<()> {
    let mut delete = file.prepare_cached("DELETE FROM latest WHERE sequence = ?1")?;
    let mut gone = kept.stored_latest.iter().filter(|sequence| !latest.contains(sequence));
    gone.try_for_each(|sequence| delete.execute([sequence]).map(|_| ()))?;
    let mut insert = file.prepare_cached("INSERT INTO latest VALUES (?1, ?2)")?;
    let mut new = latest.iter().filter(|sequence| !kept.stored_latest.contains(sequence));
    new.try_for_each(|sequence| insert.execute([*sequence, kept.number]).map(|_| ()))
}

/// Makes `latest` from what all records have.
pub(super) fn make_latest(file: &Connection) -> Result<(), ApplyError> {
    let sql = "SELECT number, updated_sequence, shown_sequence, has_past, standing FROM record";
    let mut rows = Vec::new();
    let mut select = file.prepare(sql)?;
    let mut records = select.query([])?;
    while let Some(row) = records.next()? {
        let (number, updated, shown): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        rows.push((updated, number));
        rows.push((shown, number));
        if row.get(3)? {
            let standing = Head::standing_beside(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)?;
            rows.extend(standing.hidings().into_iter().map(|hidden| (hidden.0.cast_signed(), number)));
        }
    }
    rows.sort_unstable();
    rows.dedup();
    let mut insert = file.prepare("INSERT INTO latest VALUES (?1, ?2)")?;
    Ok(rows.into_iter().try_for_each(|row| insert.execute(row).map(|_| ()))?)
}

pub(super) fn span(document: &Document) -> (Option<String>, Option<String>) {
    let (starts_on, ends_on) = document.span();
    (starts_on.map(|date| date.to_string()), ends_on.map(|date| date.to_string()))
}

/// The record of a subject as the file has it.
pub(super) fn load(file: &Connection, subject: Subject) -> Result<Option<Kept>, ApplyError> {
    let sql = "SELECT number, tags, updated_sequence, starts_on, ends_on, title, \
               EXISTS (SELECT 1 FROM tag_span WHERE tag_span.number = record.number), standing \
               FROM record WHERE subject = ?1";
    let row = file
        .prepare_cached(sql)?
        .query_row([subject_bytes(subject)], |row| {
            let place = Place { starts_on: row.get(3)?, ends_on: row.get(4)?, title: row.get(5)? };
            let numbers = (row.get::<_, i64>(0)?, row.get::<_, i64>(2)?);
            Ok((numbers, row.get::<_, Vec<u8>>(1)?, place, row.get(6)?, row.get::<_, String>(7)?))
        })
        .optional()?;
    let Some(((number, updated), tags, place, spans, beside)) = row else { return Ok(None) };
    let path = versions::load_path(file, updated)?;
    let json = path.last().map(|step| &*step.json).unwrap_or_default();
    let mut document = Document::from_json(subject.kind, json)?;
    document.head.take_beside(&beside)?;
    parts::restore(file, number, &mut document)?;
    let tags: Vec<u32> = tags_from(&tags).collect();
    Ok(Some(Kept {
        number,
        bytes: 0,
        path,
        stored_tags: tags.clone(),
        tags,
        named: Default::default(),
        waiting: None,
        waiting_shown: None,
        stored_latest: latest(&document),
        stored_shown: Some(document.head.shown_sequence().0.cast_signed()),
        touched: false,
        new: false,
        words_changed: false,
        spans,
        found_by: FoundBy::of(document.head.circle()),
        place,
        document,
    }))
}
