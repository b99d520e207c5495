//! Events as other people's libraries read them: the CloudEvents SDKs of JavaScript, Go, Python and Java take every event of the
//! sample over HTTP, as a live stream and from the Kafka topic, and understand what was sent. None of our code reads for them.

use convenio_tests::{
    Server, User, folder,
    kafka::Brokers,
    server::{DEADLINE, Start},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

const WITHHELD: &str = "org.convenio.withheld.v1";
/// What the SDKs are asked for, beside the data.
const ATTRIBUTES: [&str; 6] = ["id", "type", "source", "subject", "dataschema", "ledgersequence"];

/// Where the programs that use the SDKs are.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdks")
}

/// Where `tests/sdks/fetch` put the SDKs.
fn fetched() -> PathBuf {
    let fetched = Command::new(sources().join("fetch")).stdin(Stdio::null()).output().expect("the script runs");
    assert!(fetched.status.success(), "{}", String::from_utf8_lossy(&fetched.stderr));
    String::from_utf8(fetched.stdout).expect("a path").trim().into()
}

/// How each SDK's program is called.
fn programs(fetched: &Path) -> [(&'static str, Command); 4] {
    let sources = sources();
    let mut javascript = Command::new("node");
    javascript.arg(sources.join("javascript/check.js")).current_dir(fetched.join("javascript"));
    let go = Command::new(fetched.join("go/check"));
    let mut python = Command::new(fetched.join("python/bin/python"));
    python.arg(sources.join("python/check.py"));
    let mut java = Command::new("java");
    java.args(["-XX:TieredStopAtLevel=1", "-cp"]).arg(fetched.join("java/*")).arg(sources.join("java/Check.java"));
    [("javascript", javascript), ("go", go), ("python", python), ("java", java)]
}

/// Every event of a page, as it is on the wire.
async fn over_http(server: &Server) -> Vec<Value> {
    let (mut events, mut from) = (Vec::new(), 0);
    loop {
        let page = User::anonymous(server).get(&format!("/api/v1/events?from={from}&limit=1000")).await.accepted();
        events.extend(page["events"].as_array().expect("events").clone());
        from = page["next_from"].as_u64().expect("a number");
        if Some(from) > page["head_sequence"].as_u64() {
            return events;
        }
    }
}

/// So many events of the live stream, each as its `data:` line says it.
async fn over_the_stream(server: &Server, count: usize) -> Vec<String> {
    let client = reqwest::Client::new();
    let asked = client.get(format!("{}/api/v1/events", server.url)).header("accept", "text/event-stream");
    let mut response = asked.send().await.expect("it answers");
    let (mut held, mut events) = (Vec::new(), Vec::new());
    while events.len() < count {
        let chunk = tokio::time::timeout(DEADLINE, response.chunk()).await.expect("in time");
        held.extend_from_slice(&chunk.expect("whole").expect("it goes on"));
        while let Some(end) = held.windows(2).position(|two| two == b"\n\n") {
            let message: Vec<u8> = held.drain(..end + 2).collect();
            let message = String::from_utf8(message).expect("UTF-8");
            if message.lines().all(|line| !line.starts_with("event:")) {
                events.extend(message.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned));
            }
        }
    }
    events
}

/// Every message of the topic, as kcat reads it.
fn over_kafka(brokers: &Brokers, topic: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut kcat = Command::new("kcat")
            .args(["-C", "-b", &brokers.bootstrap, "-t", topic, "-o", "beginning", "-e", "-q", "-J"])
            .args(["-X", "isolation.level=read_committed"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("kcat runs");
        let lines = BufReader::new(kcat.stdout.take().expect("piped")).lines();
        let messages: Vec<Value> = lines.map_while(Result::ok).map(|line| message(&line)).collect();
        let _ = kcat.wait();
        if messages.len() == count {
            return messages;
        }
        assert!(Instant::now() < deadline, "{} of {count} are published", messages.len());
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

fn message(line: &str) -> Value {
    let line: Value = serde_json::from_str(line).expect("an envelope");
    let words: Vec<_> = line["headers"].as_array().expect("headers").iter().filter_map(Value::as_str).collect();
    let headers: serde_json::Map<_, _> = words.chunks(2).map(|pair| (pair[0].to_owned(), pair[1].into())).collect();
    json!({"key": line["key"], "headers": headers, "value": line["payload"]})
}

/// The same message, where texts are published by reference.
fn by_reference(message: &Value) -> Value {
    let mut other = message.clone();
    let value: Option<Value> = message["value"].as_str().map(|value| serde_json::from_str(value).expect("JSON"));
    if value.is_some_and(|value| !value["text"].is_null()) {
        let id = message["headers"]["ce_id"].as_str().expect("an id").to_owned();
        other["headers"]["ce_dataref"] = format!("https://convenio.example/api/v1/events/{id}/data").into();
        other["value"] = Value::Null;
    }
    other
}

/// What an SDK must have understood of an event.
fn understood(event: &Value) -> Value {
    let names = ATTRIBUTES.iter().copied().chain(["data"]);
    let members = names.filter(|name| !event[*name].is_null()).map(|name| (name.to_owned(), event[name].clone()));
    Value::Object(members.collect())
}

fn write(path: &Path, lines: impl IntoIterator<Item = String>) {
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    std::fs::write(path, text).expect("a folder of the test's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sdk_takes_every_event_over_every_way_out() {
    let (folder, fetched) = (folder(), fetched());
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let log = format!("kafka://{}/sdks", brokers.bootstrap);
    let start =
        Start::on(&folder.path().join("node")).with("--log").with(&log).with("--name").with("one").with("--sample");
    let server = start.run().expect("it opens the ledger");
    assert!(server.wait_for_line("The sample is recorded"), "{}", server.said());
    let events = over_http(&server).await;
    let streamed = over_the_stream(&server, events.len()).await;
    let messages = over_kafka(&brokers, "convenio.sdks.events", events.len());
    assert!(events.iter().any(|event| event["type"] == WITHHELD) && events.len() > 200, "{}", events.len());
    for event in &events {
        let named = event["type"] == WITHHELD
            || event["dataschema"].as_str().is_some_and(|uri| uri.starts_with("urn:convenio:schema:"));
        assert!(named, "a node without --public-url names schemas by their URN: {event}");
    }
    let (structured, binary) = (folder.path().join("events.ndjson"), folder.path().join("messages.ndjson"));
    write(&structured, events.iter().map(Value::to_string).chain(streamed));
    let referenced: Vec<Value> = messages.iter().map(by_reference).collect();
    write(&binary, messages.iter().chain(&referenced).map(Value::to_string));
    let whole: Vec<Value> = events.iter().map(understood).collect();
    let mut expected = [whole.clone(), whole.clone(), whole.clone()].concat();
    expected.extend(whole.into_iter().zip(&referenced).map(|(mut event, message)| {
        if message["value"].is_null() {
            event.as_object_mut().expect("an object").remove("data");
        }
        event
    }));
    for (language, mut program) in programs(&fetched) {
        let output = program.arg(&structured).arg(&binary).output().expect("it runs");
        assert!(output.status.success(), "{language}: {}", String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).expect("UTF-8");
        let told: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(told.len(), expected.len(), "{language}");
        for (told, expected) in told.iter().zip(&expected) {
            assert_eq!(told, expected, "{language}");
        }
    }
}
