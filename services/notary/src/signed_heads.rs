//! The file `signed-heads`: every tree head this node has signed, synced before anybody sees it, so
//! that it never signs two that contradict. Does not know the tree: consistency is its caller's part.
//!
//! Text, so that an operator can read it: a header line, then a line per head,
//! `<size> <root> <signature>... <checksum>`: decimal; base64; base64(key id || signature) by keys with
//! the log's name; 16 hex digits of SHA-256 over the line before them, trailing space included.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::checkpoint::{Checkpoint, SignedCheckpoint, parse_size};
use crate::compact_range::TreeHead;
use crate::leaf::Hash;
use crate::note::NoteSignature;
use crate::note_key::{KeyName, VerifierKey};

const HEADER: &str = "convenio-signed-heads/v1";
/// Longest line read, in bytes; a head with a dozen signatures takes a tenth of it.
const MAX_LINE_BYTES: u64 = 16 << 10;
const CHECKSUM_DIGITS: usize = 16;

/// The open file and what it ends with.
#[derive(Debug)]
pub(crate) struct SignedHeads {
    file: File,
    latest: SignedCheckpoint,
    count: u64,
    /// Set before a write, cleared when it is synced: after any failure nothing is signed again.
    in_doubt: bool,
}

/// Why the file cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ReadHeadsError {
    /// The operating system refused, or a sync failed.
    #[error("reading signed heads")]
    Io(#[from] io::Error),
    /// A line before the last is not what was written, or the last is complete and is not.
    #[error("line {line} of the signed heads is damaged")]
    Damaged {
        /// Line number, from 1.
        line: u64,
    },
    /// Two heads contradict each other: this node has signed a fork, or files were mixed.
    #[error("line {line} of the signed heads contradicts the one before it")]
    Contradiction {
        /// Line number, from 1.
        line: u64,
    },
    /// Not even the head of size 0 is in the file.
    #[error("the signed heads hold no head")]
    Empty,
    /// The latest head was not signed with the key beside it.
    #[error("the latest signed head was not signed by {key}")]
    OtherKey {
        /// The vkey line of the key that should have.
        key: String,
    },
}

/// Why a head was not added. After `Io` the outcome is unknown and the program has to end.
#[derive(Debug, thiserror::Error)]
pub enum RecordHeadError {
    /// The write or its sync failed: the head may or may not be on disk, and must not be published.
    #[error("appending to the signed heads")]
    Io(#[from] io::Error),
    /// An earlier write failed; only a new start may find out what is on disk.
    #[error("an earlier write of the signed heads failed")]
    InDoubt,
    /// The checkpoint is of another log.
    #[error("the checkpoint is of {found}, not of {expected}")]
    OtherOrigin {
        /// Origin of this identity.
        expected: KeyName,
        /// Origin of the checkpoint.
        found: KeyName,
    },
    /// This identity's key did not sign the checkpoint.
    #[error("the checkpoint was not signed by this ledger's key")]
    NotSigned,
    /// A larger tree was signed already: somebody rolled the log back.
    #[error("a tree of {signed} leaves was signed already, so one of {asked} cannot be")]
    Smaller {
        /// Size that was signed, in leaves.
        signed: u64,
        /// Size that was to be signed, in leaves.
        asked: u64,
    },
    /// Another root was signed for this size: the log has forked.
    #[error("another root was signed already for {size} leaves")]
    Fork {
        /// The size, in leaves.
        size: u64,
    },
}

impl SignedHeads {
    /// The content of a new file with one head.
    pub(crate) fn first_content(first: &SignedCheckpoint) -> String {
        format!("{HEADER}\n{}", encode_line(first))
    }

    /// Reads the whole file, repairs its end and keeps it open for appending.
    ///
    /// Where the last line is incomplete its head was never synced, hence never shown to anybody: it
    /// is cut off. Where only its newline is missing the head is kept, as the safer reading.
    pub(crate) fn open(path: &Path, key: &VerifierKey) -> Result<Self, ReadHeadsError> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let scan = Scan::of(&file, key.name())?;
        let latest = scan.latest.ok_or(ReadHeadsError::Empty)?;
        if !is_signed_by(&latest, key) {
            return Err(ReadHeadsError::OtherKey { key: key.to_string() });
        }
        file.set_len(scan.end)?;
        if scan.newline_is_missing {
            file.write_all(b"\n")?;
        }
        // Also where nothing was repaired: the last line may never have been synced.
        file.sync_all()?;
        Ok(Self { file, latest, count: scan.count, in_doubt: false })
    }

