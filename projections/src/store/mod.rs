//! The files of the views: one SQLite file for each, a manifest that says which is live, and connections to read it. It does
//! not know what the rows mean.

pub(crate) mod codec;
pub(crate) mod file;
pub(crate) mod manifest;
mod reader;
mod seal;
mod stamps;

pub(crate) use reader::Pool;
pub use reader::Reader;

/// What every connection to a view's file needs.
pub(crate) fn prepare(connection: &rusqlite::Connection, statements_kept: usize) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(statements_kept);
    // Plans must not depend on bound values: SQLite would prepare many of our statements again at every use.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // The WAL is moved into the file by its writer alone, which keeps the checksums of the pages.
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))
}

/// Whether SQLite says that the file is damaged or none of its own.
pub(crate) fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}

/// Whether a value was read that no column of ours holds.
pub(crate) fn is_of_another_form(error: &rusqlite::Error) -> bool {
    use rusqlite::Error::{FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, Utf8Error};
    matches!(error, FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..))
}
