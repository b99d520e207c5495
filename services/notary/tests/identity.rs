//! An identity in use: what it signs, what it refuses to sign, and damage to its files. The first
//! start is tested beside its steps.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use convenio_notary::identity::{ADMIN_TOKEN_FILE, KEY_FILE, LEDGER_FILE, OpenIdentityError, SIGNED_HEADS_FILE};
use convenio_notary::signed_heads::{ReadHeadsError, RecordHeadError};
use convenio_notary::{CompactRange, Identity, NewIdentity, SignedCheckpoint, SignerKey, TreeHead, leaf_hash};
use tempfile::TempDir;

struct Place {
    _temporary: TempDir,
    directory: PathBuf,
}

impl Place {
    /// An identity that has signed the trees of 0 to `size` leaves.
    fn signed_to(size: u64) -> Self {
        let temporary = TempDir::new().unwrap();
        let directory = temporary.path().join("identity");
        let new = NewIdentity { ledger: None, origin: None, admin_token: "token".to_owned() };
        let mut identity = Identity::create_or_resume(&directory, &new).unwrap().identity;
        for size in 1..=size {
            identity.sign_head(head(size)).unwrap();
        }
        Self { _temporary: temporary, directory }
    }

    fn open(&self) -> Result<Identity, OpenIdentityError> {
        Identity::open(&self.directory)
    }

    fn heads(&self) -> PathBuf {
        self.directory.join(SIGNED_HEADS_FILE)
    }

    fn append(&self, bytes: &[u8]) {
        let mut file = fs::OpenOptions::new().append(true).open(self.heads()).unwrap();
        file.write_all(bytes).unwrap();
    }

    fn heads_error(&self) -> ReadHeadsError {
        match self.open() {
            Err(OpenIdentityError::Heads { source, .. }) => source,
            other => panic!("the heads should be refused: {other:?}"),
        }
    }
}

fn head(size: u64) -> TreeHead {
    let leaves = (0..size).map(|index| leaf_hash(&index.to_be_bytes()));
    leaves.collect::<CompactRange>().head()
}

fn forked_head(size: u64) -> TreeHead {
    TreeHead::new(size, leaf_hash(b"another history")).unwrap()
}

#[test]
fn signed_heads_are_there_after_a_restart() {
    let place = Place::signed_to(3);
    let mut identity = place.open().unwrap();
    assert_eq!(identity.head_count(), 4);
    assert_eq!(*identity.latest_head().head(), head(3));
    let signed = identity.sign_head(head(9)).unwrap();
    let vkey = [identity.verifier_key().clone()];
    let opened = SignedCheckpoint::open(signed.to_string().as_bytes(), &vkey).unwrap();
    assert_eq!(opened, signed);
    drop(identity);
    assert_eq!(*place.open().unwrap().latest_head(), signed);
}

#[test]
fn the_latest_head_is_given_again_without_being_written_again() {
    let place = Place::signed_to(3);
    let mut identity = place.open().unwrap();
    let latest = identity.latest_head().clone();
    assert_eq!(identity.sign_head(head(3)).unwrap(), latest);
    assert_eq!(identity.head_count(), 4);
    drop(identity);
    assert_eq!(place.open().unwrap().head_count(), 4);
}

#[test]
fn neither_a_smaller_tree_nor_another_root_is_ever_signed() {
    let place = Place::signed_to(3);
    let mut identity = place.open().unwrap();
    let refused = identity.sign_head(head(2));
    assert!(matches!(refused, Err(RecordHeadError::Smaller { signed: 3, asked: 2 })), "{refused:?}");
    let refused = identity.sign_head(forked_head(3));
    assert!(matches!(refused, Err(RecordHeadError::Fork { size: 3 })), "{refused:?}");
    assert!(identity.sign_head(head(4)).is_ok(), "a refusal leaves the identity usable");
}

#[test]
fn heads_of_another_node_with_the_same_key_are_recorded() {
    let (place, other) = (Place::signed_to(0), Place::signed_to(0));
    for file in [LEDGER_FILE, KEY_FILE, SIGNED_HEADS_FILE] {
        fs::copy(place.directory.join(file), other.directory.join(file)).unwrap();
    }
    let (mut here, mut there) = (place.open().unwrap(), other.open().unwrap());
    let signed = there.sign_head(head(5)).unwrap();
    here.record_head(&signed).unwrap();
    assert_eq!(*here.latest_head(), signed);

    let stranger = Place::signed_to(0).open().unwrap().sign_head(head(6)).unwrap();
    let refused = here.record_head(&stranger);
    assert!(matches!(refused, Err(RecordHeadError::OtherOrigin { .. })), "{refused:?}");
}

#[test]
fn only_one_process_holds_an_identity() {
    let place = Place::signed_to(0);
    let held = place.open().unwrap();
    let refused = place.open();
    assert!(matches!(refused, Err(OpenIdentityError::InUse { .. })), "{refused:?}");
    drop(held);
    assert!(place.open().is_ok());
}

