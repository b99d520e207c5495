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
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

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
    App::with_limits(Limits {
        rate: Some(RateLimit { per_second: 0.001, burst }),
        trusted_proxies,
        ..Limits::default()
    })
    .await
}

fn codes(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status.as_u16()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_tokens_share_the_allowance_of_their_address_and_take_none_from_members() {
    let app = limited(3.0, "").await;
    let (mut answers, began) = (Vec::new(), Instant::now());
    for number in 0..5 {
        let token = made_up(number);
        answers.push(app.send(from("192.0.2.1", get("/api/v1/offers", &[("authorization", &token)]))).await);
    }
    assert_eq!(codes(&answers), [401, 401, 401, 429, 429]);
    assert!(began.elapsed() >= 5 * Duration::from_millis(200), "each is held back: {:?}", began.elapsed());
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
        Ok::<Bytes, Infallible>(Bytes::new())
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
            Ok::<Bytes, Infallible>(Bytes::new())
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

/// So many pieces of so many bytes, none of which says anything, each after a while.
fn dripping(pieces: usize, bytes: usize, every: Duration) -> Body {
    Body::from_stream(futures::stream::unfold(0, move |sent| async move {
        tokio::time::sleep(every).await;
        let blank = format!("{}\n", " ".repeat(bytes - 1));
        (sent < pieces).then(|| (Ok::<Bytes, Infallible>(blank.into()), sent + 1))
    }))
}

#[tokio::test]
async fn a_body_comes_at_a_least_rate_and_before_a_deadline_whoever_sends_it() {
    let app = App::with_cast().await;
    assert_eq!(app.get(User::Socios, "/api/v1/offers").await.said(), "200", "its grant is known");
    // From here on, time passes where everybody waits for it.
    tokio::time::pause();
    let send = async |path: &str, kind: &str, body: Body| {
        let asked = request(Method::POST, path, User::Socios, &[("content-type", kind)], body);
        let response = tower::ServiceExt::oneshot(app.router.clone(), asked).await.expect("infallible");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("the answer is whole");
        let last = body.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).expect("a line").to_vec();
        serde_json::from_slice::<Value>(&last).expect("JSON")
    };
    let seconds = Duration::from_secs;
    for (pieces, bytes, every, code) in [
        (100, 1, seconds(15), json!("body-too-slow")),
        (2, 1 << 10, seconds(61), json!("body-too-slow")),
        (200, 32 << 10, seconds(20), json!("body-too-slow")),
        (60, 32 << 10, seconds(20), Value::Null),
        (20, 1, seconds(1), Value::Null),
    ] {
        let last = send("/api/v1/commands", "application/x-ndjson", dripping(pieces, bytes, every)).await;
        assert_eq!(
            (&last["code"], last["done"].is_null()),
            (&code, !code.is_null()),
            "{bytes} every {every:?}: {last}"
        );
    }
    for (every, code) in [(seconds(7), "body-too-slow"), (seconds(5), "malformed-json")] {
        let told = send("/api/v1/commands/publish-offer", "application/json", dripping(10, 1, every)).await;
        assert_eq!(told["code"], code, "{every:?}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_none_of_its_answers_gets_no_more_of_them_and_others_do() {
    let app = App::with_cast().await;
    let ask = async |peer: &str| {
        let asked = from(peer, get("/openapi.json", &[]));
        tower::ServiceExt::oneshot(app.router.clone(), asked).await.expect("infallible")
    };
    let mut held = Vec::new();
    let refused = loop {
        assert!(held.len() < 1_000, "one address holds any number of answers");
        let response = ask("192.0.2.1").await;
        match response.status() {
            StatusCode::OK => held.push(response),
            status => break status,
        }
    };
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask("192.0.2.2").await.status(), StatusCode::OK, "each address has its own share");
    held.pop();
    assert_eq!(ask("192.0.2.1").await.status(), StatusCode::OK, "what was read makes room");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sent_a_command_whose_handler_breaks_is_told_which_one_may_have_happened() {
    let app = App::with_cast().await;
    let id = uuid(0xbad);
    let headers = [("content-type", "application/json"), ("idempotency-key", &*id)];
    let broken = request(Method::POST, "/api/v1/commands/publish-offer", User::Socios, &headers, unread());
    let answer = app.send(broken).await;
    assert_eq!((answer.said().as_str(), &answer.json()["command_id"]), ("503 outcome-unknown", &json!(id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_streams_or_exports_open_keeps_nobody_else_from_them() {
    let app = App::with_cast().await;
    for (path, accept, refused) in [
        ("/api/v1/events", "text/event-stream", "retry: 5000\nevent: come-again\n"),
        ("/api/v1/export/offers", "application/x-ndjson", "{\"type\":\"/docs#overloaded\""),
    ] {
        let open = async |peer: &str| {
            let asked = from(peer, get(path, &[("accept", accept)]));
            tower::ServiceExt::oneshot(app.router.clone(), asked).await.expect("infallible")
        };
        // What is refused says when to come again, and ends.
        let is_refused = |response: &axum::response::Response| response.headers().contains_key("retry-after");
        let mut held = Vec::new();
        let told = loop {
            assert!(held.len() < 1_000, "{path}: one address has every place");
            let response = open("192.0.2.1").await;
            if is_refused(&response) {
                break axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("it ends");
            }
            held.push(response);
        };
        assert!(told.starts_with(refused.as_bytes()), "{told:?}");
        assert!(!is_refused(&open("192.0.2.2").await), "{path}: each address has its own places");
        held.pop();
        assert!(!is_refused(&open("192.0.2.1").await), "{path}: a place that is given up is free");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_answered_while_strangers_questions_take_all_their_turns() {
    let app = App::with_cast().await;
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    for _ in 0..200 {
        let (state, released) = (app.state.clone(), released.clone());
        tokio::spawn(async move {
            let held = move |_: &mut convenio_portal::Reading| {
                // Until the test lets go.
                let _ = released.lock().expect("nobody panics with it").recv();
                Ok(())
            };
            state.ask(None, held).await
        });
    }
    let deadline = Instant::now() + DEADLINE;
    while app.get(User::Anonymous, "/api/v1/offers").await.said() != "503 overloaded" {
        assert!(Instant::now() < deadline, "strangers wait for strangers");
    }
    // Nobody has asked with these tokens yet: whose they are is a question, too.
    for (user, path) in [
        (User::Socios, "/api/v1/offers"),
        (User::Ministry, "/api/v1/events?from=0"),
        (User::Pair, "/api/v1/organisations"),
    ] {
        assert_eq!(app.get(user, path).await.said(), "200", "{path}");
    }
    drop(release);
    while app.get(User::Anonymous, "/api/v1/offers").await.said() != "200" {
        assert!(Instant::now() < deadline, "strangers are answered again");
    }
}
