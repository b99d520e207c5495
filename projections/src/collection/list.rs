//! Lists: search, filters, order, pages. Every row is judged by visibility and filters before it is counted or shown.

use super::{
    cursor::{self, Key},
    plan::{Plan, Scope},
    query::{Count, Item, ListQuery, PAGE_BYTES_LIMIT, PAGE_LIMIT, Page, Sort},
    record::{gone, item},
    row_filter::{BY_NUMBER, PassedRow, RowFilter},
    search::{Fit, RecordWords, Search},
    words::WordList,
};
use crate::{QueryError, ReaderIdentity, store::Reader};

/// Where at most so many records have a tag that is asked for, they are looked at one by one; where more, in the order asked for.
const SET_LIMIT: i64 = 4_000;
/// The most records that one question looks at; what is beyond is not found. It bounds a question's time.
pub(super) const ROWS_LIMIT: usize = 200_000;
/// Records of a frequent word are first looked for among so many in the order asked for.
const FIRST_LOOK: usize = 4_000;
/// The most records of a search that are sorted; of more, enough are found in any order.
const MATCHES_LIMIT: usize = 10_000;

/// One page of the records that match and that the reader may see.
///
/// # Errors
/// [`QueryError::Refused`] with `cursor-invalid`, `as-of-without-search`, `too-many-values` or `wrong-view`; else when the view
/// cannot be read.
pub fn list(reader: &Reader, identity: &ReaderIdentity, query: &ListQuery) -> Result<Page, QueryError> {
    let filter = RowFilter::new(reader, query)?;
    let after = cursor::decode(query)?;
    if query.as_of.is_some() {
        return super::past::list(reader, identity, query, &filter, after);
    }
    let search = match query.q.as_deref() {
        Some(q) => match Search::new(q) {
            Some(search) => Some(search),
            None => return Ok(empty(reader, query)),
        },
        None => None,
    };
    let scope = match &search {
        Some(_) => Scope::of(reader, identity)?,
        None => Scope::default(),
    };
    let lister = Lister { reader, identity, query, filter, search, scope };
    if lister.filter.is_empty() {
        return Ok(empty(reader, query));
    }
    let mut page = lister.page(after.as_ref())?;
    if query.total || query.facets {
        lister.count(&mut page)?;
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

/// As many of these as a page holds, and one at least.
pub(super) fn until_full(items: impl Iterator<Item = Result<Item, QueryError>>) -> Result<Vec<Item>, QueryError> {
    let (mut full, mut bytes) = (Vec::new(), 0);
    for item in items {
        let item = item?;
        bytes += item.document.get().len();
        if bytes > PAGE_BYTES_LIMIT && !full.is_empty() {
            break;
        }
        full.push(item);
    }
    Ok(full)
}

/// One question on one snapshot.
pub(super) struct Lister<'a> {
    pub(super) reader: &'a Reader,
    pub(super) identity: &'a ReaderIdentity,
    pub(super) query: &'a ListQuery,
    pub(super) filter: RowFilter,
    pub(super) search: Option<Search>,
    pub(super) scope: Scope,
}

/// What was found so far: keys and numbers, one more than the page holds.
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    wanted: usize,
}

/// One record that was found.
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) number: i64,
    /// It is no longer the reader's to see.
    pub(super) gone: bool,
}

impl Found {
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= self.wanted
    }

    pub(super) fn push(&mut self, key: Key, number: i64) {
        self.rows.push(Row { key, number, gone: false });
    }
}

