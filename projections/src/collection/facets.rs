//! How many of the matching records have which value. It counts what it is given: visibility was judged before.

use super::query::{Count, FacetCount};
use crate::document::tags::{Field, through};
use crate::{
    QueryError,
    store::{Reader, codec::tags_from},
};
use chrono::NaiveDate;
use std::{collections::BTreeMap, sync::PoisonError};

/// The most values of one facet that are shown, the most frequent ones.
const VALUES_LIMIT: usize = 100;

/// Counts by tag.
#[derive(Default)]
pub(super) struct Facets {
    counts: Vec<u32>,
}

impl Facets {
    /// One more record with these tags.
    pub(super) fn add(&mut self, tags: &[u8]) {
        for tag in tags_from(tags) {
            let tag = tag as usize;
            if tag >= self.counts.len() {
                self.counts.resize(tag + 64, 0);
            }
            self.counts[tag] += 1;
        }
    }

    /// The counts under the names of fields and values, as they are on a day.
    pub(super) fn named(
        self,
        reader: &Reader,
        today: Option<NaiveDate>,
    ) -> Result<BTreeMap<String, Vec<FacetCount>>, QueryError> {
        let mut facets: BTreeMap<&str, BTreeMap<&str, u32>> = BTreeMap::new();
        let mut names = reader.pool().tag_names.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = self.counts.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        if names.len() < wanted {
            // Tags are numbered without gaps and never change: what is known is only added to.
            let mut statement = reader.statement("SELECT field, value FROM tag_name WHERE tag >= ?1 ORDER BY tag")?;
            let rows = statement.query_map([i64::try_from(names.len()).unwrap_or(i64::MAX)], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            for row in rows {
                let (field, value) = row?;
                names.push((field.into(), value.into()));
            }
        }
        let over = today.map(through);
        for (count, (word, value)) in self.counts.iter().zip(names.iter()).filter(|(count, _)| **count > 0) {
            let Some(field) = Field::ALL.into_iter().find(|known| known.word() == &**word) else { continue };
            let (field, value) = if field == Field::VerifiedThrough {
                // The facet is that of what it is on this day.
                let expired = over.as_deref().is_some_and(|over| &**value < over);
                (Field::Verification, if expired { "expired" } else { "verified" })
            } else {
                (field, &**value)
            };
            if !field.is_facet() {
                continue;
            }
            *facets.entry(field.word()).or_default().entry(value).or_default() += count;
        }
        Ok(facets.into_iter().map(|(field, values)| (field.to_owned(), most_frequent(values))).collect())
    }
}

fn most_frequent(values: BTreeMap<&str, u32>) -> Vec<FacetCount> {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_by(|(a, one), (b, other)| other.cmp(one).then_with(|| a.cmp(b)));
    values.truncate(VALUES_LIMIT);
    values.into_iter().map(|(value, count)| FacetCount { value: value.to_owned(), count: Count::of(count) }).collect()
}
