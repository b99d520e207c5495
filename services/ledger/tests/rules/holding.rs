//! What agreements reserve, allocate and release of offers and demands, and who may read that it happened.

use crate::{
    agreements::bring_to,
    cast::{By, agreement, commitment, listing, uuid, with},
    node::Node,
};
use convenio_events::{Event, types::Facts};
use convenio_ledger::{memory_stores::MemoryState, world::World};
use serde_json::{Value, json};
use std::sync::Arc;

const OFFER: u128 = 1;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
fn takes(id: u128, amounts: &[&str], source: &str) -> Value {
    let commitments: Vec<_> = amounts.iter().zip(1..).map(|(amount, id)| commitment(id, amount, source)).collect();
    with(agreement(id), "/terms/commitments", json!(commitments))
}

/// What is left of the offer, after everything so far.
async fn left(node: &Node) -> String {
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for event in &node.events(0).await {
        world.fold(event.into());
    }
    let offer = world.listing(format!("offer/{}", uuid(OFFER)).parse().expect("a subject")).expect("is there");
    offer.left().map_or_else(|| "no end".to_owned(), |(unit, left)| format!("{left} {unit}"))
}

#[tokio::test(start_paused = true)]
async fn proposing_reserves_activation_allocates_and_an_early_end_releases() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    node.accept(By::Socios, "draft-agreement", takes(2, &["2.5", "4"], &offer)).await;
    assert_eq!(left(&node).await, "10 expert-days");
    assert_eq!(node.tell(By::Ministry, "propose-agreement", only(2)).await, "(agreement.proposed) (offer.reserved)");
    assert_eq!(left(&node).await, "3.5 expert-days");
    let said = node.tell(By::Ministry, "withdraw-proposal", only(2)).await;
    assert_eq!(said, "(agreement.proposal-withdrawn) (offer.released)");
    assert_eq!(left(&node).await, "10 expert-days");
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    assert_eq!(node.tell(By::Ministry, "refuse-agreement", only(2)).await, "(agreement.refused) (offer.released)");
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    // Revised terms take something else: what the old ones held is free.
    let said = node.tell(By::Socios, "revise-agreement", takes(2, &["6"], &offer)).await;
    assert_eq!(said, "(agreement.revised) (offer.released)");
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    assert_eq!(left(&node).await, "4 expert-days");
    // Another agreement finds less; what is exactly left is enough.
    node.accept(By::Socios, "draft-agreement", takes(3, &["4.000001"], &offer)).await;
    let said = node.tell(By::Socios, "propose-agreement", only(3)).await;
    assert_eq!(said, "quantity-exceeded@terms.commitments");
    node.accept(By::Socios, "revise-agreement", takes(3, &["4"], &offer)).await;
    node.accept(By::Socios, "propose-agreement", only(3)).await;
    assert_eq!(left(&node).await, "0 expert-days");
    assert_eq!(node.tell(By::Socios, "cancel-agreement", only(3)).await, "(agreement.cancelled) (offer.released)");
    node.sign(By::Socios, 2).await;
    let said = node.sign(By::Ministry, 2).await;
    assert_eq!(said, "(agreement.signed) (agreement.activated) (offer.allocated)");
    assert_eq!(left(&node).await, "4 expert-days");
    assert_eq!(node.tell(By::Socios, "terminate-agreement", only(2)).await, "(agreement.terminated) (offer.released)");
    assert_eq!(left(&node).await, "10 expert-days");
}

#[tokio::test(start_paused = true)]
async fn what_was_carried_out_stays_taken_and_what_is_over_keeps_its_promises() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    bring_to(&node, "completed", takes(2, &["7"], &offer)).await;
    assert_eq!(left(&node).await, "3 expert-days");
    bring_to(&node, "proposed", takes(3, &["3"], &offer)).await;
    assert_eq!(node.tell(By::Socios, "withdraw-offer", only(OFFER)).await, "offer.withdrawn");
    // The withdrawal voids no reservation.
    node.sign(By::Ministry, 3).await;
    assert!(node.sign(By::Socios, 3).await.ends_with("(offer.allocated)"));
    assert_eq!(left(&node).await, "0 expert-days");
}

