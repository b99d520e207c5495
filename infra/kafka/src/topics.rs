//! The topics of a ledger: made where they are missing, checked where they are there. A topic that may lose history, or that has
//! two orders, is refused; nothing of an existing topic is ever changed.

mod checking;

use crate::{
    complaints::Complaints,
    error::KafkaLogError,
    settings::{Opening, Settings},
};
use checking::check_soon;
pub(crate) use checking::faults;
use rdkafka::{
    ClientContext,
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    metadata::Metadata,
    producer::{BaseProducer, NoCustomPartitioner, Producer as _, ProducerContext},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long Kafka may take to make or describe a topic.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long Kafka may take to answer at all.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The same for a node that has a copy to go on with.
pub const PATIENCE_WITH_COPY: Duration = Duration::from_secs(5);
/// How long one question waits before it is looked whether a broker has refused us.
const ASK: Duration = Duration::from_secs(2);
/// How many events of a client are looked at after a question.
const EVENTS: usize = 200;
/// How long it takes at most until every broker knows what one knows.
const KNOWN_EVERYWHERE: Duration = Duration::from_secs(5);
/// How often it is looked whether a new topic is there.
const LOOK: Duration = Duration::from_millis(50);
/// Copies of each event wherever there are so many brokers: what one of them loses is not lost.
pub const REPLICAS: usize = 3;
/// The brokers' own setting that says how many of them there are to be.
const OFFSETS_REPLICAS: &str = "offsets.topic.replication.factor";
/// The most bytes of one message: the largest command's event, its seal, and room.
pub(crate) const MESSAGE_BYTES_LIMIT: usize = 8 << 20;

/// What a topic is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// The truth: every event, texts sealed.
    Log,
    /// The keys of the texts, by sequence; a tombstone destroys one.
    Keys,
    /// What the public may read, for integrators. It is made from the log, and forgets.
    Events,
}

impl Topic {
    /// Every topic of a ledger.
    pub const ALL: [Self; 3] = [Self::Log, Self::Keys, Self::Events];
    /// Those that together are the ledger.
    pub const TRUTH: [Self; 2] = [Self::Log, Self::Keys];

    /// Its name for a ledger.
    pub fn name(self, settings: &Settings) -> String {
        settings.name(match self {
            Self::Log => "log",
            Self::Keys => "keys",
            Self::Events => "events",
        })
    }

    /// What it is made with, beside what [`Self::demands`].
    fn wishes(self) -> &'static [(&'static str, &'static str)] {
        match self {
            // The brokers' clock is another that a writer's can be compared with.
            Self::Log => &[("max.message.bytes", "8388608"), ("message.timestamp.type", "LogAppendTime")],
            // A key that was destroyed is gone from the disks of the brokers within days.
            Self::Keys => &[
                ("max.compaction.lag.ms", "86400000"),
                ("segment.ms", "86400000"),
                ("min.cleanable.dirty.ratio", "0.01"),
            ],
            // A text that was erased in the ledger is gone from here after 14 days, and one more until its segment is full.
            Self::Events => {
                &[("max.message.bytes", "8388608"), ("retention.ms", "1209600000"), ("segment.ms", "86400000")]
            }
        }
    }

    /// What must be true of it.
    fn demands(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Log => &[
                ("cleanup.policy", "delete"),
                ("retention.ms", "-1"),
                ("retention.bytes", "-1"),
                ("unclean.leader.election.enable", "false"),
            ],
            Self::Keys => &[("cleanup.policy", "compact"), ("unclean.leader.election.enable", "false")],
            // How long it keeps them is the operator's to say.
            Self::Events => &[("cleanup.policy", "delete"), ("unclean.leader.election.enable", "false")],
        }
    }
}

/// What Kafka says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Its id.
    pub id: String,
    /// How many brokers answer.
    pub brokers: usize,
}

/// Makes the topics that may be made and checks all, when Kafka answers in so long.
///
/// # Errors
/// [`KafkaLogError::Topic`] where one may lose history, [`KafkaLogError::Missing`] where the ledger's are gone; what Kafka says.
pub async fn prepare(settings: &Settings, patience: Duration) -> Result<Cluster, KafkaLogError> {
    let admin = admin(settings)?;
    let asking = settings.clone();
    let cluster = blocking(move || ask_cluster(&asking, patience)).await?;
    let missing = missing_for_long(&admin, settings).await?;
    if !missing.is_empty() {
        let replicas = replicas(&admin, patience).await?;
        for topic in missing {
            make(&admin, topic, &topic.name(settings), replicas).await?;
        }
    }
    for topic in Topic::ALL {
        let name = topic.name(settings);
        let replicas = check_soon(&admin, topic, &name).await?;
        if is_thin(replicas, &cluster) {
            tracing::warn!(topic = name, replicas, "what a broker loses is lost: give the topic three replicas");
        }
    }
    Ok(cluster)
}

