//! Questions about what happened.

use super::query::{AuditItem, FeedItem, TrailPage, TrailQuery};
use crate::{error::QueryError, identity::ReaderIdentity, store::Reader};
use convenio_events::{Sequence, Subject};

/// The activity feed: what happened on records that the reader may see today.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn feed(reader: &Reader, identity: &ReaderIdentity, query: &TrailQuery) -> Result<TrailPage<FeedItem>, QueryError> {
    let _ = (identity, query);
    Err(QueryError::NotReady(reader.view()))
}

/// The audit trail: who recorded what, when, under which grant.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn audit(reader: &Reader, identity: &ReaderIdentity, query: &TrailQuery) -> Result<TrailPage<AuditItem>, QueryError> {
    let _ = (identity, query);
    Err(QueryError::NotReady(reader.view()))
}

/// The sequences of a subject's events below `before`, oldest first, at most `limit`: what an as-of reads from the log.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sequences(reader: &Reader, subject: Subject, before: Sequence, limit: usize) -> Result<Vec<Sequence>, QueryError> {
    let _ = (subject, before, limit);
    Err(QueryError::NotReady(reader.view()))
}
