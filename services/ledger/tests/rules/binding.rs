//! Nobody is bound by others alone: who must sign, what a proposal may take, and how whoever is named denies or leaves. Who counts is
//! tested with the views.

use crate::{
    agreements::bring_to,
    cast::{BROKER, By, MINISTRY, SOCIOS, UNIVERSITY, agreement, commitment, grant, listing, uuid, with},
    node::{Call, Node},
};
use convenio_events::{Actor, Subject, types::agreement as facts};
use convenio_ledger::{
    authorise::Credential,
    rejection::Refusal,
    state::{Begun, State as _, agreement::Agreement},
};
use serde_json::{Value, json};

const OFFER: u128 = 1;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
fn offer() -> String {
    format!("offer/{}", uuid(OFFER))
}
fn takes(id: u128, amount: &str) -> Value {
    with(agreement(id), "/terms/commitments", json!([commitment(1, amount, &offer())]))
}
/// The agreement with one more party, which does not sign.
fn beside(data: Value, organisation: u128, role: &str) -> Value {
    let mut data = data;
    let party = json!({"organisation": uuid(organisation), "roles": [role], "side": "PE", "signs": false});
    data["terms"]["parties"].as_array_mut().expect("a list").push(party);
    data
}

#[tokio::test(start_paused = true)]
async fn whoever_offers_requests_pays_gives_or_receives_signs() {
    let node = Node::with_cast().await;
    let unsigned = |at: u32, role: &str| {
        let data = with(agreement(2), &format!("/terms/parties/{at}/signs"), json!(false));
        with(data, &format!("/terms/parties/{at}/roles"), json!([role]))
    };
    for role in ["offering", "requesting", "donor"] {
        for at in [0, 1] {
            let said = node.tell(By::Socios, "draft-agreement", unsigned(at, role)).await;
            assert_eq!(said, format!("signature-required@terms.parties[{at}].signs"), "{role}");
        }
    }
    // What it would do besides does not free it.
    let both = with(unsigned(1, "observer"), "/terms/parties/1/roles", json!(["technical", "donor"]));
    assert_eq!(node.tell(By::Socios, "draft-agreement", both).await, "signature-required@terms.parties[1].signs");
    // Whoever gives or receives is bound, whatever its role is called.
    let given = |role: &str| {
        let data = with(unsigned(1, role), "/terms/commitments", json!([commitment(1, "1", &offer())]));
        with(data, "/terms/modality", json!("network"))
    };
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    for role in ["technical", "facilitator", "observer"] {
        let said = node.tell(By::Socios, "draft-agreement", given(role)).await;
        assert_eq!(said, "signature-required@terms.parties[1].signs", "{role}");
    }
    for (id, role) in (3..).zip(["technical", "facilitator", "observer"]) {
        let data = with(beside(agreement(2), UNIVERSITY, role), "/id", json!(uuid(id)));
        assert_eq!(
            node.tell(By::Socios, "draft-agreement", data).await,
            "(agreement.drafted)",
            "{role} may only look on"
        );
    }
    let revised = with(unsigned(1, "requesting"), "/id", json!(uuid(3)));
    assert_eq!(
        node.tell(By::Ministry, "revise-agreement", revised).await,
        "signature-required@terms.parties[1].signs",
        "a revision cannot bind either"
    );
}

/// What earlier versions of this program recorded: a party that gives, of which no signature was asked.
fn recorded_before() -> Agreement {
    let terms = |json: Value| serde_json::from_value::<facts::Terms>(json).expect("terms");
    let data = with(takes(2, "10"), "/terms/parties/0/signs", json!(false));
    let drafted = facts::Drafted {
        by: uuid(MINISTRY).parse().expect("an id"),
        links: facts::Links::default(),
        terms: terms(data["terms"].clone()),
        terms_digest: convenio_events::commitment::Digest([1; 32]),
        visibility: convenio_events::codes::Visibility::Parties,
    };
    let begun = Begun { by: Actor::Organisation(drafted.by), under: None };
    Agreement::begin(&facts::Facts::Drafted(drafted), begun).expect("a draft begins it")
}

