//! What disks, other processes and other versions do to a journal, and what the journal says then.

mod support;

use convenio_events::{
    Sequence,
    log::{AppendError, EventLog as _, OpenError, ReadError},
};
use convenio_journal::{Access, JOURNAL_FILE, Journal, JournalError, Options};
use rand::RngExt as _;
use rusqlite::Connection;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::{FileExt as _, PermissionsExt},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use support::{append_growing, copy_as_killed, folder, open, sample_batch, writer};

fn read_all(journal: &Journal) -> Result<Vec<convenio_events::RecordedEvent>, ReadError> {
    let mut events = Vec::new();
    loop {
        let page = journal.read_sync(Sequence(events.len() as u64), 1_000)?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

#[tokio::test]
async fn what_a_killed_writer_acknowledged_is_there() {
    let (data, copy) = (folder(), folder());
    let journal = open(data.path());
    let mut writer = writer(&journal).await;
    let heads = append_growing(&mut *writer, 20).await;
    copy_as_killed(data.path(), copy.path());
    let restarted = open(copy.path());
    let opened = restarted.open_writer().await.expect("a journal left by a kill opens");
    assert_eq!(opened.head.0, heads[20]);
    assert_eq!(read_all(&restarted).expect("reads"), *sample_batch(0..heads[20]));
}

#[tokio::test]
async fn a_torn_wal_leaves_whole_batches() {
    let data = folder();
    let journal = open(data.path());
    let mut writer = writer(&journal).await;
    let heads = append_growing(&mut *writer, 30).await;
    let wal = std::fs::read(data.path().join("journal.db-wal")).expect("there is a WAL");
    // Its file is longer than what was written to it.
    let written = wal.iter().rposition(|byte| *byte != 0).expect("something was written");
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..60 {
        let copy = folder();
        copy_as_killed(data.path(), copy.path());
        let length = rand::rng().random_range(0..written);
        let torn = std::fs::File::options().write(true).open(copy.path().join("journal.db-wal")).expect("opens");
        torn.set_len(length as u64).expect("cuts");
        if round % 2 == 0 {
            torn.set_len(wal.len() as u64).expect("grows, by zeros");
        }
        let journal = open(copy.path());
        let opened = journal.open_writer().await.expect("a torn WAL is no damage");
        assert!(heads.contains(&opened.head.0), "half a batch after {length} bytes");
        assert_eq!(read_all(&journal).expect("reads"), *sample_batch(0..opened.head.0));
        seen.insert(opened.head.0);
    }
    assert!(seen.len() > 5, "the cuts fell into different batches: {seen:?}");
}

#[tokio::test]
async fn a_journal_that_was_stopped_is_one_file() {
    let (data, copy) = (folder(), folder());
    let journal = open(data.path());
    let mut writer = writer(&journal).await;
    let heads = append_growing(&mut *writer, 5).await;
    drop((writer, journal));
    std::fs::copy(data.path().join("journal.db"), copy.path().join("journal.db")).expect("a copy of one file");
    assert_eq!(read_all(&open(copy.path())).expect("reads"), *sample_batch(0..heads[5]));
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_ends() {
    let data = folder();
    let (first, second) = (open(data.path()), open(data.path()));
    let holder = writer(&first).await;
    let refused = second.open_writer().await.expect_err("one writer at a time");
    assert!(matches!(refused, OpenError::InUse));
    drop(holder);
    writer(&second).await;
}

/// Holds the writer in a process of its own; see [`a_second_process_is_refused_until_the_first_is_killed`].
#[test]
fn child_that_holds_the_writer() {
    let Ok(data) = std::env::var("CONVENIO_TEST_HELD_JOURNAL") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let journal = open(Path::new(&data));
    let mut writer = runtime.block_on(writer(&journal));
    runtime.block_on(writer.append(sample_batch(0..3))).expect("appends");
    println!("\nholding");
    let mut line = String::new();
    // Ends when it is killed, or with the test.
    std::io::stdin().read_line(&mut line).expect("reads");
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_is_killed() {
    let data = folder();
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_that_holds_the_writer", "--nocapture"])
        .env("CONVENIO_TEST_HELD_JOURNAL", data.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test runs itself");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "holding"), "the child holds the writer");
    let journal = open(data.path());
    assert!(matches!(journal.open_writer().await, Err(OpenError::InUse)));
    assert_eq!(*journal.head().borrow(), Sequence(3), "reading goes on beside the writer");
    child.kill().expect("kills");
    child.wait().expect("ends");
    assert_eq!(journal.open_writer().await.expect("the lock ended").head, Sequence(3));
}

#[tokio::test]
async fn an_open_shell_with_a_write_lock_delays_an_append_and_no_more() {
    let data = folder();
    let journal = open(data.path());
    let mut writer = writer(&journal).await;
    let shell = Connection::open(journal.path()).expect("anybody may open it");
    shell.execute_batch("BEGIN IMMEDIATE").expect("the shell takes the write lock");
    let held = Duration::from_millis(300);
    let release = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        while began.elapsed() < held {
            std::thread::yield_now();
        }
        shell.execute_batch("COMMIT").expect("the shell lets go");
    });
    let began = Instant::now();
    writer.append(sample_batch(0..5)).await.expect("the append waits for the shell");
    assert!(began.elapsed() >= held / 2, "it had to wait");
    release.await.expect("the shell ends");
    assert_eq!(read_all(&journal).expect("reads").len(), 5);
}

#[tokio::test]
async fn a_shell_that_never_lets_go_makes_the_outcome_unknown() {
    let data = folder();
    let journal = open(data.path());
    let mut held = writer(&journal).await;
    let shell = Connection::open(journal.path()).expect("anybody may open it");
    shell.execute_batch("BEGIN IMMEDIATE").expect("the shell takes the write lock");
    let outcome = held.append(sample_batch(0..5)).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))));
    let again = held.append(sample_batch(0..5)).await;
    assert!(matches!(again, Err(AppendError::Unknown(_))), "a dead writer stays dead");
    shell.execute_batch("COMMIT").expect("the shell lets go");
    drop(held);
    let mut opened = journal.open_writer().await.expect("opens again");
    assert_eq!(opened.head, Sequence::ZERO);
    opened.writer.append(sample_batch(0..5)).await.expect("appends");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let data = folder();
    std::fs::set_permissions(data.path(), PermissionsExt::from_mode(0o555)).expect("changes mode");
    // Whoever may write everywhere may still not write there.
    let denied = std::fs::write(data.path().join("probe"), "").is_err();
    let target = if denied { data.path() } else { Path::new("/proc/self") };
    let error = Journal::open(target, Access::ReadWrite).expect_err("cannot be written");
    assert!(matches!(error, JournalError::Unavailable { .. }));
    assert!(error.to_string().contains(&target.display().to_string()), "{error}");
}

