//! What a node that runs makes of topics that somebody changes under it, and what one makes of them that begins then: both say the
//! same, and nothing that was made up reaches a journal.

mod support;

use convenio_events::log::{EventLog as _, OpenError};
use convenio_kafka::{AlarmKind, Announcement, Election, KafkaLog, KafkaLogError, Opening, Periods, Settings, topics};
use rdkafka::Offset;
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use support::{
    Broker, Node, SOON,
    events::batch,
    eventually, journal,
    raw::{self, Foreign, Raw, produce, tombstone},
};
use tokio::sync::watch;

/// What a ledger's last writer says that was moved to another place.
const MOVED_OUT: &[u8] = br#"{"moved-out":{"ledger":"00000000-0000-0000-0000-000000000007","events":2,"ticket":"t"}}"#;

async fn with_events(broker: &Broker, count: u64) -> Node {
    let node = Node::open(watchful(broker, "one")).await;
    node.writer().await.writer.append(batch(0..count)).await.expect("appends");
    node
}

/// A node that looks at its topics often, and waits for little.
fn watchful(broker: &Broker, name: &str) -> Settings {
    let soon = Duration::from_millis(500);
    let mut settings = broker.settings(name);
    settings.periods = Periods {
        topics_checked: soon,
        topics_checked_while_wrong: soon,
        topic_missing: soon,
        names_asked: soon,
        transaction_hangs: Duration::from_secs(3),
        key_missing: Duration::from_secs(2),
    };
    settings
}

fn raised(node: &Node, kind: AlarmKind) -> Option<String> {
    node.following().alarms.into_iter().find(|alarm| alarm.kind == kind).map(|alarm| alarm.detail)
}

async fn until_raised(node: &Node, kind: AlarmKind) -> String {
    eventually("the alarm is raised", || raised(node, kind).is_some()).await;
    raised(node, kind).expect("it was raised")
}

/// What `doctor` finds.
fn faults(broker: &Broker) -> Vec<String> {
    let examined = tokio::task::block_in_place(|| convenio_kafka::examine(&watchful(broker, "doctor"), false));
    examined.expect("Kafka answers").faults.into_iter().map(|fault| fault.what).collect()
}