#[test]
fn a_proposal_of_an_earlier_version_waits_for_everybody_who_must_sign() {
    let mut agreement = recorded_before();
    let organisation = |id: u128| uuid(id).parse::<convenio_events::OrganisationId>().expect("an id");
    let signed = |by: u128| {
        facts::Facts::Signed(facts::Signed {
            by: organisation(by),
            mandate: None,
            method: convenio_events::codes::SignatureMethod::Platform,
            on: "2026-01-15".parse().expect("a day"),
            terms_digest: convenio_events::commitment::Digest([1; 32]),
        })
    };
    agreement.evolve(&facts::Facts::Proposed(facts::Proposed {
        terms_digest: convenio_events::commitment::Digest([1; 32]),
    }));
    agreement.evolve(&signed(MINISTRY));
    assert_eq!(agreement.effective_on(), None, "the provider has not signed");
    assert!(agreement.is_signed_by(organisation(SOCIOS)), "and may");
    agreement.evolve(&signed(SOCIOS));
    assert!(agreement.effective_on().is_some());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_taken_from_an_offer_before_its_owner_signs() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    node.accept(By::Ministry, "draft-agreement", takes(2, "10")).await;
    assert_eq!(node.tell(By::Ministry, "propose-agreement", only(2)).await, "(agreement.proposed)");
    assert_eq!(node.sign(By::Ministry, 2).await, "(agreement.signed)");
    // Nobody waits for an owner that says nothing: the whole offer is still there for others.
    node.accept(By::Socios, "draft-agreement", takes(3, "10")).await;
    node.accept(By::Socios, "propose-agreement", only(3)).await;
    assert_eq!(node.sign(By::Socios, 3).await, "(agreement.signed) (offer.reserved)");
    let last = "(agreement.signed) (agreement.activated) (offer.allocated)";
    assert_eq!(node.sign(By::Ministry, 3).await, last);
    assert_eq!(node.sign(By::Socios, 2).await, "quantity-exceeded@terms.commitments");
}

#[tokio::test(start_paused = true)]
async fn how_much_is_left_is_found_out_by_no_number_of_proposals() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    bring_to(&node, "active", takes(2, "7.25")).await;
    for (id, amount) in (0x10..).zip(["1", "2", "2.75", "2.750001", "3", "5", "9.999999", "10"]) {
        node.accept(By::Ministry, "draft-agreement", takes(id, amount)).await;
        let said = node.tell(By::Ministry, "propose-agreement", only(id)).await;
        assert_eq!(said, "(agreement.proposed)", "{amount}");
        assert_eq!(node.sign(By::Ministry, id).await, "(agreement.signed)", "{amount}");
    }
    // How much it is in all everybody reads in the offer.
    node.accept(By::Ministry, "draft-agreement", takes(0x30, "10.000001")).await;
    assert_eq!(node.tell(By::Ministry, "propose-agreement", only(0x30)).await, "quantity-exceeded@terms.commitments");
    // Its owner is told, with the amounts, and nothing is written.
    let head = node.head();
    let data = json!({"id": uuid(0x13), "terms_digest": node.terms_digest(0x13).await});
    let answer = node.answer(&Call::new(By::Socios.credential(), "sign-agreement", &data)).await;
    let Err(Refusal::Rejected(rejection)) = answer else { panic!("{answer:?}") };
    assert_eq!(rejection.code, "quantity-exceeded");
    assert!(rejection.detail.expect("says how much").starts_with("2.75 expert-days of"));
    assert_eq!(node.head(), head);
    let fits = node.sign(By::Socios, 0x12).await;
    assert_eq!(fits, "(agreement.signed) (offer.reserved) (agreement.activated) (offer.allocated)");
}

fn rector() -> Credential {
    By::Rector.credential()
}

#[tokio::test(start_paused = true)]
async fn whoever_is_named_may_deny_until_it_signs_and_take_that_back() {
    let node = Node::with_cast().await;
    node.accept(By::Admin, "verify-organisation", json!({"id": uuid(UNIVERSITY), "method": "site-visit"})).await;
    let subject = |id: u128| format!("agreement/{}", uuid(id));
    let states =
        ["drafted", "proposed", "signed", "awaited", "active", "suspended", "closing", "completed", "terminated"];
    for (id, state) in (2..).zip(states) {
        bring_to(&node, state, beside(agreement(id), UNIVERSITY, "observer")).await;
        assert_eq!(node.tell(By::Rector, "deny-agreement", only(id)).await, "(agreement.denied)", "{state}");
        assert_eq!(node.tell(By::Rector, "deny-agreement", only(id)).await, "already-denied", "{state}");
        let subject = subject(id);
        let confirm = async || node.confirm(By::Rector, "confirm-agreement", &subject, only(id)).await;
        assert_eq!(confirm().await, "(agreement.confirmed)", "{state}");
        assert_eq!(confirm().await, "already-confirmed", "{state}");
        assert_eq!(node.tell(By::Rector, "deny-agreement", only(id)).await, "(agreement.denied)", "{state}");
    }
    // It speaks for its own part: what the others agreed stands, and is cited.
    let cited = with(agreement(0x3f), "/links", json!({"parent": uuid(6)}));
    assert_eq!(node.tell(By::Socios, "draft-agreement", cited).await, "(agreement.drafted)");
    // Other terms are confirmed anew.
    node.accept(By::Socios, "draft-agreement", beside(agreement(0x1f), UNIVERSITY, "observer")).await;
    node.confirm(By::Rector, "confirm-agreement", &subject(0x1f), only(0x1f)).await;
    node.accept(By::Socios, "revise-agreement", beside(agreement(0x1f), UNIVERSITY, "observer")).await;
    let again = node.confirm(By::Rector, "confirm-agreement", &subject(0x1f), only(0x1f)).await;
    assert_eq!(again, "(agreement.confirmed)");
    // A party that must sign denies as long as it has not, and takes it back by signing.
    bring_to(&node, "proposed", agreement(0x20)).await;
    assert_eq!(node.tell(By::Ministry, "deny-agreement", only(0x20)).await, "(agreement.denied)");
    assert_eq!(node.confirm(By::Ministry, "confirm-agreement", &subject(0x20), only(0x20)).await, "not-registered");
    assert_eq!(node.sign(By::Ministry, 0x20).await, "(agreement.signed)");
    assert_eq!(node.tell(By::Ministry, "deny-agreement", only(0x20)).await, "already-signed");
    // Whoever is not named says nothing, and learns nothing.
    assert_eq!(node.tell(By::Rector, "deny-agreement", only(0x20)).await, "record-unknown");
}