#[test]
fn reading_only_creates_nothing() {
    let data = folder();
    let error = Journal::open(data.path(), Access::ReadOnly).expect_err("there is nothing to read");
    assert!(matches!(error, JournalError::Missing { .. }));
    assert_eq!(std::fs::read_dir(data.path()).expect("lists").count(), 0);
}

#[tokio::test]
async fn reading_only_follows_another_writer_and_never_writes() {
    let data = folder();
    let mut writer = writer(&open(data.path())).await;
    let reader = Journal::open(data.path(), Access::ReadOnly).expect("opens");
    assert!(matches!(reader.open_writer().await, Err(OpenError::Unavailable(_))));
    writer.append(sample_batch(0..4)).await.expect("appends");
    assert_eq!(reader.refresh().expect("refreshes"), Sequence(4));
    assert_eq!(*reader.head().borrow(), Sequence(4));
    assert_eq!(reader.read(Sequence::ZERO, 10).await.expect("reads"), *sample_batch(0..4));
}

/// A journal of 200 events, all of them in `journal.db`, closed.
async fn written(data: &Path) -> Vec<u8> {
    let journal = open(data);
    writer(&journal).await.append(sample_batch(0..200)).await.expect("appends");
    drop(writer(&journal).await);
    drop(journal);
    std::fs::read(data.join(JOURNAL_FILE)).expect("reads")
}

#[tokio::test]
async fn an_overwritten_page_is_reported_and_never_read() {
    let data = folder();
    let bytes = written(data.path()).await;
    let file = std::fs::File::options().write(true).open(data.path().join(JOURNAL_FILE));
    let file = file.expect("opens");
    let middle = (bytes.len() / 2 / 8192 * 8192) as u64;
    file.write_all_at(&[0xA5; 8192], middle).expect("overwrites a page");
    let journal = open(data.path());
    let error = read_all(&journal).expect_err("a page is damaged");
    let ReadError::Damaged { sequence, .. } = error else { panic!("not damaged: {error}") };
    assert!((1..200).contains(&sequence.0), "it says where: {sequence}");
    assert!(matches!(journal.check_pages(), Err(JournalError::Damaged { .. })));
    assert_eq!(journal.read_sync(Sequence::ZERO, 5).expect("others are read").len(), 5);
}

