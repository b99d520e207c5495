//! Many commands in one request: order, bad lines, limits, and clients that do not read.

use crate::app::{App, DEADLINE, SOCIOS, User, grant, listing, request, uuid};
use axum::{
    body::{Body, Bytes},
    http::Method,
};
use convenio_portal::limits::{BATCH_ANSWERS_BYTES_LIMIT, BATCH_LINE_BYTES_LIMIT, BATCHES_EACH_LIMIT, BATCHES_LIMIT};
use futures::StreamExt as _;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::{mpsc, watch},
};
use tower::ServiceExt as _;

fn line(id: u128, command: &str, data: &Value) -> String {
    format!("{}\n", json!({"command": command, "id": uuid(id), "data": data}))
}

fn offers(count: u128) -> String {
    (0..count).map(|n| line(0x1000 + n, "publish-offer", &listing(0x2000 + n, &format!("Offer {n}")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn results_come_in_order_and_the_last_line_counts_them() {
    let app = App::with_cast().await;
    let lines = [
        line(1, "publish-offer", &listing(0x0ff, "One")),
        line(1, "publish-offer", &listing(0x0ff, "One")),
        "\n".to_owned(),
        line(2, "pause-offer", &json!({"id": uuid(0x0ff)})),
        line(3, "pause-offer", &json!({"id": uuid(0x0ff)})),
        "{\"id\":\"00000000-0000-0000-0000-000000000004\",\"command\":7}\n".to_owned(),
        "not JSON\n".to_owned(),
        format!(
            "{}\n",
            json!({"command": "resume-offer", "id": uuid(5), "data": {"id": uuid(0x0ff)}, "expected_version": 0})
        ),
        format!(
            "{}",
            json!({"command": "resume-offer", "id": uuid(6), "data": {"id": uuid(0x0ff)}, "expected_version": 1})
        ),
    ];
    let answer = app.batch(User::Socios, lines.concat()).await;
    insta::assert_snapshot!("batch", answer.in_full());
    // The same again: what was accepted is a replay. A refusal binds no id, so the offer that is open again can now be paused.
    let head = app.head();
    let again = app.batch(User::Socios, lines.concat()).await.lines();
    let replayed: Vec<_> = again.iter().map(|line| line["idempotent_replay"] == true).collect();
    assert_eq!(replayed, [true, true, true, false, false, false, false, true, false]);
    assert_eq!((&again[3]["status"], app.head().0), (&json!(201), head.0 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_line_in_ten_thousand_stops_no_other() {
    let app = App::with_cast().await;
    let pause = |n: u128| {
        line(0x9000 + n, if n.is_multiple_of(2) { "pause-offer" } else { "resume-offer" }, &json!({"id": uuid(0x0ff)}))
    };
    let mut lines = vec![line(1, "publish-offer", &listing(0x0ff, "One"))];
    lines.extend((0..9_998).map(pause));
    lines.insert(5_000, "{\n".to_owned());
    let answer = app.batch(User::Socios, lines.concat()).await.lines();
    assert_eq!(answer.len(), 10_001);
    assert_eq!(answer[10_000], json!({"done": true, "accepted": 9_999, "refused": 1}));
    assert_eq!((&answer[5_000]["line"], &answer[5_000]["code"]), (&json!(5_001), &json!("line-invalid")));
    assert!((1..).zip(&answer[..10_000]).all(|(number, result)| result["line"] == number), "in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_line_may_name_what_an_earlier_one_made_and_say_who_acts() {
    let app = App::with_cast().await;
    let acting = format!("organisation/{}", uuid(SOCIOS));
    let lines = [
        format!(
            "{}\n",
            json!({"command": "publish-offer", "id": uuid(1), "data": listing(0x0ff, "One"), "acting_for": acting})
        ),
        format!(
            "{}\n",
            json!({"command": "pause-offer", "id": uuid(2), "data": {"id": uuid(0x0ff)}, "acting_for": acting})
        ),
        line(3, "resume-offer", &json!({"id": uuid(0x0ff)})),
        format!(
            "{}\n",
            json!({"command": "resume-offer", "id": uuid(4), "data": {"id": uuid(0x0ff)}, "acting_for": "me"})
        ),
    ];
    let answer = app.batch(User::Pair, lines.concat()).await.lines();
    let codes: Vec<_> = answer.iter().map(|line| line["code"].as_str().unwrap_or("-")).collect();
    assert_eq!(codes, ["-", "-", "acting-for-required", "line-invalid", "-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_no_batch_are_refused_whole() {
    let app = App::with_cast().await;
    let json = [("content-type", "application/json")];
    let sent = app.send(request(Method::POST, "/api/v1/commands", User::Socios, &json, Body::from("{}"))).await;
    assert_eq!(sent.said(), "415 ndjson-required");
    assert_eq!(app.batch(User::Anonymous, offers(1)).await.said(), "401 token-required");
    let stranger = app.batch(User::Stranger, offers(1)).await.lines();
    assert_eq!((&stranger[0]["status"], &stranger[0]["code"]), (&json!(401), &json!("token-invalid")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_too_long_or_no_text_is_refused_and_the_rest_goes_on() {
    let app = App::with_cast().await;
    let mut body = vec![b'x'; BATCH_LINE_BYTES_LIMIT + 1];
    body.extend_from_slice(b"\n\xff\n");
    body.extend_from_slice(offers(1).as_bytes());
    let answer = app.batch(User::Socios, body).await.lines();
    let codes: Vec<_> = answer.iter().map(|line| line["code"].as_str().unwrap_or("-")).collect();
    assert_eq!(codes, ["line-too-long", "not-utf8", "-", "-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_ends_without_a_last_line() {
    let app = App::with_cast().await;
    let blank = Bytes::from(vec![b' '; 1 << 20]);
    let chunks = futures::stream::iter((0..65).map(move |_| Ok::<_, std::io::Error>(blank.clone())));
    let first = futures::stream::iter([Ok(Bytes::from(offers(1)))]);
    let answer = app.batch(User::Socios, Body::from_stream(first.chain(chunks))).await.lines();
    assert_eq!(answer.len(), 2);
    assert_eq!((&answer[0]["status"], &answer[1]["code"]), (&json!(201), &json!("batch-too-large")));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_while_the_client_still_sends() {
    let app = App::with_cast().await;
    let (lines, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(body));
    let headers = [("content-type", "application/x-ndjson")];
    let sent = request(Method::POST, "/api/v1/commands", User::Socios, &headers, body);
    let mut answer = app.router.clone().oneshot(sent).await.expect("infallible").into_body().into_data_stream();
    for n in 0..3 {
        let one = line(0x10 + n, "publish-offer", &listing(0x20 + n, "One"));
        lines.send(Ok(one.into())).await.expect("it reads");
        let chunk =
            tokio::time::timeout(DEADLINE, answer.next()).await.expect("in time").expect("more").expect("whole");
        let told: Value = serde_json::from_slice(&chunk).expect("one line");
        assert_eq!((&told["status"], &told["line"]), (&json!(201), &json!(n + 1)));
    }
    drop(lines);
    let chunk = answer.next().await.expect("a last line").expect("whole");
    assert_eq!(&chunk[..], b"{\"done\":true,\"accepted\":3,\"refused\":0}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_uploads_and_never_reads_loses_nothing_and_blocks_nobody() {
    let app = App::with_cast().await;
    let headers = [("content-type", "application/x-ndjson")];
    let before = app.head().0;
    let sent = request(Method::POST, "/api/v1/commands", User::Socios, &headers, Body::from(offers(3_000)));
    let unread = app.router.clone().oneshot(sent).await.expect("infallible");
    app.accept(User::Ministry, "publish-demand", listing(0xde, "Ours")).await;
    let mut head = app.state.log().head();
    let all = head.wait_for(|head| head.0 == before + 1 + 3_000 + 1);
    tokio::time::timeout(DEADLINE, all).await.expect("everything is recorded").expect("the log is open");
    drop(unread);
    let again = app.batch(User::Socios, offers(3_000)).await.lines();
    assert_eq!(again[3_000], json!({"done": true, "accepted": 3_000, "refused": 0}));
    assert!(again[..3_000].iter().all(|line| line["idempotent_replay"] == true), "all were accepted before");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_socket_the_node_reads_on_while_its_answers_are_not_read() {
    const LINES: u64 = 12_000;
    let app = App::with_cast().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, app.router.clone()).into_future());
    // Each answer repeats the name: far more bytes of answers than sockets hold.
    let name = "x".repeat(2_000);
    let lines: String = (0..LINES).map(|n| line(u128::from(n), &name, &json!({}))).collect();
    let token = User::Socios.token().expect("a token");
    let head = format!(
        "POST /api/v1/commands HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        lines.len()
    );
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let sending = async {
        socket.write_all(head.as_bytes()).await.expect("it takes the head");
        socket.write_all(lines.as_bytes()).await.expect("it takes every line");
    };
    tokio::time::timeout(DEADLINE, sending).await.expect("it reads on");
    app.accept(User::Ministry, "publish-demand", listing(0xde, "Ours")).await;
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, socket.read_to_string(&mut answer)).await.expect("in time").expect("whole");
    assert!(answer.contains(&format!("{{\"done\":true,\"accepted\":0,\"refused\":{LINES}}}")), "all were answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answers_are_not_read_waits_before_they_fill_the_memory_and_then_goes_on() {
    // Each answer repeats the name: together they are more than may wait to be read.
    const NAME_BYTES: usize = 900;
    let lines = BATCH_ANSWERS_BYTES_LIMIT / NAME_BYTES + 2_000;
    let app = App::with_cast().await;
    let name = "x".repeat(NAME_BYTES);
    let (sender, body) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let (taken, mut progress) = watch::channel(0);
    let sending = tokio::spawn(async move {
        for n in 0..lines {
            sender.send(Ok(line(n as u128, &name, &json!({})).into())).await.expect("it reads on at last");
            taken.send_replace(n + 1);
        }
    });
    let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(body));
    let headers = [("content-type", "application/x-ndjson")];
    let sent = request(Method::POST, "/api/v1/commands", User::Socios, &headers, body);
    let unread = app.router.clone().oneshot(sent).await.expect("infallible");
    // Until it takes no more.
    while matches!(tokio::time::timeout(Duration::from_secs(1), progress.changed()).await, Ok(Ok(()))) {}
    let taken = *progress.borrow();
    assert!(taken < lines, "it reads no more than it can answer");
    assert!(taken * NAME_BYTES < BATCH_ANSWERS_BYTES_LIMIT, "what is held is what the limit counts");
    let answer = tokio::time::timeout(DEADLINE, axum::body::to_bytes(unread.into_body(), usize::MAX)).await;
    let answer = answer.expect("in time").expect("whole");
    let last = answer.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().expect("a line");
    let last: Value = serde_json::from_slice(last).expect("JSON");
    assert_eq!(last, json!({"done": true, "accepted": 0, "refused": lines}), "nothing was lost");
    sending.await.expect("all was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_batches_than_the_limit_run_at_a_time_and_shutdown_ends_them() {
    let app = App::with_cast().await;
    let headers = [("content-type", "application/x-ndjson")];
    let endless = || Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
    let mut open = Vec::new();
    let users = [User::Socios, User::Ministry, User::Admin, User::University];
    assert_eq!(BATCHES_LIMIT, users.len() * BATCHES_EACH_LIMIT);
    for user in users.into_iter().cycle().take(BATCHES_LIMIT) {
        let sent = request(Method::POST, "/api/v1/commands", user, &headers, endless());
        open.push(app.router.clone().oneshot(sent).await.expect("infallible"));
    }
    let one_more = app.batch(User::Operator, offers(1)).await;
    assert_eq!((one_more.said().as_str(), one_more.header("retry-after")), ("503 overloaded", "1"));
    app.shutdown.send_replace(true);
    for response in open {
        let body = tokio::time::timeout(DEADLINE, axum::body::to_bytes(response.into_body(), 1 << 20)).await;
        assert_eq!(&body.expect("in time").expect("an ending")[..], b"", "it ends, without a last line");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_made_in_a_batch_is_shown_once() {
    let app = App::with_cast().await;
    let mut data = grant(User::Stranger, "recorder", &[SOCIOS]);
    data.as_object_mut().expect("an object").remove("token_digest");
    let lines = line(1, "grant-access", &data).repeat(2);
    let answer = app.batch(User::Socios, lines).await.lines();
    assert_eq!(answer[0]["token"].as_str().map(str::len), Some(43));
    assert_eq!((&answer[1]["status"], &answer[1]["token"]), (&json!(200), &json!("already-shown")));
}
