//! What agreements reserve, allocate and release of offers and demands, and who may read that it happened.

use crate::{
    agreements::bring_to,
    cast::{By, agreement, commitment, listing, uuid, with},
    node::Node,
};
use convenio_events::types::Facts;
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
async fn the_owners_signature_reserves_activation_allocates_and_an_early_end_releases() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    node.accept(By::Socios, "draft-agreement", takes(2, &["2.5", "4"], &offer)).await;
    assert_eq!(node.tell(By::Ministry, "propose-agreement", only(2)).await, "(agreement.proposed)");
    assert_eq!(left(&node).await, "10 expert-days");
    assert_eq!(node.sign(By::Socios, 2).await, "(agreement.signed) (offer.reserved)");
    assert_eq!(left(&node).await, "3.5 expert-days");
    let said = node.tell(By::Ministry, "withdraw-proposal", only(2)).await;
    assert_eq!(said, "(agreement.proposal-withdrawn) (offer.released)");
    assert_eq!(left(&node).await, "10 expert-days");
    let proposed = async || {
        node.accept(By::Socios, "propose-agreement", only(2)).await;
        assert_eq!(node.sign(By::Socios, 2).await, "(agreement.signed) (offer.reserved)");
    };
    proposed().await;
    assert_eq!(node.tell(By::Ministry, "refuse-agreement", only(2)).await, "(agreement.refused) (offer.released)");
    proposed().await;
    // Revised terms take something else: what the old ones held is free.
    let said = node.tell(By::Socios, "revise-agreement", takes(2, &["6"], &offer)).await;
    assert_eq!(said, "(agreement.revised) (offer.released)");
    proposed().await;
    assert_eq!(left(&node).await, "4 expert-days");
    // Another agreement finds less; what is exactly left is enough.
    node.accept(By::Socios, "draft-agreement", takes(3, &["4.000001"], &offer)).await;
    node.accept(By::Socios, "propose-agreement", only(3)).await;
    assert_eq!(node.sign(By::Socios, 3).await, "quantity-exceeded@terms.commitments");
    node.accept(By::Socios, "revise-agreement", takes(3, &["4"], &offer)).await;
    node.accept(By::Socios, "propose-agreement", only(3)).await;
    node.sign(By::Socios, 3).await;
    assert_eq!(left(&node).await, "0 expert-days");
    assert_eq!(node.tell(By::Socios, "cancel-agreement", only(3)).await, "(agreement.cancelled) (offer.released)");
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
    bring_to(&node, "signed", takes(3, &["2"], &offer)).await;
    bring_to(&node, "proposed", takes(4, &["1"], &offer)).await;
    assert_eq!(node.tell(By::Socios, "withdraw-offer", only(OFFER)).await, "offer.withdrawn");
    // The withdrawal voids no reservation, and nothing more is reserved.
    assert!(node.sign(By::Ministry, 3).await.ends_with("(offer.allocated)"));
    assert_eq!(node.sign(By::Ministry, 4).await, "(agreement.signed)");
    assert_eq!(node.sign(By::Socios, 4).await, "offer-closed@terms.commitments");
    assert_eq!(left(&node).await, "1 expert-days");
}

#[tokio::test(start_paused = true)]
async fn a_revision_of_an_offer_leaves_what_agreements_hold() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    bring_to(&node, "signed", takes(2, &["6"], &offer)).await;
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
async fn an_offer_without_end_is_taken_by_everybody_and_a_total_set_later_covers_what_is_held() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    let endless = with(listing(OFFER), "/terms/quantity", Value::Null);
    node.accept(By::Socios, "publish-offer", endless.clone()).await;
    for (id, amount) in (2..).zip(["5", "7.5", "2.5"]) {
        bring_to(&node, "active", takes(id, &[amount], &offer)).await;
    }
    assert_eq!(left(&node).await, "no end");
    let total =
        |amount: &str, unit: &str| with(endless.clone(), "/terms/quantity", json!({"amount": amount, "unit": unit}));
    for (amount, unit, expected) in [
        ("14.999999", "expert-days", "quantity-exceeded@terms.quantity"),
        ("100", "visits", "unit-differs@terms.quantity"),
        ("20", "expert-days", "offer.revised"),
    ] {
        assert_eq!(node.tell(By::Socios, "revise-offer", total(amount, unit)).await, expected, "{amount} {unit}");
    }
    assert_eq!(left(&node).await, "5 expert-days");
    node.accept(By::Socios, "draft-agreement", takes(8, &["5.000001"], &offer)).await;
    node.accept(By::Socios, "propose-agreement", only(8)).await;
    assert_eq!(node.sign(By::Socios, 8).await, "quantity-exceeded@terms.commitments");
    bring_to(&node, "active", takes(9, &["5"], &offer)).await;
    assert_eq!(left(&node).await, "0 expert-days");
    assert_eq!(node.tell(By::Socios, "terminate-agreement", only(3)).await, "(agreement.terminated) (offer.released)");
    assert_eq!(left(&node).await, "7.5 expert-days", "what it held when there was no end is given back");
}

