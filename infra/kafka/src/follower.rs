//! Reads the topics into this node's journal, on a thread of its own: the only way in which an event gets there, also for the
//! node that wrote it. It writes nothing to Kafka.
//!
//! At the start the last event that was copied is read again: a topic that was truncated, made anew, or holds another ledger
//! is found out before anything else happens. Nothing here ever cuts the journal.

use crate::{
    error::{KafkaLogError, code},
    frame::{self, CONTROL, Frame},
    seal::{self, Place, TextKey},
    settings::Settings,
    topics::{Cluster, Topic},
};
use convenio_events::{RecordedEvent, Sequence, entry::Entry};
use convenio_journal::{Journal, Mirror};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long one wait for messages takes at most: how late the thread sees that it shall end.
const POLL: Duration = Duration::from_millis(100);
/// The most events that are written to the journal at a time.
const EVENTS_LIMIT: usize = 5_000;
/// The most bytes of events that wait to be written.
const BYTES_LIMIT: usize = 16 << 20;
/// How long to wait before a failed journal is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The key of control messages in the topic of keys: their value is the number of events that had a key before them.
pub(crate) const KEYS_BARRIER: &[u8] = b"barrier";

/// How far the topics were read, as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Cursor {
    /// The id of the cluster that was read from.
    cluster: String,
    /// The offset of the last event.
    log: i64,
    /// The offset of the next key.
    keys: i64,
}

/// Where the copy stands.
#[derive(Clone, Debug)]
pub struct Following {
    /// Everything up to this offset of the topic has been read.
    pub offset: i64,
    /// When the end of the topic was last seen; `None` before the first time.
    pub confirmed: Option<Instant>,
    /// Why the copy stands still for good, in words for an operator.
    pub halted: Option<String>,
}

