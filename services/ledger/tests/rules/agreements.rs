//! Agreements: what each state makes of each command, signatures over the terms, and what the clock does to them.

use crate::{
    cast::{By, Ids, agreement, uuid, with},
    node::Node,
    table::{check_cell, commands_of, row},
};
use convenio_events::RecordKind;
use serde_json::{Value, json};

/// The NGO sends everything. `signed` has its signature; `awaited` has all of them and begins tomorrow.
const STATES: [(&str, &str); 13] = [
    (
        "drafted",
        "id-exists: draft, register; accepted: revise, propose, cancel, leave, deny; not-proposed: withdraw, sign, refuse;
         not-active: suspend, resume, complete, terminate; not-registered: confirm",
    ),
    (
        "proposed",
        "id-exists: draft, register; accepted: revise, withdraw, sign, refuse, cancel, leave, deny; not-draft: propose;
         not-active: suspend, resume, complete, terminate; not-registered: confirm",
    ),
    ("signed", SIGNED),
    ("awaited", SIGNED),
    (
        "active",
        "id-exists: draft, register; not-draft: revise, propose; not-proposed: withdraw, sign, refuse;
         already-active: cancel, leave; accepted: suspend, complete, terminate; not-suspended: resume;
         not-registered: confirm; already-signed: deny",
    ),
    (
        "suspended",
        "id-exists: draft, register; not-draft: revise, propose; not-proposed: withdraw, sign, refuse;
         already-active: cancel, leave; accepted: resume, complete, terminate; not-active: suspend;
         not-registered: confirm; already-signed: deny",
    ),
    (
        "closing",
        "id-exists: draft, register; not-draft: revise, propose; not-proposed: withdraw, sign, refuse;
         already-active: cancel, leave; accepted: complete, terminate; not-active: suspend; not-suspended: resume;
         not-registered: confirm; already-signed: deny",
    ),
    ("completed", OVER),
    ("terminated", OVER),
    (
        "cancelled",
        "id-exists: draft, register; not-draft: revise, propose; not-proposed: withdraw, sign, refuse;
         already-over: cancel, leave, suspend, resume, complete, terminate, deny; not-registered: confirm",
    ),
    (
        "registered",
        "id-exists: draft, register; not-draft: revise, propose, leave; not-proposed: withdraw, sign, refuse;
         already-over: cancel; not-active: suspend, resume, complete, terminate; accepted: confirm, deny",
    ),
    (
        "confirmed",
        "id-exists: draft, register; not-draft: revise, propose, leave; not-proposed: withdraw, sign, refuse;
         already-over: cancel; not-active: suspend, resume, complete, terminate; already-confirmed: confirm;
         accepted: deny",
    ),
    (
        "denied",
        "id-exists: draft, register; not-draft: revise, propose, leave; not-proposed: withdraw, sign, refuse;
         already-over: cancel; not-active: suspend, resume, complete, terminate; accepted: confirm; already-denied: deny",
    ),
];
const SIGNED: &str =
    "id-exists: draft, register; accepted: revise, withdraw, refuse, cancel, leave; not-draft: propose;
    already-signed: sign, deny; not-active: suspend, resume, complete, terminate; not-registered: confirm";
const OVER: &str = "id-exists: draft, register; not-draft: revise, propose; not-proposed: withdraw, sign, refuse;
    already-over: cancel, leave, suspend, resume, complete, terminate; not-registered: confirm; already-signed: deny";

fn command(verb: &str) -> String {
    if verb == "withdraw" { "withdraw-proposal".to_owned() } else { format!("{verb}-agreement") }
}

/// Brings a new agreement of the NGO and the ministry to a state.
pub(crate) async fn bring_to(node: &Node, state: &str, data: Value) {
    let id = data["id"].as_str().and_then(|id| id.parse::<::uuid::Uuid>().ok()).expect("an id").as_u128();
    let only = json!({"id": uuid(id)});
    let subject = format!("agreement/{}", uuid(id));
    if matches!(state, "registered" | "confirmed" | "denied") {
        node.accept(By::Ministry, "register-agreement", data).await;
        match state {
            "confirmed" => drop(node.confirm(By::Socios, "confirm-agreement", &subject, only).await),
            "denied" => drop(node.accept(By::Socios, "deny-agreement", only).await),
            _ => {}
        }
        return;
    }
    let data = match state {
        "awaited" => with(data, "/terms/effective_on", json!("2026-01-16")),
        "closing" => with(data, "/terms/ends_on", json!("2026-01-15")),
        _ => data,
    };
    node.accept(By::Socios, "draft-agreement", data).await;
    match state {
        "drafted" => return,
        "cancelled" => drop(node.accept(By::Socios, "cancel-agreement", only).await),
        _ => drop(node.accept(By::Socios, "propose-agreement", only.clone()).await),
    }
    if matches!(state, "proposed" | "cancelled") {
        return;
    }
    let first = node.sign(By::Socios, id).await;
    assert!(first.trim_start_matches('(').starts_with("agreement.signed"), "{first}");
    if state == "signed" {
        return;
    }
    let last = node.sign(By::Ministry, id).await;
    assert!(last.contains("agreement.signed"), "{last}");
    let verb = match state {
        "suspended" => "suspend",
        "completed" => "complete",
        "terminated" => "terminate",
        "awaited" | "active" | "closing" => return,
        other => panic!("no state {other}"),
    };
    node.accept(By::Ministry, &command(verb), json!({"id": uuid(id)})).await;
}

