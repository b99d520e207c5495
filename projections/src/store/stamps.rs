//! When the files of a view were last written by their writer: whoever finds another time reads what somebody else wrote. It costs a
//! reader two `stat`s, where the checksums would cost all pages. What a disk changes by itself has no time; the checksums find that.

use convenio_pages::Damage;
use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The state of one file on disk: its device, inode, bytes, and the seconds and nanoseconds of its last change.
type Stamp = (u64, u64, u64, i64, i64);

/// The stamps of a file and its WAL, shared by the writer and all readers.
#[derive(Debug)]
pub(crate) struct Stamps {
    file: PathBuf,
    wal: PathBuf,
    written: Mutex<Written>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Written {
    /// The writer is at it, or it is nobody's yet: any stamp is right.
    UnderWay,
    /// Nobody writes. A WAL that is empty is none.
    At { file: Stamp, wal: Option<Stamp> },
    /// The times that this file system tells are not those of the last change: they are not looked at any more.
    Unreliable,
}

impl Stamps {
    pub(super) fn new(file: &Path) -> Self {
        let mut wal = file.as_os_str().to_owned();
        wal.push("-wal");
        Self { file: file.to_owned(), wal: wal.into(), written: Mutex::new(Written::UnderWay) }
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Result<Written, Damage> {
        let file = stamp(&self.file)?;
        let wal = match stamp(&self.wal) {
            // Whoever opens a file that has none makes an empty one.
            Ok((_, _, 0, _, _)) => None,
            Ok(wal) => Some(wal),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Written::At { file, wal })
    }

    /// Whether nobody but the writer has written.
    ///
    /// # Errors
    /// [`Damage::Gone`] where somebody has; [`Damage::Io`].
    pub(super) fn check(&self) -> Result<(), Damage> {
        loop {
            let known = *self.written();
            match known {
                Written::UnderWay | Written::Unreliable => return Ok(()),
                Written::At { .. } if self.now()? == known => return Ok(()),
                // The writer may have begun in between.
                Written::At { .. } if *self.written() == known => return Err(Damage::Gone),
                Written::At { .. } => {}
            }
        }
    }

    /// Before the writer writes.
    pub(super) fn begin(&self) {
        self.change(Written::UnderWay);
    }

    /// After the writer has written, also where that failed.
    pub(super) fn end(&self) {
        // Files that cannot be looked at are found by the checksums.
        self.change(self.now().unwrap_or(Written::UnderWay));
    }

    /// Somebody seems to have written, and every page is as it was.
    pub(super) fn distrust(&self) {
        self.change(Written::Unreliable);
    }

    fn change(&self, to: Written) {
        let mut written = self.written();
        if *written != Written::Unreliable {
            *written = to;
        }
    }
}

fn stamp(file: &Path) -> io::Result<Stamp> {
    file.metadata().map(|file| (file.dev(), file.ino(), file.size(), file.mtime(), file.mtime_nsec()))
}
