//! Conditional reads (RFC 9110 13): what a reader has already is not sent again. It knows no record: a tag is made of the bytes that
//! this reader is shown, and so differs where readers see different things.

use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use convenio_events::StreamVersion;
use sha2::{Digest as _, Sha256};

/// Bytes of a digest that make a tag: two contents of one address are never taken for each other.
const TAG_BYTES: usize = 12;
/// What is asked for all the time, and is never the same for long.
const UNTAGGED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// The version of the record that an answer shows: its tag begins with it, so that `If-Match` takes the tag as well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShownVersion(pub(crate) StreamVersion);

/// Gives every whole answer to a read a weak tag, and answers 304 where the caller has it.
pub(crate) async fn conditional(mut request: Request, next: Next) -> Response {
    let head = request.method() == Method::HEAD;
    if !(head || request.method() == Method::GET) || UNTAGGED.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let known = request.headers().clone();
    // The tag of what GET would send is wanted, so that is made; only its head is sent.
    *request.method_mut() = Method::GET;
    let response = tagged(next.run(request).await, &known).await;
    if head { only_head(response) } else { response }
}

async fn tagged(response: Response, asked: &HeaderMap) -> Response {
    let kept = response.headers().get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
    // What comes as it is made has no end yet that a tag could cover.
    let Some(length) = response.body().size_hint().exact().filter(|_| kept && response.status() == StatusCode::OK)
    else {
        return response;
    };
    let (mut parts, body) = response.into_parts();
    // It is in memory already: this takes it out.
    let Ok(bytes) = to_bytes(body, usize::try_from(length).unwrap_or(usize::MAX)).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let version = parts.extensions.get::<ShownVersion>().copied();
    let tag = parts.headers.entry(header::ETAG).or_insert_with(|| tag_of(&bytes, version)).clone();
    parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !has(asked, &tag) {
        return Response::from_parts(parts, bytes.into());
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_LANGUAGE] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

fn tag_of(bytes: &[u8], version: Option<ShownVersion>) -> HeaderValue {
    let digest = URL_SAFE_NO_PAD.encode(&Sha256::digest(bytes)[..TAG_BYTES]);
    let tag = match version {
        Some(ShownVersion(version)) => format!("W/\"{version}-{digest}\""),
        None => format!("W/\"{digest}\""),
    };
    HeaderValue::from_str(&tag).expect("base64url is ASCII")
}

/// Whether `If-None-Match` names the tag; weak and strong are the same here (RFC 9110 13.1.2).
fn has(asked: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(own) = tag.to_str().map(opaque) else { return false };
    let named = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|value| value.split(',')).any(|named| named.trim() == "*" || opaque(named) == own)
}

fn only_head(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    if let (Some(length), StatusCode::OK) = (body.size_hint().exact(), parts.status) {
        parts.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(parts, Body::empty())
}

/// What is compressed: whole answers and exports, where that saves something. An event stream is not, because an encoder would
/// hold events back; answers to commands are not, because secrets are among them.
pub(crate) fn is_compressible(
    status: StatusCode,
    _version: axum::http::Version,
    headers: &HeaderMap,
    _extensions: &axum::http::Extensions,
) -> bool {
    let kept = headers.get(header::CACHE_CONTROL).is_none_or(|value| value != "no-store");
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    status == StatusCode::OK && kept && !content_type.starts_with("text/event-stream")
}
