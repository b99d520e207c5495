//! What becomes of a batch when its writer is killed, stopped, cut off or replaced in the middle of it. Brokers stay up here.

#[path = "faults/election.rs"]
mod election;
mod support;

use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, EventLog as _, LogWriter, OpenedWriter},
};
use convenio_kafka::Settings;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use support::{
    Broker, Node, SOON,
    child::ChildNode,
    events::{batch, batch_of, event},
    proxy::{END_TRANSACTION, INIT_PRODUCER_ID, Lose},
    raw::Foreign,
};

fn broker() -> Broker {
    let quick =
        ["transaction.abort.timed.out.transaction.cleanup.interval.ms=500", "group.min.session.timeout.ms=1000"];
    Broker::shared_with(&["--set", quick[0], "--set", quick[1]])
}

fn heard(lost: &std::sync::mpsc::Receiver<()>) {
    tokio::task::block_in_place(|| lost.recv_timeout(SOON)).expect("the proxy lost it");
}

/// A node that does as it is told, line by line: `from to` appends single events.
#[test]
fn child_that_writes() {
    let Ok(address) = std::env::var("CONVENIO_TEST_KAFKA") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = Settings::new(address.parse().expect("an address"), "child", []).expect("no properties");
        let node = Node::open(settings).await;
        let OpenedWriter { mut writer, head } = node.writer().await;
        println!("\nready {head}");
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let (from, to) = line.split_once(' ').expect("two numbers");
            let (mut from, to): (u64, u64) = (from.parse().expect("a number"), to.parse().expect("a number"));
            while from < to {
                match writer.append(batch_of(2, from..from + 1)).await {
                    Ok(()) => println!("appended {from}"),
                    Err(error) => {
                        println!("refused {error}");
                        break;
                    }
                }
                from += 1;
            }
        }
    });
}

fn child(address: &str) -> ChildNode {
    ChildNode::start("child_that_writes", &[("CONVENIO_TEST_KAFKA", address)])
}

