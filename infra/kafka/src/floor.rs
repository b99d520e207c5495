//! What the log is measured against: a bare loop of librdkafka's transactions, with messages of the same number and size to topics
//! of the same kind, and nothing of ours in between. It records nothing that anybody reads.

use crate::{
    error::KafkaLogError,
    settings::Settings,
    topics::{self, Topic},
};
use rdkafka::{
    error::KafkaResult,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(30);

/// How long each transaction took that wrote `size` events of `bytes` bytes, one after the other for as long as said.
///
/// # Errors
/// [`KafkaLogError`].
pub async fn transactions(
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
        producer.poll(Duration::from_millis(1));
    }
    producer.commit_transaction(WAIT)
}
