//! Texts on Kafka are sealed, each with a key of its own: who destroys the key has erased the text from every copy of the topic.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): `nonce(24) || box(salt(32) || text)`, bound to its place by the associated
//! data `urn:convenio:<ledger> LF sequence`. The salt lies in the box, or readers of the topic could test guesses against
//! the commitment. An event without a text has a box with a salt alone.

use crate::{error::KafkaLogError, frame::Frame};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use convenio_events::{LedgerId, RecordedEvent, Sequence, cloud_event::source, commitment::Salt, entry::Entry};

const NONCE_BYTES: usize = 24;
const SALT_BYTES: usize = 32;

/// A nonce and a box; empty for an event that was erased before it was copied here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sealed(pub(crate) Box<[u8]>);

/// The key of one event's text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextKey(pub(crate) [u8; 32]);

impl std::fmt::Debug for TextKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TextKey(..)")
    }
}

/// What a box held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) salt: Salt,
    pub(crate) text: Option<Box<str>>,
}

/// Where a text belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) ledger: LedgerId,
    pub(crate) sequence: Sequence,
}

impl Place {
    fn associated_data(self) -> String {
        format!("{}\n{}", source(self.ledger), self.sequence)
    }
}

/// Seals a salt and a text under a fresh key.
pub(crate) fn seal(place: Place, salt: &Salt, text: Option<&str>) -> (TextKey, Sealed) {
    let (key, nonce): ([u8; 32], [u8; NONCE_BYTES]) = (rand::random(), rand::random());
    let mut plain = Vec::with_capacity(SALT_BYTES + text.map_or(0, str::len));
    plain.extend_from_slice(&salt.0);
    plain.extend_from_slice(text.unwrap_or_default().as_bytes());
    let aad = place.associated_data();
    let boxed = XChaCha20Poly1305::new(&key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: aad.as_bytes() })
        .expect("a text is far below the cipher's limit");
    (TextKey(key), Sealed([&nonce[..], &boxed[..]].concat().into()))
}

/// Opens a box; `None` when it is not this key's, not of this place, or was changed.
pub(crate) fn open(place: Place, key: TextKey, sealed: &Sealed) -> Option<Opened> {
    let (nonce, boxed) = sealed.0.split_first_chunk::<NONCE_BYTES>()?;
    let aad = place.associated_data();
    let payload = Payload { msg: boxed, aad: aad.as_bytes() };
    let plain = XChaCha20Poly1305::new(&key.0.into()).decrypt(&XNonce::from(*nonce), payload).ok()?;
    let (salt, text) = plain.split_first_chunk::<SALT_BYTES>()?;
    let text = std::str::from_utf8(text).ok()?;
    Some(Opened { salt: Salt(*salt), text: (!text.is_empty()).then(|| text.into()) })
}

/// An event as it was before it was sealed; without a key its text is gone.
pub(crate) fn open_event(entry: &Entry, frame: &Frame, key: Option<TextKey>) -> Result<RecordedEvent, KafkaLogError> {
    let place = Place { ledger: entry.ledger, sequence: entry.sequence };
    let opened =
        key.map(|key| open(place, key, &frame.sealed).ok_or(KafkaLogError::Seal(entry.sequence))).transpose()?;
    let (text, text_salt) = opened.map_or((None, None), |opened| (opened.text, Some(opened.salt)));
    Ok(RecordedEvent {
        sequence: entry.sequence,
        entry: frame.entry.clone(),
        record: frame.record.clone(),
        record_salt: frame.record_salt,
        text,
        text_salt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_box_opens_with_its_key_at_its_place_and_not_otherwise() {
        let place = |ledger: u128, sequence| Place {
            ledger: LedgerId::new(Uuid::from_u128(ledger)),
            sequence: Sequence(sequence),
        };
        let salt = Salt([7; 32]);
        for text in [None, Some("{\"reason\":\"vacunación\"}")] {
            let (key, sealed) = seal(place(1, 2), &salt, text);
            let opened = open(place(1, 2), key, &sealed).expect("its own key");
            assert_eq!(opened, Opened { salt, text: text.map(Into::into) });
            assert_eq!(open(place(1, 3), key, &sealed), None, "another sequence");
            assert_eq!(open(place(2, 2), key, &sealed), None, "another ledger");
            assert_eq!(open(place(1, 2), TextKey([0; 32]), &sealed), None, "another key");
            let mut changed = sealed.clone();
            *changed.0.last_mut().expect("it is not empty") ^= 1;
            assert_eq!(open(place(1, 2), key, &changed), None, "another byte");
        }
        assert_eq!(open(place(1, 2), TextKey([0; 32]), &Sealed(Box::default())), None);
    }
}
