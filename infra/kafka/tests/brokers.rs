//! Brokers that are killed while a node writes: what was acknowledged is in the log once. The disks live.

#![allow(clippy::print_stdout, reason = "the seed is said")]

#[path = "publisher/public.rs"]
mod public;
mod support;

use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, OpenedWriter},
};
use convenio_kafka::{PublishedForm, Publisher, Settings};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use support::{Broker, Node, SOON, events::batch_of, eventually};
use tokio::sync::{Mutex, MutexGuard, oneshot};

/// Brokers are killed by one test at a time.
static TURN: Mutex<()> = Mutex::const_new(());

/// Brokers that come back soon, and forget soon who does not write any more: one, or as many as `CONVENIO_TEST_BROKERS` says,
/// which may be three. With one, its leader and coordinator is gone for a while; with three, another takes over.
async fn brokers() -> (MutexGuard<'static, ()>, Broker) {
    let turn = TURN.lock().await;
    let count = std::env::var("CONVENIO_TEST_BROKERS").unwrap_or_else(|_| "1".to_owned());
    let settings = [
        "broker.session.timeout.ms=2000",
        "broker.heartbeat.interval.ms=500",
        "transactional.id.expiration.ms=3000",
        "transaction.remove.expired.transaction.cleanup.interval.ms=500",
    ];
    let set = settings.iter().flat_map(|setting| ["--set", setting]);
    let options: Vec<_> = ["--brokers", count.as_str()].into_iter().chain(set).collect();
    (turn, tokio::task::block_in_place(|| Broker::shared_with(&options)))
}

/// A batch that was acknowledged: who wrote it, and where.
type Acknowledged = (u128, std::ops::Range<u64>);

/// Appends batches of random sizes until told to end, opening again whenever the outcome is unknown.
async fn load(
    node: Arc<Node>,
    seed: u64,
    acknowledged: Arc<AtomicU64>,
    mut end: oneshot::Receiver<()>,
) -> (Vec<Acknowledged>, u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let OpenedWriter { mut writer, head } = node.eventually_writer().await;
    let (mut head, mut batches, mut number) = (head.0, Vec::new(), 0);
    while end.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
        number += 1;
        let range = head..head + rng.random_range(1..40);
        match writer.append(batch_of(number, range.clone())).await {
            Ok(()) => {
                head = range.end;
                batches.push((number, range));
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(AppendError::Fenced) => panic!("nobody has replaced it"),
            Err(AppendError::Unknown(_)) => {
                drop(writer);
                let opened = node.eventually_writer().await;
                assert!([range.start, range.end].contains(&opened.head.0), "half of {range:?}: {}", opened.head);
                if opened.head.0 == range.end {
                    batches.push((number, range.clone()));
                }
                (writer, head) = (opened.writer, opened.head.0);
            }
        }
    }
    (batches, head)
}

fn check(events: &[RecordedEvent], batches: &[Acknowledged]) {
    let expected: Vec<_> =
        batches.iter().flat_map(|(number, range)| batch_of(*number, range.clone()).to_vec()).collect();
    assert_eq!(events, expected, "every batch that was acknowledged, once and whole, and nothing else");
}