#[tokio::test]
async fn damage_anywhere_is_an_error_and_never_a_panic_or_another_event() {
    let data = folder();
    let bytes = written(data.path()).await;
    let whole = sample_batch(0..200);
    for _ in 0..150 {
        let copy = folder();
        let mut damaged = bytes.clone();
        let at = rand::rng().random_range(0..damaged.len());
        let end = damaged.len().min(at + 700);
        rand::rng().fill(&mut damaged[at..end]);
        std::fs::write(copy.path().join(JOURNAL_FILE), &damaged).expect("writes");
        let Ok(journal) = Journal::open(copy.path(), Access::ReadWrite) else { continue };
        let _ = journal.open_writer().await;
        // Bytes inside a text are not SQLite's to judge: commitments tell. But sequences are never another's.
        for (event, expected) in read_all(&journal).unwrap_or_default().iter().zip(whole.iter()) {
            assert_eq!(event.sequence, expected.sequence);
        }
    }
}

#[tokio::test]
async fn a_missing_event_is_damage() {
    let data = folder();
    written(data.path()).await;
    let edit = |sql: &str| Connection::open(data.path().join(JOURNAL_FILE)).expect("opens").execute_batch(sql);
    edit("DELETE FROM log WHERE sequence = 17").expect("deletes");
    let error = read_all(&open(data.path())).expect_err("there is a gap");
    assert!(matches!(error, ReadError::Damaged { sequence: Sequence(17), .. }), "{error}");
    edit("DELETE FROM log WHERE sequence = 0").expect("deletes");
    let error = Journal::open(data.path(), Access::ReadWrite).expect_err("the beginning is missing");
    assert!(matches!(error, JournalError::Damaged { .. }));
}

