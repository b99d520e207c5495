//! The public topic as an integrator reads it, and what must be true of it. It decodes nothing that an integrator could not.

#![allow(dead_code, unreachable_pub, reason = "every test file uses a part of it")]

use crate::support::{Broker, Node, SOON, events::CANARY, raw};
use convenio_events::{
    RecordedEvent, Sequence, cloud_event,
    entry::{Audience, Entry},
    schemas::SchemaLocation,
};
use convenio_kafka::{Publisher, Publishing};
use rdkafka::message::{Headers as _, Message as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A message of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub offset: i64,
    pub key: String,
    pub headers: BTreeMap<String, String>,
    pub value: Option<Vec<u8>>,
}

/// All that is to be read in the topic.
pub fn told(broker: &Broker) -> Vec<Told> {
    let mut all = Vec::new();
    raw::read_with(&broker.client(), &broker.topic("events"), "read_committed", |message| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let headers = message.headers().expect("headers");
        assert!(headers.iter().all(|header| header.value.is_some()), "what is not there has no header");
        let pairs = headers.iter().map(|header| (header.key.to_owned(), text(header.value.unwrap_or_default())));
        all.push(Told {
            offset: message.offset(),
            key: text(message.key().expect("a key")),
            headers: pairs.collect(),
            value: message.payload().map(<[u8]>::to_vec),
        });
    });
    all
}

/// What the topic must hold of an event, made from its JSON form by another way than the publisher goes.
fn expected(event: &RecordedEvent) -> (String, BTreeMap<String, String>, Option<Value>) {
    let entry = Entry::parse(&event.entry).expect("an entry");
    let shown = match entry.audience {
        Audience::Public => cloud_event::shown(event, &SchemaLocation::default()).expect("readable"),
        Audience::Restricted => cloud_event::withheld(&entry),
    };
    let Value::Object(mut members) = serde_json::to_value(shown).expect("JSON") else { panic!("an object") };
    let data = members.remove("data");
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let key = members.get("subject").unwrap_or(&members["ledgersequence"]);
    let key = text(key);
    let headers = members.iter().map(|(name, value)| match name.as_str() {
        "datacontenttype" => ("content-type".to_owned(), text(value)),
        name => (format!("ce_{name}"), text(value)),
    });
    (key, headers.collect(), data)
}

/// Exactly these events, once and in order, and nothing of those that are restricted.
pub fn holds(broker: &Broker, events: &[RecordedEvent]) -> Vec<Told> {
    holds_from(broker, events, 0)
}

/// The same of a topic whose first events were deleted.
pub fn holds_from(broker: &Broker, events: &[RecordedEvent], from: usize) -> Vec<Told> {
    let all = told(broker);
    let sequences: Vec<_> = all.iter().map(|told| told.headers["ce_ledgersequence"].clone()).collect();
    let dense: Vec<_> = (from..events.len()).map(|sequence| sequence.to_string()).collect();
    assert_eq!(sequences, dense);
    for (told, event) in all.iter().zip(&events[from..]) {
        let (key, headers, data) = expected(event);
        assert_eq!((&told.key, &told.headers), (&key, &headers));
        let value = told.value.as_deref().map(|value| serde_json::from_slice::<Value>(value).expect("JSON"));
        assert_eq!(value, data);
        if headers["ce_type"] == "org.convenio.withheld.v1" {
            let names: Vec<_> = headers.keys().map(String::as_str).collect();
            let all = ["id", "ledgersequence", "source", "specversion", "time", "type", "withheld"];
            assert_eq!(names, all.map(|name| format!("ce_{name}")));
            assert_eq!((told.key.as_str(), &told.value), (event.sequence.to_string().as_str(), &None));
        } else {
            assert_eq!(json!(told.headers["content-type"]), "application/json");
        }
    }
    let bytes = format!("{all:?}{:?}", raw::read(&broker.client(), &broker.topic("events"), "read_uncommitted"));
    let written = |word: &str| format!("{:?}", word.as_bytes()).trim_matches(['[', ']']).to_owned();
    assert!(!bytes.contains(CANARY) && !bytes.contains(&written(CANARY)), "nothing restricted is there");
    all
}

/// Waits until all before it is published.
pub async fn published(publisher: &Publisher, next: u64) {
    let mut publishing = publisher.publishing();
    let done = publishing.wait_for(|now| now.halted || now.next >= Some(Sequence(next)));
    let done = tokio::time::timeout(SOON, done).await;
    let now = publisher.publishing().borrow().clone();
    done.unwrap_or_else(|_| panic!("{next} is not reached: {now:?}")).expect("it runs");
    assert!(!now.halted, "{now:?}");
}

/// Waits until it publishes no more, and returns why.
pub async fn halted(publisher: &Publisher) -> String {
    until(publisher, |now| now.halted).await.error.expect("it says why")
}

/// Waits until something is wrong for the time being, and returns what.
pub async fn troubled(publisher: &Publisher) -> String {
    until(publisher, |now| now.error.is_some()).await.error.expect("there is one")
}

async fn until(publisher: &Publisher, so: impl FnMut(&Publishing) -> bool) -> Publishing {
    let mut publishing = publisher.publishing();
    let told = tokio::time::timeout(SOON, publishing.wait_for(so)).await;
    told.unwrap_or_else(|_| panic!("{:?}", publisher.publishing().borrow())).expect("it runs").clone()
}

/// Appends events one by one.
pub async fn append(node: &Node, events: &[RecordedEvent]) {
    let mut writer = node.writer().await.writer;
    for event in events {
        writer.append(std::sync::Arc::new(vec![event.clone()])).await.expect("appends");
    }
}