/// Runs faults while a node writes, then compares what it was told with what others read.
async fn under_load(broker: &Broker, faults: impl FnOnce(&dyn Fn())) {
    let seed = rand::random();
    println!("seed {seed}");
    let (node, follower) = (Arc::new(broker.node("one").await), broker.node("two").await);
    let (ends, end) = oneshot::channel();
    let acknowledged = Arc::<AtomicU64>::default();
    let loading = tokio::spawn(load(node.clone(), seed, acknowledged.clone(), end));
    let progress = || {
        let (from, deadline) = (acknowledged.load(Ordering::SeqCst), Instant::now() + SOON);
        while acknowledged.load(Ordering::SeqCst) < from + 5 {
            assert!(Instant::now() < deadline, "nothing is acknowledged any more");
            std::thread::yield_now();
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    tokio::task::block_in_place(|| {
        progress();
        faults(&progress);
        progress();
    });
    ends.send(()).expect("it loads");
    let (batches, head) = loading.await.expect("no panic");
    println!("{} batches, {head} events", batches.len());
    check(&node.all(head).await, &batches);
    check(&follower.all(head).await, &batches);
    check(&broker.node("three").await.all(head).await, &batches);
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_leader_and_the_coordinator_under_load_loses_and_doubles_nothing() {
    let (_turn, broker) = brokers().await;
    under_load(&broker, |progress| {
        let topics = [broker.topic("log"), "__transaction_state".to_owned()];
        let mut leaders = topics.map(|topic| broker.kafka("leader", &[&topic])).to_vec();
        leaders.dedup();
        for leader in leaders {
            broker.kafka("kill", &[&leader]);
            if broker.bootstrap().contains(',') {
                progress();
            }
            broker.kafka("start", &[]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_all_brokers_under_load_loses_and_doubles_nothing() {
    let (_turn, broker) = brokers().await;
    under_load(&broker, |_| {
        broker.kafka("kill", &["all"]);
        broker.kafka("start", &[]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_brokers_reads_go_on_and_everything_comes_back_by_itself() {
    let (_turn, broker) = brokers().await;
    // It gives up sooner than by default.
    let hasty = [("message.timeout.ms".to_owned(), "3000".to_owned())];
    let settings = Settings::new(broker.address(), "one", hasty).expect("fine");
    let (node, follower) = (Node::open(settings).await, broker.node("two").await);
    let mut writer = node.writer().await.writer;
    writer.append(batch_of(1, 0..10)).await.expect("appends");
    assert_eq!(follower.all(10).await, *batch_of(1, 0..10));
    broker.kafka("kill", &["all"]);
    let down = Instant::now();
    let outcome = writer.append(batch_of(2, 10..20)).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
    assert!(down.elapsed() < Duration::from_secs(25), "said after {:?}", down.elapsed());
    drop(writer);
    assert_eq!(node.all(10).await, *batch_of(1, 0..10), "reads go on");
    assert_eq!(follower.all(10).await, *batch_of(1, 0..10));
    for node in [&node, &follower] {
        let following = node.following();
        assert_eq!(following.halted, None, "Kafka that does not answer is no other history");
        assert!(following.confirmed.is_some_and(|seen| seen < down + Duration::from_secs(1)), "nobody sees an end now");
    }
    broker.kafka("start", &[]);
    follower.confirmed().await;
    let OpenedWriter { mut writer, head } = node.eventually_writer().await;
    assert_eq!(head, Sequence(10), "it was never committed");
    writer.append(batch_of(3, 10..15)).await.expect("appends");
    let expected = [&batch_of(1, 0..10)[..], &batch_of(3, 10..15)[..]].concat();
    assert_eq!(follower.all(15).await, expected, "the follower goes on by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_kafka_has_forgotten_opens_again() {
    let (_turn, broker) = brokers().await;
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    writer.append(batch_of(1, 0..2)).await.expect("appends");
    let name = format!("convenio.{}.writer", broker.ledger());
    eventually("its transactional id expires", || {
        !tokio::task::block_in_place(|| broker.kafka("tool", &["transactions", "list"])).contains(&name)
    })
    .await;
    let outcome = writer.append(batch_of(1, 2..3)).await;
    assert!(matches!(outcome, Err(AppendError::Unknown(_))), "{outcome:?}");
    drop(writer);
    let OpenedWriter { mut writer, head } = node.eventually_writer().await;
    assert_eq!(head, Sequence(2));
    writer.append(batch_of(2, 2..3)).await.expect("appends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_goes_on_by_itself_when_brokers_come_back_and_when_they_have_forgotten_it() {
    let (_turn, broker) = brokers().await;
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    writer.append(batch_of(1, 0..4_000)).await.expect("appends");
    let publisher = Publisher::start(&node.log, PublishedForm::default());
    public::published(&publisher, 1).await;
    tokio::task::block_in_place(|| broker.kafka("kill", &["all"]));
    let restarting = tokio::task::spawn_blocking(|| drop(publisher));
    let began = Instant::now();
    restarting.await.expect("it ends also while Kafka is away");
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    let publisher = Publisher::start(&node.log, PublishedForm::default());
    let why = public::troubled(&publisher).await;
    assert!(!publisher.publishing().borrow().halted, "{why}");
    tokio::task::block_in_place(|| broker.kafka("start", &[]));
    public::published(&publisher, 4_000).await;
    assert_eq!(publisher.publishing().borrow().error, None);
    public::holds(&broker, &batch_of(1, 0..4_000));
    // It has nothing to do for so long that Kafka forgets its transactional id.
    let name = format!("convenio.{}.events", broker.ledger());
    eventually("its transactional id expires", || {
        !tokio::task::block_in_place(|| broker.kafka("tool", &["transactions", "list"])).contains(&name)
    })
    .await;
    drop(writer);
    let OpenedWriter { mut writer, .. } = node.eventually_writer().await;
    writer.append(batch_of(1, 4_000..4_010)).await.expect("appends");
    public::published(&publisher, 4_010).await;
    public::holds(&broker, &batch_of(1, 0..4_010));
}
