//! What surrounds every request: its id, the caller's rate, the time it may take, the headers of every answer, and the
//! counts.

use crate::{
    asking::CONVENIO_SEQUENCE,
    caller,
    events::stream,
    headers,
    health::HALTED,
    limits::{REFUSAL_PAUSE, REQUEST_TIMEOUT},
    problem::{Code, Problem},
    rate::{Allowance, Caller},
    state::PortalState,
};
use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use convenio_ledger::rejection::Unavailable;
use futures::FutureExt as _;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The most characters of a request id that a caller may choose.
const REQUEST_ID_LIMIT: usize = 64;
/// Pages are whole in themselves: nothing is loaded from elsewhere, nothing inline runs, nobody frames them.
const CONTENT_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// What scripts of other origins may read of an answer.
const EXPOSED: &str = "allow, convenio-sequence, etag, link, ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after, x-request-id";
/// What scripts of other origins may send.
const ALLOWED: &str = "accept, authorization, if-none-match, last-event-id, x-request-id";

pub(crate) async fn edge(State(state): State<PortalState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let path = request.extensions().get::<MatchedPath>().cloned();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let public = matches!(method, Method::GET | Method::HEAD);
    let (mut response, allowance) = answer(&state, request, next, began).await;
    // Also who may not is told so, and which methods there are.
    let public = public || response.status() == StatusCode::METHOD_NOT_ALLOWED;
    finish(response.headers_mut(), id.clone(), public, allowance);
    let (status, took) = (response.status(), began.elapsed());
    state.metrics().request(path.as_ref().map_or("unmatched", MatchedPath::as_str), status.as_u16(), took);
    let (took, status, path) = (took.as_micros(), status.as_u16(), uri.path());
    // 503 says "later" to a caller, who comes again: it is counted, and what is behind it is told once, where it is known.
    if status >= 500 && status != 503 {
        tracing::warn!(?id, %method, path, status, took_us = took, "a request was not answered well");
    } else {
        tracing::debug!(?id, %method, path, status, took_us = took, "a request was answered");
    }
    if matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS)
        && caller::of(response.extensions()).is_stranger()
    {
        // Whoever asks again at once, on however many connections, leaves the processors to members meanwhile.
        tokio::time::sleep(REFUSAL_PAUSE).await;
    }
    response
}

async fn answer(state: &PortalState, mut request: Request, next: Next, now: Instant) -> (Response, Option<Allowance>) {
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return (preflight(), None);
    }
    let allowance = caller::admit(state, &mut request, now).await;
    let caller = caller::of(request.extensions());
    let mut response = admitted(state, request, next, caller, allowance).await;
    response.extensions_mut().insert(caller);
    (response, allowance)
}

async fn admitted(
    state: &PortalState,
    request: Request,
    next: Next,
    caller: Caller,
    allowance: Option<Allowance>,
) -> Response {
    if let Some(Allowance { allowed: false, reset_seconds, .. }) = allowance {
        let problem = Problem::from(Code::TooManyRequests);
        if stream::is_asked_for(request.headers()) {
            return stream::come_again(&problem, Duration::from_secs(reset_seconds));
        }
        let seconds = u32::try_from(reset_seconds).unwrap_or(u32::MAX);
        return problem.retry_after(seconds).into_response();
    }
    if let Err(problem) = headers::check(&request) {
        return problem.into_response();
    }
    if state.log_standing().in_doubt && shows_records(request.uri().path()) {
        return Problem::from(Code::NotReady).detail(HALTED).into_response();
    }
    let records = records(&request);
    let response = within_time(records, next.run(request)).await;
    if let (Caller::Member(member), StatusCode::UNAUTHORIZED) = (caller, response.status()) {
        state.authentication().forget(&member.token);
    }
    response
}

/// Whether an answer may tell of what was recorded: everything but what an operator looks at, and what is the same on every ledger.
fn shows_records(path: &str) -> bool {
    let others = ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/docs", "/openapi.json", "/asyncapi.json"];
    let below = ["/api/v1/codes", "/schemas/", "/assets/"];
    !others.contains(&path) && !below.iter().any(|start| path.starts_with(start))
}

/// Whether a request can have recorded something before its answer is lost.
fn records(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path().starts_with("/api/v1/commands")
}

/// An answer, or what can be said where there is none. Commands bound their own time: nobody else knows how far they are.
async fn within_time(records: bool, answer: impl Future<Output = Response>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let answer = if records { Ok(answer.await) } else { tokio::time::timeout(REQUEST_TIMEOUT, answer).await };
    match answer {
        Ok(Ok(response)) => response,
        // The panic's message and place are in the log already: the panic hook wrote them.
        Ok(Err(_panic)) if records => Problem::from(Unavailable::OutcomeUnknown).into_response(),
        Ok(Err(_panic)) => Problem::from(Code::Internal).into_response(),
        Err(_elapsed) => Problem::from(Code::TooSlow).into_response(),
    }
}

/// The caller's own id where it is a plain word, else one that no other request of this process has.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    static PROCESS: LazyLock<u64> = LazyLock::new(rand::random);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let plain = |value: &&HeaderValue| {
        let bytes = value.as_bytes();
        let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        (1..=REQUEST_ID_LIMIT).contains(&bytes.len()) && bytes.iter().all(word)
    };
    headers.get(&REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
        let id = format!("{:016x}-{:x}", *PROCESS, NEXT.fetch_add(1, Relaxed));
        HeaderValue::from_str(&id).expect("hexadecimal digits are ASCII")
    })
}

/// What a browser asks before a script of another origin may read: reading is open to all, recording is not.
fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

fn finish(headers: &mut HeaderMap, id: HeaderValue, public: bool, allowance: Option<Allowance>) {
    headers.insert(REQUEST_ID, id);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(CONTENT_POLICY));
    if public {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        if headers.contains_key(&CONVENIO_SEQUENCE) || allowance.is_some() {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }
    if let Some(Allowance { limit, remaining, reset_seconds, .. }) = allowance {
        headers.insert("ratelimit-limit", limit.into());
        headers.insert("ratelimit-remaining", remaining.into());
        headers.insert("ratelimit-reset", reset_seconds.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_sent_a_command_is_not_told_that_it_failed_when_its_handler_panics() {
        async fn status_and_code(records: bool) -> (u16, String) {
            let broken = async { panic!("after it was recorded") };
            let response = within_time(records, broken).await;
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            (status, body["code"].as_str().expect("a code").to_owned())
        }
        assert_eq!(status_and_code(true).await, (503, "outcome-unknown".to_owned()));
        assert_eq!(status_and_code(false).await, (500, "internal".to_owned()));
    }
}
