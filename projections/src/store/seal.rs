//! Moves a view's WAL into its file by hand, so that the checksums of the file's pages are right at each step, and looks whether they
//! still are. What is done about damage is not decided here.

use super::stamps::Stamps;
use crate::ApplyError;
use convenio_pages::{Damage, PAGE_BYTES, Sums};
use rusqlite::Connection;
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Pages of the WAL from which on it is moved into the file.
const WAL_PAGES: u64 = 2_000;
/// Pages of the file that are looked at each time: 8 MiB, so that a small file is looked at as a whole, and a large one costs little.
const PAGES_A_LOOK: u64 = 1_024;

/// Bytes of a page in the WAL, with the head of its frame.
const FRAME_BYTES: u64 = 24 + PAGE_BYTES as u64;

/// The checksums of one file, and when its WAL is moved next.
#[derive(Debug)]
pub(super) struct Seal {
    sums: Sums,
    file: PathBuf,
    /// Device and inode of the file that is open. One that was deleted is read and written on by whoever has it open, and nobody who
    /// opens it now finds it.
    opened: (u64, u64),
    wal: PathBuf,
    stamps: Arc<Stamps>,
    /// Bytes of the WAL's file. It does not shrink while somebody reads, so the bound moves with it.
    move_at: u64,
}

impl Seal {
    /// Of a file that was just made.
    pub(super) fn new(file: &Path) -> io::Result<Self> {
        Ok(Self::with(Sums::seal(file)?, file, place(file)?))
    }

    /// Of a file that was there: checks all of it.
    pub(super) fn open(file: &Path) -> Result<Self, Damage> {
        // Of the file that is checked, before anybody could take its place unseen.
        let opened = place(file)?;
        Ok(Self::with(Sums::open(file)?, file, opened))
    }

    fn with(sums: Sums, file: &Path, opened: (u64, u64)) -> Self {
        let mut wal = file.as_os_str().to_owned();
        wal.push("-wal");
        let (stamps, move_at) = (Arc::new(Stamps::new(file)), WAL_PAGES * PAGE_BYTES as u64);
        Self { sums, file: file.to_owned(), opened, wal: wal.into(), stamps, move_at }
    }

    /// What readers know the file by.
    pub(super) fn stamps(&self) -> Arc<Stamps> {
        self.stamps.clone()
    }

    /// Before anything is written: whether somebody else has.
    pub(super) fn begin(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        self.look_at_stamps(connection)?;
        self.stamps.begin();
        Ok(())
    }

    /// After something was written, or could not be.
    pub(super) fn end(&self) {
        self.stamps.end();
    }

    fn look_at_stamps(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        match self.stamps.check() {
            Err(Damage::Gone) if place(&self.file).map_err(Damage::from)? == self.opened => {}
            checked => return Ok(checked?),
        }
        let (frames, _) = checkpoint(connection, "NOOP")?;
        self.sums.check_wal(frames)?;
        self.sums.check(u64::MAX)?;
        let file = self.file.display();
        tracing::warn!(%file, "a view's file has another time than when it was written, and every page is as it was: its time is not looked at any more");
        self.stamps.distrust();
        Ok(())
    }

    fn wal_bytes(&self) -> u64 {
        std::fs::metadata(&self.wal).map_or(0, |file| file.len())
    }

    /// Moves the WAL where it is long enough.
    pub(super) fn after_commit(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        if self.wal_bytes() >= self.move_at { self.move_wal(connection).map(|_| ()) } else { Ok(()) }
    }

    /// Moves the WAL; true where all of it was moved. A crash leaves what the checksums allow at every step.
    pub(super) fn move_wal(&mut self, connection: &Connection) -> Result<bool, ApplyError> {
        // 1. The checksums that the pages will have.
        let announced = self.sums.announce(None)?;
        // 2. The pages.
        let (frames, moved) = checkpoint(connection, "PASSIVE")?;
        if frames > announced {
            // SQLite has written more than can be read back.
            return Err(Damage::Wal.into());
        }
        let all = moved == frames;
        if all {
            // 3. They are as announced.
            self.sums.done().map_err(Damage::from)?;
            // Where somebody reads, the file keeps its length and is written from its beginning on.
            connection.busy_timeout(std::time::Duration::ZERO)?;
            let shortened = checkpoint(connection, "TRUNCATE");
            connection.busy_timeout(super::file::LOCK_WAIT)?;
            shortened?;
        }
        self.move_at = self.wal_bytes() + WAL_PAGES * PAGE_BYTES as u64;
        Ok(all)
    }

    /// Looks whether the file is still at its place, and at some more of it, after moving what waits in the WAL.
    pub(super) fn look(&mut self, connection: &Connection) -> Result<(), ApplyError> {
        if place(&self.file).map_err(Damage::from)? != self.opened {
            return Err(Damage::Gone.into());
        }
        self.look_at_stamps(connection)?;
        let (frames, _) = checkpoint(connection, "NOOP")?;
        if self.wal_bytes() < frames * FRAME_BYTES {
            // It was cut under those who read it: all connections go by what they share in memory.
            return Err(Damage::Wal.into());
        }
        if frames > 0 {
            self.stamps.begin();
            let moved = self.move_wal(connection);
            self.stamps.end();
            moved?;
        }
        Ok(self.sums.check(PAGES_A_LOOK)?)
    }
}

/// Runs a checkpoint (`NOOP` moves nothing); how many frames the WAL has, and how many of them are moved.
fn checkpoint(connection: &Connection, how: &str) -> rusqlite::Result<(u64, u64)> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| {
        Ok((row.get::<_, i64>(1)?.max(0).cast_unsigned(), row.get::<_, i64>(2)?.max(0).cast_unsigned()))
    })
}

fn place(file: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    file.metadata().map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wal_that_is_cut_while_it_is_read_is_damage() {
        for bytes in [0, 10_000] {
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("view.db");
            let connection = Connection::open(&file).expect("opens");
            let settings =
                "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE t (x)";
            connection.execute_batch(settings).expect("set up");
            let mut seal = Seal::new(&file).expect("sealed");
            seal.look(&connection).expect("as it was written");
            connection.execute_batch("INSERT INTO t VALUES (zeroblob(30000))").expect("written");
            let wal = std::fs::File::options().write(true).open(&seal.wal).expect("opens");
            wal.set_len(bytes).expect("cut");
            let found = seal.look(&connection);
            assert!(matches!(found, Err(ApplyError::Checksum(Damage::Wal))), "{bytes}: {found:?}");
        }
    }
}
