//! How fast the derived files are filled and asked. A tuning bench: it asserts nothing.
//!
//! `cargo run --release -p convenio-journal --example catch_up [folder] [events]`
#![allow(clippy::print_stdout)]

use convenio_events::{
    Actor, CommandId, EventId, LedgerId, OrganisationId, RecordKind, RecordedEvent, Sequence, StreamVersion, Subject,
    Timestamp,
    codes::Purpose,
    commitment::{Digest, Salt},
    entry::Audience,
    log::EventLog as _,
    record::Record,
    recorded::Placement,
    time::TimeZone,
    types::{EventType as _, ledger},
};
use convenio_journal::{Access, Index, Journal, StateFile};
use convenio_ledger::stores::{EventIndex as _, StateChange, StateStore as _};
use std::{path::Path, sync::Arc, time::Instant};
use uuid::Uuid;

const BATCH_EVENTS: u64 = 5_000;
const LOOK_UPS: u64 = 100_000;
const STATES: u64 = 200_000;
const STATE_BYTES: usize = 500;

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let events = arguments.next().map_or(Ok(1_000_000), |events| events.parse())?;
    let folder = Path::new(&folder).join(format!("catch-up-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = run(&folder, events).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn run(folder: &Path, events: u64) -> Outcome {
    let journal = Journal::open(folder, Access::ReadWrite)?;
    let mut writer = journal.open_writer().await?.writer;
    for from in (0..events).step_by(BATCH_EVENTS as usize) {
        let batch = (from..events.min(from + BATCH_EVENTS)).map(event).collect();
        writer.append(Arc::new(batch)).await?;
    }
    index(&journal, folder, events)?;
    state(&journal, folder)
}

fn index(journal: &Journal, folder: &Path, events: u64) -> Outcome {
    let began = Instant::now();
    let index = Index::open(journal)?;
    index.catch_up()?;
    let caught_up = began.elapsed().as_secs_f64();
    index.flush()?;
    let flushed = began.elapsed().as_secs_f64();
    let rate = |seconds: f64| events as f64 / seconds;
    let mib = folder.join("index.db").metadata()?.len() >> 20;
    println!("catching up: {:.0} events/s, written {:.0}", rate(caught_up), rate(flushed));
    println!("index.db: {mib} MiB for {events} events");
    drop(index);
    let index = Index::open(journal)?;
    let of = |number: u64| number * 7919 % events;
    look_up("command, known", |n| index.command(actor(of(n)), command(of(n))).map(drop))?;
    look_up("command, new", |n| index.command(actor(of(n)), command(of(n) + events)).map(drop))?;
    look_up("event", |n| index.event(event_id(of(n))).map(drop))?;
    look_up("subject, 10 of it", |n| index.subject(subject(of(n)), StreamVersion(0), 10).map(drop))?;
    look_up("as of", |n| index.as_of(time(of(n))).map(drop))
}

fn state(journal: &Journal, folder: &Path) -> Outcome {
    let state = StateFile::open(journal)?;
    state.folded(1)?;
    let began = Instant::now();
    for from in (0..STATES).step_by(BATCH_EVENTS as usize) {
        let change = |number: u64| StateChange::Subject {
            subject: subject(number * 4),
            state: vec![b'x'; STATE_BYTES],
            due: number.is_multiple_of(20).then(|| time(number)),
        };
        let changes = (from..from + BATCH_EVENTS).map(change).collect();
        state.write(changes, Sequence(from + BATCH_EVENTS))?;
    }
    println!("state written: {:.0} rows/s", STATES as f64 / began.elapsed().as_secs_f64());
    println!("state.db: {} MiB", folder.join("state.db").metadata()?.len() >> 20);
    look_up("state, known", |n| state.load(subject(n * 7919 % STATES * 4)).map(drop))?;
    look_up("state, new", |n| state.load(subject((n + STATES) * 4)).map(drop))?;
    let began = Instant::now();
    let timers = state.timers()?.len();
    println!("{timers} timers: {} us", began.elapsed().as_micros());
    Ok(())
}

fn look_up<E: std::error::Error + 'static>(what: &str, mut find: impl FnMut(u64) -> Result<(), E>) -> Outcome {
    let began = Instant::now();
    for number in 0..LOOK_UPS {
        find(number)?;
    }
    let micros = began.elapsed().as_micros() as f64 / LOOK_UPS as f64;
    println!("look-up, {what}: {micros:.2} us");
    Ok(())
}

fn actor(sequence: u64) -> Actor {
    Actor::Organisation(OrganisationId::new(scattered(sequence % 200)))
}
fn command(sequence: u64) -> CommandId {
    CommandId::new(scattered(sequence))
}
fn subject(sequence: u64) -> Subject {
    Subject::new(RecordKind::Offer, scattered(sequence / 4))
}
fn event_id(sequence: u64) -> EventId {
    EventId::new(Uuid::from_u128((u128::from(sequence) << 64) + 7))
}
fn time(sequence: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + sequence.cast_signed() * 40)
}
fn scattered(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835))
}

/// A command each, under a random id as clients make them; records of four events.
fn event(sequence: u64) -> RecordedEvent {
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
        causation_id: None,
        command_digest: Some(Digest([3; 32])),
        command_id: command(sequence),
        correlation_id: None,
        facts: facts.into_facts(),
        grant: None,
        id: event_id(sequence),
        stream_version: StreamVersion(sequence % 4),
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
    let text = format!("{{\"reason\":\"{}\"}}", "x".repeat(230));
    RecordedEvent::encode(&record, Some(text.into()), &placement)
}
