//! Who writes where others may too: elections, fences, and what a node that is not sure of itself says. What it writes is said
//! elsewhere.

use crate::{
    cast::{By, listing, uuid},
    node::{Call, Node, Setup},
    terms_of_writing::{snapshot_of, with_an_offer},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, EventLog, LogWriter, OpenError, OpenedWriter, ReadError},
    memory_log::MemoryLog,
};
use convenio_ledger::{
    memory_stores::{MemoryIndex, MemoryState},
    sequencer::Parts,
    submission::{Role, Standing},
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// A log whose ways to its writer are in the test's hands.
#[derive(Clone)]
struct OtherLog {
    log: Arc<dyn EventLog>,
    /// Whether it can be opened.
    opens: Arc<watch::Sender<bool>>,
    /// How often it was opened.
    opened: Arc<AtomicU32>,
    /// How often whoever opened it did not wait for that.
    given_up: Arc<AtomicU32>,
    /// So many events fewer than there are by then are told when it is opened.
    behind: u64,
    /// Whether it says who writes it.
    says: Arc<AtomicBool>,
    /// Whether nobody can write it from here.
    damaged: Arc<AtomicBool>,
}

impl OtherLog {
    fn new(log: Arc<dyn EventLog>) -> Self {
        let says = Arc::new(AtomicBool::new(true));
        let opens = Arc::new(watch::Sender::new(true));
        let (opened, given_up, damaged) = (Arc::default(), Arc::default(), Arc::default());
        Self { log, opens, opened, given_up, behind: 0, says, damaged }
    }
}

/// Counts when it is dropped before it is told not to.
struct GivesUp(Option<Arc<AtomicU32>>);

impl Drop for GivesUp {
    fn drop(&mut self) {
        if let Some(given_up) = &self.0 {
            given_up.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[async_trait]
impl EventLog for OtherLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        let mut waits = GivesUp(Some(self.given_up.clone()));
        self.opens.subscribe().wait_for(|opens| *opens).await.expect("it lives as long as this");
        waits.0 = None;
        if self.damaged.load(Ordering::Relaxed) {
            return Err(OpenError::Damaged("its copy halted".into()));
        }
        self.opened.fetch_add(1, Ordering::Relaxed);
        let OpenedWriter { writer, head } = self.log.open_writer().await?;
        let writer = Box::new(OtherWriter { says: self.says.clone(), writer });
        Ok(OpenedWriter { writer, head: Sequence(head.0 - self.behind) })
    }
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read(from, limit).await
    }
    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

struct OtherWriter {
    says: Arc<AtomicBool>,
    writer: Box<dyn LogWriter>,
}

#[async_trait]
impl LogWriter for OtherWriter {
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError> {
        self.writer.append(batch).await
    }
    async fn confirm(&mut self) -> Result<(), AppendError> {
        if self.says.load(Ordering::Relaxed) {
            self.writer.confirm().await
        } else {
            Err(AppendError::Unknown("it says nothing".into()))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_is_given_up_when_its_term_is_over() {
    let log = OtherLog::new(Arc::new(MemoryLog::default()));
    log.opens.send_replace(false);
    let node = Setup { log: Arc::new(log.clone()), ..Setup::new() }.start();
    let mut standing = node.ledger.watch();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((standing.borrow().role, log.given_up.load(Ordering::Relaxed)), (Role::Starting, 0));
    node.elected.send_replace(0);
    standing.wait_for(|standing| standing.role == Role::Follower).await.expect("it runs");
    assert_eq!(log.given_up.load(Ordering::Relaxed), 1);
    log.opens.send_replace(true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(log.opened.load(Ordering::Relaxed), 0, "another is elected, and must not be fenced");
    node.elected.send_replace(2);
    standing.wait_for(|standing| standing.role == Role::Writer).await.expect("it runs");
}

#[tokio::test(start_paused = true)]
async fn an_idle_writer_finds_out_that_it_was_fenced() {
    let node = Node::with_cast().await;
    let mut standing = node.ledger.watch();
    // By one that then does not come to write.
    let _fenced = node.setup.log.open_writer().await.expect("opens");
    let finds_out = standing.wait_for(|standing| standing.role == Role::Follower);
    tokio::time::timeout(Duration::from_secs(20), finds_out).await.expect("soon").expect("it runs");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_does_not_say_who_writes_it_costs_a_refusal_and_no_term() {
    let log = OtherLog::new(Arc::new(MemoryLog::default()));
    let node = Setup { log: Arc::new(log.clone()), ..Setup::new() }.start();
    node.register_cast().await;
    node.idle().await;
    log.says.store(false, Ordering::Relaxed);
    let pause = Call::new(By::Socios.credential(), "pause-offer", &json!({"id": uuid(0x0f)}));
    assert_eq!(node.send(pause.clone()).await, "outcome-unknown");
    // What is accepted needs no such word.
    assert_eq!(node.send(Call::new(By::Socios.credential(), "publish-offer", &listing(0x1f))).await, "offer.published");
    tokio::time::sleep(Duration::from_secs(6)).await;
    log.says.store(true, Ordering::Relaxed);
    assert_eq!(node.send(pause.clone()).await, "record-unknown");
    assert_eq!(log.opened.load(Ordering::Relaxed), 1);
    // One that never says it is opened again: another node may hear more.
    log.says.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(log.opened.load(Ordering::Relaxed) > 1);
    log.says.store(true, Ordering::Relaxed);
    assert_eq!(node.send(pause).await, "record-unknown");
}

#[tokio::test(start_paused = true)]
async fn who_is_fenced_while_it_recovers_waits_for_its_next_term() {
    let setup = with_an_offer().await;
    // Its snapshot has meanwhile read what its successor wrote.
    let ahead = Arc::new(snapshot_of(&*setup.log).await);
    let log = OtherLog { behind: 1, ..OtherLog::new(setup.log.clone()) };
    let node = Setup { log: Arc::new(log), state: ahead, ..setup }.start();
    let mut standing = node.ledger.watch();
    let settled = |standing: &Standing| standing.role != Role::Starting;
    let role = standing.wait_for(settled).await.expect("it runs").role;
    assert_eq!(role, Role::Follower);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_written_from_here_ends_a_node_only_where_nobody_else_can() {
    for (attempts, role) in [(Parts::FOR_EVER, Role::Follower), (25, Role::Stopped)] {
        let log = OtherLog::new(with_an_offer().await.log);
        let node = Setup { log: Arc::new(log.clone()), attempts, ..Setup::new() }.start();
        let mut standing = node.ledger.watch();
        standing.wait_for(|standing| standing.role == Role::Writer).await.expect("it runs");
        log.damaged.store(true, Ordering::Relaxed);
        node.elected.send_replace(2);
        standing.wait_for(|standing| standing.role != Role::Writer).await.expect("its term is over");
        let settled = standing.wait_for(|standing| standing.role != Role::Starting);
        assert_eq!(settled.await.expect("it runs").role, role);
    }
}

#[tokio::test(start_paused = true)]
async fn a_follower_refuses_until_it_is_elected() {
    let node = Node::with_cast().await;
    let publish = Call::new(By::Socios.credential(), "publish-offer", &listing(0x0f));
    let mut standing = node.ledger.watch();
    node.elected.send_replace(0);
    standing.wait_for(|standing| standing.role == Role::Follower).await.expect("it runs");
    assert_eq!(node.send(publish.clone()).await, "no-writer");
    node.elected.send_replace(2);
    standing.wait_for(|standing| standing.role == Role::Writer).await.expect("it runs");
    assert_eq!(node.send(publish).await, "offer.published");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_told_that_its_term_is_over_decides_nothing_more() {
    let node = Node::with_cast().await;
    let head = node.head();
    // The sequencer finds both waiting: a command, and that it may not decide it.
    node.elected.send_replace(0);
    let publish = Call::new(By::Socios.credential(), "publish-offer", &listing(0x0f));
    assert_eq!(node.send(publish).await, "no-writer");
    assert_eq!(node.head(), head);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_comes_back_after_its_successor_refuses_nothing_that_was_accepted_since() {
    let zombie = Node::with_cast().await;
    // The successor has files of its own, and the same log.
    let setup = zombie.setup.clone();
    let own = Setup { state: Arc::new(MemoryState::default()), index: Arc::new(MemoryIndex::default()), ..setup };
    let successor = own.start();
    successor.ledger.watch().wait_for(|standing| standing.role == Role::Writer).await.expect("it writes");
    assert_eq!(
        successor.send(Call::new(By::Socios.credential(), "publish-offer", &listing(0x0f))).await,
        "offer.published"
    );
    // Sooner than an idle writer looks by itself.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let pause = Call::new(By::Socios.credential(), "pause-offer", &json!({"id": uuid(0x0f)}));
    assert_eq!(zombie.send(pause.clone()).await, "outcome-unknown", "it does not know the offer, and must not say so");
    assert_eq!(successor.send(pause).await, "offer.paused");
}
