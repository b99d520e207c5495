//! What surrounds every request: headers, methods, rates, health, metrics.

use crate::app::{App, DEADLINE, User, listing, request};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use convenio_events::Sequence;
use convenio_portal::{
    Limits, PublisherStanding, RateLimit,
    routes::{Operation, Right, Verb},
};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn every_route_is_in_the_table_and_asks_for_the_right_it_names() {
    let app = App::new().await;
    let mut table = String::new();
    for operation in Operation::all() {
        let route = operation.route();
        table.push_str(&format!(
            "{:<7}{:<48}{:?}\n",
            format!("{:?}", route.verb).to_uppercase(),
            route.path,
            route.right
        ));
        let path = route
            .path
            .replace("{id}", &crate::app::uuid(1))
            .replace("{name}", "publish-offer")
            .replace("{event}", "0")
            .replace("{view}", "board")
            .replace("{list}", "units");
        let path = path.replace("{file}", "org.convenio.offer.published.v1.json");
        let of_whom = matches!(operation, Operation::Partnerships);
        let path = if of_whom { format!("{path}?organisation={}", crate::app::uuid(1)) } else { path };
        let lines = matches!(operation, Operation::SendCommands);
        let media = if lines { "application/x-ndjson" } else { "application/json" };
        let headers: &[(&str, &str)] = &[("content-type", media)];
        let method = match route.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Delete => Method::DELETE,
        };
        let anonymous = app.send(request(method, &path, User::Anonymous, headers, Body::from("{}"))).await;
        let asks = anonymous.status == StatusCode::UNAUTHORIZED;
        assert_eq!(
            asks,
            matches!(route.right, Right::Token | Right::Command | Right::Admin),
            "{path}: {}",
            anonymous.said()
        );
        assert!(anonymous.status != StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        if route.right == Right::Reader {
            assert_eq!(app.get(User::Stranger, &path).await.said(), "401 token-invalid", "{path}");
        }
    }
    insta::assert_snapshot!("routes", table);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_problems_too() {
    let app = App::new().await;
    let nowhere = app.get(User::Anonymous, "/api/v1/nowhere").await;
    insta::assert_snapshot!("path_unknown", nowhere.in_full());
    for (method, path) in
        [(Method::DELETE, "/api/v1/offers"), (Method::GET, "/api/v1/commands"), (Method::POST, "/healthz")]
    {
        let answer = app.send(request(method, path, User::Anonymous, &[], Body::empty())).await;
        assert_eq!(answer.said(), "405 method-not-allowed", "{path}");
        assert!(!answer.header("allow").is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_an_id_and_its_security_headers() {
    let app = App::new().await;
    for path in ["/api/v1/offers", "/api/v1/nowhere", "/healthz"] {
        let asked = request(Method::GET, path, User::Anonymous, &[("x-request-id", "mine-1")], Body::empty());
        let answer = app.send(asked).await;
        assert_eq!((answer.header("x-request-id"), answer.header("x-content-type-options")), ("mine-1", "nosniff"));
        assert!(answer.header("content-security-policy").starts_with("default-src 'self'"));
        assert_eq!(
            (answer.header("access-control-allow-origin"), answer.header("referrer-policy")),
            ("*", "same-origin")
        );
    }
    let asked = request(Method::GET, "/healthz", User::Anonymous, &[("x-request-id", "not a word")], Body::empty());
    assert_ne!(app.send(asked).await.header("x-request-id"), "not a word");
    let headers = [("origin", "https://example.org"), ("access-control-request-method", "GET")];
    let preflight =
        app.send(request(Method::OPTIONS, "/api/v1/offers", User::Anonymous, &headers, Body::empty())).await;
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-methods")),
        (StatusCode::NO_CONTENT, "GET, HEAD")
    );
    let post = app.command(User::Operator, "publish-offer", listing(1, "One")).await;
    assert_eq!(post.header("access-control-allow-origin"), "", "recording is not for scripts of other origins");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let app =
        App::with_limits(Limits { rate: Some(RateLimit { per_second: 0.01, burst: 2.0 }), ..Limits::default() }).await;
    let ask = async || app.get(User::Operator, "/api/v1/offers").await;
    assert_eq!((ask().await.header("ratelimit-remaining"), ask().await.said().as_str()), ("1", "200"));
    let refused = ask().await;
    assert_eq!((refused.said().as_str(), refused.header("retry-after")), ("429 too-many-requests", "100"));
    assert_eq!((refused.header("ratelimit-limit"), refused.header("ratelimit-reset")), ("2", "100"));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_status_and_metrics_answer() {
    let app = App::with_cast().await;
    app.command(User::Socios, "publish-offer", listing(1, "One")).await;
    app.command(User::Anonymous, "publish-offer", listing(1, "One")).await;
    app.command(User::Stranger, "publish-offer", listing(1, "One")).await;
    for path in ["/healthz", "/readyz", "/readyz?for=reads", "/readyz?for=commands"] {
        assert_eq!(app.get(User::Anonymous, path).await.said(), "200", "{path}");
    }
    assert_eq!(app.get(User::Anonymous, "/readyz?for=tea").await.said(), "400 parameter-invalid@for");
    let status = app.get(User::Anonymous, "/api/v1/status").await.json();
    assert_eq!((&status["role"], &status["head_sequence"]), (&"writer".into(), &app.head().0.into()));
    assert_eq!(status["views"].as_array().expect("views").len(), 8);
    let metrics = app.get(User::Anonymous, "/metrics").await;
    assert_eq!(metrics.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for line in [
        "convenio_commands_total{outcome=\"accepted\"} 13",
        "convenio_commands_total{outcome=\"refused\",code=\"token-invalid\"} 1",
        "convenio_http_requests_total{route=\"/api/v1/commands/{name}\",status=\"201\"} 13",
        "convenio_http_requests_total{route=\"/healthz\",status=\"200\"} 1",
        "convenio_role{role=\"writer\"} 1",
    ] {
        assert!(metrics.body.lines().any(|found| found == line), "{line}\n{}", metrics.body);
    }
    assert!(metrics.body.contains("convenio_view_lag_events{view=\"board\"}"));
    assert_eq!(metrics.body.contains("\nprocess_resident_memory_bytes "), cfg!(target_os = "linux"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumped_is_told_wherever_somebody_asks() {
    let app = App::with_cast().await;
    app.clock.jump(7_200);
    let mut standing = app.state.ledger().watch();
    let told = tokio::time::timeout(DEADLINE, standing.wait_for(|standing| standing.clock_jumped)).await;
    assert!(told.is_ok_and(|standing| standing.is_ok()), "the node believes its clock");
    assert_eq!(app.get(User::Anonymous, "/readyz?for=commands").await.said(), "503 clock-jumped");
    assert_eq!(app.get(User::Anonymous, "/readyz").await.said(), "200", "what is there can be read");
    assert_eq!(app.get(User::Anonymous, "/api/v1/status").await.json()["clock_jumped"], true);
    let refused = app.command(User::Socios, "publish-offer", listing(1, "One")).await;
    assert_eq!(refused.said(), "503 clock-jumped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_publishes_says_how_far_and_what_is_wrong() {
    let app = App::with_cast().await;
    let head = app.head().0;
    assert!(!app.get(User::Anonymous, "/metrics").await.body.contains("convenio_publisher"));
    assert_eq!(app.get(User::Anonymous, "/api/v1/status").await.json()["log"]["publisher"], Value::Null);
    *app.publisher.lock().expect("nobody panics with it") = Some(PublisherStanding {
        next: Some(Sequence(head - 1)),
        oldest_waiting: Some(app.clock.now().plus_seconds(-90)),
        error: Some("Kafka is away".to_owned()),
        halted: false,
    });
    let told = &app.get(User::Anonymous, "/api/v1/status").await.json()["log"]["publisher"];
    assert_eq!((&told["error"], &told["lag"]), (&"an admin is told more".into(), &2.into()));
    let said = &app.get(User::Admin, "/api/v1/status").await.json()["log"]["publisher"];
    let waiting = said["oldest_waiting_age_ms"].as_u64().expect("a number");
    assert!((90_000..150_000).contains(&waiting), "{said}");
    assert_eq!((&said["next_sequence"], &said["lag"]), (&(head - 1).into(), &2.into()));
    assert_eq!((&said["error"], &said["halted"]), (&"Kafka is away".into(), &false.into()));
    let metrics = app.get(User::Anonymous, "/metrics").await.body;
    let position = format!("convenio_publisher_position {}", head - 1);
    for line in [position.as_str(), "convenio_publisher_lag_events 2", "convenio_publisher_failing 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    assert!(metrics.contains("convenio_publisher_lag_seconds 90"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn event_schemas_are_served_by_type() {
    let app = App::new().await;
    let schema = app.get(User::Anonymous, "/schemas/org.convenio.offer.published.v1.json").await;
    assert_eq!((schema.said().as_str(), schema.header("content-type")), ("200", "application/schema+json"));
    assert_eq!(schema.json()["$id"], "http://127.0.0.1:8080/schemas/org.convenio.offer.published.v1.json");
    assert_eq!(
        app.get(User::Anonymous, "/schemas/org.convenio.withheld.v1.json").await.json()["not"],
        serde_json::json!({})
    );
    for wrong in ["/schemas/org.convenio.offer.published.v1", "/schemas/nothing.json", "/schemas/%ff.json"] {
        assert_eq!(app.get(User::Anonymous, wrong).await.said(), "404 schema-unknown", "{wrong}");
    }
}
