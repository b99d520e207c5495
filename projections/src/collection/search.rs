//! Full text: what is asked, as the index understands it. Ranking is plain: a match in the title first, then the newest.

use super::query::{SEARCH_CHARACTERS_LIMIT, SEARCH_WORDS_LIMIT};
use crate::{
    fold::{fold, root, words},
    store::Reader,
};

/// The most matches that are looked at for orders other than relevance.
pub(super) const MATCHES_LIMIT: usize = 10_000;

/// A question to the index.
pub(super) struct Search {
    /// Every word, anywhere.
    pub(super) anywhere: String,
    /// Every word, in the title.
    pub(super) in_title: String,
}

impl Search {
    /// Reads `q`; `None` when it holds no word at all, which matches nothing.
    ///
    /// Words are quoted: nothing that a person types is an operator of the index.
    pub(super) fn new(q: &str) -> Option<Self> {
        let q: String = q.chars().take(SEARCH_CHARACTERS_LIMIT).collect();
        let terms: Vec<String> = words(&q)
            .take(SEARCH_WORDS_LIMIT)
            .map(|word| {
                let folded = fold(word);
                let root = root(&folded);
                // The root finds the whole word too, where it is its beginning.
                if folded.starts_with(&*root) {
                    format!("\"{root}\"*")
                } else {
                    format!("(\"{root}\"* OR \"{folded}\"*)")
                }
            })
            .collect();
        let anywhere = terms.join(" AND ");
        (!anywhere.is_empty()).then(|| Self { in_title: format!("title : ({anywhere})"), anywhere })
    }

    /// The numbers of the records that match, newest first, below `before`.
    pub(super) fn numbers(
        &self,
        reader: &Reader,
        question: &str,
        before: i64,
        limit: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        let sql = "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3";
        let mut statement = reader.statement(sql)?;
        let rows = statement
            .query_map(rusqlite::params![question, before, i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
                row.get(0)
            })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_typed_is_an_operator() {
        let search = Search::new("agua\" OR NEAR(x) title: -y* ^z").expect("words");
        assert_eq!(
            search.anywhere,
            "\"agua\"* AND \"or\"* AND \"near\"* AND \"x\"* AND \"title\"* AND \"y\"* AND \"z\"*"
        );
        assert!(Search::new(" \"* () ").is_none());
    }
}
