//! One record: as it is, and each of its versions.

use super::query::{Item, VersionSummary};
use crate::{error::QueryError, identity::ReaderIdentity, store::Reader};
use convenio_events::{StreamVersion, Subject};

/// A record as it is; `None` when there is none or it is not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn record(reader: &Reader, identity: &ReaderIdentity, subject: Subject) -> Result<Option<Item>, QueryError> {
    let _ = (identity, subject);
    Err(QueryError::NotReady(reader.view()))
}

/// Every version of a record, oldest first.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn versions(reader: &Reader, identity: &ReaderIdentity, subject: Subject) -> Result<Option<Vec<VersionSummary>>, QueryError> {
    let _ = (identity, subject);
    Err(QueryError::NotReady(reader.view()))
}

/// One version of a record, seen with today's rights.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn version(reader: &Reader, identity: &ReaderIdentity, subject: Subject, version: StreamVersion) -> Result<Option<Item>, QueryError> {
    let _ = (identity, subject, version);
    Err(QueryError::NotReady(reader.view()))
}
