//! What goes wrong: events that cannot be folded, files that are not what they should be, swaps under readers, cancelling.

mod support;

use convenio_events::{
    OrganisationId, RecordKind, Sequence, Subject,
    codes::Visibility,
    entry::Audience,
    log::EventLog as _,
    types::{access, listing, organisation},
};
use convenio_projections::{
    Activity, QueryError, ReaderIdentity, RebuildError, RebuildProgress, ViewName, Views,
    collection::{ListQuery, list},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use support::{
    Ledger, by, dump_all, id, settle, start,
    story::{Story, organisation_facts, organisation_text, text},
};

async fn told(seed: u64, events: u64) -> Ledger {
    let mut ledger = Ledger::open(1).await;
    Story::new(seed).tell(&mut ledger, events);
    ledger.commit().await;
    ledger
}

fn register(ledger: &mut Ledger, number: u128) {
    let new: OrganisationId = id(number);
    let kind = convenio_events::codes::OrganisationKind::Ngo;
    let facts = organisation_facts(kind, organisation::Standing::Holder, Visibility::Public);
    ledger.put(new, by(new), Audience::Public, facts, Some(organisation_text(text("en", "Somebody"))));
}

async fn until_stopped(views: &Views, view: ViewName) -> (Sequence, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = views.statuses().into_iter().find(|status| status.view == view).expect("every view has a status");
        if let Activity::Stopped { sequence, message } = status.activity {
            return (sequence, message);
        }
        assert!(Instant::now() < deadline, "{view} goes on");
        tokio::task::yield_now().await;
    }
}

async fn until_state(views: &Views, view: ViewName, wanted: impl Fn(&Activity) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = views.statuses().into_iter().find(|status| status.view == view).expect("every view has a status");
        if wanted(&status.activity) {
            return;
        }
        assert!(Instant::now() < deadline, "{view} is {:?}", status.activity);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_whose_file_is_locked_goes_on_when_it_is_free_and_holds_up_no_other() {
    let mut ledger = told(1, 200).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 64).await;
    until_state(&views, ViewName::Board, |activity| *activity == Activity::Live).await;
    let mut files = std::fs::read_dir(folder.path()).expect("files").filter_map(|entry| Some(entry.ok()?.path()));
    let is_board = |path: &std::path::PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("board") && name.ends_with(".db")
    };
    let file = files.find(is_board).expect("the board has a file");
    let shell = rusqlite::Connection::open(file).expect("anybody can open it");
    shell.execute_batch("BEGIN IMMEDIATE").expect("nobody writes just now");
    for number in 500..520 {
        register(&mut ledger, number);
        ledger.commit().await;
    }
    until_state(&views, ViewName::Board, |activity| matches!(activity, Activity::Blocked { .. })).await;
    let head = *ledger.log.head().borrow();
    let mut history = views.position(ViewName::History);
    tokio::time::timeout(Duration::from_secs(5), history.wait_for(|position| *position >= head))
        .await
        .expect("the others go on")
        .expect("the views are open");
    shell.execute_batch("ROLLBACK").expect("the lock is given up");
    until_state(&views, ViewName::Board, |activity| *activity == Activity::Live).await;
    assert_eq!(*views.position(ViewName::Board).borrow(), head, "everything is in");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_records_waits_while_the_views_are_far_behind() {
    const EVENTS: u64 = 60_000;
    let mut ledger = told(1, 200).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    until_state(&views, ViewName::History, |activity| *activity == Activity::Live).await;
    views.keep_pace().await;
    let grant: convenio_events::AccessId = id(78);
    let before = *ledger.log.head().borrow();
    for _ in 0..EVENTS {
        let cause = access::RevocationCause::Revoked;
        ledger.put(grant, by(id(1)), Audience::Restricted, access::Revoked { cause }, None);
    }
    ledger.commit().await;
    let mut history = views.position(ViewName::History);
    history.wait_for(|position| *position > before).await.expect("it moves");
    let lag = || views.status(ViewName::History).lag;
    assert!(lag() > 50_000, "there is something to wait for");
    views.keep_pace().await;
    assert!(lag() <= 50_000, "it waited: {}", lag());
    assert!(lag() > 0, "it waited no longer than that");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_folded_stops_the_views_it_concerns_and_no_other() {
    let mut ledger = told(1, 200).await;
    // An offer that is paused before it was published, and a grant that is revoked before it was given.
    let nowhere = Subject::new(RecordKind::Offer, id::<()>(77).uuid());
    let poison = ledger.put(nowhere, by(id(1)), Audience::Public, listing::Paused {}, None);
    let cause = access::RevocationCause::Revoked;
    let grant: convenio_events::AccessId = id(78);
    let second = ledger.put(grant, by(id(1)), Audience::Restricted, access::Revoked { cause }, None);
    register(&mut ledger, 79);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 64).await;
    for view in [ViewName::Board, ViewName::History] {
        let (sequence, message) = until_stopped(&views, view).await;
        assert_eq!(sequence, poison);
        assert!(message.contains(view.word()) && message.contains(&poison.to_string()), "{message}");
        assert!(message.contains("does not begin with"), "{message}");
        assert_eq!(*views.position(view).borrow(), poison, "all before it is in");
    }
    assert_eq!(until_stopped(&views, ViewName::Access).await.0, second);
    let others =
        [ViewName::Organisations, ViewName::Agreements, ViewName::Learnings, ViewName::Convenings, ViewName::Activity];
    views.wait_for(&others, ledger.head(), Duration::from_secs(20)).await.expect("the others go on");
    let reader = views.read(ViewName::Board).expect("what was folded can be read");
    let page = list(&reader, &ReaderIdentity::default(), &ListQuery::new(RecordKind::Offer)).expect("answers");
    assert_eq!((page.position, page.items.is_empty()), (poison, false));
    drop(reader);
    let end = views.rebuild(ViewName::Board).expect("may be tried").finished().await;
    assert!(matches!(&end, RebuildProgress::Failed { message } if message.contains("event")), "{end:?}");
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_an_event_of_an_unknown_type_every_view_stops_and_says_so() {
    let mut ledger = told(2, 100).await;
    register(&mut ledger, 5);
    ledger.spoil("organisation.registered.v1", "organisation.registered.v9");
    let unknown = Sequence(ledger.head().0 - 1);
    register(&mut ledger, 6);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 64).await;
    for view in ViewName::ALL {
        let (sequence, message) = until_stopped(&views, view).await;
        assert_eq!((sequence, *views.position(view).borrow()), (unknown, unknown));
        assert!(message.contains("registered.v9"), "{message}");
    }
    views.shutdown().await;
}

