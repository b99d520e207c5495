//! Whether a topic is as it must be: at the start, and again and again while nodes run on it. It makes and changes none.

use super::{
    ADMIN_TIMEOUT, KNOWN_EVERYWHERE, LOOK, MESSAGE_BYTES_LIMIT, REPLICAS, Topic, admin, described_in, options_in,
    wait_for,
};
use crate::{alarm::AlarmKind, error::KafkaLogError, settings::Settings};
use rdkafka::{
    admin::{AdminClient, ResourceSpecifier},
    client::DefaultClientContext,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// The name by which a count of partitions that is wrong is told.
const PARTITIONS: &str = "partitions";

/// Checks a topic, and says how many copies of it there are. A broker that does not know it yet, as another does, says the same
/// of its settings as one that may not tell.
pub(super) async fn check_soon(
    admin: &AdminClient<DefaultClientContext>,
    topic: Topic,
    name: &str,
) -> Result<usize, KafkaLogError> {
    let deadline = Instant::now() + KNOWN_EVERYWHERE;
    wait_for(admin, name).await?;
    loop {
        if let Some(replicas) = check(admin, topic, name).await? {
            return Ok(replicas);
        }
        if Instant::now() > deadline {
            let error = KafkaError::AdminOp(RDKafkaErrorCode::TopicAuthorizationFailed);
            return Err(KafkaLogError::kafka("a topic's settings may not be read")(error));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How many copies of the topic there are, where the broker that was asked told how it is; an error where that is not as it must
/// be.
async fn check(
    admin: &AdminClient<DefaultClientContext>,
    topic: Topic,
    name: &str,
) -> Result<Option<usize>, KafkaLogError> {
    let Some(found) = look(admin, topic, name, ADMIN_TIMEOUT).await? else { return Ok(None) };
    match found.wrong.into_iter().next() {
        Some(wrong) => Err(wrong),
        None => Ok(Some(found.replicas)),
    }
}

/// How a topic is.
struct Found {
    replicas: usize,
    /// All that is not as it must be.
    wrong: Vec<KafkaLogError>,
}

async fn look(
    admin: &AdminClient<DefaultClientContext>,
    topic: Topic,
    name: &str,
    within: Duration,
) -> Result<Option<Found>, KafkaLogError> {
    let fault = |what: &'static str, found: String, wanted: &str| KafkaLogError::Topic {
        topic: name.to_owned(),
        name: what,
        found,
        wanted: wanted.to_owned(),
    };
    let metadata = described_in(admin, within)?;
    let partitions =
        metadata.topics().iter().find(|topic| topic.name() == name).map_or(&[][..], |topic| topic.partitions());
    let Some(first) = partitions.first() else { return Ok(None) };
    let replicas = first.replicas().len();
    let Some(settings) = settings_of(admin, name, within).await? else { return Ok(None) };
    let found = |name: &str| settings.get(name).map_or("", String::as_str);
    let mut wrong = Vec::new();
    if partitions.len() > 1 {
        wrong.push(fault(PARTITIONS, partitions.len().to_string(), "1"));
    }
    for &(setting, wanted) in topic.demands().iter().filter(|(setting, wanted)| found(setting) != *wanted) {
        wrong.push(fault(setting, found(setting).to_owned(), wanted));
    }
    let largest: usize = found("max.message.bytes").parse().unwrap_or(0);
    if topic != Topic::Keys && largest < MESSAGE_BYTES_LIMIT {
        wrong.push(fault("max.message.bytes", largest.to_string(), &format!("{MESSAGE_BYTES_LIMIT} or more")));
    }
    let in_sync: usize = found("min.insync.replicas").parse().unwrap_or(0);
    if replicas > 1 && in_sync < 2 {
        wrong.push(fault("min.insync.replicas", in_sync.to_string(), "2 or more, for it is replicated"));
    }
    Ok(Some(Found { replicas, wrong }))
}

/// A topic's settings; nothing where the broker that was asked does not know it yet.
async fn settings_of(
    admin: &AdminClient<DefaultClientContext>,
    name: &str,
    within: Duration,
) -> Result<Option<HashMap<String, String>>, KafkaLogError> {
    let what = "a topic could not be described";
    let asked = admin.describe_configs([&ResourceSpecifier::Topic(name)], &options_in(within)).await;
    let described = match asked.map_err(KafkaLogError::kafka(what))?.into_iter().next() {
        Some(Ok(described)) => described,
        Some(Err(RDKafkaErrorCode::UnknownTopicOrPartition)) => return Ok(None),
        Some(Err(code)) => return Err(KafkaLogError::kafka(what)(KafkaError::AdminOp(code))),
        None => return Err(KafkaLogError::Late("describe a topic")),
    };
    if described.entries.is_empty() {
        return Ok(None);
    }
    Ok(Some(described.entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()))
}

/// What is wrong with a topic while nodes run on it.
pub(crate) struct Fault {
    pub(crate) kind: AlarmKind,
    pub(crate) detail: String,
}

/// All that is not as a start would have it. Topics that are not there are no fault here: who reads them finds that out.
pub(crate) async fn faults(settings: &Settings, within: Duration) -> Result<Vec<Fault>, KafkaLogError> {
    let admin = admin(settings)?;
    let brokers = described_in(&admin, within)?.brokers().len();
    let mut faults = Vec::new();
    for topic in Topic::ALL {
        let name = topic.name(settings);
        let Some(Found { replicas, wrong }) = look(&admin, topic, &name, within).await? else { continue };
        for error in wrong {
            // One more partition loses nothing, and cannot be taken away; what is published is made from the log.
            let is_shape = matches!(&error, KafkaLogError::Topic { name, .. } if *name == PARTITIONS);
            let kind =
                if is_shape || topic == Topic::Events { AlarmKind::TopicShape } else { AlarmKind::TopicSettings };
            faults.push(Fault { kind, detail: error.to_string() });
        }
        if replicas < brokers.min(REPLICAS) {
            let detail =
                format!("the topic {name} has {replicas} copies on {brokers} brokers, and should have {REPLICAS}");
            faults.push(Fault { kind: AlarmKind::TopicShape, detail });
        }
    }
    Ok(faults)
}
