//! Reads the topics into this node's journal, on a thread of its own: the only way in which an event gets there, also for the
//! node that wrote it. It writes nothing to Kafka.
//!
//! At the start the last event that was copied is read again: a topic that was truncated, made anew, or holds another ledger
//! is found out before anything else happens. Nothing here ever cuts the journal.

use crate::{
    alarm::{self, Alarm, AlarmKind},
    announcement::Announced,
    authority::Authentic,
    closing::Closed,
    complaints::Complaints,
    copying::halt,
    edge::{DecidedEnd, Edge},
    error::KafkaLogError,
    reading::{RETRY, Reading},
    settings::Settings,
    topics::{self, Cluster, Topic},
    watching::Watching,
};
use convenio_events::{RecordedEvent, Sequence};
use convenio_journal::{Journal, Mirror};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Instant, SystemTime},
};
use tokio::{runtime::Handle, sync::watch};

/// The key of control messages in the topic of keys: their value is the number of events that had a key before them. Nodes of
/// earlier versions rest on it. Nothing else does: anybody who may write there can make one up.
pub(crate) const KEYS_BARRIER: &[u8] = b"barrier";

/// How far the topics were read, as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Cursor {
    /// The id of the cluster that was read from.
    pub(crate) cluster: String,
    /// The offset of the last event.
    pub(crate) log: i64,
    /// The offset of the next key.
    pub(crate) keys: i64,
    /// Why the topic took no events then, if it took none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<Closed>,
    /// Who wrote then, if it was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) writer: Option<Announced>,
    /// The last control record that was authentic, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authentic: Option<Authentic>,
}

impl Cursor {
    /// As the journal keeps it.
    pub(crate) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("text and numbers")
    }
}

/// Where the copy stands.
#[derive(Clone, Debug)]
pub struct Following {
    /// Everything up to this offset of the topic has been read.
    pub offset: i64,
    /// When the topics last held nothing that this node had not read, and hid nothing: once a second, where Kafka answers;
    /// `None` before the first time.
    pub confirmed: Option<Instant>,
    /// Why the copy stands still for good, in words for an operator.
    pub halted: Option<String>,
    /// Why nobody may write to the topic, as far as it has been read.
    pub closed: Option<Closed>,
    /// Who takes commands, as far as the topic has been read; `None` while a new writer begins.
    pub writer: Option<Announced>,
    /// The last control record that a node of the ledger showed to be its own.
    pub authentic: Option<Authentic>,
    /// Whether a later one has a code that this node cannot check, for it holds no secret or another.
    pub unchecked: bool,
    /// When the last event that was read was recorded, as its entry says.
    pub last_time: Option<SystemTime>,
    /// What somebody must look at, the oldest first.
    pub alarms: Vec<Alarm>,
}

impl Following {
    /// Before anything has been read.
    pub const BEGIN: Self = Self {
        offset: -1,
        confirmed: None,
        halted: None,
        closed: None,
        writer: None,
        authentic: None,
        unchecked: false,
        last_time: None,
        alarms: Vec::new(),
    };

    /// What keeps this node from writing, though it follows.
    pub fn forbidden(&self) -> Option<&Alarm> {
        self.alarms.iter().find(|alarm| alarm.kind.forbids_writing())
    }
}

