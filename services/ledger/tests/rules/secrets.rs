//! What somebody may not see does not exist for it, and who may not end or vouch for what. Which views show what is tested elsewhere.

use crate::{
    cast::{
        By, OBSERVATORY, SOCIOS, UNIVERSITY, agreement, commitment, convening, grant, learning, listing, organisation,
        text, uuid, with,
    },
    node::{Call, Node},
};
use convenio_ledger::rejection::Refusal;
use serde_json::{Value, json};

const OFFER: u128 = 0x0f;
const HIDDEN: u128 = 0x41d;
const NOBODY: u128 = 0xdead;

/// The observatory's profile, the NGO's offer, its learning, its convening and its agreement, none of them for others to see.
async fn with_secrets() -> Node {
    let node = Node::with_cast().await;
    let secret = |data: Value| with(data, "/visibility", json!("parties"));
    node.accept(By::Admin, "register-organisation", secret(organisation(HIDDEN, "profile"))).await;
    node.accept(By::Socios, "publish-offer", secret(listing(OFFER))).await;
    node.accept(By::Socios, "submit-learning", learning(HIDDEN, &[SOCIOS])).await;
    node.accept(By::Socios, "announce-convening", secret(convening(HIDDEN))).await;
    node.accept(By::Socios, "draft-agreement", agreement(HIDDEN)).await;
    node
}

