//! Where publishing goes on: what the publisher's group says, and what the topic's last message says. Where they contradict each
//! other it does not choose.
//!
//! The place is committed in the transaction of the messages that it is behind, as the offset after the last of them; its
//! metadata is the sequence that comes next. Kafka forgets the places of groups that are away for long
//! (`offsets.retention.minutes`), and messages that are old; whichever is there is enough.

use super::message::Published;
use crate::{error::KafkaLogError, settings::Settings, topics::Topic};
use convenio_events::Sequence;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext, ConsumerGroupMetadata},
    error::{KafkaError, KafkaResult},
    message::Message as _,
};
use std::time::{Duration, Instant};

/// How long one question to Kafka may take.
const CALL: Duration = Duration::from_secs(5);
/// How long the public topic may hide its end: a transaction of a publisher that was fenced is over by then.
const DECIDED_WITHIN: Duration = Duration::from_secs(5);
/// How soon it is asked again.
const DECIDED_SOON: Duration = Duration::from_millis(20);
/// How long the last message may be looked for.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);
/// How far before the topic's end its last message is looked for at first; then eight times as far, and so on. Behind it is
/// what was never committed, and Kafka's own marks.
const FIRST_STEP: i64 = 16;

/// The connection is spoken of by the calls that fail, once.
pub(super) struct Silent;

impl ClientContext for Silent {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka");
    }
}

impl ConsumerContext for Silent {}

/// The topic for the public and the publisher's group.
pub(super) struct Places {
    consumer: BaseConsumer<Silent>,
    /// Sees what is not decided too.
    all: BaseConsumer<Silent>,
    topic: String,
}

/// Where publishing goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The event that comes next.
    pub(super) next: Sequence,
    /// The offset after the last message.
    pub(super) offset: i64,
    /// The last message, where it is still there.
    pub(super) last: Option<Published>,
    /// Whether the group knows it.
    pub(super) committed: bool,
}

/// What the group says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Committed {
    offset: i64,
    next: Sequence,
}

impl Places {
    pub(super) fn open(settings: &Settings) -> Result<Self, KafkaLogError> {
        let consumer = |isolation| {
            let config = settings.client(
                &[("fetch.wait.max.ms", "100"), ("fetch.error.backoff.ms", "100")],
                &[
                    ("group.id", &settings.name("publisher")),
                    ("isolation.level", isolation),
                    ("auto.offset.reset", "earliest"),
                    ("enable.auto.commit", "false"),
                    ("enable.auto.offset.store", "false"),
                    ("enable.partition.eof", "true"),
                ],
            );
            let made = config.create_with_context(Silent);
            made.map_err(KafkaLogError::kafka("a consumer could not be made"))
        };
        let (consumer, all) = (consumer("read_committed")?, consumer("read_uncommitted")?);
        Ok(Self { consumer, all, topic: Topic::Events.name(settings) })
    }

    /// Finds the place; whoever published before must have been fenced.
    pub(super) fn find(&self, is_stopped: impl Fn() -> bool) -> Result<Place, KafkaLogError> {
        let committed = self.committed()?;
        let (begin, end) = self.ends(&is_stopped)?;
        let last = self.last(begin, end, is_stopped)?;
        // It would fetch whatever is published from now on.
        self.consumer.unassign().map_err(KafkaLogError::kafka("the public topic could not be let go"))?;
        agreed(committed, last, begin).map_err(|why| KafkaLogError::Published { topic: self.topic.clone(), why })
    }

    /// Where the topic begins and ends. What a transaction of somebody else hides may be the last message: the place would
    /// contradict what is seen before it.
    fn ends(&self, is_stopped: impl Fn() -> bool) -> Result<(i64, i64), KafkaLogError> {
        let ends = |consumer: &BaseConsumer<Silent>| {
            let asked = consumer.fetch_watermarks(&self.topic, 0, CALL);
            asked.map_err(KafkaLogError::kafka("the public topic's end is not known"))
        };
        let (_, all) = ends(&self.all)?;
        let deadline = Instant::now() + DECIDED_WITHIN;
        loop {
            let (begin, end) = ends(&self.consumer)?;
            if end >= all {
                return Ok((begin, end));
            }
            if is_stopped() || Instant::now() > deadline {
                return Err(KafkaLogError::Undecided { topic: self.topic.clone(), offset: end });
            }
            std::thread::sleep(DECIDED_SOON);
        }
    }

