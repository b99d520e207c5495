//! An event as a message for everybody: CloudEvents in Kafka's binary mode. It decides nothing but shown or withheld, and that by
//! the entry's audience alone.

use super::{PublishedForm, Texts};
use convenio_events::{
    EventId, RecordedEvent, Sequence, Timestamp,
    cloud_event::{self, UnreadableEvent},
    entry::Entry,
};
use rdkafka::message::{BorrowedMessage, Header, Headers as _, Message as _, OwnedHeaders};

/// What CloudEvents' attributes begin with in headers.
const PREFIX: &str = "ce_";
/// The header that holds the media type of the value.
const CONTENT_TYPE: &str = "content-type";

/// What is written of one event.
pub(super) struct Message {
    /// The event's subject; of a withheld one its sequence.
    pub(super) key: String,
    pub(super) headers: OwnedHeaders,
    /// Nothing where the event is withheld, or its data is elsewhere: that is how the binding writes an event without data.
    pub(super) value: Option<Vec<u8>>,
    pub(super) id: EventId,
    pub(super) time: Timestamp,
    /// About how many bytes it takes.
    pub(super) size: usize,
}

/// The message of an event as the public may read it.
pub(super) fn of(event: &RecordedEvent, form: &PublishedForm) -> Result<Message, UnreadableEvent> {
    let entry = Entry::parse(&event.entry).map_err(|_| UnreadableEvent(event.sequence))?;
    let event = cloud_event::for_everybody(event, &form.schemas)?;
    let event = match &form.texts {
        Texts::Inline => event,
        Texts::Reference { public_url } => event.with_text_at(|id| format!("{public_url}/api/v1/events/{id}/data")),
    };
    let (mut headers, mut size) = (OwnedHeaders::new(), 0);
    for (name, value) in event.attributes() {
        let name = format!("{PREFIX}{name}");
        size += name.len() + value.len();
        headers = headers.insert(Header { key: &name, value: Some(&value) });
    }
    if let Some(content_type) = event.content_type() {
        headers = headers.insert(Header { key: CONTENT_TYPE, value: Some(content_type) });
    }
    let key = event.subject().map_or_else(|| entry.sequence.to_string(), |subject| subject.to_string());
    let value = event.data();
    size += key.len() + value.as_ref().map_or(0, Vec::len);
    Ok(Message { key, headers, value, id: event.id(), time: entry.time, size })
}

/// What stands in the topic already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Published {
    pub(super) offset: i64,
    pub(super) sequence: Sequence,
    pub(super) id: String,
}

impl Published {
    /// Of a message that somebody of this ledger wrote; of any other nothing.
    pub(super) fn read(message: &BorrowedMessage<'_>) -> Option<Self> {
        let headers = message.headers()?;
        let attribute = |name: &str| {
            let found = headers.iter().find(|header| header.key.strip_prefix(PREFIX) == Some(name))?;
            std::str::from_utf8(found.value?).ok()
        };
        let sequence = attribute("ledgersequence")?.parse().ok().map(Sequence)?;
        Some(Self { offset: message.offset(), sequence, id: attribute("id")?.to_owned() })
    }
}
