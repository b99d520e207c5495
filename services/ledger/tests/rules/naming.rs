//! What is told to everybody names no record that is not everybody's: every command that names another record. What is shown of it to
//! whom is tested with the views.

use crate::{
    cast::{By, SOCIOS, agreement, commitment, convening, learning, listing, organisation, text, uuid, with},
    node::Node,
};
use convenio_events::{Subject, entry::Audience, sight::Circle};
use convenio_ledger::{memory_stores::MemoryState, world::World};
use serde_json::{Value, json};
use std::sync::Arc;

const OPEN: u128 = 0x100;
const HIDDEN: u128 = 0x200;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

/// A record of every kind that everybody sees, and one of every kind that is `hidden`; all the NGO's, and of one more organisation.
async fn with_records(hidden: &str) -> Node {
    let node = Node::with_cast().await;
    for (id, visibility) in [(OPEN, "public"), (HIDDEN, hidden)] {
        let of = |data: Value| with(data, "/visibility", json!(visibility));
        node.accept(By::Socios, "register-organisation", of(organisation(id, "profile"))).await;
        node.accept(By::Socios, "publish-offer", of(listing(id))).await;
        node.accept(By::Socios, "register-learning", of(learning(id, &[SOCIOS]))).await;
        node.accept(By::Socios, "announce-convening", of(convening(id))).await;
        node.accept(By::Socios, "draft-agreement", of(agreement(id))).await;
    }
    node
}

/// Every command that names another record, as data that names the one of this id.
fn naming(at: u128, id: u128) -> Vec<(&'static str, Value)> {
    let named = |kind: &str| format!("{kind}/{}", uuid(id));
    let public = |data: Value| with(data, "/visibility", json!("public"));
    let occasion = json!({"title": text("A day")});
    let party = json!({"organisation": uuid(id), "roles": ["observer"], "side": "PE"});
    let mut beside = public(agreement(at + 1));
    beside["terms"]["parties"].as_array_mut().expect("a list").push(party);
    let mut registered = beside.clone();
    registered["id"] = json!(uuid(at + 2));
    let linked = |at: u128, name: &str, to: Value| {
        let mut data = public(agreement(at));
        data["links"] = json!({name: to});
        data
    };
    let takes = with(public(agreement(at + 3)), "/terms/commitments", json!([commitment(1, "1", &named("offer"))]));
    let learns = |at: u128, pointer: &str, to: Value| public(with(learning(at, &[SOCIOS]), pointer, to));
    let plan = |at: u128, pointer: &str| with(convening(at), pointer, json!([uuid(SOCIOS), uuid(id)]));
    vec![
        ("publish-offer", with(listing(at + 0x40), "/terms/evidence", json!([uuid(id)]))),
        ("publish-demand", with(listing(at + 0x41), "/terms/evidence", json!([uuid(id)]))),
        ("revise-offer", with(listing(0x10), "/terms/evidence", json!([uuid(id)]))),
        ("fulfil-offer", json!({"id": uuid(0x11), "agreement": uuid(id)})),
        ("draft-agreement", beside),
        ("register-agreement", registered),
        ("draft-agreement", takes),
        ("draft-agreement", linked(at + 4, "parent", json!(uuid(id)))),
        ("draft-agreement", linked(at + 5, "renews", json!(uuid(id)))),
        ("draft-agreement", linked(at + 6, "convening", json!(uuid(id)))),
        ("draft-agreement", linked(at + 7, "listings", json!([named("offer")]))),
        ("revise-agreement", with(takes_of(0x12, id), "/visibility", Value::Null)),
        ("register-learning", learns(at + 8, "/content/authors", json!([uuid(SOCIOS), uuid(id)]))),
        ("register-learning", learns(at + 9, "/content/links", json!([named("offer")]))),
        ("register-learning", learns(at + 10, "/content/links", json!([named("agreement")]))),
        ("register-learning", learns(at + 11, "/content/links", json!([named("convening")]))),
        ("announce-convening", plan(at + 12, "/plan/organisers")),
        ("announce-convening", plan(at + 13, "/plan/participants")),
        ("register-convening", plan(at + 14, "/plan/participants")),
        ("record-session", json!({"id": uuid(0x13), "kind": "plenary", "organisations": [uuid(id)], "text": occasion})),
        ("record-visit", json!({"id": uuid(0x13), "host": uuid(id), "facilities": ["pharmacy"], "text": occasion})),
        ("affiliate-organisation", json!({"id": uuid(SOCIOS), "with": uuid(id), "kind": "member"})),
    ]
}

fn takes_of(at: u128, id: u128) -> Value {
    let source = format!("offer/{}", uuid(id));
    with(agreement(at), "/terms/commitments", json!([commitment(1, "1", &source)]))
}

#[tokio::test(start_paused = true)]
async fn what_names_a_hidden_record_is_restricted_and_what_names_an_open_one_is_not() {
    for hidden in ["members", "parties"] {
        for (id, at) in [(OPEN, 0x1000), (HIDDEN, 0x2000)] {
            let node = with_records(hidden).await;
            for listing_id in [0x10, 0x11] {
                node.accept(By::Socios, "publish-offer", listing(listing_id)).await;
            }
            node.accept(By::Socios, "draft-agreement", with(agreement(0x12), "/visibility", json!("public"))).await;
            node.accept(By::Socios, "register-convening", convening(0x13)).await;
            for (command, data) in naming(at, id) {
                let said = node.accept(By::Socios, command, data.clone()).await;
                let first = said.split(' ').next().expect("an event").to_owned();
                assert_eq!(first.starts_with('('), id == HIDDEN, "{command}, {hidden}: {said}: {data}");
            }
        }
    }
}

/// Whatever is recorded: no public event names a record that is hidden, itself and its actor aside.
async fn check_public_events(node: &Node) {
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for event in node.events(0).await {
        let itself = event.actor.organisation().map(Subject::from);
        for named in event.facts.named_records().into_iter().filter(|named| Some(*named) != itself) {
            let openness = world.openness(named);
            let open = openness.is_none_or(|openness| openness.circle == Some(Circle::Public));
            assert!(open || event.audience == Audience::Restricted, "{} names {named}", event.type_name());
        }
        world.fold((&event).into());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_clock_and_signatures_record_names_no_hidden_agreement_either() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    let tomorrow = with(takes_of(2, 1), "/terms/effective_on", json!("2026-01-16"));
    node.accept(By::Socios, "draft-agreement", tomorrow).await;
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    node.sign(By::Socios, 2).await;
    node.sign(By::Ministry, 2).await;
    let head = node.head();
    node.setup.clock.advance_to("2026-01-16T05:00:00Z");
    node.idle().await;
    assert_eq!(node.since(head).await, "(agreement.activated) (offer.allocated)");
    node.accept(By::Ministry, "terminate-agreement", only(2)).await;
    check_public_events(&node).await;
}

#[tokio::test(start_paused = true)]
async fn that_a_record_was_hidden_is_told_whoever_tells_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    let of = |subject: String, to: &str| json!({"subject": subject, "visibility": to});
    let own = format!("organisation/{}", uuid(SOCIOS));
    node.accept(By::Socios, "set-visibility", of(own.clone(), "members")).await;
    // An organisation tells of itself what it likes; widening is told to those who see it afterwards.
    assert_eq!(node.tell(By::Socios, "publish-offer", listing(2)).await, "offer.published");
    assert_eq!(node.tell(By::Socios, "set-visibility", of(own, "public")).await, "organisation.visibility-changed");
}
