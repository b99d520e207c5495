//! Learnings, convenings, organisations and grants: what each state makes of each command.

use crate::{
    cast::{By, Ids, MINISTRY, SOCIOS, convening, grant, learning, organisation, text, uuid, with},
    node::Node,
    table::{check_cell, commands_of, row},
};
use convenio_events::RecordKind;
use serde_json::{Value, json};

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

const LEARNINGS: [(&str, &str); 7] = [
    (
        "registered",
        "id-exists: register-learning, submit-learning; already-published: screen-learning, publish-learning,
         revise-learning; accepted: accept-authorship, retract-learning",
    ),
    (
        "submitted",
        "id-exists: register-learning, submit-learning; accepted: screen-learning, publish-learning, retract-learning,
         revise-learning; already-confirmed: accept-authorship",
    ),
    (
        "revision-requested",
        "id-exists: register-learning, submit-learning; accepted: screen-learning, retract-learning, revise-learning;
         screening-required: publish-learning; already-confirmed: accept-authorship",
    ),
    (
        "revised",
        "id-exists: register-learning, submit-learning; accepted: screen-learning, retract-learning, revise-learning;
         screening-required: publish-learning; already-confirmed: accept-authorship",
    ),
    (
        "screened",
        "id-exists: register-learning, submit-learning; accepted: screen-learning, publish-learning, retract-learning,
         revise-learning; already-confirmed: accept-authorship",
    ),
    (
        "published",
        "id-exists: register-learning, submit-learning; already-published: screen-learning, publish-learning,
         revise-learning; already-confirmed: accept-authorship; accepted: retract-learning",
    ),
    (
        "retracted",
        "id-exists: register-learning, submit-learning;
         already-over: screen-learning, publish-learning, accept-authorship, retract-learning, revise-learning",
    ),
];

