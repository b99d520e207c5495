//! Feeds the views: the log is read and decoded once, each view folds on a thread of its own. It knows no view's rows.
//!
//! `feed` reads the log and hands its pages to all `worker`s; a worker that is far behind reads for itself until it is near;
//! `rebuild` makes a new file beside the live one and hands it to the worker, who swaps it in.

mod feed;
mod rebuild;
mod shared;
mod worker;

pub(crate) use shared::Shared;
pub(crate) use shared::start;
