//! Bits that a disk has changed in a derived file: each look-up is right, or an error after which the file is made anew. None is
//! ever "not known" for what was recorded.

mod support;

use convenio_events::{RecordKind, Sequence, StreamVersion, Subject, Timestamp};
use convenio_journal::{INDEX_FILE, Index, Journal, STATE_FILE, StateFile};
use convenio_ledger::stores::{EventIndex as _, StateChange, StateStore as _};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{path::Path, sync::Arc};
use support::{actor, command_id, event, event_id, folder, open, subject, time, writer};
use uuid::Uuid;

const EVENTS: u64 = 400;
const SUBJECTS: u128 = 150;
const ROUNDS: u64 = 60;
const BITS: usize = 20;
const CODE_VERSION: u32 = 1;

async fn filled(data: &Path) -> Journal {
    let journal = open(data);
    let batch = Arc::new((0..EVENTS).map(event).collect());
    writer(&journal).await.append(batch).await.expect("appends");
    journal
}

fn flip(file: &Path, whole: &[u8], random: &mut StdRng) {
    let mut bytes = whole.to_vec();
    for _ in 0..BITS {
        let at = random.random_range(0..bytes.len());
        bytes[at] ^= 1 << random.random_range(0..8);
    }
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
    }
    std::fs::write(file, bytes).expect("written");
}

/// Looks everything up; whether all was answered. A wrong answer fails.
fn is_answered(index: &Index) -> bool {
    let mut answered = true;
    for sequence in 0..EVENTS {
        let first = Sequence(sequence / 2 * 2);
        match index.command(actor(sequence), command_id(sequence)) {
            Ok(found) => assert_eq!(found, Some(first), "command of {sequence}"),
            Err(_) => answered = false,
        }
        match index.event(event_id(sequence)) {
            Ok(found) => assert_eq!(found, Some(Sequence(sequence))),
            Err(_) => answered = false,
        }
        match index.as_of(time(sequence)) {
            Ok(found) => assert_eq!(found, Sequence((sequence / 3 * 3 + 3).min(EVENTS))),
            Err(_) => answered = false,
        }
    }
    for number in 0..10 {
        let all: Vec<_> = (0..EVENTS).filter(|s| s % 10 == number).map(Sequence).collect();
        match index.subject(subject(number), StreamVersion(0), usize::MAX) {
            Ok(found) => assert!(all.starts_with(&found), "{found:?}"),
            Err(_) => answered = false,
        }
    }
    answered
}

#[tokio::test]
async fn no_bit_of_the_index_makes_a_known_command_an_unknown_one() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let data = folder();
    let journal = filled(data.path()).await;
    let index = Index::open(&journal).expect("opens");
    index.catch_up().expect("catches up");
    drop(index);
    let file = data.path().join(INDEX_FILE);
    let connection = rusqlite::Connection::open(&file).expect("opens");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpointed");
    drop(connection);
    let whole = std::fs::read(&file).expect("read");
    let mut found = 0;
    for round in 0..ROUNDS {
        flip(&file, &whole, &mut random);
        let index = Index::open(&journal).expect("opens, the file or an empty one");
        let fitted = index.indexed() == Sequence(EVENTS);
        index.catch_up().expect("catches up");
        let answered = is_answered(&index);
        if !fitted || !answered {
            found += 1;
            // Whoever goes on asks how far it is.
            index.indexed();
            assert!(
                answered || !is_answered(&index),
                "until all is back, nothing is not known: {round} of seed {seed}"
            );
            index.catch_up().expect("made anew");
            assert!(is_answered(&index), "round {round} of seed {seed}");
        }
    }
    assert!(found > ROUNDS / 2, "seed {seed}: only {found} of {ROUNDS} were noticed");
}

fn offer(number: u128) -> Subject {
    Subject::new(RecordKind::Offer, Uuid::from_u128(number.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)))
}
fn state(number: u128) -> Vec<u8> {
    vec![u8::try_from(number % 251).expect("small"); 40 + usize::try_from(number).expect("few")]
}
fn due(number: u128) -> Option<Timestamp> {
    number.is_multiple_of(3).then(|| Timestamp::from_micros(i64::try_from(number).expect("few") * 1_000))
}

