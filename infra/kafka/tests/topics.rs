//! How a ledger's topics come to be: with copies on all brokers that are to come, and never by a mere question.

mod support;

use convenio_kafka::{Settings, topics};
use std::time::Duration;
use support::{Broker, address, folder, kafka};

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_with_three_copies_also_while_the_brokers_come_up() {
    let folder = folder();
    let path = folder.path().display().to_string();
    let us = std::process::id().to_string();
    kafka(&["start", &path, "--brokers", "3", "--no-wait", "--stop-with", &us]);
    let bootstrap = std::fs::read_to_string(folder.path().join("bootstrap")).expect("it says where they are");
    let settings = Settings::new(address(bootstrap.trim(), "early"), "one", []).expect("fine");
    let cluster = topics::prepare(&settings, Duration::from_secs(90)).await.expect("they come up");
    let described = kafka(&["tool", &path, "topics", "--describe"]);
    for topic in ["log", "keys", "events"] {
        let name = format!("Topic: convenio.early.{topic}\t");
        let line = described.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{described}"));
        assert!(line.contains("ReplicationFactor: 3"), "with {} brokers: {line}", cluster.brokers);
        assert!(line.contains("min.insync.replicas=2"), "{line}");
    }
    let inspected = topics::inspect(&settings).await.expect("they are fine");
    assert_eq!((inspected.missing, inspected.thin), (vec![], vec![]));
    kafka(&["stop", &path, "--remove"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_makes_no_topic_where_brokers_make_what_is_asked_for() {
    let broker = Broker::shared_with(&["--set", "auto.create.topics.enable=true"]);
    let settings = broker.settings("one");
    assert!(!topics::is_there(&settings).await.expect("it answers"));
    let inspected = topics::inspect(&settings).await.expect("it answers");
    assert_eq!(inspected.missing.len(), topics::Topic::ALL.len());
    let there = broker.kafka("tool", &["topics", "--list"]);
    assert!(!there.contains(broker.ledger()), "{there}");
    topics::prepare(&settings, topics::PATIENCE).await.expect("they are made as they must be");
    assert!(topics::is_there(&settings).await.expect("it answers"));
    assert_eq!(topics::inspect(&settings).await.expect("it answers").missing, [""; 0]);
}
