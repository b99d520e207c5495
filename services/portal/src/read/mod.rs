//! Answers from the views: collections, records, histories, trails. No SQL and no rules: the views filter by who asks.

pub(crate) mod collection;
pub(crate) mod export;
pub(crate) mod links;
pub(crate) mod past;
pub(crate) mod record;
pub(crate) mod today;
pub(crate) mod trail;