#[test]
fn the_operator_may_delete_the_admin_token() {
    let place = Place::signed_to(1);
    fs::remove_file(place.directory.join(ADMIN_TOKEN_FILE)).unwrap();
    assert!(place.open().is_ok());
    assert!(!place.directory.join(ADMIN_TOKEN_FILE).exists());
}

#[test]
fn a_missing_file_is_named() {
    for name in [LEDGER_FILE, KEY_FILE, SIGNED_HEADS_FILE] {
        let place = Place::signed_to(1);
        let file = place.directory.join(name);
        fs::remove_file(&file).unwrap();
        match place.open() {
            Err(OpenIdentityError::Missing { path }) => assert_eq!(path, file),
            other => panic!("{name} is missing: {other:?}"),
        }
    }
    let nowhere = Path::new("/nonexistent/identity");
    let refused = Identity::open(nowhere);
    assert!(matches!(refused, Err(OpenIdentityError::Missing { .. })), "{refused:?}");
}

#[test]
fn a_damaged_key_is_refused_and_not_repeated() {
    let place = Place::signed_to(1);
    let file = place.directory.join(KEY_FILE);
    let key = fs::read_to_string(&file).unwrap();
    fs::write(&file, key.replace("PRIVATE", "private")).unwrap();
    let refused = place.open().unwrap_err();
    assert!(matches!(refused, OpenIdentityError::Key { .. }), "{refused:?}");
    // Base64 may hold a plus itself.
    let secret = key.trim_end().splitn(5, '+').last().unwrap();
    assert!(!format!("{refused} {refused:?}").contains(secret));
}

#[test]
fn another_key_of_the_same_name_does_not_inherit_the_heads() {
    let place = Place::signed_to(1);
    let origin = place.open().unwrap().origin().clone();
    let other = SignerKey::generate(origin).unwrap();
    fs::write(place.directory.join(KEY_FILE), other.to_skey()).unwrap();
    assert!(matches!(place.heads_error(), ReadHeadsError::OtherKey { .. }));
}

#[test]
fn a_torn_last_line_is_ignored_wherever_it_tears_and_the_next_head_follows_cleanly() {
    let place = Place::signed_to(3);
    let whole = fs::read(place.heads()).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for length in last..=whole.len() {
        fs::write(place.heads(), &whole[..length]).unwrap();
        // Without its newline alone the line is whole: its head counts as signed.
        let expected = if length + 1 >= whole.len() { 3 } else { 2 };
        let mut identity = place.open().unwrap();
        assert_eq!(identity.latest_head().head().size(), expected, "{length}");
        identity.sign_head(head(3)).unwrap();
        drop(identity);
        assert_eq!(fs::read(place.heads()).unwrap(), whole, "{length}");
    }
}

#[test]
fn zeros_after_the_last_line_are_a_torn_line() {
    let place = Place::signed_to(2);
    place.append(&[0; 100]);
    assert_eq!(place.open().unwrap().latest_head().head().size(), 2);
}

#[test]
fn an_ended_line_that_is_not_a_head_is_damage_also_at_the_end() {
    let place = Place::signed_to(2);
    place.append(b"3 not a head\n");
    assert!(matches!(place.heads_error(), ReadHeadsError::Damaged { line: 5 }));
    let place = Place::signed_to(2);
    place.append(&[b'x'; 20_000]);
    assert!(matches!(place.heads_error(), ReadHeadsError::Damaged { line: 5 }));
}

#[test]
fn heads_without_a_head_or_header_are_refused() {
    let check = |content: &str, is_expected: fn(&ReadHeadsError) -> bool| {
        let place = Place::signed_to(0);
        fs::write(place.heads(), content).unwrap();
        let error = place.heads_error();
        assert!(is_expected(&error), "{content:?}: {error:?}");
    };
    check("", |e| matches!(e, ReadHeadsError::Empty));
    check("convenio-signed-heads/v1\n", |e| matches!(e, ReadHeadsError::Empty));
    check("convenio-signed-heads/v1", |e| matches!(e, ReadHeadsError::Damaged { line: 1 }));
    check("convenio-signed-heads/v2\n", |e| matches!(e, ReadHeadsError::Damaged { line: 1 }));
}

#[test]
fn heads_that_contradict_each_other_are_refused() {
    let place = Place::signed_to(3);
    let lines = fs::read_to_string(place.heads()).unwrap();
    let mut lines: Vec<_> = lines.lines().collect();
    lines.swap(2, 3);
    fs::write(place.heads(), lines.join("\n") + "\n").unwrap();
    assert!(matches!(place.heads_error(), ReadHeadsError::Contradiction { line: 4 }));
}

#[test]
fn one_changed_bit_before_the_last_line_is_always_noticed() {
    let place = Place::signed_to(2);
    let whole = fs::read(place.heads()).unwrap();
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    let file = fs::OpenOptions::new().write(true).open(place.heads()).unwrap();
    for at in 0..=last {
        for bit in 0..8 {
            file.write_all_at(&[whole[at] ^ 1_u8 << bit], at as u64).unwrap();
            place.heads_error();
        }
        file.write_all_at(&whole[at..=at], at as u64).unwrap();
    }
    assert!(place.open().is_ok());
}
