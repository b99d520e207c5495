//! What a visitor has seen: the sequence that the last page was true at, in a cookie, so that no later page shows less, whichever
//! node and view answers. It names nobody and grants nothing.

use super::PageState;
use crate::limits::WAIT_FOR_LIMIT;
use axum::http::{HeaderMap, HeaderValue, header};
use convenio_events::Sequence;
use convenio_projections::{NotYetVisible, ViewName, ViewStatus};

/// The cookie's name. Its value is the ledger's id and the sequence, with a dot between: another ledger's sequences say nothing.
const COOKIE: &str = "convenio-seen";

/// The last sequence that the visitor was shown; `None` for a new one.
pub(super) fn seen(state: &PageState, headers: &HeaderMap) -> Option<Sequence> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut named = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    let (_, value) = named.find(|(name, _)| *name == COOKIE)?;
    let (ledger, sequence) = value.split_once('.')?;
    (ledger == state.ledger.to_string()).then(|| sequence.parse().ok().map(Sequence))?
}

/// Waits until the views have what the visitor has seen. One that stands still is not waited for: what it shows does not go back.
pub(super) async fn wait(state: &PageState, seen: Sequence) -> Result<(), NotYetVisible> {
    let position = Sequence(seen.0.saturating_add(1));
    let statuses = state.views.statuses();
    let moving: Vec<ViewName> = statuses.iter().filter(|status| status.is_current()).map(name).collect();
    state.views.wait_for(&moving, position, WAIT_FOR_LIMIT).await
}

fn name(status: &ViewStatus) -> ViewName {
    status.view
}

/// What the visitor's browser shall keep.
pub(super) fn keep(state: &PageState, sequence: Sequence) -> Option<HeaderValue> {
    cookie(state, &format!("{}.{sequence}", state.ledger), "")
}

/// Forgets what was seen: the ledger may have been brought back from a backup.
pub(super) fn forget(state: &PageState) -> Option<HeaderValue> {
    cookie(state, "", "; Max-Age=0")
}

fn cookie(state: &PageState, value: &str, more: &str) -> Option<HeaderValue> {
    let secure = if state.public_url.starts_with("https://") { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{more}")).ok()
}
