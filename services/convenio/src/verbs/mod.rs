//! The verbs that are not `serve` or `bench`, one a file.

pub(crate) mod accept_loss;
pub(crate) mod clock;
pub(crate) mod doctor;
pub(crate) mod events;
pub(crate) mod grants;
pub(crate) mod migrate;
pub(crate) mod offline;
pub(crate) mod output;
pub(crate) mod rebuild;
pub(crate) mod record;
pub(crate) mod status;
