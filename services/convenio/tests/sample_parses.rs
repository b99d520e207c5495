//! The sample that ships with the program: every line is read, played through a real sequencer, and accepted; nobody real
//! acts in it. It does not look at how the program itself plays the file.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use convenio_events::{
    CommandId, Event, LedgerId, OrganisationId, Sequence, StreamVersion, Subject, Timestamp,
    codes::Purpose,
    commitment::Digest,
    log::{EventLog, PAGE_EVENTS_LIMIT},
    memory_log::MemoryLog,
    types::Facts,
};
use convenio_ledger::{
    authorise::Credential,
    clock::{Clock, Reading},
    entropy::Entropy,
    genesis::{Opening, sample_grant},
    memory_stores::{MemoryIndex, MemoryState},
    sequencer::{Parts, Sequencer, SnapshotCursor},
    submission::{Answer, Body, Ledger, Submission},
};
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;
use uuid::Uuid;

const SAMPLE: &str = include_str!("../sample/sample.ndjson");

/// One line, its placeholders still in it.
struct Line {
    number: usize,
    command: String,
    id: Uuid,
    acting_for: Option<OrganisationId>,
    expected_version: Option<StreamVersion>,
    data: Value,
}

fn lines() -> Vec<Line> {
    let lines = SAMPLE.lines().enumerate().map(|(at, line)| {
        let mut line: serde_json::Map<String, Value> = serde_json::from_str(line).expect("a line is a JSON object");
        let mut take = |name: &str| line.remove(name).unwrap_or(Value::Null);
        let subject: Option<Subject> = serde_json::from_value(take("acting_for")).expect("a subject");
        Line {
            number: at + 1,
            command: serde_json::from_value(take("command")).expect("a command's name"),
            id: serde_json::from_value(take("id")).expect("a UUID"),
            acting_for: subject.map(|subject| OrganisationId::new(subject.id)),
            expected_version: serde_json::from_value(take("expected_version")).expect("a version"),
            data: take("data"),
        }
    });
    lines.collect()
}

/// Puts values where the file has placeholders.
fn substituted(data: &Value, date: impl Fn(i64) -> String, digest: impl Fn(Subject) -> Digest) -> String {
    let text = data.to_string();
    let mut parts = text.split("${");
    let mut out = parts.next().expect("a split has a first part").to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').expect("a placeholder is closed");
        let value = match name.split_once(':').expect("a placeholder has a kind") {
            ("date", days) => date(days.parse().expect("days")),
            ("terms_digest", subject) => digest(subject.parse().expect("a subject")).to_string(),
            (kind, _) => panic!("unknown placeholder {kind}"),
        };
        out.push_str(&value);
        out.push_str(rest);
    }
    out
}

/// Noon on a day that the test chooses.
struct Noon;

impl Noon {
    fn time() -> Timestamp {
        "2026-11-21T12:00:00.000000Z".parse().expect("a time")
    }
    fn plus_days(days: i64) -> String {
        (Self::time().to_utc().date_naive() + chrono::Duration::days(days)).format("%Y-%m-%d").to_string()
    }
}

impl Clock for Noon {
    fn read(&mut self) -> Reading {
        Reading { wall: Self::time(), since_boot: Duration::ZERO }
    }
    fn is_set(&self) -> bool {
        true
    }
    fn is_synchronised(&mut self) -> bool {
        true
    }
}

fn ledger_id() -> LedgerId {
    LedgerId::new(Uuid::new_v5(&Uuid::NAMESPACE_URL, b"https://example.org/a ledger that plays the sample"))
}

/// A new ledger in memory, opened with the sample's grant.
fn new_ledger() -> (Ledger, MemoryLog, watch::Sender<u64>) {
    let log = MemoryLog::default();
    let (term, elected) = watch::channel(1);
    let opening = Opening {
        ledger: ledger_id(),
        origin: "example.org/sample".to_owned(),
        key: "example.org/sample+00000000+test".to_owned(),
        time_zone: "UTC".parse().expect("a zone"),
        purpose: Purpose::Test,
        admin_token: Digest([7; 32]),
        sample: true,
    };
    let (sequencer, ledger) = Sequencer::new(Parts {
        log: Arc::new(log.clone()),
        state: Arc::new(MemoryState::default()),
        snapshot: SnapshotCursor::default(),
        index: Arc::new(MemoryIndex::default()),
        clock: Box::new(Noon),
        entropy: Entropy::from_seed(1),
        attempts: 25,
        counts: Arc::default(),
        elsewhere: None,
        opening: Some(opening),
        elected,
    });
    // It runs on a thread of its own, and ends when the handle is dropped.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    std::thread::spawn(move || runtime.block_on(sequencer.run()).expect("the sequencer runs"));
    (ledger, log, term)
}

