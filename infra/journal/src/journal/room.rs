//! Makes the WAL's file longer than it is used, ahead of time. It knows nothing of what is in the used part.
//!
//! fdatasync of a file that has grown waits for the file system's own journal; of one that was overwritten it waits for the
//! data alone, which takes half as long. Zeros are no frames to SQLite: reading a WAL ends before them.

use super::checkpoint::CHECKPOINT_BYTES;
use rusqlite::{Connection, TransactionBehavior};
use std::{
    fs::File,
    io::{self, Seek as _, Write as _},
    path::{Path, PathBuf},
};

/// The file grows by this much at a time: some milliseconds of writing.
const STEP_BYTES: u64 = 8 << 20;
/// Less free room than this is little: more than most batches need.
const LITTLE_BYTES: u64 = 2 << 20;
/// A WAL starts over before it is much longer than a checkpoint's worth; then it is as long as it needs to be.
const ROOM_LIMIT: u64 = CHECKPOINT_BYTES as u64 + STEP_BYTES;

/// How long the WAL's file is, as far as it was made longer here.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    bytes: u64,
}

impl Room {
    /// Of a journal's WAL that is empty.
    pub(super) fn of(journal: &Path) -> Self {
        let mut path = journal.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), bytes: 0 }
    }

    /// Makes the first room of a writer. Where not even a little can be made, the disk is full: nothing would be taken.
    pub(super) fn begin(&mut self, connection: &mut Connection) -> io::Result<()> {
        for step in [STEP_BYTES, LITTLE_BYTES] {
            match self.extend(connection, step) {
                Ok(bytes) => {
                    self.bytes = bytes;
                    return Ok(());
                }
                Err(error) if is_full(&error) && step == LITTLE_BYTES => return Err(error),
                Err(error) => tracing::debug!(%error, "no room could be made in the journal's WAL"),
            }
        }
        Ok(())
    }

    /// Makes room where little is left beyond `used`. Nothing is lost where it cannot be made, as on a full disk: the WAL
    /// then grows with its commits.
    pub(super) fn make(&mut self, connection: &mut Connection, used: usize) {
        let used = u64::try_from(used).unwrap_or(u64::MAX);
        if self.bytes >= ROOM_LIMIT || used.saturating_add(LITTLE_BYTES) <= self.bytes {
            return;
        }
        match self.extend(connection, STEP_BYTES) {
            Ok(bytes) => self.bytes = bytes,
            Err(error) => {
                tracing::debug!(%error, "no room could be made in the journal's WAL");
                // Not tried again at every commit.
                self.bytes = ROOM_LIMIT;
            }
        }
    }

    /// Under SQLite's lock for writing: a shell of somebody else may be writing to the same end.
    fn extend(&self, connection: &mut Connection, step: u64) -> io::Result<u64> {
        let locked = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(io::Error::other)?;
        let mut file = File::options().write(true).open(&self.path)?;
        let end = file.seek(io::SeekFrom::End(0))?;
        if end < ROOM_LIMIT {
            let zeros = vec![0; usize::try_from(step).unwrap_or(0)];
            if let Err(error) = file.write_all(&zeros).and_then(|()| file.sync_data()) {
                // What was written of it is room that the views may need more.
                file.set_len(end)?;
                return Err(error);
            }
        }
        locked.rollback().map_err(io::Error::other)?;
        Ok(end + step)
    }
}

/// Whether there is no room on the disk, or for this user. A limit on the size of a file says nothing of smaller ones.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