fn sequences(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.sequence.0).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_open_in_turn_only_the_last_writes() {
    let broker = broker();
    let (one, two) = (broker.node("one").await, broker.node("two").await);
    let mut first = one.writer().await.writer;
    first.append(batch_of(1, 0..3)).await.expect("the only writer");
    first.confirm().await.expect("nobody else has written");
    let OpenedWriter { writer: mut second, head } = two.writer().await;
    assert_eq!(head, Sequence(3), "its head is what was committed before it opened");
    for _ in 0..3 {
        let late = first.append(batch_of(1, 3..5)).await;
        assert!(matches!(late, Err(AppendError::Fenced)), "{late:?}");
    }
    second.append(batch_of(2, 3..5)).await.expect("the successor writes");
    let expected = [&batch_of(1, 0..3)[..], &batch_of(2, 3..5)[..]].concat();
    assert_eq!(one.all(5).await, expected, "the first follows it");
    assert_eq!(two.all(5).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_writer_that_only_asks_is_told() {
    let broker = broker();
    let (one, two) = (broker.node("one").await, broker.node("two").await);
    let mut first = one.writer().await.writer;
    first.confirm().await.expect("nobody else has written");
    let mut second = two.writer().await.writer;
    let asked = first.confirm().await;
    assert!(matches!(asked, Err(AppendError::Fenced)), "{asked:?}");
    second.append(batch(0..2)).await.expect("asking hurts nobody");
    second.confirm().await.expect("its own batch is the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_nobody_waits_for_any_more_fences_nobody() {
    let broker = broker();
    let (one, two) = (broker.node("one").await, Node::open(broker.settings_by_proxy("two")).await);
    let mut elected = one.writer().await.writer;
    elected.append(batch_of(1, 0..2)).await.expect("the only writer");
    let lost = broker.proxy().lose(Lose::Request, INIT_PRODUCER_ID, broker.ledger());
    let log = two.log.clone();
    let opening = tokio::spawn(async move { log.open_writer().await });
    heard(&lost);
    // Its term is over while Kafka does not answer.
    opening.abort();
    assert!(opening.await.is_err_and(|error| error.is_cancelled()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.proxy().mend(broker.ledger());
    tokio::time::sleep(Duration::from_secs(5)).await;
    elected.append(batch_of(1, 2..3)).await.expect("nobody has replaced it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_given_up_in_its_commit_is_not_waited_for() {
    let broker = broker();
    let node = Node::open(broker.settings_by_proxy("one")).await;
    let mut writer = node.writer().await.writer;
    let lost = broker.proxy().lose(Lose::Request, END_TRANSACTION, broker.ledger());
    let appending = tokio::spawn(async move { writer.append(batch_of(1, 0..2)).await });
    heard(&lost);
    let began = Instant::now();
    appending.abort();
    assert!(appending.await.is_err_and(|error| error.is_cancelled()));
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    broker.proxy().mend(broker.ledger());
    let OpenedWriter { mut writer, head } = node.eventually_writer().await;
    writer.append(batch_of(1, head.0..head.0 + 1)).await.expect("it goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_fight_for_the_log_never_write_both() {
    let broker = broker();
    let nodes = [broker.node("one").await, broker.node("two").await];
    let mut zombies: Vec<Box<dyn LogWriter>> = Vec::new();
    let mut expected = Vec::new();
    for round in 0..6_u64 {
        let owner = &nodes[round as usize % 2];
        let OpenedWriter { mut writer, head } = owner.writer().await;
        assert_eq!(head.0, expected.len() as u64);
        for zombie in &mut zombies {
            let late = zombie.append(batch_of(99, round..round + 1)).await;
            assert!(matches!(late, Err(AppendError::Fenced)), "{late:?}");
        }
        let ours = batch_of(u128::from(round), round..round + 1);
        writer.append(ours.clone()).await.expect("nobody has replaced it");
        expected.extend(ours.iter().cloned());
        zombies = vec![writer];
    }
    assert_eq!(nodes[0].all(6).await, expected);
    assert_eq!(nodes[1].all(6).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_writer_killed_before_its_commit_is_ever_seen() {
    let broker = broker();
    let mut killed = child(&broker.settings_by_proxy("child").address.to_string());
    killed.says("ready 0");
    killed.tell("0 2");
    killed.says("appended 1");
    let lost = broker.proxy().lose(Lose::Request, END_TRANSACTION, broker.ledger());
    killed.tell("2 3");
    heard(&lost);
    killed.kill();
    let node = broker.node("two").await;
    let OpenedWriter { mut writer, head } = node.writer().await;
    assert_eq!(head, Sequence(2), "what was produced and not committed is not there");
    writer.append(batch_of(3, 2..4)).await.expect("the successor writes");
    assert_eq!(node.all(4).await, [&batch_of(2, 0..2)[..], &batch_of(3, 2..4)[..]].concat());
    broker.proxy().mend(broker.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_writer_committed_without_hearing_of_it_is_there() {
    let broker = broker();
    let mut killed = child(&broker.settings_by_proxy("child").address.to_string());
    killed.says("ready 0");
    let lost = broker.proxy().lose(Lose::Answer, END_TRANSACTION, broker.ledger());
    killed.tell("0 1");
    heard(&lost);
    killed.kill();
    let node = broker.node("two").await;
    assert_eq!(node.writer().await.head, Sequence(1));
    assert_eq!(node.all(1).await, *batch_of(2, 0..1));
    broker.proxy().mend(broker.ledger());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_was_lost_is_asked_for_again_and_counts_once() {
    let broker = broker();
    let node = Node::open(broker.settings_by_proxy("one")).await;
    let mut writer = node.writer().await.writer;
    for (lose, from) in [(Lose::Answer, 0), (Lose::Request, 5)] {
        let lost = broker.proxy().lose(lose, END_TRANSACTION, broker.ledger());
        let appending = tokio::spawn(async move {
            let outcome = writer.append(batch(from..from + 5)).await;
            (writer, outcome)
        });
        heard(&lost);
        broker.proxy().mend(broker.ledger());
        let (back, outcome) = appending.await.expect("no panic");
        outcome.expect("its outcome was found out");
        writer = back;
    }
    assert_eq!(node.all(10).await, *batch(0..10));
}

/// Cuts a writer off in its commit, opens a successor, and mends the connection; returns what the writer said then, and again.
async fn replaced_in_its_commit(
    broker: &Broker,
    lose: Lose,
) -> (Node, Sequence, Result<(), AppendError>, Result<(), AppendError>) {
    let cut_off = Node::open(broker.settings_by_proxy("one")).await;
    let mut first = cut_off.writer().await.writer;
    first.append(batch_of(1, 0..2)).await.expect("appends");
    let lost = broker.proxy().lose(lose, END_TRANSACTION, broker.ledger());
    let appending = tokio::spawn(async move {
        let outcome = first.append(batch_of(1, 2..4)).await;
        let again = first.append(batch_of(1, 4..5)).await;
        (outcome, again)
    });
    heard(&lost);
    let node = broker.node("two").await;
    let OpenedWriter { writer: mut second, head } = node.writer().await;
    second.append(batch_of(2, head.0..head.0 + 3)).await.expect("the successor writes");
    broker.proxy().mend(broker.ledger());
    let (outcome, again) = appending.await.expect("no panic");
    assert_eq!(cut_off.all(head.0 + 3).await, node.all(head.0 + 3).await, "both tell the same history");
    (node, head, outcome, again)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_writer_whose_commit_had_come_through_is_not_told_that_it_had_not() {
    let (node, head, outcome, again) = replaced_in_its_commit(&broker(), Lose::Answer).await;
    assert_eq!(head, Sequence(4), "it was committed before the successor opened");
    assert!(outcome.is_ok(), "{outcome:?}");
    assert!(matches!(again, Err(AppendError::Fenced)), "{again:?}");
    assert_eq!(node.all(7).await, [&batch_of(1, 0..4)[..], &batch_of(2, 4..7)[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_writer_whose_commit_had_not_come_through_is_told_so() {
    let (node, head, outcome, again) = replaced_in_its_commit(&broker(), Lose::Request).await;
    assert_eq!(head, Sequence(2));
    assert!(matches!(outcome, Err(AppendError::Fenced)), "{outcome:?}");
    assert!(matches!(again, Err(AppendError::Fenced)), "{again:?}");
    assert_eq!(node.all(5).await, [&batch_of(1, 0..2)[..], &batch_of(2, 2..5)[..]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_writer_that_wakes_up_after_its_successor_writes_nothing() {
    let broker = broker();
    let node = broker.node("two").await;
    let mut stopped = child(&broker.address().to_string());
    stopped.says("ready 0");
    stopped.tell("0 1000000");
    stopped.says("appended 20");
    stopped.signal("STOP");
    let OpenedWriter { mut writer, head } = node.writer().await;
    writer.append(batch_of(3, head.0..head.0 + 2)).await.expect("the successor writes");
    stopped.signal("CONT");
    let mut acknowledged = 20;
    let refusal = loop {
        // Whatever it had said before it was stopped comes first.
        let line = stopped.says("");
        match line.strip_prefix("appended ") {
            Some(last) => acknowledged = last.parse().expect("a number"),
            None if line.starts_with("refused ") => break line,
            None => {}
        }
    };
    assert_eq!(refusal, format!("refused {}", AppendError::Fenced));
    assert!(acknowledged < head.0, "{acknowledged} was acknowledged, and the successor begins at {head}");
    stopped.tell(&format!("{} 1000000", acknowledged + 1));
    assert_eq!(stopped.says("refused "), AppendError::Fenced.to_string(), "it stays so");
    writer.append(batch_of(3, head.0 + 2..head.0 + 4)).await.expect("nobody has fenced the successor");
    let all = node.all(head.0 + 4).await;
    assert_eq!(all, [&batch_of(2, 0..head.0)[..], &batch_of(3, head.0..head.0 + 4)[..]].concat());
    let fresh = broker.node("three").await;
    assert_eq!(fresh.all(head.0 + 4).await, all, "a reader from outside sees the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_waits_for_somebody_elses_transaction_and_is_seen_after_it() {
    let broker = broker();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    writer.append(batch(0..2)).await.expect("appends");
    let hung = Foreign::new(&broker, Duration::from_secs(2));
    hung.write(&broker.topic("log"), &[b"never committed"]);
    let mut appending = tokio::spawn(async move { writer.append(batch(2..4)).await.map(|()| writer) });
    let early = tokio::time::timeout(Duration::from_millis(700), &mut appending).await;
    assert!(early.is_err(), "what cannot be read is not acknowledged");
    assert_eq!(*node.log.head().borrow(), Sequence(2));
    let mut writer = appending.await.expect("no panic").expect("the coordinator ends what hangs");
    writer.append(batch(4..5)).await.expect("appends");
    assert_eq!(node.all(5).await, *batch(0..5));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_batch_writes_nothing() {
    let broker = broker();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    let before = broker.committed(&broker.topic("log"));
    assert!(
        before.len() == 2 && before.iter().all(|message| message.control),
        "the barrier and the readiness: {before:?}"
    );
    for _ in 0..3 {
        writer.append(Arc::default()).await.expect("nothing to do");
    }
    assert_eq!(broker.committed(&broker.topic("log")), before);
    writer.append(batch(0..1)).await.expect("the writer is as good as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_an_error_and_nothing_is_half_written() {
    let broker = broker();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    let sized = |sequence, bytes| event(7, 1, sequence, &format!("{{\"reason\":\"{}\"}}", "x".repeat(bytes)));
    writer.append(Arc::new(vec![sized(0, 7 << 20)])).await.expect("a large one is fine");
    let outcome = writer.append(Arc::new(vec![sized(1, 10), sized(2, 9 << 20), sized(3, 10)])).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
    let after = writer.append(batch(1..2)).await;
    assert!(matches!(after, Err(AppendError::Unknown(_))), "a writer that has failed stays so: {after:?}");
    drop(writer);
    let OpenedWriter { mut writer, head } = node.writer().await;
    assert_eq!(head, Sequence(1), "nothing of it is there");
    writer.append(batch(1..3)).await.expect("the log goes on");
    assert_eq!(sequences(&node.all(3).await), [0, 1, 2]);
}
