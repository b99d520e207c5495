//! Faults of a ledger on real brokers: whole nodes, clients that send again with the same ids, something that breaks, and a
//! checker who reads everything from outside. It decides no budget: what took how long is for whoever runs it to judge.

mod check;
mod figures;
mod load;
mod nodes;
mod outside;
mod plan;
mod proxy;
mod strangers;
mod strikes;

pub use figures::{Figure, Figures, Measured};
pub use load::Load;
pub use nodes::{Setup, World, can_mount};
pub use plan::{Fault, Plan};
