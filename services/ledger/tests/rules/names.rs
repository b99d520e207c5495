//! Organisations: their identifiers, sites, affiliations and verification, and what a grant gives. Their states are in a table
//! elsewhere.

use crate::{
    cast::{BROKER, By, MINISTRY, OBSERVATORY, SITE, SOCIOS, UNIVERSITY, grant, organisation, text, uuid, with},
    node::{Call, Node, Setup},
};
use convenio_events::AccessId;
use convenio_ledger::{
    authorise::Credential,
    memory_stores::{MemoryIndex, MemoryState},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

fn identifier(organisation: u128, identifier: &str) -> Value {
    json!({"id": uuid(organisation), "identifier": identifier})
}
fn affiliation(of: u128, id: u128, with: u128) -> Value {
    json!({"id": uuid(of), "affiliation": uuid(id), "with": uuid(with), "kind": "member"})
}
fn tie(of: u128, id: u128) -> Value {
    json!({"id": uuid(of), "affiliation": uuid(id)})
}
fn credential(grant: u128) -> Credential {
    Credential::Grant(AccessId::new(Uuid::from_u128(grant)))
}
async fn profile(node: &Node, id: u128) {
    node.accept(By::Broker, "register-organisation", organisation(id, "profile")).await;
}

#[tokio::test(start_paused = true)]
async fn identifiers_are_unique_without_regard_to_case() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "add-identifier", identifier(SOCIOS, "XI-ROR-03yrm5c26")).await;
    let again = identifier(MINISTRY, "XI-ROR-03YRM5C26");
    assert_eq!(node.tell(By::Ministry, "add-identifier", again.clone()).await, "identifier-in-use@identifier");
    let own = identifier(SOCIOS, "XI-ROR-03YRM5C26");
    assert_eq!(node.tell(By::Socios, "add-identifier", own.clone()).await, "identifier-in-use@identifier");
    let both = with(organisation(1, "profile"), "/identifiers", json!(["PE-RUC-1a", "PE-RUC-1A"]));
    assert_eq!(node.tell(By::Broker, "register-organisation", both).await, "identifier-in-use@identifiers[1]");
    // It is withdrawn in whatever case, and free in every one.
    assert_eq!(node.tell(By::Socios, "withdraw-identifier", own).await, "organisation.identifier-withdrawn");
    assert_eq!(node.tell(By::Ministry, "add-identifier", again).await, "organisation.identifier-added");
}

#[tokio::test(start_paused = true)]
async fn whoever_stands_in_no_list_takes_the_ledgers_own() {
    let node = Node::with_cast().await;
    for nothing in ["GB-1", "46002", "N/A", "XM-DAC-N/A"] {
        let call = Call::new(By::Socios.credential(), "add-identifier", &identifier(SOCIOS, nothing));
        let refused = node.answer(&call).await.expect_err(nothing);
        let said = format!("{refused:?}");
        assert!(said.contains("identifier-form") && said.contains("XX-LEDGER-{id}"), "{said}");
    }
    for right in ["XX-LEDGER-46002", "XX-LEDGER-GB-1"] {
        let said = node.tell(By::Socios, "add-identifier", identifier(SOCIOS, right)).await;
        assert_eq!(said, "organisation.identifier-added", "{right}");
    }
}

#[tokio::test(start_paused = true)]
async fn that_an_identifier_is_in_use_is_told_without_a_word_of_whose_and_not_without_end() {
    let node = Node::with_cast().await;
    let hidden = with(organisation(1, "profile"), "/visibility", json!("parties"));
    node.accept(By::Broker, "register-organisation", with(hidden, "/identifiers", json!(["PE-RUC-1"]))).await;
    let guess = Call::new(By::Clerk.credential(), "add-identifier", &identifier(SOCIOS, "PE-RUC-1"));
    let first = format!("{:?}", node.answer(&guess).await.expect_err("in use"));
    assert!(first.contains("identifier-in-use") && first.contains("detail: None"), "no more than that: {first}");
    for _ in 1..100 {
        assert_eq!(node.send(guess.clone()).await, "identifier-in-use@identifier");
    }
    assert_eq!(node.send(guess.clone()).await, "too-many-refusals");
    let free = identifier(SOCIOS, "PE-RUC-2");
    assert_eq!(
        node.tell(By::Clerk, "add-identifier", free.clone()).await,
        "too-many-refusals",
        "silence tells as much"
    );
    assert_eq!(
        node.tell(By::Socios, "add-identifier", free).await,
        "too-many-refusals",
        "it is an organisation's, whichever of its grants asks"
    );
    let theirs = node.tell(By::Ministry, "add-identifier", identifier(MINISTRY, "PE-RUC-2")).await;
    assert_eq!(theirs, "organisation.identifier-added", "and no other's");
    assert_eq!(
        node.tell(By::Clerk, "pause-offer", json!({"id": uuid(9)})).await,
        "record-unknown",
        "and of identifiers only"
    );
    node.setup.clock.advance(36);
    assert_eq!(node.send(guess.clone()).await, "identifier-in-use@identifier");
    assert_eq!(node.send(guess).await, "too-many-refusals");
}

