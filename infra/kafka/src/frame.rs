//! An event as the value of a message: three lines of text, then the sealed text.
//!
//! `entry LF record LF base64(record salt) LF sealed text`. Entry and record are RFC 8785 JSON, which holds no line feed, so
//! that anybody with a console consumer can cut a value into its parts and hash them. A message with the header
//! [`CONTROL`] is no event.

use crate::seal::{Place, SEALED_BYTES, Sealed, TextKey, seal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use convenio_events::{
    LedgerId, RecordedEvent,
    commitment::{Salt, record_commitment, text_commitment},
    entry::Entry,
};

/// The header of messages that are no events; its value says what kind.
pub(crate) const CONTROL: &str = "convenio-control";

/// A salt in base64.
const SALT_CHARS: usize = 44;

/// An event whose text is sealed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) entry: Box<str>,
    pub(crate) record: Box<str>,
    pub(crate) record_salt: Salt,
    pub(crate) sealed: Sealed,
}

/// The value of a message, and the key of its text. A text that was erased before it came here has no salt: nothing is sealed,
/// and its key counts as destroyed.
pub(crate) fn encode(ledger: LedgerId, event: &RecordedEvent) -> (Vec<u8>, Option<TextKey>) {
    let mut salt = [0; SALT_CHARS];
    STANDARD.encode_slice(event.record_salt.0, &mut salt).expect("it has room for 32 bytes");
    let lines = [event.entry.as_bytes(), event.record.as_bytes(), &salt];
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    let mut value = Vec::with_capacity(bytes + SEALED_BYTES + event.text.as_ref().map_or(0, |text| text.len()));
    for line in lines {
        value.extend_from_slice(line);
        value.push(b'\n');
    }
    let place = Place { ledger, sequence: event.sequence };
    let key = event.text_salt.as_ref().map(|salt| seal(&mut value, place, salt, event.text.as_deref()));
    (value, key)
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

/// Whether an event's record and text are what its entry commits to: an event that somebody made up is found before it is copied.
/// A text that was erased opens nothing.
pub(crate) fn check(entry: &Entry, event: &RecordedEvent) -> Result<(), String> {
    let differs = |what: &str| Err(format!("the {what} of event {} is not what its entry commits to", event.sequence));
    if record_commitment(&event.record_salt, event.record.as_bytes()) != entry.record {
        return differs("record");
    }
    let text = event.text.as_deref().unwrap_or_default();
    match &event.text_salt {
        Some(salt) if text_commitment(salt, text.as_bytes()) != entry.text => differs("text"),
        Some(_) | None => Ok(()),
    }
}
