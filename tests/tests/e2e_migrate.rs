//! A ledger moves to Kafka and back through the real program, with a real broker: the same events, salts and root, also when it
//! is killed on the way; and at no moment can nodes go on at both places.

#[path = "migrate/support.rs"]
mod support;

use convenio_events::{
    LedgerId, RecordedEvent,
    conformance::sample_event,
    log::{EventLog as _, OpenError},
};
use convenio_journal::{Access, Journal};
use convenio_tests::{
    Server, User, folder,
    kafka::Brokers,
    nodes,
    server::{DEADLINE, Start},
};
use serde_json::{Value, json};
use std::{path::Path, sync::Arc, time::Instant};
use support::{count, database, is_copy, migrate, migrating, plain, refused, rows, succeeded};

/// Events of a ledger that takes a moment to move.
const MANY: u64 = 25_000;

fn on(brokers: &Brokers, ledger: &str) -> String {
    format!("kafka://{}/{ledger}", brokers.bootstrap)
}

/// Gives one data directory the identity of another.
fn copy_identity(from: &Path, to: &Path) {
    nodes::copy_identity(&nodes::identity_of(from), to);
}

/// Size and root, once the tree holds so many events.
async fn tree(server: &Server, events: u64) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = User::anonymous(server).get("/api/v1/status").await.accepted();
        if status["tree"]["size"].as_u64().is_some_and(|size| size >= events) {
            return status["tree"].clone();
        }
        assert!(Instant::now() < deadline, "the tree does not grow: {status}");
        std::thread::yield_now();
    }
}

/// Waits until the node writes, and publishes an offer; returns how many events there are then.
async fn publishes(server: &Server, user: &User) -> u64 {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let id = uuid::Uuid::new_v4();
        let answer = user.at(server).send("register-organisation", &organisation(id)).await;
        if answer.status.is_success() {
            return answer.body["sequence"].as_u64().expect("a sequence") + 1;
        }
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(Instant::now() < deadline, "nobody writes");
    }
}

fn organisation(id: uuid::Uuid) -> Value {
    let profile = json!({"kind": "other-public-body", "place": "PE", "languages": ["es"]});
    let name = json!({"original": "es", "texts": {"es": format!("Oficina {id}")}});
    json!({"id": id, "standing": "holder", "profile": profile, "text": {"name": name}})
}

/// A sample ledger that was stopped, and its first admin.
async fn sample(data: &Path) -> User {
    let server = Start::on(data).with("--sample").run().expect("it starts");
    assert!(server.wait_for_line("The sample is recorded"), "{}", server.said());
    let admin = User::with_token(&server, &server.admin_token());
    assert!(server.stop().success());
    admin
}

fn event(ledger: u128, sequence: u64) -> RecordedEvent {
    let event = sample_event(sequence, 200);
    let ids = [7, ledger].map(|id| LedgerId::new(uuid::Uuid::from_u128(id)).to_string());
    RecordedEvent { entry: event.entry.replace(&ids[0], &ids[1]).into(), ..event }
}

/// A journal with made-up events, which no node could read; some texts are erased.
async fn made_up(data: &Path, ledger: u128, events: u64) {
    let journal = Journal::open(data, Access::ReadWrite).expect("the journal opens");
    let mut writer = journal.open_writer().await.expect("the writer opens").writer;
    for from in (0..events).step_by(10_000) {
        let batch = (from..events.min(from + 10_000)).map(|sequence| event(ledger, sequence)).collect();
        writer.append(Arc::new(batch)).await.expect("appends");
    }
    drop((writer, journal));
    erase(data);
}

