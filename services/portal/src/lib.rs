//! What is served: the JSON API, the event stream and the pages. It decides nothing and keeps nothing: commands go to the
//! ledger, questions to the views.

pub mod limits;
mod metrics;
pub mod pages;
pub mod problem;
mod rate;
mod router;
pub mod state;

pub use limits::{Limits, RateLimit};
pub use metrics::Metrics;
pub use router::router;
pub use state::{Portal, PortalParts, PortalState};
