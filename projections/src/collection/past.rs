//! Lists as of the past: the versions that were current then, seen with today's rights. Without search and facets.

use super::{
    cursor::{self, Key},
    list::until_full,
    query::{COUNT_LIMIT, Count, ListQuery, PAGE_LIMIT, Page},
    record::item_of_version,
    row_filter::{RowFilter, is_whole},
};
use crate::{
    QueryError, ReaderIdentity,
    document::Head,
    standing::Sight,
    store::{Reader, codec::subject_from},
};
use convenio_events::{Sequence, Subject};
use rusqlite::Row;

/// The columns of a [`PassedRow`], as they were: only visibility and names are today's. A version may be current for one reader and not
/// for another, who does not learn of the event that ended it.
const SQL: &str = "SELECT v.number, r.visibility, r.organisations, v.tags, v.from_sequence, v.starts_on, v.ends_on, v.from_sequence, \
    v.aside, v.to_sequence, v.shown_to_sequence, r.has_past, r.standing, r.subject, v.stream_version \
    FROM version v JOIN record r ON r.number = v.number \
    WHERE v.from_sequence < ?1 AND (v.to_sequence IS NULL OR v.to_sequence >= ?2 \
    OR v.aside = 0 AND (v.shown_to_sequence IS NULL OR v.shown_to_sequence >= ?2)) ORDER BY v.from_sequence DESC";

/// One version that was current then.
struct Found {
    subject: Subject,
    stream_version: i64,
    from: i64,
    whole: bool,
}

/// The version of a row, where it was the current one for the reader and is among those asked for.
fn found(
    reader: &Reader,
    row: &Row<'_>,
    identity: &ReaderIdentity,
    filter: &RowFilter,
    as_of: i64,
) -> Result<Option<Found>, QueryError> {
    if !filter.passed(reader, row, identity)? {
        return Ok(None);
    }
    let (whole, from): (bool, i64) = (is_whole(row, identity)?, row.get(4)?);
    let end: Option<i64> = row.get(if whole { 9 } else { 10 })?;
    if end.is_some_and(|end| end < as_of) || !whole && row.get(8)? {
        return Ok(None);
    }
    if !whole && row.get(11)? {
        let standing = Head::standing_beside(row.get_ref(12)?.as_str().map_err(rusqlite::Error::from)?)?;
        if standing.sight(identity, Sequence(from.cast_unsigned())) != Sight::Whole {
            return Ok(None);
        }
    }
    let subject = subject_from(row.get_ref(13)?.as_blob().map_err(rusqlite::Error::from)?);
    let subject = subject.ok_or(rusqlite::Error::InvalidQuery)?;
    Ok(Some(Found { subject, stream_version: row.get(14)?, from, whole }))
}

pub(super) fn list(
    reader: &Reader,
    identity: &ReaderIdentity,
    query: &ListQuery,
    filter: &RowFilter,
    after: Option<Key>,
) -> Result<Page, QueryError> {
    let as_of = query.as_of.unwrap_or(reader.position()).0.cast_signed();
    query.check(true)?;
    let limit = query.limit.clamp(1, PAGE_LIMIT);
    let before = after.map_or(as_of, |key| key.number.min(as_of));
    let mut items = Vec::new();
    let mut statement = reader.statement(SQL)?;
    let mut rows = statement.query([before, as_of])?;
    while let Some(row) = rows.next()? {
        items.extend(found(reader, row, identity, filter, as_of)?);
        if items.len() > limit {
            break;
        }
    }
    let item = |one: &Found| item_of_version(reader, one.subject, (one.stream_version, one.from), one.whole);
    let shown = until_full(items.iter().take(limit).map(item))?;
    let more = items.len() > shown.len();
    let last = shown.len().checked_sub(1).and_then(|last| items.get(last)).filter(|_| more);
    let last = last.map(|last| Key { number: last.from, ..Key::default() });
    let next_cursor = last.map(|key| cursor::encode(query, &key));
    let items = shown;
    let total = if query.total { Some(count(reader, identity, filter, as_of)?) } else { None };
    Ok(Page { position: reader.position(), items, next_cursor, total, facets: None })
}

fn count(reader: &Reader, identity: &ReaderIdentity, filter: &RowFilter, as_of: i64) -> Result<Count, QueryError> {
    let mut statement = reader.statement(SQL)?;
    let mut rows = statement.query([as_of, as_of])?;
    let mut total = 0;
    while let Some(row) = rows.next()? {
        total += u32::from(found(reader, row, identity, filter, as_of)?.is_some());
        if total > COUNT_LIMIT {
            break;
        }
    }
    Ok(Count::of(total))
}
