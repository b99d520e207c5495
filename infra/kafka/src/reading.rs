//! What the follower's thread does: messages and their keys become events, in order and without gaps, and go on to be copied. It
//! skips nothing that it cannot read: it stops and says so.

use crate::{
    announcement::{Announced, READY, STARTED},
    closing::Closed,
    complaints::Complaints,
    copying::{Copying, Piece, Told, halt},
    error::{KafkaLogError, code},
    follower::{Cursor, Following, KEYS_BARRIER, Sources},
    frame::{self, CONTROL, Frame},
    seal::{self, TextKey},
};
use convenio_events::{LedgerId, RecordedEvent, Sequence, entry::Entry};
use convenio_journal::Mirror;
use rdkafka::{
    Offset,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
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
/// How long the end of the log may not have been seen until it is looked for.
const IDLE: Duration = Duration::from_secs(1);
/// How long the log may end before what was copied from it, until that is lost: a broker that has begun to lead it shows what
/// all replicas have as soon as they have told it.
const CUT_OFF: Duration = Duration::from_secs(10);
/// How long a topic may be unknown until it is gone: a broker that has just started does not know all.
const GONE: Duration = Duration::from_secs(5);

/// What the thread works with.
pub(crate) struct Reading {
    cluster: String,
    log_topic: String,
    keys_topic: String,
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
    /// Keys of events that were not handed on, and the offset of each.
    keys: BTreeMap<Sequence, (i64, Option<TextKey>)>,
    /// Below it, every key that is not in `keys` was destroyed.
    keys_through: Sequence,
    keys_next: i64,
    /// The offset of the last message of the log.
    read_until: i64,
    /// When the end of the log was seen, if it was since it was last told.
    at_end: Option<Instant>,
    /// When the end of the log was seen last, where nothing has come and nothing was asked since.
    quiet: Option<Instant>,
    /// Where the log ended when it was asked last, and when that was.
    goal: Option<(Instant, i64)>,
    /// Since when the log ends before the last event that was copied.
    cut_off: Option<Instant>,
    /// Since when Kafka says that it does not know a topic.
    unknown: Option<Instant>,
    /// Why the topic takes no events.
    closed: Option<Closed>,
    /// Who announced itself last, where nobody has begun since.
    writer: Option<Announced>,
    told: watch::Sender<Following>,
}

/// An event that waits for its key.
struct Waiting {
    offset: i64,
    bytes: usize,
    entry: Entry,
    frame: Frame,
}

impl Reading {
    pub(crate) fn new(
        cluster: String,
        [log_topic, keys_topic]: [String; 2],
        mirror: Mirror,
        cursor: Option<Cursor>,
        last: Option<RecordedEvent>,
        (told, stop): (watch::Sender<Following>, Arc<AtomicBool>),
    ) -> Result<Self, KafkaLogError> {
        let entry = last.as_ref().map(|last| Entry::parse(&last.entry)).transpose();
        let entry = entry.map_err(|error| KafkaLogError::OtherHistory {
            topic: log_topic.clone(),
            why: format!("the last event that was copied is none: {error}"),
        })?;
        Ok(Self {
            cluster,
            log_topic,
            keys_topic,
            next: mirror.next(),
            copying: Copying::start(mirror, told.clone(), stop),
            said: None,
            ledger: entry.map(|entry| entry.ledger),
            last,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            keys: BTreeMap::new(),
            keys_through: Sequence::ZERO,
            keys_next: cursor.as_ref().map_or(0, |cursor| cursor.keys),
            read_until: cursor.as_ref().map_or(-1, |cursor| cursor.log - 1),
            closed: cursor.as_ref().and_then(|cursor| cursor.closed.clone()),
            writer: cursor.and_then(|cursor| cursor.writer),
            at_end: None,
            quiet: None,
            goal: None,
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
                    self.quiet = None;
                    self.take(&message)?;
                }
                Err(KafkaError::PartitionEOF(_)) => self.end()?,
                Err(error) => self.trouble(&self.log_topic.clone(), &error)?,
            }
        }
        let mut wait = if self.lacks_keys() { POLL } else { Duration::ZERO };
        while let Some(polled) = sources.keys.poll(wait) {
            match polled {
                Ok(message) => {
                    self.keys_next = message.offset() + 1;
                    self.take_key(&message)?;
                }
                Err(KafkaError::PartitionEOF(_)) => {}
                Err(error) => self.trouble(&self.keys_topic.clone(), &error)?,
            }
            wait = Duration::ZERO;
            if self.keys.len() >= 2 * EVENTS_LIMIT && !self.lacks_keys() {
                break;
            }
        }
        Ok(())
    }

    /// The log goes no further now. That its end was seen counts only when it has what was copied from it: a topic that was cut
    /// off just there would else be taken for the whole, and be written on.
    fn end(&mut self) -> Result<(), KafkaLogError> {
        self.quiet = Some(Instant::now());
        let Some(last) = &self.last else {
            self.at_end = self.quiet;
            return Ok(());
        };
        if self.cut_off.get_or_insert_with(Instant::now).elapsed() < CUT_OFF {
            return Ok(());
        }
        Err(self.other_history(format!("event {} is not there any more", last.sequence)))
    }

    /// Whether an event has arrived whose key has not.
    fn lacks_keys(&self) -> bool {
        let last = self.waiting.back().map(|waiting| waiting.entry.sequence);
        last.is_some_and(|last| last >= self.keys_through && !self.keys.contains_key(&last))
    }

    /// Says how far everything has been read, once what was read is written.
    fn tell(&mut self, sources: &Sources) {
        // Events that wait for their keys are not read yet.
        let through = self.waiting.front().map_or(self.read_until, |waiting| waiting.offset - 1);
        let at_end = if self.waiting.is_empty() { self.at_end.take() } else { None };
        let confirmed = match self.last {
            Some(_) => None,
            None => at_end.or_else(|| self.passed(sources, through)),
        };
        let told = Told { offset: through, confirmed, closed: self.closed.clone(), writer: self.writer.clone() };
        if self.said.as_ref() != Some(&told) {
            self.said = Some(told.clone());
            self.copying.take(Piece { events: Vec::new(), cursor: self.cursor(through), told });
        }
        if self.quiet.is_some_and(|since| since.elapsed() >= IDLE) {
            self.quiet = None;
            self.look_again(&sources.log);
        }
    }

    /// Where to read on after everything up to this offset.
    fn cursor(&self, log: i64) -> Cursor {
        // Keys of events that are not written yet are read again by the next start.
        let keys = self.keys.values().map(|(offset, _)| *offset).min().unwrap_or(self.keys_next);
        let (cluster, closed, writer) = (self.cluster.clone(), self.closed.clone(), self.writer.clone());
        Cursor { cluster, log, keys, closed, writer }
    }

    /// When the end was asked for that has been passed by now. A log to which something is added all the time shows no end.
    fn passed(&mut self, sources: &Sources, through: i64) -> Option<Instant> {
        let confirmed = self.told.borrow().confirmed;
        let stale = confirmed.is_none_or(|seen| seen.elapsed() > IDLE);
        if stale && self.goal.is_none_or(|(asked, _)| asked.elapsed() > IDLE) {
            let asked = Instant::now();
            if let Ok((_, end)) = sources.log.fetch_watermarks(&self.log_topic, 0, POLL) {
                self.goal = Some((asked, end));
            }
        }
        let (asked, end) = self.goal?;
        // Behind the last message is Kafka's own marker.
        if through < 0 || through + 2 < end {
            return None;
        }
        self.goal = None;
        Some(asked)
    }

    /// librdkafka tells of an end once. Reading on from the same place makes it tell again, if Kafka says so.
    fn look_again(&self, log: &BaseConsumer<Complaints>) {
        if let Err(error) = log.seek(&self.log_topic, 0, Offset::Offset(self.read_until + 1), Duration::ZERO) {
            tracing::debug!(%error, "the end of the log was not looked for");
        }
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
        for (topic, consumer) in [(&self.log_topic, &sources.log), (&self.keys_topic, &sources.keys)] {
            let Ok(metadata) = consumer.fetch_metadata(Some(topic), GONE) else { return Ok(()) };
            if metadata.topics().iter().all(|known| known.partitions().is_empty()) {
                let why = "the topic is not there any more".to_owned();
                return Err(KafkaLogError::OtherHistory { topic: topic.clone(), why });
            }
        }
        self.unknown = None;
        Ok(())
    }

    fn other_history(&self, why: String) -> KafkaLogError {
        KafkaLogError::OtherHistory { topic: self.log_topic.clone(), why }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let control =
            headers.filter(|header| header.key == CONTROL).map(|header| header.value.unwrap_or_default()).next();
        match (control, &self.last) {
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
        let wrong = |why| KafkaLogError::Message { offset: message.offset(), why };
        let value = message.payload().unwrap_or_default();
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

    fn take_key(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let wrong =
            |why: &str| KafkaLogError::Message { offset: message.offset(), why: format!("{why} in the topic of keys") };
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).map(Sequence);
        let key = message.key().ok_or_else(|| wrong("no key"))?;
        if key == KEYS_BARRIER {
            let through = message.payload().and_then(number).ok_or_else(|| wrong("no number"))?;
            self.keys_through = self.keys_through.max(through);
            return Ok(());
        }
        let sequence = number(key).ok_or_else(|| wrong("no sequence"))?;
        match message.payload() {
            Some(payload) => {
                let text_key = TextKey(payload.try_into().map_err(|_| wrong("a key of another length"))?);
                // Keys come in the order of their events: those between were destroyed.
                self.keys_through = self.keys_through.max(sequence);
                if sequence >= self.next {
                    self.keys.insert(sequence, (message.offset(), Some(text_key)));
                }
            }
            None if sequence >= self.next => {
                self.keys.insert(sequence, (message.offset(), None));
            }
            None => {}
        }
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
        self.ledger = Some(entry.ledger);
        self.waiting_bytes += value.len();
        self.waiting.push_back(Waiting { offset, bytes: value.len(), entry, frame });
        Ok(())
    }

    /// Opens the events whose keys are known, or known to be destroyed, and hands them on, piece by piece.
    fn hand_on(&mut self) -> Result<(), KafkaLogError> {
        loop {
            let (mut events, mut through) = (Vec::new(), None);
            while events.len() < PIECE_EVENTS
                && let Some(key) = self.waiting.front().and_then(|first| self.key_of(first.entry.sequence))
                && let Some(Waiting { offset, bytes, entry, frame }) = self.waiting.pop_front()
            {
                events.push(seal::open_event(&entry, frame, key)?);
                through = Some(offset);
                self.waiting_bytes -= bytes;
            }
            let (Some(offset), Some(last)) = (through, events.last()) else { return Ok(()) };
            self.next = last.sequence.next();
            self.keys = self.keys.split_off(&self.next);
            let (closed, writer) = (self.closed.clone(), self.writer.clone());
            let told = Told { offset, confirmed: None, closed, writer };
            self.copying.take(Piece { events, cursor: self.cursor(offset), told });
        }
    }

    /// The key of an event that was not handed on, `None` within where it was destroyed; `None` while it is on its way.
    fn key_of(&self, sequence: Sequence) -> Option<Option<TextKey>> {
        let key = self.keys.get(&sequence).map(|(_, key)| *key);
        key.or_else(|| (sequence < self.keys_through).then_some(None))
    }
}
