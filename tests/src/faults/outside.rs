//! The ledger's topics as a stranger reads them: librdkafka, `read_committed`, and the form that docs/kafka.md tells. It shares no
//! code with the node that wrote them.

use crate::audit::{Audit, Row};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{Headers as _, Message as _, OwnedMessage},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// The type of an event that the public may not read: that it happened, and nothing of it.
const WITHHELD: &str = "org.convenio.withheld.v1";

/// What an event says of why it happened.
const CAUSES: [&str; 3] = ["commandid", "correlationid", "causationid"];

/// The topic of a ledger's log.
#[derive(Debug)]
pub(super) struct LogTopic {
    /// Its events, found whole.
    pub(super) audit: Audit,
    /// Where each term of a writer begins: the sequence of the first event that it could write.
    terms: Vec<u64>,
}

impl LogTopic {
    /// Reads all of it.
    ///
    /// # Panics
    /// When it is not what a ledger's log must be.
    pub(super) fn read(brokers: &str, ledger: &str) -> Self {
        let (mut rows, mut terms, keys) = (Vec::new(), Vec::new(), keys(brokers, ledger));
        for message in read_committed(brokers, &format!("convenio.{ledger}.log")).expect("the ledger has a topic") {
            match header(&message, "convenio-control").as_deref() {
                None => rows.push(row(&message, &keys)),
                Some("writer-started") => terms.push(rows.len() as u64),
                Some(_) => {}
            }
        }
        assert_eq!(keys.len(), rows.len(), "there is a key for each event, and for nothing else");
        Self { audit: Audit::of_rows(&rows), terms }
    }

    /// The number of the writer that recorded an event, from 1.
    pub(super) fn term(&self, sequence: u64) -> usize {
        self.terms.partition_point(|first| *first <= sequence)
    }
}

/// The key of each event's text.
fn keys(brokers: &str, ledger: &str) -> BTreeMap<u64, [u8; 32]> {
    keys_in(&read_committed(brokers, &format!("convenio.{ledger}.keys")).expect("the ledger has a topic of keys"))
}

fn keys_in(messages: &[OwnedMessage]) -> BTreeMap<u64, [u8; 32]> {
    let mut keys = BTreeMap::new();
    for message in messages {
        let key = std::str::from_utf8(message.key().expect("it has a key")).expect("text");
        if key == "barrier" {
            continue;
        }
        let sequence: u64 = key.parse().expect("a sequence");
        let value = message.payload().unwrap_or_else(|| panic!("the key of {sequence} was destroyed"));
        let value = value.try_into().unwrap_or_else(|_| panic!("the key of {sequence} is none"));
        assert!(keys.insert(sequence, value).is_none(), "the key of {sequence} is there once");
    }
    keys
}

/// The salt and the text in a box, opened as docs/kafka.md says.
fn opened(sealed: &[u8], key: &[u8; 32], source: &str, sequence: u64) -> (String, Vec<u8>) {
    let (nonce, sealed) = sealed.split_first_chunk::<24>().expect("a nonce");
    let place = format!("{source}\n{sequence}");
    let plain = XChaCha20Poly1305::new(&(*key).into())
        .decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: place.as_bytes() })
        .unwrap_or_else(|_| panic!("the key of {sequence} opens its text"));
    let (salt, text) = plain.split_first_chunk::<32>().expect("a salt");
    (String::from_utf8(text.to_vec()).expect("a text is UTF-8"), salt.to_vec())
}

/// A message's value: three lines, then the sealed text.
fn row(message: &OwnedMessage, keys: &BTreeMap<u64, [u8; 32]>) -> Row {
    let mut parts = message.payload().expect("an event has a value").splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().expect("four parts").to_vec();
    let [entry, record, salt] = [(); 3].map(|()| String::from_utf8(part()).expect("three lines of text"));
    let said = serde_json::from_str::<Value>(&entry).expect("an entry is JSON");
    let sequence = said["sequence"].as_str().and_then(|text| text.parse().ok()).expect("a sequence");
    let key = keys.get(&sequence).unwrap_or_else(|| panic!("the key of {sequence} is missing"));
    let text = opened(&part(), key, said["source"].as_str().expect("a source"), sequence);
    Row { sequence, entry, record, record_salt: from_base64(&salt), text: Some(text) }
}

