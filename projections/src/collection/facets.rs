//! How many of the matching records have which value. It counts what it is given: visibility was judged before.

use super::query::{Count, FacetCount};
use super::tags::Field;
use crate::{
    QueryError,
    store::{Reader, codec::tags_from},
};
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

    /// The counts under the names of fields and values.
    pub(super) fn named(self, reader: &Reader) -> Result<BTreeMap<String, Vec<FacetCount>>, QueryError> {
        let mut facets: BTreeMap<String, Vec<(u32, FacetCount)>> = BTreeMap::new();
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
        for (count, (field, value)) in self.counts.iter().zip(names.iter()).filter(|(count, _)| **count > 0) {
            if Field::ALL.iter().any(|known| known.word() == &**field && known.is_facet()) {
                let shown = FacetCount { value: value.to_string(), count: Count::of(*count) };
                facets.entry(field.to_string()).or_default().push((*count, shown));
            }
        }
        drop(names);
        Ok(facets.into_iter().map(|(field, values)| (field, most_frequent(values))).collect())
    }
}

fn most_frequent(mut values: Vec<(u32, FacetCount)>) -> Vec<FacetCount> {
    values.sort_by(|(one, a), (other, b)| other.cmp(one).then_with(|| a.value.cmp(&b.value)));
    values.truncate(VALUES_LIMIT);
    values.into_iter().map(|(_, shown)| shown).collect()
}
