//! Events that differ from each other, of ledgers that differ too. It checks nothing.

use convenio_events::{
    Actor, CommandId, EventId, LedgerId, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    codes::Purpose,
    commitment::Salt,
    entry::Audience,
    record::Record,
    recorded::Placement,
    time::TimeZone,
    types::{EventType as _, ledger},
};
use std::sync::Arc;
use uuid::Uuid;

/// A word in the facts of every restricted event.
pub const CANARY: &str = "kakadu";

/// An event of a ledger, decided by the writer of this number: two writers never make the same one.
pub fn event(ledger: u128, writer: u128, sequence: u64, text: &str) -> RecordedEvent {
    event_for(Audience::Public, ledger, writer, sequence, text)
}

/// The same, for whom it is told.
pub fn event_for(audience: Audience, ledger: u128, writer: u128, sequence: u64, text: &str) -> RecordedEvent {
    let ledger_id = LedgerId::new(Uuid::from_u128(ledger));
    let facts = ledger::Opened {
        ledger: ledger_id,
        source: convenio_events::cloud_event::source(ledger_id),
        origin: format!("example.com/{}{sequence}", if audience == Audience::Public { "" } else { CANARY }),
        time_zone: TimeZone::UTC,
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        purpose: Purpose::Test,
    };
    let id = (writer << 64) + u128::from(sequence);
    let record = Record {
        actor: Actor::Operator,
        causation_id: None,
        command_digest: None,
        command_id: CommandId::new(Uuid::from_u128(id)),
        correlation_id: None,
        facts: facts.into_facts(),
        grant: None,
        id: EventId::new(Uuid::from_u128(id + (1 << 120))),
        stream_version: StreamVersion(sequence),
        subject: Subject::from(ledger_id),
    };
    let placement = Placement {
        ledger: ledger_id,
        sequence: Sequence(sequence),
        time: Timestamp::from_micros(1_700_000_000_000_000 + sequence.cast_signed()),
        audience,
        record_salt: Salt([1; 32]),
        text_salt: Salt([2; 32]),
    };
    RecordedEvent::encode(&record, (!text.is_empty()).then(|| text.into()), &placement)
}

/// Consecutive events that a writer of the ledger 7 decides.
pub fn batch_of(writer: u128, range: std::ops::Range<u64>) -> Arc<Vec<RecordedEvent>> {
    Arc::new(range.map(|sequence| event(7, writer, sequence, r#"{"reason":"it is so"}"#)).collect())
}

/// The same, of whom there is only one.
pub fn batch(range: std::ops::Range<u64>) -> Arc<Vec<RecordedEvent>> {
    batch_of(1, range)
}