#[tokio::test(start_paused = true)]
async fn sites_have_a_limit_and_their_ids_are_never_given_again() {
    let node = Node::with_cast().await;
    let site =
        |id: u128| json!({"id": uuid(SOCIOS), "site": uuid(id), "place": "PE", "text": {"name": text("A site")}});
    let close = |id: u128| json!({"id": uuid(SOCIOS), "site": uuid(id)});
    for id in 1..200 {
        node.accept(By::Socios, "add-site", site(id)).await;
    }
    assert_eq!(node.tell(By::Socios, "add-site", site(200)).await, "too-many-items@site");
    node.accept(By::Socios, "close-site", close(SITE)).await;
    assert_eq!(node.tell(By::Socios, "add-site", site(SITE)).await, "id-exists@site");
    assert_eq!(node.tell(By::Socios, "add-site", site(200)).await, "organisation.site-added");
}

#[tokio::test(start_paused = true)]
async fn an_organisation_is_affiliated_with_another_once_in_each_way() {
    let node = Node::with_cast().await;
    node.accept(By::Ministry, "affiliate-organisation", affiliation(SOCIOS, 1, MINISTRY)).await;
    let again = affiliation(SOCIOS, 2, MINISTRY);
    for by in [By::Ministry, By::Socios] {
        assert_eq!(node.tell(by, "affiliate-organisation", again.clone()).await, "already-affiliated@with");
    }
    node.accept(By::Ministry, "affiliate-organisation", with(again.clone(), "/kind", json!("sister"))).await;
    node.accept(By::Ministry, "end-affiliation", tie(SOCIOS, 1)).await;
    assert_eq!(
        node.tell(By::Socios, "affiliate-organisation", with(again, "/affiliation", json!(uuid(3)))).await,
        "organisation.affiliation-claimed organisation.affiliation-confirmed"
    );
}

#[tokio::test(start_paused = true)]
async fn claims_on_records_of_others_count_against_the_claimer_until_they_are_confirmed() {
    let node = Node::with_cast().await;
    for id in 0x1000..0x1000 + 201 {
        profile(&node, id).await;
    }
    // The university claims that each belongs to it.
    for id in 0x1000..0x1000 + 200 {
        node.accept(By::University, "affiliate-organisation", affiliation(id, id, UNIVERSITY)).await;
    }
    let more = affiliation(0x1000 + 200, 0x1000 + 200, UNIVERSITY);
    assert_eq!(node.tell(By::University, "affiliate-organisation", more.clone()).await, "too-many-open-claims@id");
    // That is no matter of those it is claimed of, nor of anybody else.
    let own = affiliation(UNIVERSITY, 7, MINISTRY);
    assert!(
        node.tell(By::University, "affiliate-organisation", own).await.starts_with("organisation.affiliation-claimed")
    );
    node.accept(By::Ministry, "affiliate-organisation", affiliation(SOCIOS, 8, MINISTRY)).await;
    // And after a start that has nothing but the log.
    let setup = node.stop().await.expect("stops");
    let (state, index) = (Arc::new(MemoryState::default()), Arc::new(MemoryIndex::default()));
    let node = Setup { state, index, ..setup }.start();
    assert_eq!(node.tell(By::University, "affiliate-organisation", more.clone()).await, "too-many-open-claims@id");
    // What it takes back itself has moved the other record all the same; what others end is free again.
    node.accept(By::University, "end-affiliation", tie(0x1000, 0x1000)).await;
    assert_eq!(node.tell(By::University, "affiliate-organisation", more.clone()).await, "too-many-open-claims@id");
    node.accept(By::Admin, "end-affiliation", tie(0x1001, 0x1001)).await;
    let said = node.tell(By::University, "affiliate-organisation", more).await;
    assert_eq!(said, "organisation.affiliation-claimed organisation.affiliation-confirmed");
}

