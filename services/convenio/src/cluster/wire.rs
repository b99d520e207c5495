//! Commands and their answers as lines of JSON between nodes. Nodes of two versions may talk: what one does not know of the
//! other's answers is told as an outcome that is not known.

use convenio_events::{
    AccessId, CommandId, EventId, OrganisationId, Sequence, StreamVersion, Subject, commitment::Digest,
};
use convenio_ledger::{
    authorise::Credential,
    rejection::{Accepted, Reason, RecordedRef, Refusal, Rejection, Unavailable},
    submission::{Answer, Body, Submission},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A command on its way to the writer.
#[derive(Serialize, Deserialize)]
pub(super) struct SentCommand {
    /// The digest of the caller's bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<Digest>,
    /// A grant that the sending node acts under itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grant: Option<AccessId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acting_for: Option<OrganisationId>,
    id: CommandId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_id: Option<CommandId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_version: Option<StreamVersion>,
    /// RFC 8785 JSON of `{command, data, expected_version}`, the data as the caller wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Box<RawValue>>,
    /// The digest of the token that a new grant is given, where the sending node made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new_token: Option<Digest>,
    /// Why the command could not be read: told only to callers that are who they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unreadable: Option<SentRejection>,
}

impl SentCommand {
    /// `None` for what no node does for another: what an operator does at the machine.
    pub(super) fn new(submission: &Submission) -> Option<Self> {
        let (token, grant) = match submission.credential {
            Credential::Token(digest) => (Some(digest), None),
            Credential::Grant(id) => (None, Some(id)),
            Credential::Operator => return None,
        };
        let (body, new_token, unreadable) = match &submission.body {
            Ok(body) => {
                let canonical = RawValue::from_string(body.as_written().to_owned()).expect("canonical JSON is JSON");
                (Some(canonical), body.token(), None)
            }
            Err(rejection) => (None, None, Some(SentRejection::new(rejection))),
        };
        let &Submission { acting_for, id, correlation_id, expected_version, .. } = submission;
        Some(Self { token, grant, acting_for, id, correlation_id, expected_version, body, new_token, unreadable })
    }

    /// As it came in at the other node, or what is wrong with it.
    pub(super) fn submission(self) -> Result<Submission, &'static str> {
        let credential = match (self.token, self.grant) {
            (Some(digest), None) => Credential::Token(digest),
            (None, Some(id)) => Credential::Grant(id),
            _ => return Err("a command has either a token or a grant"),
        };
        let body = match (self.body, self.unreadable) {
            (Some(canonical), None) => {
                let mut body = Body::reparse(canonical.get());
                if let (Ok(body), Some(digest)) = (&mut body, self.new_token) {
                    body.provide_token(digest);
                }
                body
            }
            (None, Some(rejection)) => Err(rejection.known().ok_or("the rejection has an unknown reason")?),
            _ => return Err("a command has either a body or why it has none"),
        };
        let Self { acting_for, id, correlation_id, expected_version, .. } = self;
        Ok(Submission { credential, acting_for, id, correlation_id, expected_version, body })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct SentRejection {
    reason: String,
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl SentRejection {
    fn new(rejection: &Rejection) -> Self {
        let Rejection { reason, code, field, detail } = rejection;
        Self { reason: reason.code().into(), code: code.clone().into(), field: field.clone(), detail: detail.clone() }
    }

    fn known(self) -> Option<Rejection> {
        let reason = Reason::ALL.iter().copied().find(|reason| reason.code() == self.reason)?;
        Some(Rejection { reason, code: self.code.into(), field: self.field, detail: self.detail })
    }
}

/// The last line of an answer: what shows that a node of the ledger gave all lines before it, to this very request.
#[derive(Serialize, Deserialize)]
pub(super) struct AnswerSignature {
    /// What the answering node's clock says, in milliseconds since 1970.
    pub(super) time_ms: u64,
    /// Base64 of the code.
    pub(super) signature: String,
}

/// How a command ended, on its way back.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SentAnswer {
    Accepted(SentAccepted),
    Rejected(SentRejection),
    Unavailable(String),
}

#[derive(Serialize, Deserialize)]
pub(super) struct SentAccepted {
    subject: Subject,
    sequence: Sequence,
    stream_version: StreamVersion,
    events: Vec<SentEvent>,
    command_id: CommandId,
    replay: bool,
}

#[derive(Serialize, Deserialize)]
struct SentEvent {
    id: EventId,
    r#type: String,
    sequence: Sequence,
}

impl SentAnswer {
    pub(super) fn new(answer: &Answer) -> Self {
        match answer {
            Ok(Accepted { subject, sequence, stream_version, events, command_id, replay }) => {
                let event = |event: &RecordedRef| SentEvent {
                    id: event.id,
                    r#type: event.type_name.to_string(),
                    sequence: event.sequence,
                };
                Self::Accepted(SentAccepted {
                    subject: *subject,
                    sequence: *sequence,
                    stream_version: *stream_version,
                    events: events.iter().map(event).collect(),
                    command_id: *command_id,
                    replay: *replay,
                })
            }
            Err(Refusal::Rejected(rejection)) => Self::Rejected(SentRejection::new(rejection)),
            Err(Refusal::Unavailable(why)) => Self::Unavailable(why.code().to_owned()),
        }
    }

    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Accepted(SentAccepted { subject, sequence, stream_version, events, command_id, replay }) => {
                let event = |SentEvent { id, r#type, sequence }| RecordedRef { id, type_name: r#type, sequence };
                let events = events.into_iter().map(event).collect();
                Ok(Accepted { subject, sequence, stream_version, events, command_id, replay })
            }
            // A refusal binds no id: the same command may be sent again, to a node that knows how to tell it.
            Self::Rejected(rejection) => {
                Err(rejection.known().map_or(Refusal::Unavailable(Unavailable::OutcomeUnknown), Refusal::Rejected))
            }
            Self::Unavailable(code) => {
                let known = Unavailable::ALL.into_iter().find(|known| known.code() == code);
                Err(Refusal::Unavailable(known.unwrap_or(Unavailable::OutcomeUnknown)))
            }
        }
    }
}
