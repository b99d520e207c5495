//! The embedded log: one SQLite file that is the truth of a ledger. It gives bytes and order, and reads no meaning.

mod checking;
mod checkpoint;
mod error;
mod files;
mod format;
mod lock;
mod mirror;
mod moving;
mod readers;
mod recent;
mod room;
mod stored;
mod wal;
mod writer;

pub(crate) use error::is_damage;
pub use error::{Defect, JournalError};
pub use format::JOURNAL_FILE;
pub(crate) use format::keep_plans;
pub use lock::LOCK_FILE;
pub use mirror::Mirror;
pub use moving::Held;
pub use stored::StoredEvent;

use async_trait::async_trait;
use checking::Checking;
use convenio_events::{
    LedgerId, RecordedEvent, Sequence,
    log::{EventLog, OpenError, OpenedWriter, PAGE_BYTES_LIMIT, PAGE_EVENTS_LIMIT, ReadError},
};
use error::RowError;
use lock::Fence;
use readers::{READERS_LIMIT, Readers};
use std::{
    ops::ControlFlow,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::{Semaphore, watch};

/// Longest time for which one statement of a scan stays open: while it is, the WAL cannot start over.
const SLICE_TIME: Duration = Duration::from_millis(50);
/// Rows between two looks at the clock.
const SLICE_ROWS: u64 = 256;

/// What a journal is opened for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reading and writing; the file is created when it is not there.
    ReadWrite,
    /// Reading only, also beside the process that writes. The head is raised by [`Journal::refresh`] alone.
    ReadOnly,
}

/// Settings of a journal.
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    /// Most pages of 8192 bytes that the file may grow to; an append beyond them fails like one on a full disk.
    pub pages_limit: Option<u32>,
    /// Whether each event that is read from the file must open its entry, be of one ledger with the others, and not go back in
    /// time. What was committed a moment ago comes from memory and is not looked at again.
    pub checked: bool,
}

/// A journal; clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// The data directory.
    data: PathBuf,
    /// The journal in it.
    file: PathBuf,
    access: Access,
    options: Options,
    readers: Readers,
    files: files::Files,
    /// As many reads at a time as there are connections: more would only fill the blocking threads with waiting.
    reads: Semaphore,
    recent: recent::Recent,
    head: watch::Sender<Sequence>,
    /// Which ledger its events are of, once one was checked.
    ledger: OnceLock<LedgerId>,
}

impl Shared {
    /// Takes the fence, or says why not.
    fn fence(&self) -> Result<Fence, JournalError> {
        let unavailable =
            |error: std::io::Error| JournalError::Unavailable { path: self.data.clone(), source: error.into() };
        let fence = Fence::take(&self.data).map_err(unavailable)?;
        fence.ok_or_else(|| JournalError::InUse { path: self.file.clone() })
    }

    fn raise_head(&self, head: Sequence) {
        self.head.send_if_modified(|known| {
            let raised = head > *known;
            *known = head.max(*known);
            raised
        });
    }
}

