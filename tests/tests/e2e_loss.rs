//! A journal that has lost what was acknowledged: it is refused with the numbers, nothing is given out twice, and an identity opens
//! no second ledger. What is only derived may go.

use convenio_tests::{
    Audit, Ledger, Server, User, folder,
    server::{self, Start},
    users::listing,
};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use uuid::Uuid;

const FILES: [&str; 3] = ["journal.db", "journal.db-wal", "journal.db-shm"];

/// A ledger with some offers, killed: the last of them are in the WAL alone.
async fn killed(data: &Path) -> (User, u64) {
    let ledger = Ledger::new(Server::start(data));
    let user = ledger.organisation("Instituto", "PE").await;
    let mut last = 0;
    for _ in 0..20 {
        let told = user.send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
        last = told["sequence"].as_u64().expect("a sequence");
    }
    // The views have seen it, and with them what may show a loss.
    user.get(&format!("/api/v1/offers?wait_for={last}")).await.accepted();
    ledger.server.kill();
    (user, last)
}

fn refused(data: &Path) -> String {
    let failure = Start::on(data).run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    failure.said
}

fn remove(data: &Path, files: &[&str]) {
    for file in files {
        let path = data.join(file);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        // Not every file is there in every state.
        let _ = gone;
    }
}

fn accept_loss(data: &Path, events: u64) -> Output {
    let data = data.to_str().expect("a plain path");
    server::run(["accept-loss", "--data", data, "--events", &events.to_string()])
}