fn admin(settings: &Settings) -> Result<AdminClient<DefaultClientContext>, KafkaLogError> {
    settings.client(&[], &[]).create().map_err(KafkaLogError::kafka("a client could not be made"))
}

/// What must be made. Of a ledger that was opened, log and keys never are: an empty log would begin a second ledger.
async fn missing_for_long(
    admin: &AdminClient<DefaultClientContext>,
    settings: &Settings,
) -> Result<Vec<Topic>, KafkaLogError> {
    let deadline = Instant::now() + settings.periods.topic_missing;
    loop {
        let missing = missing(admin, settings)?;
        let gone = missing.iter().find(|topic| Topic::TRUTH.contains(topic));
        match (settings.opening, gone) {
            (Opening::MayBegin, _) | (Opening::Opened, None) => return Ok(missing),
            // A broker that has just started does not know all.
            (Opening::Opened, Some(_)) if Instant::now() < deadline => tokio::time::sleep(LOOK).await,
            (Opening::Opened, Some(gone)) => return Err(KafkaLogError::Missing { topic: gone.name(settings) }),
        }
    }
}

fn missing(admin: &AdminClient<DefaultClientContext>, settings: &Settings) -> Result<Vec<Topic>, KafkaLogError> {
    let there = described(admin)?;
    let is_there = |topic: &Topic| there.topics().iter().any(|found| found.name() == topic.name(settings));
    Ok(Topic::ALL.into_iter().filter(|topic| !is_there(topic)).collect())
}

/// Whether a topic has fewer copies than its cluster could hold.
fn is_thin(replicas: usize, cluster: &Cluster) -> bool {
    replicas < cluster.brokers.min(REPLICAS)
}

