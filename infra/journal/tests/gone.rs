//! Files of the journal that are deleted, replaced or cut while it is written: a batch does not count that a start would not find.

mod support;

use convenio_events::{
    Sequence,
    log::{AppendError, EventLog as _, OpenError},
};
use convenio_journal::JournalError;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use support::{event, folder, open, writer};

fn batch(sequence: u64) -> Arc<Vec<convenio_events::RecordedEvent>> {
    Arc::new(vec![event(sequence)])
}

async fn check(what: &str, spoil: impl FnOnce(&Path)) {
    let data = folder();
    let journal = open(data.path());
    let mut writing = writer(&journal).await;
    for sequence in 0..20 {
        writing.append(batch(sequence)).await.expect("appends");
    }
    spoil(data.path());
    let outcome = writing.append(batch(20)).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{what}: a batch counted");
    assert_eq!(*journal.head().borrow(), Sequence(20), "{what}: it is shown");
    drop(writing);
    let told = journal.check_files().expect_err("it is told");
    assert!(matches!(told, JournalError::Damaged { .. }), "{what}: {told}");
    match journal.open_writer().await {
        Err(OpenError::Unavailable(why)) => {
            let why = convenio_events::causes::with_causes(&*why);
            assert!(why.contains("event") && why.contains("journal.db"), "{what}: the place: {why}");
        }
        Err(other) => panic!("{what}: {other}"),
        Ok(_) => panic!("{what}: it is written on"),
    }
}

#[tokio::test]
async fn nothing_counts_in_a_journal_whose_files_are_gone() {
    check("deleted", |data| fs::remove_file(data.join("journal.db")).expect("deleted")).await;
    check("WAL deleted", |data| fs::remove_file(data.join("journal.db-wal")).expect("deleted")).await;
    check("all deleted", |data| {
        for suffix in ["", "-wal", "-shm"] {
            fs::remove_file(data.join(format!("journal.db{suffix}"))).expect("deleted");
        }
    })
    .await;
    check("replaced", |data| {
        fs::copy(data.join("journal.db"), data.join("other")).expect("copied");
        fs::rename(data.join("other"), data.join("journal.db")).expect("renamed");
    })
    .await;
    let cut = |name: &'static str, bytes: u64| {
        move |data: &Path| {
            let file = fs::File::options().write(true).open(data.join(name)).expect("opens");
            file.set_len(bytes).expect("cut");
        }
    };
    check("WAL emptied", cut("journal.db-wal", 0)).await;
    check("WAL cut", cut("journal.db-wal", 20_000)).await;
    check("cut", cut("journal.db", 4_096)).await;
}

#[tokio::test]
async fn only_their_owner_enters_the_folder_of_a_new_journal() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |folder: &Path| fs::metadata(folder).expect("it is there").permissions().mode() & 0o777;
    let parent = folder();
    let (made, given) = (parent.path().join("made"), parent.path().join("given"));
    fs::create_dir(&given).expect("made");
    fs::set_permissions(&given, fs::Permissions::from_mode(0o750)).expect("set");
    for data in [&made, &given] {
        drop(writer(&open(data)).await);
    }
    assert_eq!((mode(&made), mode(&given)), (0o700, 0o750), "what an operator chose stays");
}

#[test]
fn a_copy_that_grows_while_it_is_looked_at_is_not_taken_for_cut() {
    const LOOKERS: usize = 3;
    let data = folder();
    let journal = open(data.path());
    let mut copy = journal.open_mirror().expect("an empty journal becomes a copy");
    let written = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let look = || {
            while !written.load(Ordering::Relaxed) {
                journal.check_files().expect("nothing happened to it");
            }
        };
        let lookers: Vec<_> = (0..LOOKERS).map(|_| threads.spawn(look)).collect();
        for sequence in 0..20_000 {
            copy.append(batch(sequence), "here").expect("appends");
        }
        written.store(true, Ordering::Relaxed);
        lookers.into_iter().for_each(|looker| looker.join().expect("its files are whole"));
    });
}
