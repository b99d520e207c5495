//! `index.db` and `state.db` answer from memory and file alike, and are made anew whenever they do not fit the journal.

mod support;

use convenio_events::{RecordKind, Sequence, StreamVersion, Subject, Timestamp, log::EventLog as _};
use convenio_journal::{Index, IndexedLog, Journal, StateFile};
use convenio_ledger::stores::{EventIndex as _, IndexedEvent, StateChange, StateStore as _};
use std::{path::Path, sync::Arc};
use support::{actor, command_id, event, event_id, folder, open, subject, time, writer};
use uuid::Uuid;

const EVENTS: u64 = 1_000;

async fn append(journal: &Journal, range: std::ops::Range<u64>) {
    let batch = Arc::new(range.map(event).collect());
    writer(journal).await.append(batch).await.expect("appends");
}

async fn filled(data: &Path) -> Journal {
    let journal = open(data);
    append(&journal, 0..EVENTS).await;
    journal
}

/// Every look-up about every one of the first `events` events.
fn check_index(index: &Index, events: u64) {
    assert_eq!(index.indexed(), Sequence(events));
    for sequence in 0..events {
        let first = Sequence(sequence / 2 * 2);
        let command = index.command(actor(sequence), command_id(sequence));
        assert_eq!(command.expect("looks up"), Some(first), "command of {sequence}");
        let found = index.event(event_id(sequence)).expect("looks up");
        assert_eq!(found, Some(Sequence(sequence)));
        let at_or_before = Sequence((sequence / 3 * 3 + 3).min(events));
        assert_eq!(index.as_of(time(sequence)).expect("looks up"), at_or_before);
    }
    for number in 0..10 {
        let all: Vec<_> = (0..events).filter(|s| s % 10 == number).map(Sequence).collect();
        let found = index.subject(subject(number), StreamVersion(0), usize::MAX);
        assert_eq!(found.expect("looks up"), all);
        let found = index.subject(subject(number), StreamVersion(3), 4).expect("looks up");
        assert_eq!(found, all[3..7]);
    }
    check_unknown(index, events);
}

fn check_unknown(index: &Index, events: u64) {
    assert_eq!(index.command(actor(2), command_id(0)).expect("looks up"), None, "another's command");
    assert_eq!(index.command(actor(events), command_id(events)).expect("looks up"), None);
    assert_eq!(index.event(event_id(events)).expect("looks up"), None);
    let other = Subject::new(RecordKind::Demand, subject(0).id);
    assert_eq!(index.subject(other, StreamVersion(0), 9).expect("looks up"), []);
    let before = Timestamp::from_micros(time(0).micros() - 1);
    assert_eq!(index.as_of(before).expect("looks up"), Sequence::ZERO);
    let after = Timestamp::from_micros(time(events).micros() + 1);
    assert_eq!(index.as_of(after).expect("looks up"), Sequence(events));
}

fn caught_up(journal: &Journal) -> Index {
    let index = Index::open(journal).expect("opens");
    index.catch_up().expect("catches up");
    index
}

#[tokio::test]
async fn the_index_finds_events_in_memory_and_in_the_file() {
    let data = folder();
    let journal = filled(data.path()).await;
    let index = caught_up(&journal);
    check_index(&index, EVENTS);
    index.flush().expect("flushes");
    check_index(&index, EVENTS);
    append(&journal, EVENTS..EVENTS + 500).await;
    index.catch_up().expect("catches up");
    check_index(&index, EVENTS + 500);
    drop(index);
    let again = Index::open(&journal).expect("opens");
    check_index(&again, EVENTS + 500);
}

#[tokio::test]
async fn look_ups_never_miss_what_is_being_written() {
    let data = folder();
    let journal = filled(data.path()).await;
    let index = caught_up(&journal);
    std::thread::scope(|scope| {
        let flushing = scope.spawn(|| index.flush());
        while !flushing.is_finished() {
            check_index(&index, EVENTS);
        }
    });
}

