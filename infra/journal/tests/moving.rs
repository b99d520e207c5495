//! A journal that changes its part: a log becomes a copy, a complete copy becomes a log. It is never both, and its events stay.

mod support;

use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog as _, OpenError},
};
use convenio_journal::{Journal, JournalError};
use support::{append_growing, folder, open, sample_batch, writer};

async fn is_a_log(journal: &Journal) -> bool {
    match journal.open_writer().await {
        Ok(_) => true,
        Err(OpenError::Damaged(why)) => {
            assert!(why.to_string().contains("is a copy of another log"), "{why}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn all(journal: &Journal) -> Vec<RecordedEvent> {
    journal.read_sync(Sequence::ZERO, 1_000).expect("reads")
}

#[tokio::test]
async fn a_log_that_became_a_copy_goes_on_as_one_where_it_was_read_up_to() {
    let data = folder();
    let journal = open(data.path());
    let mut writing = writer(&journal).await;
    append_growing(&mut *writing, 4).await;
    assert!(matches!(journal.hold(), Err(JournalError::InUse { .. })), "not while somebody writes");
    drop(writing);
    let before = all(&journal);
    let held = journal.hold().expect("nobody writes");
    assert_eq!(held.head(), Sequence(10));
    assert!(matches!(journal.open_writer().await, Err(OpenError::InUse)), "nor does anybody meanwhile");
    held.become_copy("there").expect("becomes a copy");
    assert!(!is_a_log(&journal).await);
    assert!(matches!(journal.hold(), Err(JournalError::Copy { .. })));

    let mut mirror = open(data.path()).open_mirror().expect("it is a copy");
    assert_eq!((mirror.cursor(), mirror.next()), (Some("there"), Sequence(10)));
    mirror.append(sample_batch(10..11), "further").expect("it is copied further");
    assert_eq!(all(&journal)[..10], before);
}

#[tokio::test]
async fn a_complete_copy_becomes_a_log_and_one_that_is_not_does_not() {
    let data = folder();
    let journal = open(data.path());
    let mut mirror = journal.open_mirror().expect("an empty journal can be a copy");
    mirror.append(sample_batch(0..5), "here").expect("appends");
    let early = mirror.become_log(Sequence(6));
    assert!(matches!(early, Err(JournalError::Damaged { .. })), "an event is missing");
    assert!(!is_a_log(&journal).await, "it is what it was");
    journal.open_mirror().expect("a copy").become_log(Sequence(5)).expect("it is complete");
    assert!(is_a_log(&journal).await);
    assert!(matches!(journal.open_mirror(), Err(JournalError::NoCopy { .. })), "nothing is copied into it any more");
    let mut writing = writer(&open(data.path())).await;
    writing.append(sample_batch(5..6)).await.expect("it goes on");
    assert_eq!(all(&journal), *sample_batch(0..6));
}
