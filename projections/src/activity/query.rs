//! What can be asked of the activity feed and the audit trail, and the form of the answers.

use crate::sequence_cursor::SequenceCursor;
use convenio_events::{
    AccessId, Actor, CommandId, EventId, OrganisationId, RecordKind, Sequence, StreamVersion, Subject, Timestamp,
    entry::Audience,
};
use serde::Serialize;
use serde_json::value::RawValue;

/// The most rows of one page.
pub const PAGE_LIMIT: usize = 200;
/// The most bytes of titles of one page; it then ends earlier. A row with a longer title comes alone.
pub(super) const PAGE_BYTES_LIMIT: usize = 1 << 20;

/// Which rows, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrailQuery {
    /// Only what happened to this record.
    pub subject: Option<Subject>,
    /// Only what happened to records in which this organisation is named, or what it did.
    pub organisation: Option<OrganisationId>,
    /// Only what this actor did.
    pub actor: Option<Actor>,
    /// Only what was done under this grant.
    pub grant: Option<AccessId>,
    /// Only records of these kinds.
    pub kinds: Vec<RecordKind>,
    /// Only this event type, as a full name or the beginning of one.
    pub event_type: Option<String>,
    /// Only rows below this sequence: `next_cursor` of the page before.
    pub cursor: Option<SequenceCursor>,
    /// At most this many, and at most [`PAGE_LIMIT`].
    pub limit: usize,
}

/// One event in the activity feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedItem {
    /// Which event.
    pub sequence: Sequence,
    /// When the ledger learnt it.
    pub time: Timestamp,
    /// Full type name.
    pub r#type: String,
    /// The record.
    pub subject: Subject,
    /// Its kind.
    pub kind: RecordKind,
    /// Who did it.
    pub actor: Actor,
    /// The record's title or name today, as a language map.
    pub title: Option<Box<RawValue>>,
    /// Whether it was recorded under a sample grant.
    pub sample: bool,
}

/// One event in the audit trail.
#[derive(Clone, Debug, Serialize)]
pub struct AuditItem {
    /// Which event.
    pub sequence: Sequence,
    /// Its id.
    pub id: EventId,
    /// When the ledger learnt it.
    pub time: Timestamp,
    /// Full type name.
    pub r#type: String,
    /// The record.
    pub subject: Subject,
    /// The record's version.
    #[serde(rename = "streamversion")]
    pub stream_version: StreamVersion,
    /// Who did it.
    pub actor: Actor,
    /// Under which grant.
    #[serde(with = "crate::grant_reference")]
    pub grant: Option<AccessId>,
    /// By which command.
    pub command_id: CommandId,
    /// Who might read it when it was recorded.
    pub audience: Audience,
    /// Whether it was recorded under a sample grant.
    pub sample: bool,
}

/// A page of rows, newest first.
#[derive(Clone, Debug, Serialize)]
pub struct TrailPage<T> {
    /// How many events had been folded when it was true.
    #[serde(skip)]
    pub position: Sequence,
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<SequenceCursor>,
}
