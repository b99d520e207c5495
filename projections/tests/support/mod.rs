//! A ledger in memory that records what a test tells it, and a seeded story of cooperation. It checks no rule of the domain.

#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod scene;
pub mod story;

use convenio_events::{
    AccessId, Actor, CommandId, Event, EventId, LedgerId, OrganisationId, RecordedEvent, Sequence, StreamVersion,
    Subject, Timestamp, canonical,
    commitment::Salt,
    entry::Audience,
    log::{EventLog, LogWriter},
    memory_log::MemoryLog,
    record::Record,
    recorded::Placement,
    types::{EventType, ledger},
};
use convenio_projections::{Settings, ViewName, Views};
use std::{collections::HashMap, path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// A log and what it takes to write to it.
pub struct Ledger {
    pub log: MemoryLog,
    pub id: LedgerId,
    writer: Box<dyn LogWriter>,
    next: u64,
    time: i64,
    versions: HashMap<Subject, u64>,
    waiting: Vec<RecordedEvent>,
}

/// On whose behalf something is recorded.
#[derive(Clone, Copy)]
pub struct By {
    pub actor: Actor,
    pub grant: Option<AccessId>,
}

pub const OPERATOR: By = By { actor: Actor::Operator, grant: None };

pub fn by(organisation: OrganisationId) -> By {
    By { actor: Actor::Organisation(organisation), grant: Some(AccessId::new(Uuid::from_u128(0xacce55))) }
}

impl Ledger {
    pub async fn open(id: u128) -> Self {
        let log = MemoryLog::default();
        let writer = log.open_writer().await.expect("a free log opens").writer;
        let id = LedgerId::new(Uuid::from_u128(id));
        let mut ledger = Self {
            log,
            id,
            writer,
            next: 0,
            time: 1_700_000_000_000_000,
            versions: HashMap::new(),
            waiting: Vec::new(),
        };
        let opened = ledger::Opened {
            ledger: id,
            source: convenio_events::cloud_event::source(id),
            origin: format!("example.com/{id}"),
            time_zone: "America/Lima".parse().expect("zone"),
            key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
            purpose: convenio_events::codes::Purpose::Test,
        };
        ledger.put(Subject::from(id), OPERATOR, Audience::Public, opened, None);
        ledger
    }

    /// Records one event; it is in the log after [`Self::commit`].
    pub fn put<T: EventType>(
        &mut self,
        subject: impl Into<Subject>,
        by: By,
        audience: Audience,
        facts: T,
        text: Option<T::Text>,
    ) -> Sequence {
        let subject = subject.into();
        let version = self.versions.entry(subject).or_insert(0);
        let sequence = Sequence(self.next);
        let record = Record {
            actor: by.actor,
            causation_id: None,
            command_digest: None,
            command_id: CommandId::new(Uuid::from_u128(u128::from(self.next) | 1 << 100)),
            correlation_id: None,
            facts: facts.into_facts(),
            grant: by.grant,
            id: EventId::new(Uuid::from_u128(u128::from(self.next) | 1 << 101)),
            stream_version: StreamVersion(*version),
            subject,
        };
        *version += 1;
        self.next += 1;
        self.time += 1_000;
        let placement = Placement {
            ledger: self.id,
            sequence,
            time: Timestamp::from_micros(self.time),
            audience,
            record_salt: Salt([1; 32]),
            text_salt: Salt([2; 32]),
        };
        let text = text.map(|text| canonical::to_string(&text).into());
        self.waiting.push(RecordedEvent::encode(&record, text, &placement));
        sequence
    }

    /// Spoils the event that was put last: its facts become those of no type, or of an unknown type.
    pub fn spoil(&mut self, from: &str, to: &str) {
        let last = self.waiting.last_mut().expect("something was put");
        assert!(last.record.contains(from), "{} holds {from}", last.record);
        last.record = last.record.replacen(from, to, 1).into();
    }

    pub async fn commit(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for batch in waiting.chunks(5_000) {
            self.writer.append(Arc::new(batch.to_vec())).await.expect("memory does not fail");
        }
    }

    pub fn head(&self) -> Sequence {
        Sequence(self.next)
    }

    pub async fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let from = Sequence(events.len() as u64);
            let page = self.log.read(from, 10_000).await.expect("memory does not fail");
            if page.is_empty() {
                return events;
            }
            events.extend(page.iter().map(|one| Event::decode(one).expect("our own event")));
        }
    }
}

pub fn id<K>(number: u128) -> convenio_events::Id<K> {
    convenio_events::Id::new(Uuid::from_u128(number | 0x7000_8000 << 64))
}

/// Views over a ledger in a folder, with pages of `page_events`.
pub async fn start(folder: &Path, log: &MemoryLog, page_events: usize) -> Views {
    let settings = Settings { page_events, ..Settings::new(folder) };
    Views::start(settings, Arc::new(log.clone())).await.expect("the views start")
}

/// Waits until every view has folded `position` events.
pub async fn settle(views: &Views, position: Sequence) {
    let reached = views.wait_for(&ViewName::ALL, position, Duration::from_secs(60)).await;
    assert!(reached.is_ok(), "{reached:?}: {:?}", views.statuses());
}

/// Every row of every view.
pub fn dump_all(views: &Views) -> Vec<(ViewName, Vec<(String, String)>)> {
    ViewName::ALL.into_iter().map(|view| (view, views.dump(view).expect("the view reads"))).collect()
}

/// Processor time of this process so far, from `/proc/self/stat` in ticks of 10 ms; 0 where there is none.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> =
        stat.rsplit(") ").next().unwrap_or_default().split(' ').map(|f| f.parse().unwrap_or(0.0)).collect();
    fields.get(11..13).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}
