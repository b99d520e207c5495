//! Faults of the machine and of people at it: each ends in a clear message and a non-zero exit, in a 503, or in a silent repair
//! where the file is derived. Nothing acknowledged is lost, nothing is half-written.

use convenio_tests::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    folder,
    server::{self, Start},
    users::{listing, text},
};
use rusqlite::Connection;
use serde_json::Value;
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How long a fault may take to be answered.
const PATIENCE: Duration = Duration::from_secs(60);

/// An offer with a long text, so that a disk is soon full of them.
fn long_listing() -> Value {
    let mut data = listing(Uuid::new_v4(), "Oferta");
    data["text"]["summary"] = text("es", &"larga ".repeat(3_000));
    data
}

/// Publishes until that fails; gives what was acknowledged and what was not.
async fn publish_until_it_fails(user: &User, server: &mut Server) -> (Vec<Value>, (Uuid, Value)) {
    let mut told = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline, "the disk is full by now: {} were recorded", told.len());
        let (id, data) = (Uuid::new_v4(), long_listing());
        match user.try_ask(user.command(id, "publish-offer").json(&data)).await {
            Ok(reply) if reply.status == 201 => told.push(reply.body),
            Ok(reply) => {
                assert_eq!(reply.status, 503, "{}", reply.text);
                assert!(reply.headers.contains_key("retry-after"), "{:?}", reply.headers);
                return (told, (id, data));
            }
            // It ended at once, and then says why.
            Err(_) => {
                assert_eq!(server.wait().code(), Some(1));
                return (told, (id, data));
            }
        }
    }
}

/// After room was made: all that was acknowledged is there once, and what was open can be settled with its id.
async fn all_is_there(data: &Path, user: &User, told: &[Value], open: (Uuid, Value)) {
    let server = Server::start(data);
    user.at(&server).send_as(open.0, "publish-offer", &open.1).await.accepted();
    assert!(server.stop().success());
    let audit = Audit::of(data);
    let commands = audit.commands();
    for told in told {
        let id = told["command_id"].as_str().expect("an id");
        assert_eq!(commands[id][0].record["id"], told["events"][0]["id"]);
    }
    assert_eq!(commands[&open.0.to_string()].len(), 1);
    views_agree_with_a_fresh_rebuild(data).await;
}

fn succeeds(command: &str, arguments: &[&str]) -> bool {
    Command::new(command).args(arguments).output().is_ok_and(|output| output.status.success())
}

