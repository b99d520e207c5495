//! The entry: the bytes that a Merkle leaf hashes. It names nobody, and its form can never change.

use crate::{
    commitment::Digest,
    ids::{LedgerId, Sequence},
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A digest in base64.
const DIGEST_CHARS: usize = 44;
/// A UUID with its hyphens.
const ID_CHARS: usize = 36;

/// Who may read an event, fixed when it is recorded. Who may read a restricted one today is decided by visibility.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Audience {
    /// Anybody, for ever.
    Public,
    /// Whoever today's visibility of its record allows.
    Restricted,
}

impl Audience {
    /// The narrower of two: what happens on one record because of another takes it.
    #[must_use]
    pub fn narrower(self, other: Self) -> Self {
        self.max(other)
    }
    /// The word in the entry.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Restricted => "restricted",
        }
    }
}

/// What the ledger vouches for at one position: when, for whom, and salted commitments to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Who may read the event.
    pub audience: Audience,
    /// Commitment to the record bytes.
    pub record: Digest,
    /// Position in the ledger and leaf index.
    pub sequence: Sequence,
    /// The ledger.
    pub ledger: LedgerId,
    /// Commitment to the text bytes.
    pub text: Digest,
    /// When the ledger learnt it; never decreases along the log.
    pub time: Timestamp,
}

/// Entry bytes that are not the canonical form of an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not JSON of exactly the entry's members.
    #[error("entry has another form: {0}")]
    Form(String),
    /// The right members, but not their RFC 8785 bytes.
    #[error("entry is not canonical JSON")]
    NotCanonical,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    audience: Audience,
    record: Digest,
    #[serde(borrow)]
    sequence: &'a str,
    source: &'a str,
    text: Digest,
    time: Timestamp,
    v: u8,
}

impl Entry {
    /// The RFC 8785 bytes of the entry: members sorted, all strings but `v`.
    pub fn to_canonical(&self) -> String {
        let Self { audience, record, sequence, ledger, text, time } = self;
        let audience = audience.word();
        format!(
            r#"{{"audience":"{audience}","record":"{record}","sequence":"{sequence}","source":"urn:convenio:{ledger}","text":"{text}","time":"{time}","v":1}}"#
        )
    }

    /// Reads entry bytes and refuses any but the canonical ones.
    ///
    /// # Errors
    /// [`EntryError`] when the bytes are of another form or not canonical.
    pub fn parse(bytes: &str) -> Result<Self, EntryError> {
        match Self::from_canonical(bytes) {
            Some(entry) => Ok(entry),
            None => Self::parse_slowly(bytes),
        }
    }

    /// Reads canonical bytes by their form, without JSON and without writing them again to compare: every event is read several
    /// times on its way. Each part is taken in the one form that [`Self::to_canonical`] gives it.
    fn from_canonical(bytes: &str) -> Option<Self> {
        let (audience, rest) = bytes.strip_prefix(r#"{"audience":""#)?.split_once('"')?;
        let (record, rest) = rest.strip_prefix(r#","record":""#)?.split_at_checked(DIGEST_CHARS)?;
        let (sequence, rest) = rest.strip_prefix(r#"","sequence":""#)?.split_once('"')?;
        let (ledger, rest) = rest.strip_prefix(r#","source":"urn:convenio:"#)?.split_at_checked(ID_CHARS)?;
        let (text, rest) = rest.strip_prefix(r#"","text":""#)?.split_at_checked(DIGEST_CHARS)?;
        let time = rest.strip_prefix(r#"","time":""#)?.strip_suffix(r#"","v":1}"#)?;
        let is_number = sequence == "0" || (!sequence.starts_with('0') && sequence.bytes().all(|b| b.is_ascii_digit()));
        let is_id = !ledger.bytes().any(|b| b.is_ascii_uppercase());
        if !is_number || !is_id {
            return None;
        }
        Some(Self {
            audience: [Audience::Public, Audience::Restricted].into_iter().find(|one| one.word() == audience)?,
            // Base64 has one form for each value: padding and unused bits are checked.
            record: record.parse().ok()?,
            sequence: Sequence(sequence.parse().ok()?),
            ledger: ledger.parse().ok()?,
            text: text.parse().ok()?,
            time: Timestamp::from_canonical(time)?,
        })
    }

    /// The same by way of JSON, which also says what is wrong.
    fn parse_slowly(bytes: &str) -> Result<Self, EntryError> {
        let wire: Wire<'_> = serde_json::from_str(bytes).map_err(|error| EntryError::Form(error.to_string()))?;
        let ledger = wire.source.strip_prefix("urn:convenio:").and_then(|id| id.parse().ok());
        let (Some(ledger), Ok(sequence), 1) = (ledger, wire.sequence.parse(), wire.v) else {
            return Err(EntryError::Form("source, sequence or version".to_owned()));
        };
        let entry = Self {
            audience: wire.audience,
            record: wire.record,
            sequence: Sequence(sequence),
            ledger,
            text: wire.text,
            time: wire.time,
        };
        if entry.to_canonical() == bytes { Ok(entry) } else { Err(EntryError::NotCanonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn entry() -> Entry {
        Entry {
            audience: Audience::Public,
            record: Digest([1; 32]),
            sequence: Sequence(17),
            ledger: LedgerId::new(Uuid::from_u128(3)),
            text: Digest([2; 32]),
            time: Timestamp::from_micros(1_795_253_400_123_456),
        }
    }

    #[test]
    fn entry_bytes_are_pinned() {
        let bytes = entry().to_canonical();
        assert_eq!(
            bytes,
            r#"{"audience":"public","record":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","sequence":"17","source":"urn:convenio:00000000-0000-0000-0000-000000000003","text":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=","time":"2026-11-21T09:30:00.123456Z","v":1}"#
        );
        assert!(crate::canonical::is_canonical(&bytes));
        assert_eq!(Entry::parse(&bytes), Ok(entry()));
    }

    #[test]
    fn what_is_read_by_its_form_is_what_would_be_written() {
        let bytes = entry().to_canonical();
        assert_eq!(Entry::from_canonical(&bytes), Some(entry()));
        let mut taken = 0;
        for at in 0..bytes.len() {
            for other in "0123456789abcdefABCDEFxyz+/=-:.TZ\"{},_ ".chars() {
                let mut changed = bytes.clone();
                changed.replace_range(at..=at, &other.to_string());
                let (by_form, slowly) = (Entry::from_canonical(&changed), Entry::parse_slowly(&changed));
                assert_eq!(by_form.as_ref(), slowly.as_ref().ok(), "{changed}");
                taken += u32::from(by_form.is_some());
            }
        }
        assert!(taken > 1_000, "{taken} of them were entries too");
    }

    #[test]
    fn any_other_bytes_are_refused() {
        let bytes = entry().to_canonical();
        for (from, to) in [
            ("\"17\"", "\"017\""),
            ("{\"a", "{ \"a"),
            ("123456Z", "123Z"),
            ("\"v\":1", "\"v\":2"),
            ("public", "Public"),
        ] {
            assert!(Entry::parse(&bytes.replacen(from, to, 1)).is_err(), "{from} -> {to}");
        }
        assert!(Entry::parse(&bytes.replace("\"v\":1", "\"v\":1,\"w\":1")).is_err());
    }
}
