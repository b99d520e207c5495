//! The rows of a record's lists that grow with its life: an item a row, from the event that made it so to the one that changed it.
//! What an item is, is the document's business.

use super::{query::PAGE_BYTES_LIMIT, rows::Kept};
use crate::{
    ApplyError, QueryError, ReaderIdentity,
    document::{Attested, Document, Head, PART_PAGE_LIMIT, PartKind},
    sequence_cursor::SequenceCursor,
    standing::Standing,
    store::{
        Reader,
        codec::{circle_from, organisations_from, subject_bytes},
    },
};
use convenio_events::{Event, Sequence, Subject};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde_json::value::RawValue;

/// A page of the items of one list of a record.
#[derive(Clone, Debug, Serialize)]
pub struct PartPage {
    /// How many events had been folded when it was true.
    #[serde(skip)]
    pub position: Sequence,
    /// The items, in the order in which they were added.
    pub items: Vec<Box<RawValue>>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<SequenceCursor>,
}

/// The number of a list in the file.
const fn number(kind: PartKind) -> i64 {
    match kind {
        PartKind::Sites => 0,
        PartKind::Affiliations => 1,
        PartKind::Reservations => 2,
        PartKind::Participation => 3,
        PartKind::Sessions => 4,
        PartKind::Visits => 5,
        PartKind::Screenings => 6,
    }
}

/// Writes what an event made of a record's items. The record is as the event left it.
pub(super) fn write(file: &Connection, kept: &Kept, event: &Event) -> Result<(), ApplyError> {
    let sequence = event.sequence.0.cast_signed();
    let mut done = Vec::new();
    for (kind, key) in kept.document.touched(event) {
        if done.contains(&(kind, key)) {
            continue;
        }
        done.push((kind, key));
        let find = "SELECT position, from_sequence, json FROM part \
                    WHERE number = ?1 AND kind = ?2 AND key = ?3 AND to_sequence IS NULL";
        let stored: Option<(i64, i64, String)> = file
            .prepare_cached(find)?
            .query_row(params![kept.number, number(kind), key], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        let now = kept.document.part(kind, key, stored.as_ref().map(|(_, _, json)| &**json))?;
        if stored.as_ref().map(|(_, _, json)| json) == now.as_ref().map(|now| &now.json) {
            continue;
        }
        if let Some((position, from, _)) = &stored {
            let end = "UPDATE part SET to_sequence = ?4 WHERE number = ?1 AND kind = ?2 AND position = ?3 AND from_sequence = ?5";
            file.prepare_cached(end)?.execute(params![kept.number, number(kind), position, sequence, from])?;
        }
        if let Some(now) = now {
            let position = match stored {
                Some((position, ..)) => position,
                None => next_position(file, kept.number, kind)?,
            };
            let insert = "INSERT INTO part (number, kind, position, from_sequence, key, restricted, json) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            file.prepare_cached(insert)?.execute(params![
                kept.number,
                number(kind),
                position,
                sequence,
                key,
                now.restricted,
                now.json
            ])?;
        }
    }
    Ok(())
}

fn next_position(file: &Connection, record: i64, kind: PartKind) -> rusqlite::Result<i64> {
    let sql = "SELECT COALESCE(MAX(position), 0) + 1 FROM part WHERE number = ?1 AND kind = ?2";
    file.prepare_cached(sql)?.query_row((record, number(kind)), |row| row.get(0))
}

/// Gives a record that was read from its JSON the items that are on no first page.
pub(super) fn restore(file: &Connection, record: i64, document: &mut Document) -> Result<(), ApplyError> {
    for kind in document.longer_lists() {
        let sql = "SELECT json FROM part WHERE number = ?1 AND kind = ?2 AND to_sequence IS NULL ORDER BY position";
        let mut statement = file.prepare_cached(sql)?;
        let mut rows = statement.query((record, number(kind)))?;
        let mut beyond = document.shown(kind);
        while let Some(row) = rows.next()? {
            match beyond.checked_sub(1) {
                Some(left) => beyond = left,
                None => document.restore(kind, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
            }
        }
    }
    Ok(())
}

/// An item as those are told who saw less of the record once: nothing in it is older than when they learnt of it.
fn told(kind: PartKind, json: String, standing: &Standing) -> Result<String, QueryError> {
    match kind {
        PartKind::Participation => {
            let mut one: Attested = serde_json::from_str(&json)?;
            one.since = standing.told(one.since);
            Ok(serde_json::to_string(&one)?)
        }
        PartKind::Sites
        | PartKind::Affiliations
        | PartKind::Reservations
        | PartKind::Sessions
        | PartKind::Visits
        | PartKind::Screenings => Ok(json),
    }
}

/// A page of the items of one list of a record, seen with today's rights; `None` when the record is not there or not the reader's to
/// see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn parts(
    reader: &Reader,
    identity: &ReaderIdentity,
    subject: Subject,
    kind: PartKind,
    cursor: Option<SequenceCursor>,
    limit: usize,
) -> Result<Option<PartPage>, QueryError> {
    let record = "SELECT number, visibility, organisations, has_past, standing FROM record WHERE subject = ?1";
    let record = reader.statement(record)?.query_row([subject_bytes(subject)], |row| {
        let organisations = organisations_from(row.get_ref(2)?.as_blob()?);
        let seen = identity.may_see(circle_from(row.get(1)?), &organisations);
        let everything = identity.admin_or_auditor || identity.is_one_of(&organisations);
        let past: Option<String> = if !everything && row.get(3)? { Some(row.get(4)?) } else { None };
        Ok(seen.then_some((row.get::<_, i64>(0)?, everything, past)))
    });
    let Some((record, everything, past)) = record.optional()?.flatten() else { return Ok(None) };
    let past = past.map(|past| Head::standing_beside(&past)).transpose()?;
    let sql = "SELECT position, json FROM part WHERE number = ?1 AND kind = ?2 AND position > ?3 AND to_sequence IS NULL \
               AND (?4 OR NOT restricted) ORDER BY position LIMIT ?5 OFFSET ?6";
    let limit = limit.clamp(1, PART_PAGE_LIMIT);
    let after = cursor.map_or(0, |SequenceCursor(after)| i64::try_from(after.0).unwrap_or(i64::MAX));
    // Positions count what is restricted, too: whoever does not see that goes on by what it was shown.
    let (position, passed) = if everything { (after, 0) } else { (0, after) };
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query(params![record, number(kind), position, everything, limit as i64 + 1, passed])?;
    let mut page = PartPage { position: reader.position(), items: Vec::new(), next_cursor: None };
    let (mut bytes, mut last) = (0, 0_i64);
    while let Some(row) = rows.next()? {
        let json = match &past {
            Some(standing) => told(kind, row.get(1)?, standing)?,
            None => row.get(1)?,
        };
        bytes += json.len();
        if page.items.len() == limit || (bytes > PAGE_BYTES_LIMIT && !page.items.is_empty()) {
            let shown = passed.saturating_add_unsigned(page.items.len() as u64);
            let next = if everything { last } else { shown };
            page.next_cursor = Some(SequenceCursor(Sequence(next.cast_unsigned())));
            break;
        }
        last = row.get(0)?;
        page.items.push(RawValue::from_string(json)?);
    }
    Ok(Some(page))
}
