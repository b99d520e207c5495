//! The file `opened`: that this identity has opened its ledger, and how far the ledger's log was known to reach since. It
//! signs nothing: it keeps an identity from opening a second ledger, and from going on where events were lost.
//!
//! Text, so that an operator can read it: a header line, then `<ledger> <size> <root> <checksum>`: UUID; decimal; base64; 16
//! hex digits of SHA-256 over the line before them, trailing space included. It is replaced whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::checkpoint::parse_size;
use crate::compact_range::TreeHead;
use crate::durable;
use crate::identity::{LEDGER_FILE, SIGNED_HEADS_FILE};
use crate::leaf::Hash;
use crate::signed_heads::{checksum, latest_head};

/// That the identity opened its ledger, on whatever log, and how far that log was known to reach.
pub const OPENED_FILE: &str = "opened";

const HEADER: &str = "convenio-opened/v1\n";

/// A ledger that was opened, and the largest tree over its log that this identity's directory has seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenedLedger {
    ledger: Uuid,
    reach: TreeHead,
}

/// Why the mark cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum ReadOpenedError {
    /// The operating system refused.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not what was written.
    #[error(
        "{} is damaged: bring the identity directory back from a copy. It says that a ledger was opened, and how many events \
         it has at least",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// A log that holds fewer events than were known of it: some are lost, or it is another's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the ledger {ledger} had {known} events at least, and {found} are found")]
pub struct EventsMissing {
    /// Which ledger.
    pub ledger: Uuid,
    /// How many events were known.
    pub known: u64,
    /// How many there are.
    pub found: u64,
}

impl OpenedLedger {
    /// A ledger that is open, and the tree over what its log holds, or a smaller one.
    #[must_use]
    pub const fn new(ledger: Uuid, reach: TreeHead) -> Self {
        Self { ledger, reach }
    }

    /// What an identity directory says, without holding it; `None` where the identity has opened no ledger, or is not there. Where
    /// the file is gone, a signed head says the same of the events below it: nobody signs what no ledger has.
    ///
    /// # Errors
    /// Where the file is there and cannot be read or believed.
    pub fn read(directory: &Path) -> Result<Option<Self>, ReadOpenedError> {
        let path = directory.join(OPENED_FILE);
        match fs::read(&path) {
            Ok(bytes) => Self::decode(&bytes).map(Some).ok_or(ReadOpenedError::Damaged { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::signed(directory)),
            Err(source) => Err(ReadOpenedError::Io { path, source }),
        }
    }

    /// What was signed says; heads and ids that cannot be read are told by whoever opens the identity.
    fn signed(directory: &Path) -> Option<Self> {
        let heads = fs::read_to_string(directory.join(SIGNED_HEADS_FILE)).ok()?;
        let reach = latest_head(&heads).filter(|head| head.size() > 0)?;
        let ledger = fs::read_to_string(directory.join(LEDGER_FILE)).ok()?.trim_end().parse().ok()?;
        Some(Self { ledger, reach })
    }

    /// Which ledger it is.
    #[must_use]
    pub const fn ledger(&self) -> Uuid {
        self.ledger
    }

    /// The largest tree that is known; the empty one says no more than that there are events.
    #[must_use]
    pub const fn reach(&self) -> &TreeHead {
        &self.reach
    }

    /// Whether a log of so many events can be this ledger's; one without any never is.
    ///
    /// # Errors
    /// [`EventsMissing`] with both numbers.
    pub fn require(&self, found: u64) -> Result<(), EventsMissing> {
        // Opening a ledger records an event, whether its tree was already known or not.
        let known = self.reach.size().max(1);
        if found >= known { Ok(()) } else { Err(EventsMissing { ledger: self.ledger, known, found }) }
    }

    /// Replaces the mark in a directory, durably.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        durable::write_file(directory, OPENED_FILE, durable::PUBLIC, self.encode().as_bytes())
    }

    fn encode(&self) -> String {
        let line = format!("{} {} {} ", self.ledger, self.reach.size(), self.reach.root().to_base64());
        let checksum = checksum(&line);
        format!("{HEADER}{line}{checksum}\n")
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let line = str::from_utf8(bytes).ok()?.strip_prefix(HEADER)?;
        let [ledger, size, root, _] = line.strip_suffix('\n')?.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let reach = TreeHead::new(parse_size(size)?, Hash::from_base64(root).ok()?).ok()?;
        let opened = Self { ledger: ledger.parse().ok()?, reach };
        // Written anew it must be the same, checksum and all: nothing else is what was written.
        (opened.encode().as_bytes() == bytes).then_some(opened)
    }
}
