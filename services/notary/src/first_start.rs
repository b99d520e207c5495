//! The first start of a ledger: makes its identity directory step by step, and takes it up again after
//! a crash. Does not open the ledger: its first events are its caller's to record.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::checkpoint::Checkpoint;
use crate::compact_range::TreeHead;
use crate::durable;
use crate::identity::{
    ADMIN_TOKEN_FILE, Identity, KEY_FILE, LEDGER_FILE, OpenIdentityError, SIGNED_HEADS_FILE, lock, read_key,
    read_ledger, read_text,
};
use crate::note_key::{GenerateKeyError, KeyName, SignerKey};
use crate::signed_heads::SignedHeads;

/// What a new identity is made of; where a first start is taken up again, what it made stands.
#[derive(Clone)]
pub struct NewIdentity {
    /// The ledger's UUID; drawn at random where `None`.
    pub ledger: Option<Uuid>,
    /// The log's origin, which names its key too; `ledger.invalid/<uuid>` where `None`.
    pub origin: Option<KeyName>,
    /// Content of the file with the first admin token.
    pub admin_token: String,
}

/// An identity whose ledger is still to be opened.
pub struct FirstStart {
    /// The identity, with a signed head of size 0.
    pub identity: Identity,
    /// What the file with the first admin token holds: of this start, or of one that crashed.
    pub admin_token: String,
}

/// Why an identity was not made or taken up again.
#[derive(Debug, thiserror::Error)]
pub enum CreateIdentityError {
    /// The operating system refused, or a sync failed.
    #[error("writing {}", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No random numbers for a key.
    #[error("making the ledger's key")]
    Key(#[from] GenerateKeyError),
    /// A step is missing though a later one was made, which no crash leaves behind.
    #[error("{} is missing though {later} is there: files were lost or mixed", path.display())]
    Lost {
        /// The missing file.
        path: PathBuf,
        /// A file that is made after it.
        later: &'static str,
    },
    /// The directory is another ledger's.
    #[error("the identity in {} is of ledger {found}, not of {asked}", directory.display())]
    OtherLedger {
        /// The identity directory.
        directory: PathBuf,
        /// The ledger it is of.
        found: Uuid,
        /// The ledger that was to be made.
        asked: Uuid,
    },
    /// The directory was begun for another origin.
    #[error("the identity in {} was made for {found}, not for {asked}", directory.display())]
    OtherOrigin {
        /// The identity directory.
        directory: PathBuf,
        /// The origin it was made for.
        found: KeyName,
        /// The origin that was asked for.
        asked: KeyName,
    },
    /// It has opened its ledger before, whose log is lost, or lies elsewhere.
    #[error(
        "the identity in {} has opened the ledger {ledger}, which had {events} events at least, and there are none here: an \
         identity opens one ledger once. Name the --data or the --log where that ledger is, or restore it there; for a new \
         ledger name a new --identity",
        directory.display()
    )]
    AlreadyOpened {
        /// The identity directory.
        directory: PathBuf,
        /// Which ledger it opened.
        ledger: Uuid,
        /// How many events were known of it.
        events: u64,
    },
    /// What is there cannot be used.
    #[error(transparent)]
    Open(#[from] OpenIdentityError),
}

type Step = fn(&Path, &NewIdentity) -> Result<(), CreateIdentityError>;

/// The first start, in order; each step is durable before the next and does nothing where it is done.
/// After a crash within a step there may also be a temporary file, which the step made anew removes.
/// 1. the directory; a crash after it leaves it empty or with a lock file: all begins anew.
/// 2. the ledger's UUID; a crash leaves a ledger without key: the UUID stays, nobody has seen it.
/// 3. the key, named by the origin; a crash leaves a key that has signed nothing: it stays.
/// 4. the admin token; a crash leaves a token that no grant accepts yet: it is the one to be granted.
/// 5. a signed head of size 0; a crash leaves a whole identity and an empty journal: both are taken up
///    again, until LedgerOpened and the first AccessGranted are recorded together. Its caller then marks the
///    identity (`Identity::mark_opened`) before it answers anybody; marked, it makes no further start.
const STEPS: [Step; 5] = [
    |directory, _| create("", directory, durable::create_directory),
    make_ledger_uuid,
    make_key,
    make_admin_token,
    make_first_head,
];