/// Both a node that runs and one that begins now stand still, and say this; whoever looks without a node finds one fault.
async fn both_halt(broker: &Broker, running: &Node, words: &str, fault: &str) {
    let began = Instant::now();
    let why = running.halted().await;
    assert!(why.contains(words), "{why}");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    let why = broker.node("fresh").await.halted().await;
    assert!(why.contains(words), "{why}");
    let found = faults(broker);
    assert!(found.len() == 1 && found[0].contains(fault), "it is found without a node too: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_barrier_that_somebody_made_up_swallows_no_text() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    let other = broker.node("two").await;
    assert_eq!(other.all(3).await, *batch(0..3));
    produce(&broker, &broker.topic("keys"), &[(Some(b"barrier"), b"999999999")]);
    node.writer().await.writer.append(batch(3..6)).await.expect("appends");
    for node in [&node, &other, &broker.node("fresh").await] {
        assert_eq!(node.all(6).await, *batch(0..6), "every text is there");
    }
    assert_eq!(faults(&broker), [""; 0]);
    // Also where an event comes before its key.
    let (later, early) = (Broker::shared(), of_events(&broker, "log"));
    later.node("maker").await.stop();
    produce(&later, &later.topic("keys"), &[(Some(b"barrier"), b"999999999")]);
    produce(&later, &later.topic("log"), &messages(&early));
    let node = later.node("one").await;
    let until = Instant::now() + Duration::from_secs(1);
    while Instant::now() < until {
        assert_eq!(node.log.head().borrow().0, 0, "an event is copied without its text");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    produce(&later, &later.topic("keys"), &messages(&of_events(&broker, "keys")));
    assert_eq!(node.all(6).await, *batch(0..6), "every text is there");
}

/// All messages of a topic that are about an event.
fn of_events(broker: &Broker, what: &str) -> Vec<Raw> {
    let all = broker.committed(&broker.topic(what));
    all.into_iter().filter(|message| message.key.is_some() && message.key.as_deref() != Some(b"barrier")).collect()
}

fn messages(all: &[Raw]) -> Vec<(Option<&[u8]>, &[u8])> {
    all.iter().map(|raw| (raw.key.as_deref(), raw.value.as_deref().expect("a value"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_erased_is_missed() {
    let source = Broker::shared();
    with_events(&source, 4).await;
    let broker = Broker::shared();
    broker.node("maker").await.stop();
    produce(&broker, &broker.topic("log"), &messages(&of_events(&source, "log")));
    let mut keys = of_events(&source, "keys");
    keys.remove(1);
    produce(&broker, &broker.topic("keys"), &messages(&keys));
    let node = Node::open(watchful(&broker, "one")).await;
    let why = node.halted().await;
    assert!(why.contains("the key of event 1 is missing") && why.contains(&broker.topic("keys")), "{why}");
    let found = faults(&broker);
    assert!(found.len() == 1 && found[0].contains("the key of event 1 is missing"), "{found:?}");
    assert_eq!(node.all(1).await, *batch(0..1), "what is whole was copied, and no more");
    assert_eq!(node.following().confirmed, None, "its end was never seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_destroyed_though_no_event_erased_its_text_halts_everybody() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    tombstone(&broker, &broker.topic("keys"), b"1");
    let words = "the key of event 1 was destroyed, and no event erased its text";
    both_halt(&broker, &node, words, "the key of event 1 was written again or destroyed").await;
    assert_eq!(node.all(3).await, *batch(0..3), "the copy keeps the text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_somebody_writes_again_halts_everybody() {
    let broker = Broker::shared();
    let node = with_events(&broker, 3).await;
    let keys = of_events(&broker, "keys");
    produce(&broker, &broker.topic("keys"), &messages(&keys[1..2]));
    let fault = "the key of event 1 was written again or destroyed";
    both_halt(&broker, &node, "the key of event 1 was written again", fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_none_of_the_ledgers_halt_everybody() {
    for (what, words, fault) in [
        ("log", "of the ledger's topic cannot be read", "is not what it must be"),
        ("keys", "of the ledger's topic of keys is no key", "is no key"),
    ] {
        let broker = Broker::shared();
        let node = with_events(&broker, 1).await;
        produce(&broker, &broker.topic(what), &[(Some(b"garbage"), b"garbage")]);
        both_halt(&broker, &node, words, fault).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_somebody_moved_away_is_found_without_a_node() {
    let broker = Broker::shared();
    with_events(&broker, 1).await;
    raw::say(&broker, &broker.topic("log"), &[("convenio-control", b"moved-out")], MOVED_OUT);
    let found = faults(&broker);
    assert!(found.len() == 1 && found[0].contains("takes no events"), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_and_keys_that_are_truncated_halt_everybody_within_seconds() {
    for what in ["log", "keys"] {
        let broker = Broker::shared();
        let node = with_events(&broker, 5).await;
        if what == "keys" {
            // Kafka deletes no records of a topic that is compacted only.
            broker.alter(&broker.topic(what), &[("cleanup.policy", "compact,delete")]).await;
        }
        broker.truncate(&broker.topic(what), Offset::Offset(3)).await;
        if what == "keys" {
            broker.alter(&broker.topic(what), &[("cleanup.policy", "compact")]).await;
        }
        both_halt(&broker, &node, "not there any more", "begins at offset 3").await;
        assert_eq!(node.all(5).await, *batch(0..5), "the copy is as it was");
        let refused = node.log.open_writer().await.expect_err("nobody writes from here");
        assert!(matches!(refused, OpenError::Damaged(_)), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_hangs_ends_freshness_and_is_told_until_it_is_over() {
    let broker = Broker::shared();
    let (node, topics) = (with_events(&broker, 2).await, ["log", "keys"].map(|what| broker.topic(what)));
    node.confirmed().await;
    let hung = Foreign::new(&broker, Duration::from_secs(60));
    hung.write(&topics[0], &[b"never committed"]);
    let hangs = Instant::now();
    let detail = until_raised(&node, AlarmKind::HangingTransaction).await;
    assert!(detail.contains(&topics[0]) && detail.contains("kafka-transactions"), "{detail}");
    let seen = node.following().confirmed;
    assert!(seen.is_some_and(|seen| seen < hangs), "its end is not seen meanwhile");
    assert!(faults(&broker).iter().any(|what| what.contains("is open in")), "{:?}", faults(&broker));
    let refused = node.log.open_writer().await.expect_err("nothing that it wrote would be seen");
    assert!(matches!(refused, OpenError::Unavailable(_)), "{refused:?}");
    hung.abort();
    eventually("the alarm is over", || raised(&node, AlarmKind::HangingTransaction).is_none()).await;
    node.confirmed().await;
    node.eventually_writer().await.writer.append(batch(2..3)).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_hangs_in_the_public_topic_is_told_and_stops_no_writer() {
    let broker = Broker::shared();
    let node = with_events(&broker, 2).await;
    let hung = Foreign::new(&broker, Duration::from_secs(60));
    hung.write(&broker.topic("events"), &[b"never committed"]);
    let detail = until_raised(&node, AlarmKind::HangingPublicTransaction).await;
    assert!(detail.contains(&broker.topic("events")) && detail.contains("kafka-transactions"), "{detail}");
    assert!(faults(&broker).iter().any(|what| what.contains("is open in")), "{:?}", faults(&broker));
    assert_eq!(node.following().forbidden(), None);
    node.confirmed().await;
    node.writer().await.writer.append(batch(2..3)).await.expect("it goes on");
    hung.abort();
    eventually("the alarm is over", || raised(&node, AlarmKind::HangingPublicTransaction).is_none()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_lose_history_stop_the_writer_until_they_are_mended() {
    let broker = Broker::shared();
    let node = with_events(&broker, 2).await;
    // The first loses what is old, and the second takes no message without a key: nobody could begin to write any more.
    let log = broker.topic("log");
    broker.alter(&log, &[("retention.ms", "604800000"), ("cleanup.policy", "compact")]).await;
    let detail = until_raised(&node, AlarmKind::TopicSettings).await;
    assert!(detail.contains("retention.ms = 604800000, and must have -1"), "{detail}");
    assert!(detail.contains("cleanup.policy = compact, and must have delete"), "{detail}");
    let refused = node.log.open_writer().await.expect_err("what it wrote would be lost");
    assert!(matches!(refused, OpenError::Unavailable(_)), "{refused:?}");
    broker.alter(&log, &[("retention.ms", "-1"), ("cleanup.policy", "delete")]).await;
    eventually("the alarm is over", || raised(&node, AlarmKind::TopicSettings).is_none()).await;
    node.writer().await.writer.append(batch(2..3)).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_is_elected_also_where_somebody_adds_a_partition() {
    let broker = Broker::shared();
    let node = with_events(&broker, 1).await;
    broker.add_partition(&broker.topic("log")).await;
    let detail = until_raised(&node, AlarmKind::TopicShape).await;
    assert!(detail.contains("partitions = 2, and must have 1"), "{detail}");
    assert!(node.following().forbidden().is_none(), "nothing is lost by it");
    let stand = |name| {
        let (tells, elected) = watch::channel(0);
        (Election::stand(&broker.settings(name), tells).expect("stands"), elected)
    };
    let (first, second) = (stand("one"), stand("two"));
    let elected = || [*first.1.borrow(), *second.1.borrow()].iter().filter(|term| **term > 0).count();
    eventually("one is elected", || elected() > 0).await;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert!(elected() <= 1, "both are elected");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_what_its_entry_commits_to_is_not_copied() {
    let source = Broker::shared();
    with_events(&source, 3).await;
    let of = |what: &str| {
        let all = source.committed(&source.topic(what));
        all.into_iter().find(|message| message.key.as_deref() == Some(b"2")).and_then(|raw| raw.value).expect("event 2")
    };
    let (event, key) = (of("log"), of("keys"));
    let text = String::from_utf8_lossy(&event).into_owned();
    // The same length, so that nothing else is wrong with it.
    let at = text.find("example.com/2").expect("its facts");
    let mut forged = event;
    forged[at] = b'E';
    let broker = Broker::shared();
    let node = with_events(&broker, 2).await;
    produce(&broker, &broker.topic("keys"), &[(Some(b"2"), &key)]);
    produce(&broker, &broker.topic("log"), &[(Some(b"2"), &forged)]);
    let words = "the record of event 2 is not what its entry commits to";
    both_halt(&broker, &node, words, words).await;
    assert_eq!(node.all(2).await, *batch(0..2), "it is in no copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_ledger_that_was_opened_is_never_made_anew() {
    let broker = Broker::shared();
    let opened = watchful(&broker, "one").with_opening(Opening::Opened);
    let refused = KafkaLog::open(opened, journal(support::folder().path())).await.expect_err("it is not there");
    assert!(matches!(refused, KafkaLogError::Missing { .. }) && !refused.may_pass(), "{refused:?}");
    let there = topics::inspect(&broker.settings("one")).await.expect("Kafka answers");
    assert_eq!(there.missing.len(), topics::Topic::ALL.len(), "nothing was made");

    let data = with_events(&broker, 2).await.stop();
    broker.delete(&[&broker.topic("log"), &broker.topic("keys")]).await;
    let refused = KafkaLog::open(watchful(&broker, "one"), journal(data.path())).await.expect_err("it was deleted");
    assert!(refused.to_string().contains(&broker.topic("log")), "{refused}");
    let missing = topics::inspect(&broker.settings("one")).await.expect("Kafka answers").missing;
    assert_eq!(missing, [broker.topic("log"), broker.topic("keys")], "and it stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_of_one_name_are_told_by_both() {
    let broker = Broker::shared();
    let nodes = [Node::open(watchful(&broker, "same")).await, Node::open(watchful(&broker, "same")).await];
    let stand = |node: &Node| {
        let (tells, elected) = watch::channel(0);
        (Election::stand(&node.settings, tells).expect("stands"), elected)
    };
    let _seats = [stand(&nodes[0]), stand(&nodes[1])];
    for node in &nodes {
        let deadline = Instant::now() + SOON;
        while raised(node, AlarmKind::NodeNameTaken).is_none() {
            assert!(Instant::now() < deadline, "it is not told");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_says_of_the_writer_is_ignored_and_told() {
    let broker = Broker::shared();
    let with_secret = |name: &str| {
        let settings = broker.settings(name);
        settings.authority.hold(b"a secret of all nodes");
        settings
    };
    // A log of an earlier version, whose records nobody signed.
    let old = broker.node("old").await;
    old.writer().await.writer.append(batch(0..2)).await.expect("appends");
    let topic = broker.topic("log");
    let (node, follower) = (Node::open(with_secret("one")).await, Node::open(with_secret("two")).await);
    assert_eq!(follower.all(2).await, *batch(0..2), "it opens, and all of it counts");
    let mut writer = node.writer().await.writer;
    writer.append(batch(2..3)).await.expect("appends");
    eventually("the writer is known", || follower.following().writer.is_some_and(|writer| writer.node == "one")).await;
    let signed = raw::control_records(&broker, &topic);
    assert_eq!(signed.len(), 2, "who began, and who writes");
    for (kind, value) in [("writer-started", &b"{}"[..]), ("writer-ready", b"no JSON"), ("moved-out", MOVED_OUT)] {
        raw::say(&broker, &topic, &[("convenio-control", kind.as_bytes())], value);
    }
    // And what was signed once, again.
    for (headers, value) in &signed {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        raw::say(&broker, &topic, &headers, value);
    }
    writer.append(batch(3..4)).await.expect("appends");
    for node in [&node, &follower, &Node::open(with_secret("three")).await] {
        assert_eq!(node.all(4).await, *batch(0..4));
        let following = node.following();
        assert_eq!((following.halted, following.closed), (None, None));
        let is_known = || node.following().writer.is_some_and(|writer| writer.node == "one");
        eventually("the writer goes on being known", is_known).await;
        assert!(until_raised(node, AlarmKind::ForeignControl).await.contains(&topic));
    }
    // What a node reads again when it starts is nobody else's.
    let topic = Broker::shared();
    let signing = |name: &str| {
        let settings = topic.settings(name);
        settings.authority.hold(b"a secret of all nodes");
        settings
    };
    let first = Node::open(signing("one")).await;
    first.writer().await.writer.append(batch(0..2)).await.expect("appends");
    drop(first.writer().await);
    let late = Node::open(signing("two")).await;
    assert_eq!(late.all(2).await, *batch(0..2));
    late.confirmed().await;
    let late = late.restart().await;
    late.confirmed().await;
    assert!(late.following().alarms.is_empty(), "{:?}", late.following().alarms);
    assert!(late.following().writer.is_some_and(|writer| writer.node == "one"));

    // Whoever holds no secret cannot move the ledger, for nobody would believe it. (What a stranger said it cannot judge.)
    let topic = Broker::shared();
    let signing = topic.settings("one");
    signing.authority.hold(b"a secret of all nodes");
    Node::open(signing).await.writer().await.writer.append(batch(0..1)).await.expect("appends");
    let without = topic.node("without").await;
    assert_eq!(without.all(1).await, *batch(0..1));
    without.confirmed().await;
    let refused = tokio::task::block_in_place(|| without.log.mover().map(drop)).expect_err("nothing of it counts");
    assert!(matches!(refused, KafkaLogError::Unauthorised { .. }), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_is_not_the_brokers_does_not_write() {
    let broker = Broker::shared();
    let (good, wrong) = (broker.node("good").await, broker.node("wrong").await);
    for hours in [2, -2_i64] {
        let moved = Duration::from_secs(hours.unsigned_abs() * 3_600);
        let clock = move || if hours > 0 { SystemTime::now() + moved } else { SystemTime::now() - moved };
        wrong.log.announce(Announcement { wall_clock: Some(Arc::new(clock)), ..Announcement::default() });
        wrong.log.alarm(AlarmKind::ClockDiffers, None);
        let refused = wrong.log.open_writer().await.expect_err("it would record wrong times");
        assert!(matches!(refused, OpenError::Unavailable(_)), "{refused:?}");
        let detail = raised(&wrong, AlarmKind::ClockDiffers).expect("it is told");
        assert!(detail.contains("the brokers'"), "{detail}");
        assert!(wrong.following().forbidden().is_some());
    }
    good.log.announce(Announcement { wall_clock: Some(Arc::new(SystemTime::now)), ..Announcement::default() });
    good.writer().await.writer.append(batch(0..1)).await.expect("its clock is right");
}
