//! The one writer: a transactional producer on a thread of its own, one transaction for each batch. It trusts no term that it
//! was given: Kafka fences.
//!
//! Opening, in this order, so that a crash after any step leaves a topic that opens the same way again:
//! 1. `init_transactions` ends what a predecessor had under way, and fences it;
//! 2. the control message `writer-started` is committed: everything that a predecessor ever committed is before it. Where the
//!    brokers stamp it, their clock must agree with this node's;
//! 3. the follower has copied everything up to it. Only then is the head known;
//! 4. the control message `writer-ready` says who takes commands from now on, and over which history.

use crate::{
    announcement::{Announcement, READY, clock_difference},
    error::KafkaLogError,
    follower::Following,
    moving::ensure_open,
    settings::Settings,
    transactions::{self, Failure, Transactions},
};
use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{Acknowledgement, AppendError, EventLog as _, LogWriter, Submitted},
};
use convenio_journal::Journal;
use rdkafka::error::KafkaResult;
use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot, watch},
};

/// How long this node's copy may take to show what was committed.
const COPY_DEADLINE: Duration = Duration::from_secs(60);
/// How long to look for what became of a transaction whose commit was fenced: its successor's barrier is soon behind it.
const VERDICT_DEADLINE: Duration = Duration::from_secs(10);
/// Batches that wait for the thread; see the journal's writer.
const QUEUE_LIMIT: usize = 2;

/// Nobody hears it.
const NOT_WANTED: KafkaLogError = KafkaLogError::Late("open the log while it was wanted");

type Batch = Arc<Vec<RecordedEvent>>;
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What the thread is asked for.
enum Asked {
    Append(Batch, oneshot::Sender<Result<i64, Refused>>),
    /// Whether the topic still ends where this writer ended it.
    End(oneshot::Sender<KafkaResult<bool>>),
}

/// What the thread says of a batch that was not acknowledged.
enum Refused {
    /// It is not and will not be in the log.
    Fenced,
    /// Another writer took over while it was committed: the log says which came first, when it is read beyond `offset`.
    FencedCommitting {
        offset: i64,
    },
    Unknown(Cause),
}

/// Threads that are told to stop and may still wait for Kafka: whoever goes on does not wait for them. They are awaited at the
/// end, for librdkafka may not outlive the process's own tidying up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaving(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Leaving {
    fn add(&self, thread: JoinHandle<()>) {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        threads.push(thread);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // The last one waits.
        if let Some(threads) = Arc::get_mut(&mut self.0) {
            for thread in threads.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
                // A panic has been reported by its hook.
                let _ = thread.join();
            }
        }
    }
}

/// Stops the opening of a writer, or the writer, when it is dropped.
pub(crate) struct Wanted(watch::Sender<bool>);

