//! The end of a run: what clients were told, what a stranger reads in the topic, and what each node holds are the same. It breaks
//! and mends nothing.

use super::{
    figures::Figures,
    load::Told,
    nodes::{LEDGER, Node, World},
    outside::{self, LogTopic},
};
use crate::{Audit, audit::views_agree_with_a_fresh_rebuild, server::DEADLINE};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;

impl World {
    /// Ends the clients, compares everything, and returns how long each fault was felt, and what was compared, in words.
    ///
    /// # Panics
    /// When something is not as it must be.
    pub async fn finish(self) -> (Figures, Vec<String>) {
        let Self { load, probe, probing, mut nodes, happened, brokers, disks, .. } = self;
        let (mut told, mut actors, accepted) = load.end().await;
        told.extend(probe.told);
        actors.push(format!("organisation/{}", probing.organisation));
        let tree = agreed_tree(&nodes).await;
        let log = block_in_place(|| LogTopic::read(&brokers.bootstrap, LEDGER));
        let topic = &log.audit;
        assert_eq!(tree, json!({"size": topic.events.len(), "root": topic.root}), "nodes and topic have the same tree");
        check_told(topic, &told, &actors);
        let public = block_in_place(|| outside::check_public_topic(&brokers.bootstrap, LEDGER, topic));
        let figures = Figures::of(&happened, &accepted, &log);
        for node in &mut nodes {
            let server = node.server.take().expect("all run");
            assert!(block_in_place(|| server.stop()).success(), "{} stops as it should", node.name);
        }
        for node in &nodes {
            assert_eq!(Audit::of(&node.data).root, topic.root, "{} holds what the topic holds", node.name);
            views_agree_with_a_fresh_rebuild(&node.data).await;
        }
        block_in_place(|| drop((brokers, disks)));
        let words = vec![
            format!(
                "{} events of {} commands in the topic; {} were acknowledged, each is there once and whole",
                topic.events.len(),
                topic.commands().len(),
                told.len()
            ),
            format!("{} nodes hold the same, their views are what a rebuild makes of it", nodes.len()),
            match public {
                Some(messages) => format!("the public topic is complete: {messages} messages"),
                None => "skipped: there is no public topic to compare".to_owned(),
            },
        ];
        (figures, words)
    }
}

/// The tree that every node comes to.
async fn agreed_tree(nodes: &[Node]) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut trees = Vec::new();
        for node in nodes {
            trees.push(node.status(DEADLINE).await.expect("it answers")["tree"].clone());
        }
        if trees.iter().all(|tree| *tree == trees[0]) {
            return trees.swap_remove(0);
        }
        assert!(Instant::now() < deadline, "the nodes do not come to agree: {trees:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What was acknowledged is there once and whole, and nothing else is there of whoever sent it.
fn check_told(topic: &Audit, told: &Told, actors: &[String]) {
    let commands = topic.commands();
    for (id, told) in told {
        let recorded = commands.get(&id.to_string()).unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        let told = told["events"].as_array().expect("events");
        assert_eq!(recorded.len(), told.len(), "{id} is whole and there once");
        for (recorded, told) in recorded.iter().zip(told) {
            let same =
                json!({"id": recorded.record["id"], "type": recorded.record["type"], "sequence": recorded.sequence});
            assert_eq!(*told, same, "an event of {id}");
        }
    }
    let recorded = commands.values().filter(|events| actors.iter().any(|actor| events[0].record["actor"] == **actor));
    assert_eq!(recorded.count(), told.len(), "nothing is there that nobody was told of");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Stored;
    use uuid::Uuid;

    const CLIENT: &str = "organisation/client";

    fn event(sequence: u64, command: u128, actor: &str) -> Stored {
        let (id, command) = (format!("id-{sequence}"), Uuid::from_u128(command));
        let record = json!({"id": id, "type": "offer", "commandid": command, "actor": actor});
        Stored { sequence, entry: json!({}), record }
    }

    fn answer(sequences: std::ops::Range<u64>) -> Value {
        let event = |sequence| json!({"id": format!("id-{sequence}"), "type": "offer", "sequence": sequence});
        json!({"events": sequences.map(event).collect::<Vec<_>>()})
    }

    #[test]
    fn what_is_wrong_with_what_clients_were_told_is_found() {
        let told: Told = [(Uuid::from_u128(1), answer(1..3)), (Uuid::from_u128(2), answer(3..4))].into();
        let others = event(0, 9, "system/operator");
        let (first, second) = ([event(1, 1, CLIENT), event(2, 1, CLIENT)], event(3, 2, CLIENT));
        let check = |events: &[&[Stored]]| {
            let topic = Audit { events: events.concat(), root: String::new() };
            std::panic::catch_unwind(|| check_told(&topic, &told, &[CLIENT.to_owned()])).is_ok()
        };
        let (all, last) = ([&[others.clone()][..], &first].concat(), [second]);
        assert!(check(&[&all, &last]));
        assert!(!check(&[&all]), "an acknowledged command is gone");
        assert!(!check(&[&all[..2], &last]), "half of one is gone");
        assert!(!check(&[&all, &last, &[event(4, 2, CLIENT)]]), "one is there twice");
        assert!(!check(&[&all, &[event(4, 2, CLIENT)]]), "one is at another place");
        assert!(!check(&[&all, &last, &[event(4, 3, CLIENT)]]), "one is there that nobody was told of");
    }
}
