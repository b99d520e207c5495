//! The ledger's topics as a stranger reads them: librdkafka, `read_committed`, and the form that docs/kafka.md tells. It shares no
//! code with the node that wrote them.

use crate::audit::{Audit, Row};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{Headers as _, Message as _, OwnedMessage},
};
use serde_json::Value;
use std::time::Duration;

/// How long a broker may take to answer.
const ANSWER: Duration = Duration::from_secs(60);

/// The type of an event that the public may not read: that it happened, and nothing of it.
const WITHHELD: &str = "org.convenio.withheld.v1";

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
        let (mut rows, mut terms) = (Vec::new(), Vec::new());
        for message in read_committed(brokers, &format!("convenio.{ledger}.log")).expect("the ledger has a topic") {
            match header(&message, "convenio-control").as_deref() {
                None => rows.push(row(&message)),
                Some("writer-started") => terms.push(rows.len() as u64),
                Some(_) => {}
            }
        }
        Self { audit: Audit::of_rows(&rows), terms }
    }

    /// The number of the writer that recorded an event, from 1.
    pub(super) fn term(&self, sequence: u64) -> usize {
        self.terms.partition_point(|first| *first <= sequence)
    }
}

/// A message's value: three lines, then the sealed text.
fn row(message: &OwnedMessage) -> Row {
    let mut parts = message.payload().expect("an event has a value").splitn(4, |byte| *byte == b'\n');
    let mut part = || String::from_utf8(parts.next().expect("four parts").to_vec());
    let [entry, record, salt] = [(); 3].map(|()| part().expect("three lines of text"));
    let sequence = serde_json::from_str::<Value>(&entry).expect("an entry is JSON")["sequence"].clone();
    let sequence = sequence.as_str().and_then(|text| text.parse().ok()).expect("a sequence");
    Row { sequence, entry, record, record_salt: from_base64(&salt), text: None }
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
        let said = |name: &str| header(message, name).unwrap_or_else(|| panic!("no {name} at {}", event.sequence));
        assert_eq!(said("ce_ledgersequence"), event.sequence.to_string(), "each sequence once, in order");
        let (withheld, restricted) = (said("ce_type") == WITHHELD, event.entry["audience"] == "restricted");
        assert_eq!(withheld, restricted, "{} is shown to whom it may be", event.sequence);
        let is_it = if withheld { message.payload().is_none() } else { said("ce_id") == event.record["id"] };
        assert!(is_it, "the event of sequence {}", event.sequence);
    }
    assert_eq!(messages.len(), log.events.len(), "the public topic is complete");
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

    fn message(sequence: u64, kind: &str, value: Option<&str>) -> OwnedMessage {
        let (sequence, id) = (sequence.to_string(), format!("id-{sequence}"));
        let headers = [("ce_ledgersequence", &*sequence), ("ce_type", kind), ("ce_id", &*id)];
        let headers = headers
            .into_iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value: Some(value) }));
        let value = value.map(|value| value.as_bytes().to_vec());
        OwnedMessage::new(value, None, "events".to_owned(), Timestamp::NotAvailable, 0, 0, Some(headers))
    }

    #[test]
    fn what_is_wrong_with_a_public_topic_is_found() {
        let event = |sequence, audience| Stored {
            sequence,
            entry: json!({"audience": audience}),
            record: json!({"id": format!("id-{sequence}")}),
        };
        let log = Audit { events: vec![event(0, "public"), event(1, "restricted")], root: String::new() };
        let (shown, withheld) = (message(0, "offer", Some("{}")), message(1, WITHHELD, None));
        compare_public(&[shown.clone(), withheld.clone()], &log);
        for (fault, messages) in [
            ("one is missing", vec![shown.clone()]),
            ("one is there twice", vec![shown.clone(), shown.clone(), withheld.clone()]),
            ("they are in another order", vec![withheld.clone(), shown.clone()]),
            ("one too many", vec![shown.clone(), withheld.clone(), message(2, "offer", Some("{}"))]),
            ("a restricted one is shown", vec![shown.clone(), message(1, "offer", Some("{}"))]),
            ("a withheld one says something", vec![shown.clone(), message(1, WITHHELD, Some("{}"))]),
            ("a public one is withheld", vec![message(0, WITHHELD, None), withheld]),
        ] {
            let found = std::panic::catch_unwind(|| compare_public(&messages, &log));
            assert!(found.is_err(), "{fault}");
        }
    }
}
