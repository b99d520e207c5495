//! Reads a ledger's topics as a node would that begins now, and says everything that would stop it. It copies and changes nothing.

use crate::{
    closing::Closed,
    complaints::Complaints,
    error::{KafkaLogError, code},
    follower::{KEYS_BARRIER, consume},
    frame::{self, CONTROL},
    seal::{self, TextKey},
    settings::Settings,
    topics::Topic,
};
use convenio_events::{LedgerId, Sequence};
use rdkafka::{
    Offset,
    consumer::{BaseConsumer, Consumer as _},
    error::{KafkaError, RDKafkaErrorCode},
    message::{BorrowedMessage, Headers as _, Message as _},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long brokers may be silent while a topic is read.
const SILENCE: Duration = Duration::from_secs(10);
/// How soon it is asked again whether it has ended.
const AGAIN: Duration = Duration::from_millis(100);

/// What is wrong with a topic, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What, in words for an operator.
    pub what: String,
    /// And what to do.
    pub advice: &'static str,
}

/// What was found in a ledger's topics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Examined {
    /// How many events could be read, each with its text.
    pub events: u64,
    /// Which ledger they are of.
    pub ledger: Option<LedgerId>,
    /// What is wrong, the first of each kind.
    pub faults: Vec<Fault>,
}

const DISASTER: &str = "start no node, stop those that run, and read docs/operating-kafka.md, \"Disasters\"";

impl Examined {
    fn fault(&mut self, what: impl Into<String>, advice: &'static str) {
        self.faults.push(Fault { what: what.into(), advice });
    }
}

/// Reads log and keys, which are there: all of both, or of the keys the first only, where it shall be quick. It blocks.
///
/// # Errors
/// [`KafkaLogError`] where Kafka does not answer.
pub fn examine(settings: &Settings, quick: bool) -> Result<Examined, KafkaLogError> {
    let mut found = Examined::default();
    examine_truth(settings, quick, &mut found)?;
    if let Err(error) = look_at_ends(settings, Topic::Events, &mut found) {
        // It may not be there: that is told by whoever looks at the topics themselves.
        tracing::debug!(error = &error as &dyn std::error::Error, "examining the public topic");
    }
    Ok(found)
}

fn examine_truth(settings: &Settings, quick: bool, found: &mut Examined) -> Result<(), KafkaLogError> {
    for topic in Topic::TRUTH {
        look_at_ends(settings, topic, found)?;
    }
    if found.faults.is_empty()
        && let Some(keys) = read_keys(settings, quick, found)?
        && !quick
    {
        read_log(settings, &keys, found)?;
    }
    Ok(())
}

/// Whether a topic still has its beginning, and hides nothing.
fn look_at_ends(settings: &Settings, topic: Topic, found: &mut Examined) -> Result<(), KafkaLogError> {
    let name = topic.name(settings);
    let asker = |isolation| -> Result<BaseConsumer, KafkaLogError> {
        let client = settings.client(&[], &[("isolation.level", isolation)]).create();
        client.map_err(KafkaLogError::kafka("a client could not be made"))
    };
    let ends = |asker: &BaseConsumer| {
        asker.fetch_watermarks(&name, 0, SILENCE).map_err(KafkaLogError::kafka("a topic's end is not told"))
    };
    let (begin, end) = ends(&asker("read_uncommitted")?)?;
    // What is published is forgotten.
    if begin > 0 && topic != Topic::Events {
        found.fault(KafkaLogError::Truncated { topic: name, begin }.to_string(), DISASTER);
        return Ok(());
    }
    let (decided, deadline) = (asker("read_committed")?, Instant::now() + settings.periods.transaction_hangs);
    loop {
        let (_, stable) = ends(&decided)?;
        if stable >= end {
            return Ok(());
        }
        if Instant::now() > deadline {
            let what = format!(
                "a transaction of somebody else is open in {name} at offset {stable}, and hides what comes after it"
            );
            found.fault(what, "end it with kafka-transactions: docs/operating-kafka.md, \"A transaction hangs\"");
            return Ok(());
        }
        std::thread::sleep(AGAIN);
    }
}

