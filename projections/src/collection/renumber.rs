//! Gives a record another number, in all rows that have it. When it gets one is not known here.
//!
//! Lists go by number, so a record's number is its place among those that readers learn of.

use super::{index::FoundBy, rows::Kept, schema::INDEXES, words::WordList};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// The tables whose rows are found by the number of their record.
const TABLES: [&str; 6] = ["record", "version", "part", "tag_span", "words", "current"];

/// In every table that is written in bulk, too.
pub(super) fn rows(file: &Connection, old: i64, new: i64) -> rusqlite::Result<()> {
    for table in TABLES {
        let sql = format!("UPDATE {table} SET number = ?2 WHERE number = ?1");
        file.prepare_cached(&sql)?.execute((old, new))?;
    }
    Ok(())
}

/// In what is made from those tables. The rows of the record are as [`rows`] left them.
pub(super) fn index(file: &Connection, kept: &Kept, new: i64) -> rusqlite::Result<()> {
    let mut latest = file.prepare_cached("UPDATE latest SET number = ?2 WHERE sequence = ?1")?;
    kept.stored_latest.iter().try_for_each(|sequence| latest.execute((sequence, new)).map(|_| ()))?;
    let mut tag = file.prepare_cached("UPDATE tag SET number = ?3 WHERE tag = ?1 AND number = ?2")?;
    kept.stored_tags.iter().try_for_each(|stored| tag.execute((stored, kept.number, new)).map(|_| ()))?;
    file.prepare_cached("DELETE FROM search WHERE rowid = ?1")?.execute([kept.number])?;
    let words = "SELECT found_by, words FROM words WHERE number = ?1";
    let words: (i64, Vec<u8>) = file.prepare_cached(words)?.query_row([new], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let words = WordList::from(&*words.1).joined(FoundBy::from_number(words.0).mark());
    file.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?.execute(params![new, words])?;
    Ok(())
}

/// The same for many records at the end of a bulk, before anything is made from the tables.
pub(super) fn all(file: &Connection, renumbered: &BTreeMap<i64, i64>) -> rusqlite::Result<()> {
    if renumbered.is_empty() {
        return Ok(());
    }
    // Else each record would cost a look at all versions.
    file.execute_batch(INDEXES)?;
    renumbered.iter().try_for_each(|(old, new)| rows(file, *old, *new))
}