impl Journal {
    /// Opens the journal in a data directory. It blocks.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open(data: &Path, access: Access) -> Result<Self, JournalError> {
        Self::open_with(data, access, Options::default())
    }

    /// Opens the journal in a data directory with settings of its own. It blocks.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn open_with(data: &Path, access: Access, options: Options) -> Result<Self, JournalError> {
        let file = data.join(JOURNAL_FILE);
        if access == Access::ReadWrite {
            make_private(data)
                .and_then(|()| lock::Fence::probe(data))
                .map_err(|error| JournalError::Unavailable { path: data.to_owned(), source: error.into() })?;
            drop(format::open_read_write(&file)?);
        }
        let readers = Readers::open(&file)?;
        let files = files::Files::of(&file)
            .map_err(|error| JournalError::Unavailable { path: file.clone(), source: error.into() })?;
        let journal = Self {
            shared: Arc::new(Shared {
                data: data.to_owned(),
                file,
                access,
                options,
                readers,
                files,
                reads: Semaphore::new(READERS_LIMIT),
                recent: recent::Recent::default(),
                head: watch::Sender::new(Sequence::ZERO),
                ledger: OnceLock::new(),
            }),
        };
        journal.refresh()?;
        Ok(journal)
    }

    /// Looks at the file for what other processes have committed, raises the head to it and returns it. It blocks.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] when the log does not begin at zero, [`JournalError::Unavailable`].
    pub fn refresh(&self) -> Result<Sequence, JournalError> {
        let head = self.shared.readers.with(format::head);
        let head = head.map_err(|error| error.at(&self.shared.file))?;
        self.shared.raise_head(head);
        Ok(head)
    }

    /// Whether the files are still the ones that are open, and of one that is written, long enough for what was written. It is
    /// cheap, and blocks.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with the file and what became of it, from then on for good: whatever is recorded after it may not
    /// be found by the next start.
    pub fn check_files(&self) -> Result<(), JournalError> {
        self.shared.files.check()
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.shared.file
    }

    /// Whether it is a copy of another log, which alone is the truth. It blocks.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn is_copy(&self) -> Result<bool, JournalError> {
        let is_copy = self.shared.readers.with(|connection| Ok(mirror::is_mirror(connection)?));
        is_copy.map_err(|error| error.at(&self.shared.file))
    }

    /// [`EventLog::read`] for threads that may block.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_sync(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        let limit = limit.min(PAGE_EVENTS_LIMIT);
        let (mut page, mut bytes, mut checking) = (Vec::new(), 0, Checking::of(&self.shared));
        self.scan(from, stored::COLUMNS, |row, sequence| {
            if page.len() >= limit {
                return Ok(ControlFlow::Break(()));
            }
            let event = StoredEvent::read(row, sequence)?.to_recorded();
            bytes += event.size();
            if bytes > PAGE_BYTES_LIMIT && !page.is_empty() {
                return Ok(ControlFlow::Break(()));
            }
            checking.look(&event)?;
            page.push(event);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(page)
    }

    /// Visits every committed event from `from` on, in order, until `visit` breaks; returns the position after the last
    /// one that it did not break at. Nothing is copied. It blocks, and holds no read open for long if `visit` returns.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn for_each_event(
        &self,
        from: Sequence,
        mut visit: impl FnMut(StoredEvent<'_>) -> ControlFlow<()>,
    ) -> Result<Sequence, ReadError> {
        let mut checking = Checking::of(&self.shared);
        self.scan(from, stored::COLUMNS, |row, sequence| {
            let event = StoredEvent::read(row, sequence)?;
            if self.shared.options.checked {
                checking.look(&event.to_recorded())?;
            }
            Ok(visit(event))
        })
    }

    /// Like [`Journal::for_each_event`], of the entries alone: what the Merkle tree hashes.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn for_each_entry(
        &self,
        from: Sequence,
        mut visit: impl FnMut(Sequence, &str) -> ControlFlow<()>,
    ) -> Result<Sequence, ReadError> {
        self.scan(from, "sequence, entry", |row, expected| {
            let sequence = stored::sequence(row, expected)?;
            Ok(visit(sequence, stored::text(row, 1)?))
        })
    }

    /// The entry at a position, if there is one. It blocks.
    pub(crate) fn entry(&self, sequence: Sequence) -> Result<Option<String>, ReadError> {
        let mut found = None;
        self.for_each_entry(sequence, |_, entry| {
            found = Some(entry.to_owned());
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    fn scan(
        &self,
        from: Sequence,
        columns: &str,
        mut visit: impl FnMut(&rusqlite::Row<'_>, Sequence) -> Result<ControlFlow<()>, RowError>,
    ) -> Result<Sequence, ReadError> {
        let query = format!("SELECT {columns} FROM log WHERE sequence >= ?1 ORDER BY sequence");
        let mut next = from;
        loop {
            let slice = self.shared.readers.with(|connection| {
                let mut statement = connection.prepare_cached(&query)?;
                let began = Instant::now();
                // Beyond what SQLite can count there is nothing.
                let mut rows = statement.query([i64::try_from(next.0).unwrap_or(i64::MAX)])?;
                while let Some(row) = rows.next()? {
                    if visit(row, next)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                    next = next.next();
                    if next.0.is_multiple_of(SLICE_ROWS) && began.elapsed() > SLICE_TIME {
                        return Ok(ControlFlow::Continue(()));
                    }
                }
                Ok(ControlFlow::Break(()))
            });
            if slice.map_err(|error| error.reading(next))?.is_break() {
                return Ok(next);
            }
        }
    }

    /// Checks the structure of every page (SQLite's `quick_check`): minutes for a large journal. It blocks.
    ///
    /// # Errors
    /// [`JournalError::Damaged`] with what was found, [`JournalError::Unavailable`].
    pub fn check_pages(&self) -> Result<(), JournalError> {
        let connection = format::open_read_only(&self.shared.file)?;
        let said = connection
            .pragma_query_value(None, "quick_check", |row| row.get::<_, String>(0))
            .map_err(|error| RowError::from(error).at(&self.shared.file))?;
        if said == "ok" {
            return Ok(());
        }
        Err(RowError::from(Defect::Check(said)).at(&self.shared.file))
    }
}

#[async_trait]
impl EventLog for Journal {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        if self.shared.access == Access::ReadOnly {
            return Err(OpenError::Unavailable("the journal was opened for reading only".into()));
        }
        let shared = self.shared.clone();
        blocking(move || writer::open(&shared)).await.map_err(OpenError::Unavailable)?
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        if let Some(page) = self.shared.recent.read(from, limit) {
            return Ok(page);
        }
        let _permit = self.shared.reads.acquire().await.expect("the semaphore is never closed");
        let journal = self.clone();
        blocking(move || journal.read_sync(from, limit)).await.map_err(ReadError::Unavailable)?
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.shared.head.subscribe()
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Box<dyn std::error::Error + Send + Sync>> {
    tokio::task::spawn_blocking(work).await.map_err(Into::into)
}

/// A folder that only its owner enters: it holds what is restricted, too. One that is there stays as it is.
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}
