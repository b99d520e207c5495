//! The activity feed and the audit trail: a row for every event. It shows no event's content.

mod query;
mod read;

pub use query::{AuditItem, FeedItem, PAGE_LIMIT, TrailPage, TrailQuery};
pub use read::{audit, feed, sequences};
