//! Topics as somebody else sees and writes them, with a bare client. It knows nothing of events.

use super::{Broker, SOON};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use std::{collections::BTreeMap, time::Duration};

/// A message, without its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    pub offset: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub control: bool,
}

/// Everything in a topic that a reader sees at this isolation level.
pub fn read(config: &ClientConfig, topic: &str, isolation: &str) -> Vec<Raw> {
    let mut messages = Vec::new();
    read_with(config, topic, isolation, |message| {
        messages.push(Raw {
            offset: message.offset(),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            control: message.headers().is_some(),
        });
    });
    messages
}

/// The same, message by message.
pub fn read_with(config: &ClientConfig, topic: &str, isolation: &str, mut take: impl FnMut(&BorrowedMessage<'_>)) {
    let mut config = config.clone();
    config.set("group.id", "convenio.nobody").set("isolation.level", isolation);
    config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().expect("a consumer");
    let mut assigned = TopicPartitionList::new();
    assigned.add_partition_offset(topic, 0, Offset::Beginning).expect("a partition");
    consumer.assign(&assigned).expect("assigned");
    loop {
        match consumer.poll(SOON).expect("the topic has an end") {
            Ok(message) => take(&message),
            Err(KafkaError::PartitionEOF(_)) => return,
            Err(error) => panic!("{topic} cannot be read: {error}"),
        }
    }
}

/// Somebody else's transaction: begun, its messages delivered, and not ended.
pub struct Foreign {
    pub producer: BaseProducer,
}

impl Foreign {
    /// The coordinator ends its transactions after `timeout`.
    pub fn new(broker: &Broker, timeout: Duration) -> Self {
        let mut config = broker.client();
        config.set("transactional.id", format!("foreign-{}", uuid::Uuid::new_v4()));
        config.set("transaction.timeout.ms", timeout.as_millis().to_string());
        config.set("message.timeout.ms", timeout.as_millis().to_string());
        let producer: BaseProducer = config.create().expect("a producer");
        producer.init_transactions(SOON).expect("a transactional producer");
        Self { producer }
    }

    pub fn write(&self, topic: &str, values: &[&[u8]]) {
        self.producer.begin_transaction().expect("begins");
        for value in values {
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0).payload(value);
            self.producer.send(record).map_err(|(error, _)| error).expect("sends");
        }
        self.producer.flush(SOON).expect("delivered");
    }

    pub fn commit(&self) {
        self.producer.commit_transaction(SOON).expect("commits");
    }

    pub fn abort(&self) {
        self.producer.abort_transaction(SOON).expect("aborts");
    }
}

/// Writes messages without any transaction.
pub fn produce(broker: &Broker, topic: &str, messages: &[(Option<&[u8]>, &[u8])]) {
    let producer: BaseProducer = broker.client().create().expect("a producer");
    for (key, value) in messages {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0).payload(value);
        record.key = *key;
        producer.send(record).map_err(|(error, _)| error).expect("sends");
    }
    producer.flush(SOON).expect("delivered");
}

/// Writes a message with headers.
pub fn say(broker: &Broker, topic: &str, headers: &[(&str, &[u8])], value: &[u8]) {
    let producer: BaseProducer = broker.client().create().expect("a producer");
    let start = OwnedHeaders::new();
    let headers = headers.iter().fold(start, |all, (key, value)| all.insert(Header { key, value: Some(*value) }));
    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0).payload(value).headers(headers);
    producer.send(record).map_err(|(error, _)| error).expect("sends");
    producer.flush(SOON).expect("delivered");
}

/// Headers and value of a record.
pub type HeadersAndValue = (Vec<(String, Vec<u8>)>, Vec<u8>);

/// All control records in a topic that have a code.
pub fn control_records(broker: &Broker, topic: &str) -> Vec<HeadersAndValue> {
    let mut records = Vec::new();
    read_with(&broker.client(), topic, "read_committed", |message| {
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let headers: Vec<_> =
            headers.map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect();
        if headers.iter().any(|(name, _)| name == "convenio-control-code") {
            records.push((headers, message.payload().unwrap_or_default().to_vec()));
        }
    });
    records
}

/// Writes a message without a value.
pub fn tombstone(broker: &Broker, topic: &str, key: &[u8]) {
    let producer: BaseProducer = broker.client().create().expect("a producer");
    let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(0).key(key);
    producer.send(record).map_err(|(error, _)| error).expect("sends");
    producer.flush(SOON).expect("delivered");
}

impl Broker {
    /// A bare client of the broker.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap());
        config
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client().create().expect("a client")
    }

    /// All that readers see of a topic.
    pub fn committed(&self, topic: &str) -> Vec<Raw> {
        read(&self.client(), topic, "read_committed")
    }

    pub async fn create(&self, topic: &str, partitions: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let made = self.admin().create_topics([&new], &AdminOptions::new()).await.expect("Kafka answers");
        made[0].as_ref().expect("the topic is made");
    }

    /// A second partition, which nobody can take away again.
    pub async fn add_partition(&self, topic: &str) {
        let more = NewPartitions::new(topic, 2);
        let made = self.admin().create_partitions([&more], &AdminOptions::new()).await.expect("Kafka answers");
        made[0].as_ref().expect("the partition is made");
    }

    pub async fn delete(&self, topics: &[&str]) {
        let gone = self.admin().delete_topics(topics, &AdminOptions::new()).await.expect("Kafka answers");
        assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    }

    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        let metadata = self.admin().inner().fetch_metadata(None, SOON).expect("Kafka answers");
        metadata.topics().iter().map(|topic| topic.name().to_owned()).collect()
    }

    /// Sets something of a topic, as an operator does. (A tool of Kafka's would take seconds to start.)
    pub async fn alter(&self, topic: &str, settings: &[(&str, &str)]) {
        let (admin, options) = (self.admin(), AdminOptions::new());
        let described = admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
        let described = described.expect("Kafka answers").remove(0).expect("it is described");
        // What is not said here would be as the broker has it.
        let own = described.entries.iter().filter(|entry| entry.source == ConfigSource::DynamicTopic);
        let own = own.filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let all: BTreeMap<_, _> = own.chain(settings.iter().copied()).collect();
        let start = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let altered = all.into_iter().fold(start, |altered, (name, value)| altered.set(name, value));
        let done = admin.alter_configs([&altered], &options).await.expect("Kafka answers");
        assert!(done.iter().all(Result::is_ok), "{done:?}");
    }

    /// Forgets all places of a group.
    pub async fn forget(&self, group: &str) {
        let gone = self.admin().delete_groups(&[group], &AdminOptions::new()).await.expect("Kafka answers");
        assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    }

    /// Deletes what is before an offset.
    pub async fn truncate(&self, topic: &str, before: Offset) {
        let mut to = TopicPartitionList::new();
        to.add_partition_offset(topic, 0, before).expect("a partition");
        let done = self.admin().delete_records(&to, &AdminOptions::new()).await.expect("Kafka answers");
        assert!(done.elements().iter().all(|element| element.error().is_ok()));
    }
}