/// How many copies a topic is made with: three wherever there are three brokers, of which two must have each event before it
/// counts. Brokers that are being started come one by one, and a topic keeps what it was made with: the number of copies that
/// they want of their own topics says how many are to come, where we may read it.
async fn replicas(admin: &AdminClient<DefaultClientContext>, patience: Duration) -> Result<i32, KafkaLogError> {
    let deadline = Instant::now() + patience;
    loop {
        let metadata = described(admin)?;
        let brokers = metadata.brokers().len();
        let wanted = match metadata.brokers().first() {
            Some(broker) => wanted_replicas(admin, broker.id()).await.unwrap_or(brokers),
            None => REPLICAS,
        };
        if brokers >= wanted.min(REPLICAS) {
            return Ok(if brokers >= REPLICAS { 3 } else { 1 });
        }
        if Instant::now() > deadline {
            return Err(KafkaLogError::Late("show as many brokers as its offsets.topic.replication.factor asks for"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn wanted_replicas(admin: &AdminClient<DefaultClientContext>, broker: i32) -> Option<usize> {
    let described = admin.describe_configs([&ResourceSpecifier::Broker(broker)], &options()).await.ok()?;
    let described = described.into_iter().next()?.ok()?;
    described.entries.iter().find(|entry| entry.name == OFFSETS_REPLICAS)?.value.as_deref()?.parse().ok()
}

/// Whether the ledger's topic is there. Nothing is made.
///
/// # Errors
/// [`KafkaLogError`].
pub async fn is_there(settings: &Settings) -> Result<bool, KafkaLogError> {
    let asking = settings.clone();
    blocking(move || {
        // It hears why a broker does not let us in.
        ask_cluster(&asking, PATIENCE)?;
        let admin = asking.client(&[], &[]).create().map_err(KafkaLogError::kafka("a client could not be made"))?;
        exists(&admin, &Topic::Log.name(&asking))
    })
    .await
}

/// What was found of a ledger's topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// Where they are.
    pub cluster: Cluster,
    /// Those that are not there yet.
    pub missing: Vec<String>,
    /// Those that are there with fewer copies than the brokers could hold.
    pub thin: Vec<String>,
}

/// What Kafka says of itself and of the ledger's topics; those that are there are checked. Nothing is made.
///
/// # Errors
/// As [`prepare`].
pub async fn inspect(settings: &Settings) -> Result<Inspected, KafkaLogError> {
    let asking = settings.clone();
    let cluster = blocking(move || ask_cluster(&asking, PATIENCE_WITH_COPY)).await?;
    let admin = admin(settings)?;
    let missing = missing(&admin, settings)?;
    let mut thin = Vec::new();
    for topic in Topic::ALL.into_iter().filter(|topic| !missing.contains(topic)) {
        let name = topic.name(settings);
        if is_thin(check_soon(&admin, topic, &name).await?, &cluster) {
            thin.push(name);
        }
    }
    Ok(Inspected { cluster, missing: missing.iter().map(|topic| topic.name(settings)).collect(), thin })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KafkaLogError> + Send + 'static,
) -> Result<T, KafkaLogError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(KafkaLogError::Late("answer")))
}

/// Why no broker lets us in. An answer that does not come says only that it does not come.
#[derive(Debug, Default)]
struct Refusal {
    heard: Mutex<Option<(RDKafkaErrorCode, String)>>,
    complaints: Complaints,
}

impl ClientContext for Refusal {
    fn error(&self, error: KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if let Some(code @ (RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) = code {
            *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
        }
        self.complaints.error(error, reason);
    }
}

impl ProducerContext for Refusal {
    type DeliveryOpaque = ();
    fn delivery(&self, _: &rdkafka::message::DeliveryResult<'_>, (): ()) {}
}

/// Asks with a client of its own, which hears why a broker does not let it in.
fn ask_cluster(settings: &Settings, patience: Duration) -> Result<Cluster, KafkaLogError> {
    let client: BaseProducer<Refusal, NoCustomPartitioner> = settings
        .client(&[], &[])
        .create_with_context(Refusal::default())
        .map_err(KafkaLogError::kafka("a client could not be made"))?;
    let deadline = Instant::now() + patience;
    let metadata = loop {
        let asked = client.client().fetch_metadata(None, ASK);
        // One event at a time, logs among them.
        (0..EVENTS).for_each(|_| client.poll(Duration::ZERO));
        let refusal = client.context().heard.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (asked, refusal) {
            (Ok(metadata), _) => break metadata,
            (Err(_), Some((code, reason))) => return Err(KafkaLogError::Refused { code, reason }),
            (Err(_), None) if Instant::now() < deadline => {}
            (Err(error), None) => return Err(KafkaLogError::kafka("it does not answer")(error)),
        }
    };
    let id = client.client().fetch_cluster_id(ADMIN_TIMEOUT).ok_or(KafkaLogError::Late("say its id"))?;
    Ok(Cluster { id, brokers: metadata.brokers().len() })
}

async fn make(
    admin: &AdminClient<DefaultClientContext>,
    topic: Topic,
    name: &str,
    replicas: i32,
) -> Result<(), KafkaLogError> {
    let mut new = NewTopic::new(name, 1, TopicReplication::Fixed(replicas));
    for (key, value) in topic.demands().iter().chain(topic.wishes()) {
        new = new.set(key, value);
    }
    new = new.set("min.insync.replicas", if replicas >= 3 { "2" } else { "1" });
    let what = "a topic could not be made";
    let made = admin.create_topics([&new], &options()).await.map_err(KafkaLogError::kafka(what))?;
    match made.into_iter().next() {
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        // One who may not make topics may use those that are there.
        Some(Err((_, code))) if code == RDKafkaErrorCode::TopicAuthorizationFailed && exists(admin, name)? => Ok(()),
        Some(Err((_, code))) => Err(KafkaLogError::kafka(what)(rdkafka::error::KafkaError::AdminOp(code))),
        Some(Ok(_)) | None => {
            tracing::info!(topic = name, replicas, "a topic was made");
            if replicas == 1 {
                tracing::warn!(topic = name, "its events are on one broker: what that broker loses is lost");
            }
            wait_for(admin, name).await
        }
    }
}

fn exists(admin: &AdminClient<DefaultClientContext>, name: &str) -> Result<bool, KafkaLogError> {
    partitions(admin, name).map(|partitions| partitions > 0)
}

/// The brokers and every topic. To ask for one by its name would make it, where brokers do so, with settings that lose history.
fn described(admin: &AdminClient<DefaultClientContext>) -> Result<Metadata, KafkaLogError> {
    described_in(admin, ADMIN_TIMEOUT)
}

fn described_in(admin: &AdminClient<DefaultClientContext>, within: Duration) -> Result<Metadata, KafkaLogError> {
    admin.inner().fetch_metadata(None, within).map_err(KafkaLogError::kafka("the topics could not be described"))
}

fn partitions(admin: &AdminClient<DefaultClientContext>, name: &str) -> Result<usize, KafkaLogError> {
    let metadata = described(admin)?;
    let found = metadata.topics().iter().find(|topic| topic.name() == name && topic.error().is_none());
    Ok(found.map_or(0, |topic| topic.partitions().len()))
}

/// A topic is made before every broker knows it.
async fn wait_for(admin: &AdminClient<DefaultClientContext>, name: &str) -> Result<(), KafkaLogError> {
    let began = Instant::now();
    while !exists(admin, name)? {
        if began.elapsed() > ADMIN_TIMEOUT {
            return Err(KafkaLogError::Late("make a topic"));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn options() -> AdminOptions {
    options_in(ADMIN_TIMEOUT)
}

fn options_in(within: Duration) -> AdminOptions {
    AdminOptions::new().request_timeout(Some(within)).operation_timeout(Some(within))
}
