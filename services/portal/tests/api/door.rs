//! The door with short times, over real sockets: what ends a connection, who gives way, and how it closes. The times that users
//! meet are tested with the real program.

use crate::app::{App, DEADLINE, User};
use convenio_portal::door::{DoorLimits, serve};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// Short, and long enough that nobody exceeds it on a busy machine who does not mean to.
const SHORT: Duration = Duration::from_secs(2);

async fn open(app: &App, limits: DoorLimits) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (address, tokio::spawn(serve(listener, app.router.clone(), app.state.clone(), limits)))
}

/// Sends, and reads until the node ends the connection; what came, and whether it was cut off.
async fn until_ended(stream: &mut TcpStream, sent: &str) -> (String, bool) {
    // The node may have ended it already, which reading tells.
    let _ = stream.write_all(sent.as_bytes()).await;
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("the node ends it");
    (String::from_utf8_lossy(&bytes).into_owned(), read.is_err())
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.expect("it listens")
}

const ASKED: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
const ASKED_ONCE: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn half_heads_and_idle_connections_end_and_others_are_answered_meanwhile() {
    let app = App::new().await;
    let limits = DoorLimits { head_timeout: SHORT, idle_timeout: SHORT, ..DoorLimits::default() };
    let (address, _serving) = open(&app, limits).await;
    let (mut silent, mut half, mut kept) = (connect(address).await, connect(address).await, connect(address).await);
    let (silent, half, kept, answered) = tokio::join!(
        until_ended(&mut silent, ""),
        until_ended(&mut half, "GET / HTTP/1.1\r\nhost: a\r\nx-slow: "),
        until_ended(&mut kept, ASKED),
        async { until_ended(&mut connect(address).await, ASKED_ONCE).await },
    );
    assert_eq!((silent.0.as_str(), half.0.as_str()), ("", ""));
    for (answer, _) in [kept, answered] {
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_take_an_answer_is_cut_off_and_who_takes_it_is_not() {
    let app = App::new().await;
    let limits = DoorLimits { write_window: SHORT, ..DoorLimits::default() };
    let (address, _serving) = open(&app, limits).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small one");
    let mut slow = socket.connect(address).await.expect("it listens");
    let asked = "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(40);
    slow.write_all(asked.as_bytes()).await.expect("it is taken");
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while slow.take_error().expect("it can be asked").is_none() {
        assert!(tokio::time::Instant::now() < deadline, "it is never cut off");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let once = "GET /openapi.json HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let (answer, cut) = until_ended(&mut connect(address).await, once).await;
    assert!(!cut && answer.ends_with('}'), "{} bytes", answer.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_so_many_connections_and_its_idle_ones_give_way() {
    let app = App::new().await;
    let (address, _serving) = open(&app, DoorLimits { connections_each: 2, ..DoorLimits::default() }).await;
    let stream = "GET /api/v1/events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n";
    let (mut idle, mut first) = (connect(address).await, connect(address).await);
    first.write_all(stream.as_bytes()).await.expect("it is taken");
    let mut begun = [0; 12];
    first.read_exact(&mut begun).await.expect("the stream begins");
    assert_eq!(&begun, b"HTTP/1.1 200");
    let mut second = connect(address).await;
    assert_eq!(until_ended(&mut idle, "").await.0, "", "the idle one gave way");
    second.write_all(stream.as_bytes()).await.expect("it is taken");
    second.read_exact(&mut begun).await.expect("the stream begins");
    let (told, _) = until_ended(&mut connect(address).await, "").await;
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("retry-after: "), "{told}");
    assert!(told.contains(r#""code":"overloaded""#), "{told}");
    let metrics = app.get(User::Anonymous, "/metrics").await.body;
    for line in ["convenio_connections_open 2", "convenio_connections_refused_total 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_still_sending_gets_the_answer() {
    let app = App::new().await;
    let (address, _serving) = open(&app, DoorLimits::default()).await;
    let token = User::Stranger.token().expect("a token");
    let length = 400 << 10;
    let sent = format!(
        "POST /api/v1/commands HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\ncontent-type: application/x-ndjson\r\n\
         content-length: {length}\r\n\r\n{}",
        " ".repeat(length)
    );
    let (answer, _) = until_ended(&mut connect(address).await, &sent).await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("token-invalid"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stops_ends_what_waits_and_finishes_what_is_under_way() {
    let app = App::new().await;
    let (address, serving) = open(&app, DoorLimits::default()).await;
    let (mut silent, mut half, mut stream) = (connect(address).await, connect(address).await, connect(address).await);
    half.write_all(b"GET / HT").await.expect("it is taken");
    stream
        .write_all(b"GET /api/v1/events HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\n\r\n")
        .await
        .expect("taken");
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.expect("the stream begins");
    app.shutdown.send_replace(true);
    let (silent, half, stream) =
        tokio::join!(until_ended(&mut silent, ""), until_ended(&mut half, ""), until_ended(&mut stream, ""));
    assert_eq!((silent.0.as_str(), half.0.as_str()), ("", ""));
    assert!(stream.0.contains("event: caught-up") && stream.0.ends_with("0\r\n\r\n") && !stream.1, "{stream:?}");
    tokio::time::timeout(DEADLINE, serving).await.expect("all have ended").expect("it does not panic");
}
