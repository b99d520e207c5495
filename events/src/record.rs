//! Record and text bytes: what the entry commits to. It knows their form, not what any of it means.

use crate::{
    canonical,
    commitment::Digest,
    ids::{AccessId, Actor, CommandId, EventId, StreamVersion, Subject},
    types::Facts,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What the entry's record commitment covers. Members are in the order of RFC 8785; absent ones are `null`.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Who did it.
    pub actor: Actor,
    /// The event that this one follows from.
    pub causation_id: Option<EventId>,
    /// On a command's first event, the salted digest of the command.
    pub command_digest: Option<Digest>,
    /// The command.
    pub command_id: CommandId,
    /// What the caller said hangs together.
    pub correlation_id: Option<CommandId>,
    /// What happened, as far as rules read it.
    pub facts: Facts,
    /// Under which grant.
    pub grant: Option<AccessId>,
    /// The event's own id (UUIDv7).
    pub id: EventId,
    /// The subject's dense version.
    pub stream_version: StreamVersion,
    /// The record it happened to.
    pub subject: Subject,
}

#[derive(Serialize)]
struct WireOut<'a> {
    actor: Actor,
    causationid: Option<EventId>,
    commanddigest: Option<Digest>,
    commandid: CommandId,
    correlationid: Option<CommandId>,
    facts: &'a Facts,
    grant: Option<Subject>,
    id: EventId,
    streamversion: StreamVersion,
    subject: Subject,
    r#type: &'a str,
}

/// The record's members as they are stored, with the facts not yet read.
#[derive(Clone, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct RawRecord<'a> {
    /// Who did it.
    pub actor: Actor,
    /// The event that this one follows from.
    pub causationid: Option<EventId>,
    /// On a command's first event, the salted digest of the command.
    pub commanddigest: Option<Digest>,
    /// The command.
    pub commandid: CommandId,
    /// What the caller said hangs together.
    pub correlationid: Option<CommandId>,
    /// The facts' JSON.
    #[serde(borrow)]
    pub facts: &'a RawValue,
    /// Under which grant: `access/<uuid>`.
    pub grant: Option<Subject>,
    /// The event's own id.
    pub id: EventId,
    /// The subject's dense version.
    pub streamversion: StreamVersion,
    /// The record it happened to.
    pub subject: Subject,
    /// `org.convenio.offer.published.v1`.
    pub r#type: &'a str,
}

impl<'a> RawRecord<'a> {
    /// Splits stored record bytes into their members.
    ///
    /// # Errors
    /// When the bytes are not JSON of exactly these members.
    pub fn parse(bytes: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(bytes)
    }
}

impl Record {
    /// The RFC 8785 bytes of the record.
    pub fn to_canonical(&self) -> String {
        let wire = WireOut {
            actor: self.actor,
            causationid: self.causation_id,
            commanddigest: self.command_digest,
            commandid: self.command_id,
            correlationid: self.correlation_id,
            facts: &self.facts,
            grant: self.grant.map(Subject::from),
            id: self.id,
            streamversion: self.stream_version,
            subject: self.subject,
            r#type: &self.facts.type_name(self.subject.kind),
        };
        canonical::of_ordered(&wire)
    }
}
