//! Topics that are closed while a ledger moves into them, or for good when it has left: who may write then, and who learns of it.

mod support;

use convenio_events::{
    LedgerId, Sequence,
    log::{EventLog as _, OpenError},
};
use convenio_kafka::{Closed, Election, KafkaLogError, running_nodes};
use std::sync::Arc;
use support::{Broker, Node, events::event, eventually};
use tokio::sync::watch;

const TEXT: &str = r#"{"reason":"vacunación"}"#;

fn ledger() -> LedgerId {
    LedgerId::new(uuid::Uuid::from_u128(7))
}

fn moving_in(events: u64) -> Closed {
    Closed::MovingIn { ledger: ledger(), events: Sequence(events) }
}

fn moved_out(events: u64) -> Closed {
    Closed::MovedOut { ledger: ledger(), events: Sequence(events), ticket: "one".to_owned() }
}

#[track_caller]
fn is_refused(opened: Result<convenio_events::log::OpenedWriter, OpenError>, why: &str) {
    match opened {
        Err(OpenError::Damaged(error)) => assert!(error.to_string().contains(why), "{error}"),
        other => panic!("it opens, or may later: {other:?}"),
    }
}

/// The fence, on the thread that a program would have for it.
async fn mover(node: &Node) -> convenio_kafka::Mover {
    let log = node.log.clone();
    tokio::task::spawn_blocking(move || log.mover()).await.expect("no panic").expect("the fence is taken")
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_in_as_they_are_and_nobody_else_writes_until_all_are_there() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let mut events: Vec<_> = (0..6).map(|sequence| event(7, 1, sequence, TEXT)).collect();
    for erased in [2, 5] {
        (events[erased].text, events[erased].text_salt) = (None, None);
    }
    let moving = mover(&node).await;
    assert_eq!((moving.head(), moving.closed()), (Sequence::ZERO, None));
    moving.close(&moving_in(6)).expect("closed");
    moving.append(&events[..4]).expect("appended");
    drop(moving);
    is_refused(node.log.open_writer().await, "is being moved into it: run the same");

    // Whoever has a copy of a part of it knows that it is one, also after a restart that reads no further back than that part.
    let other = broker.node("two").await;
    other.all(4).await;
    let other = other.restart().await;
    other.confirmed().await;
    assert_eq!(other.following().closed, Some(moving_in(6)));
    is_refused(other.log.open_writer().await, "is being moved into it");

    // It goes on where it was.
    let moving = mover(&node).await;
    assert_eq!((moving.head(), moving.closed()), (Sequence(4), Some(moving_in(6))));
    moving.append(&events[4..]).expect("appended");
    moving.open(Sequence(6)).expect("opened");
    for node in [&node, &other, &broker.node("three").await] {
        assert_eq!(node.all(6).await, events, "salts and texts are what they were, and what was erased is");
    }
    let mut writer = other.writer().await.writer;
    writer.append(Arc::new(vec![event(7, 1, 6, TEXT)])).await.expect("the ledger goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_a_ledger_left_stays_closed_and_every_node_says_so() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    writer.append(Arc::new(vec![event(7, 1, 0, TEXT)])).await.expect("appends");

    // Who writes takes the fence back, and then nothing is closed.
    let late = mover(&node).await;
    let mut writer = node.writer().await.writer;
    writer.append(Arc::new(vec![event(7, 1, 1, TEXT)])).await.expect("appends");
    assert!(matches!(late.close(&moved_out(1)), Err(KafkaLogError::Fenced)));
    writer.append(Arc::new(vec![event(7, 1, 2, TEXT)])).await.expect("nothing was closed");

    let moving = mover(&node).await;
    assert_eq!((moving.head(), moving.closed()), (Sequence(3), None));
    moving.close(&moved_out(3)).expect("closed");
    writer.append(Arc::new(vec![event(7, 1, 3, TEXT)])).await.expect_err("it was fenced");
    is_refused(node.log.open_writer().await, "was moved out of it after 3 events");
    let fresh = broker.node("two").await;
    fresh.all(3).await;
    eventually("a new node knows", || fresh.following().closed == Some(moved_out(3))).await;
    is_refused(fresh.log.open_writer().await, "was moved out of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_for_election_runs() {
    let broker = Broker::shared();
    let node = broker.node("one").await;
    let running = || running_nodes(&node.settings).expect("Kafka says");
    assert_eq!(running(), Vec::<String>::new());
    let (elect, elected) = watch::channel(0);
    let seat = Election::stand(&node.settings, elect).expect("it stands");
    eventually("it is elected", || *elected.borrow() != 0).await;
    assert_eq!(running(), ["one"]);
    drop(seat);
    eventually("it has left", || running().is_empty()).await;
}
