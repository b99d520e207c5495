//! The Merkle tree over the log, followed as it grows and compared with what was marked of it before and what other nodes' writers
//! say of it. It reads every event, so it is what comes upon damage. It signs nothing and stores nothing.

use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog, Follower, PAGE_EVENTS_LIMIT, ReadError, follow},
};
use convenio_kafka::{Announced, Following, KafkaLog};
use convenio_notary::{CompactRange, TreeHead, leaf_hash};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// The least time between two pages that are not full: a root is wanted now and then, not at every event.
const PACE: Duration = Duration::from_millis(10);
/// How long to wait before a log that could not be read is read again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the tree may take to come to what the log holds, when a writer announces it.
const ROOT_DEADLINE: Duration = Duration::from_secs(60);

/// How long the tree may take to come to the end of the log when the node stops.
const LAST_WAIT: Duration = Duration::from_secs(5);

/// What the tree is compared with.
pub(crate) struct Comparing {
    /// A tree that this node's identity has seen.
    pub(crate) marked: Option<TreeHead>,
    /// What other nodes' writers say.
    pub(crate) kafka: Option<KafkaLog>,
}

/// Follows the log and publishes size and root after each page, until the log is closed, nobody listens, or nothing more comes
/// (`settled`) and all was read. On Kafka a node whose tree differs from a writer's halts.
///
/// # Errors
/// Where the log cannot be read for good, or is not the one that was marked.
pub(crate) async fn run(
    log: Arc<dyn EventLog>,
    root: watch::Sender<TreeHead>,
    comparing: Comparing,
    settled: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let Comparing { marked, kafka } = comparing;
    let mut tree = Tree { range: CompactRange::new(), check: kafka.map(Check::new), marked };
    let mut follower = follow(log.clone(), Sequence::ZERO);
    tokio::pin!(settled);
    loop {
        let page = tokio::select! {
            page = follower.next_page(PAGE_EVENTS_LIMIT) => match page {
                Ok(page) => page,
                Err(error) => {
                    may_pass(error).await?;
                    continue;
                }
            },
            () = changed(&mut tree.check) => {
                while let Err(error) = tree.compare_past(&*log).await {
                    may_pass(error).await?;
                }
                continue;
            }
            () = root.closed() => return Ok(()),
            () = &mut settled => {
                // What was recorded last is in the last mark of a node that was stopped in order.
                let last = tree.finish(&mut follower, *log.head().borrow());
                let finished = tokio::time::timeout(LAST_WAIT, last).await;
                root.send_replace(tree.range.head());
                return finished.unwrap_or(Ok(()));
            }
        };
        let Some(page) = page else { return Ok(()) };
        tree.append(&page)?;
        root.send_replace(tree.range.head());
        if page.len() < PAGE_EVENTS_LIMIT {
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Waits before what may pass is tried again: a tree that ended would keep this node from writing.
async fn may_pass(error: ReadError) -> Result<(), ReadError> {
    if let ReadError::Damaged { .. } = error {
        return Err(error);
    }
    tracing::warn!(error = &error as &dyn std::error::Error, "the tree cannot read the log: trying again");
    tokio::time::sleep(RETRY).await;
    Ok(())
}

/// The root over the first `size` entries in base64, as soon as the tree has them; `None` where it does not in time. It blocks.
pub(crate) fn root_at(root: &watch::Receiver<TreeHead>, size: Sequence) -> Option<String> {
    let deadline = Instant::now() + ROOT_DEADLINE;
    loop {
        let head = *root.borrow();
        // A tree that has ended tells nothing more.
        if head.size() >= size.0 || Instant::now() > deadline || root.has_changed().is_err() {
            return (head.size() == size.0).then(|| head.root().to_base64());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The tree over the first `size` entries, read again; over fewer where the log has no more, or `go_on` says no.
pub(crate) async fn read_again(
    log: &dyn EventLog,
    size: u64,
    go_on: impl Fn() -> bool,
) -> Result<CompactRange, ReadError> {
    let mut range = CompactRange::new();
    while range.size() < size && go_on() {
        let left = usize::try_from(size - range.size()).unwrap_or(usize::MAX);
        let page = log.read(Sequence(range.size()), left.min(PAGE_EVENTS_LIMIT)).await?;
        if page.is_empty() {
            break;
        }
        page.iter().for_each(|event| range.append(leaf_hash(event.entry.as_bytes())));
    }
    Ok(range)
}

/// The log is not the one that was marked: somebody changed it, or put another history of the same ledger in its place. Nothing in it
/// can be believed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct OtherHistory(String);

/// Compares a log with what was marked of it, before anything is shown of it; one that has not come so far is compared later.
///
/// # Errors
/// [`OtherHistory`]; where the log cannot be read.
pub(crate) async fn check_marked(log: &dyn EventLog, marked: Option<TreeHead>) -> anyhow::Result<()> {
    let Some(head) = marked.filter(|marked| marked.size() <= log.head().borrow().0) else { return Ok(()) };
    let range = read_again(log, head.size(), || true).await?;
    Tree { range, check: None, marked }.compare_marked()
}

struct Tree {
    range: CompactRange,
    check: Option<Check>,
    marked: Option<TreeHead>,
}

/// Compares the tree with the last announcement of a writer.
struct Check {
    kafka: KafkaLog,
    following: watch::Receiver<Following>,
    /// What is to be compared when the tree has come to it.
    due: Option<Announced>,
}

/// Completes when a writer announces itself.
async fn changed(check: &mut Option<Check>) {
    let Some(check) = check else { return std::future::pending().await };
    let announced = |following: &Following| following.writer.as_ref() != check.due.as_ref();
    let found = check.following.wait_for(announced).await.map(|following| following.writer.clone());
    match found {
        Ok(writer) => check.due = writer,
        // The log is being closed.
        Err(_) => std::future::pending().await,
    }
}

impl Check {
    fn new(kafka: KafkaLog) -> Self {
        Self { following: kafka.following(), kafka, due: None }
    }

    fn compare(&self, size: u64, root: &str) {
        let differs = self.due.as_ref().filter(|due| due.next_sequence.0 == size);
        let Some(due) = differs.filter(|due| due.root.as_ref().is_some_and(|announced| announced != root)) else {
            return;
        };
        let announced = due.root.as_deref().unwrap_or_default();
        self.kafka.halt(format!(
            "the root over the first {size} entries is {root} here, and {announced} at the writer {}: the copy on one of the two \
             nodes was changed. Compare both with a third; delete the data directory of the one that is wrong, and it copies \
             the log anew",
            due.node
        ));
    }
}

impl Tree {
    fn append(&mut self, page: &[RecordedEvent]) -> anyhow::Result<()> {
        for event in page {
            self.compare_here();
            self.range.append(leaf_hash(event.entry.as_bytes()));
            self.compare_marked()?;
        }
        self.compare_here();
        Ok(())
    }

    /// Entries alone show nothing of a time that was changed in one: only the root does.
    fn compare_marked(&self) -> anyhow::Result<()> {
        let Some(marked) = self.marked.filter(|marked| marked.size() > 0 && marked.size() == self.range.size()) else {
            return Ok(());
        };
        let (size, root) = (marked.size(), marked.root().to_base64());
        let advice = match self.check {
            Some(_) => "delete the data directory, and it copies the log anew",
            None => "restore a backup",
        };
        if self.range.head() == marked {
            return Ok(());
        }
        let here = self.range.root().to_base64();
        Err(OtherHistory(format!(
            "the log is damaged below event {size}: the root over the first {size} entries is {here} here, and was {root} when this \
             identity marked it: {advice}"
        ))
        .into())
    }

    /// Reads on to the end of a log to which nothing more is added.
    async fn finish(&mut self, follower: &mut Follower, end: Sequence) -> anyhow::Result<()> {
        while follower.position() < end {
            let Some(page) = follower.next_page(PAGE_EVENTS_LIMIT).await? else { break };
            self.append(&page)?;
        }
        Ok(())
    }

    /// Compares where the tree is just as large as what was announced.
    fn compare_here(&self) {
        let Some(check) = &self.check else { return };
        if check.due.as_ref().is_some_and(|due| due.next_sequence.0 == self.range.size()) {
            check.compare(self.range.size(), &self.range.head().root().to_base64());
        }
    }

    /// Compares with an announcement that came when the tree had grown beyond it already.
    async fn compare_past(&self, log: &dyn EventLog) -> Result<(), ReadError> {
        self.compare_here();
        let Some(check) = &self.check else { return Ok(()) };
        let Some(due) = check.due.as_ref().filter(|due| due.next_sequence.0 < self.range.size()) else { return Ok(()) };
        let past = read_again(log, due.next_sequence.0, || true).await?;
        check.compare(past.size(), &past.head().root().to_base64());
        Ok(())
    }
}
