//! All routes put together. Which there are is said in `routes`.

use crate::{pages, state::PortalState};
use axum::Router;

/// Everything that the portal serves.
pub fn router(state: PortalState) -> Router {
    pages::router(state)
}
