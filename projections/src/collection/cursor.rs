//! Where a page ended, as an opaque text: the last record's sort key, and for which question. It holds nothing secret.

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
    let mut text = format!("{:016x}.{:x}.{:x}.", question(query), key.group, key.number);
    for byte in key.text.bytes() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// The key in a cursor of the same question.
pub(super) fn decode(query: &ListQuery) -> Result<Option<Key>, QueryError> {
    let Some(cursor) = &query.cursor else { return Ok(None) };
    let refused =
        || QueryError::refused("cursor-invalid", "a cursor is the next_cursor of the same question, unchanged");
    parse(cursor, question(query)).map(Some).ok_or_else(refused)
}

fn parse(cursor: &str, question: u64) -> Option<Key> {
    let mut parts = cursor.split('.');
    let mut number = || i64::from_str_radix(parts.next()?, 16).ok();
    let (asked, group, number) = (
        u64::from_str_radix(cursor.get(..16)?, 16).ok()?,
        {
            number();
            number()?
        },
        number()?,
    );
    let text = parts.next()?;
    if asked != question || parts.next().is_some() || !text.is_ascii() || text.len() % 2 != 0 {
        return None;
    }
    let bytes: Option<Vec<u8>> =
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect();
    Some(Key { group: u8::try_from(group).ok()?, text: String::from_utf8(bytes?).ok()?, number })
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
    let ListQuery { kind, whole_view, q, filters, sort, limit: _, cursor: _, total: _, facets: _, as_of } = query;
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
        let key = Key { group: 1, text: "ágil".to_owned(), number: 77 };
        query.cursor = Some(encode(&query, &key));
        assert_eq!(decode(&query).expect("own").expect("given"), key);
        query.limit = 3;
        assert!(decode(&query).is_ok(), "the page's size may change");
        query.q = Some("agua".to_owned());
        assert!(decode(&query).is_err());
        for wrong in ["", ".", "x", "0.0.0.0", "é", "0000000000000000.0.0.zz"] {
            query.cursor = Some(wrong.to_owned());
            assert!(decode(&query).is_err(), "{wrong}");
        }
    }
}
