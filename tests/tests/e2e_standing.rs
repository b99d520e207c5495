//! What a node does when it must not go on as usual: Kafka is away, its copy was changed, or the log is newer than it is. It
//! shows what it has, says what is wrong, and decides nothing.

use convenio_events::{
    EventId, RecordedEvent,
    commitment::{Salt, record_commitment, text_commitment},
    entry::{Audience, Entry},
    log::{EventLog as _, LogWriter},
};
use convenio_journal::{Access, Journal};
use convenio_kafka::{KafkaLog, Settings};
use convenio_tests::{
    Ledger, User, clock, folder,
    kafka::Brokers,
    nodes::{copy_identity, free_ports, identity_of, node, until},
    users::listing,
};
use serde_json::Value;
use std::{path::Path, sync::Arc};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_goes_on_showing_its_copy_while_kafka_is_away() {
    let folder = folder();
    let soon = ["--set", "broker.session.timeout.ms=2000", "--set", "broker.heartbeat.interval.ms=500"];
    let brokers = Brokers::start(&folder.path().join("broker"), &soon);
    let [one, two] = free_ports();
    let place = |name: &str| folder.path().join(name);
    let ledger = Ledger::new(node(&place("a"), &brokers, "a", one, &[two]).run().expect("the first node"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    let offer = Uuid::new_v4();
    giver.send("publish-offer", &listing(offer, "Oferta")).await.accepted();
    copy_identity(&ledger.server.identity(), &place("b"));
    let second = node(&place("b"), &brokers, "b", two, &[one]).run().expect("the second node");
    until(&second, "the copy", |status| status["head_sequence"].as_u64().is_some_and(|head| head > 4)).await;
    assert!(second.stop().success());

    brokers.call("kill", &["all"]);
    let second = node(&place("b"), &brokers, "b", two, &[one]).run().expect("it starts on its copy");
    for server in [&ledger.server, &second] {
        let anybody = User::anonymous(server);
        assert_eq!(anybody.get(&format!("/api/v1/offers/{offer}")).await.status, 200);
        assert_eq!(anybody.get("/readyz").await.status, 200);
    }
    let status = until(&second, "its role", |status| status["role"] == "follower").await;
    assert!(status["log"]["confirmed_age_ms"].is_null(), "it has not seen the end of the log: {status:#}");
    let here = giver.at(&second);
    here.get("/api/v1/offers").await.refused(503, "not-ready");
    here.get("/readyz?for=commands").await.refused(503, "no-writer");
    let refused = here.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.headers.contains_key("retry-after"));

    brokers.call("restart", &["all"]);
    until(&second, "the way to the writer", |status| status["log"]["forwards"] == true || status["role"] == "writer")
        .await;
    let (id, data) = (Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
    let deadline = std::time::Instant::now() + convenio_tests::server::DEADLINE;
    while !here.send_as(id, "publish-offer", &data).await.status.is_success() {
        assert!(std::time::Instant::now() < deadline, "commands are accepted again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_copy_was_changed_halts_and_says_so() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two] = free_ports();
    let place = |name: &str| folder.path().join(name);
    let ledger = Ledger::new(node(&place("a"), &brokers, "a", one, &[two]).run().expect("the first node"));
    ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &place("b"));
    let second = node(&place("b"), &brokers, "b", two, &[one]).run().expect("the second node");
    until(&second, "the copy", |status| status["head_sequence"].as_u64().is_some_and(|head| head > 3)).await;
    assert!(second.stop().success());
    // Somebody has made an event out to be restricted, which it was not.
    let file = rusqlite::Connection::open(place("b").join("journal.db")).expect("anybody can open it");
    let change =
        r#"UPDATE log SET entry = replace(entry, '"audience":"public"', '"audience":"restricted"') WHERE sequence = 2"#;
    assert_eq!(file.execute(change, []).expect("changed"), 1);
    drop(file);
    let ended = ledger.server.stop();
    assert!(ended.success());
    let first = node(&place("a"), &brokers, "a", one, &[two]).run().expect("the first node writes again");
    until(&first, "the writer", |status| status["role"] == "writer").await;

    let second = node(&place("b"), &brokers, "b", two, &[one]).run().expect("it starts");
    let status = until(&second, "the halt", |status| status["log"]["halted"].is_string()).await;
    let why = status["log"]["halted"].as_str().expect("a reason");
    assert!(why.contains("root over the first") && why.contains("delete the data directory"), "{why}");
    first.kill();
    // It is not elected, whoever else is gone: three times as long as an election takes.
    for _ in 0..180 {
        let status = User::anonymous(&second).get("/api/v1/status").await.accepted();
        assert_eq!(status["role"], "follower");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_older_than_the_log_copies_on_and_decides_nothing() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one] = free_ports();
    let data = folder.path().join("a");
    let ledger = Ledger::new(node(&data, &brokers, "a", one, &[]).run().expect("the node"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    giver.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    let head = until(&ledger.server, "the head", |_| true).await["head_sequence"].as_u64().expect("a number");

    let (log, mut newer) = newer_node(folder.path(), &brokers).await;
    newer.append(Arc::new(vec![of_a_newer_version(&data, head)])).await.expect("the newer node writes");
    let status = until(&ledger.server, "the role", |status| status["log"]["illegible"].is_string()).await;
    assert!(status["log"]["illegible"].as_str().is_some_and(|why| why.contains("offer.blessed.v9")), "{status:#}");
    let status = until(&ledger.server, "stepping down", |status| status["role"] == "follower").await;
    assert_eq!(status["head_sequence"].as_u64(), Some(head + 1), "it copies on: {status:#}");
    let status = until(&ledger.server, "the views' halt", |status| status["views"][0]["state"] == "stopped").await;
    assert!(status["views"].as_array().expect("views").iter().all(|view| view["state"] == "stopped"), "{status:#}");
    drop((newer, log));
    let kafka = format!("kafka://{}/e2e", brokers.bootstrap);
    let here = data.display().to_string();
    let doctor = convenio_tests::server::run(["doctor", "--quick", "--data", &here, "--log", &kafka, "--json"]);
    let findings: Vec<Value> = serde_json::from_slice(&doctor.stdout).expect("a list of findings");
    let found = |check: &str| findings.iter().find(|finding| finding["check"] == check).map(|found| &found["level"]);
    assert_eq!(
        [found("Kafka"), found("topics"), found("peers")],
        [Some(&"warning".into()), Some(&"ok".into()), Some(&"warning".into())],
        "{findings:#?}"
    );
    giver.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.refused(503, "no-writer");
    assert_eq!(User::anonymous(&ledger.server).get("/api/v1/offers").await.status, 200, "what it has can be read");

    // Nor does it come to decide when it is started again, alone.
    assert!(ledger.server.stop().success());
    let again = node(&data, &brokers, "a", one, &[]).run().expect("it starts");
    for _ in 0..30 {
        let status = User::anonymous(&again).get("/api/v1/status").await.accepted();
        assert_eq!((&status["role"], status["head_sequence"].as_u64()), (&"follower".into(), Some(head + 1)));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(identity_of(&data).is_dir());
}

/// A writer of a version to come.
async fn newer_node(folder: &Path, brokers: &Brokers) -> (KafkaLog, Box<dyn LogWriter>) {
    let journal = Journal::open(&folder.join("newer"), Access::ReadWrite).expect("a journal");
    let address = format!("kafka://{}/e2e", brokers.bootstrap).parse().expect("an address");
    let settings = Settings::new(address, "newer", []).expect("settings");
    let log = KafkaLog::open(settings, journal).await.expect("it follows");
    let mut following = log.following();
    following.wait_for(|following| following.confirmed.is_some()).await.expect("it sees the end");
    let opened = log.open_writer().await.expect("it writes");
    (log, opened.writer)
}

/// The event after the last one: what happened to an offer that this version has no word for.
fn of_a_newer_version(data: &Path, head: u64) -> RecordedEvent {
    let journal = Journal::open(data, Access::ReadOnly).expect("the node's copy");
    let last = journal.read_sync(convenio_events::Sequence(head), 1).expect("read").remove(0);
    let mut record: Value = serde_json::from_str(&last.record).expect("JSON");
    record["type"] = "org.convenio.offer.blessed.v9".into();
    record["id"] = EventId::new(Uuid::from_u128(9)).to_string().into();
    record["streamversion"] = 1.into();
    let record = record.to_string();
    let entry = Entry::parse(&last.entry).expect("an entry");
    let (salt, text) = (Salt([7; 32]), "{}");
    let entry = Entry {
        audience: Audience::Public,
        sequence: entry.sequence.next(),
        record: record_commitment(&salt, record.as_bytes()),
        text: text_commitment(&salt, text.as_bytes()),
        ..entry
    };
    RecordedEvent {
        sequence: entry.sequence,
        entry: entry.to_canonical().into(),
        record: record.into(),
        record_salt: salt,
        text: Some(text.into()),
        text_salt: Some(salt),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_does_not_go_back_when_a_node_with_a_slow_clock_takes_over() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let [one, two] = free_ports();
    let place = |name: &str| folder.path().join(name);
    let clocked = |name: &str, port: u16, time: &str| {
        let clock = place(&format!("{name}.clock"));
        std::fs::write(&clock, time).expect("written");
        let start = node(&place(name), &brokers, name, port, &[one, two]).with("--purpose").with("test");
        start.variable("CONVENIO_CLOCK", &format!("file:{}", clock.display()))
    };
    let first = clocked("a", one, "2026-11-21T10:00:00.000000Z").run().expect("the first node");
    let ledger = Ledger::new(first);
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &place("b"));
    // A day behind.
    let second = clocked("b", two, "2026-11-20T10:00:00.000000Z").run().expect("the second node");
    until(&second, "the way to the writer", |status| status["log"]["forwards"] == true).await;
    ledger.server.kill();
    until(&second, "the other one writes", |status| status["role"] == "writer").await;
    giver.at(&second).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    assert!(second.stop().success());
    let audit = convenio_tests::Audit::of(&place("b"));
    let last = audit.events.last().expect("events");
    assert_eq!(last.entry["time"], "2026-11-21T10:00:00.000000Z", "time stands still until the clock has come to it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_wrong_says_so_and_does_not_take_over() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &["--set", "group.min.session.timeout.ms=1000"]);
    let [one, two, three] = free_ports();
    let place = |name: &str| folder.path().join(name);
    let start = |name: &str, port, peers: &[u16]| {
        node(&place(name), &brokers, name, port, peers).with("--kafka").with("session.timeout.ms=2000")
    };
    let ledger = Ledger::new(start("a", one, &[two, three]).run().expect("the first node"));
    let giver = ledger.organisation("Ministerio de Ejemplo", "PE").await;
    copy_identity(&ledger.server.identity(), &place("b"));
    copy_identity(&ledger.server.identity(), &place("c"));
    let second = start("b", two, &[one, three]).run().expect("the second node");
    let third = clock::ahead(start("c", three, &[one, two]), folder.path(), 7_200).run().expect("the third node");
    let is_told = |status: &Value| {
        let alarms = status["log"]["alarms"].as_array().cloned().unwrap_or_default();
        alarms
            .iter()
            .any(|alarm| alarm["code"] == "clock-differs" && alarm["detail"].to_string().contains("s ahead of"))
    };
    until(&third, "the alarm", is_told).await;
    ledger.server.kill();
    until(&second, "the other one writes", |status| status["role"] == "writer").await;
    giver.at(&second).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    assert!(!is_told(&User::anonymous(&second).get("/api/v1/status").await.accepted()), "its clock is right");
    // Nor does it when nobody else is left: twice as long as an election takes.
    second.kill();
    for _ in 0..60 {
        let status = User::anonymous(&third).get("/api/v1/status").await.accepted();
        assert_eq!(status["role"], "follower");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
