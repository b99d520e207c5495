//! The one writer: a transactional producer on a thread of its own, one transaction for each batch. It never aborts one, and
//! never guesses how one ended.
//!
//! Opening, in this order, so that a crash after any step leaves a topic that opens the same way again:
//! 1. `init_transactions` ends what a predecessor had under way, and fences it;
//! 2. the control message `writer-started` is committed: everything that a predecessor ever committed is before it;
//! 3. the follower has copied everything up to it. Only then is the head known.

use crate::{
    error::{KafkaLogError, code, is_fenced},
    follower::{Following, KEYS_BARRIER},
    frame::{self, CONTROL},
    seal::{self, Place},
    settings::Settings,
    topics::{MESSAGE_BYTES_LIMIT, Topic},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    entry::Entry,
    log::{AppendError, LogWriter},
};
use rdkafka::{
    ClientContext,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{DeliveryResult, Header, Message as _, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};
use serde_json::json;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::sync::{mpsc, oneshot, watch};

/// How long the coordinator may take to fence a predecessor.
const INIT_DEADLINE: Duration = Duration::from_secs(60);
/// How long a transaction may take until its outcome is not known any more.
const COMMIT_DEADLINE: Duration = Duration::from_secs(20);
/// How long one call waits before it is taken up again.
const CALL: Duration = Duration::from_secs(5);
/// How long this node's copy may take to show what was committed.
const COPY_DEADLINE: Duration = Duration::from_secs(60);
/// Batches that wait for the thread; see the journal's writer.
const QUEUE_LIMIT: usize = 2;

type Batch = Arc<Vec<RecordedEvent>>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What has been delivered of a transaction.
#[derive(Debug, Default)]
struct Deliveries {
    state: Mutex<Delivered>,
    log_topic: String,
}

#[derive(Debug, Default, Clone)]
struct Delivered {
    waiting: usize,
    /// The offset of the last message in the log's topic.
    offset: i64,
    failed: Option<KafkaError>,
}

impl Deliveries {
    fn with<T>(&self, change: impl FnOnce(&mut Delivered) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.with(|delivered| {
            delivered.waiting -= 1;
            match result {
                Ok(message) if message.topic() == self.log_topic => {
                    delivered.offset = delivered.offset.max(message.offset());
                }
                Ok(_) => {}
                Err((error, _)) => {
                    delivered.failed.get_or_insert_with(|| error.clone());
                }
            }
        });
    }
}

/// The producer of one term.
struct Transactions {
    producer: BaseProducer<Deliveries>,
    log_topic: String,
    keys_topic: String,
}

impl Transactions {
    /// Fences whoever wrote before.
    fn begin(settings: &Settings) -> Result<Self, KafkaLogError> {
        let [log_topic, keys_topic] = Topic::ALL.map(|topic| topic.name(settings));
        let config = settings.client(
            &[
                ("transaction.timeout.ms", "10000"),
                ("message.timeout.ms", "8000"),
                ("retry.backoff.ms", "10"),
                ("retry.backoff.max.ms", "200"),
                ("linger.ms", "0"),
                ("queue.buffering.max.messages", "500000"),
            ],
            &[
                ("transactional.id", &settings.name("writer")),
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("message.max.bytes", &MESSAGE_BYTES_LIMIT.to_string()),
            ],
        );
        let context = Deliveries { log_topic: log_topic.clone(), state: Mutex::default() };
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(context).map_err(KafkaLogError::kafka("a producer could not be made"))?;
        let this = Self { producer, log_topic, keys_topic };
        let began = Instant::now();
        let fenced = this.insist(began + INIT_DEADLINE, |producer| producer.init_transactions(CALL));
        fenced.map_err(KafkaLogError::kafka("the writer before could not be fenced"))?;
        Ok(this)
    }

    /// Resumes a call until its outcome is known or the deadline is over: another call in between would contradict it.
    fn insist(
        &self,
        deadline: Instant,
        call: impl Fn(&BaseProducer<Deliveries>) -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        loop {
            match call(&self.producer) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
                Err(error)
                    if code(&error) == Some(RDKafkaErrorCode::OperationTimedOut) && Instant::now() < deadline => {}
                outcome => return outcome,
            }
        }
    }

    /// One transaction, from the first message to the end; returns the offset of its last message in the log's topic.
    fn transact(&self, fill: impl FnOnce(&Self) -> KafkaResult<()>) -> KafkaResult<i64> {
        let deadline = Instant::now() + COMMIT_DEADLINE;
        let context = self.producer.context();
        context.with(|delivered| *delivered = Delivered { offset: -1, ..Delivered::default() });
        self.producer.begin_transaction()?;
        fill(self)?;
        // A commit with a message in flight stalls for 100 ms: every one is awaited first.
        loop {
            let delivered = context.with(|delivered| delivered.clone());
            if let Some(error) = delivered.failed {
                return Err(error);
            }
            if delivered.waiting == 0 && self.producer.in_flight_count() == 0 {
                break;
            }
            if Instant::now() >= deadline {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
            }
            self.producer.poll(Duration::from_millis(if delivered.waiting == 0 { 0 } else { 10 }));
        }
        self.insist(deadline, |producer| producer.commit_transaction(CALL))?;
        Ok(context.with(|delivered| delivered.offset))
    }

    fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> KafkaResult<()> {
        let context = self.producer.context();
        context.with(|delivered| delivered.waiting += 1);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(1));
                }
                Err((error, _)) => {
                    context.with(|delivered| delivered.waiting -= 1);
                    return Err(error);
                }
            }
        }
    }

    fn send_events(&self, batch: &[RecordedEvent]) -> KafkaResult<()> {
        for event in batch {
            let entry = Entry::parse(&event.entry).map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
            let place = Place { ledger: entry.ledger, sequence: event.sequence };
            let salt =
                event.text_salt.ok_or_else(|| KafkaError::ClientCreation("a new event has no salt".to_owned()))?;
            let (key, sealed) = seal::seal(place, &salt, event.text.as_deref());
            let sequence = event.sequence.to_string();
            let value = frame::encode(event, &sealed);
            self.send(record(&self.log_topic).key(sequence.as_bytes()).payload(&value))?;
            self.send(record(&self.keys_topic).key(sequence.as_bytes()).payload(&key.0))?;
        }
        Ok(())
    }

    /// Whether the producer is at its end because another took its place; what a call returns may only say that it is.
    fn is_fenced(&self, error: &KafkaError) -> bool {
        let fatal = self.producer.client().fatal_error().map(|(code, _)| code);
        [code(error), fatal].into_iter().flatten().any(is_fenced)
    }

    /// A message that is no event, and the word in the topic of keys that every key before `next` has been written.
    fn control(&self, kind: &str, value: &serde_json::Value, next: Option<Sequence>) -> KafkaResult<i64> {
        self.transact(|this| {
            let headers = OwnedHeaders::new().insert(Header { key: CONTROL, value: Some(kind) });
            this.send(record(&this.log_topic).payload(value.to_string().as_bytes()).headers(headers))?;
            if let Some(next) = next {
                this.send(record(&this.keys_topic).key(KEYS_BARRIER).payload(next.to_string().as_bytes()))?;
            }
            Ok(())
        })
    }
}

