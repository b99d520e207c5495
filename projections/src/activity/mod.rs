//! The activity feed and the audit trail: a row for every event. It shows no event's content.

mod query;
mod read;
mod writer;

pub use query::{AuditItem, FeedItem, PAGE_LIMIT, TrailPage, TrailQuery};
pub use read::{audit, feed, position_at, sequences, time_of};
pub(crate) use writer::spec;
