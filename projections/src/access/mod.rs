//! Grants, the tokens they are known by, and who may see which record today. It authorises no command: the ledger does.

mod query;
mod read;
mod writer;

pub use crate::{
    document::Moment,
    standing::{Face, Sight, Standing},
};
pub use query::{Grant, GrantQuery};
pub use read::{grant, grant_by_token, grants, hidden_since, sample_grants, sight, standing, time};
pub(crate) use writer::spec;