#[tokio::test]
async fn what_is_pushed_twice_is_known_once() {
    let data = folder();
    let journal = filled(data.path()).await;
    let index = caught_up(&journal);
    let known = convenio_ledger::stores::IndexedEvent {
        sequence: Sequence(3),
        id: event_id(99_999),
        subject: subject(3),
        stream_version: StreamVersion(0),
        actor: actor(3),
        command_id: command_id(3),
        first_of_command: false,
        time: time(3),
    };
    index.push(&[known]).expect("takes it");
    check_index(&index, EVENTS);
}

/// The file that `spoil` leaves behind is made anew without a word to the caller.
#[tokio::test]
async fn an_index_that_cannot_be_written_is_written_when_it_can_be() {
    let data = folder();
    let journal = filled(data.path()).await;
    let file = data.path().join("index.db");
    let index = caught_up(&journal);
    index.flush().expect("writes");
    append(&journal, EVENTS..2 * EVENTS).await;
    execute(&file, "CREATE TRIGGER refuse BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
    index.catch_up().expect("memory takes it");
    assert!(index.flush().is_err());
    let trouble = index.trouble().expect("it says so");
    assert!(trouble.contains("index.db") && trouble.contains("the disk is full"), "{trouble}");
    append(&journal, 2 * EVENTS..3 * EVENTS).await;
    assert!(index.catch_up().is_err(), "nothing more is taken");
    check_index(&index, 2 * EVENTS);
    execute(&file, "DROP TRIGGER refuse");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while index.trouble().is_some() {
        assert!(std::time::Instant::now() < until, "it is not tried again: {:?}", index.trouble());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    index.catch_up().expect("takes what came meanwhile");
    index.flush().expect("writes");
    check_index(&index, 3 * EVENTS);
}

#[tokio::test]
async fn what_is_shown_ends_where_it_can_be_looked_up() {
    let data = folder();
    let journal = filled(data.path()).await;
    let index = caught_up(&journal);
    let shown = IndexedLog::new(Arc::new(journal.clone()), &index);
    append(&journal, EVENTS..EVENTS + 10).await;
    let mut head = shown.head();
    assert_eq!(*head.borrow_and_update(), Sequence(EVENTS));
    assert_eq!(shown.read(Sequence(EVENTS - 2), 100).await.expect("reads").len(), 2);
    assert!(shown.read(Sequence(EVENTS), 100).await.expect("reads").is_empty());
    index.catch_up().expect("reads");
    assert_eq!(*head.wait_for(|head| *head > Sequence(EVENTS)).await.expect("it is told"), Sequence(EVENTS + 10));
    assert_eq!(shown.read(Sequence(EVENTS - 2), 100).await.expect("reads").len(), 12);
    assert!(shown.open_writer().await.is_err(), "it is for readers");
}

async fn check_rebuilt(name: &str, spoil: impl FnOnce(&Path)) {
    let data = folder();
    let journal = filled(data.path()).await;
    drop(caught_up(&journal));
    let state = StateFile::open(&journal).expect("opens");
    assert_eq!(state.folded(1).expect("reads"), Sequence::ZERO);
    state.write(vec![change(1, b"one", None)], Sequence(EVENTS)).expect("writes");
    drop(state);
    spoil(&data.path().join(name));
    check_index(&caught_up(&journal), EVENTS);
    let state = StateFile::open(&journal).expect("opens");
    let (folded, kept) = (state.folded(1).expect("reads"), load(&state, 1).is_some());
    assert!(kept == (folded == Sequence(EVENTS)), "either all of it or nothing");
    assert_eq!(kept, name != "state.db");
}

#[tokio::test]
async fn a_derived_file_that_does_not_fit_is_made_anew() {
    for name in ["index.db", "state.db"] {
        check_rebuilt(name, |path| std::fs::remove_file(path).expect("deletes")).await;
        check_rebuilt(name, |path| std::fs::write(path, [b'?'; 20_000]).expect("writes")).await;
        check_rebuilt(name, |path| execute(path, "PRAGMA user_version = 99")).await;
        check_rebuilt(name, |path| execute(path, "DROP TABLE meta")).await;
        check_rebuilt(name, |path| execute(path, "DELETE FROM meta")).await;
        check_rebuilt(name, |path| execute(path, "UPDATE meta SET folded = 5000")).await;
        check_rebuilt(name, |path| execute(path, "UPDATE meta SET last_entry = '{}'")).await;
        let head_cut_off = |path: &Path| {
            let file = std::fs::File::options().write(true).open(path).expect("opens");
            file.set_len(50).expect("cuts");
        };
        check_rebuilt(name, head_cut_off).await;
    }
}

fn execute(path: &Path, sql: &str) {
    rusqlite::Connection::open(path).expect("opens").execute_batch(sql).expect("executes");
}

#[tokio::test]
async fn a_damaged_page_is_an_error_at_the_look_up_and_gone_at_the_next_start() {
    let data = folder();
    let journal = filled(data.path()).await;
    drop(caught_up(&journal));
    let path = data.path().join("index.db");
    let index = Index::open(&journal).expect("opens");
    // At the start it would be seen that the rows are gone.
    let mut bytes = std::fs::read(&path).expect("reads");
    // The first two pages tell whose index the file is; they stay as they are.
    bytes[2 * 4096..].fill(0xA5);
    std::fs::write(&path, bytes).expect("writes");
    index.event(event_id(5)).expect_err("its page is damaged");
    drop(index);
    assert!(!path.exists(), "the next start makes it anew");
    check_index(&caught_up(&journal), EVENTS);
}

#[tokio::test]
async fn files_ahead_of_a_restored_journal_are_made_anew() {
    let (data, backup) = (folder(), folder());
    let journal = filled(data.path()).await;
    support::copy_as_killed(data.path(), backup.path());
    append(&journal, EVENTS..EVENTS + 100).await;
    drop(caught_up(&journal));
    drop(journal);
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(data.path().join(format!("journal.db{suffix}")));
    }
    support::copy_as_killed(backup.path(), data.path());
    let restored = open(data.path());
    check_index(&caught_up(&restored), EVENTS);
}

#[tokio::test]
async fn files_of_another_history_are_made_anew() {
    let (data, other) = (folder(), folder());
    let journal = open(data.path());
    let batch = convenio_events::conformance::sample_event;
    let batch = Arc::new((0..EVENTS).map(|sequence| batch(sequence, 10)).collect());
    writer(&journal).await.append(batch).await.expect("appends");
    drop(caught_up(&journal));
    let other_journal = filled(other.path()).await;
    std::fs::copy(data.path().join("index.db"), other.path().join("index.db")).expect("copies");
    check_index(&caught_up(&other_journal), EVENTS);
}

#[tokio::test]
async fn an_event_that_the_log_has_twice_is_told() {
    let twice: [(u64, &str); 2] = [
        (EVENTS - 10, "event 1000 is a second one of version 99"),
        (EVENTS - 12, "event 1000 records a command a second time"),
    ];
    for (which, told) in twice {
        let data = folder();
        let journal = filled(data.path()).await;
        let index = caught_up(&journal);
        index.flush().expect("writes");
        let mut again = event(which);
        let known = IndexedEvent {
            sequence: Sequence(EVENTS),
            id: event_id(99_999),
            subject: subject(which),
            stream_version: StreamVersion(which / 10),
            actor: actor(which),
            command_id: command_id(which),
            first_of_command: false,
            time: time(EVENTS),
        };
        again.sequence = Sequence(EVENTS);
        writer(&journal).await.append(Arc::new(vec![again])).await.expect("a log does not judge");
        let (first_of_command, stream_version) = (told.contains("command"), known.stream_version);
        let stream_version = if first_of_command { StreamVersion(EVENTS) } else { stream_version };
        index.push(&[IndexedEvent { first_of_command, stream_version, ..known }]).expect("memory takes it");
        index.flush().expect_err("the file does not");
        let found = index.doubled().expect("it is told");
        assert!(found.starts_with(told), "{found}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named() {
    let data = folder();
    let journal = open(data.path());
    let mut events: Vec<_> = (0..10).map(event).collect();
    events[7].record = "{}".into();
    writer(&journal).await.append(Arc::new(events)).await.expect("a log does not judge");
    let index = Index::open(&journal).expect("opens");
    let error = index.catch_up().expect_err("event 7 is no record");
    assert_eq!(error.to_string(), "the record of event 7 cannot be read");
    assert_eq!(index.indexed(), Sequence(7), "what comes before it is known");
}

fn offer(number: u128) -> Subject {
    Subject::new(RecordKind::Offer, Uuid::from_u128(number))
}
fn change(number: u128, state: &[u8], due: Option<i64>) -> StateChange {
    let due = due.map(Timestamp::from_micros);
    StateChange::Subject { subject: offer(number), state: state.to_owned(), due }
}
fn name(name: &str, holder: Option<u128>) -> StateChange {
    StateChange::Name { name: name.to_owned(), holder: holder.map(Uuid::from_u128) }
}
fn load(state: &StateFile, number: u128) -> Option<Vec<u8>> {
    state.load(offer(number)).expect("loads")
}

#[tokio::test]
async fn the_snapshot_keeps_states_names_and_timers() {
    let data = folder();
    let journal = filled(data.path()).await;
    let state = StateFile::open(&journal).expect("opens");
    assert_eq!(state.folded(7).expect("reads"), Sequence::ZERO);
    assert_eq!(load(&state, 1), None);
    let changes = vec![
        change(1, b"one", Some(30)),
        change(2, b"two", Some(20)),
        change(3, b"three", None),
        name("identifier:XM-DAC-47083", Some(1)),
        name("token:x", Some(2)),
    ];
    state.write(changes, Sequence(5)).expect("writes");
    assert_eq!(load(&state, 1).as_deref(), Some(&b"one"[..]));
    let changes = vec![change(1, b"uno", None), name("token:x", None), name("token:y", Some(3))];
    state.write(changes, Sequence(6)).expect("writes");
    drop(state);
    let state = StateFile::open(&journal).expect("opens");
    assert_eq!(state.folded(7).expect("reads"), Sequence(6));
    assert_eq!(load(&state, 1).as_deref(), Some(&b"uno"[..]));
    assert_eq!(load(&state, 2).as_deref(), Some(&b"two"[..]));
    assert_eq!(state.timers().expect("reads"), [(Timestamp::from_micros(20), offer(2))]);
    let holder = |name| state.holder(name).expect("reads").map(|holder| holder.as_u128());
    assert_eq!(holder("identifier:XM-DAC-47083"), Some(1));
    assert_eq!((holder("token:x"), holder("token:y")), (None, Some(3)));
}

#[tokio::test]
async fn a_snapshot_of_other_code_is_emptied() {
    let data = folder();
    let journal = filled(data.path()).await;
    let state = StateFile::open(&journal).expect("opens");
    assert_eq!(state.folded(7).expect("reads"), Sequence::ZERO);
    let changes = vec![change(1, b"one", Some(30)), name("token:x", Some(1))];
    state.write(changes, Sequence(5)).expect("writes");
    assert_eq!(state.folded(7).expect("reads"), Sequence(5));
    assert_eq!(state.folded(8).expect("reads"), Sequence::ZERO);
    assert_eq!((load(&state, 1), state.holder("token:x").expect("reads")), (None, None));
    assert_eq!(state.timers().expect("reads"), []);
}