/// Reads a topic from its beginning to its end; `take` says whether to go on. False where that may not be read.
fn read(
    settings: &Settings,
    topic: Topic,
    found: &mut Examined,
    mut take: impl FnMut(&BorrowedMessage<'_>, &mut Examined) -> bool,
) -> Result<bool, KafkaLogError> {
    let name = topic.name(settings);
    let consumer: BaseConsumer<Complaints> = consume(settings, &name, Offset::Offset(0))?;
    loop {
        match consumer.poll(SILENCE) {
            None => return Err(KafkaLogError::Late("show a topic")),
            Some(Ok(message)) => {
                if !take(&message, found) {
                    return Ok(true);
                }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(true),
            Some(Err(error)) if code(&error) == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
                let what = format!("the topic {name} may not be read");
                found.fault(what, "give the user of the nodes the right to Read: docs/operating-kafka.md, \"Rights\"");
                return Ok(false);
            }
            // A broker that has just begun to lead it.
            Some(Err(error)) => tracing::debug!(%error, topic = name, "examining"),
        }
    }
}

type Keys = BTreeMap<Sequence, Option<TextKey>>;

fn read_keys(settings: &Settings, quick: bool, found: &mut Examined) -> Result<Option<Keys>, KafkaLogError> {
    let (mut keys, name) = (Keys::new(), Topic::Keys.name(settings));
    let readable = read(settings, Topic::Keys, found, |message, found| {
        let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse().ok().map(Sequence);
        match (message.key(), message.payload().map(<[u8; 32]>::try_from)) {
            (Some(KEYS_BARRIER), _) => true,
            (Some(key), None | Some(Ok(_))) if number(key).is_some() => {
                let key = number(key).expect("it was looked at");
                let value = message.payload().and_then(|value| value.try_into().ok()).map(TextKey);
                if keys.insert(key, value).is_some() {
                    found.fault(format!("the key of event {key} was written again or destroyed in {name}"), DISASTER);
                }
                !quick && found.faults.is_empty()
            }
            _ => {
                let what = format!("the message at offset {} of {name} is no key", message.offset());
                found.fault(what, DISASTER);
                false
            }
        }
    })?;
    Ok((readable && found.faults.is_empty()).then_some(keys))
}

fn read_log(settings: &Settings, keys: &Keys, found: &mut Examined) -> Result<(), KafkaLogError> {
    let (mut closed, name) = (None, Topic::Log.name(settings));
    read(settings, Topic::Log, found, |message, found| {
        let value = message.payload().unwrap_or_default();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        let control =
            headers.filter(|header| header.key == CONTROL).map(|header| header.value.unwrap_or_default()).next();
        let outcome = match control {
            Some(kind) => Closed::hear(&mut closed, kind, value),
            None => event(value, keys, found),
        };
        if let Err(why) = outcome {
            let what = format!("the message at offset {} of {name} is not what it must be: {why}", message.offset());
            found.fault(what, DISASTER);
        }
        found.faults.is_empty()
    })?;
    if let Some(closed) = closed {
        found.fault(
            format!("{name} takes no events: {closed}"),
            "that is as somebody moved it: docs/kafka.md, \"Moving in and out\"",
        );
    }
    Ok(())
}

/// Whether this is the next event, and its text opens.
fn event(value: &[u8], keys: &Keys, found: &mut Examined) -> Result<(), String> {
    let (frame, entry) = frame::decode(value)?;
    if entry.sequence.0 != found.events {
        return Err(format!("event {} should come, and {} does", found.events, entry.sequence));
    }
    if found.ledger.is_some_and(|ledger| ledger != entry.ledger) {
        return Err(format!("it is of the ledger {}", entry.ledger));
    }
    let key = keys.get(&entry.sequence).copied().flatten();
    if key.is_none() && !frame.sealed.0.is_empty() {
        return Err(format!("the key of event {} is missing, and no event erased its text", entry.sequence));
    }
    let opened = seal::open_event(&entry, frame, key).map_err(|error| error.to_string())?;
    frame::check(&entry, &opened)?;
    (found.events, found.ledger) = (found.events + 1, Some(entry.ledger));
    Ok(())
}