/// Every event of the log.
async fn events(log: &MemoryLog) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let page = log.read(Sequence(events.len() as u64), PAGE_EVENTS_LIMIT).await.expect("memory can be read");
        if page.is_empty() {
            return events;
        }
        events.extend(page.iter().map(|event| Event::decode(event).expect("what was written can be read")));
    }
}

/// The digest of an agreement's terms as they are now.
fn digest_of(events: &[Event], subject: Subject) -> Digest {
    let of = |event: &Event| if let Facts::Agreement(facts) = &event.facts { facts.terms_digest() } else { None };
    events.iter().rev().filter(|event| event.subject == subject).find_map(of).expect("the agreement was drafted")
}

async fn send(line: &Line, ledger: &Ledger, log: &MemoryLog) -> Answer {
    let events = if line.command == "sign-agreement" { events(log).await } else { Vec::new() };
    let data = substituted(&line.data, Noon::plus_days, |subject| digest_of(&events, subject));
    let submission = Submission {
        credential: Credential::Grant(sample_grant(ledger_id())),
        acting_for: line.acting_for,
        id: CommandId::new(line.id),
        correlation_id: None,
        expected_version: line.expected_version,
        body: Body::parse(&line.command, data.as_bytes(), line.expected_version),
    };
    ledger.submit(submission).await
}

#[test]
fn every_line_is_a_command_with_an_id_of_its_own() {
    let mut ids = BTreeSet::new();
    for line in lines() {
        let data = substituted(&line.data, Noon::plus_days, |_| Digest([0; 32]));
        let body = Body::parse(&line.command, data.as_bytes(), line.expected_version);
        let body = body.unwrap_or_else(|rejection| panic!("line {}, {}: {rejection}", line.number, line.command));
        assert_eq!(body.command.confirms(), line.expected_version.is_some(), "line {}", line.number);
        assert!(ids.insert(line.id), "line {}: the command id is used twice", line.number);
    }
}

#[tokio::test]
async fn every_line_is_accepted_and_taken_up_again_it_records_nothing_twice() {
    let (ledger, log, _term) = new_ledger();
    let mut refused = Vec::new();
    for line in lines() {
        if let Err(refusal) = send(&line, &ledger, &log).await {
            refused.push(format!("line {}, {}: {refusal:?}", line.number, line.command));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    let recorded = events(&log).await.len();
    for line in lines() {
        let accepted = send(&line, &ledger, &log).await.expect("it was accepted before");
        assert!(accepted.replay, "line {}", line.number);
    }
    assert_eq!(events(&log).await.len(), recorded);
}

#[test]
fn real_organisations_are_profiles_with_a_source_and_nobody_acts_for_them() {
    let lines = lines();
    let mut holders = BTreeSet::new();
    for line in lines.iter().filter(|line| line.command == "register-organisation") {
        let name = line.data["text"]["name"].to_string().to_lowercase();
        if line.data["standing"] == "holder" {
            assert!(["example", "ejemplo", "exemplo", "exemple"].iter().any(|word| name.contains(word)), "{name}");
            holders.insert(line.data["id"].as_str().expect("an id").to_owned());
        } else {
            assert!(line.data["text"]["citation"].is_string(), "{name} has no source");
        }
    }
    for line in &lines {
        let holder = line.acting_for.is_none_or(|id| holders.contains(&id.to_string()));
        assert!(holder, "line {}: a profile acts", line.number);
        let vouched =
            line.command != "verify-organisation" || line.data["id"].as_str().is_some_and(|id| holders.contains(id));
        assert!(vouched, "line {}: the sample vouches for a real organisation", line.number);
    }
}

#[test]
fn the_board_can_be_searched_in_four_languages() {
    for word in ["vacunación", "formações", "formação", "vaccination", "laboratorio", "laboratoire"] {
        let published =
            |line: &&Line| line.command.starts_with("publish-") && line.data.to_string().to_lowercase().contains(word);
        assert!(lines().iter().find(published).is_some(), "{word}");
    }
}
