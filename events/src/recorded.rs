//! An event as a log stores it: the bytes that were hashed, and the salts beside them. It is opened by `event`, not here.

use crate::{
    commitment::{Salt, record_commitment, text_commitment},
    entry::{Audience, Entry},
    ids::{LedgerId, Sequence},
    record::Record,
    time::Timestamp,
};

/// One position of the log. Hash these bytes, never a re-encoding of what they say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedEvent {
    /// Its position; also in the entry.
    pub sequence: Sequence,
    /// RFC 8785 bytes of the entry: what the Merkle leaf hashes.
    pub entry: Box<str>,
    /// RFC 8785 bytes of the record.
    pub record: Box<str>,
    /// Salt of the record commitment.
    pub record_salt: Salt,
    /// RFC 8785 bytes of the text; `None` when the event has none, or when it was erased.
    pub text: Option<Box<str>>,
    /// Salt of the text commitment; `None` once the text was erased.
    pub text_salt: Option<Salt>,
}

/// What the sequencer gives an event besides its record: place, time and salts.
#[derive(Clone, Copy, Debug)]
pub struct Placement {
    /// The ledger.
    pub ledger: LedgerId,
    /// The next free position.
    pub sequence: Sequence,
    /// When the ledger learnt it.
    pub time: Timestamp,
    /// Who may read it.
    pub audience: Audience,
    /// 32 fresh random bytes.
    pub record_salt: Salt,
    /// 32 fresh random bytes.
    pub text_salt: Salt,
}

impl RecordedEvent {
    /// Encodes a record and its text at a position.
    pub fn encode(record: &Record, text: Option<Box<str>>, placement: &Placement) -> Self {
        let record_bytes = record.to_canonical();
        let entry = Entry {
            audience: placement.audience,
            record: record_commitment(&placement.record_salt, record_bytes.as_bytes()),
            sequence: placement.sequence,
            ledger: placement.ledger,
            text: text_commitment(&placement.text_salt, text.as_deref().unwrap_or_default().as_bytes()),
            time: placement.time,
        };
        Self {
            sequence: placement.sequence,
            entry: entry.to_canonical().into(),
            record: record_bytes.into(),
            record_salt: placement.record_salt,
            text,
            text_salt: Some(placement.text_salt),
        }
    }

    /// The bytes it takes, as limits on batches and pages count them.
    pub fn size(&self) -> usize {
        self.entry.len() + self.record.len() + self.text.as_ref().map_or(0, |text| text.len()) + 72
    }
}
