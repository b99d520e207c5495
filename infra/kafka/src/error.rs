//! What can be wrong with a log on Kafka. Whether to try again is the caller's question, and [`KafkaLogError::may_pass`] its answer.

use crate::closing::Closed;
use convenio_events::{Sequence, log::OpenError};
use convenio_journal::JournalError;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// Why a log on Kafka cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KafkaLogError {
    /// librdkafka does not take a property. Its value is not told: it may be a secret.
    #[error("librdkafka does not take kafka.{name}: {why}")]
    Property {
        /// The property.
        name: String,
        /// Why.
        why: String,
    },
    /// Kafka does not answer, or says no.
    #[error("Kafka: {what}")]
    Kafka {
        /// What was asked of it.
        what: &'static str,
        /// What it said.
        #[source]
        source: KafkaError,
    },
    /// Kafka does not let us in.
    #[error("Kafka does not let this node in: {reason}")]
    Refused {
        /// Whether it is who we are, or the connection.
        code: RDKafkaErrorCode,
        /// What librdkafka says of it.
        reason: String,
    },
    /// Nobody answered in time.
    #[error("Kafka did not {0} in time")]
    Late(&'static str),
    /// A topic that may lose history or order.
    #[error("the topic {topic} has {name} = {found}, and must have {wanted}")]
    Topic {
        /// Which topic.
        topic: String,
        /// What of it.
        name: &'static str,
        /// As it is.
        found: String,
        /// As it must be.
        wanted: String,
    },
    /// The topic and this node's copy tell different histories.
    #[error("the topic {topic} does not hold what this node has copied from it: {why}")]
    OtherHistory {
        /// Which topic.
        topic: String,
        /// What is different.
        why: String,
    },
    /// A topic whose first messages were deleted: it holds the ledger no more.
    #[error(
        "the topic {topic} begins at offset {begin}, and not at 0: what was before that is not there any more, nor is the \
         ledger whole (docs/operating-kafka.md, \"Disasters\")"
    )]
    Truncated {
        /// Which topic.
        topic: String,
        /// Where it begins.
        begin: i64,
    },
    /// A topic of a ledger that was opened is not there.
    #[error(
        "the topic {topic} is not there, and the ledger of this node was opened before: it is not made anew. Is the ledger's name \
         in --log right? If the topic was deleted, start no node, and read docs/operating-kafka.md, \"Disasters\""
    )]
    Missing {
        /// Which topic.
        topic: String,
    },
    /// A text whose key is not in the topic of keys, though no event erased it.
    #[error(
        "the key of event {sequence} {how}, and no event erased its text: the topic {topic} was changed by somebody else"
    )]
    Key {
        /// Which topic.
        topic: String,
        /// Whose key.
        sequence: Sequence,
        /// What became of it.
        how: &'static str,
    },
    /// The topic for the public and the publisher's place, or the log, say different things: it would double or skip events.
    #[error("the topic {topic} cannot be continued: {why}")]
    Published {
        /// Which topic.
        topic: String,
        /// What is different.
        why: String,
    },
    /// A transaction that does not end hides what is in the topic.
    #[error(
        "a transaction of somebody else is open in {topic} at offset {offset}, and hides what comes after it: find who began it, or \
         end it with kafka-transactions (docs/operating-kafka.md, \"A transaction hangs\")"
    )]
    Undecided {
        /// Which topic.
        topic: String,
        /// Where it is open.
        offset: i64,
    },
    /// A message that is no event of this ledger.
    #[error("the message at offset {offset} of the ledger's topic cannot be read: {why}")]
    Message {
        /// Where.
        offset: i64,
        /// Why.
        why: String,
    },
    /// A message in the topic of keys that is none.
    #[error("the message at offset {offset} of the ledger's topic of keys is no key: {why}")]
    KeyMessage {
        /// Where.
        offset: i64,
        /// Why.
        why: String,
    },
    /// This node's clock is not that of the brokers.
    #[error("{0}")]
    Clock(String),
    /// Nodes of the ledger sign what they say in its topic, and this program does not hold their secret.
    #[error(
        "the nodes of the ledger sign what they say in the topic {topic}, and the secret that they hold is not given here: name it \
         with --cluster-secret-file (it is the file cluster-secret in the identity directory of a node). Where all nodes were \
         given a new one, start a node first"
    )]
    Unauthorised {
        /// Which topic.
        topic: String,
    },
    /// What forbids this node to write lasts.
    #[error("this node must not write now: {0}")]
    Forbidden(String),
    /// A text that does not open with its key.
    #[error("the text of event {0} does not open with its key")]
    Seal(Sequence),
    /// Nobody may write to the topic.
    #[error("the topic {topic} takes no events: {closed}")]
    Closed {
        /// Which topic.
        topic: String,
        /// Why.
        closed: Closed,
    },
    /// Another writer took over.
    #[error("a node has begun to write to the ledger's topic: stop every node of the ledger")]
    Fenced,
    /// The copy on this node stands still for good.
    #[error("this node follows the log no more: {0}")]
    Halted(String),
    /// The node's own copy.
    #[error("the copy of the log on this node")]
    Journal(#[from] JournalError),
}

impl KafkaLogError {
    /// What librdkafka said when `what` was asked of it.
    pub(crate) fn kafka(what: &'static str) -> impl FnOnce(KafkaError) -> Self {
        move |source| {
            if let KafkaError::ClientConfig(_, why, name, _) = source {
                Self::Property { name, why }
            } else {
                Self::Kafka { what, source }
            }
        }
    }

    /// Whether the same may succeed later, without anybody mending anything.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Kafka { source, .. } => !matches!(
                code(source),
                Some(
                    RDKafkaErrorCode::TopicAuthorizationFailed
                        | RDKafkaErrorCode::GroupAuthorizationFailed
                        | RDKafkaErrorCode::ClusterAuthorizationFailed
                        | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
                        | RDKafkaErrorCode::Authentication
                )
            ),
            // A broker that is starting may break off before it has said who it is.
            Self::Refused { code, .. } => *code == RDKafkaErrorCode::SSL,
            Self::Late(_) | Self::Undecided { .. } | Self::Forbidden(_) | Self::Clock(_) => true,
            Self::Journal(error) => matches!(error, JournalError::Unavailable { .. }),
            Self::Property { .. }
            | Self::Topic { .. }
            | Self::OtherHistory { .. }
            | Self::Truncated { .. }
            | Self::Unauthorised { .. }
            | Self::Missing { .. }
            | Self::Key { .. }
            | Self::Published { .. }
            | Self::Message { .. }
            | Self::KeyMessage { .. }
            | Self::Closed { .. }
            | Self::Fenced
            | Self::Halted(_)
            | Self::Seal(_) => false,
        }
    }
}

impl From<KafkaLogError> for OpenError {
    fn from(error: KafkaLogError) -> Self {
        if error.may_pass() { Self::Unavailable(error.into()) } else { Self::Damaged(error.into()) }
    }
}

/// Kafka's own code of an error.
pub(crate) fn code(error: &KafkaError) -> Option<RDKafkaErrorCode> {
    if let KafkaError::Transaction(error) = error {
        return Some(error.code());
    }
    if let KafkaError::AdminOp(code) = error { Some(*code) } else { error.rdkafka_error_code() }
}

/// Whether a producer was told that another took its place.
pub(crate) fn is_fenced(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch)
}
