//! C2SP signed notes: a text and the signatures under it. Does not say what the text means, nor
//! which keys to trust.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::note_key::{KeyId, KeyName, SignerKey, VerifierKey};

/// Largest note that is parsed, in bytes: a hundred signatures of 5 kB (post-quantum) fit.
pub const MAX_NOTE_BYTES: usize = 1 << 20;
/// Most signatures that are parsed; the format requires at least 16, Go's parser stops at 100 too.
pub const MAX_SIGNATURES: usize = 100;

const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// A text and the signatures found under it, by known and unknown keys; displays as the whole note.
///
/// The text is to be ignored until [`Note::verify`] has named a key that signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line: who claims to have signed, and the signature; displays without newline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: KeyName,
    key_id: KeyId,
    bytes: Vec<u8>,
}

/// Why bytes are not a signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseNoteError {
    /// More than [`MAX_NOTE_BYTES`].
    #[error("a note is larger than {MAX_NOTE_BYTES} bytes")]
    TooLarge,
    /// Not UTF-8, or with a control character other than newline.
    #[error("a note has bytes that are not printable UTF-8")]
    NotText,
    /// The text does not end in a newline.
    #[error("a note's text does not end in a newline")]
    UnendedText,
    /// No blank line followed by signature lines.
    #[error("a note has no blank line with signatures after it")]
    NoSignatures,
    /// A line after the blank one is not a signature.
    #[error("line {line} of a note's signatures is malformed")]
    Signature {
        /// Which signature line, counted from 1.
        line: usize,
    },
    /// More than [`MAX_SIGNATURES`].
    #[error("a note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
}

/// Why a note is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyNoteError {
    /// A known key is named but did not make the signature.
    #[error("the signature by {name}+{key_id} does not verify")]
    BadSignature {
        /// Name of the known key.
        name: KeyName,
        /// Id of the known key.
        key_id: KeyId,
    },
    /// No known key is among those that signed.
    #[error("no known key signed the note")]
    UnknownKeys,
}

impl Note {
    /// A note that nobody has signed yet.
    ///
    /// # Errors
    /// Where the text has control characters or does not end in a newline.
    pub fn new(text: String) -> Result<Self, ParseNoteError> {
        if has_control_characters(&text) {
            return Err(ParseNoteError::NotText);
        }
        if !text.ends_with('\n') {
            return Err(ParseNoteError::UnendedText);
        }
        Ok(Self { text, signatures: Vec::new() })
    }

    /// Reads a note with at least one signature; verifies nothing.
    ///
    /// # Errors
    /// What is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseNoteError> {
        if bytes.len() > MAX_NOTE_BYTES {
            return Err(ParseNoteError::TooLarge);
        }
        let note = str::from_utf8(bytes).map_err(|_| ParseNoteError::NotText)?;
        // The text may hold blank lines itself: the last one separates.
        let blank = note.rfind("\n\n").ok_or(ParseNoteError::NoSignatures)?;
        let lines = note[blank + 2..].strip_suffix('\n').ok_or(ParseNoteError::NoSignatures)?;
        let mut parsed = Self::new(note[..=blank].to_owned())?;
        for (index, line) in lines.split('\n').enumerate() {
            if index == MAX_SIGNATURES {
                return Err(ParseNoteError::TooManySignatures);
            }
            let malformed = ParseNoteError::Signature { line: index + 1 };
            parsed.signatures.push(NoteSignature::parse(line).ok_or(malformed)?);
        }
        Ok(parsed)
    }

    /// Adds a signature by this key, in place of an earlier one.
    pub fn sign(&mut self, key: &SignerKey) {
        self.signatures.retain(|signature| !key.verifier().is_named_by(signature));
        self.signatures.push(key.sign(&self.text));
    }

    /// The signed text, newline at its end included.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All signatures in the order of their lines.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Which of the known keys signed, at least one; signatures by others are ignored.
    ///
    /// # Errors
    /// Where a known key's signature is bad, or no known key signed.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>, VerifyNoteError> {
        let mut signed = Vec::new();
        for key in known {
            let mut by_key = self.signatures.iter().filter(|s| key.is_named_by(s)).peekable();
            if by_key.peek().is_none() {
                continue;
            }
            if !by_key.all(|signature| key.verifies(&self.text, signature)) {
                return Err(VerifyNoteError::BadSignature { name: key.name().clone(), key_id: key.id() });
            }
            signed.push(key);
        }
        if signed.is_empty() {
            return Err(VerifyNoteError::UnknownKeys);
        }
        Ok(signed)
    }

    /// Adds signatures made elsewhere: read back from a store, or by a witness. Verifies nothing.
    #[must_use]
    pub fn with_signatures(mut self, signatures: impl IntoIterator<Item = NoteSignature>) -> Self {
        self.signatures.extend(signatures);
        self
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl NoteSignature {
    pub(crate) const fn new(name: KeyName, key_id: KeyId, bytes: Vec<u8>) -> Self {
        Self { name, key_id, bytes }
    }

    /// Reads base64(key id || signature), the last field of a signature line.
    pub(crate) fn from_base64(name: KeyName, base64: &str) -> Option<Self> {
        let bytes = STANDARD.decode(base64).ok()?;
        let (key_id, signature) = bytes.split_first_chunk()?;
        (!signature.is_empty()).then(|| Self::new(name, KeyId::from_bytes(*key_id), signature.to_vec()))
    }

    /// Writes base64(key id || signature).
    pub(crate) fn to_base64(&self) -> String {
        STANDARD.encode([self.key_id.as_bytes(), &*self.bytes].concat())
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
        Self::from_base64(name.parse().ok()?, base64)
    }

    /// Name of the key that is said to have signed.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// Id of the key that is said to have signed.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The signature without the key id; 64 bytes for Ed25519, other types have other lengths.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SIGNATURE_PREFIX}{} {}", self.name, self.to_base64())
    }
}

fn has_control_characters(text: &str) -> bool {
    text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}
