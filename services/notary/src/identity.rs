//! The identity directory: which ledger this is, the key that signs for it, the first admin token, the
//! heads signed so far and how far the ledger was known to reach. Lives outside the data directory and is never part of a backup.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::checkpoint::{Checkpoint, SignedCheckpoint};
use crate::compact_range::TreeHead;
use crate::durable;
use crate::note_key::{KeyName, ParseKeyError, SignerKey, VerifierKey};
use crate::opened::{OPENED_FILE, OpenedLedger, ReadOpenedError};
use crate::signed_heads::{ReadHeadsError, RecordHeadError, SignedHeads};

/// The ledger's UUID, a line of text.
pub const LEDGER_FILE: &str = "ledger-uuid";
/// The signing key, a line in Go's note format; mode 0600.
pub const KEY_FILE: &str = "key";
/// The first admin token as its maker wrote it; mode 0600. The operator may delete it.
pub const ADMIN_TOKEN_FILE: &str = "admin-token";
/// Every head signed so far.
pub const SIGNED_HEADS_FILE: &str = "signed-heads";
/// Locked while a process holds the identity: two that sign as one would fork the log.
pub const LOCK_FILE: &str = "lock";

/// An identity that this process holds alone, until it is dropped.
#[derive(Debug)]
pub struct Identity {
    ledger: Uuid,
    signer: SignerKey,
    heads: SignedHeads,
    directory: PathBuf,
    opened: Option<OpenedLedger>,
    _lock: File,
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenIdentityError {
    /// A file, or all of the directory, is not there.
    #[error("{} is missing", path.display())]
    Missing {
        /// The missing file.
        path: PathBuf,
    },
    /// Another process holds it.
    #[error("another process uses the identity in {}", directory.display())]
    InUse {
        /// The identity directory.
        directory: PathBuf,
    },
    /// The operating system refused.
    #[error("reading {}", path.display())]
    Io {
        /// What was to be read.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file with the ledger's UUID holds something else.
    #[error("reading the ledger's UUID in {}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: uuid::Error,
    },
    /// The file with the key holds something else.
    #[error("reading the ledger's key in {}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never repeats the key.
        source: ParseKeyError,
    },
    /// The signed heads cannot be trusted.
    #[error("reading {}", path.display())]
    Heads {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadHeadsError,
    },
    /// The mark of the ledger that it opened cannot be believed.
    #[error(transparent)]
    Opened(#[from] ReadOpenedError),
    /// The mark is of another ledger: files were mixed.
    #[error("the file opened in {} is of ledger {found}, not of {ledger}: files were mixed", directory.display())]
    OpenedOther {
        /// The identity directory.
        directory: PathBuf,
        /// Which ledger the identity is of.
        ledger: Uuid,
        /// Which ledger the mark is of.
        found: Uuid,
    },
}

/// Why it was not marked how far the log reaches.
#[derive(Debug, thiserror::Error)]
pub enum MarkOpenedError {
    /// The write or its sync failed: what is on disk is the mark before, or this one.
    #[error("writing {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A tree of the same size has another root: the log was changed.
    #[error("the first {size} events of the log are others than those that were there before")]
    Fork {
        /// How many events.
        size: u64,
    },
}

impl Identity {
    /// Opens the identity of a ledger that has events; repairs a torn last line of its signed heads.
    ///
    /// # Errors
    /// Where anything but the admin token is missing or damaged, or another process holds it.
    pub fn open(directory: &Path) -> Result<Self, OpenIdentityError> {
        if !directory.is_dir() {
            return Err(OpenIdentityError::Missing { path: directory.to_owned() });
        }
        Self::read(directory, lock(directory)?)
    }

    /// The ledger's UUID.
    #[must_use]
    pub const fn ledger(&self) -> Uuid {
        self.ledger
    }

    /// The log's origin, which is its key's name.
    #[must_use]
    pub fn origin(&self) -> &KeyName {
        self.verifier_key().name()
    }

    /// The public key; displays as the vkey line that auditors are given.
    #[must_use]
    pub const fn verifier_key(&self) -> &VerifierKey {
        self.signer.verifier()
    }

    /// The latest head that was signed: the journal has to hold its events, with its root.
    #[must_use]
    pub fn latest_head(&self) -> &SignedCheckpoint {
        self.heads.latest()
    }

    /// How many heads were signed, that of size 0 included.
    #[must_use]
    pub fn head_count(&self) -> u64 {
        self.heads.count()
    }

    /// Signs a head and returns it once it is synced, so that it may be published. The caller's tree
    /// must extend the latest head's and hold durable, committed events only.
    ///
    /// # Errors
    /// Where it contradicts the latest head, or could not be synced: then the program has to end.
    pub fn sign_head(&mut self, head: TreeHead) -> Result<SignedCheckpoint, RecordHeadError> {
        // Before signing: a signature over a fork should not even exist in memory.
        self.heads.admits(&head)?;
        let signed = Checkpoint::new(self.origin().clone(), head).sign(&self.signer);
        self.heads.append(&signed, self.signer.verifier())?;
        Ok(signed)
    }