/// Checks the public topic against the log, where there is one: every sequence once, in order, up to the last. Returns how many
/// messages it has.
///
/// # Panics
/// When something is missing, or there twice.
pub(super) fn check_public_topic(brokers: &str, ledger: &str, log: &Audit) -> Option<usize> {
    let topic = format!("convenio.{ledger}.events");
    let until = std::time::Instant::now() + ANSWER;
    let messages = loop {
        let messages = read_committed(brokers, &topic)?;
        if messages.len() >= log.events.len() || std::time::Instant::now() > until {
            break messages;
        }
        // It is written beside the path of commands, soon after.
        std::thread::park_timeout(Duration::from_millis(200));
    };
    compare_public(&messages, log);
    Some(messages.len())
}

fn compare_public(messages: &[OwnedMessage], log: &Audit) {
    for (message, event) in messages.iter().zip(&log.events) {
        let sequence = event.sequence;
        let said = |name: &str| header(message, name).unwrap_or_else(|| panic!("no {name} at {sequence}"));
        assert_eq!(said("ce_ledgersequence"), sequence.to_string(), "each sequence once, in order");
        assert_eq!(said("ce_specversion"), "1.0", "the version of CloudEvents at {sequence}");
        for name in ["source", "time"] {
            assert_eq!(event.entry[name], said(&format!("ce_{name}")), "the {name} of {sequence}");
        }
        let (withheld, restricted) = (said("ce_type") == WITHHELD, event.entry["audience"] == "restricted");
        assert_eq!(withheld, restricted, "{sequence} is shown to whom it may be");
        let key = message.key().map(String::from_utf8_lossy).unwrap_or_else(|| panic!("no key at {sequence}"));
        for name in ["id", "type", "subject", "streamversion", "actor", "grant"].into_iter().chain(CAUSES) {
            let told = header(message, &format!("ce_{name}"));
            match (withheld, name) {
                // Both are there, and are not the event's own.
                (true, "id") => assert_ne!(event.record[name], said("ce_id"), "{sequence} is not named"),
                (true, "type") => {}
                (true, _) => assert_eq!(told, None, "{sequence} does not tell its {name}"),
                (false, _) => assert_eq!(told, plain(&event.record[name]), "the {name} of {sequence}"),
            }
        }
        if withheld {
            assert_eq!(key, sequence.to_string(), "the key of {sequence}");
            assert_eq!(message.payload(), None, "{sequence} says nothing");
            continue;
        }
        assert_eq!(event.record["subject"], *key, "the key of {sequence}");
        assert_eq!(said("content-type"), "application/json", "the media type of {sequence}");
        assert_eq!(
            said("ce_dataschema"),
            format!("urn:convenio:schema:{}", said("ce_type")),
            "the schema of {sequence}"
        );
        let value: Value =
            serde_json::from_slice(message.payload().expect("a public event has a value")).expect("JSON");
        assert_eq!(value["facts"], event.record["facts"], "the facts of {sequence}");
        assert_eq!(value["text"], event.text.clone().unwrap_or_default(), "the text of {sequence}");
    }
    assert_eq!(messages.len(), log.events.len(), "the public topic is complete");
}

/// A member of a record as a header says it; `None` where it is null.
fn plain(member: &Value) -> Option<String> {
    match member {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(member.to_string()),
    }
}

