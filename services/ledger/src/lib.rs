//! What is decided: aggregates that judge commands against the true present, and the sequencer that numbers what they decide.
//! No I/O beyond the log contract and the two derived stores.

pub mod stores;
