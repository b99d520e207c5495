//! Where a page ended, as an opaque text: the last record's sort key, and for which question. It holds what its reader was shown,
//! and the sequence of the event that told its readers of the record, which they may read in its trail.

use super::query::{ListQuery, Sort};
use crate::QueryError;
use std::{
    cmp::Ordering,
    hash::{Hash as _, Hasher},
};

/// By what a record is sorted; `Sort` says how two are compared.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Key {
    /// Relevance: 0 for matches in the title. Dates: 1 for none.
    pub(super) group: u8,
    /// The title or the date.
    pub(super) text: String,
    /// The record's number, or the sequence that changed it.
    pub(super) number: i64,
}

impl Key {
    /// How two records follow each other.
    pub(super) fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        let group = self.group.cmp(&other.group);
        let text = self.text.cmp(&other.text);
        let number = self.number.cmp(&other.number);
        match sort {
            Sort::Relevance | Sort::Updated | Sort::Created => group.then(number.reverse()),
            Sort::Title | Sort::Ends => group.then(text).then(number),
            Sort::Starts => group.then(text.reverse()).then(number.reverse()),
        }
    }
}

/// The cursor after a key.
pub(super) fn encode(query: &ListQuery, key: &Key) -> String {
    write(question(query), key)
}

/// Refuses what can be no cursor of this question, whatever is recorded. A question of the past is whole only when its position is
/// known: of its cursor, the form alone is looked at.
pub(super) fn check(query: &ListQuery, of_the_past: bool) -> Result<(), QueryError> {
    let Some(cursor) = &query.cursor else { return Ok(()) };
    let claimed = || u64::from_str_radix(cursor.split('.').next()?, 16).ok();
    let asked = if of_the_past { claimed() } else { Some(question(query)) };
    if asked.and_then(|asked| read(cursor, asked)).is_some() { Ok(()) } else { Err(refused()) }
}

fn refused() -> QueryError {
    QueryError::refused("cursor-invalid", "a cursor is the next_cursor of the same question, unchanged")
}

/// The key in a cursor of the same question. No record is looked up for it: one that was opened, changed or hidden since neither moves
/// the place where the next page begins, nor shows in it.
pub(super) fn decode(query: &ListQuery) -> Result<Option<Key>, QueryError> {
    let Some(cursor) = &query.cursor else { return Ok(None) };
    read(cursor, question(query)).map(Some).ok_or_else(refused)
}

fn write(question: u64, Key { group, text, number }: &Key) -> String {
    let text: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{question:016x}.{group:x}.{number:x}.{text}")
}

fn read(cursor: &str, question: u64) -> Option<Key> {
    let mut parts = cursor.split('.');
    let mut part = || parts.next();
    let (asked, group, number, text) = (part()?, part()?, part()?, part()?);
    if parts.next().is_some() || u64::from_str_radix(asked, 16).ok()? != question {
        return None;
    }
    let text = String::from_utf8(from_hex(text)?).ok()?;
    Some(Key { group: u8::from_str_radix(group, 16).ok()?, text, number: i64::from_str_radix(number, 16).ok()? })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

/// A number for everything that decides which records come in which order. FNV-1a: it must be the same after a restart.
fn question(query: &ListQuery) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    let ListQuery { kind, whole_view, q, filters, sort, limit: _, cursor: _, total: _, facets: _, today: _, as_of } =
        query;
    (kind, whole_view, q, sort, as_of).hash(&mut hash);
    format!("{filters:?}").hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_events::RecordKind;

    #[test]
    fn a_cursor_comes_back_for_its_own_question_only() {
        let mut query = ListQuery::new(RecordKind::Offer);
        let asked = question(&query);
        let key = Key { group: 1, text: "ágil".to_owned(), number: 77 };
        let cursor = write(asked, &key);
        assert_eq!(read(&cursor, asked), Some(key));
        query.limit = 3;
        assert_eq!(question(&query), asked, "the page's size may change");
        query.q = Some("agua".to_owned());
        assert_eq!(read(&cursor, question(&query)), None);
        let begun = write(asked, &Key::default());
        let (question_only, _) = begun.split_once('.').expect("four parts");
        let endings = ["", ".0.1", ".0.1.zz", ".0.g.", ".0.é.", ".0.1..", ".0..", ".100.1."];
        for wrong in endings.map(|ending| format!("{question_only}{ending}")) {
            assert_eq!(read(&wrong, asked), None, "{wrong}");
        }
    }
}
