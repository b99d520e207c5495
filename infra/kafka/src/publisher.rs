//! Writes what the public may read to the topic for integrators, in order, each event once, on a thread of its own beside the
//! commit path. No command waits for it, and it decides nothing about who writes the ledger.
//!
//! It opens in this order, after which a crash at any point leaves a topic that is continued where it was:
//! 1. `init_transactions` ends what a publisher before had under way, and fences it;
//! 2. the place at which to go on is found (`place`), and what was published last compared with the log;
//! 3. each transaction holds messages and the place behind them.
//!
//! Which node publishes matters to nobody: what is published is committed to the log, and the fence and the place make it once.
//! A publisher that was fenced by another therefore begins again, unless it is stopped, as it is where the node writes no more.

mod message;
mod place;

use crate::{
    error::{KafkaLogError, code, is_fenced},
    log::KafkaLog,
    transactions::{Failure, Transactions, record},
};
use convenio_events::{
    RecordedEvent, Sequence, Timestamp,
    causes::with_causes,
    cloud_event::UnreadableEvent,
    log::{EventLog as _, ReadError},
    schemas::SchemaLocation,
};
use message::Message;
use place::{Place, Places};
use std::{
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::watch};

/// The most events of one transaction.
const BATCH_EVENTS_LIMIT: usize = 1_000;
/// The most bytes of one transaction, except that it holds at least one event.
const BATCH_BYTES_LIMIT: usize = 1 << 20;
/// How long to wait before what failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The same where another publisher took over. By then the node that must not write has heard of it.
const RETRY_FENCED: Duration = Duration::from_secs(4);
/// How long nothing may have happened until the place is committed again: Kafka forgets places, and transactional ids, that
/// were not used for days.
const KEEP_PLACE: Duration = Duration::from_secs(3600);
/// The least time between two transactions of one that keeps up: the brokers' time is the writer's first. An event that comes
/// alone is published at once.
const PACE: Duration = Duration::from_millis(50);
/// How often an idle publisher hears what librdkafka has to say.
const TICK: Duration = Duration::from_secs(10);

/// How an event's text reaches readers of the public topic.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Texts {
    /// In the message: there it stays for as long as the topic keeps it, also where it is erased meanwhile.
    #[default]
    Inline,
    /// On demand, from a node.
    Reference {
        /// Where the outside world reaches the nodes, without a slash at the end.
        public_url: String,
    },
}

/// The form of what is published.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PublishedForm {
    /// How texts reach readers.
    pub texts: Texts,
    /// Where the schemas of events are named.
    pub schemas: SchemaLocation,
}

/// Where a publisher stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publishing {
    /// The event that is published next; `None` until that is known.
    pub next: Option<Sequence>,
    /// When the oldest event that waits was recorded, if one waits.
    pub oldest_waiting: Option<Timestamp>,
    /// What is wrong, in words for an operator.
    pub error: Option<String>,
    /// Whether it is not tried again until the node writes anew: somebody must do something.
    pub halted: bool,
}

/// A publisher; dropping it ends it, after the transaction under way where Kafka answers.
#[derive(Debug)]
pub struct Publisher {
    publishing: watch::Receiver<Publishing>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Begins to publish what is in the log and was not published yet.
    pub fn start(log: &KafkaLog, form: PublishedForm) -> Self {
        let (told, publishing) = watch::channel(Publishing::default());
        let (stop, stopped) = watch::channel(false);
        let work = Work { log: log.clone(), form, told, stopped };
        let thread = std::thread::Builder::new()
            .name("kafka-publisher".to_owned())
            .spawn(move || work.run())
            .expect("the system can start a thread");
        Self { publishing, stop, thread: Some(thread) }
    }

    /// Where it stands.
    pub fn publishing(&self) -> watch::Receiver<Publishing> {
        self.publishing.clone()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its hook.
            let _ = thread.join();
        }
    }
}

