//! The rows that a collection has of one record, and the record in memory that they are written from. How events become records
//! is not known here.

use crate::{
    ApplyError,
    document::Document,
    store::codec::{circle_number, organisations_bytes, subject_bytes, tags_bytes, tags_from},
};
use convenio_events::Subject;
use rusqlite::{Connection, OptionalExtension as _, params};

/// A record in memory.
pub(super) struct Kept {
    pub(super) number: i64,
    pub(super) document: Document,
    pub(super) tags: Vec<u32>,
    /// The tags that the `tag` table has; empty for a record that is not in the file yet.
    pub(super) stored_tags: Vec<u32>,
    /// Where the current version waits in `versions`, if it does.
    pub(super) waiting: Option<usize>,
    pub(super) touched: bool,
    pub(super) new: bool,
    pub(super) words_changed: bool,
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

/// A version that waits to be written.
pub(super) struct Version {
    pub(super) from: i64,
    pub(super) number: i64,
    pub(super) to: Option<i64>,
    pub(super) stream_version: i64,
    pub(super) starts_on: Option<String>,
    pub(super) ends_on: Option<String>,
    pub(super) tags: Vec<u8>,
    pub(super) shown: String,
    pub(super) full: Option<String>,
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
    if kept.new {
        let place = &kept.place;
        file.prepare_cached("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")?.execute(
            params![
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
            ],
        )?;
        return Ok(());
    }
    let sql = "UPDATE record SET visibility = ?2, organisations = ?3, tags = ?4, stream_version = ?5, \
               updated_sequence = ?6 WHERE number = ?1";
    file.prepare_cached(sql)?.execute(params![kept.number, circle, organisations, tags, version, updated])?;
    if moved {
        let Place { starts_on, ends_on, title } = &kept.place;
        let sql = "UPDATE record SET starts_on = ?2, ends_on = ?3, title = ?4 WHERE number = ?1";
        file.prepare_cached(sql)?.execute(params![kept.number, starts_on, ends_on, title])?;
    }
    Ok(())
}

pub(super) fn span(document: &Document) -> (Option<String>, Option<String>) {
    let (starts_on, ends_on) = document.span();
    (starts_on.map(|date| date.to_string()), ends_on.map(|date| date.to_string()))
}

pub(super) fn version(kept: &Kept) -> Version {
    let document = &kept.document;
    let (starts_on, ends_on) = span(document);
    let everything = document.to_json();
    let (shown, full) = match document.without_secrets() {
        Some(shown) => (shown.to_json(), Some(everything)),
        None => (everything, None),
    };
    Version {
        from: document.head.updated.sequence.0.cast_signed(),
        number: kept.number,
        to: None,
        stream_version: document.head.stream_version.0.cast_signed(),
        starts_on,
        ends_on,
        tags: tags_bytes(&kept.tags),
        shown,
        full,
    }
}

pub(super) fn load(file: &Connection, subject: Subject) -> Result<Option<Kept>, ApplyError> {
    let sql = "SELECT r.number, r.tags, COALESCE(d.full, d.shown), r.starts_on, r.ends_on, r.title \
               FROM record r JOIN document d ON d.from_sequence = r.updated_sequence WHERE r.subject = ?1";
    let row = file
        .prepare_cached(sql)?
        .query_row([subject_bytes(subject)], |row| {
            let place = Place { starts_on: row.get(3)?, ends_on: row.get(4)?, title: row.get(5)? };
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(2)?, place))
        })
        .optional()?;
    let Some((number, tags, json, place)) = row else { return Ok(None) };
    let tags: Vec<u32> = tags_from(&tags).collect();
    Ok(Some(Kept {
        number,
        document: Document::from_json(subject.kind, &json)?,
        stored_tags: tags.clone(),
        tags,
        waiting: None,
        touched: false,
        new: false,
        words_changed: false,
        place,
    }))
}
