//! Records in the order asked for, by the index of that order. Which records are better found otherwise is said in `list`.

use super::{
    cursor::Key,
    list::{Found, Lister},
    narrow::{COLUMNS, Narrow},
    query::Sort,
    search::RecordWords,
};
use crate::QueryError;
use rusqlite::{ToSql, params};

impl Lister<'_> {
    /// Goes through all records in the order asked for until the page is full, or `rows` were looked at: then false.
    pub(super) fn in_order(&self, after: Option<&Key>, mut rows: usize, found: &mut Found) -> Result<bool, QueryError> {
        let (start, rows) = (after.cloned(), &mut rows);
        match self.query.order() {
            Sort::Updated => {
                let before = start.map_or(i64::MAX, |key| key.number);
                self.scan("updated_sequence < ?1 ORDER BY updated_sequence DESC", &[&before], rows, found)?;
            }
            Sort::Relevance | Sort::Created => {
                let before = start.map_or(i64::MAX, |key| key.number);
                self.scan("number < ?1 ORDER BY number DESC", &[&before], rows, found)?;
            }
            Sort::Title => {
                let Key { text, number, .. } = start.unwrap_or(Key { number: -1, ..Key::default() });
                self.scan("(title, number) > (?1, ?2) ORDER BY title, number", params![text, number], rows, found)?;
            }
            Sort::Ends => {
                let Key { group, text, number } = start.unwrap_or(Key { number: -1, ..Key::default() });
                if group == 0 {
                    let clause = "ends_on IS NOT NULL AND (ends_on, number) > (?1, ?2) ORDER BY ends_on, number";
                    self.scan(clause, params![text, number], rows, found)?;
                }
                let number = if group == 0 { -1 } else { number };
                self.scan("ends_on IS NULL AND number > ?1 ORDER BY number", &[&number], rows, found)?;
            }
            Sort::Starts => {
                let Key { group, text, number } =
                    start.unwrap_or(Key { group: 0, text: "~".to_owned(), number: i64::MAX });
                if group == 0 {
                    let clause =
                        "starts_on IS NOT NULL AND (starts_on, number) < (?1, ?2) ORDER BY starts_on DESC, number DESC";
                    self.scan(clause, params![text, number], rows, found)?;
                }
                let number = if group == 0 { i64::MAX } else { number };
                self.scan("starts_on IS NULL AND number < ?1 ORDER BY number DESC", &[&number], rows, found)?;
            }
        }
        Ok(*rows > 0)
    }

    fn scan(&self, clause: &str, start: &[&dyn ToSql], left: &mut usize, found: &mut Found) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(&format!("SELECT {COLUMNS} FROM record WHERE {clause}"))?;
        let mut words = RecordWords::new(self.reader)?;
        let mut rows = statement.query(start)?;
        while *left > 0 && !found.is_full() {
            let Some(row) = rows.next()? else { break };
            *left -= 1;
            if !self.sieve.passes(row, self.identity)? {
                continue;
            }
            let row = Narrow::read(row)?;
            let fit = match &self.search {
                Some(search) => match words.of(row.number, |words| search.fit(words))? {
                    None => continue,
                    fit => fit,
                },
                None => None,
            };
            found.rows.push((self.key(&row, fit)?, row.number));
        }
        Ok(())
    }
}
