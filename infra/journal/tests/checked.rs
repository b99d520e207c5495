//! Rows that a disk or a shell has changed: a journal that is opened to be checked serves none of them and names the event.

mod support;

use convenio_events::{Sequence, causes::with_causes, log::ReadError};
use convenio_journal::{Access, Journal, Options};
use std::{path::Path, sync::Arc};
use support::{event, folder, open, writer};

const EVENTS: u64 = 60;
const CHANGED: u64 = 23;

async fn filled(data: &Path) {
    let journal = open(data);
    let batch = Arc::new((0..EVENTS).map(event).collect());
    writer(&journal).await.append(batch).await.expect("appends");
}

fn checked(data: &Path) -> Journal {
    let options = Options { checked: true, ..Options::default() };
    Journal::open_with(data, Access::ReadWrite, options).expect("it opens")
}

#[tokio::test]
async fn what_is_whole_is_read() {
    let data = folder();
    filled(data.path()).await;
    let journal = checked(data.path());
    journal.check_quickly().expect("all is whole");
    let all: Vec<_> = (0..EVENTS).map(event).collect();
    assert_eq!(journal.read_sync(Sequence::ZERO, 1_000).expect("reads"), all);
}

#[tokio::test]
async fn a_changed_row_is_told_and_served_nobody() {
    for (change, said) in [
        ("SET record = replace(record, 'offer', 'OFFER')", "does not open its entry: record"),
        ("SET record_salt = zeroblob(32)", "does not open its entry: record"),
        ("SET record_salt = zeroblob(31)", "a salt of event 23 is not 32 bytes"),
        ("SET text = replace(text, 'so', 'no')", "does not open its entry: text"),
        ("SET text_salt = NULL", "text without a salt"),
        (r#"SET entry = replace(entry, '"v":1', '"v":2')"#, "has a bad entry"),
        (r#"SET entry = replace(entry, '"sequence":"23"', '"sequence":"24"')"#, "does not open its entry: position"),
        ("SET entry = replace(entry, 'urn:convenio:0', 'urn:convenio:1')", "is of the ledger"),
        (r#"SET entry = replace(entry, '"time":"2023', '"time":"2022')"#, "before the one before it"),
        ("SET sequence = 5000", "event 23 is missing"),
    ] {
        let data = folder();
        filled(data.path()).await;
        let shell = rusqlite::Connection::open(data.path().join("journal.db")).expect("anybody can open it");
        assert_eq!(shell.execute(&format!("UPDATE log {change} WHERE sequence = {CHANGED}"), []).expect("changed"), 1);
        drop(shell);
        let journal = checked(data.path());
        let refused = journal.check_quickly().expect_err(change);
        assert!(with_causes(&refused).contains(said), "{change}: {}", with_causes(&refused));
        let before = journal.read_sync(Sequence::ZERO, CHANGED as usize).expect("what comes before it can be read");
        assert_eq!(before.len() as u64, CHANGED);
        match journal.read_sync(Sequence(CHANGED - 1), 10) {
            Err(ReadError::Damaged { sequence, source }) => {
                assert_eq!(sequence, Sequence(CHANGED), "{change}");
                assert!(with_causes(&*source).contains(said), "{change}: {}", with_causes(&*source));
            }
            other => panic!("{change}: {other:?}"),
        }
    }
}
