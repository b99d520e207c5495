//! Ed25519 keys of C2SP signed notes and their texts (vkey and skey), as Go's `sumdb/note` writes
//! them. Knows one signature type; cosignatures of witnesses (type 0x04) are not notes of ours.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use rand::TryRng as _;
use rand::rngs::SysRng;
use sha2::{Digest as _, Sha256};

use crate::note::NoteSignature;

/// Signature type byte of plain Ed25519 (C2SP signed-note).
const ED25519: u8 = 0x01;
const SKEY_PREFIX: &str = "PRIVATE+KEY+";
/// Longest key name accepted, in bytes: far beyond any host name and path.
const MAX_NAME_BYTES: usize = 1024;

/// A key's name, by convention a URL without scheme; for a log it is also the origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyName(String);

/// Not a key name: empty, longer than 1,024 bytes, or with a space, a control character or a plus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a key name: it must be 1 to 1024 bytes without spaces, control characters and '+'")]
pub struct InvalidKeyName(String);

/// The first four bytes of SHA-256(name || 0x0A || type || public key); tells keys apart, proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 4]);

/// A public key that notes are verified with; displays and parses as a vkey line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: KeyName,
    id: KeyId,
    key: VerifyingKey,
}

/// A private key that notes are signed with; wiped from memory when dropped.
pub struct SignerKey {
    verifier: VerifierKey,
    key: SigningKey,
}

/// Why a text is not a vkey or skey. Says nothing of the text: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// Not `name+id+base64`, or not `PRIVATE+KEY+name+id+base64`.
    #[error("a key has the form [PRIVATE+KEY+]<name>+<8 hex digits>+<base64>")]
    Form,
    /// The name is not a key name.
    #[error("a key has no valid name")]
    Name,
    /// A signature type other than Ed25519.
    #[error("a key has the unsupported type {0:#04x}")]
    UnsupportedType(u8),
    /// The bytes are not an Ed25519 key, or a weak one.
    #[error("a key's bytes are not an Ed25519 key")]
    NotAKey,
    /// The id does not follow from name and key.
    #[error("a key's id does not follow from its name and bytes")]
    OtherId,
}

/// The operating system gave no random numbers, so no key was made.
#[derive(Debug, thiserror::Error)]
#[error("drawing a signing key from the operating system's random numbers")]
pub struct GenerateKeyError(#[source] rand::rngs::SysError);

impl KeyName {
    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyName {
    type Error = InvalidKeyName;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(forbidden) {
            return Err(InvalidKeyName(name));
        }
        Ok(Self(name))
    }
}

impl FromStr for KeyName {
    type Err = InvalidKeyName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyId {
    fn of(name: &KeyName, signature_type: u8, public_key: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(name.as_str())
            .chain_update([b'\n', signature_type])
            .chain_update(public_key)
            .finalize()
            .into();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }

    /// Takes the four bytes before a signature.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The four bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl VerifierKey {
    fn new(name: KeyName, key: VerifyingKey) -> Self {
        let id = KeyId::of(&name, ED25519, key.as_bytes());
        Self { name, id, key }
    }

    /// The key's name.
    #[must_use]
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Whether a signature claims to be by this key; only [`VerifierKey::verifies`] says that it is.
    #[must_use]
    pub fn is_named_by(&self, signature: &NoteSignature) -> bool {
        (signature.name(), signature.key_id()) == (&self.name, self.id)
    }

    /// Whether this key made the signature over this note text.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &NoteSignature) -> bool {
        let Ok(ed25519) = Signature::from_slice(signature.bytes()) else {
            return false;
        };
        self.is_named_by(signature) && self.key.verify_strict(text.as_bytes(), &ed25519).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}+{}", self.name, self.id, typed_base64(self.key.as_bytes()))
    }
}

impl FromStr for VerifierKey {
    type Err = ParseKeyError;

    fn from_str(vkey: &str) -> Result<Self, Self::Err> {
        let (name, id, bytes) = split_key(vkey)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| ParseKeyError::NotAKey)?;
        if key.is_weak() {
            return Err(ParseKeyError::NotAKey);
        }
        let verifier = Self::new(name, key);
        verifier.require_id(id)
    }
}

impl VerifierKey {
    fn require_id(self, id: &str) -> Result<Self, ParseKeyError> {
        if self.id.to_string() != id {
            return Err(ParseKeyError::OtherId);
        }
        Ok(self)
    }
}

impl SignerKey {
    /// Draws a new key from the operating system's random numbers.
    ///
    /// # Errors
    /// Where the operating system has none.
    pub fn generate(name: KeyName) -> Result<Self, GenerateKeyError> {
        let mut seed = [0; 32];
        SysRng.try_fill_bytes(&mut seed).map_err(GenerateKeyError)?;
        Ok(Self::from_seed(name, &seed))
    }

    /// The key that follows from 32 secret random bytes (RFC 8032 section 5.1.5).
    #[must_use]
    pub fn from_seed(name: KeyName, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        Self { verifier: VerifierKey::new(name, key.verifying_key()), key }
    }

    /// Reads a private key line, `PRIVATE+KEY+<name>+<id>+<base64>`.
    ///
    /// # Errors
    /// What is wrong with it, without repeating any of it.
    pub fn from_skey(skey: &str) -> Result<Self, ParseKeyError> {
        let line = skey.strip_prefix(SKEY_PREFIX).ok_or(ParseKeyError::Form)?;
        let (name, id, seed) = split_key(line)?;
        let Self { verifier, key } = Self::from_seed(name, &seed);
        Ok(Self { verifier: verifier.require_id(id)?, key })
    }

    /// The private key line: a secret, hence not `Display`.
    #[must_use]
    pub fn to_skey(&self) -> String {
        let VerifierKey { name, id, .. } = &self.verifier;
        format!("{SKEY_PREFIX}{name}+{id}+{}", typed_base64(self.key.as_bytes()))
    }

    /// The public half.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs a note text, newline at its end included (RFC 8032, so the same text gives the same signature).
    #[must_use]
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.key.sign(text.as_bytes());
        let VerifierKey { name, id, .. } = &self.verifier;
        NoteSignature::new(name.clone(), *id, signature.to_bytes().to_vec())
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerKey({}+{}, secret)", self.verifier.name, self.verifier.id)
    }
}

fn typed_base64(key: &[u8; 32]) -> String {
    let mut typed = [ED25519; 33];
    typed[1..].copy_from_slice(key);
    STANDARD.encode(typed)
}

/// Splits `name+id+base64` into name, id as written, and the key's 32 bytes without their type.
fn split_key(line: &str) -> Result<(KeyName, &str, [u8; 32]), ParseKeyError> {
    // Base64 may hold a plus itself, so only the first two separate.
    let (name, rest) = line.split_once('+').ok_or(ParseKeyError::Form)?;
    let (id, base64) = rest.split_once('+').ok_or(ParseKeyError::Form)?;
    let typed = STANDARD.decode(base64).map_err(|_| ParseKeyError::Form)?;
    let (signature_type, key) = typed.split_first().ok_or(ParseKeyError::Form)?;
    if *signature_type != ED25519 {
        return Err(ParseKeyError::UnsupportedType(*signature_type));
    }
    let key = key.try_into().map_err(|_| ParseKeyError::NotAKey)?;
    let name = name.parse().map_err(|_| ParseKeyError::Name)?;
    Ok((name, id, key))
}
