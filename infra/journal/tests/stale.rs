//! Pages and copies of a derived file from an earlier day: each row in them is whole and sealed, and none is what was written last.
//! What is looked up is right, or the file is made anew.

mod support;

use convenio_events::{RecordKind, Sequence, StreamVersion, Subject, Timestamp};
use convenio_journal::{INDEX_FILE, Index, Journal, STATE_FILE, StateFile};
use convenio_ledger::stores::{EventIndex as _, StateChange, StateStore as _};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use support::{actor, command_id, event, event_id, folder, open, subject, writer};
use uuid::Uuid;

const EARLIER: u64 = 600;
const EVENTS: u64 = 1_200;
/// A few more, which are all that the WAL has.
const LATER: u64 = 1_210;
const SUBJECTS: u128 = 200;
const CODE_VERSION: u32 = 1;
const PAGE: usize = 4_096;

async fn append(journal: &Journal, range: std::ops::Range<u64>) {
    writer(journal).await.append(Arc::new(range.map(event).collect())).await.expect("appends");
}

/// What a kill would leave of a derived file at this moment.
fn copy(from: &Path, to: &Path, file: &str) {
    fs::create_dir_all(to).expect("made");
    for suffix in ["", "-wal"] {
        let name = format!("{file}{suffix}");
        let _ = fs::remove_file(to.join(&name));
        if from.join(&name).exists() {
            fs::copy(from.join(&name), to.join(&name)).expect("copied");
        }
    }
    let _ = fs::remove_file(to.join(format!("{file}-shm")));
}

fn offer(number: u128) -> Subject {
    Subject::new(RecordKind::Offer, Uuid::from_u128(number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)))
}
fn state(number: u128, day: u8) -> Vec<u8> {
    let mut state = vec![day; 40 + usize::try_from(number).expect("few")];
    state.extend(number.to_be_bytes());
    state
}
fn changes(day: u8) -> Vec<StateChange> {
    let subject = |number| StateChange::Subject {
        subject: offer(number),
        state: state(number, day),
        due: Some(Timestamp::from_micros(i64::from(day) * 1_000)),
    };
    let name = |number: u128| StateChange::Name {
        name: format!("token:{number}"),
        holder: Some(Uuid::from_u128(number + u128::from(day))),
    };
    (0..SUBJECTS).flat_map(|number| [subject(number), name(number)]).collect()
}

/// A file that was closed on the first day and on the second, and what a kill left on the third.
struct Days {
    earlier: PathBuf,
    closed: PathBuf,
    killed: PathBuf,
}

impl Days {
    fn below(data: &Path) -> Self {
        Self { earlier: data.join("earlier"), closed: data.join("closed"), killed: data.join("killed") }
    }
}

async fn snapshots(data: &Path) -> (Journal, Days) {
    let (journal, days) = (open(data), Days::below(data));
    append(&journal, 0..LATER).await;
    let write = |changes, folded| {
        let file = StateFile::open(&journal).expect("opens");
        file.folded(CODE_VERSION).expect("reads");
        file.write(changes, Sequence(folded)).expect("writes");
        file
    };
    drop(write(changes(1), EARLIER));
    copy(data, &days.earlier, STATE_FILE);
    drop(write(changes(2), EVENTS));
    copy(data, &days.closed, STATE_FILE);
    let little = StateChange::Name { name: "token:new".to_owned(), holder: Some(Uuid::from_u128(1)) };
    let file = write(vec![little], LATER);
    copy(data, &days.killed, STATE_FILE);
    drop(file);
    (journal, days)
}

/// Everything in it is of the day that it says, or it is empty, or it is damaged and then made anew.
fn check_snapshot(journal: &Journal, what: &str) {
    let file = StateFile::open(journal).expect("opens");
    let folded = file.folded(CODE_VERSION).expect("reads");
    let day = match folded.0 {
        0 => return,
        EARLIER => 1,
        EVENTS | LATER => 2,
        other => panic!("{what}: {other} events"),
    };
    for number in 0..SUBJECTS {
        let Ok(found) = file.load(offer(number)) else { return };
        assert!(found == Some(state(number, day)), "{what}: record {number} is another's day");
        let Ok(holder) = file.holder(&format!("token:{number}")) else { return };
        assert_eq!(holder, Some(Uuid::from_u128(number + u128::from(day))), "{what}: name {number}");
    }
}

#[tokio::test]
async fn a_snapshot_with_a_page_of_an_earlier_day_is_made_anew() {
    let data = folder();
    let (journal, days) = snapshots(data.path()).await;
    let earlier = fs::read(days.earlier.join(STATE_FILE)).expect("read");
    let whole = fs::read(days.closed.join(STATE_FILE)).expect("read");
    let mut pages = 0;
    for (page, (old, new)) in earlier.chunks_exact(PAGE).zip(whole.chunks_exact(PAGE)).enumerate() {
        if old == new {
            continue;
        }
        pages += 1;
        copy(&days.closed, data.path(), STATE_FILE);
        let mut stale = whole.clone();
        stale[page * PAGE..(page + 1) * PAGE].copy_from_slice(old);
        fs::write(data.path().join(STATE_FILE), stale).expect("written");
        check_snapshot(&journal, &format!("page {page}"));
    }
    assert!(pages > 5, "only {pages} pages differ");
}

