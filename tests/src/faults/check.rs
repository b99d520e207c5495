//! The end of a run: what clients were told, what a stranger reads in the topics, what each node holds and says of itself, and what
//! one that begins then makes of it all are the same. It breaks and mends nothing.

use super::{
    figures::Figures,
    load::{Client, Told},
    nodes::{LEDGER, Node, World},
    outside::{self, LogTopic},
};
use crate::{
    Audit,
    audit::{Stored, views_agree_with_a_fresh_rebuild},
    server::DEADLINE,
    users::listing,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio::task::block_in_place;
use uuid::Uuid;

impl World {
    /// Ends the clients, compares everything, and returns how long each fault was felt, and what was compared, in words.
    ///
    /// # Panics
    /// When something is not as it must be.
    pub async fn finish(self) -> (Figures, Vec<String>) {
        let fresh = self.fresh().await;
        let Self { load, mut probe, probing, mut nodes, happened, brokers, disks, .. } = self;
        nodes.push(fresh);
        refusals_stand(&mut probe).await;
        let (mut told, mut actors, accepted) = load.end().await;
        told.extend(probe.told);
        actors.push(format!("organisation/{}", probing.organisation));
        let tree = agreed_tree(&nodes).await;
        let log = block_in_place(|| LogTopic::read(&brokers.bootstrap, LEDGER));
        let topic = &log.audit;
        assert_eq!(tree, json!({"size": topic.events.len(), "root": topic.root}), "nodes and topic have the same tree");
        check_told(topic, &told, &actors);
        for node in &nodes {
            let status = node.status(DEADLINE).await.expect("it answers");
            check_status(&status, topic);
            let ready = (node.is_ready("/readyz").await, node.is_ready("/readyz?for=commands").await);
            assert_eq!(ready, (true, true), "{} is ready, for commands too", node.name);
        }
        let public = block_in_place(|| outside::check_public_topic(&brokers.bootstrap, LEDGER, topic));
        let figures = Figures::of(&happened, &accepted, &log);
        for node in &mut nodes {
            let server = node.server.take().expect("all run");
            assert!(block_in_place(|| server.stop()).success(), "{} stops as it should", node.name);
        }
        for node in &nodes {
            let held = Audit::of(&node.data);
            assert_eq!(held.root, topic.root, "{} holds what the topic holds", node.name);
            check_contents(&held, topic);
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
            format!(
                "{} nodes hold the same, texts too, one of which began at the end; their views are what a rebuild makes of it, and \
                 what they say of themselves is so",
                nodes.len()
            ),
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

/// What the rules refuse is refused, also after everything that has happened.
async fn refusals_stand(probe: &mut Client) {
    let (offer, id) = (Uuid::new_v4(), Uuid::new_v4());
    let (status, told) = probe.settle(id, "publish-offer", &listing(offer, "Oferta")).await;
    assert!(status.is_success(), "{told}");
    for (id, command, data, code) in [
        (id, "publish-offer", listing(offer, "Otra"), "command-id-reused"),
        (Uuid::new_v4(), "withdraw-offer", json!({"id": Uuid::new_v4()}), "record-unknown"),
    ] {
        let (status, told) = probe.settle(id, command, &data).await;
        assert_eq!((status.is_client_error(), told["code"].as_str()), (true, Some(code)), "{told}");
    }
}

/// What a node says of itself is so.
fn check_status(status: &Value, topic: &Audit) {
    let name = &status["node"];
    assert_eq!(status["head_sequence"], topic.events.len() as u64 - 1, "{name} says how far it is");
    assert_eq!(status["tree"], json!({"size": topic.events.len(), "root": topic.root}), "{name} says what it holds");
    assert!(["writer", "follower"].iter().any(|role| status["role"] == *role), "{name} says what it does: {status}");
    let log = &status["log"];
    assert!(log["halted"].is_null() && log["illegible"].is_null(), "{name} says that nothing is wrong: {log}");
    assert!(log["confirmed_age_ms"].as_u64().is_some_and(|age| age < 10_000), "{name} sees the end: {log}");
    // What a stranger once said stays an alarm until the node is started again.
    let alarms = log["alarms"].as_array().into_iter().flatten();
    let lasting: Vec<_> = alarms.filter(|alarm| alarm["code"] != "foreign-control").collect();
    assert!(lasting.is_empty(), "{name} says that nothing is wrong: {lasting:?}");
    for view in status["views"].as_array().into_iter().flatten() {
        assert!(view["alive"] == true && view["message"].is_null(), "{name}: {view}");
    }
}

/// What a node holds is what the topic holds, word for word.
fn check_contents(held: &Audit, topic: &Audit) {
    assert_eq!(held.events.len(), topic.events.len());
    for (held, written) in held.events.iter().zip(&topic.events) {
        let parts = |event: &Stored| (event.entry.clone(), event.record.clone(), event.text.clone());
        assert_eq!(parts(held), parts(written), "event {}", written.sequence);
    }
}

/// What was acknowledged is there once and whole, and nothing else is there of whoever sent it.
fn check_told(topic: &Audit, told: &Told, actors: &[String]) {
    let commands = topic.commands();
    for (id, told) in told {
        let recorded = commands.get(&id.to_string()).unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        let (sent, told) = (told["sent"].clone(), told["events"].as_array().expect("events"));
        assert_eq!(recorded.len(), told.len(), "{id} is whole and there once");
        for (recorded, told) in recorded.iter().zip(told) {
            let same =
                json!({"id": recorded.record["id"], "type": recorded.record["type"], "sequence": recorded.sequence});
            assert_eq!(*told, same, "an event of {id}");
        }
        check_sent(id, &sent, recorded);
    }
    let recorded = commands.values().filter(|events| actors.iter().any(|actor| events[0].record["actor"] == **actor));
    assert_eq!(recorded.count(), told.len(), "nothing is there that nobody was told of");
}

/// The first event of a command is about what was sent, in the words that were sent.
fn check_sent(id: &Uuid, sent: &Value, recorded: &[&Stored]) {
    let (subject, first) = (sent["id"].as_str().unwrap_or_default(), recorded[0]);
    assert!(first.record["subject"].as_str().is_some_and(|about| about.ends_with(subject)), "{id} is about {subject}");
    // Where an event keeps its title is the record's business; the words are the sender's.
    let words = first.text.as_ref().map(Value::to_string).unwrap_or_default();
    for title in sent["text"]["title"]["texts"].as_object().into_iter().flat_map(|texts| texts.values()) {
        assert!(words.contains(&title.to_string()), "{id} has the words that were sent: {title} in {words}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: &str = "organisation/client";

    fn event(sequence: u64, command: u128, actor: &str) -> Stored {
        let (id, command) = (format!("id-{sequence}"), Uuid::from_u128(command));
        let record = json!({"id": id, "type": "offer", "commandid": command, "actor": actor, "subject": "offer/x"});
        Stored { sequence, entry: json!({}), record, text: Some(json!({"title": {"texts": {"es": "a title"}}})) }
    }

    fn answer(sequences: std::ops::Range<u64>) -> Value {
        let event = |sequence| json!({"id": format!("id-{sequence}"), "type": "offer", "sequence": sequence});
        let sent = json!({"id": "x", "text": {"title": {"texts": {"es": "a title"}}}});
        json!({"events": sequences.map(event).collect::<Vec<_>>(), "sent": sent})
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
        let mut other_words = all.clone();
        other_words[1].text = Some(json!({"title": "another title"}));
        assert!(!check(&[&other_words, &last]), "one has other words");
        other_words[1].text = None;
        assert!(!check(&[&other_words, &last]), "one has no words any more");
        let mut other_subject = all.clone();
        other_subject[1].record["subject"] = json!("offer/y");
        assert!(!check(&[&other_subject, &last]), "one is about something else");
    }

    #[test]
    fn what_a_node_holds_or_says_otherwise_is_found() {
        let topic = Audit { events: vec![event(0, 1, CLIENT), event(1, 2, CLIENT)], root: "r".to_owned() };
        let good = json!({
            "node": "a", "role": "follower", "head_sequence": 1, "tree": {"size": 2, "root": "r"},
            "log": {"halted": null, "illegible": null, "confirmed_age_ms": 12, "alarms": []},
            "views": [{"view": "board", "alive": true}],
        });
        let is_found = |status: &Value| std::panic::catch_unwind(|| check_status(status, &topic)).is_err();
        assert!(!is_found(&good));
        for (path, lie) in [
            ("/head_sequence", json!(2)),
            ("/tree/size", json!(0)),
            ("/tree/root", json!("s")),
            ("/role", json!("starting")),
            ("/log/halted", json!("a topic")),
            ("/log/illegible", json!("a type")),
            ("/log/confirmed_age_ms", json!(60_000)),
            ("/log/confirmed_age_ms", Value::Null),
            ("/log/alarms", json!([{"code": "topic-settings"}])),
            ("/views/0/alive", json!(false)),
        ] {
            let mut status = good.clone();
            *status.pointer_mut(path).expect("it is there") = lie;
            assert!(is_found(&status), "{path}: {status}");
        }
        for change in [
            |event: &mut Stored| event.text = None,
            |event: &mut Stored| event.record["actor"] = json!("organisation/other"),
            |event: &mut Stored| event.entry["time"] = json!("later"),
        ] {
            let mut held = Audit { events: topic.events.clone(), root: "r".to_owned() };
            check_contents(&held, &topic);
            change(&mut held.events[1]);
            assert!(std::panic::catch_unwind(|| check_contents(&held, &topic)).is_err(), "one event differs");
        }
        let half = Audit { events: topic.events[..1].to_vec(), root: "r".to_owned() };
        assert!(std::panic::catch_unwind(|| check_contents(&half, &topic)).is_err(), "one is missing");
    }
}
