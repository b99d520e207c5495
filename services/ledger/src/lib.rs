//! What is decided: aggregates that judge commands against the true present, and the sequencer that numbers what they decide.
//! No I/O beyond the log contract and the two derived stores.

pub mod access;
pub mod agreement;
mod audience;
pub mod authorise;
pub mod body;
pub mod clock;
pub mod command;
pub mod context;
pub mod convening;
pub mod counts;
pub mod entropy;
pub mod genesis;
pub mod learning;
pub mod ledger;
pub mod listing;
pub mod memory_stores;
pub mod nearest;
pub mod organisation;
pub mod parser_words;
pub mod record;
pub mod rejection;
pub mod sequencer;
pub mod snapshotter;
pub mod stores;
pub mod submission;
mod unknown;
pub mod world;
