//! What a SQLite WAL holds, read by its format (<https://www.sqlite.org/fileformat2.html#walformat>). It writes nothing.

use crate::PAGE_BYTES;
use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// The committed frames of a WAL, up to the first that is not what was written.
#[derive(Debug)]
pub struct WalFrames {
    /// What tells one run of frames from the one that overwrites it.
    pub salts: [u8; 8],
    /// How many frames there are up to the last commit.
    pub frames: u64,
    /// The page and the checksum of each of them, in their order: a checkpoint may stop at any.
    pub sums: Vec<(u32, u32)>,
    /// How many pages the file has after the last commit.
    pub pages: u64,
}

impl WalFrames {
    /// Reads a WAL, at most so many frames of it; `None` where there is none, or none with frames.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read(file: &Path, most: Option<u64>) -> io::Result<Option<Self>> {
        let file = match File::open(file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut reader = BufReader::with_capacity(64 * PAGE_BYTES, file);
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut reader, &mut header)? {
            return Ok(None);
        }
        let big_endian = match u32::from_be_bytes(four(&header, 0)) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return Ok(None),
        };
        let mut running = checksum((0, 0), &header[..24], big_endian);
        let stated = (u32::from_be_bytes(four(&header, 24)), u32::from_be_bytes(four(&header, 28)));
        if running != stated || u32::from_be_bytes(four(&header, 8)) as usize != PAGE_BYTES {
            return Ok(None);
        }
        let salts: [u8; 8] = header[16..24].try_into().expect("eight bytes");
        let mut found = Self { salts, frames: 0, sums: Vec::new(), pages: 0 };
        let mut waiting = Vec::new();
        let mut frame = [0; FRAME_HEADER_BYTES];
        let mut page = vec![0; PAGE_BYTES];
        let mut read = 0;
        while most.is_none_or(|most| read < most) && fill(&mut reader, &mut frame)? && fill(&mut reader, &mut page)? {
            running = checksum(checksum(running, &frame[..8], big_endian), &page, big_endian);
            let stated = (u32::from_be_bytes(four(&frame, 16)), u32::from_be_bytes(four(&frame, 20)));
            if frame[8..16] != salts || running != stated {
                break;
            }
            read += 1;
            waiting.push((u32::from_be_bytes(four(&frame, 0)), crc32fast::hash(&page)));
            let pages = u32::from_be_bytes(four(&frame, 4));
            // Only a commit says how many pages the file has after it.
            if pages > 0 {
                found.sums.append(&mut waiting);
                (found.frames, found.pages) = (read, pages.into());
            }
        }
        Ok(Some(found))
    }
}

fn four(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..at + 4].try_into().expect("four bytes")
}

/// Reads a buffer full; false at the end of the file.
fn fill(reader: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// SQLite's running checksum of a WAL.
fn checksum((mut one, mut two): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |bytes: &[u8], at| {
        if big_endian { u32::from_be_bytes(four(bytes, at)) } else { u32::from_le_bytes(four(bytes, at)) }
    };
    for pair in bytes.chunks_exact(8) {
        one = one.wrapping_add(word(pair, 0)).wrapping_add(two);
        two = two.wrapping_add(word(pair, 4)).wrapping_add(one);
    }
    (one, two)
}