#[tokio::test(start_paused = true)]
async fn no_states_grow_with_what_others_say() {
    use convenio_events::{Event, Sequence, Subject};
    use convenio_ledger::{stores::StateChange, world::World};
    let node = Node::with_cast().await;
    let before = node.head();
    let claimers =
        [(By::Ministry, MINISTRY), (By::Broker, BROKER), (By::University, UNIVERSITY), (By::Admin, OBSERVATORY)];
    for (id, (by, with)) in (1..).zip(claimers.into_iter().cycle().take(12)) {
        let kind = ["part-of", "member", "sister"][(id as usize - 1) / 4];
        let claim = crate::cast::with(affiliation(SOCIOS, id, with), "/kind", json!(kind));
        node.accept(by, "affiliate-organisation", claim).await;
    }
    let subject: Subject = format!("organisation/{}", uuid(SOCIOS)).parse().expect("a subject");
    let mut world = World::load(Arc::new(MemoryState::default())).expect("is empty");
    let mut length = async |to: u64| {
        while world.next().0 < to {
            let from = world.next();
            for recorded in node.setup.log.read(from, usize::MAX).await.expect("reads") {
                if world.next() < Sequence(to) {
                    world.fold((&Event::decode(&recorded).expect("decodes")).into());
                }
            }
        }
        let mut states = world.take_changes().into_iter().filter_map(|change| match change {
            StateChange::Subject { subject: of, state, .. } if of == subject => Some(state.len()),
            StateChange::Subject { .. } | StateChange::Name { .. } => None,
        });
        states.next_back().expect("it changed")
    };
    let (alone, claimed) = (length(before).await, length(node.head()).await);
    assert!(claimed <= alone + 8, "{alone} bytes, and {claimed} after twelve claims");
}

#[tokio::test(start_paused = true)]
async fn a_network_has_any_number_of_members_once_they_have_confirmed() {
    let node = Node::with_cast().await;
    for id in 1..=201 {
        profile(&node, 0x1000 + id).await;
    }
    for id in 1..=200 {
        node.accept(By::Socios, "affiliate-organisation", affiliation(SOCIOS, id, 0x1000 + id)).await;
    }
    let more = affiliation(SOCIOS, 201, 0x1000 + 201);
    assert_eq!(node.tell(By::Socios, "affiliate-organisation", more.clone()).await, "too-many-items@with");
    // What a member says of itself counts against it alone, and what the network confirms against nobody.
    node.accept(By::Ministry, "affiliate-organisation", affiliation(SOCIOS, 300, MINISTRY)).await;
    let subject = format!("organisation/{}", uuid(SOCIOS));
    assert_eq!(
        node.confirm(By::Socios, "confirm-affiliation", &subject, tie(SOCIOS, 300)).await,
        "organisation.affiliation-confirmed"
    );
    // A member that is a holder confirms what the network said.
    let ends = tie(SOCIOS, 1);
    node.accept(By::Socios, "end-affiliation", ends).await;
    node.accept(By::Socios, "affiliate-organisation", affiliation(SOCIOS, 301, BROKER)).await;
    assert_eq!(
        node.confirm(By::Broker, "confirm-affiliation", &subject, tie(SOCIOS, 301)).await,
        "organisation.affiliation-confirmed"
    );
    assert!(
        node.tell(By::Socios, "affiliate-organisation", more).await.starts_with("organisation.affiliation-claimed")
    );
}