#[tokio::test(start_paused = true)]
async fn a_revision_of_an_offer_leaves_what_agreements_hold() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    bring_to(&node, "proposed", takes(2, &["6"], &offer)).await;
    let revised =
        |amount: &str, unit: &str| with(listing(OFFER), "/terms/quantity", json!({"amount": amount, "unit": unit}));
    for (amount, unit, expected) in [
        ("5.999999", "expert-days", "quantity-exceeded@terms.quantity"),
        ("60", "visits", "unit-differs@terms.quantity"),
        ("6", "expert-days", "offer.revised"),
        ("20", "expert-days", "offer.revised"),
    ] {
        assert_eq!(node.tell(By::Socios, "revise-offer", revised(amount, unit)).await, expected, "{amount} {unit}");
    }
    assert_eq!(left(&node).await, "14 expert-days");
    let endless = with(listing(OFFER), "/terms/quantity", Value::Null);
    assert_eq!(node.tell(By::Socios, "revise-offer", endless).await, "offer.revised");
    assert_eq!(left(&node).await, "no end");
}

#[tokio::test(start_paused = true)]
async fn an_offer_without_end_is_taken_by_everybody() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", with(listing(OFFER), "/terms/quantity", Value::Null)).await;
    for id in 2..5 {
        bring_to(&node, "active", takes(id, &["1000"], &offer)).await;
    }
    assert_eq!(left(&node).await, "no end");
    let held = |event: &Event| matches!(&event.facts, Facts::Listing(facts) if facts.suffix() == "allocated.v1");
    assert_eq!(node.events(0).await.iter().filter(|event| held(event)).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_demand_is_met_by_its_receivers_agreement() {
    let (node, demand) = (Node::with_cast().await, format!("demand/{}", uuid(OFFER)));
    node.accept(By::Ministry, "publish-demand", listing(OFFER)).await;
    node.accept(By::Socios, "draft-agreement", takes(2, &["10"], &demand)).await;
    assert_eq!(node.tell(By::Socios, "propose-agreement", only(2)).await, "(agreement.proposed) (demand.reserved)");
}

/// `public`, `members` or `parties` of the agreement and of the offer, and how what happens on the offer is told.
#[tokio::test(start_paused = true)]
async fn what_happens_to_an_offer_because_of_an_agreement_takes_the_narrower_audience() {
    for (of_agreement, of_offer, expected) in [
        ("public", "public", "agreement.proposed offer.reserved"),
        ("public", "members", "agreement.proposed (offer.reserved)"),
        ("members", "public", "(agreement.proposed) (offer.reserved)"),
        ("parties", "public", "(agreement.proposed) (offer.reserved)"),
        ("parties", "parties", "(agreement.proposed) (offer.reserved)"),
    ] {
        let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
        node.accept(By::Socios, "publish-offer", with(listing(OFFER), "/visibility", json!(of_offer))).await;
        let data = with(takes(2, &["1"], &offer), "/visibility", json!(of_agreement));
        node.accept(By::Socios, "draft-agreement", data).await;
        let said = node.tell(By::Socios, "propose-agreement", only(2)).await;
        assert_eq!(said, expected, "{of_agreement} {of_offer}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agreement_concluded_elsewhere_may_have_met_what_is_closed_by_now() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    node.accept(By::Socios, "withdraw-offer", only(OFFER)).await;
    assert_eq!(
        node.tell(By::Socios, "draft-agreement", takes(2, &["4"], &offer)).await,
        "offer-closed@terms.commitments[0].source"
    );
    let past = with(takes(3, &["4"], &offer), "/concluded_on", json!("2025-06"));
    let said = node.tell(By::Socios, "register-agreement", past).await;
    assert_eq!(said, "(agreement.registered) (agreement.confirmed)");
}
