//! Grants, the tokens they are known by, and who may see which record today. It authorises no command: the ledger does.

mod query;
mod read;

pub use query::{Grant, GrantQuery, Moment, Standing};
pub use read::{grant, grant_by_token, grants, may_read_event, sample_grants, standing};
