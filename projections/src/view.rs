//! What a view is: a named, versioned fold into tables of its own. It does not open files and reads no log.

use crate::{ApplyError, QueryError, ViewName, store::Reader};
use convenio_events::Event;
use rusqlite::{Connection, types::ValueRef};
use std::fmt::Write as _;

/// A fold into one SQLite file. What it keeps in memory is a copy of rows; [`View::forget`] throws it away.
pub(crate) trait View: Send {
    /// Folds one event. Rows may wait in memory until [`View::flush`].
    fn apply(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError>;
    /// Writes what waits, at the end of a page and of its transaction.
    fn flush(&mut self, file: &Connection) -> Result<(), ApplyError>;
    /// Forgets everything kept in memory: the transaction was rolled back.
    fn forget(&mut self);
    /// The file is new and nobody reads it before [`View::finish_bulk`]: rows that only help readers may wait until then.
    fn begin_bulk(&mut self) {}
    /// Writes the rows that waited.
    fn finish_bulk(&mut self, _file: &Connection) -> Result<(), ApplyError> {
        Ok(())
    }
}

/// How a view's file is made and compared.
pub(crate) struct Spec {
    /// Its name.
    pub(crate) name: ViewName,
    /// Raised with every change of what `apply` writes: older files are then made anew.
    pub(crate) version: u32,
    /// Its tables.
    pub(crate) tables: &'static [&'static str],
    /// Its indexes; a rebuild in bulk makes them last.
    pub(crate) indexes: &'static str,
    /// The fold, knowing nothing yet.
    pub(crate) make: fn() -> Box<dyn View>,
    /// Each table with the query that lists its rows in canonical order, without columns that depend on the run.
    pub(crate) dump: &'static [(&'static str, &'static str)],
}

/// How the view of a name is made.
pub(crate) fn spec(name: ViewName) -> Spec {
    match name {
        ViewName::Board
        | ViewName::Organisations
        | ViewName::Agreements
        | ViewName::Learnings
        | ViewName::Convenings => crate::collection::spec(name),
        ViewName::History => crate::history::spec(),
        ViewName::Activity => crate::activity::spec(),
        ViewName::Access => crate::access::spec(),
    }
}

/// Every row of every table, as text.
pub(crate) fn dump(reader: &Reader) -> Result<Vec<(String, String)>, QueryError> {
    let mut rows = vec![("meta".to_owned(), format!("position {}", reader.position()))];
    for (table, sql) in spec(reader.view()).dump {
        let mut statement = reader.connection().prepare(sql)?;
        let columns = statement.column_count();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let mut line = String::new();
            for column in 0..columns {
                let separator = if column == 0 { "" } else { "|" };
                line.push_str(separator);
                write_value(&mut line, row.get_ref(column)?);
            }
            rows.push(((*table).to_owned(), line));
        }
    }
    Ok(rows)
}

fn write_value(line: &mut String, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => line.push_str("NULL"),
        ValueRef::Integer(number) => write!(line, "{number}").expect("writing to a string"),
        ValueRef::Real(number) => write!(line, "{number}").expect("writing to a string"),
        ValueRef::Text(text) => line.push_str(&String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => bytes.iter().for_each(|byte| write!(line, "{byte:02x}").expect("writing to a string")),
    }
}
