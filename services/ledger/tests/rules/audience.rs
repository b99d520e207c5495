//! Who may read what was recorded: the audience of every event type, and what changing a record's visibility does.

use crate::{
    agreements::bring_to,
    cast::{By, SOCIOS, agreement, convening, learning, listing, organisation, text, uuid, with},
    node::Node,
};
use serde_json::{Value, json};

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
fn visibility(kind: &str, id: u128, to: &str) -> Value {
    json!({"subject": format!("{kind}/{}", uuid(id)), "visibility": to})
}

/// What is recorded on records of the default visibility; restricted events stand in parentheses.
#[tokio::test(start_paused = true)]
async fn every_record_begins_with_the_audience_of_its_kind() {
    let node = Node::with_cast().await;
    let said = node.since(0).await;
    for expected in [
        "ledger.opened (access.granted)",
        "organisation.registered",
        "organisation.verified",
        "organisation.site-added",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("(organisation") && !said.contains(" access."), "{said}");
    for (command, data, expected) in [
        ("publish-offer", listing(1), "offer.published"),
        ("publish-demand", listing(2), "demand.published"),
        ("draft-agreement", agreement(3), "(agreement.drafted)"),
        ("register-agreement", agreement(4), "(agreement.registered)"),
        ("announce-convening", convening(5), "convening.announced"),
        ("register-convening", convening(6), "convening.registered"),
        ("register-learning", learning(7, &[SOCIOS]), "learning.registered"),
        ("submit-learning", learning(8, &[SOCIOS]), "(learning.submitted) (learning.authorship-accepted)"),
        ("publish-learning", only(8), "learning.published"),
    ] {
        assert_eq!(node.tell(By::Socios, command, data).await, expected, "{command}");
    }
}

/// On a record that not everybody may see, everything is restricted.
#[tokio::test(start_paused = true)]
async fn what_happens_to_a_restricted_record_is_restricted() {
    for of in ["members", "parties"] {
        let node = Node::with_cast().await;
        let hidden = |data: Value| with(data, "/visibility", json!(of));
        let head = node.head();
        for kind in ["offer", "demand"] {
            node.accept(By::Socios, &format!("publish-{kind}"), hidden(listing(1))).await;
            for verb in ["pause", "resume", "revise", "fulfil"] {
                let data = if verb == "revise" { listing(1) } else { only(1) };
                node.accept(By::Socios, &format!("{verb}-{kind}"), data).await;
            }
            node.accept(By::Socios, &format!("publish-{kind}"), hidden(listing(2))).await;
            node.accept(By::Socios, &format!("withdraw-{kind}"), only(2)).await;
            node.accept(By::Socios, &format!("publish-{kind}"), hidden(listing(3))).await;
        }
        node.accept(By::Socios, "announce-convening", hidden(convening(4))).await;
        let occasion = json!({"title": text("A day")});
        let session = json!({"id": uuid(4), "kind": "plenary", "text": occasion});
        node.accept(By::Socios, "record-session", session).await;
        let visit = json!({"id": uuid(4), "host": uuid(SOCIOS), "facilities": ["pharmacy"], "text": occasion});
        node.accept(By::Socios, "record-visit", visit).await;
        node.accept(By::Socios, "hold-convening", only(4)).await;
        node.accept(By::Socios, "announce-convening", hidden(convening(5))).await;
        node.accept(By::Socios, "postpone-convening", json!({"id": uuid(5), "starts_on": "2026-01-15"})).await;
        node.accept(By::Socios, "cancel-convening", only(5)).await;
        node.confirm(By::Ministry, "confirm-participation", &format!("convening/{}", uuid(4)), only(4)).await;
        node.accept(By::Socios, "register-learning", hidden(learning(6, &[SOCIOS]))).await;
        node.accept(By::Socios, "retract-learning", json!({"id": uuid(6), "reason": "wrong"})).await;
        node.accept(By::Admin, "register-organisation", hidden(organisation(7, "profile"))).await;
        let identifier = json!({"id": uuid(7), "identifier": "XM-DAC-1"});
        for command in ["add-identifier", "withdraw-identifier"] {
            node.accept(By::Admin, command, identifier.clone()).await;
        }
        for command in ["suspend-organisation", "reinstate-organisation"] {
            node.accept(By::Admin, command, only(7)).await;
        }
        node.accept(By::Admin, "verify-organisation", json!({"id": uuid(7), "method": "operator"})).await;
        node.accept(By::Admin, "revoke-verification", only(7)).await;
        for (id, state) in (10..).zip(["completed", "terminated", "suspended", "cancelled", "denied", "confirmed"]) {
            bring_to(&node, state, hidden(agreement(id))).await;
        }
        node.setup.clock.advance_to("2026-04-01T05:00:00Z");
        node.idle().await;
        let said = node.since(head).await;
        assert!(said.contains("(offer.expired)"), "{said}");
        let public: Vec<_> = said.split(' ').filter(|word| !word.starts_with('(')).collect();
        assert_eq!(public, Vec::<&str>::new(), "{of}");
    }
}

