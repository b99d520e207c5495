//! What grows with the life of a record is rows of its own: the record's state stays as short as it was, whatever is added to it.

use crate::{
    cast::{By, agreement, commitment, convening, listing, organisation, text, uuid, with},
    node::Node,
};
use convenio_ledger::{memory_stores::MemoryState, stores::StateChange, world::World};
use serde_json::json;
use std::sync::Arc;

/// The bytes of the longest state in the snapshot, and the number of its rows.
async fn snapshot(node: &Node) -> (usize, usize) {
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    let mut from = 0;
    loop {
        let events = node.events(from).await;
        for event in &events {
            world.fold(event.into());
        }
        from += events.len() as u64;
        if events.is_empty() {
            break;
        }
    }
    let changes = world.take_changes();
    let states = changes.iter().filter_map(|change| match change {
        StateChange::Subject { state, .. } => Some(state.len()),
        StateChange::Name { .. } => None,
    });
    (states.max().unwrap_or_default(), changes.len())
}

#[tokio::test(start_paused = true)]
async fn an_offer_is_no_longer_for_what_agreements_hold_of_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", with(listing(1), "/terms/quantity", serde_json::Value::Null)).await;
    let mut longest = Vec::new();
    for round in 0..2 {
        for id in (0x1000 * (round + 1)..).take(60) {
            let source = format!("offer/{}", uuid(1));
            let data = with(agreement(id), "/terms/commitments", json!([commitment(1, "1", &source)]));
            node.accept(By::Socios, "draft-agreement", data).await;
            node.accept(By::Socios, "propose-agreement", json!({"id": uuid(id)})).await;
            assert!(node.sign(By::Socios, id).await.contains("(offer.reserved)"));
        }
        longest.push(snapshot(&node).await.0);
    }
    assert_eq!(longest[0], longest[1], "sixty more agreements hold something of it");
}

#[tokio::test(start_paused = true)]
async fn a_convening_is_no_longer_for_who_took_part_in_it() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "register-convening", convening(1)).await;
    let (mut longest, mut rows) = (Vec::new(), Vec::new());
    for round in 0..2 {
        for id in (0x1000 * (round + 1)..).take(60) {
            node.accept(By::Socios, "register-organisation", organisation(id, "profile")).await;
            let occasion = json!({"title": text("A day")});
            let session = json!({"id": uuid(1), "kind": "plenary", "organisations": [uuid(id)], "text": occasion});
            node.accept(By::Socios, "record-session", session).await;
            let visit = json!({"id": uuid(1), "host": uuid(id), "facilities": ["pharmacy"], "text": occasion});
            node.accept(By::Socios, "record-visit", visit).await;
        }
        let (bytes, all) = snapshot(&node).await;
        longest.push(bytes);
        rows.push(all);
    }
    assert_eq!(longest[0], longest[1], "sixty more organisations took part in it");
    assert!(rows[1] >= rows[0] + 4 * 60, "an organisation, its part, a session and a visit each: {rows:?}");
}
