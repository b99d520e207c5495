//! What the follower's thread does: messages and their keys become events, in order and without gaps, and go on to be copied. It
//! skips nothing that it cannot read: it stops and says so.

use crate::{
    alarm::{self, AlarmKind},
    announcement::{Announced, READY, STARTED},
    authority::{Authentic, Authority, CODE, ORDER, Record, Verdict},
    closing::Closed,
    copying::{Copying, Piece, Told, halt},
    edge::Edge,
    error::{KafkaLogError, code},
    follower::{Cursor, Following, Sources},
    frame::{self, CONTROL, Frame},
    keys::Keys,
    seal,
    settings::Settings,
};
use convenio_events::{LedgerId, RecordedEvent, Sequence, Timestamp, entry::Entry};
use convenio_journal::Mirror;
use rdkafka::{
    consumer::Consumer as _,
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::watch;

/// How long one wait for messages takes at most: how late the thread sees that it shall end.
const POLL: Duration = Duration::from_millis(100);
/// The most events that wait to be handed on.
const EVENTS_LIMIT: usize = 5_000;
/// The most events that are handed on at a time: while they are written, the next are opened.
const PIECE_EVENTS: usize = 500;
/// The most bytes of events that wait to be written.
const BYTES_LIMIT: usize = 16 << 20;
/// How long to wait before what failed is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);
/// How soon a log that ends too early is asked again whether it does.
const IDLE: Duration = Duration::from_secs(1);
/// How long the log may end before what was copied from it, until that is lost: a broker that has begun to lead it shows what
/// all replicas have as soon as they have told it.
const CUT_OFF: Duration = Duration::from_secs(10);
/// How long a topic may be unknown until it is gone: a broker that has just started does not know all.
const GONE: Duration = Duration::from_secs(5);

/// What the thread works with.
pub(crate) struct Reading {
    cluster: String,
    /// The end of the log.
    edge: Edge,
    copying: Copying,
    /// The sequence of the first event that was not handed on.
    next: Sequence,
    /// What was told last.
    said: Option<Told>,
    /// The ledger of the events that are copied.
    ledger: Option<LedgerId>,
    /// The last event that was copied before the start, until it was seen again.
    last: Option<RecordedEvent>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// The time of the last event.
    time: Option<Timestamp>,
    keys: Keys,
    /// The offset of the last message of the log.
    read_until: i64,
    /// Since when the log ends before the last event that was copied.
    cut_off: Option<Instant>,
    /// Since when Kafka says that it does not know a topic.
    unknown: Option<Instant>,
    /// Why the topic takes no events.
    closed: Option<Closed>,
    /// Who announced itself last, where nobody has begun since.
    writer: Option<Announced>,
    authority: Authority,
    /// The last control record that a node of the ledger showed to be its own.
    authentic: Option<Authentic>,
    /// Whether a later one has a code that cannot be checked here.
    unchecked: bool,
    told: watch::Sender<Following>,
}

/// An event that waits for its key.
struct Waiting {
    offset: i64,
    since: Instant,
    bytes: usize,
    entry: Entry,
    frame: Frame,
}

impl Reading {
    pub(crate) fn new(
        cluster: String,
        [edge, keys_edge]: [Edge; 2],
        mirror: Mirror,
        cursor: Option<Cursor>,
        last: Option<RecordedEvent>,
        settings: &Settings,
        (told, stop): (watch::Sender<Following>, Arc<AtomicBool>),
    ) -> Result<Self, KafkaLogError> {
        let entry = last.as_ref().map(|last| Entry::parse(&last.entry)).transpose();
        let entry = entry.map_err(|error| KafkaLogError::OtherHistory {
            topic: edge.topic().to_owned(),
            why: format!("the last event that was copied is none: {error}"),
        })?;
        let (next, authority) = (mirror.next(), settings.authority.clone());
        let keys_offset = cursor.as_ref().map_or(0, |cursor| cursor.keys);
        Ok(Self {
            cluster,
            edge,
            next,
            copying: Copying::start(mirror, told.clone(), stop),
            said: None,
            ledger: entry.as_ref().map(|entry| entry.ledger),
            time: entry.map(|entry| entry.time),
            last,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            keys: Keys::new(keys_edge, next, keys_offset, settings.periods.key_missing),
            read_until: cursor.as_ref().map_or(-1, |cursor| cursor.log - 1),
            closed: cursor.as_ref().and_then(|cursor| cursor.closed.clone()),
            writer: cursor.as_ref().and_then(|cursor| cursor.writer.clone()),
            // Another secret than the present one had authenticated it.
            unchecked: cursor.as_ref().is_some_and(|cursor| {
                cursor.authentic.is_some() && authority.term(cursor.authentic.as_ref()).is_none()
            }),
            authority,
            authentic: cursor.and_then(|cursor| cursor.authentic),
            cut_off: None,
            unknown: None,
            told,
        })
    }

    pub(crate) fn run(mut self, sources: &Sources, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let done = self.read(sources).and_then(|()| self.hand_on()).and_then(|()| self.is_there(sources));
            match done {
                Ok(()) => self.tell(sources),
                Err(error) if error.may_pass() => {
                    tracing::error!(error = &error as &dyn std::error::Error, "following the log: trying again");
                    std::thread::sleep(RETRY);
                }
                Err(error) => return halt(&self.told, &error),
            }
        }
    }

    /// Takes whatever has arrived, so that it is written together; waits for the first of it.
    fn read(&mut self, sources: &Sources) -> Result<(), KafkaLogError> {
        let is_full = |this: &Self| this.waiting.len() >= EVENTS_LIMIT || this.waiting_bytes >= BYTES_LIMIT;
        // An event without its key is not waited behind: the key is on its way.
        let mut wait = if self.waiting.is_empty() { POLL } else { Duration::ZERO };
        while !is_full(self) {
            let Some(polled) = sources.log.poll(wait) else { break };
            wait = Duration::ZERO;
            match polled {
                Ok(message) => {
                    self.edge.message();
                    self.take(&message)?;
                }
                Err(KafkaError::PartitionEOF(_)) => self.end()?,
                Err(error) => {
                    self.edge.lost();
                    let topic = self.edge.topic().to_owned();
                    self.trouble(&topic, &error)?;
                }
            }
        }
        let last = self.waiting.back().map(|waiting| waiting.entry.sequence);
        if let Err((topic, error)) = self.keys.read(&sources.keys, last, POLL)? {
            self.trouble(&topic, &error)?;
        }
        Ok(())
    }

    /// The log goes no further now. That its end was seen counts only when it has what was copied from it: a topic that was cut
    /// off just there would else be taken for the whole, and be written on.
    fn end(&mut self) -> Result<(), KafkaLogError> {
        self.edge.end();
        let Some(last) = &self.last else { return Ok(()) };
        if self.cut_off.get_or_insert_with(Instant::now).elapsed() < CUT_OFF {
            return Ok(());
        }
        Err(self.other_history(format!("event {} is not there any more", last.sequence)))
    }

    /// Says how far everything has been read, once what was read is written.
    fn tell(&mut self, sources: &Sources) {
        // Events that wait for their keys are not read yet.
        let through = self.waiting.front().map_or(self.read_until, |waiting| waiting.offset - 1);
        self.keys.look(&sources.keys);
        if self.last.is_some() {
            self.edge.look_after(&sources.log, self.read_until + 1, IDLE);
        } else {
            self.edge.look(&sources.log, self.read_until + 1);
        }
        let whole = self.last.is_none() && self.waiting.is_empty();
        // Keys that cannot be read are keys that nobody has.
        let confirmed = self.edge.seen().zip(self.keys.seen()).filter(|_| whole).map(|(log, keys)| log.min(keys));
        if confirmed.is_some() {
            alarm::set(&self.told, AlarmKind::TopicUnreadable, None);
        }
        let told = self.told_now(through, confirmed);
        if self.said.as_ref() != Some(&told) {
            self.said = Some(told.clone());
            self.copying.take(Piece { events: Vec::new(), cursor: self.cursor(through), told });
        }
    }

    fn told_now(&self, offset: i64, confirmed: Option<Instant>) -> Told {
        let micros = self.time.map_or(0, Timestamp::micros);
        let last_time = u64::try_from(micros).ok().filter(|micros| *micros > 0);
        Told {
            offset,
            confirmed,
            closed: self.closed.clone(),
            writer: self.writer.clone(),
            authentic: self.authentic.clone(),
            unchecked: self.unchecked,
            last_time: last_time.map(|micros| SystemTime::UNIX_EPOCH + Duration::from_micros(micros)),
        }
    }

    /// Where to read on after everything up to this offset.
    fn cursor(&self, log: i64) -> Cursor {
        let keys = self.keys.next_offset();
        let (cluster, closed, writer) = (self.cluster.clone(), self.closed.clone(), self.writer.clone());
        Cursor { cluster, log, keys, closed, writer, authentic: self.authentic.clone() }
    }

    fn trouble(&mut self, topic: &str, error: &KafkaError) -> Result<(), KafkaLogError> {
        // Another broker may lead it now.
        self.cut_off = None;
        match code(error) {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                let why = "the place that was to be read next is not there any more".to_owned();
                return Err(KafkaLogError::OtherHistory { topic: topic.to_owned(), why });
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                self.unknown.get_or_insert_with(Instant::now);
            }
            Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let detail = format!("this node may not read the topic {topic}: give its user the right to Read");
                alarm::set(&self.told, AlarmKind::TopicUnreadable, Some(detail));
            }
            _ => {}
        }
        tracing::warn!(%topic, %error, "Kafka cannot be read now");
        Ok(())
    }

    /// Asks again for topics that Kafka did not know some time ago.
    fn is_there(&mut self, sources: &Sources) -> Result<(), KafkaLogError> {
        if self.unknown.is_none_or(|since| since.elapsed() < GONE) {
            return Ok(());
        }
        for (topic, consumer) in [(self.edge.topic(), &sources.log), (self.keys.topic(), &sources.keys)] {
            let Ok(metadata) = consumer.fetch_metadata(Some(topic), GONE) else { return Ok(()) };
            if metadata.topics().iter().all(|known| known.partitions().is_empty()) {
                let why = "the topic is not there any more".to_owned();
                return Err(KafkaLogError::OtherHistory { topic: topic.to_owned(), why });
            }
        }
        self.unknown = None;
        Ok(())
    }

    fn other_history(&self, why: String) -> KafkaLogError {
        KafkaLogError::OtherHistory { topic: self.edge.topic().to_owned(), why }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        match (header(message, CONTROL), &self.last) {
            (None, _) => self.take_event(message)?,
            (Some(_), Some(last)) => {
                return Err(self.other_history(format!("event {} is not where it was read", last.sequence)));
            }
            (Some(kind), None) => self.take_control(kind, message)?,
        }
        self.read_until = message.offset();
        Ok(())
    }

    fn take_control(&mut self, kind: &[u8], message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let (offset, value) = (message.offset(), message.payload().unwrap_or_default());
        let wrong = |why| KafkaLogError::Message { offset, why };
        let (code, order) = (header(message, CODE), header(message, ORDER).unwrap_or_default());
        let record = Record { offset, kind, value, code, order };
        let before = self.authentic.clone();
        match self.authority.judge(&mut self.authentic, self.edge.topic(), record) {
            Verdict::Counts if kind != STARTED.as_bytes() => {
                self.unchecked = (code.is_some() && self.authentic == before) || (code.is_none() && self.unchecked);
            }
            Verdict::Counts => {}
            Verdict::Overtaken => return Ok(()),
            Verdict::Foreign => {
                let detail = format!(
                    "the control record {:?} at offset {offset} of {} was not written by a node that holds this cluster's secret, or \
                     was written again: it is ignored. See who may Write there, and whether all nodes hold one secret",
                    String::from_utf8_lossy(kind),
                    self.edge.topic()
                );
                alarm::set(&self.told, AlarmKind::ForeignControl, Some(detail));
                return Ok(());
            }
        }
        Closed::hear(&mut self.closed, kind, value).map_err(wrong)?;
        if kind == STARTED.as_bytes() {
            self.writer = None;
        } else if kind == READY.as_bytes() {
            let read = serde_json::from_slice(value);
            self.writer = Some(read.map_err(|error| wrong(format!("a writer's announcement: {error}")))?);
        }
        // Other kinds are of versions to come.
        Ok(())
    }

    fn take_event(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let offset = message.offset();
        let value = message.payload().unwrap_or_default();
        let (frame, entry) = frame::decode(value).map_err(|why| KafkaLogError::Message { offset, why })?;
        if let Some(last) = self.last.take() {
            return if last.entry == frame.entry && last.record == frame.record {
                Ok(())
            } else {
                Err(self.other_history(format!("event {} is another one", last.sequence)))
            };
        }
        if self.ledger.is_some_and(|ledger| ledger != entry.ledger) {
            return Err(self.other_history(format!("event {} is of the ledger {}", entry.sequence, entry.ledger)));
        }
        let expected = self.waiting.back().map_or(self.next, |waiting| waiting.entry.sequence.next());
        if entry.sequence != expected {
            let why = format!("event {expected} should come, and {} does", entry.sequence);
            return Err(KafkaLogError::Message { offset, why });
        }
        if self.time.is_some_and(|time| entry.time < time) {
            let why = format!("event {expected} is earlier than the one before it");
            return Err(KafkaLogError::Message { offset, why });
        }
        (self.ledger, self.time) = (Some(entry.ledger), Some(entry.time));
        self.waiting_bytes += value.len();
        self.waiting.push_back(Waiting { offset, since: Instant::now(), bytes: value.len(), entry, frame });
        Ok(())
    }

    /// Opens the events whose keys are known, checks what their entries commit to, and hands them on, piece by piece.
    fn hand_on(&mut self) -> Result<(), KafkaLogError> {
        loop {
            let (mut events, mut through) = (Vec::new(), None);
            while events.len() < PIECE_EVENTS
                && let Some(first) = self.waiting.front()
                && let Some(key) = self.keys.of(&first.entry, &first.frame, first.since)?
                && let Some(Waiting { offset, bytes, entry, frame, .. }) = self.waiting.pop_front()
            {
                let event = seal::open_event(&entry, frame, key)?;
                frame::check(&entry, &event).map_err(|why| KafkaLogError::Message { offset, why })?;
                events.push(event);
                through = Some(offset);
                self.waiting_bytes -= bytes;
            }
            let (Some(offset), Some(last)) = (through, events.last()) else { return Ok(()) };
            self.next = last.sequence.next();
            self.keys.handed_on(self.next);
            let told = self.told_now(offset, None);
            self.copying.take(Piece { events, cursor: self.cursor(offset), told });
        }
    }
}

/// The value of a message's header, empty where that has none; `None` where it has no such header.
fn header<'a>(message: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a [u8]> {
    let mut headers = message.headers()?.iter();
    headers.find(|header| header.key == name).map(|header| header.value.unwrap_or_default())
}
