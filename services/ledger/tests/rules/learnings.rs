//! A learning on its way to publication: revised after a reviewer asked, accepted anew, screened again. What its states make of
//! each command is in the table of `records`.

use crate::{
    cast::{BROKER, By, MINISTRY, SOCIOS, convening, learning, listing, uuid, with},
    node::Node,
};
use serde_json::{Value, json};

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
fn screening(id: u128, outcome: &str) -> Value {
    json!({"id": uuid(id), "outcome": outcome})
}
fn subject(id: u128) -> String {
    format!("learning/{}", uuid(id))
}

#[tokio::test(start_paused = true)]
async fn a_requested_revision_is_made_screened_again_and_published() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "submit-learning", learning(1, &[SOCIOS])).await;
    node.accept(By::Reviewer, "screen-learning", screening(1, "revision-requested")).await;
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "screening-required");
    let said = node.tell(By::Socios, "revise-learning", learning(1, &[SOCIOS])).await;
    assert_eq!(said, "(learning.revised) (learning.authorship-accepted)");
    // A reviewer asked for it: it is not published as if nobody had looked.
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "screening-required");
    node.accept(By::Reviewer, "screen-learning", screening(1, "passed")).await;
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "learning.published");
    let event = node.events(node.head() - 1).await.remove(0);
    assert!(event.facts.to_canonical().contains(r#""level":"screened""#));
}

#[tokio::test(start_paused = true)]
async fn a_revision_before_any_screening_leaves_it_submitted_and_one_after_it_is_screened_again() {
    let node = Node::with_cast().await;
    for (id, screened, published) in [(1, false, "learning.published"), (2, true, "screening-required")] {
        node.accept(By::Socios, "submit-learning", learning(id, &[SOCIOS])).await;
        if screened {
            node.accept(By::Reviewer, "screen-learning", screening(id, "passed")).await;
        }
        node.accept(By::Socios, "revise-learning", learning(id, &[SOCIOS])).await;
        assert_eq!(node.tell(By::Socios, "publish-learning", only(id)).await, published);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_accepted_other_words_accepts_anew() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "submit-learning", learning(1, &[SOCIOS, MINISTRY])).await;
    node.confirm(By::Ministry, "accept-authorship", &subject(1), only(1)).await;
    // Any author revises it, and accepts thereby.
    node.accept(By::Ministry, "revise-learning", learning(1, &[SOCIOS, MINISTRY, BROKER])).await;
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "authorship-open");
    for (by, said) in [(By::Ministry, "already-confirmed"), (By::Socios, ""), (By::Broker, "")] {
        let expected = if said.is_empty() { "(learning.authorship-accepted)" } else { said };
        assert_eq!(node.confirm(by, "accept-authorship", &subject(1), only(1)).await, expected, "{by:?}");
    }
    assert_eq!(node.tell(By::Socios, "publish-learning", only(1)).await, "learning.published");
}

#[tokio::test(start_paused = true)]
async fn a_revision_is_its_authors_and_leaves_them_in_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", with(listing(9), "/visibility", json!("parties"))).await;
    let hidden = format!("offer/{}", uuid(9));
    let linked = with(learning(1, &[SOCIOS, MINISTRY]), "/content/links", json!([hidden]));
    node.accept(By::Socios, "submit-learning", linked.clone()).await;
    node.accept(By::Socios, "announce-convening", with(convening(8), "/visibility", json!("parties"))).await;
    let unseen = with(learning(1, &[BROKER]), "/content/links", json!([format!("convening/{}", uuid(8))]));
    for (by, data, expected) in [
        (By::Broker, linked.clone(), "record-unknown"),
        (By::Reviewer, linked.clone(), "role-required"),
        (By::Ministry, learning(1, &[SOCIOS]), "not-owner@content.authors"),
        (By::Ministry, learning(1, &[]), "author-required@content.authors"),
        (By::Ministry, with(linked.clone(), "/content/themes", json!([])), "theme-required@content.themes"),
        (By::Ministry, with(linked.clone(), "/text/lessons", Value::Null), "lessons-required@text.lessons"),
        (By::Ministry, with(linked.clone(), "/visibility", json!("public")), "unknown-field@visibility"),
        // What it names already, its other authors know of.
        (By::Ministry, linked.clone(), "(learning.revised) (learning.authorship-accepted)"),
        (By::Socios, learning(1, &[SOCIOS, BROKER]), "(learning.revised) (learning.authorship-accepted)"),
        (By::Ministry, linked, "not-party"),
        (By::Broker, unseen, "link-unknown@content.links"),
    ] {
        assert_eq!(node.tell(by, "revise-learning", data.clone()).await, expected, "{by:?} {data}");
    }
    node.accept(By::Socios, "register-learning", with(learning(2, &[SOCIOS]), "/visibility", json!("public"))).await;
    assert_eq!(node.tell(By::Ministry, "revise-learning", learning(2, &[MINISTRY])).await, "not-owner");
}

