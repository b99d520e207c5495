//! Full text: what is asked, as the index understands it. Ranking is plain: a match in the title first, then the newest.

use super::query::{SEARCH_CHARACTERS_LIMIT, SEARCH_WORDS_LIMIT};
use crate::{
    fold::{TITLE_MARK, fold, root, words},
    store::Reader,
};

/// The most matches that are looked at for orders other than relevance.
pub(super) const MATCHES_LIMIT: usize = 10_000;

/// A word of fewer letters is looked for whole, not as a beginning: half of all records would match.
const PREFIX_LETTERS: usize = 3;

/// A question to the index: from what fits best to what merely fits.
pub(super) struct Search {
    /// Every word is in the title.
    pub(super) in_title: String,
    /// Every word occurs, accents and plurals aside.
    pub(super) whole: String,
    /// Every word occurs, or another that begins like it.
    pub(super) beginning: String,
}

impl Search {
    /// Reads `q`; `None` when it holds no word at all, which matches nothing.
    ///
    /// Words are quoted: nothing that a person types is an operator of the index.
    pub(super) fn new(q: &str) -> Option<Self> {
        let q: String = q.chars().take(SEARCH_CHARACTERS_LIMIT).collect();
        let folded: Vec<String> = words(&q).take(SEARCH_WORDS_LIMIT).map(fold).collect();
        let each =
            |term: &dyn Fn(&str) -> String| folded.iter().map(|word| term(word)).collect::<Vec<_>>().join(" AND ");
        (!folded.is_empty()).then(|| Self {
            in_title: each(&|word| format!("\"{TITLE_MARK}{}\"", root(word))),
            whole: each(&|word| format!("\"{}\"", root(word))),
            beginning: each(&|word| {
                let root = root(word);
                match () {
                    () if word.chars().count() < PREFIX_LETTERS => format!("\"{root}\""),
                    // The root finds the whole word too, where it is its beginning.
                    () if word.starts_with(&*root) => format!("\"{root}\"*"),
                    () => format!("(\"{root}\"* OR \"{word}\"*)"),
                }
            }),
        })
    }

    /// Whether a record matches one of the questions.
    pub(super) fn matches(&self, reader: &Reader, question: &str, number: i64) -> rusqlite::Result<bool> {
        let sql = "SELECT 1 FROM search WHERE search MATCH ?1 AND rowid = ?2";
        reader.statement(sql)?.exists(rusqlite::params![question, number])
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
        let search = Search::new("agua\" OR NEAR(xyz) title: -y* ^z").expect("words");
        assert_eq!(search.whole, "\"agua\" AND \"or\" AND \"near\" AND \"xyz\" AND \"title\" AND \"y\" AND \"z\"");
        let prefixes = "\"agua\"* AND \"or\" AND \"near\"* AND \"xyz\"* AND \"title\"* AND \"y\" AND \"z\"";
        assert_eq!(search.beginning, prefixes);
        assert!(Search::new(" \"* () ").is_none());
    }
}
