//! The rules of the ledger, given, when, then: commands in, answers and events out, through the real sequencer. No mocks.

mod agreements;
mod audience;
mod binding;
mod bodies;
mod cast;
mod dates;
mod fences;
mod growth;
mod holding;
mod holds;
mod ids;
mod learnings;
mod listings;
mod names;
mod naming;
mod node;
mod objects;
mod records;
mod refusals;
mod rights;
mod secrets;
mod snapshots;
mod table;
mod terms_of_writing;
mod time;
mod under_way;