/// Why publishing was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interruption {
    #[error(transparent)]
    Kafka(#[from] KafkaLogError),
    #[error("events could not be published")]
    Transaction {
        /// Whether another publisher took over.
        fenced: bool,
        source: Failure,
    },
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
}

impl Interruption {
    /// Whether to try again. Also a right that is missing may be given while the node runs.
    fn may_pass(&self) -> bool {
        match self {
            Self::Kafka(KafkaLogError::Published { .. } | KafkaLogError::Property { .. }) => false,
            Self::Kafka(_) | Self::Transaction { .. } | Self::Read(ReadError::Unavailable(_)) => true,
            Self::Read(ReadError::Damaged { .. }) | Self::Unreadable(_) => false,
        }
    }

    fn is_fenced(&self) -> bool {
        match self {
            Self::Transaction { fenced, .. } => *fenced,
            Self::Kafka(KafkaLogError::Kafka { source, .. }) => code(source).is_some_and(is_fenced),
            Self::Kafka(_) | Self::Read(_) | Self::Unreadable(_) => false,
        }
    }
}

/// What the thread works with.
struct Work {
    log: KafkaLog,
    form: PublishedForm,
    told: watch::Sender<Publishing>,
    stopped: watch::Receiver<bool>,
}

/// From one fence to the next.
struct Term {
    transactions: Transactions,
    places: Places,
    next: Sequence,
    /// The offset after the last message.
    offset: i64,
    /// When the place was committed last.
    placed: Option<Instant>,
}

impl Work {
    fn run(self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system can make a runtime of one thread");
        while !self.is_stopped() {
            let Err(interruption) = self.publish(&runtime) else { continue };
            // What was interrupted because it shall end is no error.
            if self.is_stopped() {
                return;
            }
            if !interruption.may_pass() {
                tracing::error!(error = &interruption as &dyn std::error::Error, "events are published no more");
                self.tell_error(with_causes(&interruption), true);
                return;
            }
            if self.told.borrow().error.is_none() {
                tracing::warn!(error = &interruption as &dyn std::error::Error, "events are not published now");
            }
            self.tell_error(with_causes(&interruption), false);
            self.rest(&runtime, if interruption.is_fenced() { RETRY_FENCED } else { RETRY });
        }
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    fn tell_error(&self, error: String, halted: bool) {
        self.told.send_modify(|told| (told.error, told.halted) = (Some(error), halted));
    }

    /// Says that everything before `next` is published.
    fn tell(&self, next: Sequence) {
        self.told.send_modify(|told| {
            if told.error.take().is_some() {
                tracing::info!(%next, "events are published again");
            }
            told.next = Some(next);
            if next >= *self.log.head().borrow() {
                told.oldest_waiting = None;
            }
        });
    }

    /// Waits for a while, or until it shall end.
    fn rest(&self, runtime: &Runtime, time: Duration) {
        let mut stopped = self.stopped.clone();
        runtime.block_on(async {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
    }

    /// Waits until the log is so long; not longer than `time`.
    fn wait_for_head(&self, runtime: &Runtime, head: Sequence, time: Duration) -> bool {
        let (mut stopped, mut heads) = (self.stopped.clone(), self.log.head());
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => false,
                reached = heads.wait_for(|now| *now >= head) => reached.is_ok(),
                () = tokio::time::sleep(time) => false,
            }
        })
    }

    /// Publishes until it shall end, or something is wrong.
    fn publish(&self, runtime: &Runtime) -> Result<(), Interruption> {
        let Some(mut term) = self.open(runtime)? else { return Ok(()) };
        self.tell(term.next);
        // A place that Kafka has forgotten is known again at once.
        term.rest()?;
        while !self.is_stopped() {
            if self.wait_for_head(runtime, term.next.next(), TICK) {
                let began = Instant::now();
                let page = runtime.block_on(self.log.read(term.next, BATCH_EVENTS_LIMIT))?;
                let batch = self.batch(&page)?;
                self.told.send_modify(|told| told.oldest_waiting = batch.first().map(|first| first.time));
                term.commit(&batch)?;
                self.tell(term.next);
                if term.next >= *self.log.head().borrow() {
                    self.rest(runtime, PACE.saturating_sub(began.elapsed()));
                }
            } else if !self.is_stopped() {
                term.rest()?;
            }
        }
        Ok(())
    }

