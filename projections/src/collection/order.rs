//! Records in the order asked for, by the index of that order. Which records are better found otherwise is said in `list`.

use super::{
    cursor::Key,
    list::{Found, Lister, Row},
    query::Sort,
    row_filter::{COLUMNS, PassedRow, updated},
    search::RecordWords,
};
use crate::{QueryError, document::Head, standing::Face};
use convenio_events::Sequence;
use rusqlite::{ToSql, params};

/// What says whether a record is gone, behind the [`COLUMNS`].
const GONE: &str = "sequence, subject, has_past, standing FROM latest JOIN record USING (number)";

impl Lister<'_> {
    /// Goes through all records in the order asked for until the page is full, or `rows` were looked at: then false.
    pub(super) fn in_order(&self, after: Option<&Key>, mut rows: usize, found: &mut Found) -> Result<bool, QueryError> {
        let (start, rows) = (after.cloned(), &mut rows);
        match self.query.order() {
            Sort::Updated => {
                let before = start.map_or(i64::MAX, |key| key.number);
                self.scan_latest(before, rows, found)?;
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

    /// The last changed first. A record stands where the last event stands that its reader may know of; and where it was asked for
    /// changes since a sequence, one that is no longer the reader's to see stands where it was hidden.
    fn scan_latest(&self, before: i64, left: &mut usize, found: &mut Found) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(&format!(
            "SELECT {COLUMNS}, {GONE} WHERE sequence < ?1 AND sequence >= ?2 \
            ORDER BY sequence DESC"
        ))?;
        let mut words = RecordWords::new(self.reader)?;
        let mut rows = statement.query([before, self.filter.since.unwrap_or(0)])?;
        while *left > 0 && !found.is_full() {
            let Some(row) = rows.next()? else { break };
            *left -= 1;
            let sequence: i64 = row.get(8)?;
            if self.filter.since.is_some() && self.search.is_none() && self.is_gone_at(row, sequence)? {
                found.rows.push(Row {
                    key: Key { number: sequence, ..Key::default() },
                    number: row.get(0)?,
                    gone: true,
                });
                continue;
            }
            if updated(row, self.identity)? != sequence || !self.filter.passes(row, self.identity)? {
                continue;
            }
            let row = PassedRow::read(row, self.identity)?;
            let fit = match &self.search {
                Some(search) => match words.of(row.number, |words| search.fit(words))? {
                    None => continue,
                    fit => fit,
                },
                None => None,
            };
            found.push(self.key(&row, fit)?, row.number);
        }
        Ok(())
    }

    /// Whether it was this event that took the record of a row from the reader's sight.
    fn is_gone_at(&self, row: &rusqlite::Row<'_>, sequence: i64) -> Result<bool, QueryError> {
        let kind = row.get_ref(9)?.as_blob().map_err(rusqlite::Error::from)?.first().copied();
        if !row.get(10)? || !self.query.whole_view && kind != Some(self.query.kind.number()) {
            return Ok(false);
        }
        let standing = Head::standing_beside(row.get_ref(11)?.as_str().map_err(rusqlite::Error::from)?)?;
        Ok(standing.face(self.identity) == Face::Gone(Sequence(sequence.cast_unsigned())))
    }

    fn scan(&self, clause: &str, start: &[&dyn ToSql], left: &mut usize, found: &mut Found) -> Result<(), QueryError> {
        let mut statement = self.reader.statement(&format!("SELECT {COLUMNS} FROM record WHERE {clause}"))?;
        let mut words = RecordWords::new(self.reader)?;
        let mut rows = statement.query(start)?;
        while *left > 0 && !found.is_full() {
            let Some(row) = rows.next()? else { break };
            *left -= 1;
            if !self.filter.passes(row, self.identity)? {
                continue;
            }
            let row = PassedRow::read(row, self.identity)?;
            let fit = match &self.search {
                Some(search) => match words.of(row.number, |words| search.fit(words))? {
                    None => continue,
                    fit => fit,
                },
                None => None,
            };
            found.push(self.key(&row, fit)?, row.number);
        }
        Ok(())
    }
}