/// How many nodes stand for election, where they have settled who is elected; else none.
pub(super) fn members_of_writers(brokers: &str, ledger: &str) -> usize {
    let consumer: BaseConsumer = client(brokers).create().expect("a consumer");
    let group = format!("convenio.{ledger}.writers");
    // A broker that is just coming back cannot say.
    let Ok(groups) = consumer.fetch_group_list(Some(&group), ANSWER) else { return 0 };
    groups.groups().iter().find(|group| group.state() == "Stable").map_or(0, |group| group.members().len())
}

/// Everything in a topic that was committed; nothing where there is no such topic.
fn read_committed(brokers: &str, topic: &str) -> Option<Vec<OwnedMessage>> {
    let consumer: BaseConsumer = client(brokers).create().expect("a consumer");
    let metadata = consumer.fetch_metadata(None, ANSWER).expect("a broker tells which topics there are");
    metadata.topics().iter().find(|known| known.name() == topic && !known.partitions().is_empty())?;
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&assigned).expect("assigned");
    let mut messages = Vec::new();
    loop {
        match consumer.poll(ANSWER).expect("a topic has an end") {
            Ok(message) => messages.push(message.detach()),
            Err(KafkaError::PartitionEOF(_)) => return Some(messages),
            Err(error) => panic!("{topic} cannot be read: {error}"),
        }
    }
}

fn client(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "convenio-checker");
    config.set("isolation.level", "read_committed").set("enable.partition.eof", "true");
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "error");
    config
}

fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let header = message.headers()?.iter().find(|header| header.key == name)?;
    Some(String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned())
}

