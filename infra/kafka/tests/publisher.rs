//! The topic for integrators against a real broker: each event once and in order, whatever happens to whoever publishes it, and
//! nothing restricted. What CloudEvents mean is not tested here.

#[path = "publisher/public.rs"]
mod public;
mod support;

use convenio_events::{RecordedEvent, entry::Audience, log::EventLog as _};
use convenio_kafka::{PublishedForm, Publisher, Settings, Texts};
use public::{append, halted, holds, holds_from, published, told, troubled};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};
use support::{
    Broker, Node, SOON,
    child::ChildNode,
    events::{CANARY, event, event_for},
    proxy::{END_TRANSACTION, Lose},
    raw,
};

/// The requests by which offsets become a part of a transaction, by their numbers in Kafka's protocol.
const ADD_OFFSETS: i16 = 25;
const COMMIT_OFFSETS: i16 = 28;

/// Events of which every third is restricted.
fn events(range: std::ops::Range<u64>) -> Vec<RecordedEvent> {
    let text = |sequence| format!(r#"{{"reason":"{} {sequence}"}}"#, if sequence % 3 == 1 { CANARY } else { "so" });
    let audience = |sequence| if sequence % 3 == 1 { Audience::Restricted } else { Audience::Public };
    range.map(|sequence| event_for(audience(sequence), 7, 1, sequence, &text(sequence))).collect()
}

fn publish(node: &Node) -> Publisher {
    Publisher::start(&node.log, PublishedForm::default())
}

fn broker() -> Broker {
    Broker::shared_with(&["--set", "transaction.abort.timed.out.transaction.cleanup.interval.ms=500"])
}

async fn stop(publisher: Publisher) {
    tokio::task::spawn_blocking(move || drop(publisher)).await.expect("it ends");
}

/// A node that publishes until its input ends.
#[test]
fn child_that_publishes() {
    let Ok(address) = std::env::var("CONVENIO_TEST_KAFKA") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let settings = Settings::new(address.parse().expect("an address"), "child", []).expect("no properties");
        let node = Node::open(settings).await;
        let publisher = publish(&node);
        let mut publishing = publisher.publishing();
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_line(&mut String::new());
            std::process::exit(0);
        });
        while publishing.changed().await.is_ok() {
            let next = publishing.borrow_and_update().next;
            println!("\npublished {}", next.map_or(0, |next| next.0));
        }
    });
}