#[tokio::test]
async fn a_newer_format_and_other_files_are_refused_and_left_alone() {
    let data = folder();
    written(data.path()).await;
    let path = data.path().join(JOURNAL_FILE);
    Connection::open(&path).expect("opens").execute_batch("PRAGMA user_version = 2").expect("marks");
    let error = Journal::open(data.path(), Access::ReadWrite).expect_err("a newer format");
    assert!(matches!(error, JournalError::Newer { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("use a newer program"));

    let other = folder();
    let path = other.path().join(JOURNAL_FILE);
    Connection::open(&path).expect("opens").execute_batch("CREATE TABLE t (x)").expect("creates");
    let error = Journal::open(other.path(), Access::ReadWrite).expect_err("another database");
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");

    let garbage = folder();
    std::fs::write(garbage.path().join(JOURNAL_FILE), vec![b'?'; 9_000]).expect("writes");
    let error = Journal::open(garbage.path(), Access::ReadWrite).expect_err("no database at all");
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_full_file_makes_the_outcome_unknown_and_nothing_half_written() {
    let data = folder();
    let options = Options { pages_limit: Some(12), ..Options::default() };
    let journal = Journal::open_with(data.path(), Access::ReadWrite, options).expect("opens");
    let mut full = writer(&journal).await;
    let mut head = 0;
    let outcome = loop {
        match full.append(sample_batch(head..head + 10)).await {
            Ok(()) => head += 10,
            Err(error) => break error,
        }
    };
    assert!(head > 0 && matches!(outcome, AppendError::Unknown(_)), "{outcome}");
    drop(full);
    assert_eq!(journal.open_writer().await.expect("opens again").head, Sequence(head));
    drop(journal);
    let roomy = open(data.path());
    writer(&roomy).await.append(sample_batch(head..head + 10)).await.expect("there is room now");
    assert_eq!(read_all(&roomy).expect("reads"), *sample_batch(0..head + 10));
}

/// Appends until the system refuses to make a file longer; see
/// [`a_write_that_the_system_refuses_is_found_out_by_opening_again`].
#[test]
fn child_that_meets_a_limit() {
    let Ok(data) = std::env::var("CONVENIO_TEST_LIMITED_JOURNAL") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let journal = open(Path::new(&data));
    let mut writer = runtime.block_on(writer(&journal));
    let mut head = 0;
    let outcome = loop {
        match runtime.block_on(writer.append(sample_batch(head..head + 10))) {
            Ok(()) => head += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(outcome, AppendError::Unknown(_)), "{outcome}");
    println!("\nacknowledged {head}");
    std::io::stdout().flush().expect("says so");
    drop(writer);
    // Whether or not the checkpoint finds room: the head is either believed rightly or not at all.
    match runtime.block_on(journal.open_writer()) {
        Ok(opened) => assert_eq!(opened.head, Sequence(head)),
        Err(error) => assert!(matches!(error, OpenError::Unavailable(_)), "{error}"),
    }
}

#[tokio::test]
async fn a_write_that_the_system_refuses_is_found_out_by_opening_again() {
    let data = folder();
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 400; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_that_meets_a_limit", "--nocapture"])
        .env("CONVENIO_TEST_LIMITED_JOURNAL", data.path())
        .output()
        .expect("the test runs itself");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged = said.lines().find_map(|line| line.strip_prefix("acknowledged "));
    let head: u64 = acknowledged.and_then(|head| head.parse().ok()).expect("it says how far it came");
    let journal = open(data.path());
    let opened = journal.open_writer().await.expect("there is room now");
    assert_eq!(opened.head, Sequence(head), "all that was acknowledged, and nothing else");
    assert_eq!(read_all(&journal).expect("reads"), *sample_batch(0..head));
}

#[tokio::test]
async fn a_reader_that_never_ends_keeps_no_writer_from_appending() {
    let data = folder();
    let journal = open(data.path());
    let mut first = writer(&journal).await;
    first.append(sample_batch(0..5)).await.expect("appends");
    let shell = Connection::open(journal.path()).expect("opens");
    shell.execute_batch("BEGIN; SELECT count(*) FROM log;").expect("a read that stays open");
    first.append(sample_batch(5..10)).await.expect("appends beside it");
    assert_eq!(read_all(&journal).expect("reads").len(), 10);
    drop(first);
    let refused = journal.open_writer().await.expect_err("its WAL cannot be emptied");
    assert!(matches!(refused, OpenError::Unavailable(_)), "{refused}");
    shell.execute_batch("COMMIT").expect("the read ends");
    assert_eq!(journal.open_writer().await.expect("opens").head, Sequence(10));
}

#[tokio::test]
async fn a_copy_keeps_its_place_and_is_never_written_to_as_a_log() {
    let data = folder();
    let journal = open(data.path());
    let mut mirror = journal.open_mirror().expect("an empty journal may become a copy");
    assert_eq!((mirror.next(), mirror.cursor()), (Sequence::ZERO, None));
    mirror.append(sample_batch(0..5), "offset 9").expect("appends");
    mirror.append(Vec::new().into(), "offset 11").expect("only the place moves");
    let gap = mirror.append(sample_batch(6..7), "offset 13").expect_err("5 is missing");
    assert!(matches!(gap, JournalError::Damaged { .. }), "{gap:?}");
    drop(mirror);
    let refused = journal.open_writer().await.expect_err("a copy is written by what it copies");
    assert!(matches!(&refused, OpenError::Damaged(why) if why.to_string().contains("is a copy of another log")));
    let mirror = journal.open_mirror().expect("opens again");
    assert_eq!((mirror.next(), mirror.cursor()), (Sequence(5), Some("offset 11")));
    assert_eq!(read_all(&journal).expect("reads"), *sample_batch(0..5));

    let own = folder();
    let journal = open(own.path());
    writer(&journal).await.append(sample_batch(0..2)).await.expect("appends");
    assert!(matches!(journal.open_mirror(), Err(JournalError::NoCopy { .. })), "a truth becomes nobody's copy");
}

#[tokio::test]
async fn what_another_writer_added_in_between_is_read_too() {
    let data = folder();
    let (first, second) = (open(data.path()), open(data.path()));
    writer(&first).await.append(sample_batch(0..3)).await.expect("appends");
    second.open_writer().await.expect("free").writer.append(sample_batch(3..6)).await.expect("appends");
    let mut again = first.open_writer().await.expect("free");
    again.writer.append(sample_batch(6..8)).await.expect("appends");
    let page = first.read(Sequence(1), 10).await.expect("reads");
    assert_eq!(page, *sample_batch(1..8), "what the first one remembers is not all");
}
