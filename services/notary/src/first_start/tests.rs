//! Each step of the first start is followed by a crash. Does not test what is signed later.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;

use super::*;
use crate::identity::LOCK_FILE;

const LEDGER: Uuid = Uuid::from_u128(0x0123_4567_89ab_4cde_8f01_2345_6789_abcd);

fn place() -> (TempDir, PathBuf) {
    let place = TempDir::new().unwrap();
    let directory = place.path().join("deep/ledger-identity");
    (place, directory)
}

fn new(token: &str) -> NewIdentity {
    NewIdentity { ledger: None, origin: None, admin_token: token.to_owned() }
}

fn create(directory: &Path, token: &str) -> FirstStart {
    Identity::create_or_resume(directory, &new(token)).unwrap()
}

/// Every file but the lock, by name, with its content.
fn files(directory: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap()))
        .filter(|(name, _)| name != LOCK_FILE)
        .collect();
    files.sort();
    files
}

#[test]
fn a_first_start_makes_all_files_and_keeps_the_secret_ones_secret() {
    let (_place, directory) = place();
    let first = create(&directory, "token-1");
    assert_eq!(first.admin_token, "token-1");
    let names: Vec<_> = files(&directory).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [ADMIN_TOKEN_FILE, KEY_FILE, LEDGER_FILE, SIGNED_HEADS_FILE]);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join(KEY_FILE)), 0o600);
    assert_eq!(mode(&directory.join(ADMIN_TOKEN_FILE)), 0o600);

    let identity = first.identity;
    let origin = format!("ledger.invalid/{}", identity.ledger());
    assert_eq!(identity.origin().as_str(), origin);
    assert!(identity.verifier_key().to_string().starts_with(&origin));
    assert_eq!(identity.head_count(), 1);
    assert_eq!(identity.latest_head().head(), &TreeHead::empty());
    assert!(identity.latest_head().note().verify(&[identity.verifier_key().clone()]).is_ok());
}

#[test]
fn a_crash_after_each_step_is_taken_up_with_what_was_made() {
    for steps in 0..=STEPS.len() {
        let (_place, directory) = place();
        for step in &STEPS[..steps] {
            step(&directory, &new("token-1")).unwrap();
        }
        let made = if steps == 0 { Vec::new() } else { files(&directory) };
        assert_eq!(made.len(), steps.saturating_sub(1), "every step but the first makes a file");

        let resumed = create(&directory, "token-2");
        let all = files(&directory);
        assert_eq!(all.len(), 4, "after {steps} steps");
        assert!(made.iter().all(|file| all.contains(file)), "after {steps} steps");
        let granted = if steps >= 4 { "token-1" } else { "token-2" };
        assert_eq!(resumed.admin_token, granted, "after {steps} steps");
        drop(resumed);
        assert!(Identity::open(&directory).is_ok(), "after {steps} steps");
    }
}

#[test]
fn a_crash_within_each_step_leaves_a_temporary_file_that_is_replaced() {
    let names = [LEDGER_FILE, KEY_FILE, ADMIN_TOKEN_FILE, SIGNED_HEADS_FILE];
    for (done, name) in (1..).zip(names) {
        let (_place, directory) = place();
        for step in &STEPS[..done] {
            step(&directory, &new("token-1")).unwrap();
        }
        fs::write(directory.join(format!(".{name}.tmp")), "hal").unwrap();
        create(&directory, "token-1");
        assert_eq!(files(&directory).len(), 4, "within the making of {name}");
        let mode = fs::metadata(directory.join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_whole_identity_is_taken_up_unchanged() {
    let (_place, directory) = place();
    drop(create(&directory, "token-1"));
    let made = files(&directory);
    let resumed = create(&directory, "token-2");
    assert_eq!(resumed.admin_token, "token-1");
    assert_eq!(files(&directory), made);
}

#[test]
fn the_admin_token_is_not_shown_by_debug() {
    let (_place, directory) = place();
    let first = create(&directory, "opensesame");
    let shown = format!("{first:?} {:?}", new("opensesame"));
    assert!(!shown.contains("opensesame"), "{shown}");
}

#[test]
fn the_caller_may_choose_ledger_and_origin() {
    let (_place, directory) = place();
    let origin: KeyName = "ledger.example:8080/log".parse().unwrap();
    let asked = NewIdentity { ledger: Some(LEDGER), origin: Some(origin.clone()), ..new("t") };
    let first = Identity::create_or_resume(&directory, &asked).unwrap();
    assert_eq!((first.identity.ledger(), first.identity.origin()), (LEDGER, &origin));
}

#[test]
fn an_identity_of_another_ledger_or_origin_is_not_taken_up() {
    let (_place, directory) = place();
    drop(create(&directory, "t"));
    let other_ledger = NewIdentity { ledger: Some(LEDGER), ..new("t") };
    let refused = Identity::create_or_resume(&directory, &other_ledger);
    assert!(matches!(refused, Err(CreateIdentityError::OtherLedger { asked: LEDGER, .. })), "{refused:?}");
    let other_origin = NewIdentity { origin: Some("other.example/log".parse().unwrap()), ..new("t") };
    let refused = Identity::create_or_resume(&directory, &other_origin);
    assert!(matches!(refused, Err(CreateIdentityError::OtherOrigin { .. })), "{refused:?}");
}

#[test]
fn an_identity_that_has_signed_events_refuses_an_empty_journal() {
    let (_place, directory) = place();
    let mut identity = create(&directory, "t").identity;
    let head = TreeHead::new(7, crate::leaf_hash(b"")).unwrap();
    identity.sign_head(head).unwrap();
    drop(identity);
    let refused = Identity::create_or_resume(&directory, &new("t"));
    assert!(matches!(refused, Err(CreateIdentityError::AlreadyOpened { events: 7, .. })), "{refused:?}");
}

#[test]
fn an_identity_that_has_opened_its_ledger_opens_no_other() {
    let (_place, directory) = place();
    create(&directory, "t").identity.mark_opened(TreeHead::empty()).unwrap();
    let refused = Identity::create_or_resume(&directory, &new("t"));
    assert!(matches!(refused, Err(CreateIdentityError::AlreadyOpened { events: 1, .. })), "{refused:?}");
    let head = TreeHead::new(7, crate::leaf_hash(b"")).unwrap();
    Identity::open(&directory).unwrap().mark_opened(head).unwrap();
    let refused = Identity::create_or_resume(&directory, &new("t")).unwrap_err();
    assert!(refused.to_string().contains("had 7 events at least, and there are none here"), "{refused}");
}

#[test]
fn a_lost_key_or_ledger_is_not_made_anew() {
    for lost in [KEY_FILE, LEDGER_FILE] {
        let (_place, directory) = place();
        drop(create(&directory, "t"));
        fs::remove_file(directory.join(lost)).unwrap();
        let refused = Identity::create_or_resume(&directory, &new("t"));
        assert!(matches!(refused, Err(CreateIdentityError::Lost { .. })), "{lost}: {refused:?}");
        assert!(!directory.join(lost).exists());
        let refused = Identity::open(&directory);
        assert!(matches!(refused, Err(OpenIdentityError::Missing { .. })), "{lost}: {refused:?}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_reported_with_its_path() {
    let (place, _) = place();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = Identity::create_or_resume(&file.join("identity"), &new("t")).unwrap_err();
    assert!(matches!(&refused, CreateIdentityError::Io { .. }), "{refused:?}");
    assert!(refused.to_string().contains("file/identity"), "{refused}");
}