#[tokio::test(start_paused = true)]
async fn what_is_unlimited_is_held_in_as_many_units_as_agreements_take_of_it() {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", with(listing(OFFER), "/terms/quantity", Value::Null)).await;
    let visits = with(commitment(8, "3", &offer), "/quantity/unit", json!("visits"));
    let silent = with(commitment(9, "1", &offer), "/quantity", Value::Null);
    let data = with(agreement(2), "/terms/commitments", json!([commitment(1, "2", &offer), visits, silent]));
    bring_to(&node, "active", data).await;
    let total =
        |amount: &str, unit: &str| with(listing(OFFER), "/terms/quantity", json!({"amount": amount, "unit": unit}));
    for unit in ["expert-days", "visits"] {
        assert_eq!(node.tell(By::Socios, "revise-offer", total("50", unit)).await, "unit-differs@terms.quantity");
    }
    node.accept(By::Ministry, "terminate-agreement", only(2)).await;
    assert_eq!(node.tell(By::Socios, "revise-offer", total("50", "visits")).await, "offer.revised");
}

/// Earlier versions of this program did not write down how much is held of what is unlimited.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_version_held_without_an_amount_has_that_of_the_agreement() {
    use convenio_events::types::listing;
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
    node.accept(By::Socios, "publish-offer", with(listing(OFFER), "/terms/quantity", Value::Null)).await;
    bring_to(&node, "active", takes(2, &["5", "2"], &offer)).await;
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for mut event in node.events(0).await {
        if let Facts::Listing(listing::Facts::Reserved(reserved)) = &mut event.facts {
            assert!(reserved.quantity.take().is_some(), "what is written today");
        }
        world.fold((&event).into());
    }
    let held = world.listing(offer.parse().expect("a subject")).expect("is there").held.clone();
    assert_eq!(held.into_quantities().iter().map(ToString::to_string).collect::<Vec<_>>(), ["7 expert-days"]);
}

#[tokio::test(start_paused = true)]
async fn a_demand_is_met_by_its_receivers_agreement() {
    let (node, demand) = (Node::with_cast().await, format!("demand/{}", uuid(OFFER)));
    node.accept(By::Ministry, "publish-demand", listing(OFFER)).await;
    node.accept(By::Socios, "draft-agreement", takes(2, &["10"], &demand)).await;
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    assert_eq!(node.sign(By::Socios, 2).await, "(agreement.signed)");
    let last = "(agreement.signed) (demand.reserved) (agreement.activated) (demand.allocated)";
    assert_eq!(node.sign(By::Ministry, 2).await, last);
}

/// `public`, `members` or `parties` of the agreement and of the offer, and how what happens on the offer is told.
#[tokio::test(start_paused = true)]
async fn what_happens_to_an_offer_because_of_an_agreement_takes_the_narrower_audience() {
    for (of_agreement, of_offer, expected) in [
        ("public", "public", "agreement.signed offer.reserved"),
        ("public", "members", "agreement.signed (offer.reserved)"),
        ("members", "public", "(agreement.signed) (offer.reserved)"),
        ("parties", "public", "(agreement.signed) (offer.reserved)"),
        ("parties", "parties", "(agreement.signed) (offer.reserved)"),
    ] {
        let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(OFFER)));
        node.accept(By::Socios, "publish-offer", with(listing(OFFER), "/visibility", json!(of_offer))).await;
        let data = with(takes(2, &["1"], &offer), "/visibility", json!(of_agreement));
        node.accept(By::Socios, "draft-agreement", data).await;
        node.accept(By::Socios, "propose-agreement", only(2)).await;
        let said = node.sign(By::Socios, 2).await;
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
    assert_eq!(said, "(agreement.registered)");
}
