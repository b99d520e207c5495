//! Writes the words of records, how many records have each, and the full-text index. How they are searched is not known here.

use super::words::{WordBytes, WordList};
use crate::Circle;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;

/// Who finds a record by its words. The index keeps the words of each apart, so that no question looks at a word that is only in
/// records that its reader may not see: how long it takes would tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FoundBy {
    /// Everybody.
    Everybody,
    /// Any grant holder.
    Members,
    /// Those who may see that very record: it is looked for among theirs.
    Few,
}

impl FoundBy {
    pub(super) fn of(circle: Option<Circle>) -> Self {
        match circle {
            Some(Circle::Public) => Self::Everybody,
            Some(Circle::Members) => Self::Members,
            Some(Circle::Parties | Circle::Review) | None => Self::Few,
        }
    }

    /// What stands before its words in the index.
    pub(super) const fn mark(self) -> char {
        match self {
            Self::Everybody => 'e',
            Self::Members => 'm',
            Self::Few => 'f',
        }
    }

    pub(super) const fn number(self) -> i64 {
        match self {
            Self::Everybody => 0,
            Self::Members => 1,
            Self::Few => 2,
        }
    }

    pub(super) const fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Everybody,
            1 => Self::Members,
            _ => Self::Few,
        }
    }
}

/// A record whose words may have changed.
pub(super) struct Changed {
    pub(super) number: i64,
    /// The file has no words of it.
    pub(super) new: bool,
    pub(super) words: WordBytes,
    pub(super) found_by: FoundBy,
}

/// Writes what changed. In `bulk` only the words: [`make`] makes the rest from them.
pub(super) fn write(file: &Connection, changed: &mut Vec<Changed>, bulk: bool) -> rusqlite::Result<()> {
    changed.sort_unstable_by_key(|one| one.number);
    if !bulk {
        // A text is often revised without another word.
        let counts = counts(file, changed)?;
        write_counts(file, &counts)?;
        // All at once and nothing between: a statement that may have to be undone makes the index write what it has gathered.
        let mut delete = file.prepare_cached("DELETE FROM search WHERE rowid = ?1")?;
        for one in changed.iter().filter(|one| !one.new) {
            delete.execute([one.number])?;
        }
        let mut insert = file.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
        for one in &*changed {
            insert.execute(params![one.number, one.words.list().joined(one.found_by.mark())])?;
        }
    }
    let mut insert = file.prepare_cached("INSERT OR REPLACE INTO words VALUES (?1, ?2, ?3)")?;
    for one in changed.drain(..) {
        insert.execute(params![one.number, one.found_by.number(), one.words.0])?;
    }
    Ok(())
}

/// By how many records each word is in more, or fewer; forgets those whose words are what they were.
fn counts(file: &Connection, changed: &mut Vec<Changed>) -> rusqlite::Result<BTreeMap<Vec<u8>, i64>> {
    let mut counts: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let mut count = |words: WordList<'_>, mark: u8, by: i64| {
        let mut marked = Vec::new();
        for word in words {
            marked.clear();
            marked.push(mark);
            marked.extend_from_slice(word);
            match counts.get_mut(&marked) {
                Some(count) => *count += by,
                None => drop(counts.insert(marked.clone(), by)),
            }
        }
    };
    let mut find = file.prepare_cached("SELECT words, found_by FROM words WHERE number = ?1")?;
    let mut same = Vec::new();
    for (at, one) in changed.iter().enumerate() {
        let before: Option<(Vec<u8>, i64)> = match one.new {
            true => None,
            false => find.query_row([one.number], |row| Ok((row.get(0)?, row.get(1)?))).optional()?,
        };
        match before {
            Some((words, by)) if words == one.words.0 && by == one.found_by.number() => same.push(at),
            before => {
                if let Some((words, by)) = before {
                    count(WordList::from(&*words), FoundBy::from_number(by).mark() as u8, -1);
                }
                count(one.words.list(), one.found_by.mark() as u8, 1);
            }
        }
    }
    for at in same.into_iter().rev() {
        changed.remove(at);
    }
    counts.retain(|_, count| *count != 0);
    Ok(counts)
}

fn write_counts(file: &Connection, counts: &BTreeMap<Vec<u8>, i64>) -> rusqlite::Result<()> {
    let sql = "INSERT INTO word VALUES (?1, ?2) ON CONFLICT (word) DO UPDATE SET records = records + excluded.records";
    let mut change = file.prepare_cached(sql)?;
    let mut delete = file.prepare_cached("DELETE FROM word WHERE word = ?1 AND records = 0")?;
    for (word, by) in counts {
        let word = String::from_utf8_lossy(word);
        change.execute(params![word, by])?;
        if *by < 0 {
            delete.execute(params![word])?;
        }
    }
    Ok(())
}

/// Makes the index and the counts from the words of all records, each once and in order.
pub(super) fn make(file: &Connection) -> rusqlite::Result<()> {
    let mut select = file.prepare("SELECT number, words, found_by FROM words ORDER BY number")?;
    let mut insert = file.prepare("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        let mark = FoundBy::from_number(row.get(2)?).mark();
        insert.execute(params![number, WordList::from(row.get_ref(1)?.as_blob()?).joined(mark)])?;
    }
    file.execute("INSERT INTO word SELECT term, doc FROM search_counts", [])?;
    Ok(())
}
