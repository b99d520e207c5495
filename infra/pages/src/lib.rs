//! Checksums of the pages of a SQLite file that is derived from the log, kept beside it: a byte that flips in the file is found, and
//! the file made anew. It opens no database and knows no table.
//!
//! SQLite tells damage only where it makes no sense. A byte that flips in a value or a key makes another answer, so each page has a
//! checksum, in a file of its own. In WAL mode the file changes when the WAL is moved into it (a checkpoint), and only then; each
//! frame of the WAL has a checksum of SQLite's. So whoever writes the file turns automatic checkpoints off, and moves the WAL by
//! hand, in this order:
//!
//! 1. [`Sums::announce`] reads the WAL, checks it, and writes the checksums that its pages will have.
//! 2. The checkpoint. A crash in it leaves pages as they were or as announced, and the WAL has all of them.
//! 3. [`Sums::done`] says that the pages are as announced.
//!
//! After a crash the WAL must still have what was announced, else pages of two states would be read as one.

mod wal;

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};
pub use wal::WalFrames;

/// The bytes of a page in all files that have checksums here.
pub const PAGE_BYTES: usize = 8192;
/// The page that SQLite never reads nor writes, counted from 0: it locks bytes there, one GiB into every file.
const LOCK_PAGE: u64 = (1 << 30) / PAGE_BYTES as u64;
/// Pages that are read at a time.
const PAGES_AT_ONCE: usize = 32;
/// The first bytes of a file of checksums.
const MAGIC: &[u8; 8] = b"ConvPgs1";

/// What was found wrong with a file.
#[derive(Debug)]
pub enum Damage {
    /// There are no checksums, or they are damaged themselves.
    Unsealed,
    /// A page is not what was written.
    Page(u64),
    /// The WAL does not have what it had.
    Wal,
    /// It is not at its place any more, or another is there.
    Gone,
    /// It could not be read.
    Io(io::Error),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsealed => f.write_str("its checksums are missing or damaged"),
            Self::Page(page) => write!(f, "page {page} is not what was written"),
            Self::Wal => f.write_str("its write-ahead log is not what was written"),
            Self::Gone => f.write_str("it is gone, or another is in its place"),
            Self::Io(_) => f.write_str("it cannot be read"),
        }
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unsealed | Self::Page(_) | Self::Wal | Self::Gone => None,
        }
    }
}

impl From<io::Error> for Damage {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Gone } else { Self::Io(error) }
    }
}

/// What a checkpoint is about to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Announced {
    salts: [u8; 8],
    frames: u64,
    sums: Vec<(u32, u32)>,
    /// Pages of the whole file after it.
    pages: u64,
    done: bool,
}

/// The checksums of one file, as its only writer knows them.
#[derive(Debug)]
pub struct Sums {
    file: PathBuf,
    sums: Vec<u32>,
    announced: Announced,
    /// The page that is looked at next.
    next: u64,
}

/// The file of checksums beside a file.
pub fn sums_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-sums");
    name.into()
}