/// Erases the text of every seventh event, and of the last, as erasing does: the salt goes with it.
fn erase(data: &Path) {
    let erased = "UPDATE log SET text = NULL, text_salt = NULL
        WHERE sequence % 7 = 3 OR sequence = (SELECT max(sequence) FROM log)";
    assert!(database(data).execute(erased, []).expect("erased") > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_moves_to_kafka_and_back_and_stays_what_it_is() {
    let folder = folder();
    let [data, fresh, back, other] = ["data", "fresh", "back", "other"].map(|name| folder.path().join(name));
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let topic = on(&brokers, "moving");
    let admin = sample(&data).await;
    erase(&data);
    let (events, before) = (u64::try_from(count(&data)).expect("some"), rows(&data));

    // Not while a node runs on it.
    let server = Server::start(&data);
    let root = tree(&server, events).await;
    refused(&migrate(plain(&data), &topic, &[]), &["stop the node that runs on it"]);
    assert!(server.stop().success());

    let told: Value = serde_json::from_str(&succeeded(&migrate(plain(&data), &topic, &["--json"]))).expect("JSON");
    assert_eq!((&told["events"], &told["root"]), (&json!(events), &root["root"]));
    assert_eq!(rows(&data), before, "the journal is what it was, and a copy from now on");
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("the folder")
            .filter_map(Result::ok)
            .filter(|entry| entry.file_name().to_string_lossy().contains("-migration"))
            .count(),
        0
    );
    let embedded = Start::on(&data).run().expect_err("the ledger is elsewhere");
    assert!(embedded.said.contains("is a copy of another log: start the node with the --log"), "{}", embedded.said);
    // Once more is no harm.
    assert!(succeeded(&migrate(plain(&data), &topic, &[])).contains(root["root"].as_str().expect("a root")));

    // A node with nothing but the identity gets everything from the topic; the old directory goes on as a node's copy.
    copy_identity(&data, &fresh);
    let nodes = [&data, &fresh].map(|data| Start::on(data).with("--log").with(&topic).with("--name").with(plain(data)));
    let [first, second] = nodes.map(|node| node.run().expect("a node starts"));
    assert_eq!(tree(&second, events).await, root);
    let grown = publishes(&first, &admin).await;
    let root = tree(&second, grown).await;
    refused(&migrate(&topic, plain(&back), &[]), &["a node runs on the ledger", "stop every node first"]);
    for server in [first, second] {
        assert!(server.stop().success());
    }
    let all = rows(&data);
    assert_eq!((&all[..before.len()], rows(&fresh)), (&before[..], all.clone()));

    let told: Value = serde_json::from_str(&succeeded(&migrate(&topic, plain(&back), &["--json"]))).expect("JSON");
    assert_eq!((&told["events"], &told["root"]), (&json!(all.len()), &tree_root(&root, all.len())));
    assert_eq!(rows(&back), all);
    // The topic is closed, for nodes and for another directory, unless somebody says that the first one is lost.
    let closed = Start::on(&fresh).with("--log").with(&topic).run().expect_err("the ledger is elsewhere");
    assert!(closed.said.contains("was moved out of it"), "{}", closed.said);
    refused(&migrate(&topic, plain(&other), &[]), &["was moved out of it", "--again"]);
    refused(&migrate(plain(&back), &topic, &[]), &["cannot be used again", "name another"]);
    copy_identity(&data, &back);
    let server = Server::start(&back);
    assert_eq!(tree(&server, all.len() as u64).await["root"], told["root"]);
    let sequence = publishes(&server, &admin).await;
    assert!(sequence > all.len() as u64);
    refused(&migrate(&topic, plain(&back), &[]), &["start a node on it"]);
    assert!(server.stop().success());
    succeeded(&migrate(&topic, plain(&other), &["--again"]));
    assert_eq!(rows(&other), all);
}

/// The root, where nothing was recorded after the tree was looked at.
fn tree_root(tree: &Value, events: usize) -> Value {
    assert_eq!(tree["size"], json!(events), "nothing came after it");
    tree["root"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_goes_on_where_it_was() {
    let folder = folder();
    let [data, back, other] = ["data", "back", "other"].map(|name| folder.path().join(name));
    let scratch = folder.path().join("data-migration-killed");
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let topic = on(&brokers, "killed");
    made_up(&data, 7, MANY).await;
    let before = rows(&data);
    let many = i64::try_from(MANY).expect("few");

    assert!(migrating(plain(&data), &topic).kill_when(|| scratch.join("journal.db").exists()));
    assert!(migrating(plain(&data), &topic).kill_when(|| count(&scratch) > 0));
    // A node that is started on a part of a ledger does not go on with it.
    copy_nothing_and_fail(&other, &topic);
    assert!(migrating(plain(&data), &topic).kill_when(|| count(&scratch) >= many / 2));
    assert!(migrating(plain(&data), &topic).kill_when(|| count(&scratch) == many));
    assert!(!is_copy(&data), "as long as not everything was compared, the journal is the ledger");
    database(&scratch).execute("UPDATE log SET text = text || 'x' WHERE sequence = 5", []).expect("changed");
    let different = ["event 5 is another one in the copy: its text", "remove that and run the same again"];
    refused(&migrate(plain(&data), &topic, &[]), &different);
    assert!(!is_copy(&data), "what was not the same was not moved");
    database(&scratch).execute("UPDATE log SET text = rtrim(text, 'x') WHERE sequence = 5", []).expect("changed back");
    // Between the last two steps: nobody may write anywhere.
    assert!(migrating(plain(&data), &topic).kill_when(|| is_copy(&data)));
    assert!(!scratch.exists());
    let journal = Journal::open(&data, Access::ReadWrite).expect("the journal opens");
    assert!(matches!(journal.open_writer().await, Err(OpenError::Damaged(_))), "it is a copy");
    drop(journal);
    copy_nothing_and_fail(&other, &topic);
    succeeded(&migrate(plain(&data), &topic, &[]));
    assert_eq!(rows(&data), before);

    assert!(migrating(&topic, plain(&back)).kill_when(|| back.join("journal.db").exists()));
    assert!(migrating(&topic, plain(&back)).kill_when(|| count(&back) > many / 2));
    assert!(migrating(&topic, plain(&back)).kill_when(|| count(&back) == many));
    assert!(is_copy(&back));
    // The topic is closed, and the directory cannot become a log: somebody holds it.
    let shell = database(&back);
    shell.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    refused(&migrate(&topic, plain(&back), &[]), &["cannot be used now"]);
    drop(shell);
    assert!(is_copy(&back));
    refused(&migrate(&topic, plain(&folder.path().join("elsewhere")), &[]), &["was moved out of it"]);
    succeeded(&migrate(&topic, plain(&back), &[]));
    assert_eq!(rows(&back), before);
    assert!(!is_copy(&back));
    assert!(!back.join("moving-in").exists(), "nothing is left of the move");
}

/// A node does not start on a topic that is closed.
fn copy_nothing_and_fail(data: &Path, topic: &str) {
    let started = Start::on(data).with("--log").with(topic).run().expect_err("it is not all there");
    assert!(started.said.contains("run the same `convenio migrate` again"), "{}", started.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_die_and_come_back_interrupt_nothing() {
    let folder = folder();
    let [data, back] = ["data", "back"].map(|name| folder.path().join(name));
    let scratch = folder.path().join("data-migration-shaken");
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let topic = on(&brokers, "shaken");
    made_up(&data, 7, MANY).await;
    let before = rows(&data);
    for (from, to, copied) in [(plain(&data), &*topic, &scratch), (&*topic, plain(&back), &back)] {
        let mut running = migrating(from, to);
        let deadline = Instant::now() + DEADLINE;
        while count(copied) == 0 {
            assert!(!running.has_ended() && Instant::now() < deadline, "it copies");
        }
        brokers.call("kill", &["1"]);
        brokers.call("restart", &["1"]);
        succeeded(&running.end());
    }
    assert_eq!(rows(&back), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_mix_or_fork_ledgers_is_refused_with_what_to_do() {
    let folder = folder();
    let [one, two, copy, empty, strange] =
        ["one", "two", "copy", "empty", "strange"].map(|name| folder.path().join(name));
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let (first, second) = (on(&brokers, "first"), on(&brokers, "second"));
    made_up(&one, 7, 30).await;
    made_up(&two, 8, 40).await;
    // A copy of the directory, as a backup would be, longer than what was moved.
    made_up(&copy, 7, 35).await;

    succeeded(&migrate(plain(&one), &first, &[]));
    refused(&migrate(plain(&two), &first, &[]), &["holds another ledger", "name another"]);
    refused(&migrate(plain(&copy), &first, &[]), &["holds the ledger already, with 30 events", "name another"]);
    refused(&migrate(plain(&one), &second, &[]), &["is a copy of a log by now"]);
    refused(&migrate(&first, plain(&two), &[]), &["cannot take the ledger", "a log of its own"]);
    for data in [&two, &copy] {
        assert!(!is_copy(data), "what was refused was not changed");
    }
    std::fs::create_dir_all(&strange).expect("a folder");
    std::fs::write(strange.join("notes.txt"), "mine").expect("written");
    refused(&migrate(&first, plain(&strange), &[]), &["is not empty", "name a new directory"]);
    refused(&migrate(plain(&empty), &second, &[]), &["there is no ledger in"]);
    refused(&migrate(&on(&brokers, "nobody"), plain(&empty), &[]), &["there is no ledger at"]);
    drop(Journal::open(&empty, Access::ReadWrite).expect("a journal without events"));
    refused(&migrate(plain(&empty), &second, &[]), &["has no events yet"]);
    let topics = brokers.call("tool", &["topics", "--list"]);
    assert!(!topics.contains("nobody"), "nothing is made where nothing is: {topics}");

    // A salt that was changed: the ledger is damaged, and stays what it is.
    database(&two).execute("UPDATE log SET record_salt = zeroblob(32) WHERE sequence = 17", []).expect("changed");
    refused(&migrate(plain(&two), &second, &[]), &["event 17 does not open its entry", "the ledger is damaged"]);
    assert!(!is_copy(&two));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_lost_is_restored_from_a_nodes_copy() {
    let folder = folder();
    let (data, lost) = (folder.path().join("data"), Brokers::start(&folder.path().join("lost"), &[]));
    let admin = sample(&data).await;
    succeeded(&migrate(plain(&data), &on(&lost, "health"), &[]));
    let node = Start::on(&data).with("--log").with(&on(&lost, "health")).run().expect("it goes on there");
    let events = publishes(&node, &admin).await;
    let before = tree(&node, events).await;
    assert!(node.stop().success());
    drop(lost);

    let brokers = Brokers::start(&folder.path().join("new"), &[]);
    let topic = on(&brokers, "health");
    refused(&migrate(plain(&data), &topic, &[]), &["there is no ledger", "--again"]);
    assert!(is_copy(&data), "it stays what it was");
    succeeded(&migrate(plain(&data), &topic, &["--again"]));
    assert!(is_copy(&data));
    succeeded(&migrate(plain(&data), &topic, &["--again"]));
    let node = Start::on(&data).with("--log").with(&topic).run().expect("it goes on at the new cluster");
    assert_eq!(tree(&node, events).await, before, "with the same events");
    publishes(&node, &admin).await;
}

#[test]
fn wrong_usage_is_told_apart_and_no_secret_is_shown() {
    for (from, to, flags) in [
        ("one", "two", &[][..]),
        ("kafka://a:1/x", "kafka://a:1/y", &[]),
        ("one", "kafka://a/x", &[]),
        ("one", "esdb://a:1", &[]),
    ] {
        let output = migrate(from, to, flags);
        assert_eq!(output.status.code(), Some(2), "{from} {to}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let folder = folder();
    let data = folder.path().join("data");
    drop(Journal::open(&data, Access::ReadWrite).expect("a journal"));
    let flags = ["--kafka", "sasl.password=horse", "--kafka", "security.protocol=nonsense"];
    let output = migrate("kafka://127.0.0.1:1/x", plain(&data), &flags);
    refused(&output, &["security.protocol"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("horse"));
}
