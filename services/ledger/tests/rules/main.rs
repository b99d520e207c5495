//! The rules of the ledger, given, when, then: commands in, answers and events out, through the real sequencer. No mocks.

mod agreements;
mod cast;
mod listings;
mod node;
mod secrets;
mod table;
mod terms_of_writing;
