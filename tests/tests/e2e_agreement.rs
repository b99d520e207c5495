//! Two organisations find, agree on and carry out something, through the real program; and what was true last week can be
//! read this week.

use chrono::{Duration, SecondsFormat, Utc};
use convenio_tests::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    folder,
    server::Start,
    users::{agreement, listing, text},
};
use serde_json::{Value, json};
use std::path::Path;
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn two_organisations_draft_sign_and_carry_out_an_agreement() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto Ejemplo", "PE").await;
    let ministry = ledger.organisation("Ministerio Ejemplo", "BO").await;
    let (offer, id) = (Uuid::new_v4(), Uuid::new_v4());
    let title = "Formación en diagnóstico molecular";
    institute.send("publish-offer", &listing(offer, title)).await.accepted();
    let draft = agreement(id, institute.organisation, ministry.organisation, offer, "5");
    let drafted = institute.send("draft-agreement", &draft).await.accepted();

    // Only its parties see a draft; they are shown the digest that signatures cover, and the salt under it.
    let path = format!("/api/v1/agreements/{id}");
    let wait = format!("?wait_for={}", drafted["sequence"]);
    User::anonymous(&ledger.server).get(&format!("{path}{wait}")).await.refused(404, "record-unknown");
    let shown = ministry.get(&format!("{path}{wait}")).await.accepted();
    let digest = shown["terms_digest"].as_str().expect("the digest is shown").to_owned();
    assert!(shown["terms_salt"].is_string(), "{shown}");

    ministry.send("sign-agreement", &json!({"id": id, "terms_digest": digest})).await.refused(409, "not-proposed");
    let proposed = institute.send("propose-agreement", &json!({"id": id})).await.accepted();
    assert_eq!(types(&proposed), ["agreement.proposed.v1"]);
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    ministry.send("sign-agreement", &json!({"id": id, "terms_digest": wrong})).await.refused(409, "terms-changed");
    let signed = ministry.send("sign-agreement", &json!({"id": id, "terms_digest": digest})).await.accepted();
    assert_eq!(types(&signed), ["agreement.signed.v1"]);
    ministry.send("sign-agreement", &json!({"id": id, "terms_digest": digest})).await.refused(409, "already-signed");
    institute.send("complete-agreement", &json!({"id": id})).await.refused(409, "not-active");
    let last =
        institute.send("sign-agreement", &json!({"id": id, "terms_digest": digest, "office": "Dirección"})).await;
    let active = last.accepted();
    let all = ["agreement.signed.v1", "offer.reserved.v1", "agreement.activated.v1", "offer.allocated.v1"];
    assert_eq!(types(&active), all, "what is taken of an offer its owner's signature takes");

    // What the agreement took is gone for the next one.
    let second = Uuid::new_v4();
    let more = agreement(second, institute.organisation, ministry.organisation, offer, "8");
    institute.send("draft-agreement", &more).await.accepted();
    let proposed = institute.send("propose-agreement", &json!({"id": second})).await.accepted();
    let waits = format!("/api/v1/agreements/{second}?wait_for={}", proposed["sequence"]);
    let shown = institute.get(&waits).await.accepted()["terms_digest"].clone();
    let sign = json!({"id": second, "terms_digest": shown});
    institute.send("sign-agreement", &sign).await.refused(409, "quantity-exceeded");
    ministry.send("sign-agreement", &sign).await.accepted();

    let completed =
        ministry.send("complete-agreement", &json!({"id": id, "reason": "Las cinco personas volvieron."})).await;
    let completed = completed.accepted();
    let shown = institute.get(&format!("{path}?wait_for={}", completed["sequence"])).await.accepted();
    assert_eq!(shown["state"], "completed", "{shown}");
    let history = institute.get(&format!("{path}/history")).await.accepted();
    assert_eq!(history["events"].as_array().map(Vec::len), Some(6), "{history}");
    let listed = institute.get(&format!("/api/v1/offers/{offer}")).await.accepted();
    assert!(listed.to_string().contains("partly-committed"), "{listed}");

    let data = ledger.server.data().to_owned();
    assert!(ledger.server.stop().success());
    Audit::of(&data);
    views_agree_with_a_fresh_rebuild(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_that_changed_under_the_signer_are_not_signed() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let (institute, ministry) = (ledger.organisation("Uno", "PE").await, ledger.organisation("Dos", "BO").await);
    let (offer, id) = (Uuid::new_v4(), Uuid::new_v4());
    institute.send("publish-offer", &listing(offer, "Formación")).await.accepted();
    let mut terms = agreement(id, institute.organisation, ministry.organisation, offer, "5");
    institute.send("draft-agreement", &terms).await.accepted();
    let proposed = institute.send("propose-agreement", &json!({"id": id})).await.accepted();
    let path = format!("/api/v1/agreements/{id}?wait_for={}", proposed["sequence"]);
    let shown = ministry.get(&path).await.accepted()["terms_digest"].clone();
    institute.send("sign-agreement", &json!({"id": id, "terms_digest": shown})).await.accepted();
    // Meanwhile the other party writes less into it and proposes that.
    terms["terms"]["commitments"][0]["quantity"]["amount"] = "1".into();
    let revised = institute.send("revise-agreement", &terms).await.accepted();
    assert_eq!(types(&revised), ["agreement.revised.v1", "offer.released.v1"]);
    institute.send("propose-agreement", &json!({"id": id})).await.accepted();
    ministry.send("sign-agreement", &json!({"id": id, "terms_digest": shown})).await.refused(409, "terms-changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_read_as_it_was_last_week() {
    let folder = folder();
    let (data, clock) = (folder.path().join("data"), folder.path().join("clock"));
    let today = Utc::now();
    set(&clock, today - Duration::days(10));
    let variable = format!("file:{}", clock.display());
    let start = Start::on(&data).with("--purpose").with("test").variable("CONVENIO_CLOCK", &variable);
    let ledger = Ledger::new(start.run().expect("it starts"));
    let institute = ledger.organisation("Instituto", "PE").await;
    let offer = Uuid::new_v4();
    institute.send("publish-offer", &listing(offer, "Antes")).await.accepted();
    set(&clock, today);
    let revised = institute.send("revise-offer", &listing(offer, "Después")).await.accepted();
    let last_week = (today - Duration::days(7)).to_rfc3339_opts(SecondsFormat::Secs, true);
    let path = format!("/api/v1/offers/{offer}");
    let now = institute.get(&format!("{path}?wait_for={}", revised["sequence"])).await.accepted();
    let then = institute.get(&format!("{path}?as_of={last_week}")).await.accepted();
    assert_eq!((title(&now), title(&then)), ("Después", "Antes"));
    let list = institute.get(&format!("/api/v1/offers?as_of={last_week}")).await.accepted();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(title(&list["items"][0]), "Antes");
    let before = (today - Duration::days(30)).to_rfc3339_opts(SecondsFormat::Secs, true);
    institute.get(&format!("{path}?as_of={before}")).await.refused(404, "record-unknown");
    let sequence = revised["sequence"].as_u64().expect("a sequence") - 1;
    let then = institute.get(&format!("{path}?as_of_sequence={sequence}")).await.accepted();
    assert_eq!(title(&then), "Antes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_production_ledger_takes_no_clock_that_somebody_sets() {
    let folder = folder();
    let (data, clock) = (folder.path().join("data"), folder.path().join("clock"));
    set(&clock, Utc::now());
    let variable = format!("file:{}", clock.display());
    assert!(Server::start(&data).stop().success());
    let failure = Start::on(&data).variable("CONVENIO_CLOCK", &variable).run().expect_err("it does not start");
    assert_eq!(failure.code, Some(1), "{}", failure.said);
    assert!(failure.said.contains("test"), "{}", failure.said);
}

fn set(clock: &Path, time: chrono::DateTime<Utc>) {
    let next = clock.with_extension("next");
    std::fs::write(&next, time.to_rfc3339_opts(SecondsFormat::Micros, true)).expect("written");
    std::fs::rename(next, clock).expect("renamed");
}

fn title(record: &Value) -> &str {
    let title = record.pointer("/text/title/texts/es").or_else(|| record.pointer("/title/texts/es"));
    title.and_then(Value::as_str).unwrap_or_else(|| panic!("no title: {record}"))
}

fn types(answer: &Value) -> Vec<&str> {
    let events = answer["events"].as_array().expect("events");
    events.iter().map(|event| event["type"].as_str().expect("a type").trim_start_matches("org.convenio.")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_read_their_own_writes() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    for turn in 0..50 {
        let offer = Uuid::new_v4();
        let published = institute.send("publish-offer", &listing(offer, &format!("Oferta {turn}"))).await.accepted();
        let sequence = published["sequence"].as_u64().expect("a sequence");
        let read = institute.get(&format!("/api/v1/offers/{offer}?wait_for={sequence}")).await;
        assert!(read.sequence() >= Some(sequence), "true at {:?}, asked for {sequence}", read.sequence());
        assert_eq!(title(&read.accepted()), format!("Oferta {turn}"));
    }
    let far = institute.get("/api/v1/offers?wait_for=1000000").await;
    far.refused(504, "not-yet-visible");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clients_at_once_are_all_served() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    let clients = (0..200).map(|client| {
        let institute = institute.clone();
        tokio::spawn(async move {
            let offer = Uuid::new_v4();
            institute.send("publish-offer", &listing(offer, &format!("Oferta {client}"))).await.accepted();
            for version in 0..4 {
                let revision =
                    institute.send("revise-offer", &listing(offer, &format!("Oferta {client}.{version}"))).await;
                let sequence = revision.accepted()["sequence"].clone();
                let read = institute.get(&format!("/api/v1/offers/{offer}?wait_for={sequence}")).await.accepted();
                assert_eq!(title(&read), format!("Oferta {client}.{version}"));
            }
            offer
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.expect("no client fails");
    }
    let list = institute.get("/api/v1/offers?limit=200").await.accepted();
    assert_eq!(list["items"].as_array().map(Vec::len), Some(200));
    let data = ledger.server.data().to_owned();
    assert!(ledger.server.stop().success());
    let audit = Audit::of(&data);
    let offers =
        audit.events.iter().filter(|event| event.record["subject"].as_str().is_some_and(|s| s.starts_with("offer/")));
    assert_eq!(offers.count(), 1_000);
    views_agree_with_a_fresh_rebuild(&data).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_whatever_its_language_and_accents() {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    let mut offer = listing(Uuid::new_v4(), "Campaña de vacunación");
    offer["text"]["summary"] = json!({"original": "es", "texts": {"es": "Resumen", "pt": "Formações de equipes"}});
    offer["text"]["keywords"] = json!([text("en", "measles")]);
    let published = institute.send("publish-offer", &offer).await.accepted();
    for word in ["vacunacion", "VACUNACIÓN", "formacoes", "formações", "measles"] {
        let query = word.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let list =
            institute.get(&format!("/api/v1/offers?q={query}&wait_for={}", published["sequence"])).await.accepted();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{word}");
    }
}