#[tokio::test]
async fn an_earlier_snapshot_below_the_wal_of_a_later_one_is_made_anew() {
    let data = folder();
    let (journal, days) = snapshots(data.path()).await;
    copy(&days.killed, data.path(), STATE_FILE);
    check_snapshot(&journal, "what a kill left");
    copy(&days.killed, data.path(), STATE_FILE);
    fs::copy(days.earlier.join(STATE_FILE), data.path().join(STATE_FILE)).expect("copied");
    check_snapshot(&journal, "mixed");
    copy(&days.earlier, data.path(), STATE_FILE);
    let file = StateFile::open(&journal).expect("opens");
    assert_eq!(file.folded(CODE_VERSION).expect("reads"), Sequence(EARLIER), "a whole earlier one is only behind");
}

async fn indexes(data: &Path) -> (Journal, Days) {
    let (journal, days) = (open(data), Days::below(data));
    let write = || {
        let index = Index::open(&journal).expect("opens");
        index.catch_up().expect("catches up");
        index.flush().expect("writes");
        index
    };
    append(&journal, 0..EARLIER).await;
    drop(write());
    copy(data, &days.earlier, INDEX_FILE);
    append(&journal, EARLIER..EVENTS).await;
    drop(write());
    copy(data, &days.closed, INDEX_FILE);
    append(&journal, EVENTS..LATER).await;
    let index = write();
    copy(data, &days.killed, INDEX_FILE);
    drop(index);
    (journal, days)
}

/// Nothing that was recorded is not known; where the file is found damaged, it is made anew.
fn check_index(journal: &Journal, what: &str) {
    let index = Index::open(journal).expect("opens");
    let head = index.catch_up().expect("catches up").0;
    for sequence in 0..head {
        let Ok(found) = index.command(actor(sequence), command_id(sequence)) else { return };
        assert_eq!(found, Some(Sequence(sequence / 2 * 2)), "{what}: command of {sequence}");
        let Ok(found) = index.event(event_id(sequence)) else { return };
        assert_eq!(found, Some(Sequence(sequence)), "{what}");
    }
    for number in 0..10 {
        let all: Vec<_> = (0..head).filter(|s| s % 10 == number).map(Sequence).collect();
        let Ok(found) = index.subject(subject(number), StreamVersion(0), usize::MAX) else { return };
        assert_eq!(found, all, "{what}");
    }
}

#[tokio::test]
async fn an_index_with_a_page_of_an_earlier_day_is_made_anew() {
    let data = folder();
    let (journal, days) = indexes(data.path()).await;
    let earlier = fs::read(days.earlier.join(INDEX_FILE)).expect("read");
    let whole = fs::read(days.closed.join(INDEX_FILE)).expect("read");
    let mut pages = 0;
    for (page, (old, new)) in earlier.chunks_exact(PAGE).zip(whole.chunks_exact(PAGE)).enumerate() {
        if old == new {
            continue;
        }
        pages += 1;
        copy(&days.closed, data.path(), INDEX_FILE);
        let mut stale = whole.clone();
        stale[page * PAGE..(page + 1) * PAGE].copy_from_slice(old);
        fs::write(data.path().join(INDEX_FILE), stale).expect("written");
        check_index(&journal, &format!("page {page}"));
    }
    assert!(pages > 5, "only {pages} pages differ");
}

#[tokio::test]
async fn an_earlier_index_below_the_wal_of_a_later_one_is_made_anew() {
    let data = folder();
    let (journal, days) = indexes(data.path()).await;
    copy(&days.killed, data.path(), INDEX_FILE);
    check_index(&journal, "what a kill left");
    copy(&days.killed, data.path(), INDEX_FILE);
    fs::copy(days.earlier.join(INDEX_FILE), data.path().join(INDEX_FILE)).expect("copied");
    check_index(&journal, "mixed");
}

/// A page of another day that somebody puts into a file that is open: nothing reads it yet, for the pages in memory hide it.
#[tokio::test]
async fn a_page_of_an_earlier_day_is_found_while_the_file_is_open() {
    let data = folder();
    let (journal, days) = indexes(data.path()).await;
    let earlier = fs::read(days.earlier.join(INDEX_FILE)).expect("read");
    let whole = fs::read(days.closed.join(INDEX_FILE)).expect("read");
    let differs = |page: &usize| {
        let range = page * PAGE..(page + 1) * PAGE;
        earlier.get(range.clone()).is_some_and(|old| old != &whole[range])
    };
    // The first page says how long the file is.
    let page = (1..earlier.len() / PAGE).find(differs).expect("one was written again");
    copy(&days.closed, data.path(), INDEX_FILE);
    let index = Index::open(&journal).expect("opens");
    index.catch_up().expect("catches up");
    index.look_through().expect("as it was written");
    assert_eq!(index.event(event_id(3)).expect("looked up"), Some(Sequence(3)));
    let file = fs::File::options().write(true).open(data.path().join(INDEX_FILE)).expect("opens");
    let range = page * PAGE..(page + 1) * PAGE;
    file.write_all_at(&earlier[range.clone()], range.start as u64).expect("put back");
    // An error says the same: the file is damaged.
    let _ = index.look_through();
    assert!(index.event(event_id(3)).is_err(), "it is not believed any more");
    index.catch_up().expect("is made anew");
    index.flush().expect("written");
    index.look_through().expect("as it was written");
    assert_eq!(index.event(event_id(3)).expect("looked up"), Some(Sequence(3)));
    let (journal, days) = snapshots(&data.path().join("other")).await;
    copy(&days.closed, &data.path().join("other"), STATE_FILE);
    let state = StateFile::open(&journal).expect("opens");
    assert_eq!(state.folded(CODE_VERSION).expect("reads"), Sequence(EVENTS));
    state.look_through().expect("as it was written");
}
