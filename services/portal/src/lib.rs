//! What is served: the JSON API, the event stream and the pages. It decides nothing and keeps nothing: commands go to
//! the
//! ledger, questions to the views.

mod answers;
mod asking;
mod authentication;
mod caller;
mod client;
mod codes;
mod command;
mod conditional;
mod contract;
pub mod door;
mod edge;
mod events;
mod headers;
mod health;
pub mod limits;
mod metrics;
mod negotiate;
pub mod pages;
mod parameters;
pub mod problem;
mod process;
mod questions;
mod rate;
mod read;
mod rebuild;
mod router;
pub mod routes;
mod slots;
pub mod starting;
mod state;
pub mod token;

pub use asking::Reading;
pub use contract::operation_id;
pub use limits::{Limits, RateLimit};
pub use metrics::Metrics;
pub use parameters::Parameters;
pub use read::{collection::list_query, past::document as document_as_of};
pub use router::router;
pub use starting::starting;
pub use state::{Clock, LogAlarm, LogStanding, LogWatch, Portal, PortalParts, PortalState, PublisherStanding};
pub use token::Token;