fn changes() -> Vec<StateChange> {
    let subjects = (0..SUBJECTS).map(|number| StateChange::Subject {
        subject: offer(number),
        state: state(number),
        due: due(number),
    });
    let names = (0..SUBJECTS)
        .map(|number| StateChange::Name { name: format!("token:{number}"), holder: Some(Uuid::from_u128(number)) });
    subjects.chain(names).collect()
}

fn is_loaded(file: &StateFile) -> bool {
    let mut loaded = true;
    for number in 0..SUBJECTS {
        match file.load(offer(number)) {
            Ok(found) => assert_eq!(found, Some(state(number)), "{number}"),
            Err(_) => loaded = false,
        }
        match file.holder(&format!("token:{number}")) {
            Ok(found) => assert_eq!(found, Some(Uuid::from_u128(number))),
            Err(_) => loaded = false,
        }
    }
    match file.timers() {
        Ok(found) => {
            let expected: Vec<_> = (0..SUBJECTS).filter_map(|number| Some((due(number)?, offer(number)))).collect();
            assert_eq!(found, expected);
        }
        Err(_) => loaded = false,
    }
    loaded
}

#[tokio::test]
async fn no_bit_of_the_snapshot_makes_a_record_one_that_never_was() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let data = folder();
    let journal = filled(data.path()).await;
    let fill = |file: &StateFile| {
        if file.folded(CODE_VERSION).expect("reads") == Sequence::ZERO {
            file.write(changes(), Sequence(EVENTS)).expect("writes");
        }
    };
    fill(&StateFile::open(&journal).expect("opens"));
    let path = data.path().join(STATE_FILE);
    let connection = rusqlite::Connection::open(&path).expect("opens");
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("checkpointed");
    drop(connection);
    let whole = std::fs::read(&path).expect("read");
    let mut found = 0;
    for round in 0..ROUNDS {
        flip(&path, &whole, &mut random);
        let file = StateFile::open(&journal).expect("opens, the file or an empty one");
        // Another who has it open, and has not begun anew.
        let other = file.shared();
        let fitted = file.folded(CODE_VERSION).expect("reads") == Sequence(EVENTS);
        fill(&file);
        if !fitted || !is_loaded(&file) {
            found += 1;
            fill(&file);
            assert!(is_loaded(&file), "round {round} of seed {seed}");
            if fitted {
                other.load(offer(1)).expect_err("it goes by a file that is gone");
            }
        }
    }
    assert!(found > ROUNDS / 2, "seed {seed}: only {found} of {ROUNDS} were noticed");
}

#[tokio::test]
async fn a_timer_that_was_changed_or_is_missing_is_told_before_any_of_them_runs() {
    for spoil in [
        "UPDATE state SET due = due + 1 WHERE number = 4",
        "UPDATE state SET due = NULL WHERE number = 4",
        "UPDATE state SET id = zeroblob(16) WHERE number = 4",
        "DELETE FROM state WHERE number = 4",
        "UPDATE timers SET digest = digest + 1",
        "DELETE FROM timers",
    ] {
        let data = folder();
        let journal = filled(data.path()).await;
        let file = StateFile::open(&journal).expect("opens");
        file.folded(CODE_VERSION).expect("reads");
        file.write(changes(), Sequence(EVENTS)).expect("writes");
        file.timers().expect("all of them are there");
        drop(file);
        let shell = rusqlite::Connection::open(data.path().join(STATE_FILE)).expect("anybody can open it");
        assert_eq!(shell.execute(spoil, []).expect("spoilt"), 1, "{spoil}");
        drop(shell);
        let file = StateFile::open(&journal).expect("opens");
        // That a row is gone is told by the sum of all of them; what it says is looked at when it is read.
        let fits = file.folded(CODE_VERSION).expect("reads") == Sequence(EVENTS);
        assert_eq!(fits, spoil != "DELETE FROM state WHERE number = 4", "{spoil}: it fits as far as one sees");
        if fits {
            file.timers().expect_err(spoil);
        }
        assert_eq!(file.folded(CODE_VERSION).expect("begins anew"), Sequence::ZERO, "{spoil}");
    }
}
