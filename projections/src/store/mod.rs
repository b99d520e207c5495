//! The files of the views: one SQLite file for each, a manifest that says which is live, and connections to read it. It does
//! not know what the rows mean.

pub(crate) mod codec;
pub(crate) mod file;
pub(crate) mod manifest;
mod reader;

pub(crate) use reader::Pool;
pub use reader::Reader;

/// Whether SQLite says that the file is damaged or none of its own.
pub(crate) fn is_corruption(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
}
