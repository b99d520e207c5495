//! What a node answers before its ledger is open: that it lives, and why it shows nothing yet. It knows no ledger.

use crate::problem::{Code, Problem};
use axum::{
    Router,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::sync::watch;

/// Answers `/healthz`, and everything else with 503 and the reason, in words for whoever waits.
pub fn starting(reason: watch::Receiver<String>) -> Router {
    Router::new().route("/healthz", get(crate::health::alive)).fallback(not_open).with_state(reason)
}

async fn not_open(State(reason): State<watch::Receiver<String>>) -> Response {
    let reason = reason.borrow().clone();
    let mut response = Problem::from(Code::NotReady).detail(reason).into_response();
    // What is asked next is asked of the node that has opened by then.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
