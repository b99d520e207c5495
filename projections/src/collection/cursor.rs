//! Where a page ended, as an opaque text: the last record's sort key, and for which question. It holds what its reader was shown,
//! and nothing else: the number of a record would tell how many others there are.

use super::query::{ListQuery, Sort};
use crate::{
    QueryError, ReaderIdentity,
    store::{
        Reader,
        codec::{circle_from, organisations_from},
    },
};
use rusqlite::OptionalExtension as _;
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
pub(super) fn encode(reader: &Reader, query: &ListQuery, key: &Key) -> Result<String, QueryError> {
    let place = match query.order() {
        Sort::Updated => Place::Sequence(key.number),
        Sort::Relevance | Sort::Created | Sort::Title | Sort::Ends | Sort::Starts => {
            let mut statement = reader.statement("SELECT subject FROM record WHERE number = ?1")?;
            Place::Subject(statement.query_row([key.number], |row| row.get(0))?)
        }
    };
    Ok(write(question(query), key.group, &place, &key.text))
}

/// Refuses what can be no cursor of this question, whatever is recorded. A question of the past is whole only when its position is
/// known: of its cursor, the form alone is looked at.
pub(super) fn check(query: &ListQuery, of_the_past: bool) -> Result<(), QueryError> {
    let Some(cursor) = &query.cursor else { return Ok(()) };
    let claimed = || u64::from_str_radix(cursor.split('.').next()?, 16).ok();
    let asked = if of_the_past { claimed() } else { Some(question(query)) };
    let place = asked.and_then(|asked| read(cursor, asked)).map(|(_, place, _)| place);
    let fits = place.is_some_and(|place| matches!(place, Place::Sequence(_)) == (query.order() == Sort::Updated));
    if fits { Ok(()) } else { Err(refused()) }
}

fn refused() -> QueryError {
    QueryError::refused("cursor-invalid", "a cursor is the next_cursor of the same question, unchanged")
}

/// The key in a cursor of the same question. A record that was hidden meanwhile is as one that never was: nobody may try out
/// which records there are.
pub(super) fn decode(reader: &Reader, identity: &ReaderIdentity, query: &ListQuery) -> Result<Option<Key>, QueryError> {
    let Some(cursor) = &query.cursor else { return Ok(None) };
    let (group, place, text) = read(cursor, question(query)).ok_or_else(refused)?;
    let number = match (place, query.order()) {
        (Place::Sequence(sequence), Sort::Updated) => Some(sequence),
        (Place::Sequence(_), _) | (Place::Subject(_), Sort::Updated) => None,
        (Place::Subject(subject), _) => {
            let sql = "SELECT number, visibility, organisations FROM record WHERE subject = ?1";
            let found = reader.statement(sql)?.query_row([subject], |row| {
                let organisations = organisations_from(row.get_ref(2)?.as_blob()?);
                Ok((row.get(0)?, identity.may_see(circle_from(row.get(1)?), &organisations)))
            });
            found.optional()?.filter(|(_, seen)| *seen).map(|(number, _)| number)
        }
    };
    number.map(|number| Some(Key { group, text, number })).ok_or_else(refused)
}

/// The record at which a page ended, as its reader knows it.
#[derive(PartialEq, Eq, Debug)]
enum Place {
    /// By the event that changed it last.
    Sequence(i64),
    /// By its subject, as `record.subject` has it.
    Subject(Vec<u8>),
}

fn write(question: u64, group: u8, place: &Place, text: &str) -> String {
    let place = match place {
        Place::Sequence(sequence) => format!("s{sequence:x}"),
        Place::Subject(subject) => format!("r{}", to_hex(subject)),
    };
    format!("{question:016x}.{group:x}.{place}.{}", to_hex(text.as_bytes()))
}

fn read(cursor: &str, question: u64) -> Option<(u8, Place, String)> {
    let mut parts = cursor.split('.');
    let mut part = || parts.next();
    let (asked, group, place, text) = (part()?, part()?, part()?, part()?);
    if parts.next().is_some() || u64::from_str_radix(asked, 16).ok()? != question {
        return None;
    }
    let place = match place.split_at_checked(1)? {
        ("s", sequence) => Place::Sequence(i64::from_str_radix(sequence, 16).ok()?),
        ("r", subject) => Place::Subject(from_hex(subject)?),
        _ => return None,
    };
    Some((u8::from_str_radix(group, 16).ok()?, place, String::from_utf8(from_hex(text)?).ok()?))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
        for place in [Place::Sequence(77), Place::Subject(vec![3; 17])] {
            let cursor = write(asked, 1, &place, "ágil");
            assert_eq!(read(&cursor, asked), Some((1, place, "ágil".to_owned())));
            query.limit = 3;
            assert_eq!(question(&query), asked, "the page's size may change");
            query.q = Some("agua".to_owned());
            assert_eq!(read(&cursor, question(&query)), None);
            query.q = None;
        }
        let begun = write(asked, 0, &Place::Sequence(1), "");
        let (question_only, _) = begun.split_once('.').expect("four parts");
        let endings = ["", ".0.s1", ".0.s1.zz", ".0.1.", ".0.rabc.", ".0.é.", ".0.s1..", ".0.s.", ".100.s1."];
        for wrong in endings.map(|ending| format!("{question_only}{ending}")) {
            assert_eq!(read(&wrong, asked), None, "{wrong}");
        }
    }
}
