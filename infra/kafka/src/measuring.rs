//! How the log is measured, and against what: a bare loop of librdkafka's transactions, with messages of the same number and
//! size to topics of the same kind, and nothing of ours in between. It records nothing that anybody reads.

use crate::{
    error::KafkaLogError,
    frame, seal,
    settings::Settings,
    topics::{self, Topic},
    transactions::{LISTEN, hear},
};
use convenio_events::{
    RecordedEvent,
    conformance::sample_event,
    entry::Entry,
    log::{Acknowledgement, AppendError, LogWriter},
};
use rdkafka::{
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    error::{KafkaError, KafkaResult},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

/// How the names of ledgers begin that are made to be measured.
pub const LEDGERS: &str = "bench-";

/// Batches that do not count yet when the next one is handed over: as many as the sequencer allows.
pub const UNDER_WAY: usize = 4;

const WAIT: Duration = Duration::from_secs(30);

/// How long each transaction took that wrote `size` events of `bytes` bytes, one after the other for as long as said.
///
/// # Errors
/// [`KafkaLogError`].
pub async fn bare_transactions(
    settings: &Settings,
    size: u64,
    bytes: usize,
    lasts: Duration,
) -> Result<Vec<Duration>, KafkaLogError> {
    topics::prepare(settings, topics::PATIENCE).await?;
    let topics = Topic::TRUTH.map(|topic| topic.name(settings));
    let producer: BaseProducer = settings
        .client(
            &[("linger.ms", "0"), ("queue.buffering.max.messages", "500000"), ("retry.backoff.ms", "10")],
            &[("transactional.id", &settings.name("floor"))],
        )
        .create()
        .map_err(KafkaLogError::kafka("a producer could not be made"))?;
    let running = tokio::task::spawn_blocking(move || {
        producer.init_transactions(WAIT)?;
        let (began, mut taken) = (Instant::now(), Vec::new());
        while began.elapsed() < lasts {
            let one = Instant::now();
            transact(&producer, &topics, size, bytes)?;
            taken.push(one.elapsed());
        }
        Ok(taken)
    });
    running.await.expect("it does not panic").map_err(KafkaLogError::kafka("a bare transaction failed"))
}

/// How long each batch took until it counted, and all of them together, where at most `under_way` at a time do not count yet.
///
/// # Errors
/// [`AppendError`] of the first that failed.
pub async fn submit_all(
    writer: &mut dyn LogWriter,
    batches: Vec<Arc<Vec<RecordedEvent>>>,
    under_way: usize,
) -> Result<(Vec<Duration>, Duration), AppendError> {
    let (all, mut taken) = (Instant::now(), Vec::new());
    let mut waiting: VecDeque<(Instant, Acknowledgement)> = VecDeque::new();
    let mut batches = batches.into_iter();
    loop {
        let batch = if waiting.len() < under_way { batches.next() } else { None };
        if let Some(batch) = batch {
            let began = Instant::now();
            waiting.push_back((began, writer.submit(batch).await?.acknowledgement()));
        } else if let Some((began, acknowledgement)) = waiting.pop_front() {
            acknowledgement.await?;
            taken.push(began.elapsed());
        } else {
            return Ok((taken, all.elapsed()));
        }
    }
}

/// Deletes the topics of a ledger that was made to be measured.
///
/// # Errors
/// [`KafkaLogError`].
///
/// # Panics
/// Where the ledger is another: nobody's history is deleted.
pub async fn delete(settings: &Settings) -> Result<(), KafkaLogError> {
    assert!(settings.address.ledger.starts_with(LEDGERS), "only what a bench made is deleted");
    let admin: AdminClient<DefaultClientContext> =
        settings.client(&[], &[]).create().map_err(KafkaLogError::kafka("a client could not be made"))?;
    let names = Topic::ALL.map(|topic| topic.name(settings));
    let failed = KafkaLogError::kafka("a topic could not be deleted");
    let deleted =
        admin.delete_topics(&names.each_ref().map(String::as_str), &AdminOptions::new()).await.map_err(failed)?;
    match deleted.into_iter().find_map(Result::err) {
        Some((name, code)) => {
            tracing::debug!(name, "Kafka keeps a topic");
            Err(KafkaLogError::kafka("a topic could not be deleted")(KafkaError::AdminOp(code)))
        }
        None => Ok(()),
    }
}

/// How long an event with a text of so many bytes takes to become a message, and to be read from one again, on average of
/// `rounds`.
#[must_use]
pub fn sealing(bytes: usize, rounds: u32) -> (Duration, Duration) {
    // As many as are read together, so that memory is taken and given back as it is there.
    let events: Vec<_> = (0..500).map(|n| sample_event(n, bytes)).collect();
    let ledger = Entry::parse(&events[0].entry).expect("an entry").ledger;
    let (mut sealing, mut opening) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..rounds {
        let began = Instant::now();
        let messages: Vec<_> = events.iter().map(|event| frame::encode(ledger, event)).collect();
        sealing += began.elapsed();
        let began = Instant::now();
        let opened = messages.iter().map(|(value, key)| {
            let (frame, entry) = frame::decode(value).expect("our own");
            seal::open_event(&entry, frame, *key).expect("our own")
        });
        let opened: Vec<_> = opened.collect();
        opening += began.elapsed();
        assert_eq!(opened, events, "every box opens");
    }
    let all = rounds * 500;
    (sealing / all, opening / all)
}

fn transact(producer: &BaseProducer, topics: &[String; 2], size: u64, bytes: usize) -> KafkaResult<()> {
    let (value, key) = (vec![b'x'; bytes], [7; 32]);
    producer.begin_transaction()?;
    for number in 0..size {
        let number = number.to_string();
        for (topic, payload) in topics.iter().zip([&value[..], &key[..]]) {
            let record = BaseRecord::to(topic).partition(0).key(&number).payload(payload);
            producer.send(record).map_err(|(error, _)| error)?;
        }
    }
    while producer.in_flight_count() > 0 {
        std::thread::sleep(LISTEN);
        hear(producer);
    }
    producer.commit_transaction(WAIT)
}
