//! A log that fails in every way that the contract allows, by a seed. It never breaks the contract itself.

use async_trait::async_trait;
use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, EventLog, LogWriter, OpenError, OpenedWriter, ReadError, Submitted},
    memory_log::MemoryLog,
};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// Chance, by a seed, until it is told to leave everybody in peace.
#[derive(Clone)]
pub(crate) struct Chance(Arc<(Mutex<StdRng>, AtomicBool, Mutex<Vec<String>>)>);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new((Mutex::new(StdRng::seed_from_u64(seed)), AtomicBool::new(false), Mutex::default())))
    }
    /// Keeps what happened, for whoever looks for the reason of a failure.
    pub(crate) fn note(&self, what: impl std::fmt::Display) {
        let at = tokio::time::Instant::now();
        self.0.2.lock().expect("nobody panics while it notes").push(format!("{at:?} {what}"));
    }
    pub(crate) fn notes(&self) -> String {
        self.0.2.lock().expect("nobody panics while it notes").join("\n")
    }
    /// A number below `bound`.
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.0.0.lock().expect("nobody panics while it draws").random_range(0..bound)
    }
    pub(crate) fn id(&self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.0.0.lock().expect("nobody panics while it draws").fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
    /// True once in `times`, on average, while there is no peace.
    pub(crate) fn strikes(&self, times: u64) -> bool {
        !self.0.1.load(Ordering::Relaxed) && self.below(times) == 0
    }
    /// A time of at most `millis`.
    pub(crate) async fn pause(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(self.below(millis + 1))).await;
    }
    /// From now on nothing fails.
    pub(crate) fn peace(&self) {
        self.0.1.store(true, Ordering::Relaxed);
    }
    /// From now on everything may.
    pub(crate) fn war(&self) {
        self.0.1.store(false, Ordering::Relaxed);
    }
    pub(crate) fn is_peace(&self) -> bool {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// Who may write: how often the log was opened, and by which node last.
pub(crate) type Fence = Arc<Mutex<(u64, usize)>>;

/// The log of all nodes, as one of them sees it.
#[derive(Clone)]
pub(crate) struct FaultyLog {
    pub(crate) log: MemoryLog,
    pub(crate) chance: Chance,
    pub(crate) node: usize,
    pub(crate) fence: Fence,
    /// The most milliseconds that a page takes to be read.
    pub(crate) read_lag_ms: u64,
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        self.chance.pause(20).await;
        if self.chance.strikes(8) {
            return Err(OpenError::Unavailable("not now".into()));
        }
        let OpenedWriter { writer, head } = self.log.open_writer().await?;
        {
            let mut fence = self.fence.lock().expect("nobody panics while it opens");
            *fence = (fence.0 + 1, self.node);
        }
        self.chance.note(format_args!("node {} opens the log at {head}", self.node));
        let writer = Arc::new(tokio::sync::Mutex::new(writer));
        let writer = FaultyWriter { writer, chance: self.chance.clone(), before: None };
        Ok(OpenedWriter { writer: Box::new(writer), head })
    }

    async fn read(&self, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        if self.read_lag_ms > 0 {
            self.chance.pause(self.read_lag_ms).await;
        }
        if self.chance.strikes(60) {
            return Err(ReadError::Unavailable("not now".into()));
        }
        // Short pages, so that what happens between two of them is tried as well.
        let most = 1 + self.chance.below(40) as usize;
        self.log.read(from, limit.min(most)).await
    }

    fn head(&self) -> watch::Receiver<Sequence> {
        self.log.head()
    }
}

struct FaultyWriter {
    writer: Arc<tokio::sync::Mutex<Box<dyn LogWriter>>>,
    chance: Chance,
    /// Tells whether the batch before was written.
    before: Option<oneshot::Receiver<bool>>,
}

/// What becomes of a batch and of the answer to it.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Acknowledged,
    FailsBeforeWriting,
    FailsAfterWriting,
    AnswerLost,
}

impl FaultyWriter {
    /// Sends a batch on its way, in a task of its own: whoever drops a future cancels no append, as the contract says.
    fn start(&mut self, batch: Arc<Vec<RecordedEvent>>) -> JoinHandle<Result<(), AppendError>> {
        let first = batch.first().map_or(0, |event| event.sequence.0);
        let fate = match self.chance.below(20) {
            0 if !self.chance.is_peace() => Fate::FailsBeforeWriting,
            1 if !self.chance.is_peace() => Fate::FailsAfterWriting,
            2 if !self.chance.is_peace() => Fate::AnswerLost,
            _ => Fate::Acknowledged,
        };
        self.chance.note(format_args!("append {} from {first}: {fate:?}", batch.len()));
        let (writer, chance) = (self.writer.clone(), self.chance.clone());
        let (written, next) = oneshot::channel();
        let before = self.before.replace(next);
        tokio::spawn(async move {
            let follows = match before {
                Some(before) => before.await.unwrap_or(false),
                None => true,
            };
            chance.pause(if chance.strikes(10) { 400 } else { 8 }).await;
            if !follows || matches!(fate, Fate::FailsBeforeWriting) {
                return Err(AppendError::Unknown("it failed before it was written".into()));
            }
            writer.lock().await.append(batch).await?;
            // Nobody waits where this was the last one.
            let _ = written.send(true);
            chance.pause(5).await;
            match fate {
                Fate::Acknowledged => Ok(()),
                Fate::FailsBeforeWriting | Fate::FailsAfterWriting => {
                    Err(AppendError::Unknown("it failed after it was written".into()))
                }
                Fate::AnswerLost => {
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    Err(AppendError::Unknown("the answer was lost".into()))
                }
            }
        })
    }
}

#[async_trait]
impl LogWriter for FaultyWriter {
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError> {
        self.start(batch).await.expect("a batch continues the log without gaps")
    }

    async fn submit(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<Submitted, AppendError> {
        let task = self.start(batch);
        let counts = async { task.await.expect("a batch continues the log without gaps") };
        if self.chance.below(3) == 0 {
            return counts.await.map(|()| Submitted::Counts);
        }
        self.chance.pause(5).await;
        Ok(Submitted::UnderWay(Box::pin(counts)))
    }

    async fn confirm(&mut self) -> Result<(), AppendError> {
        self.chance.pause(5).await;
        if !self.chance.is_peace() && self.chance.strikes(20) {
            return Err(AppendError::Unknown("nobody answered".into()));
        }
        self.writer.lock().await.confirm().await
    }
}