    fn committed(&self) -> Result<Option<Committed>, KafkaLogError> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition(&self.topic, 0);
        let what = "the publisher's place is not known";
        let told = self.consumer.committed_offsets(asked, CALL).map_err(KafkaLogError::kafka(what))?;
        let Some(element) = told.find_partition(&self.topic, 0) else { return Ok(None) };
        element.error().map_err(KafkaLogError::kafka(what))?;
        let Offset::Offset(offset) = element.offset() else { return Ok(None) };
        let next = element.metadata().parse().map_err(|_| KafkaLogError::Published {
            topic: self.topic.clone(),
            why: "somebody else has committed a place of the publisher's group".to_owned(),
        })?;
        Ok(Some(Committed { offset, next: Sequence(next) }))
    }

    /// The last message that was committed, if it is still there.
    fn last(&self, begin: i64, end: i64, is_stopped: impl Fn() -> bool) -> Result<Option<Published>, KafkaLogError> {
        let deadline = Instant::now() + LOOK_DEADLINE;
        let (mut from, mut step) = (end, FIRST_STEP);
        while from > begin {
            from = (from - step).max(begin);
            step *= 8;
            self.assign(from).map_err(KafkaLogError::kafka("the public topic could not be assigned"))?;
            let mut last = None;
            loop {
                match self.consumer.poll(Duration::from_millis(100)) {
                    None if is_stopped() || Instant::now() > deadline => {
                        return Err(KafkaLogError::Late("show the last event that was published"));
                    }
                    None => {}
                    Some(Ok(message)) => {
                        let offset = message.offset();
                        last = Some(Published::read(&message).ok_or_else(|| KafkaLogError::Published {
                            topic: self.topic.clone(),
                            why: format!("the message at offset {offset} is no event of a ledger"),
                        })?);
                    }
                    Some(Err(KafkaError::PartitionEOF(_))) => break,
                    Some(Err(error)) => return Err(KafkaLogError::kafka("the public topic cannot be read")(error)),
                }
            }
            if last.is_some() {
                return Ok(last);
            }
        }
        Ok(None)
    }

    fn assign(&self, offset: i64) -> KafkaResult<()> {
        let mut assigned = TopicPartitionList::new();
        assigned.add_partition_offset(&self.topic, 0, Offset::Offset(offset))?;
        self.consumer.assign(&assigned)
    }

    /// What is committed with messages of which the last is before `offset`.
    pub(super) fn place(&self, offset: i64, next: Sequence) -> KafkaResult<TopicPartitionList> {
        let mut place = TopicPartitionList::new();
        place.add_partition(&self.topic, 0).set_metadata(next.to_string());
        place.set_partition_offset(&self.topic, 0, Offset::Offset(offset))?;
        Ok(place)
    }

    pub(super) fn group(&self) -> ConsumerGroupMetadata {
        self.consumer.group_metadata().expect("the consumer has a group")
    }

    pub(super) fn topic(&self) -> &str {
        &self.topic
    }
}

/// What group and topic say together; `begin` is the offset of the oldest message that the topic still has.
fn agreed(committed: Option<Committed>, last: Option<Published>, begin: i64) -> Result<Place, String> {
    let (offset, next) = match (&committed, &last) {
        (Some(place), Some(last)) => {
            let after = (last.offset + 1, last.sequence.next());
            if after != (place.offset, place.next) {
                return Err(format!(
                    "the publisher's group says that event {} at offset {} comes next, and the last that is there is event {} at \
                     offset {}",
                    place.next, place.offset, last.sequence, last.offset
                ));
            }
            after
        }
        (None, Some(last)) => (last.offset + 1, last.sequence.next()),
        // What it speaks of was deleted, for it was old.
        (Some(place), None) if begin >= place.offset => (place.offset, place.next),
        (Some(place), None) => {
            return Err(format!(
                "the publisher's group says that event {} comes next, at offset {}, and nothing is there before it",
                place.next, place.offset
            ));
        }
        (None, None) if begin == 0 => (0, Sequence::ZERO),
        (None, None) => {
            return Err("all its events have been deleted, and Kafka has forgotten the place of the publisher's group: which \
                        event comes next is not known. When the topic is deleted, the ledger is published from its beginning"
                .to_owned());
        }
    };
    Ok(Place { next, offset, last, committed: committed.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_and_topic_agree_or_nothing_is_published() {
        let place = |offset, next| Some(Committed { offset, next: Sequence(next) });
        let event = |offset, sequence| Some(Published { offset, sequence: Sequence(sequence), id: String::new() });
        for (committed, last, begin, expected) in [
            (None, None, 0, Some((0, 0))),
            (None, event(12, 9), 0, Some((13, 10))),
            (None, event(12, 9), 7, Some((13, 10))),
            (place(13, 10), event(12, 9), 0, Some((13, 10))),
            (place(13, 10), None, 13, Some((13, 10))),
            (place(13, 10), None, 14, Some((13, 10))),
            (place(0, 0), None, 0, Some((0, 0))),
            // All was deleted, and the place forgotten.
            (None, None, 14, None),
            // The place is ahead, behind, or of another topic.
            (place(13, 10), event(11, 8), 0, None),
            (place(12, 9), event(12, 9), 0, None),
            (place(13, 11), event(12, 9), 0, None),
            (place(13, 10), None, 0, None),
        ] {
            let found = agreed(committed, last.clone(), begin);
            let found = found.map(|place| (place.offset, place.next.0)).ok();
            assert_eq!(found, expected, "{committed:?} {last:?} {begin}");
        }
    }
}
