//! Transactions of one producer, from fencing whoever wrote before to the last commit. It never aborts one, and never guesses
//! how one ended.

use crate::{
    announcement::STARTED,
    authority::{self, Authentic, Authority, CODE, ControlOrder, ORDER},
    complaints::Complaints,
    error::{KafkaLogError, code, is_fenced},
    follower::KEYS_BARRIER,
    frame::{self, CONTROL},
    settings::Settings,
    topics::{MESSAGE_BYTES_LIMIT, Topic},
};
use convenio_events::{RecordedEvent, Sequence, entry::Entry};
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::ConsumerGroupMetadata,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{DeliveryResult, Header, Message as _, OwnedHeaders, Timestamp},
    producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext},
};
use serde_json::json;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// How long the coordinator may take to fence a predecessor.
const INIT_DEADLINE: Duration = Duration::from_secs(60);
/// The same for a publisher, which begins again then and says meanwhile what is wrong.
const INIT_PUBLISHING_DEADLINE: Duration = Duration::from_secs(10);
/// How long a transaction may take until its outcome is not known any more.
const COMMIT_DEADLINE: Duration = Duration::from_secs(20);
/// How long one call waits before it is taken up again: how late it is seen that nobody waits for it any more.
const CALL: Duration = Duration::from_millis(500);
/// The same for a call that begins anew instead of being resumed: time for a group's coordinator to move.
const WHOLE_CALL: Duration = Duration::from_secs(5);
/// How long it may take until the end of a topic is known.
const LOOK: Duration = Duration::from_secs(2);
/// How long to wait before that is tried again.
const LOOK_RETRY: Duration = Duration::from_millis(50);

/// How often it is looked whether messages have been delivered. rdkafka's own poll of some milliseconds returns at the end of
/// them, whatever has come, and uses a processor for the last of them: a command alone took 6 ms with it instead of 4.
pub(crate) const LISTEN: Duration = Duration::from_micros(200);

/// What has been delivered of a transaction.
#[derive(Debug, Default)]
struct Deliveries {
    state: Mutex<Delivered>,
    /// The topic whose offsets count.
    topic: String,
    complaints: Complaints,
}

#[derive(Debug, Default, Clone)]
struct Delivered {
    waiting: usize,
    /// The offset of the last message in the producer's topic.
    offset: i64,
    /// What the brokers' clock said then, where they stamp messages themselves.
    broker_time: Option<i64>,
    failed: Option<KafkaError>,
}

impl Deliveries {
    fn with<T>(&self, change: impl FnOnce(&mut Delivered) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.complaints.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.complaints.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();
    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.with(|delivered| {
            delivered.waiting -= 1;
            match result {
                Ok(message) if message.topic() == self.topic => {
                    delivered.offset = delivered.offset.max(message.offset());
                    if let Timestamp::LogAppendTime(millis) = message.timestamp() {
                        delivered.broker_time = Some(millis);
                    }
                }
                Ok(_) => {}
                Err((error, _)) => {
                    delivered.failed.get_or_insert_with(|| error.clone());
                }
            }
        });
    }
}

/// Why a transaction did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Its end was never asked for: it will not be committed.
    #[error("a message could not be written")]
    Before(#[source] KafkaError),
    /// Its end was asked for; an answer that was lost may have said that it is committed.
    #[error("the transaction could not be committed")]
    Committing {
        /// Its last message in the producer's topic.
        offset: i64,
        /// What librdkafka said at last.
        #[source]
        source: KafkaError,
    },
}

impl Failure {
    pub(crate) fn into_kafka(self) -> KafkaError {
        match self {
            Self::Before(source) | Self::Committing { source, .. } => source,
        }
    }
}

/// The producer of one term: of the log with its keys, or of the events for the public.
pub(crate) struct Transactions {
    producer: BaseProducer<Deliveries>,
    log_topic: String,
    keys_topic: String,
    authority: Authority,
    /// The order of the last control record of this term.
    order: Mutex<Option<ControlOrder>>,
    /// Nobody waits for the outcome any more.
    stop: watch::Receiver<bool>,
}

impl Transactions {
    /// Fences whoever wrote the log before, unless told to stop first.
    pub(crate) fn begin(settings: &Settings, stop: watch::Receiver<bool>) -> Result<Self, KafkaLogError> {
        Self::begin_as(settings, Topic::Log, stop)
    }

    /// Fences whoever published before.
    pub(crate) fn begin_publishing(settings: &Settings, stop: watch::Receiver<bool>) -> Result<Self, KafkaLogError> {
        Self::begin_as(settings, Topic::Events, stop)
    }