    /// Records a head that another node of this ledger signed with the same key, and syncs it.
    ///
    /// # Errors
    /// Where it is not by this key, contradicts the latest head, or could not be synced.
    pub fn record_head(&mut self, signed: &SignedCheckpoint) -> Result<(), RecordHeadError> {
        self.heads.append(signed, self.signer.verifier())
    }

    /// The ledger that it opened; `None` before it has, or where a program that did not say so opened it.
    #[must_use]
    pub const fn opened(&self) -> Option<&OpenedLedger> {
        self.opened.as_ref()
    }

    /// Makes durable that this identity has opened its ledger, and that its log reaches so far: from then on it opens no
    /// other, and takes no log for its own that has fewer events. To be called before the first answer, with any tree that
    /// the log is sure to hold (the empty one, say), and later at any pace; a smaller tree than the last changes nothing.
    ///
    /// # Errors
    /// Where it could not be made durable, or the log contradicts what was marked.
    pub fn mark_opened(&mut self, reach: TreeHead) -> Result<(), MarkOpenedError> {
        if let Some(before) = self.opened.as_ref().map(OpenedLedger::reach) {
            let size = before.size();
            if size == reach.size() && *before != reach {
                return Err(MarkOpenedError::Fork { size });
            }
            if size >= reach.size() {
                return Ok(());
            }
        }
        self.write_opened(reach)
    }

    /// Marks a smaller tree than before, on an operator's word that the events beyond it are lost for good. One without any
    /// event is refused: an identity opens one ledger once.
    ///
    /// # Errors
    /// [`MarkOpenedError`].
    pub fn accept_loss(&mut self, reach: TreeHead) -> Result<(), MarkOpenedError> {
        assert!(reach.size() > 0, "whoever has lost all events has lost the ledger");
        self.write_opened(reach)
    }

    fn write_opened(&mut self, reach: TreeHead) -> Result<(), MarkOpenedError> {
        let opened = OpenedLedger::new(self.ledger, reach);
        let path = || self.directory.join(OPENED_FILE);
        opened.write(&self.directory).map_err(|source| MarkOpenedError::Io { path: path(), source })?;
        self.opened = Some(opened);
        Ok(())
    }

    pub(crate) fn read(directory: &Path, lock: File) -> Result<Self, OpenIdentityError> {
        let ledger = read_ledger(&directory.join(LEDGER_FILE))?;
        let signer = read_key(&directory.join(KEY_FILE))?;
        let path = directory.join(SIGNED_HEADS_FILE);
        let heads = SignedHeads::open(&path, signer.verifier()).map_err(|source| match source {
            ReadHeadsError::Io(source) => read_error(&path, source),
            source @ (ReadHeadsError::Damaged { .. }
            | ReadHeadsError::Contradiction { .. }
            | ReadHeadsError::Empty
            | ReadHeadsError::OtherKey { .. }) => OpenIdentityError::Heads { path, source },
        })?;
        let opened = OpenedLedger::read(directory)?;
        if let Some(found) = opened.map(|opened| opened.ledger()).filter(|found| *found != ledger) {
            return Err(OpenIdentityError::OpenedOther { directory: directory.to_owned(), ledger, found });
        }
        Ok(Self { ledger, signer, heads, directory: directory.to_owned(), opened, _lock: lock })
    }
}

pub(crate) fn lock(directory: &Path) -> Result<File, OpenIdentityError> {
    let path = directory.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(durable::SECRET);
    let file = options.open(&path).map_err(|source| read_error(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenIdentityError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(read_error(&path, source)),
    }
}

pub(crate) fn read_ledger(path: &Path) -> Result<Uuid, OpenIdentityError> {
    let text = read_text(path)?;
    let parsed = text.strip_suffix('\n').unwrap_or(&text).parse();
    parsed.map_err(|source| OpenIdentityError::Ledger { path: path.to_owned(), source })
}

pub(crate) fn read_key(path: &Path) -> Result<SignerKey, OpenIdentityError> {
    let text = read_text(path)?;
    let parsed = SignerKey::from_skey(text.strip_suffix('\n').unwrap_or(&text));
    parsed.map_err(|source| OpenIdentityError::Key { path: path.to_owned(), source })
}

pub(crate) fn read_text(path: &Path) -> Result<String, OpenIdentityError> {
    fs::read_to_string(path).map_err(|source| read_error(path, source))
}

fn read_error(path: &Path, source: io::Error) -> OpenIdentityError {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        OpenIdentityError::Missing { path }
    } else {
        OpenIdentityError::Io { path, source }
    }
}
