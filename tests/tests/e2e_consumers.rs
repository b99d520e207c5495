//! The public topic of the real program, read by other people's consumers: Apache Kafka's own and kcat. None of our code reads it.

use convenio_tests::{
    Server, User, folder,
    kafka::Brokers,
    nodes::copy_identity,
    server::{DEADLINE, Start},
};
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command, time::Instant};

const TOPIC: &str = "convenio.e2e.events";
const WITHHELD: &str = "org.convenio.withheld.v1";
const PLAYED: &str = "The sample is recorded";

/// A message as a consumer shows it.
#[derive(Debug, PartialEq, Eq)]
struct Message {
    headers: BTreeMap<String, String>,
    key: String,
    value: Option<Value>,
}

fn node(data: &Path, brokers: &Brokers, name: &str) -> Start {
    let log = format!("kafka://{}/e2e", brokers.bootstrap);
    Start::on(data).with("--log").with(&log).with("--name").with(name).with("--sample")
}

/// With Apache Kafka's console consumer, which is told how many there are.
fn by_the_console_consumer(brokers: &Brokers, count: usize) -> Vec<Message> {
    let (count, deadline) = (count.to_string(), DEADLINE.as_millis().to_string());
    let mut arguments = vec!["console-consumer", "--topic", TOPIC, "--from-beginning", "--timeout-ms", &deadline];
    arguments.extend(["--max-messages", &count, "--isolation-level", "read_committed"]);
    for property in ["print.headers=true", "print.key=true", "headers.separator=|", "key.separator=\t"] {
        arguments.extend(["--property", property]);
    }
    let printed = brokers.call("tool", &arguments);
    let message = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let headers = parts.next().expect("headers").split('|').map(|header| header.split_once(':').expect("a header"));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let key = parts.next().expect("a key").to_owned();
        let value = parts.next().filter(|value| *value != "null");
        Message { headers, key, value: value.map(|value| serde_json::from_str(value).expect("JSON")) }
    };
    printed.lines().map(message).collect()
}

/// With kcat, up to the end.
fn by_kcat(brokers: &Brokers) -> Vec<Message> {
    let output = Command::new("kcat")
        .args(["-C", "-b", &brokers.bootstrap, "-t", TOPIC, "-o", "beginning", "-e", "-q", "-J"])
        .args(["-X", "isolation.level=read_committed"])
        .output()
        .expect("kcat runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let message = |line: &str| {
        let line: Value = serde_json::from_str(line).expect("an envelope");
        let words: Vec<_> = line["headers"].as_array().expect("headers").iter().filter_map(Value::as_str).collect();
        let headers = words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect();
        let value = line["payload"].as_str().map(|value| serde_json::from_str(value).expect("JSON"));
        Message { headers, key: line["key"].as_str().expect("a key").to_owned(), value }
    };
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(message).collect()
}

/// Waits until all that is recorded is published, and returns how many events that are.
async fn all_published(server: &Server) -> usize {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = User::anonymous(server).get("/api/v1/status").await.accepted();
        let (head, publisher) = (status["head_sequence"].as_u64(), &status["log"]["publisher"]);
        if let (Some(head), Some(next)) = (head, publisher["next_sequence"].as_u64())
            && next == head + 1
        {
            let idle = (&publisher["lag"], &publisher["oldest_waiting_age_ms"], &publisher["error"]);
            assert_eq!(idle, (&0.into(), &Value::Null, &Value::Null));
            return usize::try_from(next).expect("few");
        }
        assert!(Instant::now() < deadline, "never published: {status}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// What HTTP shows to everybody is what the topic holds, as CloudEvents' binary mode writes it.
async fn agrees_with_http(server: &Server, messages: &[Message]) {
    let mut events = Vec::new();
    while events.len() < messages.len() {
        let page = User::anonymous(server).get(&format!("/api/v1/events?from={}&limit=1000", events.len())).await;
        events.extend(page.accepted()["events"].as_array().expect("events").clone());
    }
    let mut withheld = 0;
    for (sequence, (message, event)) in messages.iter().zip(&events).enumerate() {
        let header = |name: &str| message.headers.get(name).map(String::as_str);
        assert_eq!(header("ce_ledgersequence"), Some(sequence.to_string().as_str()), "dense and in order");
        assert_eq!(header("ce_specversion"), Some("1.0"));
        for name in ["source", "time", "ledgersequence"] {
            assert_eq!(header(&format!("ce_{name}")), event[name].as_str(), "{name} of {sequence}");
        }
        if header("ce_type") == Some(WITHHELD) {
            withheld += 1;
            assert_eq!((&message.key, &message.value), (&sequence.to_string(), &None));
            assert_eq!(header("ce_withheld"), Some("visibility"));
            for told in ["subject", "actor", "grant", "commandid", "correlationid", "causationid", "streamversion"] {
                assert_eq!(header(&format!("ce_{told}")), None, "{told} of {sequence}");
            }
            assert_eq!(header("content-type"), None);
            continue;
        }
        for name in
            ["id", "type", "subject", "actor", "grant", "commandid", "correlationid", "causationid", "dataschema"]
        {
            assert_eq!(header(&format!("ce_{name}")), event[name].as_str(), "{name} of {sequence}");
        }
        assert_eq!(header("ce_streamversion"), Some(event["streamversion"].to_string().as_str()));
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(Some(message.key.as_str()), event["subject"].as_str());
        assert_eq!(message.value.as_ref(), Some(&event["data"]));
    }
    assert!(withheld > 10 && withheld < messages.len() / 2, "the sample has restricted events: {withheld}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_peoples_consumers_read_every_event_once_also_when_the_publisher_is_killed() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let first = node(&one, &brokers, "one").run().expect("it opens the ledger");
    copy_identity(&first.identity(), &two);
    let second = node(&two, &brokers, "two").run().expect("it follows");
    let status = User::anonymous(&second).get("/api/v1/status").await.accepted();
    assert_eq!(status["log"]["publisher"], Value::Null, "only who writes publishes");
    // While the sample is recorded, or soon after.
    first.kill();
    assert!(second.wait_for_line(PLAYED), "{}", second.said());
    let count = all_published(&second).await;
    let console = by_the_console_consumer(&brokers, count);
    assert_eq!(console.len(), count);
    agrees_with_http(&second, &console).await;
    assert_eq!(by_kcat(&brokers), console, "and nothing more is there");
    let metrics = User::anonymous(&second).get("/metrics").await.text;
    for line in [format!("convenio_publisher_position {count}"), "convenio_publisher_lag_events 0".to_owned()] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
    // And what comes now, also after a start.
    assert!(second.stop().success());
    let second = node(&two, &brokers, "two").run().expect("it starts again");
    assert_eq!(all_published(&second).await, count);
    assert_eq!(by_kcat(&brokers), console);
}
