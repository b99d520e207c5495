//! The JSON API, asked through its router: a real sequencer over a log in memory, real views in a folder of their own. No mocks.

mod app;
mod batches;
mod bodies;
mod commands;
mod contract;
mod damage;
mod door;
mod edge;
mod events;
mod facets;
mod large;
mod learnings;
mod lists;
mod reads;
mod session;
mod strangers;
mod wire;
