//! A node on Kafka before its ledger is open: what it answers, and how it ends. What it does then is tested elsewhere.

use convenio_tests::{
    folder,
    kafka::Brokers,
    nodes::{copy_identity, free_ports, identity_of, node},
    server::{Start, run},
};
use std::{
    io::{ErrorKind, Read as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// More than one address may hold.
const CONNECTIONS: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_waits_for_its_brokers_says_so_and_ends_when_it_is_told_to() {
    let folder = folder();
    // Somebody who takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let log = format!("kafka://{}/e2e", silent.local_addr().expect("bound"));
    let [port] = free_ports();
    let listen = format!("127.0.0.1:{port}");
    let start = ["--log", &log, "--listen", &listen].into_iter().fold(Start::on(&folder.path().join("a")), Start::with);
    let mut server = start.launch();
    let http = reqwest::Client::new();
    let get = |path: &str| http.get(format!("http://{listen}{path}")).send();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match get("/api/v1/offers").await {
            Ok(refused) => {
                assert_eq!(refused.status(), 503);
                assert!(refused.headers().contains_key("retry-after"), "{:?}", refused.headers());
                let problem: serde_json::Value = refused.json().await.expect("a problem");
                assert_eq!(problem["code"], "not-ready");
                if problem["detail"].as_str().is_some_and(|detail| detail.contains("waits for Kafka")) {
                    break;
                }
                assert!(Instant::now() < deadline, "{problem:#}");
            }
            Err(error) => assert!(Instant::now() < deadline, "it does not answer: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(get("/readyz").await.expect("it answers").status(), 503);
    assert_eq!(get("/healthz").await.expect("it answers").status(), 200);
    // It has the door of a node that has opened: of too many connections of one address the longest gives way.
    tokio::task::block_in_place(|| {
        let connect = |_| TcpStream::connect(&listen).expect("it listens");
        let mut held: Vec<_> = (0..CONNECTIONS).map(connect).collect();
        held[0].set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        let read = held[0].read(&mut [0]);
        assert!(!read.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "it stays: {read:?}");
    });
    let asked = Instant::now();
    server.signal("TERM");
    let ended = tokio::task::block_in_place(|| server.wait());
    assert!(ended.success(), "{ended:?}");
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_that_has_opened_a_ledger_begins_no_other() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two] = free_ports();
    let first = node(&folder.path().join("a"), &brokers, "a", one, &[]);
    assert!(first.run().expect("it opens its ledger").stop().success());
    let listed = || brokers.call("tool", &["topics", "--list"]);
    let before = listed();

    // The ledger's name is mistyped, with and without a copy.
    let identity = identity_of(&folder.path().join("a"));
    copy_identity(&identity, &folder.path().join("b"));
    let mistyped = format!("kafka://{}/e2", brokers.bootstrap);
    let listen = format!("127.0.0.1:{two}");
    for data in ["a", "b"].map(|name| folder.path().join(name)) {
        let start = ["--log", &mistyped, "--listen", &listen].into_iter().fold(Start::on(&data), Start::with);
        let refused = start.run().expect_err("it begins another ledger");
        assert!(
            refused.said.contains("was opened before") && refused.said.contains("convenio.e2.log"),
            "{}",
            refused.said
        );
        let path = data.display().to_string();
        let doctor = run(["doctor", "--data", &path, "--log", &mistyped, "--listen", "127.0.0.1:0"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(!doctor.status.success() && said.contains("ERROR   topics: convenio.e2.log"), "{said}");
    }
    assert_eq!(listed(), before, "nothing was made");

    // The topics were deleted, and somebody has made them empty.
    for topic in ["convenio.e2e.log", "convenio.e2e.keys"] {
        brokers.call("tool", &["topics", "--delete", "--topic", topic]);
    }
    let gone = node(&folder.path().join("b"), &brokers, "b", two, &[]).run().expect_err("the ledger is gone");
    assert!(gone.said.contains("was opened before"), "{}", gone.said);
    let settings = ["--config", "retention.ms=-1", "--config", "max.message.bytes=8388608"];
    brokers.call(
        "tool",
        &[&["topics", "--create", "--topic", "convenio.e2e.log", "--partitions", "1"], &settings[..]].concat(),
    );
    let compacted = [
        "topics",
        "--create",
        "--topic",
        "convenio.e2e.keys",
        "--partitions",
        "1",
        "--config",
        "cleanup.policy=compact",
    ];
    brokers.call("tool", &compacted);
    let empty = node(&folder.path().join("b"), &brokers, "b", two, &[]).run().expect_err("it would begin a second one");
    assert!(empty.said.contains("has opened the ledger"), "{}", empty.said);
    let path = folder.path().join("b").display().to_string();
    let log = format!("kafka://{}/e2e", brokers.bootstrap);
    let doctor = run(["doctor", "--data", &path, "--log", &log, "--listen", "127.0.0.1:0"]);
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success() && said.contains("it holds no event, and the ledger was opened before"), "{said}");
}