async fn bring_learning_to(node: &Node, state: &str, id: u128) {
    if state == "registered" {
        node.accept(By::Socios, "register-learning", learning(id, &[SOCIOS])).await;
        return;
    }
    node.accept(By::Socios, "submit-learning", learning(id, &[SOCIOS])).await;
    let screening = |outcome: &str| json!({"id": uuid(id), "outcome": outcome});
    match state {
        "submitted" => {}
        "revision-requested" => drop(node.accept(By::Reviewer, "screen-learning", screening(state)).await),
        "revised" => {
            node.accept(By::Reviewer, "screen-learning", screening("revision-requested")).await;
            node.accept(By::Socios, "revise-learning", learning(id, &[SOCIOS])).await;
        }
        "screened" => drop(node.accept(By::Reviewer, "screen-learning", screening("passed")).await),
        "published" => drop(node.accept(By::Socios, "publish-learning", only(id)).await),
        "retracted" => {
            node.accept(By::Socios, "publish-learning", only(id)).await;
            let reason = json!({"id": uuid(id), "reason": "the figures were wrong"});
            node.accept(By::Socios, "retract-learning", reason).await;
        }
        other => panic!("no state {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_state_of_a_learning_says_what_it_makes_of_every_command() {
    let (node, mut ids) = (Node::with_cast().await, Ids::default());
    for (state, text) in LEARNINGS {
        let row = row(text);
        assert!(row.keys().copied().eq(commands_of(RecordKind::Learning)), "{state} says something of every command");
        for (command, outcome) in row {
            let id = ids.next();
            bring_learning_to(&node, state, id).await;
            let data = match command {
                "register-learning" | "submit-learning" | "revise-learning" => learning(id, &[SOCIOS]),
                "screen-learning" => json!({"id": uuid(id), "outcome": "passed"}),
                "retract-learning" => json!({"id": uuid(id), "reason": "the figures were wrong"}),
                _ => only(id),
            };
            let by = if command == "screen-learning" { By::Reviewer } else { By::Socios };
            check_cell(&node, state, outcome, by, command, &format!("learning/{}", uuid(id)), data).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_learning_is_published_when_every_author_has_accepted() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "submit-learning", learning(1, &[SOCIOS, MINISTRY])).await;
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "authorship-open");
    let subject = format!("learning/{}", uuid(1));
    let accepted = node.confirm(By::Ministry, "accept-authorship", &subject, only(1)).await;
    assert_eq!(accepted, "(learning.authorship-accepted)");
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "learning.published");
}

const CONVENINGS: [(&str, &str); 4] = [
    (
        "announced",
        "id-exists: announce-convening, register-convening; accepted: confirm-participation, record-session, record-visit,
         postpone-convening, hold-convening, cancel-convening",
    ),
    (
        "registered",
        "id-exists: announce-convening, register-convening; accepted: confirm-participation, record-session, record-visit;
         convening-over: postpone-convening, hold-convening, cancel-convening",
    ),
    (
        "held",
        "id-exists: announce-convening, register-convening; accepted: confirm-participation, record-session, record-visit;
         convening-over: postpone-convening, hold-convening, cancel-convening",
    ),
    (
        "cancelled",
        "id-exists: announce-convening, register-convening; convening-over: confirm-participation, record-session,
         record-visit, postpone-convening, hold-convening, cancel-convening",
    ),
];

#[tokio::test(start_paused = true)]
async fn every_state_of_a_convening_says_what_it_makes_of_every_command() {
    let (node, mut ids) = (Node::with_cast().await, Ids::default());
    for (state, words) in CONVENINGS {
        let row = row(words);
        let mut named: Vec<_> = row.keys().copied().collect();
        named.sort_unstable();
        assert_eq!(named, commands_of(RecordKind::Convening), "{state} says something of every command");
        for (command, outcome) in row {
            let id = ids.next();
            let first = if state == "registered" { "register-convening" } else { "announce-convening" };
            node.accept(By::Socios, first, convening(id)).await;
            match state {
                "held" => drop(node.accept(By::Socios, "hold-convening", only(id)).await),
                "cancelled" => drop(node.accept(By::Socios, "cancel-convening", only(id)).await),
                _ => {}
            }
            let occasion = json!({"title": text("A day")});
            let data = match command {
                "announce-convening" | "register-convening" => convening(id),
                "record-session" => json!({"id": uuid(id), "kind": "plenary", "text": occasion}),
                "record-visit" => {
                    json!({"id": uuid(id), "host": uuid(SOCIOS), "facilities": ["laboratory"], "text": occasion})
                }
                "postpone-convening" => json!({"id": uuid(id), "starts_on": "2026-02-01"}),
                _ => only(id),
            };
            check_cell(&node, state, outcome, By::Socios, command, &format!("convening/{}", uuid(id)), data).await;
        }
    }
}

const ORGANISATIONS: [(&str, &str); 4] = [
    (
        "unverified",
        "id-exists: register-organisation; accepted: revise-organisation, add-identifier, add-site, affiliate-organisation,
         verify-organisation, suspend-organisation; identifier-unknown: withdraw-identifier; site-unknown: close-site;
         affiliation-unknown: confirm-affiliation, end-affiliation; not-verified: revoke-verification;
         not-suspended: reinstate-organisation",
    ),
    (
        "verified",
        "id-exists: register-organisation; accepted: revise-organisation, add-identifier, add-site, affiliate-organisation,
         revoke-verification, suspend-organisation; identifier-unknown: withdraw-identifier; site-unknown: close-site;
         affiliation-unknown: confirm-affiliation, end-affiliation; already-verified: verify-organisation;
         not-suspended: reinstate-organisation",
    ),
    (
        "suspended",
        "id-exists: register-organisation; accepted: revise-organisation, add-identifier, add-site, affiliate-organisation,
         verify-organisation, reinstate-organisation; identifier-unknown: withdraw-identifier; site-unknown: close-site;
         affiliation-unknown: confirm-affiliation, end-affiliation; not-verified: revoke-verification;
         already-suspended: suspend-organisation",
    ),
    (
        "described",
        "id-exists: register-organisation, add-site; accepted: revise-organisation, withdraw-identifier, close-site,
         end-affiliation, verify-organisation, suspend-organisation; identifier-in-use: add-identifier;
         id-exists-too: affiliate-organisation; not-party: confirm-affiliation; not-verified: revoke-verification;
         not-suspended: reinstate-organisation",
    ),
];

#[tokio::test(start_paused = true)]
async fn every_state_of_an_organisation_says_what_it_makes_of_every_command() {
    let (node, mut ids) = (Node::with_cast().await, Ids::default());
    for (state, words) in ORGANISATIONS {
        let row = row(words);
        assert!(
            row.keys().copied().eq(commands_of(RecordKind::Organisation)),
            "{state} says something of every command"
        );
        for (command, outcome) in row {
            let id = ids.next();
            node.accept(By::Admin, "register-organisation", organisation(id, "holder")).await;
            let identifier = format!("XM-DAC-{id}");
            let named = |command: &str| match command {
                "verify-organisation" => json!({"id": uuid(id), "method": "operator"}),
                "add-identifier" | "withdraw-identifier" => json!({"id": uuid(id), "identifier": identifier}),
                "add-site" => {
                    json!({"id": uuid(id), "site": uuid(id), "place": "PE", "text": {"name": text("A site")}})
                }
                "close-site" => json!({"id": uuid(id), "site": uuid(id)}),
                "affiliate-organisation" => {
                    json!({"id": uuid(id), "affiliation": uuid(id), "with": uuid(SOCIOS), "kind": "member"})
                }
                "confirm-affiliation" | "end-affiliation" => json!({"id": uuid(id), "affiliation": uuid(id)}),
                "register-organisation" => organisation(id, "holder"),
                "revise-organisation" => with(organisation(id, "holder"), "/standing", Value::Null),
                _ => only(id),
            };
            let before: &[&str] = match state {
                "verified" => &["verify-organisation"],
                "suspended" => &["suspend-organisation"],
                "described" => &["add-identifier", "add-site", "affiliate-organisation"],
                _ => &[],
            };
            for command in before {
                node.accept(By::Admin, command, named(command)).await;
            }
            let (outcome, subject) = (outcome.trim_end_matches("-too"), format!("organisation/{}", uuid(id)));
            check_cell(&node, state, outcome, By::Admin, command, &subject, named(command)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_affiliation_is_confirmed_by_each_of_the_two() {
    let node = Node::with_cast().await;
    let claim = json!({"id": uuid(SOCIOS), "affiliation": uuid(1), "with": uuid(MINISTRY), "kind": "sister"});
    let said = node.tell(By::Socios, "affiliate-organisation", claim).await;
    assert_eq!(said, "organisation.affiliation-claimed organisation.affiliation-confirmed");
    let (which, subject) =
        (json!({"id": uuid(SOCIOS), "affiliation": uuid(1)}), format!("organisation/{}", uuid(SOCIOS)));
    assert_eq!(node.confirm(By::Socios, "confirm-affiliation", &subject, which.clone()).await, "already-confirmed");
    assert_eq!(node.confirm(By::Broker, "confirm-affiliation", &subject, which.clone()).await, "not-party");
    let said = node.confirm(By::Ministry, "confirm-affiliation", &subject, which.clone()).await;
    assert_eq!(said, "organisation.affiliation-confirmed");
    assert_eq!(node.tell(By::Ministry, "end-affiliation", which).await, "organisation.affiliation-ended");
}

#[tokio::test(start_paused = true)]
async fn an_identifier_that_was_withdrawn_is_free_again() {
    let node = Node::with_cast().await;
    let of = |organisation: u128| json!({"id": uuid(organisation), "identifier": "PE-RUC-20506006024"});
    assert_eq!(node.tell(By::Socios, "add-identifier", of(SOCIOS)).await, "organisation.identifier-added");
    assert_eq!(node.tell(By::Admin, "add-identifier", of(MINISTRY)).await, "identifier-in-use@identifier");
    assert_eq!(node.tell(By::Socios, "withdraw-identifier", of(SOCIOS)).await, "organisation.identifier-withdrawn");
    assert_eq!(node.tell(By::Admin, "add-identifier", of(MINISTRY)).await, "organisation.identifier-added");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_organisation_may_still_refuse_deny_and_terminate() {
    use crate::{agreements::bring_to, cast::agreement};
    let node = Node::with_cast().await;
    for (id, state) in (1..).zip(["proposed", "active", "registered", "drafted"]) {
        bring_to(&node, state, agreement(id)).await;
    }
    node.accept(By::Admin, "suspend-organisation", only(SOCIOS)).await;
    for (command, id, expected) in [
        ("refuse-agreement", 1, "(agreement.refused)"),
        ("suspend-agreement", 2, "organisation-suspended"),
        ("complete-agreement", 2, "organisation-suspended"),
        ("terminate-agreement", 2, "(agreement.terminated)"),
        ("deny-agreement", 3, "(agreement.denied)"),
        ("propose-agreement", 4, "organisation-suspended"),
        ("cancel-agreement", 4, "organisation-suspended"),
    ] {
        assert_eq!(node.tell(By::Socios, command, only(id)).await, expected, "{command}");
    }
    // Its partners are never blocked.
    assert_eq!(node.tell(By::Ministry, "propose-agreement", only(4)).await, "(agreement.proposed)");
}

const GRANTS: [(&str, &str, &str); 5] = [
    ("in force", "accepted: revoke-access; id-exists: grant-access", "offer.published"),
    ("revoked", "already-revoked: revoke-access; id-exists: grant-access", "token-invalid"),
    ("not yet valid", "accepted: revoke-access; id-exists: grant-access", "token-invalid"),
    ("not valid any more", "accepted: revoke-access; id-exists: grant-access", "token-invalid"),
    ("of a suspended organisation", "accepted: revoke-access; id-exists: grant-access", "organisation-suspended"),
];

#[tokio::test(start_paused = true)]
async fn every_state_of_a_grant_says_what_it_makes_of_every_command() {
    use crate::{cast::listing, node::Call};
    use convenio_events::{AccessId, Id};
    use convenio_ledger::authorise::Credential;
    for (state, words, used) in GRANTS {
        let row = row(words);
        let mut named: Vec<_> = row.keys().copied().collect();
        named.sort_unstable();
        assert_eq!(named, commands_of(RecordKind::Access), "{state} says something of every command");
        let (node, id) = (Node::with_cast().await, 0x77);
        let data = grant(id, "recorder", &[SOCIOS]);
        let data = match state {
            "not yet valid" => with(data, "/valid_from", json!("2026-01-16T00:00:00Z")),
            "not valid any more" => with(data, "/valid_through", json!("2026-01-15T13:00:00Z")),
            _ => data,
        };
        node.accept(By::Admin, "grant-access", data.clone()).await;
        match state {
            "revoked" => drop(node.accept(By::Admin, "revoke-access", only(id)).await),
            "of a suspended organisation" => drop(node.accept(By::Admin, "suspend-organisation", only(SOCIOS)).await),
            _ => {}
        }
        node.setup.clock.advance(3_600);
        let grant: AccessId = Id::new(::uuid::Uuid::from_u128(id));
        let call = Call::new(Credential::Grant(grant), "publish-offer", &listing(1));
        assert_eq!(node.send(call).await, used, "a command under a grant that is {state}");
        for (command, outcome) in row.into_iter().rev() {
            let data = if command == "grant-access" { data.clone() } else { only(id) };
            check_cell(&node, state, outcome, By::Admin, command, &format!("access/{}", uuid(id)), data).await;
        }
    }
}
