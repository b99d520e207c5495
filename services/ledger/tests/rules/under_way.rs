//! A log that takes the next batch before the last one counts: what is handed over, and when answers are released.

use crate::{
    cast::{By, listing, uuid},
    node::{Call, Node, Setup},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, EventLog, LogWriter, OpenError, OpenedWriter, ReadError, Submitted},
    memory_log::MemoryLog,
};
use convenio_ledger::{
    memory_stores::{MemoryIndex, MemoryState},
    submission::Role,
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// A log whose batches count when the test says so.
#[derive(Clone)]
struct SlowLog {
    log: MemoryLog,
    /// How many batches were handed over since it was opened first.
    submitted: Arc<watch::Sender<u64>>,
    /// So many of them may count.
    allowed: Arc<watch::Sender<u64>>,
    /// The next batch fails.
    fails: Arc<AtomicBool>,
}

impl SlowLog {
    fn new() -> Self {
        Self {
            log: MemoryLog::default(),
            submitted: Arc::new(watch::Sender::new(0)),
            allowed: Arc::new(watch::Sender::new(u64::MAX)),
            fails: Arc::default(),
        }
    }

    /// From now on nothing counts that was not handed over before.
    fn hold(&self) -> u64 {
        let submitted = *self.submitted.borrow();
        self.allowed.send_replace(submitted);
        submitted
    }

    async fn has_taken(&self, batches: u64) {
        self.submitted.subscribe().wait_for(|submitted| *submitted >= batches).await.expect("it lives as long as this");
    }
}

#[async_trait]
impl EventLog for SlowLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        let OpenedWriter { writer, head } = self.log.open_writer().await?;
        Ok(OpenedWriter { writer: Box::new(SlowWriter { log: self.clone(), writer }), head })
    }
    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read(from, limit).await
    }
    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

struct SlowWriter {
    log: SlowLog,
    writer: Box<dyn LogWriter>,
}

#[async_trait]
impl LogWriter for SlowWriter {
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError> {
        self.submit(batch).await?.acknowledgement().await
    }

    async fn submit(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<Submitted, AppendError> {
        let number = *self.log.submitted.borrow();
        self.log.submitted.send_replace(number + 1);
        if self.log.fails.load(Ordering::Relaxed) {
            return Err(AppendError::Unknown("it fails".into()));
        }
        let written = self.writer.append(batch).await;
        let mut allowed = self.log.allowed.subscribe();
        Ok(Submitted::UnderWay(Box::pin(async move {
            allowed.wait_for(|allowed| *allowed > number).await.expect("the test lives longer");
            written
        })))
    }

    async fn confirm(&mut self) -> Result<(), AppendError> {
        self.writer.confirm().await
    }
}

async fn node_on(log: &SlowLog) -> Node {
    let node = Setup { log: Arc::new(log.clone()), ..Setup::new() }.start();
    node.register_cast().await;
    node.idle().await;
    node
}

/// Time for everything that can happen.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn publish(number: u128) -> Call {
    Call::new(By::Socios.credential(), "publish-offer", &listing(number))
}

#[tokio::test(start_paused = true)]
async fn the_next_batch_follows_before_the_last_one_counts_and_each_answer_waits_for_its_own() {
    let log = SlowLog::new();
    let node = node_on(&log).await;
    let before = log.hold();
    let answered = AtomicU64::new(0);
    let answer = async |call| {
        let answer = node.send(call).await;
        answered.fetch_add(1, Ordering::Relaxed);
        answer
    };
    let (first, second, ()) = tokio::join!(
        answer(publish(0x0f)),
        async {
            log.has_taken(before + 1).await;
            answer(publish(0x1f)).await
        },
        async {
            log.has_taken(before + 2).await;
            a_moment().await;
            assert_eq!(answered.load(Ordering::Relaxed), 0, "nothing counts yet");
            log.allowed.send_replace(before + 1);
            while answered.load(Ordering::Relaxed) == 0 {
                tokio::task::yield_now().await;
            }
            a_moment().await;
            assert_eq!(answered.load(Ordering::Relaxed), 1, "the second batch does not count yet");
            log.allowed.send_replace(u64::MAX);
        }
    );
    assert_eq!((&*first, &*second), ("offer.published", "offer.published"));
}