/// Standard base64 with padding (RFC 4648, section 4).
fn from_base64(text: &str) -> Vec<u8> {
    let digit = |character: u8| match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no digit of base64"),
    };
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for character in text.trim_end_matches('=').bytes() {
        (bits, count) = (bits << 6 | u32::from(digit(character)), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Stored;
    use rdkafka::{
        Timestamp,
        message::{Header, OwnedHeaders},
    };
    use serde_json::json;

    const SOURCE: &str = "urn:convenio:00000000-0000-0000-0000-000000000001";
    const TIME: &str = "2026-11-30T12:00:00.000000Z";
    const OFFER: &str = "org.convenio.offer.published.v1";

    /// A message with these attributes, and its key, which is what it says it is of.
    fn message(attributes: &[(&str, String)], value: Option<&str>) -> OwnedMessage {
        let named = |name: &str| attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let key = named("key").or_else(|| named("subject")).or_else(|| named("ledgersequence"));
        let mut headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some("application/json") });
        for (name, value) in attributes.iter().filter(|(name, _)| *name != "key") {
            headers = headers.insert(Header { key: &format!("ce_{name}"), value: Some(value) });
        }
        let (value, key) = (value.map(|value| value.as_bytes().to_vec()), key.map(String::into_bytes));
        OwnedMessage::new(value, key, "events".to_owned(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    fn common(sequence: u64, kind: &str) -> Vec<(&'static str, String)> {
        let id = if kind == WITHHELD { "made-up".to_owned() } else { format!("id-{sequence}") };
        let all = [("specversion", "1.0"), ("source", SOURCE), ("time", TIME), ("type", kind), ("id", &id)];
        let all = all.map(|(name, value)| (name, value.to_owned()));
        all.into_iter().chain([("ledgersequence", sequence.to_string())]).collect()
    }

    fn of_offer(sequence: u64) -> Vec<(&'static str, String)> {
        let own = [("subject", "offer/1"), ("streamversion", "0"), ("actor", "organisation/1"), ("commandid", "c")];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        let schema = ("dataschema", format!("urn:convenio:schema:{OFFER}"));
        common(sequence, OFFER).into_iter().chain(own).chain([schema]).collect()
    }

    #[test]
    fn what_is_wrong_with_the_topic_of_keys_is_found() {
        let key = |name: &str, value: Option<&[u8]>| {
            let (value, name) = (value.map(<[u8]>::to_vec), Some(name.as_bytes().to_vec()));
            OwnedMessage::new(value, name, "keys".to_owned(), Timestamp::NotAvailable, 0, 0, None)
        };
        let good = [key("0", Some(&[1; 32])), key("barrier", Some(b"1")), key("1", Some(&[2; 32]))];
        assert_eq!(keys_in(&good).len(), 2);
        for (fault, wrong) in [
            ("destroyed", key("1", None)),
            ("too short", key("2", Some(&[1; 31]))),
            ("there twice", key("0", Some(&[3; 32]))),
            ("of nothing", key("x", Some(&[1; 32]))),
        ] {
            let all: Vec<_> = good.iter().cloned().chain([wrong]).collect();
            assert!(std::panic::catch_unwind(|| keys_in(&all)).is_err(), "{fault}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_public_topic_is_found() {
        let event = |sequence, audience| Stored {
            sequence,
            entry: json!({"audience": audience, "source": SOURCE, "time": TIME}),
            record: json!({
                "id": format!("id-{sequence}"), "type": OFFER, "subject": "offer/1", "streamversion": 0,
                "actor": "organisation/1", "commandid": "c", "grant": null, "facts": {"a": 1}
            }),
            text: Some(json!({"title": "b"})),
        };
        let log = Audit { events: vec![event(0, "public"), event(1, "restricted")], root: String::new() };
        let whole = r#"{"facts":{"a":1},"text":{"title":"b"}}"#;
        let (shown, withheld) = (message(&of_offer(0), Some(whole)), message(&common(1, WITHHELD), None));
        compare_public(&[shown.clone(), withheld.clone()], &log);
        let is_found = |fault: &str, messages: &[OwnedMessage]| {
            let found = std::panic::catch_unwind(|| compare_public(messages, &log));
            assert!(found.is_err(), "{fault}");
        };
        is_found("one is missing", std::slice::from_ref(&shown));
        is_found("one is there twice", &[shown.clone(), shown.clone(), withheld.clone()]);
        is_found("they are in another order", &[withheld.clone(), shown.clone()]);
        let third = message(&of_offer(2), Some("{}"));
        is_found("one too many", &[shown.clone(), withheld.clone(), third]);
        is_found("a restricted one is shown", &[shown.clone(), message(&of_offer(1), Some(whole))]);
        is_found("a withheld one says something", &[shown.clone(), message(&common(1, WITHHELD), Some("{}"))]);
        is_found("a public one is withheld", &[message(&common(0, WITHHELD), None), withheld.clone()]);
        for (fault, value) in [
            ("other facts", whole.replace('1', "2")),
            ("another text", whole.replace('b', "c")),
            ("no text", r#"{"facts":{"a":1},"text":null}"#.to_owned()),
        ] {
            is_found(fault, &[message(&of_offer(0), Some(&value)), withheld.clone()]);
        }
        // Each attribute by itself: another one, none, and one too many.
        let good = of_offer(0);
        for at in 0..good.len() {
            let (mut other, mut none) = (good.clone(), good.clone());
            other[at].1.push('x');
            let (name, _) = none.remove(at);
            is_found(&format!("another {name}"), &[message(&other, Some(whole)), withheld.clone()]);
            is_found(&format!("no {name}"), &[message(&none, Some(whole)), withheld.clone()]);
        }
        let with = |attributes: Vec<_>, name, value: &str| [attributes, vec![(name, value.to_owned())]].concat();
        for name in ["grant", "correlationid", "causationid"] {
            is_found(name, &[message(&with(of_offer(0), name, "x"), Some(whole)), withheld.clone()]);
        }
        is_found("another key", &[message(&with(of_offer(0), "key", "x"), Some(whole)), withheld.clone()]);
        for name in ["subject", "streamversion", "actor", "grant", "commandid", "correlationid", "causationid", "key"] {
            let telling = message(&with(common(1, WITHHELD), name, "x"), None);
            is_found(&format!("a withheld one tells its {name}"), &[shown.clone(), telling]);
        }
    }
}
