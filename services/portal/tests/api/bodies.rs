//! Bodies as they come: gzipped in one member or in several, cut off, followed by what is none, under every name of the coding.

use crate::app::{Answer, App, User, listing, request, uuid};
use async_compression::tokio::write::GzipEncoder;
use axum::{body::Body, http::Method};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

/// One gzip member.
async fn member(text: &str) -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Vec::new());
    encoder.write_all(text.as_bytes()).await.expect("a Vec takes everything");
    encoder.shutdown().await.expect("a Vec takes everything");
    encoder.into_inner()
}

fn line(n: u128) -> String {
    let data = listing(0x2000 + n, &format!("Offer {n}"));
    format!("{}\n", json!({"command": "publish-offer", "id": uuid(0x1000 + n), "data": data}))
}

async fn batch(app: &App, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let headers = [&[("content-type", "application/x-ndjson")], headers].concat();
    app.send(request(Method::POST, "/api/v1/commands", User::Socios, &headers, body.into())).await
}

async fn gzipped(app: &App, body: impl Into<Body>) -> Vec<Value> {
    batch(app, &[("content-encoding", "gzip")], body).await.lines()
}

/// The status of each line, or its code where it was refused.
fn told(lines: &[Value]) -> Vec<String> {
    let word = |line: &Value| match (&line["code"], &line["done"]) {
        (Value::String(code), _) => code.clone(),
        (_, Value::Bool(true)) => format!("done {} {}", line["accepted"], line["refused"]),
        _ => line["status"].to_string(),
    };
    lines.iter().map(word).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_of_a_gzipped_batch_is_read() {
    let app = App::with_cast().await;
    // A line may go on from one member to the next, and a member may hold nothing.
    let third = line(3);
    let (begin, end) = third.split_at(40);
    let parts = [line(1) + &line(2) + begin, String::new(), end.to_owned(), line(4)];
    let mut body = Vec::new();
    for part in &parts {
        body.extend(member(part).await);
    }
    assert_eq!(told(&gzipped(&app, body.clone()).await), ["201", "201", "201", "201", "done 4 0"]);
    // However the bytes come.
    let bytes = body.into_iter().map(|byte| Ok::<_, std::io::Error>(vec![byte]));
    let pieces = Body::from_stream(futures::stream::iter(bytes));
    assert_eq!(told(&gzipped(&app, pieces).await), ["200", "200", "200", "200", "done 4 0"]);
    let data = json!({"id": uuid(0x2001)}).to_string();
    let (begin, end) = data.split_at(7);
    let body = [member(begin).await, member(end).await].concat();
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let path = "/api/v1/commands/pause-offer";
    let answer = app.send(request(Method::POST, path, User::Socios, &headers, Body::from(body))).await;
    assert_eq!(answer.said(), "201", "{}", answer.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gzipped_body_that_is_cut_off_or_goes_on_with_something_else_is_not_done() {
    let app = App::with_cast().await;
    let whole = member(&line(1)).await;
    let next = member(&line(2)).await;
    let cut = |at: usize| [&whole[..], &next[..at]].concat();
    let others = [
        ("text", [&whole[..], b"more"].concat()),
        ("zeros", [&whole[..], &[0; 16]].concat()),
        ("one byte of a header", cut(1)),
        ("half a header", cut(5)),
        ("a header", cut(10)),
        ("half a member", cut(next.len() / 2)),
        ("a member without its footer", cut(next.len() - 8)),
        ("all but the last byte", cut(next.len() - 1)),
    ];
    for (what, body) in others {
        let lines = gzipped(&app, body).await;
        let told = told(&lines);
        assert!(told[0] == "201" || told[0] == "200", "{what}: {told:?}");
        assert_eq!(told.last().map(String::as_str), Some("body-unreadable"), "{what}: {told:?}");
        assert!(!told.iter().any(|word| word.starts_with("done")), "{what}: {told:?}");
        assert_eq!(lines.last().map(|line| &line["id"]), Some(&Value::Null), "{what}");
    }
    for (what, body) in [("half", whole[..whole.len() / 2].to_vec()), ("nothing", vec![]), ("no gzip", vec![b'x'; 99])]
    {
        assert_eq!(
            told(&gzipped(&app, body.clone()).await).last().map(String::as_str),
            Some("body-unreadable"),
            "{what}"
        );
        let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
        let path = "/api/v1/commands/pause-offer";
        let answer = app.send(request(Method::POST, path, User::Socios, &headers, Body::from(body))).await;
        assert_eq!(answer.said(), "400 body-unreadable", "{what}");
    }
    let broken = [Ok(line(1).into_bytes()), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
    let answer = batch(&app, &[], Body::from_stream(futures::stream::iter(broken))).await;
    assert_eq!(told(&answer.lines()), ["200", "body-unreadable"], "also where it is not gzipped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_out_of_gzip_is_what_the_limits_count() {
    let app = App::with_cast().await;
    let blank = member(&" ".repeat(1 << 20)).await;
    let lines = [member(&line(1)).await, blank.repeat(65)].concat();
    assert!(lines.len() < 1 << 20, "it is small as it comes");
    assert_eq!(told(&gzipped(&app, lines).await), ["201", "batch-too-large"]);
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let path = "/api/v1/commands/pause-offer";
    let answer = app.send(request(Method::POST, path, User::Socios, &headers, Body::from(blank.repeat(2)))).await;
    assert_eq!(answer.said(), "413 body-too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coding_has_its_names_in_any_case_and_the_others_are_told_what_is_taken() {
    let app = App::with_cast().await;
    let body = member(&line(1)).await;
    for name in ["gzip", "GZIP", "x-gzip", "X-GZip", "gzip, identity", " gzip "] {
        let answer = batch(&app, &[("content-encoding", name)], body.clone()).await;
        assert_eq!(answer.lines().len(), 2, "{name}: {}", answer.body);
    }
    let plain = batch(&app, &[("content-encoding", "Identity")], line(1)).await;
    assert_eq!(told(&plain.lines()), ["200", "done 1 0"]);
    for name in ["br", "gzip, gzip", "deflate", "zstd, gzip"] {
        let answer = batch(&app, &[("content-encoding", name)], body.clone()).await;
        let said = (answer.said(), answer.header("accept-encoding").to_owned());
        assert_eq!(said, ("415 encoding-unsupported".to_owned(), "gzip".to_owned()), "{name}");
    }
    let other_type = app.send(request(Method::POST, "/api/v1/commands", User::Socios, &[], Body::empty())).await;
    assert_eq!((other_type.said().as_str(), other_type.header("accept-encoding")), ("415 ndjson-required", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_name_one_command_are_refused_on_many() {
    let app = App::with_cast().await;
    let id = uuid(7);
    for (name, value) in [("idempotency-key", id.as_str()), ("if-match", "\"3\""), ("convenio-correlation-id", &id)] {
        let answer = batch(&app, &[(name, value)], line(1)).await;
        assert_eq!(answer.said(), format!("400 header-invalid@{name}"));
        assert!(answer.body.contains("each line"), "{}", answer.body);
    }
}
