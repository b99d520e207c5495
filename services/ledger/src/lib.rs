//! What is decided: aggregates that judge commands against the true present, and the sequencer that numbers what they decide.
//! No I/O beyond the log contract and the two derived stores.

mod audience;
pub mod authorise;
pub mod body;
pub mod clock;
pub mod commands;
pub mod context;
pub mod counts;
pub mod entropy;
pub mod genesis;
pub mod memory_stores;
pub mod nearest;
pub mod parser_words;
pub mod rejection;
pub mod sequencer;
pub mod snapshotter;
pub mod state;
pub mod stores;
pub mod submission;
mod unknown;
pub mod world;