fn record(topic: &str) -> BaseRecord<'_, [u8], [u8]> {
    BaseRecord::to(topic).partition(0)
}

/// What the thread is asked for.
enum Asked {
    Append(Batch, oneshot::Sender<Result<(), AppendError>>),
}

/// The handle; dropping it ends the thread after the transaction under way.
pub(crate) struct Writer {
    asks: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
    head: watch::Receiver<Sequence>,
    next: Sequence,
    usable: bool,
}

/// Opens the writer and returns the head. It blocks.
pub(crate) fn open(
    settings: &Settings,
    following: &watch::Receiver<Following>,
    head: watch::Receiver<Sequence>,
) -> Result<(Writer, Sequence), KafkaLogError> {
    let transactions = Transactions::begin(settings)?;
    let started = json!({ "node": settings.node });
    let barrier = transactions
        .control("writer-started", &started, None)
        .map_err(KafkaLogError::kafka("the barrier could not be committed"))?;
    wait_until_copied(following, barrier)?;
    let next = *head.borrow();
    // From here on the topic of keys says how far it is whole, also where the last keys were destroyed.
    let ready = json!({ "node": settings.node, "next_sequence": next });
    transactions
        .control("writer-ready", &ready, Some(next))
        .map_err(KafkaLogError::kafka("the writer could not be announced"))?;
    tracing::info!(%next, barrier, "this node writes the ledger's topic");
    let (asks, asked) = mpsc::channel(QUEUE_LIMIT);
    let thread = std::thread::Builder::new()
        .name("kafka-writer".to_owned())
        .spawn(move || run(&transactions, asked))
        .expect("the system can start a thread");
    Ok((Writer { asks: Some(asks), thread: Some(thread), head, next, usable: true }, next))
}

/// Waits until everything up to an offset of the topic is in this node's journal.
fn wait_until_copied(following: &watch::Receiver<Following>, offset: i64) -> Result<(), KafkaLogError> {
    let deadline = Instant::now() + COPY_DEADLINE;
    loop {
        let now = following.borrow().clone();
        if now.offset >= offset {
            return Ok(());
        }
        if now.halted.is_some() || Instant::now() > deadline {
            return Err(KafkaLogError::Late("show this node what was committed"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn run(transactions: &Transactions, mut asked: mpsc::Receiver<Asked>) {
    while let Some(Asked::Append(batch, answer)) = asked.blocking_recv() {
        let outcome = transactions.transact(|this| this.send_events(&batch));
        let failed = outcome.is_err();
        let outcome = outcome.map(drop).map_err(|error| {
            tracing::warn!(%error, fatal = ?transactions.producer.client().fatal_error(), "a transaction did not end well");
            if transactions.is_fenced(&error) { AppendError::Fenced } else { AppendError::Unknown(Cause::from(error)) }
        });
        // Nobody waits any more: the caller dropped its future and knows that it does not know.
        let _ = answer.send(outcome);
        if failed {
            // The producer is of no more use: `asked` is closed by our end.
            return;
        }
    }
}

#[async_trait]
impl LogWriter for Writer {
    async fn append(&mut self, batch: Batch) -> Result<(), AppendError> {
        if !self.usable {
            return Err(AppendError::Unknown("the writer had failed before".into()));
        }
        let (Some(last), Some(asks)) = (batch.last(), &self.asks) else { return Ok(()) };
        let next = last.sequence.next();
        for (event, expected) in batch.iter().zip(self.next.0..) {
            assert_eq!(event.sequence.0, expected, "a batch continues the log without gaps");
        }
        // Stays false when this future is dropped while it waits: then nobody knows.
        self.usable = false;
        let (answer, answered) = oneshot::channel();
        let ended = || AppendError::Unknown("the producer has ended".into());
        asks.send(Asked::Append(batch, answer)).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())??;
        // Committed; it counts when this node has read it back like everybody else.
        let copied = tokio::time::timeout(COPY_DEADLINE, self.head.wait_for(|head| *head >= next)).await;
        if !matches!(copied, Ok(Ok(_))) {
            return Err(AppendError::Unknown("this node does not see what it committed".into()));
        }
        self.next = next;
        self.usable = true;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.asks.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been reported by its hook.
            let _ = thread.join();
        }
    }
}
