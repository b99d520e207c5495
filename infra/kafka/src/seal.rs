//! Texts on Kafka are sealed, each with a key of its own: who destroys the key has erased the text from every copy of the topic.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): `nonce(24) || box(salt(32) || text)`, bound to its place by the associated
//! data `urn:convenio:<ledger> LF sequence`. The salt lies in the box, or readers of the topic could test guesses against
//! the commitment. An event without a text has a box with a salt alone.

use crate::{error::KafkaLogError, frame::Frame};
use chacha20poly1305::{AeadInOut as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use convenio_events::{LedgerId, RecordedEvent, Sequence, cloud_event::source, commitment::Salt, entry::Entry};

const NONCE_BYTES: usize = 24;
const SALT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// How many bytes a sealed text has beyond the text.
pub(crate) const SEALED_BYTES: usize = NONCE_BYTES + SALT_BYTES + TAG_BYTES;

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

/// Appends a salt and a text to `value`, sealed under a fresh key.
pub(crate) fn seal(value: &mut Vec<u8>, place: Place, salt: &Salt, text: Option<&str>) -> TextKey {
    let (key, nonce): ([u8; 32], [u8; NONCE_BYTES]) = (rand::random(), rand::random());
    value.extend_from_slice(&nonce);
    let begin = value.len();
    value.extend_from_slice(&salt.0);
    value.extend_from_slice(text.unwrap_or_default().as_bytes());
    let tag = XChaCha20Poly1305::new(&key.into())
        .encrypt_inout_detached(&nonce.into(), place.associated_data().as_bytes(), value[begin..].as_mut().into())
        .expect("a text is far below the cipher's limit");
    value.extend_from_slice(&tag);
    TextKey(key)
}

/// Opens a box; `None` when it is not this key's, not of this place, or was changed.
pub(crate) fn open(place: Place, key: TextKey, Sealed(mut sealed): Sealed) -> Option<Opened> {
    let (nonce, boxed) = sealed.split_first_chunk_mut::<NONCE_BYTES>()?;
    let (plain, tag) = boxed.split_last_chunk_mut::<TAG_BYTES>()?;
    let (nonce, tag) = (XNonce::from(*nonce), Tag::from(*tag));
    XChaCha20Poly1305::new(&key.0.into())
        .decrypt_inout_detached(&nonce, place.associated_data().as_bytes(), (&mut *plain).into(), &tag)
        .ok()?;
    let (salt, text) = plain.split_first_chunk::<SALT_BYTES>()?;
    let text = std::str::from_utf8(text).ok()?;
    Some(Opened { salt: Salt(*salt), text: (!text.is_empty()).then(|| text.into()) })
}

/// An event as it was before it was sealed; without a key its text is gone.
pub(crate) fn open_event(entry: &Entry, frame: Frame, key: Option<TextKey>) -> Result<RecordedEvent, KafkaLogError> {
    let Frame { entry: bytes, record, record_salt, sealed } = frame;
    let place = Place { ledger: entry.ledger, sequence: entry.sequence };
    let opened = key.map(|key| open(place, key, sealed).ok_or(KafkaLogError::Seal(entry.sequence))).transpose()?;
    let (text, text_salt) = opened.map_or((None, None), |opened| (opened.text, Some(opened.salt)));
    Ok(RecordedEvent { sequence: entry.sequence, entry: bytes, record, record_salt, text, text_salt })
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
            let mut value = b"what is in clear".to_vec();
            let key = seal(&mut value, place(1, 2), &salt, text);
            let bytes = value.strip_prefix(b"what is in clear").expect("it is left as it was");
            assert_eq!(bytes.len(), SEALED_BYTES + text.map_or(0, str::len));
            let sealed = Sealed(bytes.into());
            let opened = open(place(1, 2), key, sealed.clone()).expect("its own key");
            assert_eq!(opened, Opened { salt, text: text.map(Into::into) });
            assert_eq!(open(place(1, 3), key, sealed.clone()), None, "another sequence");
            assert_eq!(open(place(2, 2), key, sealed.clone()), None, "another ledger");
            assert_eq!(open(place(1, 2), TextKey([0; 32]), sealed.clone()), None, "another key");
            for place_of_byte in 0..bytes.len() {
                let mut changed = sealed.clone();
                changed.0[place_of_byte] ^= 1;
                assert_eq!(open(place(1, 2), key, changed), None, "another byte {place_of_byte}");
            }
            for length in 0..bytes.len() {
                assert_eq!(open(place(1, 2), key, Sealed(bytes[..length].into())), None, "{length} bytes");
            }
        }
    }
}
