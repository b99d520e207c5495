//! A broker that asks for SASL/SCRAM and TLS, and allows nothing that no ACL names. What an ACL should not allow is Kafka's to test.
//!
//! What the user of the nodes of a ledger needs, each of which was found to be needed by taking it away:
//! * topics `convenio.<ledger>.` (prefixed): Read, Write, DescribeConfigs; and Create, unless somebody else makes the topics
//!   beforehand;
//! * groups `convenio.<ledger>.` (prefixed): Read, without which nobody is elected;
//! * transactional ids `convenio.<ledger>.` (prefixed): Write.
//!
//! Describe comes with each of them, and nothing is needed of the cluster.

mod support;

use convenio_kafka::{AlarmKind, KafkaLog, KafkaLogError, PublishedForm, Publisher, Settings, topics};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{Broker, journal};
use tokio::sync::watch;

/// The options of librdkafka that were written for a user.
fn options(broker: &Broker, user: &str) -> Vec<(String, String)> {
    let file = std::fs::read_to_string(broker.folder().join(format!("clients/{user}.librdkafka"))).expect("written");
    let pairs = file.lines().filter_map(|line| line.trim().split_once('='));
    let own = pairs.filter(|(name, _)| *name != "bootstrap.servers");
    own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn settings(broker: &Broker, options: Vec<(String, String)>) -> Settings {
    Settings::new(broker.address(), "one", options).expect("fine")
}

fn broker() -> Broker {
    tokio::task::block_in_place(|| Broker::shared_with(&["--sasl-tls"]))
}

/// Allows `convenio` what a node needs; what is in `without` it does not get.
fn allow(broker: &Broker, without: &[&str]) {
    let prefix = format!("convenio.{}.", broker.ledger());
    let needs = [
        ("--topic", &["Read", "Write", "DescribeConfigs", "Create"][..]),
        ("--group", &["Read"]),
        ("--transactional-id", &["Write"]),
    ];
    for (resource, operations) in needs {
        let mut arguments = vec!["acls", "--add", "--allow-principal", "User:convenio", resource, &prefix];
        arguments.extend(["--resource-pattern-type", "prefixed"]);
        let granted = operations.iter().filter(|operation| !without.contains(operation));
        arguments.extend(granted.flat_map(|operation| ["--operation", operation]));
        tokio::task::block_in_place(|| broker.kafka("tool", &arguments));
    }
}

async fn opened(settings: Settings) -> Result<(KafkaLog, tempfile::TempDir), KafkaLogError> {
    let data = support::folder();
    let log = KafkaLog::open(settings, journal(data.path())).await?;
    Ok((log, data))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_acls_a_node_keeps_the_contract_and_is_elected() {
    let broker = broker();
    let settings = settings(&broker, options(&broker, "convenio"));
    let refused = opened(settings.clone()).await.expect_err("nothing is allowed");
    assert!(!refused.may_pass(), "somebody must do something: {refused:?}");
    assert!(refused.to_string().contains("a topic could not be made"), "{refused}");
    allow(&broker, &[]);
    let (log, _data) = opened(settings.clone()).await.expect("that is enough");
    convenio_events::conformance::run(Arc::new(log.clone())).await;
    let publisher = Publisher::start(&log, PublishedForm::default());
    let mut publishing = publisher.publishing();
    let head = *convenio_events::log::EventLog::head(&log).borrow();
    let published = tokio::time::timeout(support::SOON, publishing.wait_for(|now| now.next == Some(head))).await;
    published.unwrap_or_else(|_| panic!("{:?}", publisher.publishing().borrow())).expect("it may publish");
    let (tells, mut elected) = watch::channel(0);
    let _election = convenio_kafka::Election::stand(&settings, tells).expect("stands");
    let elected = tokio::time::timeout(support::SOON, elected.wait_for(|term| *term == 1)).await;
    elected.expect("it may join the group").expect("it stands");
    // What a migration asks, and it writes like any writer.
    assert!(topics::is_there(&settings).await.expect("it may see the topic"));
    let running = tokio::task::block_in_place(|| convenio_kafka::running_nodes(&settings));
    assert_eq!(running.expect("it may see its group"), ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_that_somebody_else_has_made_are_used() {
    let broker = broker();
    let admin = Settings::new(broker.address(), "admin", options(&broker, "admin")).expect("fine");
    topics::prepare(&admin, topics::PATIENCE).await.expect("the admin may");
    allow(&broker, &["Create", "DescribeConfigs"]);
    let refused = opened(settings(&broker, options(&broker, "convenio"))).await.expect_err("it cannot check them");
    assert!(refused.to_string().contains("settings may not be read") && !refused.may_pass(), "{refused}");
    allow(&broker, &["Create"]);
    let (log, _data) = opened(settings(&broker, options(&broker, "convenio"))).await.expect("they are fine");
    use convenio_events::log::EventLog as _;
    log.open_writer().await.expect("it may write").writer.append(support::events::batch(0..3)).await.expect("appends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_may_not_read_the_keys_says_so_and_does_not_write_until_it_may() {
    let broker = broker();
    let admin = Settings::new(broker.address(), "admin", options(&broker, "admin")).expect("fine");
    topics::prepare(&admin, topics::PATIENCE).await.expect("the admin may");
    let allow = |resource: &str, name: &str, operations: &[&str]| {
        let mut arguments = vec!["acls", "--add", "--allow-principal", "User:convenio", resource, name];
        arguments.extend(operations.iter().flat_map(|operation| ["--operation", operation]));
        tokio::task::block_in_place(|| broker.kafka("tool", &arguments));
    };
    for (what, may) in [("log", &["Read", "Write", "DescribeConfigs"][..]), ("keys", &["Write", "DescribeConfigs"])] {
        allow("--topic", &broker.topic(what), may);
    }
    allow("--topic", &broker.topic("events"), &["Write", "DescribeConfigs"]);
    for (resource, name, may) in
        [("--group", "followers", "Read"), ("--group", "writers", "Read"), ("--transactional-id", "writer", "Write")]
    {
        allow(resource, &broker.topic(name), &[may]);
    }
    let settings = settings(&broker, options(&broker, "convenio"));
    let (log, _data) = opened(settings.clone()).await.expect("all topics are there");
    let mut following = log.following();
    let raised = following.wait_for(|now| now.alarms.iter().any(|alarm| alarm.kind == AlarmKind::TopicUnreadable));
    let told = tokio::time::timeout(support::SOON, raised).await.expect("it is told").expect("open").clone();
    assert!(told.alarms[0].detail.contains(&broker.topic("keys")), "{:?}", told.alarms);
    // Longer than it takes to see the end of the log alone.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_eq!(following.borrow().confirmed, None, "it is ready for nothing");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    use convenio_events::log::{EventLog as _, OpenError};
    let refused = log.open_writer().await.expect_err("nobody could read what it wrote");
    assert!(matches!(refused, OpenError::Unavailable(_)), "{refused:?}");
    let found = tokio::task::block_in_place(|| convenio_kafka::examine(&settings, true)).expect("Kafka answers");
    assert!(found.faults[0].what.contains("may not be read"), "{found:?}");

    allow("--topic", &broker.topic("keys"), &["Read"]);
    let mended = following.wait_for(|now| now.confirmed.is_some() && now.alarms.is_empty());
    tokio::time::timeout(support::SOON, mended).await.expect("it goes on by itself").expect("open");
    log.open_writer().await.expect("it may write").writer.append(support::events::batch(0..3)).await.expect("appends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_called_so_and_never_shown() {
    let broker = broker();
    let secret = broker.folder().join("wrong.password");
    std::fs::write(&secret, "Tr0ub4dor&3\n").expect("written");
    let mut wrong = options(&broker, "convenio");
    wrong.retain(|(name, _)| name != "sasl.password");
    wrong.push(("sasl.password.file".to_owned(), secret.display().to_string()));
    let settings = settings(&broker, wrong);
    let began = Instant::now();
    let error = opened(settings.clone()).await.expect_err("it is wrong");
    assert!(began.elapsed() < Duration::from_secs(10), "it is said soon: {:?}", began.elapsed());
    let said = format!("{error} {error:?} {settings:?}");
    assert!(!said.contains("Tr0ub4dor"), "{said}");
    assert!(error.to_string().contains("Authentication failed"), "{error}");
    assert!(!error.may_pass(), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_nobody_we_trust_is_called_so() {
    let broker = broker();
    let mut distrusting = options(&broker, "convenio");
    distrusting.retain(|(name, _)| name != "ssl.ca.location");
    let error = opened(settings(&broker, distrusting)).await.expect_err("its authority is ours alone");
    assert!(error.to_string().contains("certificate"), "{error}");
}