impl Lister<'_> {
    fn page(&self, after: Option<&Key>) -> Result<Page, QueryError> {
        let limit = self.query.limit.clamp(1, PAGE_LIMIT);
        let mut found = Found { rows: Vec::new(), wanted: limit + 1 };
        match &self.search {
            Some(search) => self.find(search, after, &mut found)?,
            None => match self.few_tags() {
                // What is gone has no tags that could be told.
                Some((tags, _)) if self.filter.since.is_none() || self.query.order() != Sort::Updated => {
                    self.among(&self.tagged(tags)?, after, &mut found)?;
                }
                _ => drop(self.in_order(after, ROWS_LIMIT, &mut found)?),
            },
        }
        let items = until_full(found.rows.iter().take(limit).map(|row| match row.gone {
            true => gone(self.reader, row.number),
            false => item(self.reader, self.identity, row.number),
        }))?;
        let more = found.rows.len() > items.len();
        let last = items.len().checked_sub(1).and_then(|last| found.rows.get(last)).filter(|_| more);
        let next_cursor = last.map(|row| cursor::encode(self.query, &row.key));
        Ok(Page { position: self.reader.position(), items, next_cursor, total: None, facets: None })
    }

    /// Of the ways to find the records of a search in the order asked for, the one that looks at fewest.
    fn find(&self, search: &Search, after: Option<&Key>, found: &mut Found) -> Result<(), QueryError> {
        let (sort, tags) = (self.query.order(), self.few_tags());
        if sort == Sort::Relevance && tags.is_none() {
            return self.by_relevance(search, after, found);
        }
        let Some(plan) = Plan::new(self.reader, &self.scope, search, Fit::Beginning)? else { return Ok(()) };
        match (tags, sort) {
            (Some((tags, records)), _) if records <= plan.records => self.among(&self.tagged(tags)?, after, found),
            (_, Sort::Relevance) => self.by_relevance(search, after, found),
            (_, Sort::Created) => self.by_creation(search, &plan, after, found),
            _ if plan.records <= SET_LIMIT => self.among(&self.matches(search, &plan, usize::MAX)?, after, found),
            _ => {
                let all_seen = self.in_order(after, FIRST_LOOK, found)?;
                if all_seen || found.is_full() {
                    return Ok(());
                }
                // Each word is frequent, but all together are not, or not here.
                found.rows.clear();
                let matches = self.matches(search, &plan, MATCHES_LIMIT)?;
                if matches.len() < MATCHES_LIMIT {
                    self.among(&matches, after, found)
                } else {
                    self.in_order(after, ROWS_LIMIT, found).map(|_| ())
                }
            }
        }
    }

    /// The tags of the narrowest filter and how many records have one, where they are few enough to be looked at one by one.
    pub(super) fn few_tags(&self) -> Option<(&[u32], i64)> {
        self.filter.narrowest().filter(|(_, records)| *records <= SET_LIMIT)
    }

    /// The records that have one of these tags.
    pub(super) fn tagged(&self, tags: &[u32]) -> Result<Vec<i64>, QueryError> {
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
        Ok(numbers)
    }

    /// The newest records with the words of a search, of those that the reader may find.
    fn matches(&self, search: &Search, plan: &Plan<'_>, limit: usize) -> Result<Vec<i64>, QueryError> {
        let mut numbers = Vec::new();
        self.walk(plan, i64::MAX, |number, words| {
            if search.matches(words) {
                numbers.push(number);
            }
            Ok(numbers.len() < limit)
        })?;
        Ok(numbers)
    }

    /// Goes through the records of a plan, but not through more than a question may look at.
    pub(super) fn walk(
        &self,
        plan: &Plan<'_>,
        before: i64,
        mut take: impl FnMut(i64, WordList<'_>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut looked_at = 0;
        plan.walk(self.reader, before, |number, words| {
            looked_at += 1;
            Ok(take(number, words)? && looked_at < ROWS_LIMIT)
        })
    }

    fn passed_row(&self, number: i64) -> Result<Option<PassedRow>, QueryError> {
        let mut statement = self.reader.statement(BY_NUMBER)?;
        let mut rows = statement.query([number])?;
        match rows.next()? {
            Some(row) if self.filter.passes(row, self.identity)? => Ok(Some(PassedRow::read(row, self.identity)?)),
            _ => Ok(None),
        }
    }

    /// Where a record stands in the order asked for; `fit` is how well it fits the search.
    pub(super) fn key(&self, row: &PassedRow, fit: Option<Fit>) -> Result<Key, QueryError> {
        let dated = |date: &Option<String>| Key {
            group: u8::from(date.is_none()),
            text: date.clone().unwrap_or_default(),
            number: row.number,
        };
        Ok(match self.query.order() {
            Sort::Relevance => Key { group: fit.map_or(0, Fit::group), number: row.number, ..Key::default() },
            Sort::Created => Key { number: row.number, ..Key::default() },
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
        let (sort, mut words) = (self.query.order(), RecordWords::new(self.reader)?);
        for number in numbers {
            let Some(row) = self.passed_row(*number)? else { continue };
            let fit = match &self.search {
                Some(search) => match words.of(*number, |words| search.fit(words))? {
                    None => continue,
                    fit => fit,
                },
                None => None,
            };
            let key = self.key(&row, fit)?;
            if after.is_none_or(|after| key.compare(after, sort).is_gt()) {
                found.push(key, row.number);
            }
        }
        found.rows.sort_by(|one, other| one.key.compare(&other.key, sort));
        found.rows.truncate(found.wanted);
        Ok(())
    }

    /// Those that fit best, the newest first, then those that fit less well, until the page is full.
    fn by_relevance(&self, search: &Search, after: Option<&Key>, found: &mut Found) -> Result<(), QueryError> {
        let (reached, newest) = after.map_or((0, i64::MAX), |key| (key.group, key.number));
        for fit in Fit::ALL.into_iter().filter(|fit| fit.group() >= reached) {
            let Some(plan) = Plan::new(self.reader, &self.scope, search, fit)? else { continue };
            let before = if fit.group() == reached { newest } else { i64::MAX };
            self.walk(&plan, before, |number, words| {
                if search.fits_best(words, fit) && self.passed_row(number)?.is_some() {
                    found.push(Key { group: fit.group(), number, ..Key::default() }, number);
                }
                Ok(!found.is_full())
            })?;
            if found.is_full() {
                break;
            }
        }
        Ok(())
    }

    fn by_creation(
        &self,
        search: &Search,
        plan: &Plan<'_>,
        after: Option<&Key>,
        found: &mut Found,
    ) -> Result<(), QueryError> {
        self.walk(plan, after.map_or(i64::MAX, |key| key.number), |number, words| {
            if search.matches(words) && self.passed_row(number)?.is_some() {
                found.push(Key { number, ..Key::default() }, number);
            }
            Ok(!found.is_full())
        })
    }
}
