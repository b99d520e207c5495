//! Callers without a grant, and those who ask in their name: whom they are counted as, and what they can keep from others. What
//! they do to sockets is tested with the real program.

use crate::app::{Answer, App, DEADLINE, SOCIOS, User, grant, listing, request, uuid};
use axum::{
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{Method, Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use convenio_portal::{Limits, RateLimit};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// The same request, through a socket of this address.
fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let peer: SocketAddr = format!("{address}:4711").parse().expect("an address");
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    request(Method::GET, path, User::Anonymous, headers, Body::empty())
}

/// Nobody was ever given it.
fn made_up(number: u8) -> String {
    format!("Bearer {}", URL_SAFE_NO_PAD.encode([100 + number; 32]))
}

/// With so many requests at once for each caller.
async fn limited(burst: f64, trusted: &str) -> App {
    let trusted_proxies =
        [trusted].iter().filter(|net| !net.is_empty()).map(|net| net.parse().expect("a net")).collect();
    App::with_limits(Limits { rate: Some(RateLimit { per_second: 0.001, burst }), trusted_proxies }).await
}

fn codes(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status.as_u16()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_tokens_share_the_allowance_of_their_address_and_take_none_from_members() {
    let app = limited(3.0, "").await;
    let mut answers = Vec::new();
    for number in 0..5 {
        let token = made_up(number);
        answers.push(app.send(from("192.0.2.1", get("/api/v1/offers", &[("authorization", &token)]))).await);
    }
    assert_eq!(codes(&answers), [401, 401, 401, 429, 429]);
    let elsewhere = app.send(from("192.0.2.2", get("/api/v1/offers", &[]))).await;
    assert_eq!((elsewhere.said().as_str(), elsewhere.header("ratelimit-remaining")), ("200", "2"));
    let member = request(Method::GET, "/api/v1/offers", User::Operator, &[], Body::empty());
    let member = app.send(from("192.0.2.1", member)).await;
    assert_eq!((member.said().as_str(), member.header("ratelimit-remaining")), ("200", "2"), "from the same address");
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_never_limited() {
    let app = limited(1.0, "").await;
    for _ in 0..3 {
        app.send(from("192.0.2.1", get("/api/v1/offers", &[]))).await;
        for probe in ["/healthz", "/readyz", "/readyz?for=commands", "/metrics"] {
            let answer = app.send(from("192.0.2.1", get(probe, &[]))).await;
            assert_eq!((answer.said().as_str(), answer.header("ratelimit-limit")), ("200", ""), "{probe}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_behind_a_trusted_proxy_are_told_apart_and_nobody_else_is_believed() {
    let app = limited(1.0, "10.0.0.0/8").await;
    let ask = async |peer: &str, client: &str| {
        app.send(from(peer, get("/api/v1/offers", &[("x-forwarded-for", client)]))).await.status.as_u16()
    };
    assert_eq!((ask("10.0.0.1", "198.51.100.1").await, ask("10.0.0.1", "198.51.100.2").await), (200, 200));
    assert_eq!((ask("10.0.0.2", "198.51.100.1").await, ask("10.0.0.2", "9.9.9.9, 198.51.100.2").await), (429, 429));
    assert_eq!((ask("192.0.2.1", "198.51.100.3").await, ask("192.0.2.1", "198.51.100.4").await), (200, 429));
    let forwarded = get("/api/v1/offers", &[("forwarded", "for=198.51.100.1;proto=https")]);
    assert_eq!(app.send(from("10.0.0.1", forwarded)).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browsers_stream_that_asks_too_often_is_told_to_come_again_in_words_that_it_understands() {
    let app = limited(1.0, "").await;
    let asked = || from("192.0.2.1", get("/api/v1/events", &[("accept", "text/event-stream")]));
    app.send(from("192.0.2.1", get("/api/v1/offers", &[]))).await;
    let answer = app.send(asked()).await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/event-stream"));
    let mut lines = answer.body.lines();
    let retry = lines.next().and_then(|line| line.strip_prefix("retry: ")).expect("a browser reads it");
    assert_eq!(lines.next(), Some("event: come-again"));
    let data: Value =
        serde_json::from_str(lines.next().and_then(|line| line.strip_prefix("data: ")).expect("data")).expect("JSON");
    assert_eq!((&data["code"], data["retry_ms"].to_string()), (&json!("too-many-requests"), retry.to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_request_may_say_once_is_refused_twice() {
    let app = App::with_cast().await;
    for header in ["host", "authorization", "idempotency-key", "content-type", "convenio-acting-for", "if-match"] {
        let value = match header {
            "host" => "elsewhere.example.org".to_owned(),
            "authorization" => format!("Bearer {}", User::Ministry.token().expect("a token")),
            "content-type" => "application/json".to_owned(),
            "if-match" => "\"0\"".to_owned(),
            "convenio-acting-for" => format!("organisation/{}", uuid(SOCIOS)),
            _ => uuid(0x77),
        };
        let twice = [(header, value.as_str()), (header, value.as_str())];
        let answer = app.command_with(User::Socios, "publish-offer", &listing(1, "One").to_string(), &twice).await;
        assert_eq!(answer.said(), format!("400 header-invalid@{header}"));
    }
    let mut nowhere = get("/api/v1/offers", &[]);
    nowhere.headers_mut().remove("host");
    assert_eq!(app.send(nowhere).await.said(), "400 header-invalid@host");
    for host in ["", "a b", "user@example.org", "a/b"] {
        let mut asked = get("/api/v1/offers", &[]);
        asked.headers_mut().insert("host", host.parse().expect("a value"));
        assert_eq!(app.send(asked).await.said(), "400 header-invalid@host", "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_host_is_for_admins() {
    let app = App::with_cast().await;
    let node = async |user| app.get(user, "/api/v1/status").await.json()["node"].clone();
    assert_eq!((node(User::Anonymous).await, node(User::Socios).await), (Value::Null, Value::Null));
    assert_eq!(node(User::Admin).await, "test");
}

/// A body of which nothing may be read.
fn unread() -> Body {
    Body::from_stream(futures::stream::once(async {
        panic!("the body was read");
        #[expect(unreachable_code, reason = "it says what the stream would give")]
        Ok::<Bytes, std::convert::Infallible>(Bytes::new())
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_from_whom_no_grant_has_and_a_new_grant_counts_at_once() {
    let app = App::with_cast().await;
    let json = [("content-type", "application/json")];
    for (path, kind) in
        [("/api/v1/commands", "application/x-ndjson"), ("/api/v1/commands/publish-offer", "application/json")]
    {
        let answer = app.send(request(Method::POST, path, User::Stranger, &[("content-type", kind)], unread())).await;
        assert_eq!(answer.said(), "401 token-invalid", "{path}");
    }
    // The view of grants has not seen this one when its bearer sends the first command.
    app.accept(User::Operator, "grant-access", grant(User::Stranger, "recorder", &[SOCIOS])).await;
    let data = Body::from(listing(2, "Two").to_string());
    let answer = app.send(request(Method::POST, "/api/v1/commands/publish-offer", User::Stranger, &json, data)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    app.accept(User::Operator, "revoke-access", json!({"id": uuid(0x6000 + User::Stranger as u128), "reason": "left"}))
        .await;
    let again = app.command(User::Stranger, "publish-offer", listing(3, "Three")).await;
    assert_eq!(again.said(), "401 token-invalid", "a token that was known is not trusted");
    app.settle().await;
    let answer =
        app.send(request(Method::POST, "/api/v1/commands/publish-offer", User::Stranger, &json, unread())).await;
    assert_eq!(answer.said(), "401 token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_batches_open_keeps_no_other_member_from_sending() {
    let app = App::with_cast().await;
    let kind = [("content-type", "application/x-ndjson")];
    let (end, over) = tokio::sync::watch::channel(false);
    let mut held = Vec::new();
    let refused = loop {
        assert!(held.len() < 16, "one grant has every place");
        let mut over = over.clone();
        let open = Body::from_stream(futures::stream::once(async move {
            let _ = over.wait_for(|over| *over).await;
            Ok::<Bytes, std::convert::Infallible>(Bytes::new())
        }));
        let asked = request(Method::POST, "/api/v1/commands", User::Socios, &kind, open);
        let response = tower::ServiceExt::oneshot(app.router.clone(), asked).await.expect("infallible");
        match response.status() {
            StatusCode::OK => held.push(response),
            status => break status,
        }
    };
    assert_eq!((refused, held.len()), (StatusCode::SERVICE_UNAVAILABLE, 4));
    let line = json!({"command": "publish-offer", "id": uuid(0x99), "data": listing(9, "Nine")}).to_string();
    let other = app.batch(User::Ministry, line.clone()).await;
    assert_eq!(other.lines().last().map(|last| last["accepted"].clone()), Some(1.into()), "{}", other.body);
    end.send_replace(true);
    drop(held);
    let deadline = std::time::Instant::now() + DEADLINE;
    while app.batch(User::Socios, line.clone()).await.status != StatusCode::OK {
        assert!(std::time::Instant::now() < deadline, "the places are not given back");
    }
}