#[tokio::test(start_paused = true)]
async fn every_state_says_what_it_makes_of_every_command() {
    // Those that begin tomorrow are looked at today, those that ended today tomorrow.
    for tomorrow in [false, true] {
        let (node, mut ids) = (Node::with_cast().await, Ids::default());
        let mut cells = Vec::new();
        for (state, text) in STATES.iter().filter(|(state, _)| tomorrow || *state != "closing") {
            let row = row(text);
            let mut named: Vec<_> = row.keys().map(|verb| command(verb)).collect();
            named.sort_unstable();
            assert_eq!(named, commands_of(RecordKind::Agreement), "{state} says something of every command");
            for (verb, outcome) in row.into_iter().filter(|_| !tomorrow || *state != "awaited") {
                let id = ids.next();
                bring_to(&node, state, agreement(id)).await;
                cells.push((*state, verb, outcome, id));
            }
        }
        if tomorrow {
            node.setup.clock.advance_to("2026-01-16T05:00:00Z");
        }
        for (state, verb, outcome, id) in cells {
            let data = match verb {
                "draft" | "register" | "revise" => agreement(id),
                "sign" => json!({"id": uuid(id), "terms_digest": node.terms_digest(id).await}),
                _ => json!({"id": uuid(id)}),
            };
            let subject = format!("agreement/{}", uuid(id));
            check_cell(&node, state, outcome, By::Socios, &command(verb), &subject, data).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_covers_the_terms_that_were_shown() {
    let (node, id) = (Node::with_cast().await, 0xa1);
    bring_to(&node, "signed", agreement(id)).await;
    let shown = node.terms_digest(id).await;
    // The same words under a new salt are other terms: the signature given so far is void.
    assert_eq!(node.accept(By::Ministry, "revise-agreement", agreement(id)).await, "(agreement.revised)");
    assert_ne!(node.terms_digest(id).await, shown);
    let stale = json!({"id": uuid(id), "terms_digest": shown});
    assert_eq!(node.tell(By::Ministry, "sign-agreement", stale.clone()).await, "terms-changed@terms_digest");
    node.accept(By::Ministry, "propose-agreement", json!({"id": uuid(id)})).await;
    assert_eq!(node.tell(By::Ministry, "sign-agreement", stale).await, "terms-changed@terms_digest");
    assert_eq!(node.sign(By::Ministry, id).await, "(agreement.signed)");
    assert_eq!(node.sign(By::Socios, id).await, "(agreement.signed) (agreement.activated)");
}

#[tokio::test(start_paused = true)]
async fn terms_digests_are_those_of_the_terms_and_the_salt_beside_them() {
    use convenio_events::types::Facts;
    use convenio_events::types::agreement::{Drafted, Facts as Agreement};
    let node = Node::with_cast().await;
    node.accept(By::Socios, "draft-agreement", agreement(0xa1)).await;
    let event = node.events(node.head() - 1).await.remove(0);
    let text: convenio_events::types::agreement::SaltedTermsText = event.text::<Drafted>().expect("has a text");
    let Facts::Agreement(Agreement::Drafted(facts)) = event.facts else { panic!("a draft") };
    let digest = convenio_ledger::commands::agreement::digest_of_terms(&text.terms_salt, &facts.terms, &text.terms);
    assert_eq!(digest, facts.terms_digest);
    let whole = json!({"facts": facts.terms, "text": text.terms});
    let bytes = convenio_events::canonical::to_string(&whole);
    assert_eq!(digest, convenio_events::commitment::terms_digest(&text.terms_salt, bytes.as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn an_agreement_begins_on_its_day_in_its_own_time_zone() {
    for (zone, begins) in [(None, "2026-02-01T05:00:00Z"), (Some("Asia/Tokyo"), "2026-01-31T15:00:00Z")] {
        let node = Node::with_cast().await;
        let later = with(agreement(0xa2), "/terms/effective_on", json!("2026-02-01"));
        let later = with(later, "/terms/time_zone", zone.map_or(Value::Null, Value::from));
        node.accept(By::Socios, "draft-agreement", later).await;
        node.accept(By::Socios, "propose-agreement", json!({"id": uuid(0xa2)})).await;
        node.sign(By::Ministry, 0xa2).await;
        assert_eq!(node.sign(By::Socios, 0xa2).await, "(agreement.signed)", "signed, and not yet active");
        let head = node.head();
        node.setup.clock.advance_to(begins);
        node.setup.clock.advance(-1);
        node.idle().await;
        assert_eq!(node.since(head).await, "", "one second before {begins}");
        node.setup.clock.advance(1);
        node.idle().await;
        assert_eq!(node.since(head).await, "(agreement.activated)", "at {begins}");
        let event = node.events(head).await.remove(0);
        assert_eq!(event.actor.to_string(), "system/clock");
        node.idle().await;
        assert_eq!(node.head(), head + 1, "a timer runs once");
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_last_day_an_agreement_is_closing() {
    let node = Node::with_cast().await;
    bring_to(&node, "active", with(agreement(0xa1), "/terms/ends_on", json!("2026-01-31"))).await;
    bring_to(&node, "suspended", with(agreement(0xa2), "/terms/ends_on", json!("2026-01-31"))).await;
    let head = node.head();
    node.setup.clock.advance_to("2026-02-01T04:59:59Z");
    node.idle().await;
    assert_eq!(node.since(head).await, "");
    node.setup.clock.advance_to("2026-02-01T05:00:00Z");
    node.idle().await;
    assert_eq!(node.since(head).await, "(agreement.end-reached)", "one that is suspended waits");
    node.accept(By::Socios, "resume-agreement", json!({"id": uuid(0xa2)})).await;
    node.idle().await;
    assert_eq!(node.since(head + 1).await, "(agreement.resumed) (agreement.end-reached)");
}

#[tokio::test(start_paused = true)]
async fn a_ledger_may_require_agreements_to_become_public_once_active() {
    let node = Node::with_cast().await;
    let settings = json!({"settings": {"agreements_public": true}});
    assert_eq!(node.tell(By::Admin, "change-settings", settings).await, "ledger.settings-changed");
    bring_to(&node, "signed", agreement(0xa1)).await;
    let last = "(agreement.signed) (agreement.activated) agreement.visibility-changed";
    assert_eq!(node.sign(By::Ministry, 0xa1).await, last);
    assert_eq!(node.tell(By::Socios, "complete-agreement", json!({"id": uuid(0xa1)})).await, "agreement.completed");
    // The same when the clock activates it; one that is public already stays as it is.
    let tomorrow = |id| with(agreement(id), "/terms/effective_on", json!("2026-01-16"));
    bring_to(&node, "awaited", tomorrow(0xa2)).await;
    node.accept(By::Socios, "draft-agreement", with(tomorrow(0xa3), "/visibility", json!("public"))).await;
    node.accept(By::Socios, "propose-agreement", json!({"id": uuid(0xa3)})).await;
    node.sign(By::Socios, 0xa3).await;
    node.sign(By::Ministry, 0xa3).await;
    let head = node.head();
    node.setup.clock.advance_to("2026-01-16T05:00:00Z");
    node.idle().await;
    let said = node.since(head).await;
    assert_eq!(said, "(agreement.activated) agreement.visibility-changed agreement.activated");
}

#[tokio::test(start_paused = true)]
async fn a_paper_signature_has_its_own_day_which_is_not_in_the_future() {
    let node = Node::with_cast().await;
    bring_to(&node, "proposed", agreement(0xa1)).await;
    let digest = node.terms_digest(0xa1).await;
    let paper = |on: &str| json!({"id": uuid(0xa1), "terms_digest": digest, "method": "paper", "on": on});
    assert_eq!(node.tell(By::Socios, "sign-agreement", paper("2026-01-16")).await, "date-in-future@on");
    assert_eq!(node.tell(By::Socios, "sign-agreement", paper("2025-12-24")).await, "(agreement.signed)");
    assert_eq!(
        node.tell(By::Ministry, "sign-agreement", paper("2025-12-31")).await,
        "(agreement.signed) (agreement.activated)"
    );
    let event = node.events(node.head() - 1).await.remove(0);
    assert!(event.facts.to_canonical().contains(r#""effective_on":"2025-12-31""#), "the day of the last signature");
}