impl Identity {
    /// Makes the identity of a ledger whose journal is empty, or takes up one whose first start
    /// crashed. Its caller then records LedgerOpened; with events in the journal, use [`Identity::open`].
    ///
    /// # Errors
    /// Where it cannot be written, is not this ledger's, or has signed events that are no longer there.
    pub fn create_or_resume(directory: &Path, new: &NewIdentity) -> Result<FirstStart, CreateIdentityError> {
        STEPS[0](directory, new)?;
        let lock = lock(directory)?;
        for step in &STEPS[1..] {
            step(directory, new)?;
        }
        let identity = Self::read(directory, lock)?;
        identity.require(directory, new)?;
        let admin_token = read_text(&directory.join(ADMIN_TOKEN_FILE))?;
        Ok(FirstStart { identity, admin_token })
    }

    fn require(&self, directory: &Path, new: &NewIdentity) -> Result<(), CreateIdentityError> {
        let directory = directory.to_owned();
        if let Some(Err(missing)) = self.opened().map(|opened| opened.require(0)) {
            return Err(CreateIdentityError::AlreadyOpened {
                directory,
                ledger: missing.ledger,
                events: missing.known,
            });
        }
        if let Some(asked) = new.ledger.filter(|asked| *asked != self.ledger()) {
            return Err(CreateIdentityError::OtherLedger { directory, found: self.ledger(), asked });
        }
        if let Some(asked) = new.origin.clone().filter(|asked| asked != self.origin()) {
            return Err(CreateIdentityError::OtherOrigin { directory, found: self.origin().clone(), asked });
        }
        Ok(())
    }
}

// Neither shows the admin token: what is debugged ends up in logs.
impl fmt::Debug for NewIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewIdentity")
            .field("ledger", &self.ledger)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FirstStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstStart").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// The origin of a ledger that has no public URL: a name that no host can have (RFC 2606).
fn private_origin(ledger: Uuid) -> KeyName {
    let name = format!("ledger.invalid/{ledger}");
    name.parse().expect("a UUID has no space or plus")
}

fn make_ledger_uuid(directory: &Path, new: &NewIdentity) -> Result<(), CreateIdentityError> {
    make(directory, LEDGER_FILE, &[KEY_FILE, SIGNED_HEADS_FILE], durable::PUBLIC, || {
        Ok(format!("{}\n", new.ledger.unwrap_or_else(Uuid::new_v4)))
    })
}

fn make_key(directory: &Path, new: &NewIdentity) -> Result<(), CreateIdentityError> {
    make(directory, KEY_FILE, &[SIGNED_HEADS_FILE], durable::SECRET, || {
        let ledger = read_ledger(&directory.join(LEDGER_FILE))?;
        let origin = new.origin.clone();
        let key = SignerKey::generate(origin.unwrap_or_else(|| private_origin(ledger)))?;
        Ok(format!("{}\n", key.to_skey()))
    })
}

fn make_admin_token(directory: &Path, new: &NewIdentity) -> Result<(), CreateIdentityError> {
    make(directory, ADMIN_TOKEN_FILE, &[], durable::SECRET, || Ok(new.admin_token.clone()))
}

fn make_first_head(directory: &Path, _: &NewIdentity) -> Result<(), CreateIdentityError> {
    make(directory, SIGNED_HEADS_FILE, &[], durable::PUBLIC, || {
        let key = read_key(&directory.join(KEY_FILE))?;
        let origin = key.verifier().name().clone();
        let first = Checkpoint::new(origin, TreeHead::empty()).sign(&key);
        Ok(SignedHeads::first_content(&first))
    })
}

/// Makes a file unless it is there; refuses where a later one is there without it.
fn make(
    directory: &Path,
    name: &'static str,
    made_later: &[&'static str],
    mode: u32,
    content: impl FnOnce() -> Result<String, CreateIdentityError>,
) -> Result<(), CreateIdentityError> {
    let path = directory.join(name);
    if exists(&path)? {
        // An earlier start may have died between renaming it and syncing the directory.
        return create("", directory, durable::sync_directory);
    }
    for later in made_later {
        if exists(&directory.join(later))? {
            return Err(CreateIdentityError::Lost { path, later });
        }
    }
    let content = content()?;
    create(name, directory, |directory| durable::write_file(directory, name, mode, content.as_bytes()))
}

/// A file that cannot be looked at is not taken for missing: it would be replaced.
fn exists(path: &Path) -> Result<bool, CreateIdentityError> {
    let found = path.try_exists();
    found.map_err(|source| CreateIdentityError::Io { path: path.to_owned(), source })
}

fn create(
    name: &str,
    directory: &Path,
    write: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), CreateIdentityError> {
    write(directory).map_err(|source| CreateIdentityError::Io { path: directory.join(name), source })
}

#[cfg(test)]
mod tests;
