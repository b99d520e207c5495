//! An event as folds see it: the stored bytes, read. Reading checks form and commitments only when asked to.

use crate::{
    canonical,
    commitment::{Digest, record_commitment, text_commitment},
    entry::{Audience, Entry, EntryError},
    ids::{AccessId, Actor, CommandId, EventId, LedgerId, RecordKind, Sequence, StreamVersion, Subject},
    record::RawRecord,
    recorded::RecordedEvent,
    time::Timestamp,
    types::{
        EventType, Facts,
        about::{About, Happened},
        split_type_name,
    },
};

/// An event that was decided and waits for its place in the log.
#[derive(Clone, PartialEq, Debug)]
pub struct NewEvent {
    /// The record it happens to.
    pub subject: Subject,
    /// What happens, as far as rules read it.
    pub facts: Facts,
    /// RFC 8785 JSON of what is in free words.
    pub text: Option<Box<str>>,
}

impl NewEvent {
    /// An event with the text that its type allows.
    pub fn new<T: EventType>(subject: impl Into<Subject>, facts: T, text: Option<T::Text>) -> Self {
        let text = text.map(|text| canonical::of_ordered(&text).into());
        Self { subject: subject.into(), facts: facts.into_facts(), text }
    }
}

/// A recorded event, read.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its position in the ledger.
    pub sequence: Sequence,
    /// When the ledger learnt it.
    pub time: Timestamp,
    /// Who may read it.
    pub audience: Audience,
    /// The ledger.
    pub ledger: LedgerId,
    /// Its own id.
    pub id: EventId,
    /// The record it happened to.
    pub subject: Subject,
    /// The subject's version; the first event has 0.
    pub stream_version: StreamVersion,
    /// Who did it.
    pub actor: Actor,
    /// Under which grant.
    pub grant: Option<AccessId>,
    /// The command.
    pub command_id: CommandId,
    /// What the caller said hangs together.
    pub correlation_id: Option<CommandId>,
    /// The event that this one follows from.
    pub causation_id: Option<EventId>,
    /// On a command's first event, the salted digest of the command.
    pub command_digest: Option<Digest>,
    /// What happened, as far as rules read it.
    pub facts: Facts,
    /// JSON of what is in free words; `None` when there is none or it was erased.
    pub text: Option<Box<str>>,
    /// Whether there was a text that was erased.
    pub erased: bool,
}

impl Event {
    /// What it says of its record, whatever else it says.
    pub fn about(&self) -> About {
        self.facts.about(Happened { subject: self.subject, actor: self.actor })
    }
}

/// Why stored bytes are not an event that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The entry is not one.
    #[error("event {sequence} has a bad entry")]
    Entry {
        /// Where.
        sequence: Sequence,
        /// Why.
        source: EntryError,
    },
    /// The record is not one, or its facts do not fit its type.
    #[error("event {sequence} has a bad record")]
    Record {
        /// Where.
        sequence: Sequence,
        /// Why.
        source: serde_json::Error,
    },
    /// A type of a newer program.
    #[error("event {sequence} has the unknown type {type_name}: this program is older than the ledger")]
    UnknownType {
        /// Where.
        sequence: Sequence,
        /// Which type.
        type_name: String,
    },
    /// The bytes do not open the entry's commitments, or stand at another position.
    #[error("event {sequence} does not open its entry: {what}")]
    Commitment {
        /// Where.
        sequence: Sequence,
        /// Which part.
        what: &'static str,
    },
}

impl Event {
    /// Reads a stored event.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes have another form or a type is unknown.
    pub fn decode(recorded: &RecordedEvent) -> Result<Self, DecodeError> {
        let sequence = recorded.sequence;
        let entry = Entry::parse(&recorded.entry).map_err(|source| DecodeError::Entry { sequence, source })?;
        let bad_record = |source| DecodeError::Record { sequence, source };
        let raw = RawRecord::parse(&recorded.record).map_err(bad_record)?;
        let unknown = || DecodeError::UnknownType { sequence, type_name: raw.r#type.to_owned() };
        let (kind, suffix) = split_type_name(raw.r#type).ok_or_else(unknown)?;
        let facts = Facts::decode(kind, suffix, raw.facts.get()).ok_or_else(unknown)?.map_err(bad_record)?;
        if kind != raw.subject.kind || entry.sequence != sequence {
            return Err(DecodeError::Commitment { sequence, what: "its type, subject and position disagree" });
        }
        Ok(Self {
            sequence,
            time: entry.time,
            audience: entry.audience,
            ledger: entry.ledger,
            id: raw.id,
            subject: raw.subject,
            stream_version: raw.streamversion,
            actor: raw.actor,
            grant: raw.grant.filter(|grant| grant.kind == RecordKind::Access).map(|grant| AccessId::new(grant.id)),
            command_id: raw.commandid,
            correlation_id: raw.correlationid,
            causation_id: raw.causationid,
            command_digest: raw.commanddigest,
            facts,
            text: recorded.text.clone(),
            erased: recorded.text_salt.is_none(),
        })
    }

    /// Checks that the stored bytes are those that the entry commits to. An erased text opens nothing and is passed over.
    ///
    /// # Errors
    /// [`DecodeError`] naming the part that does not open.
    pub fn check_commitments(recorded: &RecordedEvent) -> Result<Entry, DecodeError> {
        let sequence = recorded.sequence;
        let entry = Entry::parse(&recorded.entry).map_err(|source| DecodeError::Entry { sequence, source })?;
        let text = recorded.text.as_deref().unwrap_or_default();
        if entry.sequence != sequence {
            return Err(DecodeError::Commitment { sequence, what: "position" });
        }
        if record_commitment(&recorded.record_salt, recorded.record.as_bytes()) != entry.record {
            return Err(DecodeError::Commitment { sequence, what: "record" });
        }
        match &recorded.text_salt {
            Some(salt) if text_commitment(salt, text.as_bytes()) != entry.text => {
                Err(DecodeError::Commitment { sequence, what: "text" })
            }
            None if recorded.text.is_some() => Err(DecodeError::Commitment { sequence, what: "text without a salt" }),
            _ => Ok(entry),
        }
    }

    /// The full type name.
    pub fn type_name(&self) -> String {
        self.facts.type_name(self.subject.kind)
    }

    /// The text, read as that of type `T`; `None` when there is none, it was erased, or it has another form.
    pub fn text<T: EventType>(&self) -> Option<T::Text> {
        serde_json::from_str(self.text.as_deref()?).ok()
    }
}