#[tokio::test(start_paused = true)]
async fn what_another_claims_of_an_organisation_gives_it_no_sight_of_it() {
    let node = Node::with_cast().await;
    node.accept(By::University, "affiliate-organisation", affiliation(SOCIOS, 1, UNIVERSITY)).await;
    node.accept(
        By::Socios,
        "set-visibility",
        json!({"subject": format!("organisation/{}", uuid(SOCIOS)), "visibility": "parties"}),
    )
    .await;
    let look = |by: By| node.tell(by, "end-affiliation", tie(SOCIOS, 0xdead));
    assert_eq!(look(By::University).await, "record-unknown", "it said so itself, and nobody else");
    let subject = format!("organisation/{}", uuid(SOCIOS));
    node.confirm(By::Socios, "confirm-affiliation", &subject, tie(SOCIOS, 1)).await;
    assert_eq!(look(By::University).await, "affiliation-unknown", "the organisation says so too");
    node.accept(By::Socios, "end-affiliation", tie(SOCIOS, 1)).await;
    assert_eq!(look(By::University).await, "not-party", "it saw the organisation until then");
    // What it says itself shows it to whom it names, who could not confirm it otherwise.
    node.accept(By::Socios, "affiliate-organisation", affiliation(SOCIOS, 2, BROKER)).await;
    assert_eq!(
        node.confirm(By::Broker, "confirm-affiliation", &subject, tie(SOCIOS, 2)).await,
        "(organisation.affiliation-confirmed)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_verification_is_renewed_before_it_ends() {
    let node = Node::with_cast().await;
    let verify = |through: Option<&str>| {
        let data = json!({"id": uuid(UNIVERSITY), "method": "site-visit"});
        through.map_or(data.clone(), |through| with(data, "/valid_through", json!(through)))
    };
    let offer = crate::cast::listing;
    node.accept(By::Admin, "verify-organisation", verify(Some("2026-01-31"))).await;
    for same in [Some("2026-01-31"), Some("2026-01-20")] {
        assert_eq!(node.tell(By::Admin, "verify-organisation", verify(same)).await, "already-verified");
    }
    assert_eq!(node.tell(By::Admin, "verify-organisation", verify(Some("2026-12-31"))).await, "organisation.verified");
    let endorse = json!({"id": uuid(UNIVERSITY), "method": "site-visit"});
    node.setup.clock.advance_to("2026-02-15T12:00:00Z");
    node.accept(By::University, "publish-offer", with(offer(1), "/terms/valid_through", json!("2026-03-01"))).await;
    assert_eq!(
        node.tell(By::Admin, "revoke-verification", json!({"id": uuid(UNIVERSITY)})).await,
        "organisation.verification-revoked"
    );
    node.accept(By::Admin, "verify-organisation", endorse).await;
    for after in [Some("2030-01-01"), None] {
        assert_eq!(
            node.tell(By::Admin, "verify-organisation", verify(after)).await,
            "already-verified",
            "it has no end"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_organisations_admin_gives_the_roles_that_it_has_itself_and_for_as_long() {
    let node = Node::with_cast().await;
    for (id, role, expected) in [
        (0x7001, "admin", "role-beyond-own@role"),
        (0x7002, "auditor", "role-beyond-own@role"),
        (0x7003, "reviewer", "role-beyond-own@role"),
        (0x7004, "facilitator", "role-beyond-own@role"),
        (0x7005, "organisation-admin", "(access.granted)"),
        (0x7006, "recorder", "(access.granted)"),
        (0x7007, "signatory", "(access.granted)"),
        (0x7008, "integrator", "(access.granted)"),
    ] {
        assert_eq!(node.tell(By::Socios, "grant-access", grant(id, role, &[SOCIOS])).await, expected, "{role}");
    }
    let both = grant(0x7009, "recorder", &[SOCIOS, MINISTRY]);
    assert_eq!(node.tell(By::Socios, "grant-access", both).await, "not-owner@organisations");
    // It ends what it may not give, of its own organisation.
    node.accept(By::Admin, "grant-access", grant(0x7010, "facilitator", &[SOCIOS])).await;
    assert_eq!(node.tell(By::Socios, "revoke-access", json!({"id": uuid(0x7010)})).await, "(access.revoked)");
    node.accept(By::Admin, "grant-access", grant(0x7011, "auditor", &[SOCIOS])).await;
    assert_eq!(node.tell(By::Socios, "revoke-access", json!({"id": uuid(0x7011)})).await, "role-beyond-own@role");
    // Named twice, an organisation is one: nobody has to say for which of the two it acts.
    node.accept(By::Socios, "grant-access", grant(0x7012, "recorder", &[SOCIOS, SOCIOS])).await;
    let pause = Call::new(credential(0x7012), "pause-offer", &json!({"id": uuid(9)}));
    assert_eq!(node.send(pause).await, "record-unknown");
    // One that ends gives none that lasts longer.
    let end = "2026-06-30T00:00:00Z";
    let passing = with(grant(0x7020, "organisation-admin", &[SOCIOS]), "/valid_through", json!(end));
    node.accept(By::Admin, "grant-access", passing).await;
    let give = |id: u128, through: Value| {
        let data = with(grant(id, "recorder", &[SOCIOS]), "/valid_through", through);
        Call::new(credential(0x7020), "grant-access", &data)
    };
    for longer in [Value::Null, json!("2026-06-30T00:00:01Z")] {
        assert_eq!(node.send(give(0x7021, longer)).await, "role-beyond-own@valid_through");
    }
    assert_eq!(node.send(give(0x7021, json!(end))).await, "(access.granted)");
}