    pub(crate) fn latest(&self) -> &SignedCheckpoint {
        &self.latest
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Whether a head may follow the latest one as far as sizes and roots tell.
    pub(crate) fn admits(&self, head: &TreeHead) -> Result<(), RecordHeadError> {
        let (signed, asked) = (self.latest.head(), head);
        if self.in_doubt {
            return Err(RecordHeadError::InDoubt);
        }
        if asked.size() < signed.size() {
            return Err(RecordHeadError::Smaller { signed: signed.size(), asked: asked.size() });
        }
        if asked.size() == signed.size() && asked != signed {
            return Err(RecordHeadError::Fork { size: asked.size() });
        }
        Ok(())
    }

    /// Appends a head and syncs it; one that is already the latest is not written again.
    pub(crate) fn append(&mut self, signed: &SignedCheckpoint, key: &VerifierKey) -> Result<(), RecordHeadError> {
        if signed.checkpoint().origin() != key.name() {
            let (expected, found) = (key.name().clone(), signed.checkpoint().origin().clone());
            return Err(RecordHeadError::OtherOrigin { expected, found });
        }
        if !is_signed_by(signed, key) {
            return Err(RecordHeadError::NotSigned);
        }
        self.admits(signed.head())?;
        let line = encode_line(signed);
        if line == encode_line(&self.latest) {
            return Ok(());
        }
        self.in_doubt = true;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.in_doubt = false;
        self.latest = signed.clone();
        self.count += 1;
        Ok(())
    }
}

/// What one pass over the file finds, in constant memory.
struct Scan {
    latest: Option<SignedCheckpoint>,
    count: u64,
    /// Octets up to the end of the last whole line.
    end: u64,
    newline_is_missing: bool,
}

impl Scan {
    fn of(file: &File, origin: &KeyName) -> Result<Self, ReadHeadsError> {
        let mut scan = Self { latest: None, count: 0, end: 0, newline_is_missing: false };
        let mut reader = BufReader::new(file);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)?;
            let content = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            let ended = content.len() < bytes.len();
            if bytes.is_empty() {
                break;
            }
            if line == 1 {
                if !ended || content != HEADER.as_bytes() {
                    return Err(ReadHeadsError::Damaged { line });
                }
            } else if let Some(head) = decode_line(origin, content) {
                scan.follow(head, line)?;
                scan.newline_is_missing = !ended;
            } else if ended || !reader.fill_buf()?.is_empty() {
                return Err(ReadHeadsError::Damaged { line });
            } else {
                break;
            }
            scan.end += bytes.len() as u64;
        }
        Ok(scan)
    }

    fn follow(&mut self, head: SignedCheckpoint, line: u64) -> Result<(), ReadHeadsError> {
        if let Some(before) = self.latest.as_ref().map(SignedCheckpoint::head) {
            let grows = before.size() < head.head().size();
            if !grows && before != head.head() {
                return Err(ReadHeadsError::Contradiction { line });
            }
        }
        self.latest = Some(head);
        self.count += 1;
        Ok(())
    }
}

fn is_signed_by(signed: &SignedCheckpoint, key: &VerifierKey) -> bool {
    signed.note().verify(std::slice::from_ref(key)).is_ok()
}

fn encode_line(signed: &SignedCheckpoint) -> String {
    let head = signed.head();
    let origin = signed.checkpoint().origin();
    let mut line = format!("{} {} ", head.size(), head.root().to_base64());
    for signature in signed.note().signatures().iter().filter(|s| s.name() == origin) {
        line.push_str(&signature.to_base64());
        line.push(' ');
    }
    let checksum = checksum(&line);
    format!("{line}{checksum}\n")
}

/// Reads a line without its newline; `None` where it is not one that [`encode_line`] writes.
fn decode_line(origin: &KeyName, line: &[u8]) -> Option<SignedCheckpoint> {
    let (head, fields) = decode_head(str::from_utf8(line).ok()?)?;
    let checkpoint = Checkpoint::new(origin.clone(), head);
    let signatures: Vec<_> =
        fields.map(|field| NoteSignature::from_base64(origin.clone(), field)).collect::<Option<_>>()?;
    let note = checkpoint.unsigned_note().with_signatures(signatures);
    Some(SignedCheckpoint::from_parts(checkpoint, note))
}

/// The tree of a line, and its signatures.
fn decode_head(line: &str) -> Option<(TreeHead, impl Iterator<Item = &str>)> {
    let (content, found) = line.split_at_checked(line.len().checked_sub(CHECKSUM_DIGITS)?)?;
    if checksum(content) != found {
        return None;
    }
    let mut fields = content.strip_suffix(' ')?.split(' ');
    let size = parse_size(fields.next()?)?;
    let root = Hash::from_base64(fields.next()?).ok()?;
    Some((TreeHead::new(size, root).ok()?, fields))
}

/// The tree of the last line that is whole, without a look at its signatures.
pub(crate) fn latest_head(content: &str) -> Option<TreeHead> {
    content.lines().rev().find_map(|line| decode_head(line).map(|(head, _)| head))
}

pub(crate) fn checksum(content: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(content));
    digits.truncate(CHECKSUM_DIGITS);
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::leaf::leaf_hash;
    use crate::note_key::SignerKey;

    /// Appends while the file is replaced by one that fails, then once more with the true file.
    fn check_failing(failing: File, written: impl FnOnce(&str)) {
        let key = SignerKey::from_seed("a.example".parse().unwrap(), &[7; 32]);
        let sign = |head| Checkpoint::new(key.verifier().name().clone(), head).sign(&key);
        let first = sign(TreeHead::empty());
        let place = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(place.path(), SignedHeads::first_content(&first)).unwrap();
        let mut heads = SignedHeads::open(place.path(), key.verifier()).unwrap();

        let next = sign(TreeHead::new(1, leaf_hash(b"")).unwrap());
        let file = std::mem::replace(&mut heads.file, failing);
        let failed = heads.append(&next, key.verifier());
        assert!(matches!(failed, Err(RecordHeadError::Io(_))), "{failed:?}");
        assert_eq!(heads.latest(), &first, "what may not be published is not shown");
        heads.file = file;
        for head in [&first, &next] {
            let refused = heads.append(head, key.verifier());
            assert!(matches!(refused, Err(RecordHeadError::InDoubt)), "{refused:?}");
        }
        written(&encode_line(&next));
    }

    #[test]
    fn after_a_write_that_failed_nothing_more_is_signed() {
        let read_only = File::open("/dev/null").unwrap();
        check_failing(read_only, |_| {});
    }

    #[test]
    fn after_a_sync_that_failed_nothing_more_is_signed_though_the_line_was_written() {
        // A pipe takes the bytes and cannot be synced.
        let (mut reader, writer) = io::pipe().unwrap();
        check_failing(File::from(OwnedFd::from(writer)), |line| {
            let mut written = vec![0; line.len()];
            reader.read_exact(&mut written).unwrap();
            assert_eq!(written, line.as_bytes());
        });
    }
}