    /// Fences whoever published before and finds out where to go on; nothing when it shall end.
    fn open(&self, runtime: &Runtime) -> Result<Option<Term>, Interruption> {
        let settings = self.log.settings();
        let transactions = Transactions::begin_publishing(settings, self.stopped.clone())?;
        let places = Places::open(settings)?;
        let place = places.find(|| self.is_stopped())?;
        while !self.wait_for_head(runtime, place.next, TICK) {
            if self.is_stopped() {
                return Ok(None);
            }
            let (topic, next) = (places.topic(), place.next);
            self.tell_error(
                format!("{topic} says that event {next} comes next, and this node's copy is not so far"),
                false,
            );
        }
        self.compare(runtime, places.topic(), &place)?;
        tracing::info!(next = %place.next, "this node publishes events");
        let placed = place.committed.then(Instant::now);
        Ok(Some(Term { transactions, places, next: place.next, offset: place.offset, placed }))
    }

    /// The last event of the topic must be the log's.
    fn compare(&self, runtime: &Runtime, topic: &str, place: &Place) -> Result<(), Interruption> {
        let Some(last) = &place.last else { return Ok(()) };
        let read = runtime.block_on(self.log.read(last.sequence, 1))?;
        let own = read.first().map(|event| message::of(event, &self.form)).transpose()?;
        if own.is_some_and(|own| own.id.to_string() == last.id) {
            return Ok(());
        }
        let why = format!("its event {} is not that of the ledger", last.sequence);
        Err(KafkaLogError::Published { topic: topic.to_owned(), why }.into())
    }

    /// As many messages as fit in a transaction.
    fn batch(&self, page: &[RecordedEvent]) -> Result<Vec<Message>, Interruption> {
        let (mut batch, mut bytes) = (Vec::with_capacity(page.len()), 0);
        for event in page {
            let message = message::of(event, &self.form)?;
            bytes += message.size;
            if bytes > BATCH_BYTES_LIMIT && !batch.is_empty() {
                break;
            }
            batch.push(message);
        }
        Ok(batch)
    }
}

impl Term {
    /// One transaction: messages, and the place behind them.
    fn commit(&mut self, batch: &[Message]) -> Result<(), Interruption> {
        let Self { transactions, places, .. } = self;
        let next = Sequence(self.next.0 + batch.len() as u64);
        let before = self.offset;
        let fill = |transactions: &Transactions| {
            for message in batch {
                let mut record = record(places.topic()).key(message.key.as_bytes()).headers(message.headers.clone());
                record.payload = message.value.as_deref();
                transactions.send(record)?;
            }
            Ok(())
        };
        // Without messages the last one is still where it was.
        let after = |offset: i64| if offset < 0 { before } else { offset + 1 };
        let done = transactions.transact_with_place(fill, &places.group(), |offset| places.place(after(offset), next));
        let offset = done.map_err(|failure| {
            let (Failure::Before(source) | Failure::Committing { source, .. }) = &failure;
            Interruption::Transaction { fenced: transactions.is_fenced(source), source: failure }
        })?;
        (self.offset, self.next, self.placed) = (after(offset), next, Some(Instant::now()));
        Ok(())
    }

    /// What is done where nothing is to be published.
    fn rest(&mut self) -> Result<(), Interruption> {
        self.transactions.poll();
        let is_known = self.placed.is_some_and(|placed| placed.elapsed() < KEEP_PLACE);
        if is_known || self.next == Sequence::ZERO { Ok(()) } else { self.commit(&[]) }
    }
}
