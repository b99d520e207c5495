//! Questions about grants and visibility.

use super::query::{Grant, GrantQuery, Standing};
use crate::{error::QueryError, identity::ReaderIdentity, store::Reader};
use convenio_events::{AccessId, Event, Subject, commitment::Digest};

/// The grant that a token belongs to, in force or not: look at [`Grant::is_in_force`].
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grant_by_token(reader: &Reader, token: &Digest) -> Result<Option<Grant>, QueryError> {
    let _ = token;
    Err(QueryError::NotReady(reader.view()))
}

/// A grant, by its id, whoever asks.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grant(reader: &Reader, id: AccessId) -> Result<Option<Grant>, QueryError> {
    let _ = id;
    Err(QueryError::NotReady(reader.view()))
}

/// Grants that the reader may see, in the order in which they were given.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grants(reader: &Reader, identity: &ReaderIdentity, query: &GrantQuery) -> Result<Vec<Grant>, QueryError> {
    let _ = (identity, query);
    Err(QueryError::NotReady(reader.view()))
}

/// Who may see a record today; `None` for one that is not there (which nobody may see).
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn standing(reader: &Reader, subject: Subject) -> Result<Option<Standing>, QueryError> {
    let _ = subject;
    Err(QueryError::NotReady(reader.view()))
}

/// Whether the reader may read an event today: a public one always, a restricted one when it may see the record it happened to, and
/// the one because of which it happened.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn may_read_event(reader: &Reader, identity: &ReaderIdentity, event: &Event) -> Result<bool, QueryError> {
    let _ = (identity, event);
    Err(QueryError::NotReady(reader.view()))
}

/// The grants under which a sample was recorded.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sample_grants(reader: &Reader) -> Result<Vec<AccessId>, QueryError> {
    Err(QueryError::NotReady(reader.view()))
}