impl Wanted {
    /// And what tells that it was dropped.
    pub(crate) fn new() -> (Self, watch::Receiver<bool>) {
        let (stop, stopped) = watch::channel(false);
        (Self(stop), stopped)
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// What opening came to: everything of a writer but its being wanted.
pub(crate) struct Opened {
    transactions: Transactions,
    /// Where the topic ends.
    end: i64,
    following: watch::Receiver<Following>,
    journal: Journal,
    pub(crate) next: Sequence,
}

/// The handle; dropping it stops the thread, and gives the transaction under way up where it is not over soon.
pub(crate) struct Writer {
    asks: Option<mpsc::Sender<Asked>>,
    thread: Option<JoinHandle<()>>,
    leaving: Leaving,
    wanted: Option<Wanted>,
    following: watch::Receiver<Following>,
    journal: Journal,
    next: Sequence,
    state: State,
}

/// What a writer is good for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Usable,
    /// Another took over.
    Fenced,
    /// An append failed, or somebody dropped its future.
    Failed,
}

/// Opens the writer and knows the head then. It blocks. Once `stop` is true it goes no step further: it would fence a node that
/// was elected meanwhile.
pub(crate) fn open(
    settings: &Settings,
    announcement: &Announcement,
    following: watch::Receiver<Following>,
    journal: Journal,
    stop: &watch::Receiver<bool>,
) -> Result<Opened, KafkaLogError> {
    // What this node cannot follow it cannot write, and nothing need be fenced to know that.
    if let Some(halted) = following.borrow().halted.clone() {
        return Err(KafkaLogError::Halted(halted));
    }
    if let Some(alarm) = following.borrow().forbidden() {
        return Err(KafkaLogError::Forbidden(alarm.detail.clone()));
    }
    ensure_open(settings, &following)?;
    let go_on = || if *stop.borrow() { Err(NOT_WANTED) } else { Ok(()) };
    go_on()?;
    let transactions = Transactions::begin(settings, stop.clone())?;
    go_on()?;
    let last = following.borrow().authentic.clone();
    let barrier = transactions
        .start(&settings.node, last.as_ref())
        .map_err(KafkaLogError::kafka("the barrier could not be committed"))?;
    if let (Some(clock), Some(millis)) = (&announcement.wall_clock, transactions.broker_time()) {
        let theirs = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        if let Some(differs) = clock_difference(clock(), theirs, "the brokers'") {
            return Err(KafkaLogError::Clock(differs));
        }
    }
    wait_until_copied_or(stop.clone(), &following, barrier)?;
    ensure_open(settings, &following)?;
    let next = *journal.head().borrow();
    go_on()?;
    // In the topic of keys it says how far that is whole: nodes of earlier versions rest on it.
    let ready = serde_json::to_value(announcement.of(&settings.node, next)).expect("text and numbers");
    let announced = transactions
        .control(READY, &ready, Some(next))
        .map_err(KafkaLogError::kafka("the writer could not be announced"))?;
    let end = transactions::end_after(announced);
    tracing::info!(%next, barrier, "this node writes the ledger's topic");
    Ok(Opened { transactions, end, following, journal, next })
}

/// Waits until everything up to an offset of the topic is in this node's journal.
async fn copied(mut following: watch::Receiver<Following>, offset: i64, within: Duration) -> Result<(), KafkaLogError> {
    let there = following.wait_for(|now| now.offset >= offset || now.halted.is_some());
    match tokio::time::timeout(within, there).await {
        Err(_) => Err(KafkaLogError::Late("show this node what was committed")),
        Ok(Ok(now)) if now.offset >= offset => Ok(()),
        Ok(now) => Err(KafkaLogError::Halted(now.ok().and_then(|now| now.halted.clone()).unwrap_or_default())),
    }
}

/// The same, for a thread that may block.
pub(crate) fn wait_until_copied(following: &watch::Receiver<Following>, offset: i64) -> Result<(), KafkaLogError> {
    Handle::current().block_on(copied(following.clone(), offset, COPY_DEADLINE))
}

/// The same, unless told to stop first.
fn wait_until_copied_or(
    mut stop: watch::Receiver<bool>,
    following: &watch::Receiver<Following>,
    offset: i64,
) -> Result<(), KafkaLogError> {
    Handle::current().block_on(async {
        tokio::select! {
            Ok(_) = stop.wait_for(|stop| *stop) => Err(NOT_WANTED),
            copied = copied(following.clone(), offset, COPY_DEADLINE) => copied,
        }
    })
}

fn run(transactions: &Transactions, mut asked: mpsc::Receiver<Asked>, mut end: i64) {
    while let Some(asked) = asked.blocking_recv() {
        let (batch, answer) = match asked {
            Asked::Append(batch, answer) => (batch, answer),
            Asked::End(answer) => {
                // Nobody waits any more: it is nobody's question.
                let _ = answer.send(transactions.ends_at(end));
                continue;
            }
        };
        let outcome = transactions.transact(|this| this.send_events(&batch));
        let failed = outcome.is_err();
        end = outcome.as_ref().map_or(end, |offset| transactions::end_after(*offset));
        let outcome = outcome.map_err(|failure| {
            let fatal = transactions.fatal_error();
            tracing::warn!(error = &failure as &dyn std::error::Error, ?fatal, "a transaction did not end well");
            match failure {
                Failure::Before(error) if transactions.is_fenced(&error) => Refused::Fenced,
                Failure::Committing { offset, source } if transactions.is_fenced(&source) => {
                    Refused::FencedCommitting { offset }
                }
                failure @ (Failure::Before(_) | Failure::Committing { .. }) => Refused::Unknown(failure.into()),
            }
        });
        // Nobody waits any more: the caller dropped its future and knows that it does not know.
        let _ = answer.send(outcome);
        if failed {
            // The producer is of no more use: `asked` is closed by our end.
            return;
        }
    }
}

#[async_trait]
impl LogWriter for Writer {
    async fn append(&mut self, batch: Batch) -> Result<(), AppendError> {
        self.submit(batch).await?.acknowledgement().await
    }

