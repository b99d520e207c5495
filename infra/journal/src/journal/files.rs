//! Whether the journal's files are still the ones that are open. A file that somebody deletes goes on for who has it open, takes every
//! commit, and is nowhere at the next start. It repairs nothing but what a WAL that is still open can give.

use super::{
    checkpoint::checkpoint,
    error::{Defect, JournalError},
    format::{self, PAGE_BYTES},
};
use rusqlite::{Connection, config::DbConfig};
use std::{
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

/// Bytes of a WAL before its first frame, and of a frame before its page (<https://www.sqlite.org/fileformat2.html#walformat>).
const WAL_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// The files of one journal, as they were opened.
#[derive(Debug)]
pub(crate) struct Files {
    journal: PathBuf,
    wal: PathBuf,
    opened: FileId,
    watched: Mutex<Option<Watched>>,
    /// What was found. It stays: what is at these names later is not what was written.
    wrong: OnceLock<Wrong>,
}

/// Device and inode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileId(u64, u64);

/// What a writer needs to be found by the next start.
#[derive(Debug)]
struct Watched {
    wal: FileId,
    /// The longest that the journal was: it never gets shorter.
    journal_bytes: u64,
    /// Tells how much of the WAL is in use, which is in memory that all connections share.
    connection: Connection,
}

#[derive(Clone, Debug)]
struct Wrong {
    file: PathBuf,
    what: &'static str,
}

impl Files {
    /// Of a journal that was just opened.
    pub(crate) fn of(journal: &Path) -> io::Result<Self> {
        let mut wal = journal.as_os_str().to_owned();
        wal.push("-wal");
        let opened = FileId::of(&journal.metadata()?);
        let (watched, wrong) = (Mutex::default(), OnceLock::new());
        Ok(Self { journal: journal.to_owned(), wal: wal.into(), opened, watched, wrong })
    }

    /// From here on somebody writes, and the WAL is there.
    pub(crate) fn watch(&self) -> Result<(), JournalError> {
        let connection = format::open_read_write(&self.journal)?;
        // Its end moves nothing and deletes nothing: by then other files may have these names.
        let quiet = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        quiet.map_err(|error| JournalError::Unavailable { path: self.journal.clone(), source: error.into() })?;
        let unavailable =
            |error: io::Error| JournalError::Unavailable { path: self.journal.clone(), source: error.into() };
        let wal = FileId::of(&self.wal.metadata().map_err(unavailable)?);
        let journal_bytes = self.journal.metadata().map_err(unavailable)?.len();
        *self.watched() = Some(Watched { wal, journal_bytes, connection });
        self.check()
    }

    /// Nobody writes any more.
    pub(crate) fn leave(&self) {
        self.watched().take();
    }

    /// Whether what is written goes into files that a start will find: two looks at the directory.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the file and what became of it, from then on for good.
    pub(crate) fn check(&self) -> Result<(), JournalError> {
        let mut watched = self.watched();
        if self.wrong.get().is_none() {
            let Some(wrong) = self.look(watched.as_mut()) else { return Ok(()) };
            if wrong.file == self.wal && wrong.what != SHORT {
                self.rescue(watched.as_ref());
            }
            self.wrong.get_or_init(|| wrong);
        }
        match self.wrong.get() {
            Some(Wrong { file, what }) => {
                let source = Defect::Files { file: file.clone(), what };
                Err(JournalError::Damaged { path: self.journal.clone(), source })
            }
            None => Ok(()),
        }
    }

    fn look(&self, watched: Option<&mut Watched>) -> Option<Wrong> {
        let wrong = |file: &Path, what| Some(Wrong { file: file.to_owned(), what });
        // What cannot be looked at may be there.
        let journal = match self.journal.metadata() {
            Ok(journal) => journal,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return wrong(&self.journal, GONE),
            Err(_) => return None,
        };
        if FileId::of(&journal) != self.opened {
            return wrong(&self.journal, OTHER);
        }
        let watched = watched?;
        if journal.len() < watched.journal_bytes {
            return wrong(&self.journal, SHORT);
        }
        watched.journal_bytes = journal.len();
        let wal = match self.wal.metadata() {
            Ok(wal) => wal,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return wrong(&self.wal, GONE),
            Err(_) => return None,
        };
        if FileId::of(&wal) != watched.wal {
            return wrong(&self.wal, OTHER);
        }
        // Somebody who holds a lock just now keeps it from being told, and is asked again soon.
        let frames = || checkpoint(&watched.connection, "NOOP").map_or(0, |progress| progress.frames);
        let length = || self.wal.metadata().map_or(u64::MAX, |wal| wal.len());
        is_short(|| bytes_of(frames()), length).then(|| Wrong { file: self.wal.clone(), what: SHORT })
    }

    /// A WAL that is open and whole, though it has no name any more, is moved into the journal: what was recorded before is then
    /// found by the next start.
    fn rescue(&self, watched: Option<&Watched>) {
        let moved = watched.map(|watched| checkpoint(&watched.connection, "PASSIVE"));
        match moved {
            Some(Ok(progress)) if progress.complete => {
                tracing::warn!(file = %self.wal.display(), "what the lost WAL held was moved into the journal");
            }
            Some(Ok(_)) => tracing::error!(file = %self.wal.display(), "a part of the lost WAL could not be moved"),
            Some(Err(error)) => tracing::error!(file = %self.wal.display(), %error, "the lost WAL could not be moved"),
            None => {}
        }
    }

    fn watched(&self) -> MutexGuard<'_, Option<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often it is asked whether a WAL is short, before that is believed.
const LOOKS: usize = 3;

/// Bytes of a WAL of so many frames.
fn bytes_of(frames: u64) -> u64 {
    if frames == 0 { 0 } else { WAL_HEADER_BYTES + frames * (FRAME_HEADER_BYTES + u64::from(PAGE_BYTES)) }
}

/// Whether a WAL is shorter than what is in use of it. Others write meanwhile: between two questions it may grow or start over, so
/// what is in use is asked before and after, and the smaller counts. One that was cut stays so.
fn is_short(in_use: impl Fn() -> u64, length: impl Fn() -> u64) -> bool {
    (0..LOOKS).all(|_| {
        let (before, length) = (in_use(), length());
        length < before.min(in_use())
    })
}

const GONE: &str = "is gone";
const OTHER: &str = "is another file than the one that is open";
const SHORT: &str = "is shorter than what was written to it";

impl FileId {
    fn of(file: &std::fs::Metadata) -> Self {
        Self(file.dev(), file.ino())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_wal_that_is_written_between_two_questions_is_not_short() {
        let length = Cell::new(100);
        let grown = |by: u64| length.replace(length.get() + by);
        assert!(!is_short(|| length.get(), || grown(50)), "it grew after its length was asked");
        assert!(!is_short(|| grown(50), || length.get()), "it grew after it was asked what is in use");
        let started_over = Cell::new(false);
        assert!(!is_short(
            || if started_over.get() { 10 } else { 5_000 },
            || if started_over.replace(true) { 10 } else { 20 }
        ));
        assert!(!is_short(|| bytes_of(0), || 0), "an empty one is whole");
        assert!(is_short(|| 5_000, || 4_999), "one that was cut");
    }
}