fn events_in(data: &Path) -> u64 {
    let journal = rusqlite::Connection::open(data.join("journal.db")).expect("opened");
    journal.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).expect("counted").cast_unsigned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_lost_its_wal_is_refused_until_it_is_back() {
    let folder = folder();
    let data = folder.path().join("data");
    let (user, last) = killed(&data).await;
    let aside = folder.path().join("aside");
    fs::create_dir(&aside).expect("made");
    for file in &FILES[1..] {
        fs::rename(data.join(file), aside.join(file)).expect("the node was killed");
    }
    let said = refused(&data);
    let numbers = [format!("has seen {} of this ledger", last + 1), "acknowledged events are missing".to_owned()];
    assert!(numbers.iter().all(|part| said.contains(part)), "{said}");
    // It is no more than that: with the file back, all is there.
    remove(&data, &FILES[1..]);
    for file in &FILES[1..] {
        fs::copy(aside.join(file), data.join(file)).expect("copied");
    }
    let server = Server::start(&data);
    let told = user.at(&server).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
    assert!(told["sequence"].as_u64() > Some(last), "{told}");
    assert!(server.stop().success());
    Audit::of(&data);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_goes_on_only_on_the_operators_word_and_with_its_number() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(Server::start(&data).stop().success());
    let (kept, backup) = (events_in(&data), folder.path().join("backup.db"));
    fs::copy(data.join("journal.db"), &backup).expect("copied");
    let ledger = Ledger::new(Server::start(&data));
    ledger.organisation("Instituto", "PE").await;
    assert!(ledger.server.stop().success());
    let known = events_in(&data);
    remove(&data, &FILES);
    fs::copy(&backup, data.join("journal.db")).expect("restored");
    let said = refused(&data);
    assert!(said.contains(&format!("has {kept} events")) && said.contains("accept-loss"), "{said}");
    // The identity alone remembers it as well.
    remove(&data, &["index.db", "state.db", "views"]);
    let said = refused(&data);
    assert!(said.contains(&format!("{known} of this ledger")), "{said}");
    for wrong in [kept - 1, kept + 1] {
        let output = accept_loss(&data, wrong);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
    }
    refused(&data);
    let output = accept_loss(&data, kept);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ledger = Ledger::new(Server::start(&data));
    ledger.organisation("Fundación", "PE").await;
    assert!(ledger.server.stop().success());
    let audit = Audit::of(&data);
    assert_eq!(audit.events.len() as u64, known, "sequences beyond the loss were given out again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_whose_journal_is_gone_opens_no_second_ledger() {
    let folder = folder();
    let data = folder.path().join("data");
    let (_, last) = killed(&data).await;
    let all = [&FILES[..], &["index.db", "state.db", "views", "index.db-wal", "state.db-wal"]].concat();
    // With what was derived from it, and without; by an empty journal, and by none.
    let aside = folder.path().join("aside");
    assert!(std::process::Command::new("cp").arg("-a").args([&data, &aside]).status().expect("cp").success());
    for lost in [&FILES[..], &all[..]] {
        remove(&data, lost);
        let said = refused(&data);
        assert!(said.contains("an identity opens one ledger once"), "{said}");
        assert!(!data.join("journal.db").exists(), "nothing was made");
        rusqlite::Connection::open(data.join("journal.db")).expect("opened").execute_batch("VACUUM").expect("made");
        let said = refused(&data);
        assert!(said.to_lowercase().contains("an identity opens one ledger once"), "{said}");
    }
    // Without that word the signature under the first event says it.
    let identity = folder.path().join("data-identity");
    remove(&data, &all);
    fs::remove_file(identity.join("opened")).expect("it was there");
    for begun in ["none", "an empty one"] {
        let said = refused(&data);
        assert!(said.to_lowercase().contains("an identity opens one ledger once"), "{begun}: {said}");
        assert!(said.contains("had 1 events at least") || said.contains("has seen 1 of"), "{begun}: {said}");
        if begun == "none" {
            assert!(!data.join("journal.db").exists(), "nothing was made");
            rusqlite::Connection::open(data.join("journal.db")).expect("opened").execute_batch("VACUUM").expect("made");
        }
    }
    // An identity of an older program says nothing; what is derived from the log still does.
    remove(&data, &all);
    let heads = fs::read_to_string(identity.join("signed-heads")).expect("read");
    let first: String = heads.split_inclusive('\n').take(2).collect();
    assert!(first.len() < heads.len(), "the first event is signed: {heads}");
    fs::write(identity.join("signed-heads"), first).expect("written");
    assert!(std::process::Command::new("cp").arg("-a").arg(aside.join(".")).arg(&data).status().expect("cp").success());
    remove(&data, &FILES);
    let said = refused(&data);
    assert!(said.contains("has 0 events") && said.contains(&format!("{} of this ledger", last + 1)), "{said}");
    assert_eq!(accept_loss(&data, 0).status.code(), Some(1), "the whole ledger cannot be given up and begun anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_another_ledger_is_refused_before_anything_is_written() {
    let folder = folder();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    assert!(Server::start(&data).stop().success());
    assert!(Server::start(&other).stop().success());
    fs::copy(other.join("journal.db"), data.join("journal.db")).expect("copied");
    let before = fs::read(data.join("journal.db")).expect("read");
    let said = refused(&data);
    assert!(said.contains("the log is of"), "{said}");
    assert_eq!(fs::read(data.join("journal.db")).expect("read"), before);
}

/// Copies of one ledger that each went on by itself are of one length, and every event of both opens its entry: only the root tells.
#[tokio::test(flavor = "multi_thread")]
async fn another_history_of_the_same_ledger_is_not_shown() {
    let folder = folder();
    let (data, other) = (folder.path().join("data"), folder.path().join("other"));
    let (user, _) = killed(&data).await;
    for name in ["data", "data-identity"] {
        let to = folder.path().join(name.replace("data", "other"));
        let copied = Command::new("cp").arg("-a").arg(folder.path().join(name)).arg(to).status().expect("cp runs");
        assert!(copied.success());
    }
    for copy in [&data, &other] {
        let server = Server::start(copy);
        user.at(&server).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await.accepted();
        assert!(server.stop().success());
    }
    for file in FILES {
        // Some are gone once a node has stopped in order.
        let _ = fs::copy(other.join(file), data.join(file));
    }
    let said = refused(&data);
    assert!(said.contains("when this identity marked it"), "{said}");
    let server = Server::start(&other);
    assert!(server.stop().success(), "beside its own identity it is right");
}
