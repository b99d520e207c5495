//! A world that catches up while somebody else writes the snapshot on: what it loads may be newer than what it folds, and yet it
//! ends as one that folded alone. What is decided is in other files.

use crate::{
    cast::{BROKER, By, MINISTRY, SOCIOS, agreement, commitment, convening, listing, text, uuid, with},
    node::Node,
};
use convenio_events::{AgreementId, Event, OrganisationId};
use convenio_ledger::{memory_stores::MemoryState, stores::StateStore as _, world::World};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

/// A ledger in which what grows beside records comes, goes and comes again.
async fn story() -> Node {
    let (node, offer) = (Node::with_cast().await, format!("offer/{}", uuid(1)));
    let takes = |amount: &str| with(agreement(2), "/terms/commitments", json!([commitment(1, amount, &offer)]));
    let tie = |id: u128| json!({"id": uuid(SOCIOS), "affiliation": uuid(id)});
    let claim = |id: u128, with: u128| json!({"id": uuid(SOCIOS), "affiliation": uuid(id), "with": uuid(with), "kind": "member"});
    let subject = format!("organisation/{}", uuid(SOCIOS));
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    let beside = with(agreement(5), "/terms/commitments", json!([commitment(4, "2", &offer)]));
    node.accept(By::Socios, "draft-agreement", beside).await;
    node.accept(By::Socios, "propose-agreement", only(5)).await;
    node.sign(By::Socios, 5).await;
    node.accept(By::Socios, "draft-agreement", takes("6")).await;
    for amount in ["4", "3"] {
        node.accept(By::Socios, "propose-agreement", only(2)).await;
        node.sign(By::Socios, 2).await;
        node.accept(By::Socios, "revise-agreement", takes(amount)).await;
    }
    node.accept(By::Socios, "propose-agreement", only(2)).await;
    node.sign(By::Socios, 2).await;
    node.accept(By::Ministry, "affiliate-organisation", claim(1, MINISTRY)).await;
    node.accept(By::Broker, "affiliate-organisation", claim(2, BROKER)).await;
    node.confirm(By::Socios, "confirm-affiliation", &subject, tie(1)).await;
    node.accept(By::Broker, "end-affiliation", tie(2)).await;
    node.accept(By::Broker, "affiliate-organisation", claim(2, BROKER)).await;
    node.accept(By::Socios, "announce-convening", convening(3)).await;
    let session =
        json!({"id": uuid(3), "kind": "plenary", "organisations": [uuid(BROKER)], "text": {"title": text("A day")}});
    node.accept(By::Socios, "record-session", session).await;
    for identifier in ["XI-ROR-1a", "XI-ROR-2b"] {
        let data = json!({"id": uuid(SOCIOS), "identifier": identifier});
        node.accept(By::Socios, "add-identifier", data.clone()).await;
        node.accept(By::Socios, "withdraw-identifier", data).await;
    }
    node
}

/// What a world knows of every record, and of what is beside them.
fn known(world: &World, events: &[Event]) -> Vec<String> {
    let organisation = |id: u128| OrganisationId::new(Uuid::from_u128(id));
    let subjects: BTreeSet<_> = events.iter().map(|event| event.subject).collect();
    let records = subjects.iter().map(|subject| format!("{subject}: {:?}", world.aggregate(*subject)));
    let hold =
        world.hold(format!("offer/{}", uuid(1)).parse().expect("a subject"), AgreementId::new(Uuid::from_u128(2)));
    let claims = [MINISTRY, BROKER].map(|by| format!("{by} claims {:?}", world.claims(organisation(by))));
    let ties = [1, 2].map(|id| {
        format!(
            "tie {id}: {:?}",
            world.affiliation(organisation(SOCIOS), convenio_events::Id::new(Uuid::from_u128(id)))
        )
    });
    records.chain([format!("hold: {hold:?}")]).chain(claims).chain(ties).collect()
}

#[tokio::test(start_paused = true)]
async fn a_world_that_catches_up_while_the_snapshot_is_written_on_ends_as_one_that_folded_alone() {
    let events = story().await.events(0).await;
    let mut alone = World::load(Arc::new(MemoryState::default())).expect("is empty");
    for event in &events {
        alone.fold(event.into());
    }
    let (expected, changes, head) = (known(&alone, &events), alone.take_changes(), alone.next());
    for split in 0..events.len() {
        let store = Arc::new(MemoryState::default());
        let mut world = World::load(store.clone()).expect("is empty");
        for (at, event) in events.iter().enumerate() {
            if at == split {
                store.write(changes.clone(), head).expect("is written");
            }
            world.fold(event.into());
        }
        assert_eq!(known(&world, &events), expected, "the snapshot was written when {split} events were folded");
    }
}