#[tokio::test(start_paused = true)]
async fn visibility_changes_by_its_owner_and_later_events_follow_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    for (by, to, expected) in [
        (By::Ministry, "members", "not-owner"),
        (By::Socios, "public", "visibility-same@visibility"),
        // Those who saw it are told.
        (By::Socios, "members", "offer.visibility-changed"),
        (By::Ministry, "public", "not-owner"),
        (By::Socios, "parties", "(offer.visibility-changed)"),
        // Who may not see it does not learn that it is there.
        (By::Ministry, "public", "record-unknown"),
    ] {
        assert_eq!(node.tell(by, "set-visibility", visibility("offer", 1, to)).await, expected, "{by:?} {to}");
    }
    assert_eq!(node.tell(By::Socios, "pause-offer", only(1)).await, "(offer.paused)");
    let said = node.tell(By::Socios, "set-visibility", visibility("offer", 1, "public")).await;
    assert_eq!(said, "offer.visibility-changed");
    assert_eq!(node.tell(By::Socios, "resume-offer", only(1)).await, "offer.resumed");
}

#[tokio::test(start_paused = true)]
async fn the_visibility_of_an_agreement_is_its_drafters_while_nothing_else_has_happened_to_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "draft-agreement", agreement(1)).await;
    for (by, to, expected) in [
        (By::University, "public", "record-unknown"),
        (By::Ministry, "public", "consent-required"),
        (By::Socios, "public", "agreement.visibility-changed"),
        (By::Ministry, "parties", "consent-required"),
        // What it did itself it may undo.
        (By::Socios, "parties", "agreement.visibility-changed"),
    ] {
        assert_eq!(node.tell(by, "set-visibility", visibility("agreement", 1, to)).await, expected, "{by:?} {to}");
    }
    node.accept(By::Socios, "propose-agreement", only(1)).await;
    for _ in 0..2 {
        let said = node.tell(By::Socios, "set-visibility", visibility("agreement", 1, "public")).await;
        assert_eq!(said, "consent-required");
        // A draft again, but one that others have seen proposed.
        node.tell(By::Socios, "withdraw-proposal", only(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_learning_that_is_not_published_stays_restricted_whatever_its_visibility() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "submit-learning", learning(1, &[SOCIOS])).await;
    for to in ["members", "public"] {
        let said = node.tell(By::Socios, "set-visibility", visibility("learning", 1, to)).await;
        assert_eq!(said, "(learning.visibility-changed)", "{to}");
    }
    let screening = json!({"id": uuid(1), "outcome": "passed"});
    assert_eq!(node.tell(By::Reviewer, "screen-learning", screening).await, "(learning.screened)");
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "learning.published");
}

#[tokio::test(start_paused = true)]
async fn who_may_see_one_record_is_changed_a_hundred_times_at_most() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    node.accept(By::Socios, "publish-offer", listing(2)).await;
    let change =
        |id: u128, visibility: &str| json!({"subject": format!("offer/{}", uuid(id)), "visibility": visibility});
    for _ in 0..50 {
        node.accept(By::Socios, "set-visibility", change(1, "members")).await;
        node.accept(By::Socios, "set-visibility", change(1, "public")).await;
    }
    let said = node.tell(By::Socios, "set-visibility", change(1, "members")).await;
    assert_eq!(said, "too-many-visibility-changes@visibility");
    node.accept(By::Socios, "set-visibility", change(2, "members")).await;
}
