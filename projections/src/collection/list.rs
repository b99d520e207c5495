//! Lists: search, filters, order, pages. Every row is judged by visibility and filters before it is counted or shown.

use super::{
    counted::{Counts, Question},
    cursor::{self, Key},
    facets::Facets,
    narrow::{ALL, BY_NUMBER, COLUMNS, Narrow, Sieve},
    query::{COUNT_LIMIT, Count, ListQuery, PAGE_LIMIT, Page, Sort},
    record::item,
    search::{MATCHES_LIMIT, Search},
};
use crate::{QueryError, ReaderIdentity, store::Reader};
use rusqlite::{Row, Rows, ToSql, params};

/// Where at most so many records have a tag that is asked for, they are looked at one by one; where more, in the order asked for.
const SET_LIMIT: i64 = 4_000;
/// The most records that one question looks at; what is beyond is not found. It bounds a question's time.
const ROWS_LIMIT: usize = 200_000;
/// How many matches of a search are looked at in one go.
const SEARCH_CHUNK: usize = 256;

/// One page of the records that match and that the reader may see.
///
/// # Errors
/// [`QueryError::Refused`] with `cursor-invalid`, `as-of-without-search`, `too-many-values` or `wrong-view`; else when the view
/// cannot be read.
pub fn list(reader: &Reader, identity: &ReaderIdentity, query: &ListQuery) -> Result<Page, QueryError> {
    let sieve = Sieve::new(reader, query)?;
    let after = cursor::decode(query)?;
    if query.as_of.is_some() {
        return super::past::list(reader, identity, query, &sieve, after);
    }
    let lister = Lister { reader, identity, query, sieve };
    let search = match query.q.as_deref() {
        Some(q) => match Search::new(q) {
            Some(search) => Some(search),
            None => return Ok(empty(reader, query)),
        },
        None => None,
    };
    if lister.sieve.is_empty() {
        return Ok(empty(reader, query));
    }
    let mut page = lister.page(search.as_ref(), after.as_ref())?;
    if query.total || query.facets {
        lister.count(search.as_ref(), &mut page)?;
    }
    Ok(page)
}

fn empty(reader: &Reader, query: &ListQuery) -> Page {
    Page {
        position: reader.position(),
        items: Vec::new(),
        next_cursor: None,
        total: query.total.then_some(Count::Exactly(0)),
        facets: query.facets.then(Default::default),
    }
}

/// One question on one snapshot.
struct Lister<'a> {
    reader: &'a Reader,
    identity: &'a ReaderIdentity,
    query: &'a ListQuery,
    sieve: Sieve,
}

/// What was found so far: keys and numbers, one more than the page holds.
struct Found {
    rows: Vec<(Key, i64)>,
    wanted: usize,
}

impl Found {
    fn is_full(&self) -> bool {
        self.rows.len() >= self.wanted
    }
}

