//! The sample through the real program: it plays, is marked, is taken up again after kill -9, and plays once.

use convenio_tests::{Audit, Server, User, audit::views_agree_with_a_fresh_rebuild, folder, server::Start};
use serde_json::Value;

const PLAYED: &str = "The sample is recorded";
const REVOKED: &str = "org.convenio.access.revoked.v1";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_plays_and_what_came_from_it_is_marked() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Start::on(&data).with("--sample").run().expect("it starts");
    assert!(server.wait_for_line(PLAYED));
    let reader = User::anonymous(&server);
    let head = reader.get("/api/v1/status").await.accepted()["head_sequence"].as_u64().expect("a head");
    for (collection, at_least) in
        [("organisations", 15), ("offers", 15), ("demands", 10), ("learnings", 10), ("convenings", 4)]
    {
        let list = reader.get(&format!("/api/v1/{collection}?limit=200&wait_for={head}")).await.accepted();
        let items = list["items"].as_array().expect("items");
        assert!(items.len() >= at_least, "{collection}: {}", items.len());
        assert!(items.iter().all(|item| item["sample"] == true), "every one of the {collection} is marked");
    }
    for (searched, found) in [("vacunacion", "vacuna"), ("formacoes", "forma")] {
        let list = reader.get(&format!("/api/v1/offers?q={searched}")).await.accepted();
        let text = list.to_string().to_lowercase();
        assert!(text.contains(found), "{searched}: {text}");
    }
    let page = reader.get("/es").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(server.stop().success());
    let audit = Audit::of(&data);
    let last = audit.events.last().expect("events");
    assert_eq!((&last.record["type"], &last.record["facts"]["cause"]), (&REVOKED.into(), &"sample-recorded".into()));
    assert_eq!(last.sequence, head);
    views_agree_with_a_fresh_rebuild(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_that_was_killed_goes_on_with_the_same_ids_and_then_rests() {
    let folder = folder();
    let data = folder.path().join("data");
    let start = Start::on(&data).with("--sample");
    let mut kills = 0;
    for wanted in [20, 60, 110, 160, 10_000] {
        let server = start.run().expect("it starts, also after a kill");
        let reader = User::anonymous(&server);
        let is_played = || server.printed().iter().any(|line| line.contains(PLAYED));
        while !is_played() && head(&reader).await < wanted {}
        if is_played() {
            break;
        }
        server.kill();
        kills += 1;
    }
    assert!(kills >= 3, "it was killed in the middle, {kills} times");
    let server = start.run().expect("it starts");
    let reader = User::anonymous(&server);
    while !reader_sees_the_end(&reader).await {}
    assert!(server.stop().success());
    let once = Audit::of(&data);
    // A ledger that nobody interrupted has the same commands, each with as many events.
    let other = folder.path().join("other");
    let server = Start::on(&other).with("--sample").run().expect("it starts");
    assert!(server.wait_for_line(PLAYED));
    assert!(server.stop().success());
    let uninterrupted = Audit::of(&other);
    assert_eq!(shape(&once), shape(&uninterrupted));
    // Both a plain start and one with the flag leave it as it is.
    for start in [Start::on(&data), start] {
        let server = start.run().expect("it starts");
        assert_eq!(head(&User::anonymous(&server)).await, once.events.len() as u64 - 1);
        assert!(!server.printed().iter().any(|line| line.contains("A new ledger")));
        assert!(server.stop().success());
    }
    assert_eq!(Audit::of(&data).root, once.root);
    views_agree_with_a_fresh_rebuild(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_start_records_nothing() {
    let folder = folder();
    let server = Server::start(&folder.path().join("data"));
    assert_eq!(head(&User::anonymous(&server)).await, 1, "the opening and the first grant");
}

async fn head(reader: &User) -> u64 {
    reader.get("/api/v1/status").await.accepted()["head_sequence"].as_u64().expect("a head")
}

async fn reader_sees_the_end(reader: &User) -> bool {
    let head = head(reader).await;
    let event = reader.get(&format!("/api/v1/events/{head}")).await;
    // The last event is restricted: anybody sees that it is there, and what came of the sample's last public one.
    event.status == 200 && event.body["event"]["type"] == "org.convenio.withheld.v1" && head > 200
}

/// What was recorded, without what differs from ledger to ledger: ids drawn at random, times, and the ledger's own events.
fn shape(audit: &Audit) -> Vec<(Value, Value)> {
    let events = audit.events.iter().filter(|event| event.record["actor"] != "system/clock");
    let scoped = |event: &&convenio_tests::audit::Stored| {
        event.record["actor"].as_str().is_some_and(|actor| actor.starts_with("organisation/"))
    };
    events.filter(scoped).map(|event| (event.record["commandid"].clone(), event.record["type"].clone())).collect()
}