fn wal_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Sums {
    /// Takes a file as it is now for what was written: a new one, or one that was made without a WAL.
    ///
    /// # Errors
    /// Those of reading it and of writing its checksums.
    pub fn seal(file: &Path) -> io::Result<Self> {
        let mut sums = Vec::new();
        each_page(file, 0, u64::MAX, |_, page| {
            sums.push(crc32fast::hash(page));
            true
        })?;
        let announced = Announced { pages: sums.len() as u64, done: true, ..Announced::default() };
        let sealed = Self { file: file.to_owned(), sums, announced, next: 0 };
        sealed.write()?;
        Ok(sealed)
    }

    /// Reads the checksums of a file that was written before, and checks all of it by them.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn open(file: &Path) -> Result<Self, Damage> {
        let bytes = fs::read(sums_file(file)).map_err(|_| Damage::Unsealed)?;
        let mut sums = Self::parse(file, &bytes).ok_or(Damage::Unsealed)?;
        sums.look_at_wal_after_crash()?;
        sums.check(u64::MAX)?;
        Ok(sums)
    }

    fn look_at_wal_after_crash(&mut self) -> Result<(), Damage> {
        let wal = WalFrames::read(&wal_file(&self.file), None)?;
        match wal.filter(|wal| wal.salts == self.announced.salts) {
            // What was moved into the file is still to be read from the WAL first: it must be whole.
            Some(wal) if wal.frames < self.announced.frames => Err(Damage::Wal),
            Some(_) => Ok(()),
            // It is gone or was begun again, which it is only once all of it was moved: no page may be older.
            None => {
                self.announced.done = true;
                self.settle();
                Ok(())
            }
        }
    }

    /// Before a checkpoint: writes the checksums that the pages of the WAL will have, and says how many frames it has that are as they
    /// were written. `frames` is how many it must have.
    ///
    /// # Errors
    /// [`Damage::Wal`] when the WAL has fewer; [`Damage::Io`].
    pub fn announce(&mut self, frames: Option<u64>) -> Result<u64, Damage> {
        let Some(wal) = WalFrames::read(&wal_file(&self.file), frames)? else { return Ok(0) };
        if frames.is_some_and(|frames| wal.frames < frames) {
            return Err(Damage::Wal);
        }
        if wal.frames == 0 {
            return Ok(0);
        }
        // A WAL begins again only once all of it was moved.
        self.announced.done |= wal.salts != self.announced.salts;
        self.settle();
        self.announced =
            Announced { salts: wal.salts, frames: wal.frames, sums: wal.sums, pages: wal.pages, done: false };
        self.write()?;
        Ok(self.announced.frames)
    }

    /// After a checkpoint that moved all of the WAL into the file.
    ///
    /// # Errors
    /// Those of writing the checksums.
    pub fn done(&mut self) -> io::Result<()> {
        self.announced.done = true;
        self.settle();
        self.write()
    }

    /// What is done is what the file has.
    fn settle(&mut self) {
        if !self.announced.done {
            return;
        }
        let pages = usize::try_from(self.announced.pages).unwrap_or(usize::MAX);
        for (page, sum) in std::mem::take(&mut self.announced.sums) {
            let at = page as usize - 1;
            if self.sums.len() <= at {
                self.sums.resize(at + 1, 0);
            }
            self.sums[at] = sum;
        }
        self.sums.truncate(pages);
    }

    /// Looks at so many more pages of the file, beginning again after the last one, and at the WAL.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn check(&mut self, pages: u64) -> Result<(), Damage> {
        let announced: HashSet<(u32, u32)> = self.announced.sums.iter().copied().collect();
        let (all, under_way) = (self.sums.len() as u64, !self.announced.done);
        let (from, until) = (self.next, self.next.saturating_add(pages));
        let (mut wrong, mut seen) = (None, from);
        each_page(&self.file, from, until, |page, bytes| {
            let sum = crc32fast::hash(bytes);
            let known = usize::try_from(page).ok().and_then(|at| self.sums.get(at)) == Some(&sum);
            let announced = u32::try_from(page + 1).is_ok_and(|page| announced.contains(&(page, sum)));
            // A checkpoint that was held back leaves out pages that are written again behind: the file has a hole there.
            let hole = under_way && page >= all && bytes.iter().all(|byte| *byte == 0);
            if !known && !announced && !hole && page != LOCK_PAGE {
                wrong = Some(page + 1);
            }
            seen = page + 1;
            wrong.is_none()
        })?;
        if let Some(page) = wrong {
            return Err(Damage::Page(page));
        }
        // A file that lost its end.
        if self.announced.done && seen < all.min(until) {
            return Err(Damage::Page(seen + 1));
        }
        self.next = if seen >= all || seen < until { 0 } else { seen };
        Ok(())
    }

    /// Checks that the WAL has at least so many frames that are as they were written.
    ///
    /// # Errors
    /// [`Damage`].
    pub fn check_wal(&self, frames: u64) -> Result<(), Damage> {
        let wal = WalFrames::read(&wal_file(&self.file), Some(frames))?;
        let found = wal.map_or(0, |wal| wal.frames);
        if found < frames { Err(Damage::Wal) } else { Ok(()) }
    }

    fn write(&self) -> io::Result<()> {
        let target = sums_file(&self.file);
        let mut beside = target.as_os_str().to_owned();
        beside.push(".new");
        let mut file = File::create(&beside)?;
        file.write_all(&self.to_bytes())?;
        drop(file);
        fs::rename(&beside, &target)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let announced = &self.announced;
        let mut bytes = Vec::with_capacity(64 + 4 * self.sums.len() + 8 * announced.sums.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&announced.salts);
        for number in [announced.frames, announced.pages, u64::from(announced.done), self.sums.len() as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        self.sums.iter().for_each(|sum| bytes.extend_from_slice(&sum.to_le_bytes()));
        for (page, sum) in &announced.sums {
            bytes.extend_from_slice(&page.to_le_bytes());
            bytes.extend_from_slice(&sum.to_le_bytes());
        }
        let own = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&own.to_le_bytes());
        bytes
    }

    fn parse(file: &Path, bytes: &[u8]) -> Option<Self> {
        let (body, own) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_le_bytes(*own) {
            return None;
        }
        let (magic, rest) = body.split_first_chunk::<8>()?;
        let (salts, rest) = rest.split_first_chunk::<8>()?;
        let (numbers, rest) = rest.split_first_chunk::<32>()?;
        let number = |at: usize| u64::from_le_bytes(numbers[8 * at..8 * at + 8].try_into().expect("eight bytes"));
        let (frames, pages, done, sums) = (number(0), number(1), number(2) != 0, usize::try_from(number(3)).ok()?);
        let (own_sums, announced) = rest.split_at_checked(sums.checked_mul(4)?)?;
        let four = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        let sums = own_sums.chunks_exact(4).map(four).collect();
        let pairs = announced.chunks_exact(8).map(|pair| (four(&pair[..4]), four(&pair[4..]))).collect();
        let announced = Announced { salts: *salts, frames, sums: pairs, pages, done };
        let mut parsed = (magic == MAGIC).then_some(Self { file: file.to_owned(), sums, announced, next: 0 })?;
        parsed.settle();
        Some(parsed)
    }
}

/// Visits the pages of a file, numbered from 0, until one is not to be followed by another. Half a page at the end is none.
fn each_page(file: &Path, from: u64, until: u64, mut visit: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(from.saturating_mul(PAGE_BYTES as u64)))?;
    let mut buffer = vec![0; PAGE_BYTES * PAGES_AT_ONCE];
    let mut next = from;
    while next < until {
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..])? {
                0 => break,
                read => filled += read,
            }
        }
        for page in buffer[..filled].chunks_exact(PAGE_BYTES) {
            if next >= until || !visit(next, page) {
                return Ok(());
            }
            next += 1;
        }
        if filled < buffer.len() {
            return Ok(());
        }
    }
    Ok(())
}
