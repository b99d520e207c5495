//! Offers and demands: what each state makes of each command, and what the fields must be.

use crate::{
    cast::{By, Ids, listing, uuid, with},
    node::Node,
    table::{check_cell, commands_of, row},
};
use convenio_events::RecordKind;
use serde_json::{Value, json};

const STATES: [(&str, &str); 5] = [
    ("open", "id-exists: publish; accepted: revise, pause, withdraw, fulfil; not-paused: resume"),
    ("paused", "id-exists: publish; accepted: revise, resume, withdraw, fulfil; CLOSED: pause"),
    ("withdrawn", "id-exists: publish; CLOSED: revise, pause, resume, withdraw, fulfil"),
    ("expired", "id-exists: publish; CLOSED: revise, pause, resume, withdraw, fulfil"),
    ("fulfilled", "id-exists: publish; CLOSED: revise, pause, resume, withdraw, fulfil"),
];

async fn bring_to(node: &Node, state: &str, kind: RecordKind, id: u128) {
    let data = match state {
        "expired" => with(listing(id), "/terms/valid_through", json!("2026-01-15")),
        _ => listing(id),
    };
    node.accept(By::Socios, &format!("publish-{kind}"), data).await;
    let verb = match state {
        "open" => return,
        "paused" => "pause",
        "withdrawn" => "withdraw",
        "fulfilled" => "fulfil",
        "expired" => return,
        other => panic!("no state {other}"),
    };
    node.accept(By::Socios, &format!("{verb}-{kind}"), json!({"id": uuid(id)})).await;
}

fn data(verb: &str, id: u128) -> Value {
    match verb {
        "publish" | "revise" => listing(id),
        _ => json!({"id": uuid(id)}),
    }
}

#[tokio::test(start_paused = true)]
async fn every_state_says_what_it_makes_of_every_command() {
    for kind in [RecordKind::Offer, RecordKind::Demand] {
        let (node, mut ids) = (Node::with_cast().await, Ids::default());
        let mut cells = Vec::new();
        for (state, text) in STATES {
            let row = row(text);
            let named: Vec<_> =
                commands_of(kind).into_iter().map(|name| name.split('-').next().expect("a verb")).collect();
            assert!(named.into_iter().eq(row.keys().copied()), "{state} says something of every command");
            for (verb, outcome) in row {
                let id = ids.next();
                bring_to(&node, state, kind, id).await;
                cells.push((state, verb, outcome, id));
            }
        }
        // The next day in Lima, what held until yesterday is over.
        node.setup.clock.advance_to("2026-01-16T05:00:00Z");
        for (state, verb, outcome, id) in cells {
            let closed = if kind == RecordKind::Offer { "offer-closed" } else { "demand-closed" };
            let outcome = outcome.replace("CLOSED", closed);
            let (command, subject) = (format!("{verb}-{kind}"), format!("{kind}/{}", uuid(id)));
            check_cell(&node, state, &outcome, By::Socios, &command, &subject, data(verb, id)).await;
        }
    }
}
