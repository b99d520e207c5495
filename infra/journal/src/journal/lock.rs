//! The fence of the embedded log: an exclusive OS lock on a file of its own. It says nothing about who holds it.

use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
};

/// The fence's file in the data directory. It is empty, and only its lock means anything: leave it where it is.
pub const LOCK_FILE: &str = "journal.lock";

/// Held by the one writer; the lock ends with the value, and with the process however that ends.
#[derive(Debug)]
pub(crate) struct Fence {
    _file: File,
}

impl Fence {
    /// Takes the lock; `None` when another writer holds it, in this process or another.
    pub(crate) fn take(data: &Path) -> io::Result<Option<Self>> {
        let file = open(data)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the lock could be asked for, which says whether the directory can be written.
    pub(crate) fn probe(data: &Path) -> io::Result<()> {
        open(data).map(drop)
    }
}

fn open(data: &Path) -> io::Result<File> {
    // Kept between runs: were it deleted, two writers could each lock a file of this name.
    OpenOptions::new().create(true).truncate(false).write(true).open(data.join(LOCK_FILE))
}