#[tokio::test(start_paused = true)]
async fn a_log_is_handed_no_more_than_it_can_be_waited_for() {
    let log = SlowLog::new();
    let node = node_on(&log).await;
    let before = log.hold();
    let (_, ()) = tokio::join!(
        async {
            let calls = (0..6u64).map(|n| {
                let (node, log) = (&node, &log);
                async move {
                    // One batch for each, as long as batches are taken.
                    log.has_taken(before + n.min(4)).await;
                    assert_eq!(node.send(publish(0x0f + 0x10 * u128::from(n))).await, "offer.published");
                }
            });
            let mut calls: Vec<_> = calls.map(Box::pin).collect();
            std::future::poll_fn(|context| {
                calls.retain_mut(|call| call.as_mut().poll(context).is_pending());
                if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
        },
        async {
            log.has_taken(before + 4).await;
            a_moment().await;
            assert_eq!(*log.submitted.borrow(), before + 4, "four batches do not count, and two commands wait");
            log.allowed.send_replace(u64::MAX);
        }
    );
    assert_eq!(*log.submitted.borrow(), before + 5, "they came in one batch");
}

#[tokio::test(start_paused = true)]
async fn what_was_handed_over_is_answered_when_the_term_is_over() {
    let log = SlowLog::new();
    let node = node_on(&log).await;
    let before = log.hold();
    let (answer, ()) = tokio::join!(node.send(publish(0x0f)), async {
        log.has_taken(before + 1).await;
        node.elected.send_replace(0);
        a_moment().await;
        log.allowed.send_replace(u64::MAX);
    });
    assert_eq!(answer, "offer.published", "it was committed, and nobody had to ask again");
}

#[tokio::test(start_paused = true)]
async fn a_term_that_is_over_is_not_waited_for_without_end() {
    let log = SlowLog::new();
    let node = node_on(&log).await;
    let before = log.hold();
    let began = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(node.send(publish(0x0f)), async {
        log.has_taken(before + 1).await;
        node.elected.send_replace(0);
    });
    assert_eq!(answer, "outcome-unknown");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_fails_takes_nothing_from_one_before_it() {
    let log = SlowLog::new();
    let node = node_on(&log).await;
    let before = log.hold();
    let (first, second, ()) = tokio::join!(
        node.send(publish(0x0f)),
        async {
            log.has_taken(before + 1).await;
            log.fails.store(true, Ordering::Relaxed);
            node.send(publish(0x1f)).await
        },
        async {
            log.has_taken(before + 2).await;
            log.fails.store(false, Ordering::Relaxed);
            a_moment().await;
            log.allowed.send_replace(u64::MAX);
        }
    );
    assert_eq!((&*first, &*second), ("offer.published", "outcome-unknown"));
    // The writer is opened again, and what was not known is told to who asks again.
    assert_eq!(node.send(publish(0x2f)).await, "offer.published");
}

#[tokio::test(start_paused = true)]
async fn a_commit_of_long_ago_releases_no_refusal() {
    let log = SlowLog::new();
    let zombie = node_on(&log).await;
    let before = log.hold();
    let (accepted, refused) = tokio::join!(zombie.send(publish(0x0f)), async {
        log.has_taken(before + 1).await;
        // Its batch is in the log; it was stopped before it heard of that, and a successor has gone on.
        let (state, index) = (Arc::new(MemoryState::default()), Arc::new(MemoryIndex::default()));
        let successor = Setup { log: Arc::new(log.log.clone()), state, index, ..zombie.setup.clone() }.start();
        successor.ledger.watch().wait_for(|standing| standing.role == Role::Writer).await.expect("it writes");
        assert_eq!(successor.send(publish(0x1f)).await, "offer.published");
        // Sooner than an idle writer looks by itself.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let pause = Call::new(By::Socios.credential(), "pause-offer", &json!({"id": uuid(0x1f)}));
        let (refused, ()) = tokio::join!(zombie.send(pause), async {
            a_moment().await;
            log.allowed.send_replace(u64::MAX);
        });
        refused
    });
    assert_eq!(accepted, "offer.published", "what was committed is told");
    assert_eq!(refused, "outcome-unknown", "the successor has that offer");
}
