//! What is read: read models folded from the log, and the runner that keeps them current. Nothing here decides or records.
//!
//! * [`Views`] is the handle: start, wait for a position, read, rebuild, status.
//! * A [`Reader`] is one view at one position; the questions are plain functions over it:
//!   [`collection`] (records and lists of offers, demands, organisations, agreements, learnings, convenings), [`history`] (an
//!   organisation's partnership passport), [`activity`] (feed and audit trail), [`access`] (grants, tokens, who may see what).
//! * [`document`] is what a person sees of one record, as a pure fold of its events.
//! * `view` is what a view is, `runner` feeds the views, `store` holds their files.
//!
//! Every question takes a [`ReaderIdentity`] and filters before it counts.

pub mod access;
pub mod activity;
pub mod collection;
pub mod document;
mod error;
mod fold;
mod grant_reference;
pub mod history;
mod name;
pub mod priority;
mod reach;
mod runner;
mod sequence_cursor;
mod standing;
mod standings;
mod status;
mod store;
mod view;
mod views;

pub use convenio_events::sight::{Circle, ReaderIdentity};
pub use error::{ApplyError, QueryError};
pub use name::{UnknownView, ViewName};
pub use reach::{Reach, reach};
pub use sequence_cursor::{NotACursor, SequenceCursor};
pub use status::{Activity, HEARTBEAT_LIMIT, RebuildProgress, ViewStatus};
pub use store::Reader;
pub use views::{NotYetVisible, Rebuild, RebuildError, Settings, StartError, Views};
