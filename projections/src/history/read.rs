//! Questions about an organisation's history.

use super::query::Passport;
use crate::{error::QueryError, identity::ReaderIdentity, store::Reader};
use convenio_events::OrganisationId;

/// An organisation's history as far as the reader may see its records; `None` when the organisation is not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn passport(reader: &Reader, identity: &ReaderIdentity, organisation: OrganisationId) -> Result<Option<Passport>, QueryError> {
    let _ = (identity, organisation);
    Err(QueryError::NotReady(reader.view()))
}