#[tokio::test(start_paused = true)]
async fn what_one_may_not_see_is_refused_like_what_is_not_there() {
    let node = with_secrets().await;
    node.accept(By::University, "publish-offer", listing(0x10)).await;
    let affiliation = |id: u128, with: u128| json!({"id": uuid(id), "with": uuid(with), "kind": "member"});
    let secret = |id: u128| json!({"id": uuid(id)});
    let subject = |kind: &str, id: u128| json!({"subject": format!("{kind}/{}", uuid(id)), "visibility": "members"});
    let evidence = |id: u128| with(listing(0x11), "/terms/evidence", json!([uuid(id)]));
    let link = |kind: &str, id: u128| {
        with(learning(0x12, &[UNIVERSITY]), "/content/links", json!([format!("{kind}/{}", uuid(id))]))
    };
    let session = |id: u128| json!({"id": uuid(id), "kind": "meeting", "text": {"title": text("A meeting")}});
    let with_profile = |id: u128| with(learning(0x13, &[UNIVERSITY]), "/content/authors/0", json!(uuid(id)));
    let identifier = |id: u128| json!({"id": uuid(id), "identifier": "XM-DAC-99999"});
    let fulfil = |id: u128| json!({"id": uuid(0x10), "agreement": uuid(id)});
    type Made<'a> = &'a dyn Fn(u128) -> Value;
    let table: [(&str, u128, Made<'_>); 19] = [
        ("pause-offer", OFFER, &secret),
        ("resume-offer", OFFER, &secret),
        ("retract-learning", HIDDEN, &|id| json!({"id": uuid(id), "reason": "Because"})),
        ("publish-learning", HIDDEN, &secret),
        ("hold-convening", HIDDEN, &secret),
        ("record-session", HIDDEN, &session),
        ("cancel-agreement", HIDDEN, &secret),
        ("add-identifier", HIDDEN, &identifier),
        ("affiliate-organisation", HIDDEN, &|id| affiliation(id, UNIVERSITY)),
        ("affiliate-organisation", HIDDEN, &|id| affiliation(UNIVERSITY, id)),
        ("set-visibility", HIDDEN, &|id| subject("organisation", id)),
        ("set-visibility", OFFER, &|id| subject("offer", id)),
        ("set-visibility", HIDDEN, &|id| subject("learning", id)),
        ("publish-offer", HIDDEN, &evidence),
        ("submit-learning", HIDDEN, &|id| link("agreement", id)),
        ("submit-learning", OFFER, &|id| link("offer", id)),
        ("submit-learning", HIDDEN, &|id| link("convening", id)),
        ("register-learning", HIDDEN, &with_profile),
        ("fulfil-offer", HIDDEN, &fulfil),
    ];
    for (command, id, data) in table {
        let code = async |id| {
            let answer = node.answer(&Call::new(By::University.credential(), command, &data(id)).expecting(7)).await;
            match answer {
                Err(Refusal::Rejected(rejection)) => {
                    (rejection.code.into_owned(), rejection.field, rejection.detail.map(|it| it.replace(&uuid(id), "")))
                }
                other => panic!("{command}: {other:?}"),
            }
        };
        assert_eq!(code(id).await, code(NOBODY).await, "{command}");
    }
    for command in ["accept-authorship", "confirm-participation"] {
        let call = Call::new(By::University.credential(), command, &secret(HIDDEN)).expecting(0);
        assert_eq!(node.send(call).await, "record-unknown", "{command}");
    }
    let revoked = node.tell(By::Socios, "revoke-access", json!({"id": uuid(By::Ministry.grant())})).await;
    assert_eq!(revoked, node.tell(By::Socios, "revoke-access", secret(NOBODY)).await);
}

#[tokio::test(start_paused = true)]
async fn an_agreement_takes_from_what_its_parties_see() {
    let node = with_secrets().await;
    let source = format!("offer/{}", uuid(OFFER));
    let taking = |amount| with(agreement(0x20), "/terms/commitments", json!([commitment(0x21, amount, &source)]));
    let unseen = node.tell(By::Ministry, "draft-agreement", taking("1")).await;
    assert_eq!(unseen, "link-unknown@terms.commitments[0].source");
    node.accept(By::Socios, "draft-agreement", taking("1")).await;
    // The other party knows it from the terms by now.
    node.accept(By::Ministry, "revise-agreement", taking("12")).await;
    // How much it is in all is for those who see it: the other party proposes what it may, and the owner is told when it signs.
    assert_eq!(
        node.tell(By::Socios, "propose-agreement", json!({"id": uuid(0x20)})).await,
        "quantity-exceeded@terms.commitments"
    );
    assert_eq!(node.tell(By::Ministry, "propose-agreement", json!({"id": uuid(0x20)})).await, "(agreement.proposed)");
    assert_eq!(node.sign(By::Ministry, 0x20).await, "(agreement.signed)");
    assert_eq!(node.sign(By::Socios, 0x20).await, "quantity-exceeded@terms.commitments");
}

#[tokio::test(start_paused = true)]
async fn what_others_claim_of_an_organisation_gives_them_no_sight_of_it() {
    let node = Node::with_cast().await;
    let claim = |id: u128, affiliation: u128, with: u128| json!({"id": uuid(id), "affiliation": uuid(affiliation), "with": uuid(with), "kind": "member"});
    node.accept(By::University, "affiliate-organisation", claim(SOCIOS, 1, UNIVERSITY)).await;
    let hidden = json!({"subject": format!("organisation/{}", uuid(SOCIOS)), "visibility": "parties"});
    node.accept(By::Socios, "set-visibility", hidden).await;
    let end = |affiliation: u128| json!({"id": uuid(SOCIOS), "affiliation": uuid(affiliation)});
    assert_eq!(node.tell(By::University, "end-affiliation", end(1)).await, "record-unknown");
    assert_eq!(
        node.tell(By::University, "affiliate-organisation", claim(UNIVERSITY, 2, SOCIOS)).await,
        "organisation-unknown@with"
    );
    // What it says itself does.
    let own = with(claim(SOCIOS, 3, UNIVERSITY), "/kind", json!("sister"));
    node.accept(By::Socios, "affiliate-organisation", own).await;
    let subject = format!("organisation/{}", uuid(SOCIOS));
    let confirmed = node.confirm(By::University, "confirm-affiliation", &subject, end(3)).await;
    assert_eq!(confirmed, "(organisation.affiliation-confirmed)");
    node.accept(By::Socios, "end-affiliation", end(3)).await;
    assert_eq!(node.tell(By::University, "end-affiliation", end(1)).await, "not-party", "that is over");
}

#[tokio::test(start_paused = true)]
async fn what_met_an_offer_is_for_those_who_see_the_agreement() {
    let node = with_secrets().await;
    node.accept(By::Socios, "publish-offer", listing(0x30)).await;
    let met = node.tell(By::Socios, "fulfil-offer", json!({"id": uuid(0x30), "agreement": uuid(HIDDEN)})).await;
    assert_eq!(met, "(offer.fulfilled)");
}

#[tokio::test(start_paused = true)]
async fn a_learning_that_was_never_published_stays_unseen_when_it_is_taken_back() {
    let node = with_secrets().await;
    let widened = json!({"subject": format!("learning/{}", uuid(HIDDEN)), "visibility": "parties"});
    assert_eq!(node.tell(By::Socios, "set-visibility", widened.clone()).await, "(learning.visibility-changed)");
    let widened = with(widened, "/visibility", json!("public"));
    assert_eq!(node.tell(By::Socios, "set-visibility", widened).await, "(learning.visibility-changed)");
    let taken_back = json!({"id": uuid(HIDDEN), "reason": "Not ready"});
    assert_eq!(node.tell(By::Socios, "retract-learning", taken_back.clone()).await, "(learning.retracted)");
    assert_eq!(node.tell(By::University, "retract-learning", taken_back).await, "record-unknown");
}

#[tokio::test(start_paused = true)]
async fn nobody_vouches_for_or_reviews_any_organisation_of_its_grant() {
    let node = with_secrets().await;
    let both = grant(0x6100, "admin", &[OBSERVATORY, UNIVERSITY]);
    node.accept(By::Operator, "grant-access", both).await;
    node.accept(By::Operator, "grant-access", grant(0x6101, "reviewer", &[SOCIOS, UNIVERSITY])).await;
    let under = |id: u128| convenio_ledger::authorise::Credential::Grant(uuid(id).parse().expect("an id"));
    let verify = json!({"id": uuid(UNIVERSITY), "method": "official-letter"});
    let call = Call::new(under(0x6100), "verify-organisation", &verify).acting_for(OBSERVATORY);
    assert_eq!(node.send(call).await, "verify-itself");
    let screen = json!({"id": uuid(HIDDEN), "outcome": "passed"});
    let call = Call::new(under(0x6101), "screen-learning", &screen).acting_for(UNIVERSITY);
    assert_eq!(node.send(call).await, "review-own");
}

#[tokio::test(start_paused = true)]
async fn the_audited_do_not_end_the_grants_of_auditors_and_admins() {
    let node = Node::with_cast().await;
    for (id, role) in [(0x6100, "auditor"), (0x6101, "admin"), (0x6102, "reviewer"), (0x6103, "recorder")] {
        node.accept(By::Operator, "grant-access", grant(id, role, &[SOCIOS])).await;
        let ended = node.tell(By::Socios, "revoke-access", json!({"id": uuid(id)})).await;
        assert_eq!(ended, if role == "recorder" { "(access.revoked)" } else { "role-beyond-own@role" });
    }
}

#[tokio::test(start_paused = true)]
async fn the_host_of_a_visit_confirms_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "register-convening", convening(0x40)).await;
    let visit = json!({
        "id": uuid(0x40), "host": uuid(UNIVERSITY), "facilities": ["laboratory"], "text": {"title": text("The laboratory")},
    });
    node.accept(By::Socios, "record-visit", visit).await;
    let subject = format!("convening/{}", uuid(0x40));
    let confirmed = node.confirm(By::University, "confirm-participation", &subject, json!({"id": uuid(0x40)})).await;
    assert_eq!(confirmed, "convening.participation-confirmed");
}
