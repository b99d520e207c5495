//! Lists as of the past: the versions that were current then, seen with today's rights. Without search and facets.

use super::{
    cursor::{self, Key},
    narrow::{Narrow, Sieve},
    query::{COUNT_LIMIT, Count, ListQuery, PAGE_LIMIT, Page, Sort},
    record::item_of_version,
};
use crate::{QueryError, ReaderIdentity, store::Reader};

/// The columns of a [`Narrow`], as they were: only visibility and names are today's.
const SQL: &str = "SELECT v.number, r.visibility, r.organisations, v.tags, v.from_sequence, v.starts_on, v.ends_on \
    FROM version v JOIN record r ON r.number = v.number \
    WHERE v.from_sequence < ?1 AND (v.to_sequence IS NULL OR v.to_sequence >= ?2) ORDER BY v.from_sequence DESC";

pub(super) fn list(
    reader: &Reader,
    identity: &ReaderIdentity,
    query: &ListQuery,
    sieve: &Sieve,
    after: Option<Key>,
) -> Result<Page, QueryError> {
    let as_of = query.as_of.unwrap_or(reader.position()).0.cast_signed();
    if query.q.is_some() || query.facets || !matches!(query.sort, Sort::Relevance | Sort::Updated) {
        let rule = "a list of the past takes no q, no facets, and no order but -updated";
        return Err(QueryError::refused("as-of-without-search", rule));
    }
    let limit = query.limit.clamp(1, PAGE_LIMIT);
    let before = after.map_or(as_of, |key| key.number.min(as_of));
    let mut found = Vec::new();
    let mut statement = reader.statement(SQL)?;
    let mut rows = statement.query([before, as_of])?;
    while let Some(row) = rows.next()? {
        if sieve.passes(row, identity)? {
            found.push(Narrow::read(row)?.updated);
            if found.len() > limit {
                break;
            }
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more).map(|from| Key { number: *from, ..Key::default() });
    let next_cursor = last.map(|key| cursor::encode(reader, query, &key)).transpose()?;
    let items = found.iter().map(|from| item_of_version(reader, identity, *from)).collect::<Result<_, _>>()?;
    let total = if query.total { Some(count(reader, identity, sieve, as_of)?) } else { None };
    Ok(Page { position: reader.position(), items, next_cursor, total, facets: None })
}

fn count(reader: &Reader, identity: &ReaderIdentity, sieve: &Sieve, as_of: i64) -> Result<Count, QueryError> {
    let mut statement = reader.statement(SQL)?;
    let mut rows = statement.query([as_of, as_of])?;
    let mut total = 0;
    while let Some(row) = rows.next()? {
        total += u32::from(sieve.passes(row, identity)?);
        if total > COUNT_LIMIT {
            break;
        }
    }
    Ok(Count::of(total))
}
