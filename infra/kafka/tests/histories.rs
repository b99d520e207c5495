//! What a node makes of a topic that is not what it was, or not what it must be. Nothing of it ever reaches the journal.

#[path = "histories/sealed.rs"]
mod sealed;
mod support;

use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog as _, OpenError, OpenedWriter},
};
use convenio_kafka::KafkaLogError;
use rdkafka::Offset;
use std::{sync::Arc, time::Duration};
use support::{
    Broker, Node,
    events::{batch, event},
    journal,
    raw::{Foreign, Raw, produce},
};

/// What a log's topic must have, and one has not by itself.
const FINE: [(&str, &str); 2] = [("retention.ms", "-1"), ("max.message.bytes", "8388608")];

/// A node that has written and copied events.
async fn with_events(broker: &Broker, count: u64) -> Node {
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    for from in 0..count {
        writer.append(batch(from..from + 1)).await.expect("appends");
    }
    node
}

/// The journal still has these events, and whoever wants to write is refused for good.
async fn stands_still(node: &Node, events: &[RecordedEvent], words: &str) {
    let why = node.halted().await;
    assert!(why.contains(words), "{why}");
    assert_eq!(node.all(events.len() as u64).await, events, "the journal is as it was, and is read");
    let refused = node.log.open_writer().await.expect_err("nobody writes from here");
    let OpenError::Damaged(cause) = refused else { panic!("it would be tried again: {refused:?}") };
    assert!(cause.to_string().contains(words), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_may_lose_history_is_refused_by_the_name_of_its_setting() {
    let broker = Broker::shared();
    let with = |name, value| [FINE[0], FINE[1], (name, value)];
    let cases = [
        ("log", 1, vec![FINE[1]], "retention.ms = 604800000, and must have -1"),
        ("log", 1, with("retention.bytes", "1000000").to_vec(), "retention.bytes = 1000000, and must have -1"),
        ("log", 1, with("cleanup.policy", "compact").to_vec(), "cleanup.policy = compact, and must have delete"),
        ("log", 1, with("unclean.leader.election.enable", "true").to_vec(), "unclean.leader.election.enable = true"),
        ("log", 1, vec![FINE[0]], "max.message.bytes = 1048588, and must have 8388608 or more"),
        ("log", 2, FINE.to_vec(), "partitions = 2, and must have 1"),
        ("keys", 1, vec![], "cleanup.policy = delete, and must have compact"),
        ("keys", 1, vec![("cleanup.policy", "compact,delete")], "cleanup.policy = compact,delete"),
        ("keys", 3, vec![("cleanup.policy", "compact")], "partitions = 3, and must have 1"),
        ("events", 2, vec![FINE[1]], "partitions = 2, and must have 1"),
        ("events", 1, with("cleanup.policy", "compact").to_vec(), "cleanup.policy = compact, and must have delete"),
        ("events", 1, vec![], "max.message.bytes = 1048588, and must have 8388608 or more"),
    ];
    for (what, partitions, settings, words) in cases {
        let broker = Broker::shared();
        broker.create(&broker.topic(what), partitions, &settings).await;
        let data = support::folder();
        let opened = convenio_kafka::KafkaLog::open(broker.settings("one"), journal(data.path())).await;
        let error = opened.expect_err(words);
        assert!(matches!(error, KafkaLogError::Topic { .. }) && !error.may_pass(), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(words) && said.contains(&broker.topic(what)), "{said}");
    }
    broker.create(&broker.topic("log"), 1, &FINE).await;
    broker.create(&broker.topic("keys"), 1, &[("cleanup.policy", "compact")]).await;
    // How long integrators can read is the operator's to say.
    broker
        .create(&broker.topic("events"), 1, &[FINE[1], ("retention.ms", "3600000"), ("retention.bytes", "1000")])
        .await;
    with_events(&broker, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_halts_who_follows_it() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    broker.delete(&[&broker.topic("log"), &broker.topic("keys")]).await;
    let why = node.halted().await;
    assert!(why.contains("not there any more") && why.contains(&broker.ledger().to_owned()), "{why}");
    assert_eq!(node.all(3).await, *batch(0..3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_keys_that_is_deleted_halts_who_follows_it() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    broker.delete(&[&broker.topic("keys")]).await;
    let why = node.halted().await;
    assert!(why.contains("not there any more") && why.contains(&broker.topic("keys")), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_not_continued() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    let data = node.stop();
    broker.delete(&[&broker.topic("log"), &broker.topic("keys")]).await;
    // Somebody makes an empty one: no node of the ledger does.
    opened_soon(&broker, support::folder()).await.stop();
    let node = opened_soon(&broker, data).await;
    stands_still(&node, &batch(0..3), "not there any more").await;
    // And with other events at the same places.
    let data = node.stop();
    let other = broker.node("two").await;
    let OpenedWriter { mut writer, head } = other.writer().await;
    assert_eq!(head, Sequence::ZERO);
    for sequence in 0..5 {
        writer.append(Arc::new(vec![event(7, 5, sequence, "")])).await.expect("appends");
    }
    let node = Node::open_in(data, broker.settings("one")).await.expect("its topics are fine");
    stands_still(&node, &batch(0..3), "event 2 is another one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_ends_just_before_the_last_copied_event_is_not_taken_for_the_whole() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    let last = broker.committed(&broker.topic("log")).last().map(|last| last.offset).expect("it wrote");
    let data = node.stop();
    broker.delete(&[&broker.topic("log")]).await;
    opened_soon(&broker, support::folder()).await.stop();
    // As much as there was before that event; it is not read again.
    produce(&broker, &broker.topic("log"), &vec![(None, &b"x"[..]); usize::try_from(last).expect("some")]);
    let node = opened_soon(&broker, data).await;
    let why = node.halted().await;
    assert!(why.contains("event 2 is not there any more"), "{why}");
    assert_eq!(node.following().confirmed, None, "its end was never seen");
}

/// Kafka takes its time to delete.
async fn opened_soon(broker: &Broker, data: tempfile::TempDir) -> Node {
    let mut data = Some(data);
    let deadline = std::time::Instant::now() + support::SOON;
    loop {
        let path = data.as_ref().expect("not used yet").path().to_owned();
        match convenio_kafka::KafkaLog::open(broker.settings("one"), journal(&path)).await {
            Ok(log) => return Node { log, settings: broker.settings("one"), data: data.take().expect("not used yet") },
            Err(error) if error.may_pass() && std::time::Instant::now() < deadline => {}
            Err(error) => panic!("{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_whose_beginning_was_deleted_makes_no_new_node() {
    let broker = Broker::shared();
    let node = with_events(&broker, 5).await;
    let offsets: Vec<i64> = events_in(&broker).iter().map(|message| message.offset).collect();
    broker.truncate(&broker.topic("log"), Offset::Offset(offsets[2])).await;
    let fresh = broker.node("two").await;
    stands_still(&fresh, &[], "not there any more").await;
    // Nor does one that has what was deleted go on: nobody else could ever follow.
    stands_still(&node, &batch(0..5), "not there any more").await;
    let node = node.restart().await;
    stands_still(&node, &batch(0..5), "not there any more").await;
    // With nothing left, a new node must not believe that the ledger is empty, nor an old one that all is well.
    broker.truncate(&broker.topic("log"), Offset::End).await;
    let fresh = broker.node("three").await;
    stands_still(&fresh, &[], "not there any more").await;
    let node = node.restart().await;
    stands_still(&node, &batch(0..5), "not there any more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_ahead_of_its_topic_stays_as_it_is() {
    let broker = Broker::shared();
    let node = with_events(&broker, 5).await;
    let (log, keys) = (events_in(&broker), keys_in(&broker));
    let data = node.stop();
    broker.delete(&[&broker.topic("log"), &broker.topic("keys")]).await;
    // A backup that is older than the journal: the same events, but fewer.
    let restored = opened_soon(&broker, support::folder()).await;
    restore(&broker, &log[..3], &keys[..3]);
    assert_eq!(restored.all(3).await, *batch(0..3), "a backup makes a new node");
    let node = Node::open_in(data, broker.settings("one")).await.expect("its topics are fine");
    stands_still(&node, &batch(0..5), "does not hold what this node has copied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_another_cluster_is_no_copy_of_this_one() {
    let broker = Broker::shared();
    let node = with_events(&broker, 2).await;
    let data = node.stop();
    let foreign = r#"{"cluster":"elsewhere","log":3,"keys":3}"#;
    journal(data.path()).open_mirror().expect("it is a copy").append(Vec::new().into(), foreign).expect("its place");
    let error = Node::open_in(data, broker.settings("one")).await.err().expect("another cluster");
    assert!(matches!(&error, KafkaLogError::OtherHistory { why, .. } if why.contains("elsewhere")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_another_ledger_and_what_is_no_event_halt_the_copy() {
    let other = Broker::shared();
    let stranger = other.node("stranger").await;
    let theirs: Vec<_> = (0..4).map(|sequence| event(8, 1, sequence, "")).collect();
    stranger.writer().await.writer.append(Arc::new(theirs)).await.expect("appends");
    let (theirs, their_keys) = (events_in(&other), keys_in(&other));

    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    restore(&broker, &theirs[3..], &their_keys[3..]);
    stands_still(&node, &batch(0..3), "event 3 is of the ledger 00000000-0000-0000-0000-000000000008").await;

    for (value, words) in
        [(&b"no event"[..], "cannot be read"), (theirs[2].value.as_deref().expect("an event"), "is of the ledger")]
    {
        let broker = Broker::shared();
        let node = with_events(&broker, 2).await;
        produce(&broker, &broker.topic("log"), &[(None, value)]);
        stands_still(&node, &batch(0..2), words).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_twice_or_too_early_halts_the_copy() {
    for at in [1, 3] {
        let broker = Broker::shared();
        let node = with_events(&broker, 2).await;
        let source = Broker::shared();
        with_events(&source, 4).await;
        restore(&broker, &events_in(&source)[at..=at], &[]);
        stands_still(&node, &batch(0..2), &format!("event 2 should come, and {at} does")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_offsets_are_no_holes_in_the_ledger() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    let foreign = Foreign::new(&broker, Duration::from_secs(20));
    for round in 0..4 {
        writer.append(batch(round * 3..round * 3 + 3)).await.expect("appends");
        foreign.write(&broker.topic("log"), &[b"never", b"committed"]);
        foreign.abort();
        foreign.write(&broker.topic("keys"), &[b"nor this"]);
        foreign.abort();
    }
    assert_eq!(node.all(12).await, *batch(0..12));
    let offsets: Vec<i64> = events_in(&broker).iter().map(|message| message.offset).collect();
    assert!(offsets[11] - offsets[0] > 20, "there are holes: {offsets:?}");
    drop(writer);
    // The copy ends before a hole, and begins there again.
    let node = node.restart().await;
    node.confirmed().await;
    let OpenedWriter { mut writer, head } = node.writer().await;
    assert_eq!(head, Sequence(12));
    writer.append(batch(12..13)).await.expect("appends");
    assert_eq!(broker.node("two").await.all(13).await, *batch(0..13), "a new node copies the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_goes_on_and_a_new_one_copies_everything() {
    let broker = Broker::shared();
    let mut node = broker.node("one").await;
    let mut other = broker.node("two").await;
    for round in 0..3 {
        let OpenedWriter { mut writer, head } = node.writer().await;
        assert_eq!(head, Sequence(round * 20));
        writer.append(batch(head.0..head.0 + 10)).await.expect("appends");
        writer.append(batch(head.0 + 10..head.0 + 20)).await.expect("appends");
        drop(writer);
        node = node.restart().await;
        if round % 2 == 0 {
            other = other.restart().await;
        }
        assert_eq!(other.all(head.0 + 20).await, *batch(0..head.0 + 20), "without holes or doubles");
    }
    assert_eq!(node.all(60).await, *batch(0..60));
    assert_eq!(broker.node("three").await.all(60).await, *batch(0..60));
    // Where nothing happens, the end is seen again and again.
    node.confirmed().await;
    node.confirmed().await;
}

/// The messages of events, in order.
fn events_in(broker: &Broker) -> Vec<Raw> {
    broker.committed(&broker.topic("log")).into_iter().filter(|message| !message.control).collect()
}

/// The keys of texts, in order.
fn keys_in(broker: &Broker) -> Vec<Raw> {
    let keys = broker.committed(&broker.topic("keys"));
    keys.into_iter().filter(|message| message.key.as_deref() != Some(b"barrier")).collect()
}

fn restore(broker: &Broker, log: &[Raw], keys: &[Raw]) {
    for (topic, messages) in [("log", log), ("keys", keys)] {
        let messages: Vec<_> = messages
            .iter()
            .map(|message| (message.key.as_deref(), message.value.as_deref().expect("no tombstone")))
            .collect();
        produce(broker, &broker.topic(topic), &messages);
    }
}
