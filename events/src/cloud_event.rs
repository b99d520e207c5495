//! Events on the wire: CloudEvents 1.0 JSON. Which of the three views of an event a reader gets is decided elsewhere.

use crate::{
    entry::Entry,
    ids::{EventId, LedgerId, Sequence},
    record::RawRecord,
    recorded::RecordedEvent,
    types::WITHHELD_TYPE,
};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

/// A stored event as CloudEvents 1.0 JSON with the ledger's extensions; `data` is `{facts, text}`, as stored, never upcast.
#[derive(Serialize, Debug)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: EventId,
    source: String,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<crate::Subject>,
    time: crate::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataschema: Option<String>,
    ledgersequence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    streamversion: Option<crate::StreamVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<crate::Actor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant: Option<crate::Subject>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commandid: Option<crate::CommandId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlationid: Option<crate::CommandId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize, Debug)]
struct Data<'a> {
    facts: &'a RawValue,
    text: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

/// Stored bytes that cannot be shown as an event.
#[derive(Debug, thiserror::Error)]
#[error("event {0} is stored in a form that cannot be read")]
pub struct UnreadableEvent(pub Sequence);

/// An event as somebody who may read it sees it.
///
/// # Errors
/// [`UnreadableEvent`] when the stored bytes are damaged.
pub fn shown(event: &RecordedEvent) -> Result<CloudEvent<'_>, UnreadableEvent> {
    let unreadable = || UnreadableEvent(event.sequence);
    let entry = Entry::parse(&event.entry).map_err(|_| unreadable())?;
    let raw = RawRecord::parse(&event.record).map_err(|_| unreadable())?;
    let text = event.text.as_deref().map(serde_json::from_str::<&RawValue>).transpose().map_err(|_| unreadable())?;
    Ok(CloudEvent {
        specversion: "1.0",
        id: raw.id,
        source: source(entry.ledger),
        r#type: raw.r#type,
        subject: Some(raw.subject),
        time: entry.time,
        datacontenttype: Some("application/json"),
        dataschema: Some(format!("/schemas/{}.json", raw.r#type)),
        ledgersequence: event.sequence.to_string(),
        streamversion: Some(raw.streamversion),
        actor: Some(raw.actor),
        grant: raw.grant,
        commandid: Some(raw.commandid),
        correlationid: raw.correlationid,
        causationid: raw.causationid,
        withheld: None,
        data: Some(Data { facts: raw.facts, text, erased: event.text_salt.is_none() }),
    })
}

/// An event as somebody who may not read it sees it: that something happened, and when.
pub fn withheld(entry: &Entry) -> CloudEvent<'static> {
    CloudEvent {
        specversion: "1.0",
        id: withheld_id(entry.ledger, entry.sequence),
        source: source(entry.ledger),
        r#type: WITHHELD_TYPE,
        subject: None,
        time: entry.time,
        datacontenttype: None,
        dataschema: None,
        ledgersequence: entry.sequence.to_string(),
        streamversion: None,
        actor: None,
        grant: None,
        commandid: None,
        correlationid: None,
        causationid: None,
        withheld: Some("visibility"),
        data: None,
    }
}

/// The id of a withheld event: UUIDv5 of the ledger and the sequence in decimal.
pub fn withheld_id(ledger: LedgerId, sequence: Sequence) -> EventId {
    EventId::new(Uuid::new_v5(&ledger.uuid(), sequence.to_string().as_bytes()))
}

/// The CloudEvents source of a ledger, for ever.
pub fn source(ledger: LedgerId) -> String {
    format!("urn:convenio:{ledger}")
}