fn child(broker: &Broker) -> ChildNode {
    ChildNode::start("child_that_publishes", &[("CONVENIO_TEST_KAFKA", &broker.address().to_string())])
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_published_once_in_order_and_a_restricted_one_withheld() {
    let broker = broker();
    let node = broker.node("one").await;
    let all = events(0..2_700);
    let mut writer = node.writer().await.writer;
    writer.append(Arc::new(all[..2_500].to_vec())).await.expect("appends");
    let publisher = publish(&node);
    for one in &all[2_500..2_600] {
        writer.append(Arc::new(vec![one.clone()])).await.expect("appends");
    }
    published(&publisher, 2_600).await;
    let first = holds(&broker, &all[..2_600]);
    assert_eq!(publisher.publishing().borrow().oldest_waiting, None);
    // No transaction is larger than it may be: behind each is one mark of Kafka's.
    let longest = first.chunk_by(|one, next| one.offset + 1 == next.offset).map(<[_]>::len).max();
    assert!(longest <= Some(1_000), "{longest:?}");
    stop(publisher).await;
    writer.append(Arc::new(all[2_600..].to_vec())).await.expect("appends");
    let publisher = publish(&node);
    published(&publisher, 2_700).await;
    assert_eq!(holds(&broker, &all)[..2_600], first[..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_texts_are_published_a_few_at_a_time() {
    let broker = broker();
    let node = broker.node("one").await;
    let text = format!(r#"{{"reason":"{}"}}"#, "largo ".repeat(60_000));
    let all: Vec<_> = (0..6).map(|sequence| event(7, 1, sequence, &text)).collect();
    node.writer().await.writer.append(Arc::new(all.clone())).await.expect("appends");
    let publisher = publish(&node);
    published(&publisher, 6).await;
    let offsets: Vec<_> = holds(&broker, &all).iter().map(|told| told.offset).collect();
    assert_eq!(offsets, [0, 1, 3, 4, 6, 7], "two are less than 1 MiB, three are more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_by_reference_is_not_in_the_topic() {
    let broker = broker();
    let node = broker.node("one").await;
    let all = [event(7, 1, 0, r#"{"reason":"a parrot"}"#), event(7, 1, 1, "")];
    append(&node, &all).await;
    let texts = Texts::Reference { public_url: "https://convenio.example".to_owned() };
    let form = PublishedForm { texts, ..PublishedForm::default() };
    let publisher = Publisher::start(&node.log, form);
    published(&publisher, 2).await;
    let told = told(&broker);
    assert_eq!(told[0].value, None, "data that is elsewhere is there as a whole, or not what dataref names");
    let data: Value = serde_json::from_slice(told[1].value.as_ref().expect("data")).expect("JSON");
    assert_eq!((&data["text"], data["facts"].is_object()), (&Value::Null, true), "there is no text anywhere");
    let id = &told[0].headers["ce_id"];
    assert_eq!(told[0].headers["ce_dataref"], format!("https://convenio.example/api/v1/events/{id}/data"));
    assert_eq!(told[0].headers["ce_dataschema"], told[1].headers["ce_dataschema"], "the schema of what is elsewhere");
    assert!(told[0].headers["ce_dataschema"].starts_with("urn:convenio:schema:org.convenio."), "an absolute URI");
    assert!(!told[1].headers.contains_key("ce_dataref"));
    let bytes = raw::read(&broker.client(), &broker.topic("events"), "read_uncommitted");
    assert!(
        bytes.iter().all(|raw| !String::from_utf8_lossy(raw.value.as_deref().unwrap_or_default()).contains("parrot"))
    );
}

/// How many cases run at a time: more would make a broker slow that has just begun.
const AT_ONCE: usize = 2;

/// Runs cases side by side, each with a ledger of its own: most of each is waiting.
fn side_by_side<C: Copy + Send + Sync, F: Future<Output = ()>>(cases: &[C], run: impl Fn(C) -> F + Copy + Send) {
    for some in cases.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            for &case in some {
                scope.spawn(move || tokio::runtime::Runtime::new().expect("a runtime").block_on(run(case)));
            }
        });
    }
}

/// Loses a request of a transaction, or its answer: once to find the way again alone, once replaced meanwhile.
fn lost_in_a_transaction(request: i16) {
    let cases = [(Lose::Request, false), (Lose::Answer, false), (Lose::Request, true), (Lose::Answer, true)];
    side_by_side(&cases, |(lose, replaced)| lost_once(request, lose, replaced));
}

async fn lost_once(request: i16, lose: Lose, replaced: bool) {
    let broker = broker();
    // What is lost is missed after this time, and not only when a transaction may be open no longer.
    let settings = broker.settings_by_proxy_with("two", [("socket.timeout.ms", "2000")]);
    let (node, cut_off) = (broker.node("one").await, Node::open(settings).await);
    let first = publish(&cut_off);
    published(&first, 0).await;
    append(&node, &events(0..1)).await;
    published(&first, 1).await;
    let lost = broker.proxy().lose(lose, request, &broker.topic("events"));
    append(&node, &events(1..4)).await;
    tokio::task::block_in_place(|| lost.recv_timeout(SOON)).expect("the proxy lost it");
    if replaced {
        let second = publish(&node);
        published(&second, 4).await;
        stop(second).await;
        holds(&broker, &events(0..4));
    }
    broker.proxy().mend(&broker.topic("events"));
    published(&first, 4).await;
    stop(first).await;
    holds(&broker, &events(0..4));
}

#[test]
fn a_place_that_is_not_announced_neither_doubles_nor_skips() {
    lost_in_a_transaction(ADD_OFFSETS);
}

#[test]
fn a_place_that_is_not_heard_neither_doubles_nor_skips() {
    lost_in_a_transaction(COMMIT_OFFSETS);
}

#[test]
fn a_transaction_whose_end_is_lost_neither_doubles_nor_skips() {
    lost_in_a_transaction(END_TRANSACTION);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_publisher_that_was_killed_another_takes_up_the_work() {
    let broker = broker();
    let node = broker.node("one").await;
    let mut writer = node.writer().await.writer;
    let (ends, mut end) = tokio::sync::oneshot::channel();
    let writing = tokio::spawn(async move {
        let mut head = 0;
        while end.try_recv() == Err(tokio::sync::oneshot::error::TryRecvError::Empty) {
            writer.append(Arc::new(events(head..head + 7))).await.expect("appends");
            head += 7;
        }
        head
    });
    let mut done = 0;
    for _ in 0..4 {
        let mut killed = child(&broker);
        // Some transactions of its own, and it is killed in the midst of the next.
        let target = tokio::task::block_in_place(|| killed.says("published ").parse::<u64>()).expect("a number") + 50;
        while done < target {
            done = tokio::task::block_in_place(|| killed.says("published ").parse()).expect("a number");
        }
        killed.kill();
    }
    ends.send(()).expect("it writes");
    let head = writing.await.expect("no panic");
    let publisher = publish(&node);
    published(&publisher, head).await;
    holds(&broker, &events(0..head));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_publisher_that_wakes_up_after_its_successor_doubles_nothing() {
    let broker = broker();
    let node = broker.node("one").await;
    append(&node, &events(0..5)).await;
    let zombie = child(&broker);
    tokio::task::block_in_place(|| zombie.says("published 5"));
    zombie.signal("STOP");
    append(&node, &events(5..10)).await;
    let publisher = publish(&node);
    published(&publisher, 10).await;
    zombie.signal("CONT");
    // It takes the topic back, for nobody has told it to end; they take turns, and lose and double nothing.
    append(&node, &events(10..30)).await;
    published(&publisher, 30).await;
    holds(&broker, &events(0..30));
    drop(zombie);
    append(&node, &events(30..33)).await;
    published(&publisher, 33).await;
    holds(&broker, &events(0..33));
}

fn group(broker: &Broker) -> String {
    format!("convenio.{}.publisher", broker.ledger())
}

/// What the group says: the next offset, and the next sequence.
fn place(broker: &Broker) -> Option<(i64, String)> {
    let consumer: BaseConsumer = broker.client().set("group.id", group(broker)).create().expect("a consumer");
    let mut asked = TopicPartitionList::new();
    asked.add_partition(&broker.topic("events"), 0);
    let told = consumer.committed_offsets(asked, SOON).expect("Kafka answers");
    let element = told.find_partition(&broker.topic("events"), 0).expect("what was asked");
    element.offset().to_raw().filter(|offset| *offset >= 0).map(|offset| (offset, element.metadata().to_owned()))
}

/// Somebody else commits a place.
fn misplace(broker: &Broker, offset: i64, metadata: &str) {
    let consumer: BaseConsumer = broker.client().set("group.id", group(broker)).create().expect("a consumer");
    let mut place = TopicPartitionList::new();
    place.add_partition(&broker.topic("events"), 0).set_metadata(metadata);
    place.set_partition_offset(&broker.topic("events"), 0, Offset::Offset(offset)).expect("an offset");
    consumer.commit(&place, CommitMode::Sync).expect("commits");
}

/// A node that has published this many events and stopped.
async fn with_published(broker: &Broker, count: u64) -> Node {
    let node = broker.node("one").await;
    append(&node, &events(0..count)).await;
    let publisher = publish(&node);
    published(&publisher, count).await;
    stop(publisher).await;
    node
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_kafka_has_forgotten_is_found_by_the_last_event() {
    let broker = broker();
    let node = with_published(&broker, 7).await;
    let before = place(&broker).expect("committed");
    assert_eq!(before.1, "7");
    broker.forget(&group(&broker)).await;
    assert_eq!(place(&broker), None);
    // What a crash has left behind the last event is not taken for it.
    let open = raw::Foreign::new(&broker, Duration::from_secs(60));
    open.write(&broker.topic("events"), &[b"what is never committed".as_slice(); 200]);
    open.abort();
    let publisher = publish(&node);
    published(&publisher, 7).await;
    support::eventually("the place is known again", || place(&broker).as_ref() == Some(&before)).await;
    append(&node, &events(7..9)).await;
    published(&publisher, 9).await;
    holds(&broker, &events(0..9));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_transaction_of_somebody_else_hides_contradicts_nothing() {
    let broker = broker();
    let node = broker.node("one").await;
    append(&node, &events(0..3)).await;
    let publisher = publish(&node);
    published(&publisher, 3).await;
    let open = raw::Foreign::new(&broker, Duration::from_secs(60));
    open.write(&broker.topic("events"), &[b"what is never committed"]);
    // It goes on, though nobody who reads what is committed sees it.
    append(&node, &events(3..5)).await;
    published(&publisher, 5).await;
    stop(publisher).await;
    let publisher = publish(&node);
    let why = troubled(&publisher).await;
    assert!(why.contains("is open in") && why.contains(&broker.topic("events")), "{why}");
    open.abort();
    append(&node, &events(5..6)).await;
    published(&publisher, 6).await;
    holds(&broker, &events(0..6));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_were_deleted_for_their_age_are_not_published_again() {
    let broker = broker();
    let node = with_published(&broker, 5).await;
    let (offset, _) = place(&broker).expect("committed");
    broker.truncate(&broker.topic("events"), Offset::Offset(offset - 2)).await;
    let publisher = publish(&node);
    append(&node, &events(5..7)).await;
    published(&publisher, 7).await;
    let left = told(&broker).len();
    assert!((2..=4).contains(&left), "the first are gone: {left}");
    holds_from(&broker, &events(0..7), 7 - left);
    stop(publisher).await;
    // All of them.
    broker.truncate(&broker.topic("events"), Offset::End).await;
    assert_eq!(told(&broker), []);
    let publisher = publish(&node);
    append(&node, &events(7..9)).await;
    published(&publisher, 9).await;
    holds_from(&broker, &events(0..9), 7);
    stop(publisher).await;
    // And the place too: nobody can know, and nothing is guessed.
    broker.truncate(&broker.topic("events"), Offset::End).await;
    broker.forget(&group(&broker)).await;
    let publisher = publish(&node);
    let why = halted(&publisher).await;
    assert!(why.contains("which event comes next is not known") && why.contains(&broker.topic("events")), "{why}");
    assert_eq!(told(&broker), []);
}

#[test]
fn a_place_that_contradicts_the_topic_stops_the_publisher() {
    let cases = [
        (0, "3", "says that event 3 at"),
        (-1, "4", "says that event 4 at"),
        (40, "45", "says that event 45 at"),
        (0, "", "somebody else has committed"),
    ];
    side_by_side(&cases, |(ahead, next, words)| contradicts(ahead, next, words));
}

/// A place so far ahead of the one that was committed, and what is said of it; without it, the right one is found.
async fn contradicts(ahead: i64, next: &str, words: &str) {
    let broker = broker();
    let node = with_published(&broker, 5).await;
    let (offset, _) = place(&broker).expect("committed");
    misplace(&broker, offset + ahead, next);
    let publisher = publish(&node);
    let why = halted(&publisher).await;
    assert!(why.contains(words) && why.contains("cannot be continued"), "{why}");
    stop(publisher).await;
    holds(&broker, &events(0..5));
    broker.forget(&group(&broker)).await;
    let publisher = publish(&node);
    append(&node, &events(5..6)).await;
    published(&publisher, 6).await;
    holds(&broker, &events(0..6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_other_events_is_not_continued() {
    let broker = broker();
    let node = with_published(&broker, 5).await;
    let other = Broker::shared();
    let stranger = other.node("one").await;
    append(&stranger, &(0..9).map(|sequence| event(8, 1, sequence, "")).collect::<Vec<_>>()).await;
    // The ledger's topics were made anew, and those of the public left.
    drop(node.stop());
    broker.delete(&[&broker.topic("log"), &broker.topic("keys")]).await;
    support::eventually("they are gone", || {
        let topics = tokio::task::block_in_place(|| broker.topics());
        !topics.contains(&broker.topic("log")) && !topics.contains(&broker.topic("keys"))
    })
    .await;
    let anew = broker.node("two").await;
    let publisher = publish(&anew);
    let why = troubled(&publisher).await;
    assert!(why.contains("this node's copy is not so far"), "{why}");
    append(&anew, &(0..5).map(|sequence| event(7, 5, sequence, "")).collect::<Vec<_>>()).await;
    let why = halted(&publisher).await;
    assert!(why.contains("its event 4 is not that of the ledger"), "{why}");
    holds(&broker, &events(0..5));
    // Without that topic all begins anew, when a node is started.
    stop(publisher).await;
    broker.delete(&[&broker.topic("events")]).await;
    support::eventually("it is gone", || {
        !tokio::task::block_in_place(|| broker.topics()).contains(&broker.topic("events"))
    })
    .await;
    let anew = anew.restart().await;
    let publisher = publish(&anew);
    published(&publisher, 5).await;
    assert_eq!(told(&broker).len(), 5);
    assert_eq!(*anew.log.head().borrow(), convenio_events::Sequence(5));
}