async fn until_refused(user: &User, path: &str, code: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = user.get(path).await;
        if reply.body["code"] == code {
            return reply.refused(503, code);
        }
        assert!(Instant::now() < deadline, "{path} does not say {code}: {}", reply.text);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_commands_are_refused_and_none_is_lost() {
    let folder = folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("made");
    let place = disk.to_str().expect("a plain path");
    if !succeeds("mount", &["-t", "tmpfs", "-o", "size=24m", "tmpfs", place]) {
        // Only root can mount: the limit on a file's size, which has a test of its own, stands for the disk.
        return;
    }
    let data = disk.join("data");
    let log = folder.path().join("log");
    let mut ledger = Ledger::new(Start::on(&data).log(&log).run().expect("it starts"));
    let user = ledger.organisation("Instituto", "PE").await;
    let (told, open) = publish_until_it_fails(&user, &mut ledger.server).await;
    assert!(told.len() > 50, "{} were recorded before the disk was full", told.len());
    // Reads go on; commands are refused before anything is decided, and everybody is told.
    let anybody = User::anonymous(&ledger.server);
    until_refused(&anybody, "/readyz?for=commands", "log-unwritable").await;
    // Not waiting for what was told last: a view may not have room for it either.
    anybody.ask(anybody.request(reqwest::Method::GET, "/api/v1/offers")).await.accepted();
    let alarm = ledger.admin.get("/api/v1/status").await.accepted()["log"]["alarm"].clone();
    assert!(alarm.as_str().is_some_and(|alarm| alarm.contains("full")), "{alarm}");
    let refused = user.send("publish-offer", &long_listing()).await;
    assert!(refused.headers.contains_key("retry-after"), "{:?}", refused.headers);
    refused.refused(503, "log-unwritable");
    let said = ledger.server.said();
    assert!(said.contains("full") || said.contains("No space"), "it says why: {said}");
    // There is room again, and nobody does anything else.
    assert!(succeeds("mount", &["-o", "remount,size=256m", place]));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = user.send("publish-offer", &long_listing()).await;
        if reply.status == 201 {
            break;
        }
        assert_eq!(reply.status, 503, "{}", reply.text);
        assert!(Instant::now() < deadline, "commands are taken again: {}", reply.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(ledger.server.stop().success());
    all_is_there(&data, &user, &told, open).await;
    assert!(succeeds("umount", &["-l", place]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_files_may_not_grow_commands_are_refused_and_none_is_lost() {
    let folder = folder();
    let data = folder.path().join("data");
    // In blocks of 512 bytes; without the signal, writing beyond it fails.
    let script = "trap '' XFSZ; ulimit -f 16384; exec \"$@\"";
    let start = Start::on(&data).through(&["sh", "-c", script, "sh"]);
    let mut ledger = Ledger::new(start.run().expect("it starts"));
    let user = ledger.organisation("Instituto", "PE").await;
    let (told, open) = publish_until_it_fails(&user, &mut ledger.server).await;
    assert!(told.len() > 50, "{} were recorded before the limit", told.len());
    ledger.server.kill();
    all_is_there(&data, &user, &told, open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_ends_the_start() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Server::start(&data).stop().success());
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("set");
    assert!(succeeds("chmod", &["-R", "a-w", data.to_str().expect("plain")]));
    let identity = folder.path().join("data-identity");
    let nobody = succeeds("sh", &["-c", "test $(id -u) = 0"]);
    let mut start = Start::on(&data);
    let copy = folder.path().join("convenio");
    if nobody {
        // Permissions do not bind root: the program runs as nobody.
        fs::copy(convenio_tests::program(), &copy).expect("copied");
        assert!(succeeds("chown", &["-R", "65534:65534", identity.to_str().expect("plain")]));
        let wrapper = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        start = start.through(&wrapper).program(&copy);
    }
    let failure = start.run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(
        failure.said.contains("data") && failure.said.to_lowercase().contains("permission denied"),
        "{}",
        failure.said
    );
    assert!(succeeds("chmod", &["-R", "u+w", data.to_str().expect("plain")]));
    Audit::of(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_data_is_refused_and_the_first_goes_on() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let failure = Start::on(&data).run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(failure.said.contains("another process"), "{}", failure.said);
    // With a copy of the identity it gets as far as the fence.
    let copy = folder.path().join("copy");
    let identity = ledger.server.identity();
    assert!(succeeds("cp", &["-a", identity.to_str().expect("plain"), copy.to_str().expect("plain")]));
    let again = Start::on(&data).with("--identity").with(copy.to_str().expect("plain"));
    let failure = again.run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    let offline = ["grant", "--organisation", "00000000-0000-4000-8000-000000000000", "--role", "admin", "--data"];
    let offline = server::run(offline.iter().map(|&word| word.to_owned()).chain([data.display().to_string()]));
    assert_eq!(offline.status.code(), Some(1));
    ledger.organisation("Instituto", "PE").await;
    assert!(ledger.server.stop().success());
    Audit::of(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_writes_in_a_sqlite_shell_delays_commands_and_loses_none() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let user = ledger.organisation("Instituto", "PE").await;
    let shell = Connection::open(data.join("journal.db")).expect("anyone can open it");
    shell.execute_batch("BEGIN IMMEDIATE").expect("the lock is free between two commits");
    let (id, offer) = (Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
    let reply = user.send_as(id, "publish-offer", &offer).await;
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert!(reply.headers.contains_key("retry-after"));
    user.get("/api/v1/offers").await.accepted();
    shell.execute_batch("ROLLBACK").expect("ended");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let reply = user.send_as(id, "publish-offer", &offer).await;
        if reply.status != 503 {
            reply.accepted();
            break;
        }
        assert!(Instant::now() < deadline, "commands are taken again: {}", reply.text);
    }
    assert!(ledger.server.stop().success());
    let audit = Audit::of(&data);
    assert_eq!(audit.commands()[&id.to_string()].len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_reads_in_a_sqlite_shell_disturbs_nobody() {
    let folder = folder();
    let data = folder.path().join("data");
    let ledger = Ledger::new(Server::start(&data));
    let user = ledger.organisation("Instituto", "PE").await;
    let shell = Connection::open(data.join("journal.db")).expect("anyone can open it");
    shell.execute_batch("BEGIN").expect("begun");
    let count = || shell.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).expect("it can be read");
    let before = count();
    for _ in 0..100 {
        user.send("publish-offer", &long_listing()).await.accepted();
    }
    assert_eq!(count(), before, "a read transaction sees one moment");
    assert!(ledger.server.stop().success());
    drop(shell);
    Audit::of(&data);
}

/// A ledger with a journal of many pages, stopped.
async fn filled(data: &Path) -> (User, Vec<(Uuid, Value)>) {
    let ledger = Ledger::new(Server::start(data));
    let user = ledger.organisation("Instituto", "PE").await;
    let mut sent = Vec::new();
    for _ in 0..60 {
        let (id, offer) = (Uuid::new_v4(), long_listing());
        user.send_as(id, "publish-offer", &offer).await.accepted();
        sent.push((id, offer));
    }
    assert!(ledger.server.stop().success());
    (user, sent)
}

fn remove_derived(data: &Path) {
    for file in derived_files(data) {
        let gone = if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file) };
        gone.expect("derived files can be deleted");
    }
}

fn derived_files(data: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(data).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.filter(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("journal"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_of_the_journal_is_noticed_and_nothing_is_made_of_it() {
    let folder = folder();
    let data = folder.path().join("data");
    filled(&data).await;
    let journal = data.join("journal.db");
    // What is still in the WAL would hide the page.
    let shell = Connection::open(&journal).expect("opened");
    shell.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).expect("nobody else has it open");
    drop(shell);
    let mut bytes = fs::read(&journal).expect("read");
    let middle = bytes.len() / 2 / 8_192 * 8_192;
    bytes[middle..middle + 8_192].fill(0xA5);
    fs::write(&journal, bytes).expect("written");
    let doctor = server::run(["doctor", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("plain")]);
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert_eq!(doctor.status.code(), Some(1), "{said}");
    assert!(said.contains("damaged") && said.contains("backup"), "{said}");
    remove_derived(&data);
    let failure = Start::on(&data).run().expect_err("what cannot be read cannot be folded");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(failure.said.contains("damaged") || failure.said.contains("malformed"), "{}", failure.said);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_from_a_newer_version_is_left_alone() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Server::start(&data).stop().success());
    let journal = Connection::open(data.join("journal.db")).expect("opened");
    journal.pragma_update(None, "user_version", 99).expect("set");
    drop(journal);
    let before = fs::read(data.join("journal.db")).expect("read");
    let failure = Start::on(&data).run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(failure.said.contains("99") && failure.said.contains("newer program"), "{}", failure.said);
    assert_eq!(fs::read(data.join("journal.db")).expect("read"), before);
    let doctor = server::run(["doctor", "--listen", "127.0.0.1:0", "--data", data.to_str().expect("plain")]);
    assert_eq!(doctor.status.code(), Some(1), "{}", String::from_utf8_lossy(&doctor.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn derived_files_that_are_gone_wrong_or_old_are_made_anew() {
    let folder = folder();
    let data = folder.path().join("data");
    let (user, mut sent) = filled(&data).await;
    let old = folder.path().join("old");
    assert!(succeeds("cp", &["-a", data.to_str().expect("plain"), old.to_str().expect("plain")]));
    let other = folder.path().join("other");
    filled(&other).await;
    let replace = |from: &Path| {
        remove_derived(&data);
        for file in derived_files(from) {
            assert!(succeeds("cp", &["-a", file.to_str().expect("plain"), data.to_str().expect("plain")]));
        }
    };
    let garbage = || {
        for entry in walk(&data).into_iter().filter(|path| !path.to_string_lossy().contains("journal")) {
            fs::write(entry, "neither a database nor a manifest").expect("written");
        }
    };
    let faults: [(&str, &dyn Fn()); 4] = [
        ("deleted", &|| remove_derived(&data)),
        ("garbage", &garbage),
        ("older", &|| replace(&old)),
        ("of another ledger", &|| replace(&other)),
    ];
    for (fault, make) in faults {
        make();
        let server = Start::on(&data).run().unwrap_or_else(|failure| panic!("{fault}: {}", failure.said));
        let user = user.at(&server);
        // The snapshot knows the grant and every record, the index every command, the views every offer.
        let (id, offer) = (Uuid::new_v4(), long_listing());
        let published = user.send_as(id, "publish-offer", &offer).await.accepted();
        sent.push((id, offer));
        for (id, offer) in sent.iter().step_by(7) {
            let replay = user.send_as(*id, "publish-offer", offer).await;
            assert_eq!(replay.status, 200, "{fault}: {}", replay.text);
        }
        let list = user.get(&format!("/api/v1/offers?limit=200&wait_for={}", published["sequence"])).await.accepted();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(sent.len()), "{fault}");
        assert!(server.stop().success(), "{fault}");
        views_agree_with_a_fresh_rebuild(&data).await;
    }
    Audit::of(&data);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_without_its_identity_is_not_served() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let identity = server.identity();
    assert!(server.stop().success());
    fs::rename(&identity, folder.path().join("elsewhere")).expect("renamed");
    let failure = Start::on(&data).run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(failure.said.contains("--identity"), "{}", failure.said);
    assert!(!identity.exists(), "no new key is made for an old ledger");
}
