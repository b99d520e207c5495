//! Tags as small numbers, given in the order in which they first occur, and how many records have each.

use crate::document::tags::{Field, Tag};
use rusqlite::{Connection, params};
use std::collections::{BTreeSet, HashMap};

/// The tags of one file, as its writer knows them.
pub(super) struct Names {
    numbers: HashMap<Tag, u32>,
    records: Vec<i64>,
    changed: BTreeSet<u32>,
}

impl Names {
    /// Reads all of them: there are as many as codes and organisations.
    pub(super) fn load(file: &Connection) -> rusqlite::Result<Self> {
        let mut names = Self { numbers: HashMap::new(), records: Vec::new(), changed: BTreeSet::new() };
        let mut statement = file.prepare_cached("SELECT field, value, records FROM tag_name ORDER BY tag")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let word: String = row.get(0)?;
            let number = u32::try_from(names.records.len()).expect("fewer than 4 billion tags");
            if let Some(field) = Field::ALL.into_iter().find(|field| field.word() == word) {
                names.numbers.insert((field, row.get(1)?), number);
            }
            names.records.push(row.get(2)?);
        }
        Ok(names)
    }

    /// The number of a tag, a new one where it has none.
    pub(super) fn intern(&mut self, file: &Connection, tag: Tag) -> rusqlite::Result<u32> {
        if let Some(number) = self.numbers.get(&tag) {
            return Ok(*number);
        }
        let number = u32::try_from(self.records.len()).expect("fewer than 4 billion tags");
        let mut insert =
            file.prepare_cached("INSERT INTO tag_name (tag, field, value, records) VALUES (?1, ?2, ?3, 0)")?;
        insert.execute(params![number, tag.0.word(), tag.1])?;
        self.records.push(0);
        self.numbers.insert(tag, number);
        Ok(number)
    }

    /// One record more, or one fewer, has this tag.
    pub(super) fn count(&mut self, tag: u32, change: i64) {
        self.records[tag as usize] += change;
        self.changed.insert(tag);
    }

    /// Writes the counts that changed.
    pub(super) fn flush(&mut self, file: &Connection) -> rusqlite::Result<()> {
        let mut update = file.prepare_cached("UPDATE tag_name SET records = ?2 WHERE tag = ?1")?;
        for tag in std::mem::take(&mut self.changed) {
            update.execute(params![tag, self.records[tag as usize]])?;
        }
        Ok(())
    }
}