    /// The next batch may follow when this one is committed. It counts when this node has read it back like everybody else: a
    /// commit may be hidden yet by a transaction of somebody else that hangs.
    async fn submit(&mut self, batch: Batch) -> Result<Submitted, AppendError> {
        match self.state {
            State::Usable => {}
            State::Fenced => return Err(AppendError::Fenced),
            State::Failed => return Err(AppendError::Unknown("the writer had failed before".into())),
        }
        let (Some(last), Some(asks)) = (batch.last().cloned(), &self.asks) else { return Ok(Submitted::Counts) };
        let next = last.sequence.next();
        for (event, expected) in batch.iter().zip(self.next.0..) {
            assert_eq!(event.sequence.0, expected, "a batch continues the log without gaps");
        }
        // Stays so when this future is dropped while it waits: then nobody knows.
        self.state = State::Failed;
        let (answer, answered) = oneshot::channel();
        let ended = || AppendError::Unknown("the producer has ended".into());
        asks.send(Asked::Append(batch, answer)).await.map_err(|_| ended())?;
        let offset = match answered.await.map_err(|_| ended())? {
            Ok(offset) => offset,
            Err(Refused::Unknown(cause)) => return Err(AppendError::Unknown(cause)),
            Err(Refused::Fenced) => {
                self.state = State::Fenced;
                return Err(AppendError::Fenced);
            }
            Err(Refused::FencedCommitting { offset }) => {
                return self.find_out(&last, offset).await.map(|()| Submitted::Counts);
            }
        };
        self.next = next;
        self.state = State::Usable;
        Ok(Submitted::UnderWay(self.when_copied(offset)))
    }

    async fn confirm(&mut self) -> Result<(), AppendError> {
        let (State::Usable, Some(asks)) = (self.state, &self.asks) else {
            return match self.state {
                State::Fenced => Err(AppendError::Fenced),
                State::Usable | State::Failed => Err(AppendError::Unknown("the writer had failed before".into())),
            };
        };
        let (answer, answered) = oneshot::channel();
        let ended = || AppendError::Unknown("the producer has ended".into());
        asks.send(Asked::End(answer)).await.map_err(|_| ended())?;
        match answered.await.map_err(|_| ended())? {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.state = State::Fenced;
                Err(AppendError::Fenced)
            }
            // The producer is as good as before.
            Err(error) => Err(AppendError::Unknown(error.into())),
        }
    }
}

impl Writer {
    pub(crate) fn new(opened: Opened, wanted: Wanted, leaving: Leaving) -> Self {
        let Opened { transactions, end, following, journal, next } = opened;
        let (asks, asked) = mpsc::channel(QUEUE_LIMIT);
        let thread = std::thread::Builder::new()
            .name("kafka-writer".to_owned())
            .spawn(move || run(&transactions, asked, end))
            .expect("the system can start a thread");
        Self {
            asks: Some(asks),
            thread: Some(thread),
            leaving,
            wanted: Some(wanted),
            following,
            journal,
            next,
            state: State::Usable,
        }
    }

    fn when_copied(&self, offset: i64) -> Acknowledgement {
        let copied = copied(self.following.clone(), offset, COPY_DEADLINE);
        Box::pin(async move { copied.await.map_err(|error| AppendError::Unknown(error.into())) })
    }

    /// Whether a batch whose commit was fenced had been committed before: the copy tells once it is past the batch's place.
    async fn find_out(&mut self, last: &RecordedEvent, offset: i64) -> Result<(), AppendError> {
        let copied = copied(self.following.clone(), offset, VERDICT_DEADLINE).await;
        copied.map_err(|error| AppendError::Unknown(error.into()))?;
        let found = self.journal.read(last.sequence, 1).await.map_err(|error| AppendError::Unknown(error.into()))?;
        self.state = State::Fenced;
        // Another event may have taken its sequence.
        if found.first().is_some_and(|found| found.entry == last.entry && found.record == last.record) {
            return Ok(());
        }
        Err(AppendError::Fenced)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop((self.asks.take(), self.wanted.take()));
        if let Some(thread) = self.thread.take() {
            self.leaving.add(thread);
        }
    }
}