fn live_file(folder: &Path, view: ViewName) -> std::path::PathBuf {
    let manifest = std::fs::read_to_string(folder.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    folder.join(manifest[view.word()].as_str().expect("a file"))
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_not_what_they_should_be_are_made_anew() {
    let ledger = told(3, 300).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let right = dump_all(&views);
    views.shutdown().await;
    type Spoil = (&'static str, fn(&Path));
    let spoils: [Spoil; 6] = [
        ("no database", |file| {
            std::fs::write(file, b"not a database at all, but long enough to be read").expect("written")
        }),
        ("gone", |file| std::fs::remove_file(file).expect("removed")),
        ("another version", |file| set(file, "UPDATE meta SET value = 999 WHERE key = 'version'")),
        ("ahead of the log", |file| set(file, "UPDATE meta SET value = 1000000 WHERE key = 'position'")),
        ("another ledger", |file| set(file, "UPDATE meta SET value = 'x' WHERE key = 'first_entry'")),
        ("the machine stopped", |file| {
            set(
                file,
                "UPDATE meta SET value = CASE key WHEN 'closed' THEN 0 ELSE 'then' END WHERE key IN ('closed', 'boot')",
            )
        }),
    ];
    for (name, spoil) in spoils {
        spoil(&live_file(folder.path(), ViewName::Board));
        let leftover = folder.path().join("board-v1-99.db");
        std::fs::write(&leftover, b"half-built").expect("written");
        let views = start(folder.path(), &ledger.log, 100).await;
        settle(&views, ledger.head()).await;
        assert_eq!(dump_all(&views), right, "{name}");
        assert!(!leftover.exists(), "{name}: what was left over is gone");
        views.shutdown().await;
    }
    std::fs::write(folder.path().join("manifest.json"), b"{").expect("written");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    assert_eq!(dump_all(&views), right, "a manifest that cannot be read");
    views.shutdown().await;
    let other = Ledger::open(2).await;
    drop(other);
    let mut other = Ledger::open(2).await;
    register(&mut other, 1);
    other.commit().await;
    let views = start(folder.path(), &other.log, 100).await;
    settle(&views, other.head()).await;
    assert_ne!(dump_all(&views), right);
    views.shutdown().await;
}

/// Changes a file in a way that its checksums do not tell.
fn set(file: &Path, sql: &str) {
    rusqlite::Connection::open(file).expect("opens").execute_batch(sql).expect("changes");
    convenio_pages::Sums::seal(file).expect("it is sealed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_checksums_are_right_and_whose_rows_are_not_is_made_anew_once_somebody_reads_them() {
    let ledger = told(4, 500).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let right = dump_all(&views);
    views.shutdown().await;
    set(&live_file(folder.path(), ViewName::Board), "UPDATE current SET full = 'x', shown = 'x'");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    assert_ne!(dump_all(&views), right);
    let admin = ReaderIdentity { admin_or_auditor: true, member: true, ..Default::default() };
    let asked = ListQuery::new(RecordKind::Offer);
    let read = list(&views.read(ViewName::Board).expect("reads"), &admin, &asked);
    assert!(read.as_ref().is_err_and(QueryError::is_damage), "{read:?}");
    views.suspect(ViewName::Board);
    let deadline = Instant::now() + Duration::from_secs(60);
    while views.status(ViewName::Board).damages == 0 {
        assert!(Instant::now() < deadline, "it is made anew");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    settle(&views, ledger.head()).await;
    assert_eq!(dump_all(&views), right);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_disturbs_no_reader_and_removes_the_old_file_after_the_last() {
    let ledger = told(4, 500).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let (before, old) = (views.dump(ViewName::Board).expect("reads"), live_file(folder.path(), ViewName::Board));
    let reader = views.read(ViewName::Board).expect("reads");
    let rebuild = views.rebuild(ViewName::Board).expect("nothing under way");
    assert_eq!(views.rebuild(ViewName::Board).err(), Some(RebuildError::UnderWay(ViewName::Board)));
    assert!(matches!(rebuild.finished().await, RebuildProgress::Done { .. }));
    assert_ne!(live_file(folder.path(), ViewName::Board), old, "another file is live");
    let page = list(&reader, &ReaderIdentity::default(), &ListQuery::new(RecordKind::Offer)).expect("still answers");
    assert!(!page.items.is_empty() && old.exists());
    drop(reader);
    assert!(!old.exists(), "the old file goes with its last reader");
    assert_eq!(views.dump(ViewName::Board).expect("reads"), before);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_rebuild_leaves_nothing_behind() {
    let ledger = told(5, 30_000).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    settle(&views, ledger.head()).await;
    let files = || {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).expect("folder").flatten().map(|entry| entry.file_name()).collect();
        names.retain(|name| name.to_string_lossy().ends_with(".db"));
        names.sort();
        names
    };
    let before = files();
    let rebuild = views.rebuild(ViewName::Activity).expect("nothing under way");
    rebuild.cancel();
    assert_eq!(rebuild.finished().await, RebuildProgress::Cancelled);
    assert_eq!(files(), before);
    assert!(views.read(ViewName::Activity).is_ok());
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_goes_on_while_it_is_rebuilt() {
    let mut ledger = told(6, 5_000).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 500).await;
    settle(&views, ledger.head()).await;
    let mut story = Story::new(61);
    let rebuild = views.rebuild(ViewName::Agreements).expect("nothing under way");
    for _ in 0..50 {
        let until = ledger.head().0 + 20;
        story.tell(&mut ledger, until);
        ledger.commit().await;
        settle(&views, ledger.head()).await;
    }
    assert!(matches!(rebuild.finished().await, RebuildProgress::Done { .. }));
    settle(&views, ledger.head()).await;
    let live = views.dump(ViewName::Agreements).expect("reads");
    let other = tempfile::tempdir().expect("folder");
    let fresh = start(other.path(), &ledger.log, 10_000).await;
    settle(&fresh, ledger.head()).await;
    assert_eq!(fresh.dump(ViewName::Agreements).expect("reads"), live);
    let alive = views.statuses();
    assert!(alive.iter().all(|status| status.is_alive() && status.lag == 0), "{alive:?}");
    fresh.shutdown().await;
    views.shutdown().await;
    assert!(views.statuses().iter().all(|status| status.activity == Activity::Closed && !status.is_alive()));
    assert_eq!(views.rebuild(ViewName::Board).err(), Some(RebuildError::Closed));
}
