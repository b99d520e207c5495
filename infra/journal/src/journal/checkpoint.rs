//! Moves what is committed from the WAL into the database, beside the writer. It never delays a commit by more than the
//! last small step.
//!
//! A WAL starts over only at a moment when all of it has been moved, which under constant writing never comes by
//! itself. So this thread moves the bulk, round by round, until little is left, and then asks the writer to move the
//! rest between two commits.

use super::format::{self, PAGE_BYTES};
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

/// So much of the WAL is written before the checkpointer is woken.
pub(crate) const CHECKPOINT_BYTES: usize = 32 << 20;
/// A WAL longer than this is moved by the writer itself, however long that takes: reading slows down with its length.
pub(crate) const WAL_BYTES_LIMIT: usize = 128 << 20;
/// So few pages may be left for the writer to move between two commits.
const REST_PAGES: i64 = 512;
/// Rounds in which the bulk is moved; each meets what was written during the one before.
const ROUNDS_LIMIT: usize = 3;

/// What a checkpoint reported.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Everything in the WAL is in the database.
    pub(crate) complete: bool,
    /// Pages that are not.
    left: i64,
    /// Pages in the WAL.
    pub(crate) frames: u64,
    /// About how long the WAL is, in bytes.
    pub(crate) wal_bytes: usize,
}

/// Runs one checkpoint (`PASSIVE` waits for nobody; `TRUNCATE` waits for readers and leaves an empty file).
pub(crate) fn checkpoint(connection: &Connection, mode: &str) -> rusqlite::Result<Progress> {
    let mut statement = connection.prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?;
    statement.query_row([], |row| {
        let (busy, log, moved): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Progress {
            complete: !busy && log == moved,
            left: log - moved,
            frames: u64::try_from(log).unwrap_or(0),
            wal_bytes: usize::try_from(log).unwrap_or(0).saturating_mul(PAGE_BYTES as usize),
        })
    })
}

/// The writer's side of the checkpointer; it ends with the value.
#[derive(Debug)]
pub(crate) struct Checkpointer {
    requests: Option<SyncSender<()>>,
    said: Arc<Said>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Said {
    little_is_left: AtomicBool,
    failed: AtomicBool,
}

impl Checkpointer {
    pub(crate) fn start(path: &Path) -> Result<Self, super::JournalError> {
        let connection = format::open_read_write(path)?;
        let said = Arc::<Said>::default();
        // One request says it all: a second one while the first is waiting is dropped.
        let (requests, received) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn({
                let said = said.clone();
                move || run(&connection, &received, &said)
            })
            .map_err(|error| super::JournalError::Unavailable { path: path.to_owned(), source: error.into() })?;
        Ok(Self { requests: Some(requests), said, thread: Some(thread) })
    }

    /// Asks for a checkpoint soon.
    pub(crate) fn request(&self) {
        if let Some(requests) = &self.requests {
            // Full: one is due already. Closed: it failed, which `failed` tells.
            let _ = requests.try_send(());
        }
    }

    /// True once after each time that the bulk was moved.
    pub(crate) fn little_is_left(&self) -> bool {
        self.said.little_is_left.load(Ordering::Relaxed) && self.said.little_is_left.swap(false, Ordering::Relaxed)
    }

    /// True when a page could not be written or synced: nothing on these file handles is to be believed any more.
    pub(crate) fn failed(&self) -> bool {
        self.said.failed.load(Ordering::Relaxed)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported by its hook.
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, requests: &Receiver<()>, said: &Said) {
    while requests.recv().is_ok() {
        match move_bulk(connection) {
            Ok(()) => said.little_is_left.store(true, Ordering::Relaxed),
            Err(error) if is_busy(&error) => {}
            Err(error) => {
                tracing::error!(%error, "a checkpoint of the journal failed");
                said.failed.store(true, Ordering::Relaxed);
                return;
            }
        }
    }
}

fn move_bulk(connection: &Connection) -> rusqlite::Result<()> {
    for _ in 0..ROUNDS_LIMIT {
        if checkpoint(connection, "PASSIVE")?.left <= REST_PAGES {
            break;
        }
    }
    Ok(())
}

pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked))
}