/// The thread that reads; it ends with the value.
#[derive(Debug)]
pub(crate) struct Follower {
    following: watch::Receiver<Following>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    /// Opens the journal as a copy of the topic, and begins to read.
    pub(crate) fn start(settings: &Settings, cluster: &Cluster, journal: &Journal) -> Result<Self, KafkaLogError> {
        let mirror = journal.open_mirror()?;
        let topics = Topic::ALL.map(|topic| topic.name(settings));
        let [log_topic, keys_topic] = topics;
        let cursor = read_cursor(&mirror, cluster, &log_topic)?;
        let last = last_entry(journal, mirror.next())?;
        let sources = Sources {
            log: consume(settings, &log_topic, cursor.as_ref().map(|cursor| cursor.log))?,
            keys: consume(settings, &keys_topic, cursor.as_ref().map(|cursor| cursor.keys))?,
        };
        let (told, following) = watch::channel(Following { offset: -1, confirmed: None, halted: None });
        let stop = Arc::<AtomicBool>::default();
        let reading = Reading {
            cluster: cluster.id.clone(),
            log_topic,
            mirror,
            last,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            keys: BTreeMap::new(),
            keys_through: Sequence::ZERO,
            keys_next: cursor.map_or(0, |cursor| cursor.keys),
            read_until: -1,
            at_end: None,
            told,
        };
        let stopping = stop.clone();
        let thread = std::thread::Builder::new()
            .name("kafka-follower".to_owned())
            .spawn(move || reading.run(&sources, &stopping))
            .expect("the system can start a thread");
        Ok(Self { following, stop, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn following(&self) -> watch::Receiver<Following> {
        self.following.clone()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic over there has been reported by its hook.
            let _ = thread.join();
        }
    }
}

/// One consumer for each topic: that one came to its end says nothing of the other.
struct Sources {
    log: BaseConsumer,
    keys: BaseConsumer,
}

fn consume(settings: &Settings, topic: &str, offset: Option<i64>) -> Result<BaseConsumer, KafkaLogError> {
    let config = settings.client(
        &[("fetch.wait.max.ms", "100"), ("fetch.error.backoff.ms", "100"), ("queued.max.messages.kbytes", "32768")],
        &[
            ("group.id", &settings.name("followers")),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
        ],
    );
    let consumer: BaseConsumer = config.create().map_err(KafkaLogError::kafka("a consumer could not be made"))?;
    let mut assigned = TopicPartitionList::new();
    assigned
        .add_partition_offset(topic, 0, offset.map_or(Offset::Beginning, Offset::Offset))
        .and_then(|()| consumer.assign(&assigned))
        .map_err(KafkaLogError::kafka("a topic could not be assigned"))?;
    Ok(consumer)
}

fn read_cursor(mirror: &Mirror, cluster: &Cluster, topic: &str) -> Result<Option<Cursor>, KafkaLogError> {
    let Some(text) = mirror.cursor() else { return Ok(None) };
    let other = |why: String| KafkaLogError::OtherHistory { topic: topic.to_owned(), why };
    let cursor: Cursor =
        serde_json::from_str(text).map_err(|error| other(format!("its place is not readable: {error}")))?;
    if cursor.cluster != cluster.id {
        return Err(other(format!("it was copied from the cluster {}, and this is {}", cursor.cluster, cluster.id)));
    }
    Ok(Some(cursor))
}

/// The last event of the copy: the topic must have the same where it was read.
fn last_entry(journal: &Journal, next: Sequence) -> Result<Option<RecordedEvent>, KafkaLogError> {
    let Some(last) = next.0.checked_sub(1) else { return Ok(None) };
    let read = journal.read_sync(Sequence(last), 1).map_err(|error| KafkaLogError::OtherHistory {
        topic: journal.path().display().to_string(),
        why: format!("its last event cannot be read: {error}"),
    })?;
    Ok(read.into_iter().next())
}

/// What the thread works with.
struct Reading {
    cluster: String,
    log_topic: String,
    mirror: Mirror,
    /// The last event that was copied before the start, until it was seen again.
    last: Option<RecordedEvent>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    /// Keys of events that are not written yet, and the offset of each.
    keys: BTreeMap<Sequence, (i64, Option<TextKey>)>,
    /// Below it, every key that is not in `keys` was destroyed.
    keys_through: Sequence,
    keys_next: i64,
    /// The offset of the last message of the log.
    read_until: i64,
    /// When the end of the log was seen, if it was since it was last told.
    at_end: Option<Instant>,
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
    fn run(mut self, sources: &Sources, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            match self.read(sources).and_then(|()| self.write()) {
                Ok(()) => self.tell(),
                Err(error) if error.may_pass() => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the copy of the log: trying again");
                    std::thread::sleep(RETRY);
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "this node follows the log no more");
                    self.told.send_modify(|told| told.halted = Some(chain(&error)));
                    return;
                }
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
                Ok(message) => self.take(&message)?,
                Err(KafkaError::PartitionEOF(_)) => self.at_end = Some(Instant::now()),
                Err(error) => self.trouble(&error)?,
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
                Err(error) => self.trouble(&error)?,
            }
            wait = Duration::ZERO;
            if self.keys.len() >= 2 * EVENTS_LIMIT && !self.lacks_keys() {
                break;
            }
        }
        Ok(())
    }

    /// Whether an event has arrived whose key has not.
    fn lacks_keys(&self) -> bool {
        let last = self.waiting.back().map(|waiting| waiting.entry.sequence);
        last.is_some_and(|last| last >= self.keys_through && !self.keys.contains_key(&last))
    }

    /// Says how far everything has been read and written.
    fn tell(&mut self) {
        // Events that wait for their keys are not read yet.
        let through = self.waiting.front().map_or(self.read_until, |waiting| waiting.offset - 1);
        let at_end = if self.waiting.is_empty() { self.at_end.take() } else { None };
        self.told.send_if_modified(|told| {
            let changed = through > told.offset || at_end.is_some();
            told.offset = told.offset.max(through);
            told.confirmed = at_end.or(told.confirmed);
            changed
        });
    }

    fn trouble(&self, error: &KafkaError) -> Result<(), KafkaLogError> {
        match code(error) {
            Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
                Err(self.other_history("the place that was read last is not there any more".to_owned()))
            }
            Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Err(self.other_history("it is gone".to_owned()))
            }
            _ => {
                tracing::warn!(error = %error, "Kafka cannot be read now");
                Ok(())
            }
        }
    }

    fn other_history(&self, why: String) -> KafkaLogError {
        KafkaLogError::OtherHistory { topic: self.log_topic.clone(), why }
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), KafkaLogError> {
        let control = message.headers().is_some_and(|headers| headers.iter().any(|header| header.key == CONTROL));
        if !control {
            self.take_event(message)?;
        } else if let Some(last) = &self.last {
            return Err(self.other_history(format!("event {} is not where it was read", last.sequence)));
        }
        self.read_until = message.offset();
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
                if sequence >= self.next() {
                    self.keys.insert(sequence, (message.offset(), Some(text_key)));
                }
            }
            None if sequence >= self.next() => {
                self.keys.insert(sequence, (message.offset(), None));
            }
            None => {}
        }
        Ok(())
    }

    /// The sequence of the first event that is not in the journal.
    fn next(&self) -> Sequence {
        self.mirror.next()
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
        let expected = self.waiting.back().map_or(self.next(), |waiting| waiting.entry.sequence.next());
        if entry.sequence != expected {
            let why = format!("event {expected} should come, and {} does", entry.sequence);
            return Err(KafkaLogError::Message { offset, why });
        }
        self.waiting_bytes += value.len();
        self.waiting.push_back(Waiting { offset, bytes: value.len(), entry, frame });
        Ok(())
    }

    /// Writes the events whose keys are known, or known to be destroyed.
    fn write(&mut self) -> Result<(), KafkaLogError> {
        let (mut events, mut offset, mut bytes) = (Vec::new(), None, 0);
        for waiting in &self.waiting {
            let sequence = waiting.entry.sequence;
            let key = match self.keys.get(&sequence) {
                Some((_, key)) => *key,
                None if sequence < self.keys_through => None,
                None => break,
            };
            events.push(opened(waiting, key)?);
            (offset, bytes) = (Some(waiting.offset), bytes + waiting.bytes);
        }
        let (Some(log), Some(last)) = (offset, events.last()) else { return Ok(()) };
        let left = self.keys.split_off(&last.sequence.next());
        // Keys of events that are not written yet are read again by the next start.
        let keys = left.values().map(|(offset, _)| *offset).min().unwrap_or(self.keys_next);
        let cursor = Cursor { cluster: self.cluster.clone(), log, keys };
        let cursor = serde_json::to_string(&cursor).expect("text and numbers");
        let count = events.len();
        // Where this fails, the keys are still needed: it is tried again.
        let written = self.mirror.append(events, &cursor);
        self.keys.extend(left);
        written?;
        self.waiting.drain(..count);
        self.waiting_bytes -= bytes;
        let next = self.next();
        self.keys = self.keys.split_off(&next);
        Ok(())
    }
}

fn opened(waiting: &Waiting, key: Option<TextKey>) -> Result<RecordedEvent, KafkaLogError> {
    let Waiting { entry, frame, .. } = waiting;
    let place = Place { ledger: entry.ledger, sequence: entry.sequence };
    let (text, text_salt) = match key {
        None => (None, None),
        Some(key) => {
            let opened = seal::open(place, key, &frame.sealed).ok_or(KafkaLogError::Seal(entry.sequence))?;
            (opened.text, Some(opened.salt))
        }
    };
    Ok(RecordedEvent {
        sequence: entry.sequence,
        entry: frame.entry.clone(),
        record: frame.record.clone(),
        record_salt: frame.record_salt,
        text,
        text_salt,
    })
}

/// An error and all its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
