//! The rules of the ledger, given, when, then: commands in, answers and events out, through the real sequencer. No mocks.

mod cast;
mod listings;
mod node;
mod table;
