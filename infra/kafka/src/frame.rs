//! An event as the value of a message: three lines of text, then the sealed text. It seals and opens nothing.
//!
//! `entry LF record LF base64(record salt) LF sealed text`. Entry and record are RFC 8785 JSON, which holds no line feed, so
//! that anybody with a console consumer can cut a value into its parts and hash them. A message with the header
//! [`CONTROL`] is no event.

use crate::seal::Sealed;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use convenio_events::{RecordedEvent, commitment::Salt, entry::Entry};

/// The header of messages that are no events; its value says what kind.
pub(crate) const CONTROL: &str = "convenio-control";

/// An event whose text is sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) entry: Box<str>,
    pub(crate) record: Box<str>,
    pub(crate) record_salt: Salt,
    pub(crate) sealed: Sealed,
}

/// The value of a message.
pub(crate) fn encode(event: &RecordedEvent, sealed: &Sealed) -> Vec<u8> {
    let mut value = Vec::with_capacity(event.entry.len() + event.record.len() + sealed.0.len() + 48);
    value.extend_from_slice(event.entry.as_bytes());
    value.push(b'\n');
    value.extend_from_slice(event.record.as_bytes());
    value.push(b'\n');
    value.extend_from_slice(STANDARD.encode(event.record_salt.0).as_bytes());
    value.push(b'\n');
    value.extend_from_slice(&sealed.0);
    value
}

/// What a message's value holds, and the entry's own words.
pub(crate) fn decode(value: &[u8]) -> Result<(Frame, Entry), String> {
    let mut rest = value;
    let mut line = |name: &str| {
        let end = memchr::memchr(b'\n', rest).ok_or_else(|| format!("its {name} has no end"))?;
        let (line, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        std::str::from_utf8(line).map_err(|error| format!("its {name}: {error}"))
    };
    let (entry, record) = (Box::from(line("entry")?), Box::from(line("record")?));
    let record_salt: Salt = line("salt")?.parse().map_err(|error| format!("its salt: {error}"))?;
    let sealed = Sealed(rest.into());
    let read = Entry::parse(&entry).map_err(|error| error.to_string())?;
    Ok((Frame { entry, record, record_salt, sealed }, read))
}
