//! What a disk, a person with a shell or a copy gone wrong does to the files of a node. It judges no outcome.

use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};
use rusqlite::Connection;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// SQLite writes a file page by page; all of ours have pages of a multiple of this.
const PAGE: usize = 4_096;

/// One kind of damage.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Twenty bits.
    Bits,
    /// A page of zeros.
    Zeros,
    /// The file ends early.
    Cut,
    /// Two pages have changed places.
    PagesSwapped,
    /// The file of another ledger.
    Swapped,
    /// One page is as it was on an earlier day.
    StalePage,
    /// The file is as it was on an earlier day.
    Earlier,
    /// It is gone.
    Deleted,
    /// A row of a table is gone.
    RowDeleted,
    /// A value of a row is another.
    RowChanged,
}

impl Fault {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::Bits,
        Self::Zeros,
        Self::Cut,
        Self::PagesSwapped,
        Self::Swapped,
        Self::StalePage,
        Self::Earlier,
        Self::Deleted,
        Self::RowDeleted,
        Self::RowChanged,
    ];
}

/// Every file of a node but locks, what SQLite shares between processes, and the token that an operator may delete.
///
/// # Panics
/// When a folder cannot be read.
pub fn files(data: &Path, identity: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = [data, &data.join("views"), identity].into_iter().flat_map(entries).collect();
    found.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && !name.ends_with("-shm") && !name.ends_with("lock") && name != "admin-token"
    });
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.expect("an entry").path()).collect());
    entries.unwrap_or_default()
}

/// Does it to a file, with `other` the same file of another ledger, and `earlier` that of an earlier day; false where that cannot be
/// done to this file.
///
/// # Panics
/// When the file cannot be written.
pub fn strike(fault: Fault, file: &Path, other: &Path, earlier: &Path, random: &mut StdRng) -> bool {
    let mut bytes = fs::read(file).expect("read");
    let pages = bytes.len() / PAGE;
    match fault {
        Fault::Bits if bytes.is_empty() => return false,
        Fault::Bits => {
            for _ in 0..20 {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= 1 << random.random_range(0..8);
            }
        }
        Fault::Zeros if pages == 0 => return false,
        Fault::Zeros => {
            let at = random.random_range(0..pages) * PAGE;
            bytes[at..at + PAGE].fill(0);
        }
        Fault::Cut => bytes.truncate(random.random_range(0..bytes.len().max(1))),
        Fault::PagesSwapped if pages < 3 => return false,
        Fault::PagesSwapped => {
            let (a, b) = (random.random_range(0..pages - 1), pages - 1);
            let (left, right) = bytes.split_at_mut(b * PAGE);
            left[a * PAGE..(a + 1) * PAGE].swap_with_slice(&mut right[..PAGE]);
        }
        Fault::Swapped | Fault::Earlier => match fs::read(if fault == Fault::Swapped { other } else { earlier }) {
            Ok(others) if others != bytes => bytes = others,
            Ok(_) | Err(_) => return false,
        },
        Fault::StalePage => {
            let earlier = fs::read(earlier).unwrap_or_default();
            let differs = |at: &usize| bytes[at * PAGE..(at + 1) * PAGE] != earlier[at * PAGE..(at + 1) * PAGE];
            let stale: Vec<usize> = (0..pages.min(earlier.len() / PAGE)).filter(differs).collect();
            let Some(at) = stale.choose(random) else { return false };
            bytes[at * PAGE..(at + 1) * PAGE].copy_from_slice(&earlier[at * PAGE..(at + 1) * PAGE]);
        }
        Fault::Deleted => return fs::remove_file(file).is_ok(),
        Fault::RowDeleted | Fault::RowChanged => return strike_row(fault, file, random).unwrap_or(false),
    }
    // In place: a node that runs has the file open.
    let written = fs::File::options().write(true).open(file).and_then(|target| {
        use std::os::unix::fs::FileExt as _;
        target.write_all_at(&bytes, 0)?;
        target.set_len(bytes.len() as u64)
    });
    written.is_ok()
}

/// With SQL, as anybody can.
fn strike_row(fault: Fault, file: &Path, random: &mut StdRng) -> rusqlite::Result<bool> {
    if file.extension().is_none_or(|extension| extension != "db") {
        return Ok(false);
    }
    let connection = Connection::open(file)?;
    let names = |query: &str| -> rusqlite::Result<Vec<String>> {
        connection.prepare(query)?.query_map([], |row| row.get(0))?.collect()
    };
    let tables = names(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite%'",
    )?;
    let Some(table) = tables.choose(random) else { return Ok(false) };
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0))?;
    if rows == 0 {
        return Ok(false);
    }
    let offset = random.random_range(0..rows);
    let keys = names(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"))?;
    let key = if keys.is_empty() {
        "rowid".to_owned()
    } else {
        keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ")
    };
    let which = format!("({key}) = (SELECT {key} FROM \"{table}\" LIMIT 1 OFFSET {offset})");
    let sql = if fault == Fault::RowDeleted {
        format!("DELETE FROM \"{table}\" WHERE {which}")
    } else {
        let columns = names(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk = 0"))?;
        let Some(column) = columns.choose(random) else { return Ok(false) };
        // A digit more or another byte in the middle, of the type that it had.
        let changed = format!(
            "CASE typeof(\"{column}\") WHEN 'integer' THEN \"{column}\" + 1 \
                 WHEN 'text' THEN substr(\"{column}\", 1, length(\"{column}\") / 2) || '7' || substr(\"{column}\", length(\"{column}\") / 2 + 2) \
                 WHEN 'blob' THEN CAST(substr(\"{column}\", 1, length(\"{column}\") - 1) || x'5A' AS BLOB) ELSE \"{column}\" END"
        );
        format!("UPDATE \"{table}\" SET \"{column}\" = {changed} WHERE {which}")
    };
    Ok(connection.execute(&sql, [])? > 0)
}
