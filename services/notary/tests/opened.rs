//! The mark of a ledger that was opened: what it keeps, what it refuses, and damage to it. What reads it at a node's start is
//! tested there.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use convenio_notary::first_start::CreateIdentityError;
use convenio_notary::identity::{LEDGER_FILE, MarkOpenedError, OpenIdentityError};
use convenio_notary::opened::{OPENED_FILE, OpenedLedger, ReadOpenedError};
use convenio_notary::{Identity, NewIdentity, TreeHead, leaf_hash};
use tempfile::TempDir;
use uuid::Uuid;

struct Place {
    _temporary: TempDir,
    directory: PathBuf,
}

impl Place {
    fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let directory = temporary.path().join("identity");
        let new = NewIdentity { ledger: None, origin: None, admin_token: "token".to_owned() };
        drop(Identity::create_or_resume(&directory, &new).unwrap());
        Self { _temporary: temporary, directory }
    }

    fn open(&self) -> Identity {
        Identity::open(&self.directory).unwrap()
    }

    fn read(&self) -> Option<OpenedLedger> {
        OpenedLedger::read(&self.directory).unwrap()
    }
}

fn head(size: u64) -> TreeHead {
    TreeHead::new(size, leaf_hash(&size.to_be_bytes())).unwrap()
}

#[test]
fn it_is_there_after_a_restart_and_only_grows() {
    let place = Place::new();
    assert_eq!(place.read(), None);
    assert_eq!(place.open().opened(), None);
    let mut identity = place.open();
    identity.mark_opened(TreeHead::empty()).unwrap();
    assert_eq!(place.read(), Some(OpenedLedger::new(identity.ledger(), TreeHead::empty())));
    for (size, expected) in [(9, 9), (4, 9), (9, 9), (10, 10)] {
        identity.mark_opened(head(size)).unwrap();
        assert_eq!(place.read().unwrap().reach(), &head(expected));
    }
    drop(identity);
    assert_eq!(place.open().opened().unwrap().reach(), &head(10));
}

#[test]
fn another_root_of_the_same_size_is_a_fork_and_changes_nothing() {
    let place = Place::new();
    let mut identity = place.open();
    identity.mark_opened(head(3)).unwrap();
    let other = TreeHead::new(3, leaf_hash(b"another history")).unwrap();
    let refused = identity.mark_opened(other);
    assert!(matches!(refused, Err(MarkOpenedError::Fork { size: 3 })), "{refused:?}");
    assert_eq!(place.read().unwrap().reach(), &head(3));
}

#[test]
fn a_log_with_fewer_events_is_refused_with_the_numbers() {
    let ledger = Uuid::from_u128(7);
    let opened = OpenedLedger::new(ledger, head(1_000));
    assert_eq!(opened.require(1_000), Ok(()));
    assert_eq!(opened.require(5_000), Ok(()));
    let missing = opened.require(999).unwrap_err();
    let said = "the ledger 00000000-0000-0000-0000-000000000007 had 1000 events at least, and 999 are found";
    assert_eq!(missing.to_string(), said);
    let opened = OpenedLedger::new(ledger, TreeHead::empty());
    assert_eq!(opened.require(0).unwrap_err().known, 1, "a ledger that was opened has an event");
    assert_eq!(opened.require(1), Ok(()));
}

#[test]
fn an_operator_may_say_that_events_are_lost() {
    let place = Place::new();
    let mut identity = place.open();
    identity.mark_opened(head(1_000)).unwrap();
    identity.accept_loss(head(400)).unwrap();
    assert_eq!(place.read().unwrap().reach(), &head(400));
    identity.mark_opened(head(401)).unwrap();
}

#[test]
fn one_changed_bit_or_a_shorter_file_is_always_noticed() {
    let place = Place::new();
    place.open().mark_opened(head(12)).unwrap();
    let file = place.directory.join(OPENED_FILE);
    let whole = fs::read(&file).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let refused = OpenedLedger::read(&place.directory);
        assert!(matches!(refused, Err(ReadOpenedError::Damaged { .. })), "{refused:?}");
    };
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut changed = whole.clone();
            changed[at] ^= 1_u8 << bit;
            refused(&changed);
        }
        refused(&whole[..at]);
    }
    let refused = Identity::open(&place.directory);
    assert!(matches!(refused, Err(OpenIdentityError::Opened(ReadOpenedError::Damaged { .. }))), "{refused:?}");
    fs::write(&file, &whole).unwrap();
    assert_eq!(place.open().opened().unwrap().reach(), &head(12));
}

#[test]
fn without_it_a_signed_head_says_that_the_ledger_was_opened() {
    let place = Place::new();
    place.open().mark_opened(head(12)).unwrap();
    let mut identity = place.open();
    for size in [1, 5] {
        identity.sign_head(head(size)).unwrap();
    }
    drop(identity);
    assert_eq!(place.read().unwrap().reach(), &head(12), "the mark says more");
    fs::remove_file(place.directory.join(OPENED_FILE)).unwrap();
    assert_eq!(place.read().unwrap().reach(), &head(5));
    let new = NewIdentity { ledger: None, origin: None, admin_token: "token".to_owned() };
    let refused = Identity::create_or_resume(&place.directory, &new);
    assert!(matches!(refused, Err(CreateIdentityError::AlreadyOpened { events: 5, .. })), "{refused:?}");
    let mut identity = place.open();
    assert_eq!(identity.opened(), place.read().as_ref());
    identity.mark_opened(head(13)).unwrap();
    drop(identity);
    assert!(place.directory.join(OPENED_FILE).exists(), "it is written again");
}

#[test]
fn the_mark_of_another_ledger_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    place.open().mark_opened(head(12)).unwrap();
    fs::copy(place.directory.join(OPENED_FILE), other.directory.join(OPENED_FILE)).unwrap();
    let refused = Identity::open(&other.directory);
    assert!(matches!(refused, Err(OpenIdentityError::OpenedOther { .. })), "{refused:?}");
    fs::copy(place.directory.join(LEDGER_FILE), other.directory.join(LEDGER_FILE)).unwrap();
    assert!(Identity::open(&other.directory).is_ok());
}
