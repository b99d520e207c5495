//! A ledger of made-up events and the folder that it lives in. It checks nothing.
#![allow(dead_code, reason = "every test file uses a part of it")]

use convenio_events::{
    Actor, CommandId, EventId, LedgerId, OrganisationId, RecordKind, RecordedEvent, Sequence, StreamVersion, Subject,
    Timestamp,
    codes::Purpose,
    commitment::{Digest, Salt},
    conformance::sample_event,
    entry::Audience,
    log::{EventLog as _, LogWriter},
    record::Record,
    recorded::Placement,
    time::TimeZone,
    types::{EventType as _, ledger},
};
use convenio_journal::{Access, Journal};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

pub(crate) fn open(data: &Path) -> Journal {
    Journal::open(data, Access::ReadWrite).expect("the journal opens")
}

pub(crate) fn sample_batch(range: std::ops::Range<u64>) -> Arc<Vec<RecordedEvent>> {
    Arc::new(range.map(|sequence| sample_event(sequence, 600)).collect())
}

pub(crate) async fn writer(journal: &Journal) -> Box<dyn LogWriter> {
    journal.open_writer().await.expect("the writer opens").writer
}

/// Appends batches of sizes 1, 2, 3, ... and returns the head after each.
pub(crate) async fn append_growing(writer: &mut dyn LogWriter, batches: u64) -> Vec<u64> {
    let mut heads = vec![0];
    for size in 1..=batches {
        let from = heads[heads.len() - 1];
        writer.append(sample_batch(from..from + size)).await.expect("appends");
        heads.push(from + size);
    }
    heads
}

/// Ten records take turns; two events a command; two organisations and the clock; three events a microsecond.
pub(crate) fn event(sequence: u64) -> RecordedEvent {
    let ledger_id = LedgerId::new(Uuid::from_u128(7));
    let facts = ledger::Opened {
        ledger: ledger_id,
        source: convenio_events::cloud_event::source(ledger_id),
        origin: format!("example.com/{sequence}"),
        time_zone: TimeZone::UTC,
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        purpose: Purpose::Test,
    };
    let record = Record {
        actor: actor(sequence),
        causation_id: (!sequence.is_multiple_of(2)).then(|| event_id(sequence - 1)),
        command_digest: sequence.is_multiple_of(2).then_some(Digest([3; 32])),
        command_id: command_id(sequence),
        correlation_id: None,
        facts: facts.into_facts(),
        grant: None,
        id: event_id(sequence),
        stream_version: StreamVersion(sequence / 10),
        subject: subject(sequence),
    };
    let placement = Placement {
        ledger: ledger_id,
        sequence: Sequence(sequence),
        time: time(sequence),
        audience: Audience::Public,
        record_salt: Salt([1; 32]),
        text_salt: Salt([2; 32]),
    };
    RecordedEvent::encode(&record, Some("{\"reason\":\"it is so\"}".into()), &placement)
}

pub(crate) fn actor(sequence: u64) -> Actor {
    match sequence / 2 % 3 {
        0 => Actor::Clock,
        organisation => Actor::Organisation(OrganisationId::new(Uuid::from_u128(organisation.into()))),
    }
}
pub(crate) fn command_id(sequence: u64) -> CommandId {
    // Scattered over the whole range, as random ids are.
    CommandId::new(scattered(sequence / 2))
}
pub(crate) fn event_id(sequence: u64) -> EventId {
    EventId::new(Uuid::from_u128((1 << 100) + u128::from(sequence)))
}
pub(crate) fn subject(sequence: u64) -> Subject {
    Subject::new(RecordKind::Offer, scattered(sequence % 10))
}
pub(crate) fn time(sequence: u64) -> Timestamp {
    let micros = i64::try_from(sequence / 3).expect("few events");
    Timestamp::from_micros(1_700_000_000_000_000 + micros)
}
fn scattered(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

/// Copies the journal as a kill would leave it: whatever is in its files at this moment.
pub(crate) fn copy_as_killed(from: &Path, to: &Path) {
    for name in ["journal.db", "journal.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("copies");
        }
    }
}