#[tokio::test(start_paused = true)]
async fn whoever_is_named_may_leave_before_it_is_active_and_is_not_named_again() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    let three = |id: u128| beside(takes(id, "4"), UNIVERSITY, "observer");
    bring_to(&node, "signed", three(2)).await;
    let said = node.tell(By::Rector, "leave-agreement", only(2)).await;
    assert_eq!(said, "(agreement.left) (offer.released)", "it is a draft again: what was signed named the leaver");
    for command in ["leave-agreement", "deny-agreement"] {
        assert_eq!(node.tell(By::Rector, command, only(2)).await, "not-party", "{command}: it is named no more");
    }
    assert_eq!(node.tell(By::Socios, "propose-agreement", only(2)).await, "party-left@terms.parties[2].organisation");
    let again = node.tell(By::Socios, "revise-agreement", three(2)).await;
    assert_eq!(again, "party-left@terms.parties[2].organisation");
    node.accept(By::Socios, "revise-agreement", takes(2, "4")).await;
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    node.sign(By::Socios, 2).await;
    assert!(node.sign(By::Ministry, 2).await.contains("(agreement.activated)"));
    let others = [("active", "already-active"), ("completed", "already-over"), ("cancelled", "already-over")];
    for (id, (state, expected)) in (0x40..).zip(others.into_iter().chain([("registered", "not-draft")])) {
        bring_to(&node, state, with(three(id), "/terms/commitments", json!([]))).await;
        assert_eq!(node.tell(By::Rector, "leave-agreement", only(id)).await, expected, "{state}");
    }
    // Its drafter leaves too, and then has no more say in it than anybody.
    node.accept(By::Socios, "draft-agreement", agreement(0x60)).await;
    assert_eq!(node.tell(By::Socios, "leave-agreement", only(0x60)).await, "(agreement.left)");
    assert_eq!(node.tell(By::Socios, "cancel-agreement", only(0x60)).await, "not-party");
    let public = json!({"subject": format!("agreement/{}", uuid(0x60)), "visibility": "public"});
    assert_eq!(node.tell(By::Socios, "set-visibility", public).await, "not-party");
    assert_eq!(node.tell(By::Ministry, "cancel-agreement", only(0x60)).await, "(agreement.cancelled)");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_organisation_may_still_leave() {
    let node = Node::with_cast().await;
    bring_to(&node, "proposed", agreement(2)).await;
    node.accept(By::Admin, "suspend-organisation", only(MINISTRY)).await;
    assert_eq!(node.tell(By::Ministry, "leave-agreement", only(2)).await, "(agreement.left)");
}

#[tokio::test(start_paused = true)]
async fn a_party_that_a_revision_leaves_out_has_no_more_to_say() {
    let node = Node::with_cast().await;
    node.accept(By::Admin, "grant-access", with(grant(0x6200, "signatory", &[BROKER]), "/may_sign", json!(true))).await;
    let broker: Subject = format!("access/{}", uuid(0x6200)).parse().expect("a subject");
    let broker = Credential::Grant(convenio_events::AccessId::new(broker.id));
    node.accept(By::Socios, "draft-agreement", beside(agreement(2), BROKER, "observer")).await;
    node.accept(By::Socios, "revise-agreement", agreement(2)).await;
    for command in ["propose-agreement", "cancel-agreement", "leave-agreement", "deny-agreement", "refuse-agreement"] {
        // Who was left out has read it, and learns no more; nobody else knows that it is there.
        for (credential, expected) in [(broker, "not-party"), (rector(), "record-unknown")] {
            let said = node.send(Call::new(credential, command, &only(2))).await;
            assert_eq!(said, expected, "{command}");
        }
    }
}
