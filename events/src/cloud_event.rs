//! Events on the wire: CloudEvents 1.0 JSON. Which of the three views of an event a reader gets is decided elsewhere.

use crate::{
    entry::{Audience, Entry},
    ids::{EventId, LedgerId, Sequence},
    record::RawRecord,
    recorded::RecordedEvent,
    schemas::SchemaLocation,
    types::{EventType as _, WITHHELD_TYPE, record::VisibilityChanged},
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
    dataref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize, Debug)]
struct Data<'a> {
    facts: &'a RawValue,
    /// `null` where there is none.
    text: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

impl CloudEvent<'_> {
    /// Its id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// What it happened to; of a withheld event that is not told.
    pub fn subject(&self) -> Option<crate::Subject> {
        self.subject
    }

    /// When the ledger learnt it.
    pub fn time(&self) -> crate::Timestamp {
        self.time
    }

    /// The media type of the data, where there is data.
    pub fn content_type(&self) -> Option<&'static str> {
        self.datacontenttype
    }

    /// The context attributes that are there, as text: for transports that carry them beside the data. Without the content type,
    /// which these name otherwise.
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let Self { specversion, id, source, r#type, subject, time, datacontenttype: _, dataschema, .. } = self;
        let Self { ledgersequence, streamversion, actor, grant, commandid, correlationid, causationid, .. } = self;
        let Self { dataref, withheld, data: _, .. } = self;
        let some = |name, value: Option<&dyn std::fmt::Display>| value.map(|value| (name, value.to_string()));
        fn shown<T: std::fmt::Display>(value: &Option<T>) -> Option<&dyn std::fmt::Display> {
            value.as_ref().map(|value| value as &dyn std::fmt::Display)
        }
        let all = [
            some("specversion", Some(specversion)),
            some("id", Some(id)),
            some("source", Some(source)),
            some("type", Some(r#type)),
            some("subject", shown(subject)),
            some("time", Some(time)),
            some("dataschema", shown(dataschema)),
            some("ledgersequence", Some(ledgersequence)),
            some("streamversion", shown(streamversion)),
            some("actor", shown(actor)),
            some("grant", shown(grant)),
            some("commandid", shown(commandid)),
            some("correlationid", shown(correlationid)),
            some("causationid", shown(causationid)),
            some("dataref", shown(dataref)),
            some("withheld", shown(withheld)),
        ];
        all.into_iter().flatten().collect()
    }

    /// The data's JSON; `None` where there is no data.
    pub fn data(&self) -> Option<Vec<u8>> {
        let data = self.data.as_ref()?;
        Some(serde_json::to_vec(data).expect("our types have string keys"))
    }

    /// Leaves the text out of the data: its reader may know what happened, and not the words.
    #[must_use]
    pub fn without_text(mut self) -> Self {
        if let Some(data) = &mut self.data {
            data.text = None;
        }
        self
    }

    /// Leaves the data out, where there is a text in it, and says instead where it can be fetched. All of it, because what
    /// `dataref` names and `data` are the same wherever both are (CloudEvents, dataref).
    #[must_use]
    pub fn with_text_at(mut self, address: impl FnOnce(EventId) -> String) -> Self {
        if self.data.as_ref().is_some_and(|data| data.text.is_some()) {
            self.data = None;
            self.dataref = Some(address(self.id));
        }
        self
    }
}

/// Stored bytes that cannot be shown as an event.
#[derive(Debug, thiserror::Error)]
#[error("event {0} is stored in a form that cannot be read")]
pub struct UnreadableEvent(pub Sequence);

/// An event as somebody who may read it sees it; its schema is named by `schemas`.
///
/// # Errors
/// [`UnreadableEvent`] when the stored bytes are damaged.
pub fn shown<'a>(event: &'a RecordedEvent, schemas: &SchemaLocation) -> Result<CloudEvent<'a>, UnreadableEvent> {
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
        dataschema: Some(schemas.of(raw.r#type)),
        ledgersequence: event.sequence.to_string(),
        streamversion: Some(raw.streamversion),
        actor: Some(raw.actor),
        grant: raw.grant,
        commandid: Some(raw.commandid),
        correlationid: raw.correlationid,
        causationid: raw.causationid,
        dataref: None,
        withheld: None,
        data: Some(Data { facts: raw.facts, text, erased: event.text_salt.is_none() }),
    })
}

/// An event as everybody sees it, whoever they are: by its audience alone. One that hides a record from the public is shown without
/// its words: whoever keeps a copy learns that it is to show it no more.
///
/// # Errors
/// [`UnreadableEvent`] when the stored bytes are damaged.
pub fn for_everybody<'a>(
    event: &'a RecordedEvent,
    schemas: &SchemaLocation,
) -> Result<CloudEvent<'a>, UnreadableEvent> {
    let entry = Entry::parse(&event.entry).map_err(|_| UnreadableEvent(event.sequence))?;
    match entry.audience {
        Audience::Restricted => Ok(withheld(&entry)),
        Audience::Public if hides(event)? => Ok(shown(event, schemas)?.without_text()),
        Audience::Public => shown(event, schemas),
    }
}

fn hides(event: &RecordedEvent) -> Result<bool, UnreadableEvent> {
    let raw = RawRecord::parse(&event.record).map_err(|_| UnreadableEvent(event.sequence))?;
    let changes = raw.r#type.ends_with(VisibilityChanged::SUFFIX);
    Ok(changes && serde_json::from_str(raw.facts.get()).is_ok_and(|changed: VisibilityChanged| changed.narrows()))
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
        dataref: None,
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