/// The thread that reads; it ends with the value.
#[derive(Debug)]
pub(crate) struct Follower {
    told: watch::Sender<Following>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Follower {
    /// Opens the journal as a copy of the topic, and begins to read: at once where the cluster is known, else when it answers.
    pub(crate) fn start(
        settings: &Settings,
        cluster: Option<&Cluster>,
        journal: &Journal,
    ) -> Result<Self, KafkaLogError> {
        let mirror = journal.open_mirror()?;
        let (told, _) = watch::channel(Following::BEGIN);
        let runtime = Handle::current();
        let stop = Arc::<AtomicBool>::default();
        let run: Box<dyn FnOnce() + Send> = match cluster {
            Some(cluster) => {
                let told_and_stop = (told.clone(), stop.clone());
                let connected = connect(&runtime, settings, cluster, journal, mirror, told_and_stop)?;
                let stop = stop.clone();
                Box::new(move || connected.run(&stop))
            }
            None => {
                let (settings, journal) = (settings.clone(), journal.clone());
                let (told, stop) = (told.clone(), stop.clone());
                Box::new(move || run_later(&runtime, &settings, &journal, mirror, told, stop))
            }
        };
        let spawned = std::thread::Builder::new().name("kafka-follower".to_owned()).spawn(run);
        let thread = spawned.expect("the system can start a thread");
        Ok(Self { told, stop, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn following(&self) -> watch::Receiver<Following> {
        self.told.subscribe()
    }

    pub(crate) fn alarm(&self, kind: AlarmKind, detail: Option<String>) {
        alarm::set(&self.told, kind, detail);
    }

    /// Stops following for good.
    pub(crate) fn halt(&self, why: String) {
        self.stop.store(true, Ordering::Relaxed);
        self.told.send_modify(|told| told.halted = Some(why));
    }
}

/// Everything that reads the topics.
struct Connected {
    sources: Sources,
    reading: Reading,
    watching: Watching,
}

impl Connected {
    fn run(self, stop: &AtomicBool) {
        let Self { sources, reading, watching } = self;
        reading.run(&sources, stop);
        drop(watching);
    }
}

fn connect(
    runtime: &Handle,
    settings: &Settings,
    cluster: &Cluster,
    journal: &Journal,
    mirror: Mirror,
    told_and_stop: (watch::Sender<Following>, Arc<AtomicBool>),
) -> Result<Connected, KafkaLogError> {
    let topics = Topic::TRUTH.map(|topic| topic.name(settings));
    let [log_topic, keys_topic] = &topics;
    let cursor = read_cursor(&mirror, cluster, log_topic)?;
    let last = last_entry(journal, mirror.next())?;
    let offset = |from: fn(&Cursor) -> i64| Offset::Offset(cursor.as_ref().map_or(0, from));
    // All of it: a topic whose first messages were deleted has no beginning.
    let sources = Sources {
        log: consume(settings, log_topic, offset(|cursor| cursor.log))?,
        keys: consume(settings, keys_topic, offset(|cursor| cursor.keys))?,
    };
    let ends = [DecidedEnd::default(), DecidedEnd::default()];
    let watching = Watching::start(runtime, settings, told_and_stop.clone(), ends.clone())?;
    let edges = {
        let ([log, keys], [log_end, keys_end]) = (topics, ends);
        [Edge::new(log, log_end), Edge::new(keys, keys_end)]
    };
    let reading = Reading::new(cluster.id.clone(), edges, mirror, cursor, last, settings, told_and_stop)?;
    Ok(Connected { sources, reading, watching })
}

/// Follows a cluster that does not answer yet, once it does.
fn run_later(
    runtime: &Handle,
    settings: &Settings,
    journal: &Journal,
    mirror: Mirror,
    told: watch::Sender<Following>,
    stop: Arc<AtomicBool>,
) {
    let cluster = loop {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        match runtime.block_on(topics::prepare(settings, topics::PATIENCE_WITH_COPY)) {
            Err(error) if error.may_pass() => {
                tracing::debug!(error = &error as &dyn std::error::Error, "Kafka is not there yet: trying again");
                std::thread::sleep(RETRY);
            }
            outcome => break outcome,
        }
    };
    let told_and_stop = (told.clone(), stop.clone());
    match cluster.and_then(|cluster| connect(runtime, settings, &cluster, journal, mirror, told_and_stop)) {
        Ok(connected) => connected.run(&stop),
        Err(error) => halt(&told, &error),
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
pub(crate) struct Sources {
    pub(crate) log: BaseConsumer<Complaints>,
    pub(crate) keys: BaseConsumer<Complaints>,
}

/// A reader of what is committed in a topic, from an offset.
pub(crate) fn consume(
    settings: &Settings,
    topic: &str,
    offset: Offset,
) -> Result<BaseConsumer<Complaints>, KafkaLogError> {
    let config = settings.client(
        &[
            ("fetch.wait.max.ms", "100"),
            ("fetch.error.backoff.ms", "100"),
            ("queued.max.messages.kbytes", "32768"),
            // A large batch in one answer, and no second without any after the queue was full.
            ("fetch.message.max.bytes", "8388608"),
            ("fetch.queue.backoff.ms", "5"),
            // The topic is not new: who reads it has seen it.
            ("topic.metadata.propagation.max.ms", "2000"),
        ],
        &[
            ("group.id", &settings.name("followers")),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "error"),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("enable.partition.eof", "true"),
        ],
    );
    let consumer: BaseConsumer<Complaints> = config
        .create_with_context(Complaints::default())
        .map_err(KafkaLogError::kafka("a consumer could not be made"))?;
    let mut assigned = TopicPartitionList::new();
    assigned
        .add_partition_offset(topic, 0, offset)
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