    fn begin_as(settings: &Settings, topic: Topic, stop: watch::Receiver<bool>) -> Result<Self, KafkaLogError> {
        let (id, within) = match topic {
            Topic::Log | Topic::Keys => ("writer", INIT_DEADLINE),
            Topic::Events => ("events", INIT_PUBLISHING_DEADLINE),
        };
        let [log_topic, keys_topic] = Topic::TRUTH.map(|topic| topic.name(settings));
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
                ("transactional.id", &settings.name(id)),
                ("enable.idempotence", "true"),
                ("acks", "all"),
                ("message.max.bytes", &MESSAGE_BYTES_LIMIT.to_string()),
            ],
        );
        let context = Deliveries { topic: topic.name(settings), ..Deliveries::default() };
        let producer: BaseProducer<Deliveries> =
            config.create_with_context(context).map_err(KafkaLogError::kafka("a producer could not be made"))?;
        let (authority, order) = (settings.authority.clone(), Mutex::default());
        let this = Self { producer, log_topic, keys_topic, authority, order, stop };
        let fenced = this.insist(Instant::now() + within, |producer| producer.init_transactions(CALL));
        fenced.map_err(KafkaLogError::kafka("whoever wrote before could not be fenced"))?;
        Ok(this)
    }

    /// Resumes a call until its outcome is known or the deadline is over: another call in between would contradict it.
    fn insist(
        &self,
        deadline: Instant,
        call: impl Fn(&BaseProducer<Deliveries>) -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        let is_over = || Instant::now() >= deadline || *self.stop.borrow();
        loop {
            match call(&self.producer) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && !is_over() => {}
                Err(error) if code(&error) == Some(RDKafkaErrorCode::OperationTimedOut) && !is_over() => {}
                outcome => return outcome,
            }
        }
    }

    /// One transaction, from the first message to the end; returns the offset of its last message in the producer's topic.
    pub(crate) fn transact(&self, fill: impl FnOnce(&Self) -> KafkaResult<()>) -> Result<i64, Failure> {
        let deadline = Instant::now() + COMMIT_DEADLINE;
        let offset = self.deliver(fill, deadline).map_err(Failure::Before)?;
        self.commit(offset, deadline)
    }

    /// The same, with a place of a consumer group that counts if and when the messages do. It is made from the offset of the
    /// last message.
    pub(crate) fn transact_with_place(
        &self,
        fill: impl FnOnce(&Self) -> KafkaResult<()>,
        group: &ConsumerGroupMetadata,
        place: impl FnOnce(i64) -> KafkaResult<TopicPartitionList>,
    ) -> Result<i64, Failure> {
        let deadline = Instant::now() + COMMIT_DEADLINE;
        let offset = self.deliver(fill, deadline).map_err(Failure::Before)?;
        let place = place(offset).map_err(Failure::Before)?;
        let placed = self.insist(deadline, |producer| producer.send_offsets_to_transaction(&place, group, WHOLE_CALL));
        placed.map_err(Failure::Before)?;
        self.commit(offset, deadline)
    }

    fn commit(&self, offset: i64, deadline: Instant) -> Result<i64, Failure> {
        let committed = self.insist(deadline, |producer| producer.commit_transaction(CALL));
        committed.map(|()| offset).map_err(|source| Failure::Committing { offset, source })
    }

    /// Begins a transaction and waits until Kafka has each of its messages.
    fn deliver(&self, fill: impl FnOnce(&Self) -> KafkaResult<()>, deadline: Instant) -> KafkaResult<i64> {
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
                return Ok(delivered.offset);
            }
            if Instant::now() >= deadline || *self.stop.borrow() {
                return Err(KafkaError::MessageProduction(RDKafkaErrorCode::MessageTimedOut));
            }
            if delivered.waiting > 0 {
                std::thread::sleep(LISTEN);
            }
            hear(&self.producer);
        }
    }

    pub(crate) fn send(&self, mut record: BaseRecord<'_, [u8], [u8]>) -> KafkaResult<()> {
        let context = self.producer.context();
        context.with(|delivered| delivered.waiting += 1);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(LISTEN);
                    hear(&self.producer);
                }
                Err((error, _)) => {
                    context.with(|delivered| delivered.waiting -= 1);
                    return Err(error);
                }
            }
        }
    }

    pub(crate) fn send_events(&self, batch: &[RecordedEvent]) -> KafkaResult<()> {
        let Some(first) = batch.first() else { return Ok(()) };
        let ledger = Entry::parse(&first.entry).map_err(|error| KafkaError::ClientCreation(error.to_string()))?.ledger;
        let framed: Vec<_> = batch.iter().map(|event| frame::encode(ledger, event)).collect();
        // All at once: librdkafka sends what is there as soon as the coordinator knows of the transaction, and each request
        // costs a broker as much as many messages.
        for (event, (value, text_key)) in batch.iter().zip(&framed) {
            let sequence = event.sequence.to_string();
            self.send(record(&self.log_topic).key(sequence.as_bytes()).payload(value))?;
            let keys = record(&self.keys_topic).key(sequence.as_bytes());
            self.send(match text_key {
                Some(text_key) => keys.payload(&text_key.0),
                None => keys,
            })?;
        }
        Ok(())
    }

    /// Whether the producer is at its end because another took its place; what a call returns may only say that it is.
    pub(crate) fn is_fenced(&self, error: &KafkaError) -> bool {
        [code(error), self.fatal_error().map(|(code, _)| code)].into_iter().flatten().any(is_fenced)
    }

    /// Why the producer is at its end, where it is.
    pub(crate) fn fatal_error(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.producer.client().fatal_error()
    }

    /// When the brokers took the last message, in milliseconds since 1970, where the topic is set to be stamped by them.
    pub(crate) fn broker_time(&self) -> Option<i64> {
        self.producer.context().with(|delivered| delivered.broker_time)
    }

    /// Hears what librdkafka has to say, where nothing is sent for long.
    pub(crate) fn poll(&self) {
        self.producer.poll(Duration::ZERO);
    }

    /// Whether all that is decided in the log's topic ends here, and not later, for another has written. A broker that leads it no
    /// more says so at once, and librdkafka does not ask the other by itself. Where a transaction of somebody else hides this
    /// end, nothing is known.
    pub(crate) fn ends_at(&self, end: i64) -> KafkaResult<bool> {
        let deadline = Instant::now() + LOOK;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let looked = self.producer.client().fetch_watermarks(&self.log_topic, 0, left);
            match looked.map(|(_, found)| found) {
                Ok(found) if found >= end => return Ok(found == end),
                _ if Instant::now() + LOOK_RETRY < deadline => std::thread::sleep(LOOK_RETRY),
                Ok(_) => return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Begins a term: the message that ends the history of every earlier writer. It says which term it follows, as far as this
    /// node has read.
    pub(crate) fn start(&self, node: &str, last: Option<&Authentic>) -> KafkaResult<i64> {
        let follows = authority::follows(self.authority.term(last));
        let term = self.control_as(STARTED, &follows, &json!({ "node": node }), None)?;
        *self.order.lock().unwrap_or_else(PoisonError::into_inner) = Some(ControlOrder { term, number: 0 });
        Ok(term)
    }

    /// A message of this term that is no event, and the word in the topic of keys that every key before `next` has been written.
    pub(crate) fn control(&self, kind: &str, value: &serde_json::Value, next: Option<Sequence>) -> KafkaResult<i64> {
        let order = {
            let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
            order.as_mut().map(|order| {
                order.number += 1;
                order.to_string()
            })
        };
        self.control_as(kind, &order.unwrap_or_default(), value, next)
    }

    fn control_as(
        &self,
        kind: &str,
        order: &str,
        value: &serde_json::Value,
        next: Option<Sequence>,
    ) -> KafkaResult<i64> {
        let value = value.to_string();
        let written = self.transact(|this| {
            let mut headers = OwnedHeaders::new().insert(Header { key: CONTROL, value: Some(kind) });
            if let Some(code) = this.authority.code(&this.log_topic, kind, order, value.as_bytes()) {
                headers = headers.insert(Header { key: ORDER, value: Some(order) });
                headers = headers.insert(Header { key: CODE, value: Some(&code) });
            }
            this.send(record(&this.log_topic).payload(value.as_bytes()).headers(headers))?;
            if let Some(next) = next {
                this.send(record(&this.keys_topic).key(KEYS_BARRIER).payload(next.to_string().as_bytes()))?;
            }
            Ok(())
        });
        written.map_err(Failure::into_kafka)
    }
}

/// Hears all that has been delivered by now: one poll tells of one answer of a broker.
pub(crate) fn hear<C: ProducerContext>(producer: &BaseProducer<C>) {
    loop {
        let before = producer.in_flight_count();
        producer.poll(Duration::ZERO);
        if producer.in_flight_count() >= before {
            break;
        }
    }
}

/// Where the topic ends after a transaction whose last message is at this offset: Kafka's own marker follows it.
pub(crate) const fn end_after(offset: i64) -> i64 {
    offset + 2
}

pub(crate) fn record(topic: &str) -> BaseRecord<'_, [u8], [u8]> {
    BaseRecord::to(topic).partition(0)
}