#[tokio::test(start_paused = true)]
async fn a_reviewer_reaches_what_waits_for_review_and_nothing_else_that_is_hidden() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "register-learning", with(learning(1, &[SOCIOS]), "/visibility", json!("parties"))).await;
    assert_eq!(node.tell(By::Reviewer, "screen-learning", screening(1, "passed")).await, "record-unknown");
    node.accept(By::Socios, "submit-learning", learning(2, &[SOCIOS])).await;
    assert_eq!(node.tell(By::Reviewer, "screen-learning", screening(2, "passed")).await, "(learning.screened)");
}

#[tokio::test(start_paused = true)]
async fn what_was_retracted_or_denied_is_not_cited_anew_and_stays_where_it_is_cited() {
    use crate::{agreements::bring_to, cast::agreement};
    let node = Node::with_cast().await;
    let evidence = |id: u128, learnings: &[u128]| {
        let learnings: Vec<_> = learnings.iter().map(|id| uuid(*id)).collect();
        with(listing(id), "/terms/evidence", json!(learnings))
    };
    for id in [1, 2] {
        node.accept(By::Socios, "register-learning", learning(id, &[SOCIOS])).await;
    }
    node.accept(By::Socios, "publish-offer", evidence(0x10, &[1])).await;
    node.accept(By::Socios, "retract-learning", json!({"id": uuid(1), "reason": "the figures were wrong"})).await;
    for command in ["publish-offer", "publish-demand"] {
        let said = node.tell(By::Socios, command, evidence(0x11, &[2, 1])).await;
        assert_eq!(said, "not-citable@terms.evidence", "{command}");
    }
    assert_eq!(node.tell(By::Socios, "revise-offer", evidence(0x10, &[1, 2])).await, "offer.revised", "it was there");
    node.accept(By::Socios, "revise-offer", evidence(0x10, &[2])).await;
    assert_eq!(node.tell(By::Socios, "revise-offer", evidence(0x10, &[1])).await, "not-citable@terms.evidence");
    // The same of an agreement that a party denies, until it confirms.
    bring_to(&node, "denied", with(agreement(0x20), "/visibility", json!("public"))).await;
    let links =
        |id: u128| with(learning(id, &[SOCIOS]), "/content/links", json!([format!("agreement/{}", uuid(0x20))]));
    let linked = |id: u128, name: &str| {
        let mut data = agreement(id);
        data["links"] = json!({name: uuid(0x20)});
        data
    };
    for (command, data, expected) in [
        ("submit-learning", links(0x21), "not-citable@content.links"),
        ("register-learning", links(0x21), "not-citable@content.links"),
        ("draft-agreement", linked(0x22, "parent"), "not-citable@links.parent"),
        ("register-agreement", linked(0x22, "renews"), "not-citable@links.renews"),
        ("fulfil-offer", json!({"id": uuid(0x10), "agreement": uuid(0x20)}), "not-citable@agreement"),
    ] {
        assert_eq!(node.tell(By::Socios, command, data).await, expected, "{command}");
    }
    let subject = format!("agreement/{}", uuid(0x20));
    node.confirm(By::Socios, "confirm-agreement", &subject, only(0x20)).await;
    assert_eq!(node.tell(By::Socios, "register-learning", links(0x21)).await, "learning.registered");
    node.accept(By::Socios, "submit-learning", links(0x23)).await;
    node.accept(By::Socios, "deny-agreement", only(0x20)).await;
    let said = node.tell(By::Socios, "revise-learning", links(0x23)).await;
    assert_eq!(said, "(learning.revised) (learning.authorship-accepted)", "it was there");
}
