//! Who may write: one node at a time, another soon after it has left, was killed or stopped. What it writes is not asked here.

use crate::{
    broker,
    support::{Broker, SOON, child::ChildNode},
};
use convenio_kafka::{Election, Settings, topics};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What stock brokers do not allow; those of this file do.
const SESSION: Duration = Duration::from_secs(2);

fn settings(address: &str, node: &str) -> Settings {
    let session = SESSION.as_millis().to_string();
    let options = [("session.timeout.ms", session.as_str()), ("heartbeat.interval.ms", "400")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Settings::new(address.parse().expect("an address"), node, options).expect("fine")
}

struct Member {
    election: Election,
    elected: watch::Receiver<u64>,
}

impl Member {
    fn stand(broker: &Broker, node: &str) -> Self {
        Self::stand_with(&settings(&broker.address().to_string(), node))
    }

    fn stand_with(settings: &Settings) -> Self {
        let (tells, elected) = watch::channel(0);
        Self { election: Election::stand(settings, tells).expect("stands"), elected }
    }

    fn term(&self) -> u64 {
        *self.elected.borrow()
    }

    async fn elected(&mut self) -> u64 {
        let elected = tokio::time::timeout(SOON, self.elected.wait_for(|term| *term > 0)).await;
        *elected.expect("it is elected").expect("it stands")
    }
}

async fn topics_of(broker: &Broker) {
    topics::prepare(&broker.settings("one"), topics::PATIENCE).await.expect("its topics are made");
}

/// Fails if another node is elected within some seconds, or this one is no more.
async fn stays(owner: &Member, others: &mut [&mut Member], within: Duration) {
    let until = Instant::now() + within;
    while Instant::now() < until {
        assert_ne!(owner.term(), 0);
        for other in &mut *others {
            assert_eq!(other.term(), 0, "two are elected");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_stand_one_is_elected_and_the_other_follows_at_once_when_it_leaves() {
    let broker = broker();
    topics_of(&broker).await;
    // With what nodes have by default.
    let mut first = Member::stand_with(&broker.settings("one"));
    assert_eq!(first.elected().await, 1);
    let mut second = Member::stand_with(&broker.settings("two"));
    // Joining makes the group assign anew; the seat stays where it is.
    stays(&first, &mut [&mut second], SESSION).await;
    let left = Instant::now();
    tokio::task::block_in_place(|| drop(first));
    assert_eq!(second.elected().await, 1);
    assert!(left.elapsed() < Duration::from_secs(2), "handed over after {:?}", left.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stands_anew_makes_room_and_is_elected_again_with_a_new_number() {
    let broker = broker();
    topics_of(&broker).await;
    let mut first = Member::stand(&broker, "one");
    assert_eq!(first.elected().await, 1);
    first.election.stand_anew();
    let again = tokio::time::timeout(SOON, first.elected.wait_for(|term| *term == 2)).await;
    again.expect("alone, it is elected again").expect("it stands");
    let mut second = Member::stand(&broker, "two");
    stays(&first, &mut [&mut second], SESSION).await;
    let asked = Instant::now();
    first.election.stand_anew();
    second.elected().await;
    assert!(asked.elapsed() < Duration::from_secs(2), "handed over after {:?}", asked.elapsed());
    // It has come back by then, and the seat is taken.
    stays(&second, &mut [&mut first], 2 * SESSION).await;
}

/// Says in lines whether it is elected.
#[test]
fn child_that_stands() {
    let Ok(address) = std::env::var("CONVENIO_TEST_ELECTION") else { return };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (tells, mut elected) = watch::channel(0);
        let _election = Election::stand(&settings(&address, "child"), tells).expect("stands");
        println!();
        while elected.changed().await.is_ok() {
            let term = *elected.borrow_and_update();
            println!("elected {term}");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_or_stopped_node_is_replaced_when_its_session_ends() {
    let broker = broker();
    topics_of(&broker).await;
    let address = broker.address().to_string();
    let mut killed = ChildNode::start("election::child_that_stands", &[("CONVENIO_TEST_ELECTION", &address)]);
    assert_eq!(tokio::task::block_in_place(|| killed.says("elected")), "1");
    let mut member = Member::stand(&broker, "two");
    tokio::time::timeout(SESSION, member.elected()).await.expect_err("the seat is taken");
    let gone = Instant::now();
    killed.kill();
    member.elected().await;
    assert!(gone.elapsed() < SESSION + Duration::from_secs(2), "replaced after {:?}", gone.elapsed());

    tokio::task::block_in_place(|| drop(member));
    let stopped = ChildNode::start("election::child_that_stands", &[("CONVENIO_TEST_ELECTION", &address)]);
    assert_eq!(tokio::task::block_in_place(|| stopped.says("elected")), "1");
    let mut member = Member::stand(&broker, "three");
    stopped.signal("STOP");
    member.elected().await;
    stopped.signal("CONT");
    assert_eq!(tokio::task::block_in_place(|| stopped.says("elected")), "0", "it finds out by itself");
    stays(&member, &mut [], SESSION).await;
}
