//! How many match, and with which values. Visibility and filters are judged before anything is counted.

use super::{
    counted::{Counts, Question},
    facets::Facets,
    list::{Lister, ROWS_LIMIT},
    plan::Plan,
    query::{COUNT_LIMIT, Count, Page},
    row_filter::{ALL, BY_NUMBER},
    search::{Fit, RecordWords, Search},
};
use crate::QueryError;
use rusqlite::Row;

/// The most records of a search that are counted by value, the newest ones.
const MATCHES_LIMIT: u32 = 10_000;

/// What was counted so far.
struct Tally {
    total: u32,
    facets: Option<Facets>,
    /// So many are enough.
    limit: u32,
}

impl Tally {
    /// Counts one more; false when that is enough.
    fn take(&mut self, row: &Row<'_>) -> Result<bool, QueryError> {
        self.total += 1;
        if let Some(facets) = &mut self.facets {
            facets.add(row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?);
        }
        // Only what the reader may see counts towards a limit: nothing else shows in a count.
        Ok(self.total < self.limit)
    }
}

impl Lister<'_> {
    /// Counts all that match, whatever page they are on.
    pub(super) fn count(&self, page: &mut Page) -> Result<(), QueryError> {
        let (counted, question) = (&self.reader.pool().counted, Question::new(self.query, self.identity));
        let counts = match counted.get(self.reader.position(), &question) {
            Some(counts) => counts,
            None => {
                let limit = match (self.query.facets, &self.search) {
                    (false, _) => COUNT_LIMIT + 1,
                    (true, Some(_)) => MATCHES_LIMIT,
                    (true, None) => u32::MAX,
                };
                let mut tally = Tally { total: 0, facets: self.query.facets.then(Facets::default), limit };
                self.tally(&mut tally)?;
                let facets = tally.facets.map(|facets| facets.named(self.reader, self.query.today)).transpose()?;
                let counts = Counts { total: Count::of(tally.total), facets };
                counted.put(self.reader.position(), question, counts.clone());
                counts
            }
        };
        page.total = self.query.total.then_some(counts.total);
        page.facets = counts.facets;
        Ok(())
    }

    fn tally(&self, tally: &mut Tally) -> Result<(), QueryError> {
        let Some(search) = &self.search else {
            return match self.few_tags() {
                Some((tags, _)) => self.tally_numbers(&self.tagged(tags)?, tally),
                None => self.tally_all(tally),
            };
        };
        let Some(plan) = Plan::new(self.reader, &self.scope, search, Fit::Beginning)? else { return Ok(()) };
        match self.few_tags() {
            Some((tags, records)) if records <= plan.records => self.tally_numbers(&self.tagged(tags)?, tally),
            _ => self.tally_search(search, &plan, tally),
        }
    }

    fn tally_all(&self, tally: &mut Tally) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(ALL)?;
        let mut rows = statement.query([])?;
        let mut looked_at = 0;
        while let Some(row) = rows.next()? {
            looked_at += 1;
            if self.filter.passes(row, self.identity)? && !tally.take(row)? || looked_at == ROWS_LIMIT {
                break;
            }
        }
        Ok(())
    }

    fn tally_search(&self, search: &Search, plan: &Plan<'_>, tally: &mut Tally) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(BY_NUMBER)?;
        self.walk(plan, i64::MAX, |number, words| {
            if !search.matches(words) {
                return Ok(true);
            }
            let mut rows = statement.query([number])?;
            match rows.next()? {
                Some(row) if self.filter.passes(row, self.identity)? => tally.take(row),
                _ => Ok(true),
            }
        })
    }

    fn tally_numbers(&self, numbers: &[i64], tally: &mut Tally) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(BY_NUMBER)?;
        let mut words = RecordWords::new(self.reader)?;
        for number in numbers {
            let mut rows = statement.query([number])?;
            let Some(row) = rows.next()? else { continue };
            let matches = match &self.search {
                Some(search) => words.of(*number, |words| search.matches(words))?,
                None => true,
            };
            if matches && self.filter.passes(row, self.identity)? && !tally.take(row)? {
                break;
            }
        }
        Ok(())
    }
}
