//! Lists: search, filters, order, pages.

use super::query::{ListQuery, Page};
use crate::{error::QueryError, identity::ReaderIdentity, store::Reader};

/// One page of the records that match and that the reader may see.
///
/// # Errors
/// [`QueryError::Refused`] with `cursor-invalid`, `as-of-without-search`, `too-many-values`; else when the view cannot be read.
pub fn list(reader: &Reader, identity: &ReaderIdentity, query: &ListQuery) -> Result<Page, QueryError> {
    let _ = (identity, query);
    Err(QueryError::NotReady(reader.view()))
}
