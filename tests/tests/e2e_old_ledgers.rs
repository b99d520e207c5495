//! A ledger that an earlier version of the program recorded (75f86d2, with its sample and one record hidden) is what it was: it opens
//! with every file as that version left it, folds, proves the same root, takes more, and is made anew from its journal alone. The
//! key of its identity is for this test.

use convenio_tests::{
    Audit, Server, User, audit::views_agree_with_a_fresh_rebuild, folder, server::Start, users::text,
};
use serde_json::{Value, json};
use std::{path::Path, process::Command};

/// What that version said of it, but for a denied agreement and a retracted learning, which it listed among the others.
const ROOT: &str = "K9Pa+MNZTMJmmlKgtunKS+PfvcncpFtyHP1s5gwZpb8=";
const EVENTS: u64 = 248;
const TOTALS: [(&str, u64); 6] =
    [("organisations", 30), ("offers", 19), ("demands", 16), ("agreements", 14), ("learnings", 10), ("convenings", 6)];

fn start(data: &Path) -> Server {
    let clock = data.with_extension("clock");
    std::fs::write(&clock, "2026-11-30T13:00:00Z").expect("written");
    Start::on(data).variable("CONVENIO_CLOCK", &format!("file:{}", clock.display())).run().expect("it starts")
}

async fn status(server: &Server) -> Value {
    User::anonymous(server).get("/api/v1/status").await.accepted()
}

async fn shows_what_it_showed(server: &Server) {
    let anybody = User::anonymous(server);
    for (collection, total) in TOTALS {
        let page = anybody.get(&format!("/api/v1/{collection}?limit=1&total=true")).await.accepted();
        assert_eq!(page["total"], total, "{collection}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_an_earlier_version_is_what_it_was() {
    let folder = folder();
    let packed = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ledger-75f86d2.tar.gz");
    let unpacked = Command::new("tar").args(["xzf", packed, "-C"]).arg(folder.path()).status().expect("tar runs");
    assert!(unpacked.success());
    let data = folder.path().join("data");
    let server = start(&data);
    let said = status(&server).await;
    assert_eq!((&said["tree"]["root"], &said["tree"]["size"]), (&json!(ROOT), &json!(EVENTS)));
    shows_what_it_showed(&server).await;
    let id = uuid::Uuid::new_v4();
    let profile = json!({"kind": "ngo", "place": "PE"});
    let more = json!({"id": id, "standing": "profile", "profile": profile, "text": {"name": text("es", "Otra")}});
    let admin = User::with_token(&server, &server.admin_token());
    admin.send("register-organisation", &more).await.accepted();
    server.kill();
    for file in ["index.db", "state.db"] {
        std::fs::remove_file(data.join(file)).expect("it is there");
    }
    std::fs::remove_dir_all(data.join("views")).expect("they are there");
    let server = start(&data);
    assert_eq!(status(&server).await["tree"]["size"], EVENTS + 1);
    let found = User::anonymous(&server).get(&format!("/api/v1/organisations/{id}")).await.accepted();
    assert_eq!(found["id"], id.to_string());
    assert!(server.stop().success());
    assert_eq!(Audit::of(&data).events.len() as u64, EVENTS + 1);
    views_agree_with_a_fresh_rebuild(&data).await;
}
