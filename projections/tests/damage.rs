//! Bytes that flip in the views' files, and logs that are swapped under them: what is served is what the log says, always. What
//! SQLite itself notices is tested with the other faults.

mod support;

use convenio_projections::{ViewName, Views};
use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use support::{Ledger, dump_all, settle, start, story::Story};

async fn told(seed: u64, events: u64) -> Ledger {
    let mut ledger = Ledger::open(1).await;
    Story::new(seed).tell(&mut ledger, events);
    ledger.commit().await;
    ledger
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).expect("a folder").flatten().map(|file| file.path());
    // What SQLite shares in memory is made anew at each start.
    let mut files: Vec<_> = files.filter(|file| !file.to_string_lossy().ends_with("-shm")).collect();
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("it is copied");
    }
}

fn flip(file: &Path, at: usize) {
    let file = fs::File::options().read(true).write(true).open(file).expect("it opens");
    let (mut byte, at) = ([0], at as u64);
    file.read_exact_at(&mut byte, at).expect("it reads");
    file.write_all_at(&[byte[0] ^ 0x04], at).expect("it is written");
}

fn damages(views: &Views) -> u64 {
    views.statuses().iter().map(|status| status.damages).sum()
}

/// Flips bytes all over the files, one at a time, and starts on each.
async fn check_flips(ledger: &Ledger, whole: &Path, right: &[(ViewName, Vec<(String, String)>)], flips: usize) {
    let (mut found, mut tried) = (0, 0);
    for file in files(whole) {
        let name = file.file_name().expect("a name");
        let length = usize::try_from(fs::metadata(&file).expect("it is there").len()).expect("small");
        for at in (0..length).step_by((length / flips).max(1)) {
            let folder = tempfile::tempdir().expect("folder");
            copy(whole, folder.path());
            flip(&folder.path().join(name), at);
            let views = start(folder.path(), &ledger.log, 400).await;
            settle(&views, ledger.head()).await;
            for (now, right) in dump_all(&views).iter().zip(right) {
                assert!(now == right, "{name:?}, byte {at}: {} shows something else", now.0);
            }
            found += damages(&views);
            tried += 1;
            views.shutdown().await;
        }
    }
    assert!(found > tried / 4, "{found} of {tried} were told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_flips_between_two_runs_is_harmless_or_the_view_is_made_anew() {
    let ledger = told(3, 200).await;
    let (closed, killed) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let views = start(closed.path(), &ledger.log, 50).await;
    settle(&views, ledger.head()).await;
    let right = dump_all(&views);
    // As a process leaves them that is killed.
    copy(closed.path(), killed.path());
    views.shutdown().await;
    check_flips(&ledger, closed.path(), &right, 2).await;
    check_flips(&ledger, killed.path(), &right, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_flips_while_views_are_read_is_found_within_seconds_and_told() {
    let ledger = told(5, 400).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 50).await;
    settle(&views, ledger.head()).await;
    let right = dump_all(&views);
    let manifest = fs::read_to_string(folder.path().join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let wait = async |what: &str, over: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !over() {
            assert!(Instant::now() < deadline, "{what}: {:?}", views.statuses());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    for view in [ViewName::Board, ViewName::Access, ViewName::History] {
        let file = folder.path().join(manifest[view.word()].as_str().expect("a file"));
        let length = || usize::try_from(fs::metadata(&file).expect("it is there").len()).expect("small");
        // Until it is moved, it is in the WAL and not in the file.
        wait("what was written is moved", &|| length() > 40_000).await;
        let before = damages(&views);
        flip(&file, length() / 2);
        wait("it is found", &|| damages(&views) > before).await;
        settle(&views, ledger.head()).await;
        assert!(dump_all(&views) == right, "{view} shows something else");
    }
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_deleted_or_replaced_while_views_are_read_are_made_anew() {
    let (mut ledger, mut story) = (Ledger::open(1).await, Story::new(6));
    story.tell(&mut ledger, 300);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let (views, earlier) = (folder.path().join("views"), tempfile::tempdir().expect("folder"));
    let first = start(&views, &ledger.log, 50).await;
    settle(&first, ledger.head()).await;
    first.shutdown().await;
    copy(&views, earlier.path());
    story.tell(&mut ledger, 500);
    ledger.commit().await;
    let running = start(&views, &ledger.log, 50).await;
    settle(&running, ledger.head()).await;
    let right = dump_all(&running);
    let all = ViewName::ALL.len() as u64;
    let one = |suffix: &str| {
        let of_board =
            |file: &PathBuf| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("board"));
        files(&views).into_iter().find(|file| of_board(file) && file.to_string_lossy().ends_with(suffix))
    };
    let mut expected = 0;
    for fault in
        ["the folder is deleted", "a file is deleted", "another file takes its place", "the folder is moved away"]
    {
        let before = damages(&running);
        expected += match fault {
            "the folder is deleted" => {
                fs::remove_dir_all(&views).expect("deleted");
                all
            }
            "a file is deleted" => {
                fs::remove_file(one(".db").expect("a file")).expect("deleted");
                1
            }
            "another file takes its place" => {
                let old = files(earlier.path()).into_iter().find(|file| file.to_string_lossy().contains("board"));
                fs::copy(old.expect("a file"), views.join("other")).expect("copied");
                fs::rename(views.join("other"), one(".db").expect("a file")).expect("renamed");
                1
            }
            _ => {
                fs::rename(&views, folder.path().join("away")).expect("renamed");
                all
            }
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        while damages(&running) < before.max(expected) {
            assert!(Instant::now() < deadline, "{fault}: {:?}", running.statuses());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        settle(&running, ledger.head()).await;
        assert!(dump_all(&running) == right, "{fault}: something else is shown");
    }
    running.shutdown().await;
    // What was made anew is what the next start goes on with.
    let again = start(&views, &ledger.log, 50).await;
    settle(&again, ledger.head()).await;
    assert!(dump_all(&again) == right && damages(&again) == 0);
    again.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_a_log_that_was_swapped_for_another_of_the_same_ledger_are_made_anew() {
    let (one, mut other) = (told(3, 300).await, told(4, 300).await);
    Story::new(9).tell(&mut other, 400);
    other.commit().await;
    let (folder, fresh) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let views = start(folder.path(), &one.log, 100).await;
    settle(&views, one.head()).await;
    views.shutdown().await;
    let views = start(folder.path(), &other.log, 100).await;
    settle(&views, other.head()).await;
    let shown = dump_all(&views);
    views.shutdown().await;
    let views = start(fresh.path(), &other.log, 100).await;
    settle(&views, other.head()).await;
    assert!(dump_all(&views) == shown, "something of the other log is shown");
    views.shutdown().await;
}
