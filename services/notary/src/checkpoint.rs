//! C2SP tlog-checkpoints: the note text that states a log's size and root. Without extension lines,
//! for no auditor can check them.

use std::fmt;
use std::str::FromStr;

use crate::compact_range::{TreeHead, TreeHeadError};
use crate::leaf::{Hash, ParseHashError};
use crate::note::{Note, ParseNoteError, VerifyNoteError};
use crate::note_key::{InvalidKeyName, KeyName, SignerKey, VerifierKey};

/// A log's claim about its tree; displays and parses as the three lines that are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: KeyName,
    head: TreeHead,
}

/// A checkpoint and the note that carries its signatures; displays as the whole note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCheckpointError {
    /// Not three lines that each end in a newline; extension lines are refused too.
    #[error("a checkpoint has three lines: origin, size and root")]
    Lines,
    /// The first line is not a key name.
    #[error("a checkpoint has no valid origin")]
    Origin(#[from] InvalidKeyName),
    /// The second line is not a decimal number without sign and leading zeros.
    #[error("a checkpoint has no valid size")]
    Size,
    /// The third line is not a hash in base64.
    #[error("a checkpoint has no valid root")]
    Root(#[from] ParseHashError),
    /// No tree has this size and this root.
    #[error("a checkpoint states an impossible tree")]
    Head(#[from] TreeHeadError),
}

/// Why a signed checkpoint is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenCheckpointError {
    /// Not a signed note.
    #[error("reading a checkpoint's note")]
    Note(#[from] ParseNoteError),
    /// No known key signed it, or a signature is bad.
    #[error("verifying a checkpoint's signatures")]
    Signatures(#[from] VerifyNoteError),
    /// The note's text is no checkpoint.
    #[error("reading a checkpoint's text")]
    Text(#[from] ParseCheckpointError),
    /// Known keys signed it, but none that bears the log's name.
    #[error("no key of the origin {origin} signed its checkpoint")]
    NotByOrigin {
        /// The log that the checkpoint speaks for.
        origin: KeyName,
    },
}

impl Checkpoint {
    /// States the head of the log that has this origin.
    #[must_use]
    pub const fn new(origin: KeyName, head: TreeHead) -> Self {
        Self { origin, head }
    }

    /// Name of the log.
    #[must_use]
    pub const fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// Size and root of its tree.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// Signs it. Only [`crate::Identity`] does this for a ledger, and remembers it first.
    #[must_use]
    pub(crate) fn sign(self, key: &SignerKey) -> SignedCheckpoint {
        let mut note = self.unsigned_note();
        note.sign(key);
        SignedCheckpoint { checkpoint: self, note }
    }

    pub(crate) fn unsigned_note(&self) -> Note {
        Note::new(self.to_string()).expect("a key name, a number and base64 are printable lines")
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (size, root) = (self.head.size(), self.head.root().to_base64());
        write!(f, "{}\n{size}\n{root}\n", self.origin)
    }
}

impl FromStr for Checkpoint {
    type Err = ParseCheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [origin, size, root, ""] = lines[..] else {
            return Err(ParseCheckpointError::Lines);
        };
        let size = parse_size(size).ok_or(ParseCheckpointError::Size)?;
        let head = TreeHead::new(size, Hash::from_base64(root)?)?;
        Ok(Self { origin: origin.parse()?, head })
    }
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint and requires that a known key with the log's own name signed it.
    ///
    /// # Errors
    /// What is malformed or not to be believed.
    pub fn open(bytes: &[u8], known: &[VerifierKey]) -> Result<Self, OpenCheckpointError> {
        let note = Note::parse(bytes)?;
        let signed = note.verify(known)?;
        let checkpoint: Checkpoint = note.text().parse()?;
        if signed.iter().all(|key| key.name() != checkpoint.origin()) {
            return Err(OpenCheckpointError::NotByOrigin { origin: checkpoint.origin });
        }
        Ok(Self { checkpoint, note })
    }

    /// Puts a checkpoint and its signatures together again; verifies nothing.
    pub(crate) fn from_parts(checkpoint: Checkpoint, note: Note) -> Self {
        Self { checkpoint, note }
    }

    /// What was signed.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Size and root of the tree.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.checkpoint.head
    }

    /// The note, as it is published.
    #[must_use]
    pub const fn note(&self) -> &Note {
        &self.note
    }
}

impl fmt::Display for SignedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(f)
    }
}

/// Reads a decimal number that has only one way to be written.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let size: u64 = text.parse().ok()?;
    (size.to_string() == text).then_some(size)
}