impl Lister<'_> {
    fn sort(&self) -> Sort {
        match self.query.sort {
            Sort::Relevance if self.query.q.is_none() => Sort::Updated,
            sort => sort,
        }
    }

    fn page(&self, search: Option<&Search>, after: Option<&Key>) -> Result<Page, QueryError> {
        let limit = self.query.limit.clamp(1, PAGE_LIMIT);
        let mut found = Found { rows: Vec::new(), wanted: limit + 1 };
        match search {
            Some(search) if self.sort() == Sort::Relevance => self.by_relevance(search, after, &mut found)?,
            _ => match self.set(search)? {
                Some(numbers) => self.among(&numbers, after, &mut found)?,
                None => self.in_order(after, &mut found)?,
            },
        }
        let more = found.rows.len() > limit;
        found.rows.truncate(limit);
        let next_cursor = found.rows.last().filter(|_| more).map(|(key, _)| cursor::encode(self.query, key));
        let mut items = Vec::with_capacity(found.rows.len());
        for (_, number) in &found.rows {
            items.push(item(self.reader, self.identity, *number)?);
        }
        Ok(Page { position: self.reader.position(), items, next_cursor, total: None, facets: None })
    }

    /// The records to look at, where they are few.
    fn set(&self, search: Option<&Search>) -> Result<Option<Vec<i64>>, QueryError> {
        if let Some(search) = search {
            return Ok(Some(search.numbers(self.reader, &search.beginning, i64::MAX, MATCHES_LIMIT)?));
        }
        let Some((tags, _)) = self.sieve.narrowest().filter(|(_, records)| *records <= SET_LIMIT) else {
            return Ok(None);
        };
        let mut statement = self.reader.statement("SELECT number FROM tag WHERE tag = ?1")?;
        let mut numbers = Vec::new();
        for tag in tags {
            let rows = statement.query_map([tag], |row| row.get(0))?;
            for number in rows {
                numbers.push(number?);
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(Some(numbers))
    }

    fn narrow(&self, number: i64) -> Result<Option<Narrow>, QueryError> {
        let mut statement = self.reader.statement(BY_NUMBER)?;
        let mut rows = statement.query([number])?;
        match rows.next()? {
            Some(row) if self.sieve.passes(row, self.identity)? => Ok(Some(Narrow::read(row)?)),
            _ => Ok(None),
        }
    }

    fn key(&self, row: &Narrow) -> Result<Key, QueryError> {
        let dated = |date: &Option<String>| Key {
            group: u8::from(date.is_none()),
            text: date.clone().unwrap_or_default(),
            number: row.number,
        };
        Ok(match self.sort() {
            Sort::Relevance | Sort::Created => Key { number: row.number, ..Key::default() },
            Sort::Updated => Key { number: row.updated, ..Key::default() },
            Sort::Ends => dated(&row.ends_on),
            Sort::Starts => dated(&row.starts_on),
            Sort::Title => {
                let mut statement = self.reader.statement("SELECT title FROM record WHERE number = ?1")?;
                Key { text: statement.query_row([row.number], |title| title.get(0))?, number: row.number, group: 0 }
            }
        })
    }

    fn among(&self, numbers: &[i64], after: Option<&Key>, found: &mut Found) -> Result<(), QueryError> {
        let sort = self.sort();
        for number in numbers {
            let Some(row) = self.narrow(*number)? else { continue };
            let key = self.key(&row)?;
            if after.is_none_or(|after| key.compare(after, sort).is_gt()) {
                found.rows.push((key, row.number));
            }
        }
        found.rows.sort_by(|(one, _), (other, _)| one.compare(other, sort));
        found.rows.truncate(found.wanted);
        Ok(())
    }

    fn by_relevance(&self, search: &Search, after: Option<&Key>, found: &mut Found) -> Result<(), QueryError> {
        let (reached, before) = after.map_or((0, i64::MAX), |key| (key.group, key.number));
        // Each way to match finds all that the ways before it find: those were shown already.
        let ways = [
            (&search.in_title, None),
            (&search.whole, Some(&search.in_title)),
            (&search.beginning, Some(&search.whole)),
        ];
        for (group, (question, shown)) in (0..).zip(ways).filter(|(group, _)| *group >= reached) {
            let before = if group == reached { before } else { i64::MAX };
            self.walk(search, (question, shown), before, group, found)?;
            if found.is_full() {
                break;
            }
        }
        Ok(())
    }

    /// Goes through the matches of a question from the newest on, but those that another one has shown, until the page is full.
    fn walk(
        &self,
        search: &Search,
        (question, shown): (&String, Option<&String>),
        mut before: i64,
        group: u8,
        found: &mut Found,
    ) -> Result<(), QueryError> {
        let mut looked_at = 0;
        let mut chunk = found.wanted;
        while looked_at < MATCHES_LIMIT {
            let numbers = search.numbers(self.reader, question, before, chunk)?;
            for number in &numbers {
                let known = match shown {
                    Some(shown) => search.matches(self.reader, shown, *number)?,
                    None => false,
                };
                if !known && self.narrow(*number)?.is_some() {
                    found.rows.push((Key { group, number: *number, ..Key::default() }, *number));
                    if found.is_full() {
                        return Ok(());
                    }
                }
            }
            looked_at += numbers.len();
            match numbers.last() {
                Some(last) if numbers.len() == chunk => before = *last,
                _ => return Ok(()),
            }
            chunk = SEARCH_CHUNK;
        }
        Ok(())
    }

    /// Goes through all records in the order asked for, by an index, until the page is full.
    fn in_order(&self, after: Option<&Key>, found: &mut Found) -> Result<(), QueryError> {
        let scan = |clause: &str| format!("SELECT {COLUMNS} FROM record WHERE {clause}");
        let start = after.cloned();
        match self.sort() {
            Sort::Updated => {
                let before = start.map_or(i64::MAX, |key| key.number);
                self.scan(&scan("updated_sequence < ?1 ORDER BY updated_sequence DESC"), &[&before], found)
            }
            Sort::Relevance | Sort::Created => {
                let before = start.map_or(i64::MAX, |key| key.number);
                self.scan(&scan("number < ?1 ORDER BY number DESC"), &[&before], found)
            }
            Sort::Title => {
                let Key { text, number, .. } = start.unwrap_or(Key { number: -1, ..Key::default() });
                self.scan(&scan("(title, number) > (?1, ?2) ORDER BY title, number"), params![text, number], found)
            }
            Sort::Ends => {
                let Key { group, text, number } = start.unwrap_or(Key { number: -1, ..Key::default() });
                if group == 0 {
                    let sql = scan("ends_on IS NOT NULL AND (ends_on, number) > (?1, ?2) ORDER BY ends_on, number");
                    self.scan(&sql, params![text, number], found)?;
                }
                let number = if group == 0 { -1 } else { number };
                self.scan(&scan("ends_on IS NULL AND number > ?1 ORDER BY number"), &[&number], found)
            }
            Sort::Starts => {
                let Key { group, text, number } =
                    start.unwrap_or(Key { group: 0, text: "~".to_owned(), number: i64::MAX });
                if group == 0 {
                    let sql = scan(
                        "starts_on IS NOT NULL AND (starts_on, number) < (?1, ?2) ORDER BY starts_on DESC, number DESC",
                    );
                    self.scan(&sql, params![text, number], found)?;
                }
                let number = if group == 0 { i64::MAX } else { number };
                self.scan(&scan("starts_on IS NULL AND number < ?1 ORDER BY number DESC"), &[&number], found)
            }
        }
    }

    fn scan(&self, sql: &str, start: &[&dyn ToSql], found: &mut Found) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(sql)?;
        let mut rows = statement.query(start)?;
        self.each(&mut rows, |row| {
            let row = Narrow::read(row)?;
            found.rows.push((self.key(&row)?, row.number));
            Ok(!found.is_full())
        })
    }

    /// Hands on each row that passes, until told to stop or too many were looked at.
    fn each(
        &self,
        rows: &mut Rows<'_>,
        mut take: impl FnMut(&Row<'_>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            looked_at += 1;
            if self.sieve.passes(row, self.identity)? && !take(row)? || looked_at == ROWS_LIMIT {
                break;
            }
        }
        Ok(())
    }

    /// Counts all that match, whatever page they are on.
    fn count(&self, search: Option<&Search>, page: &mut Page) -> Result<(), QueryError> {
        let (counted, question) = (&self.reader.pool().counted, Question::new(self.query, self.identity));
        let counts = match counted.get(self.reader.position(), &question) {
            Some(counts) => counts,
            None => {
                let counts = self.tally(search)?;
                counted.put(self.reader.position(), question, counts.clone());
                counts
            }
        };
        page.total = self.query.total.then_some(counts.total);
        page.facets = counts.facets;
        Ok(())
    }

    fn tally(&self, search: Option<&Search>) -> Result<Counts, QueryError> {
        let mut tally = Tally { total: 0, facets: self.query.facets.then(Facets::default) };
        match search {
            // Where whole words alone match often enough, beginnings need no look.
            Some(search) if tally.facets.is_none() => {
                self.tally_numbers(&search.numbers(self.reader, &search.whole, i64::MAX, MATCHES_LIMIT)?, &mut tally)?;
                if !tally.is_done() {
                    tally.total = 0;
                    self.tally_set(Some(search), &mut tally)?;
                }
            }
            _ => self.tally_set(search, &mut tally)?,
        }
        let facets = tally.facets.map(|facets| facets.named(self.reader)).transpose()?;
        Ok(Counts { total: Count::of(tally.total), facets })
    }

    fn tally_set(&self, search: Option<&Search>, tally: &mut Tally) -> Result<(), QueryError> {
        if let Some(numbers) = self.set(search)? {
            return self.tally_numbers(&numbers, tally);
        }
        let mut statement = self.reader.statement(ALL)?;
        self.each(&mut statement.query([])?, |row| tally.take(row))
    }

    fn tally_numbers(&self, numbers: &[i64], tally: &mut Tally) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(BY_NUMBER)?;
        for number in numbers {
            let mut rows = statement.query([number])?;
            if let Some(row) = rows.next()?
                && self.sieve.passes(row, self.identity)?
                && !tally.take(row)?
            {
                break;
            }
        }
        Ok(())
    }
}

/// What was counted so far.
struct Tally {
    total: u32,
    facets: Option<Facets>,
}

impl Tally {
    /// Counts one more; false when that is enough.
    fn take(&mut self, row: &Row<'_>) -> Result<bool, QueryError> {
        self.total += 1;
        if let Some(facets) = &mut self.facets {
            facets.add(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?);
        }
        Ok(!self.is_done())
    }

    fn is_done(&self) -> bool {
        self.facets.is_none() && self.total > COUNT_LIMIT
    }
}
