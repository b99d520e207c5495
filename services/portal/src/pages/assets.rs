//! The style sheet and the icon, inside the program. Nothing is loaded from elsewhere.

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

const STYLE: &str = include_str!("../../assets/portal.css");
const ICON: &str = include_str!("../../assets/icon.svg");

/// The path names the content, so that browsers may keep it for ever.
static STYLE_PATH: LazyLock<String> =
    LazyLock::new(|| format!("/assets/portal-{}.css", hex::encode(&Sha256::digest(STYLE.as_bytes())[..6])));

/// Where the style sheet is.
pub(crate) fn style_path() -> &'static str {
    &STYLE_PATH
}

/// The routes of both.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let style = || async { asset("text/css; charset=utf-8", "public, max-age=31536000, immutable", STYLE) };
    let icon = || async { asset("image/svg+xml", "public, max-age=86400", ICON) };
    Router::new().route(style_path(), get(style)).route("/assets/icon.svg", get(icon)).route("/favicon.ico", get(icon))
}

fn asset(media_type: &'static str, keep: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, keep),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content).into_response()
}
