//! Keeps the WAL short between two commits, for whoever writes: a log of its own or a copy of another.

use super::{
    checkpoint::{CHECKPOINT_BYTES, Checkpointer, WAL_BYTES_LIMIT, checkpoint, is_busy},
    error::JournalError,
    format,
};
use rusqlite::Connection;
use std::{path::Path, time::Duration};

/// Longest wait between two commits for readers that keep a WAL beyond its limit from starting over.
pub(super) const READERS_WAIT: Duration = Duration::from_millis(100);

/// The WAL of one writer's connection, and the thread that moves the bulk of it.
#[derive(Debug)]
pub(super) struct Wal {
    checkpointer: Checkpointer,
    /// About how long it is.
    bytes: usize,
}

impl Wal {
    pub(super) fn start(journal: &Path) -> Result<Self, JournalError> {
        Ok(Self { checkpointer: Checkpointer::start(journal)?, bytes: 0 })
    }

    /// About how long it is, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True when a page could not be moved or synced: no open handle of the files is to be believed any more.
    pub(super) fn failed(&self) -> bool {
        self.checkpointer.failed()
    }

    /// Counts a commit of events that have so many bytes.
    pub(super) fn wrote(&mut self, bytes: usize) {
        // Pages are written whole: about a third is lost at their ends, and each commit writes two more.
        self.bytes += bytes / 3 * 4 + 8192;
    }

    /// Moves what is due; to be called between two commits.
    pub(super) fn keep_short(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.bytes >= WAL_BYTES_LIMIT || self.checkpointer.little_is_left() {
            return self
                .move_rest(connection)
                .inspect_err(|error| tracing::error!(%error, "a checkpoint of the journal failed"));
        }
        if self.bytes >= CHECKPOINT_BYTES {
            self.checkpointer.request();
        }
        Ok(())
    }

    /// Moves what the checkpointer left. The next commit then starts the WAL over, unless somebody reads in it just now;
    /// where that went on until the WAL is too long, readers are waited for.
    fn move_rest(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let moved = match checkpoint(connection, "PASSIVE") {
            Ok(progress) if progress.wal_bytes >= WAL_BYTES_LIMIT => {
                connection.busy_timeout(READERS_WAIT)?;
                let restarted = checkpoint(connection, "RESTART");
                connection.busy_timeout(format::BUSY_DEADLINE)?;
                if matches!(&restarted, Ok(progress) if !progress.complete) {
                    tracing::warn!("a long read keeps the journal's WAL from being emptied");
                }
                restarted
            }
            passive => passive,
        };
        match moved {
            Ok(progress) if progress.complete => self.bytes = 0,
            // Tried again when as much has come as is usual between two checkpoints.
            Ok(_) => self.bytes = self.bytes.min(WAL_BYTES_LIMIT - CHECKPOINT_BYTES),
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
