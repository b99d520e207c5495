//! A file in WAL mode, written, moved and crashed as a view's writer does it, with bytes flipped at every step. What is done about
//! damage is its owner's business.

#![allow(missing_docs)]

use convenio_pages::{Damage, PAGE_BYTES, Sums, sums_file};
use rusqlite::{Connection, config::DbConfig};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

fn open(file: &Path) -> Connection {
    let connection = Connection::open(file).expect("it opens");
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).expect("it is known");
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = {PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF"
        ))
        .expect("it is set");
    connection
}

fn write(connection: &Connection, rows: std::ops::Range<i64>) {
    let mut insert = connection.prepare("INSERT OR REPLACE INTO t VALUES (?1, ?2)").expect("SQL");
    connection.execute_batch("BEGIN").expect("begins");
    for row in rows {
        insert.execute((row, format!("{row} {}", "x".repeat(1_000)))).expect("writes");
    }
    connection.execute_batch("COMMIT").expect("commits");
}

/// How many frames the WAL has, and how many were moved.
fn checkpoint(connection: &Connection, how: &str) -> (i64, i64) {
    connection
        .query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| Ok((row.get(1)?, row.get(2)?)))
        .expect("it is moved")
}

fn wal(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn flip(file: &Path, at: usize) {
    let raw = fs::File::options().read(true).write(true).open(file).expect("it opens");
    let mut byte = [0];
    raw.read_exact_at(&mut byte, at as u64).expect("it reads");
    raw.write_all_at(&[byte[0] ^ 0x20], at as u64).expect("it is written");
}

fn made(folder: &Path) -> (PathBuf, Connection, Sums) {
    let file = folder.join("view.db");
    let connection = open(&file);
    connection.execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)").expect("a table");
    let sums = Sums::seal(&file).expect("it is sealed");
    (file, connection, sums)
}

/// SQLite leaves out one page of a file that grows beyond a GiB: nobody ever wrote what is there.
#[test]
fn a_file_of_more_than_a_gibibyte_is_as_it_was_written() {
    const LOCK_PAGE: u32 = (1 << 30) / PAGE_BYTES as u32;
    let folder = tempfile::tempdir().expect("a folder");
    let (file, connection, mut sums) = made(folder.path());
    write(&connection, 0..60);
    sums.announce(None).expect("the WAL is whole");
    checkpoint(&connection, "TRUNCATE");
    drop(connection);
    // The file grows to just before that page, by pages that nothing refers to.
    let pages = LOCK_PAGE - 3;
    let raw = fs::File::options().write(true).open(&file).expect("it opens");
    raw.set_len(u64::from(pages) * PAGE_BYTES as u64).expect("it grows");
    raw.write_all_at(&pages.to_be_bytes(), 28).expect("the header is written");
    drop(raw);
    let connection = open(&file);
    let mut sums = Sums::seal(&file).expect("it is sealed");
    write(&connection, 60..120);
    sums.announce(None).expect("the WAL is whole");
    checkpoint(&connection, "TRUNCATE");
    sums.done().expect("it is written");
    let now: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("SQL");
    assert!(now > LOCK_PAGE + 1, "{now} pages");
    Sums::open(&file).expect("nothing was changed");
    flip(&file, (LOCK_PAGE as usize + 1) * PAGE_BYTES + 100);
    assert!(matches!(Sums::open(&file), Err(Damage::Page(page)) if page == u64::from(LOCK_PAGE) + 2));
}

#[test]
fn a_file_that_is_as_it_was_written_opens_after_every_step() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, connection, mut sums) = made(folder.path());
    for round in 0..6 {
        write(&connection, round * 40..round * 40 + 60);
        Sums::open(&file).expect("what waits in the WAL is not in the file");
        sums.announce(None).expect("the WAL is whole");
        Sums::open(&file).expect("announced");
        let reader = open(&file);
        // A reader holds back what comes after it.
        reader.execute_batch("BEGIN; SELECT count(*) FROM t").expect("reads");
        write(&connection, 0..7);
        sums.announce(None).expect("the WAL is whole");
        let (frames, moved) = checkpoint(&connection, "PASSIVE");
        Sums::open(&file).expect("moved in part");
        assert!(moved < frames, "{moved} of {frames}");
        reader.execute_batch("COMMIT").expect("ends");
        write(&connection, 3..5);
        sums.announce(None).expect("the WAL is whole");
        Sums::open(&file).expect("announced again");
        let (frames, moved) = checkpoint(&connection, if round % 2 == 0 { "PASSIVE" } else { "TRUNCATE" });
        assert_eq!(frames, moved);
        Sums::open(&file).expect("moved");
        sums.done().expect("it is written");
        Sums::open(&file).expect("done");
        sums.check(u64::MAX).expect("all of it is right");
    }
}

#[test]
fn a_byte_that_flips_in_the_file_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, connection, mut sums) = made(folder.path());
    write(&connection, 0..200);
    sums.announce(None).expect("the WAL is whole");
    checkpoint(&connection, "TRUNCATE");
    sums.done().expect("it is written");
    let length = fs::metadata(&file).expect("it is there").len() as usize;
    for at in (0..length).step_by(length / 97) {
        flip(&file, at);
        let expected = at as u64 / PAGE_BYTES as u64 + 1;
        assert!(matches!(Sums::open(&file), Err(Damage::Page(page)) if page == expected), "byte {at}");
        assert!(matches!(sums.check(u64::MAX), Err(Damage::Page(page)) if page == expected), "byte {at}");
        flip(&file, at);
        sums.check(u64::MAX).expect("mended");
    }
    fs::write(&file, &fs::read(&file).expect("reads")[..length - PAGE_BYTES]).expect("it is cut");
    assert!(matches!(Sums::open(&file), Err(Damage::Page(_))), "a file that lost its end");
}

#[test]
fn a_byte_that_flips_in_the_checksums_or_in_the_wal_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, connection, mut sums) = made(folder.path());
    write(&connection, 0..30);
    sums.announce(None).expect("the WAL is whole");
    // While somebody reads it, the WAL is not written from its beginning on.
    let reader = open(&file);
    reader.execute_batch("BEGIN; SELECT count(*) FROM t").expect("reads");
    let (frames, moved) = checkpoint(&connection, "PASSIVE");
    assert_eq!(frames, moved);
    sums.done().expect("it is written");
    let length = fs::metadata(sums_file(&file)).expect("it is there").len() as usize;
    for at in (0..length).step_by(3) {
        flip(&sums_file(&file), at);
        assert!(matches!(Sums::open(&file), Err(Damage::Unsealed)), "byte {at}");
        flip(&sums_file(&file), at);
    }
    write(&connection, 30..60);
    let length = 32 + frames as usize * (24 + PAGE_BYTES);
    for at in (0..length).step_by(length / 53) {
        flip(&wal(&file), at);
        // What SQLite would read of the WAL is older than what was moved from it.
        let told = matches!(Sums::open(&file), Err(Damage::Wal));
        // Where its own header is spoilt, SQLite reads none of it, and the file has all that was moved.
        assert!(told || at < 32, "byte {at}");
        assert!(at < 32 || matches!(sums.announce(Some(frames as u64)), Err(Damage::Wal)), "byte {at}");
        flip(&wal(&file), at);
        Sums::open(&file).expect("mended");
    }
}
