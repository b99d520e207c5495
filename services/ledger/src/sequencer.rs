//! The sequencer: one task that authorises, decides, numbers and commits. It is the only writer of a ledger, and serves nobody else.
//!
//! * It drains what has arrived, decides each command against state that already includes its predecessors, appends the
//!   batch once, then answers all. While a batch commits, the next is decided.
//! * **Every answer is released only when the last sequence it was decided on is durable**; if that append fails, all get
//!   `outcome-unknown`.
//! * One path back: any append failure drops the whole write model and runs the normal recovery.

mod guesses;
mod judge;
mod placing;
mod recovery;
mod timers;
mod under_way;
mod writing;

use crate::{
    clock::Clock,
    counts::Counts,
    entropy::Entropy,
    genesis::Opening,
    rejection::{Refusal, Unavailable},
    stores::{EventIndex, StateStore, StoreError},
    submission::{Ledger, Role, Standing, Waiting},
};
use convenio_events::{
    DecodeError, Sequence,
    log::{EventLog, OpenError, ReadError},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use writing::term_over;

/// The most events of one batch: what a crash before its commit loses unanswered, and what one commit holds back.
pub const BATCH_EVENTS_LIMIT: usize = 4_096;
/// The most bytes of one batch, except that one command is never split.
pub const BATCH_BYTES_LIMIT: usize = 8 << 20;
/// The most events of one command.
pub const COMMAND_EVENTS_LIMIT: usize = 1_000;
/// The most timers that run before a batch.
pub const TIMERS_LIMIT: usize = 1_000;
/// How often timers run when no commands arrive.
pub const TIMERS_PERIOD: Duration = Duration::from_secs(60);
/// How many subjects stay in memory before those that the snapshot holds are let go.
pub const SUBJECTS_KEPT: usize = 250_000;
/// How long it waits before it opens the log again after a failure that may pass.
const REOPEN_DELAY: Duration = Duration::from_millis(200);
/// So often a log that nobody else holds may fail to open or to take a batch while commands wait for it; after that they are refused
/// until it works again.
const PATIENT_ATTEMPTS: u32 = 5;

/// How far the snapshot has been written: what is below may leave memory.
#[derive(Clone, Debug, Default)]
pub struct SnapshotCursor(Arc<AtomicU64>);

impl SnapshotCursor {
    /// The number of events that the snapshot holds.
    pub fn get(&self) -> Sequence {
        Sequence(self.0.load(Ordering::Acquire))
    }
    /// Publishes it.
    pub fn set(&self, folded: Sequence) {
        self.0.store(folded.0, Ordering::Release);
    }
}

/// What a sequencer works with.
pub struct Parts {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The snapshot that it loads from.
    pub state: Arc<dyn StateStore>,
    /// How far the snapshot has been written.
    pub snapshot: SnapshotCursor,
    /// Where command ids are remembered.
    pub index: Arc<dyn EventIndex>,
    /// Time.
    pub clock: Box<dyn Clock>,
    /// Salts and ids.
    pub entropy: Entropy,
    /// With what an empty log is opened.
    pub opening: Option<Opening>,
    /// How often it opens the log again after a failure that may pass, before it gives up where it has never written;
    /// [`Self::FOR_EVER`] where others hold the log. Once it has written it never gives up for this: what is there can be read.
    pub attempts: u32,
    /// The term in which this node is elected to write; 0 while it is not. A fenced term is over for good.
    pub elected: watch::Receiver<u64>,
    /// What it counts.
    pub counts: Arc<Counts>,
    /// Where commands go while another node writes; without it they are refused with `no-writer`.
    pub elsewhere: Option<mpsc::Sender<Waiting>>,
}

impl Parts {
    /// It never gives up.
    pub const FOR_EVER: u32 = u32::MAX;
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Why a sequencer gave up. What it had acknowledged is durable.
#[derive(Debug, thiserror::Error)]
pub enum SequencerError {
    /// The log cannot be opened for writing.
    #[error("the log cannot be opened for writing")]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ReadError),
    /// The log holds what this program cannot read.
    #[error("the log holds an event that this program cannot read")]
    Decode(#[from] DecodeError),
    /// A derived store failed again and again.
    #[error("a derived store cannot be used")]
    Store(#[from] StoreError),
    /// The log is empty and nothing says how to open a ledger.
    #[error("the log is empty and no new ledger was asked for")]
    NotOpened,
    /// Another writer took over before this one had opened the ledger. It waits for a new term and never gives up for this.
    #[error("another writer has taken over the log")]
    Fenced,
    /// A clock that somebody sets is for test ledgers only.
    #[error("the clock is set by hand, which only a ledger whose purpose is test allows")]
    ClockIsSet,
}

impl SequencerError {
    /// Whether another node may be able to write where this one is not.
    const fn is_for_others(&self) -> bool {
        matches!(self, Self::Decode(_) | Self::Open(OpenError::Damaged(_)))
    }

    /// Whether trying again may help.
    const fn may_pass(&self) -> bool {
        match self {
            Self::Open(OpenError::Unavailable(_)) | Self::Read(ReadError::Unavailable(_)) | Self::Store(_) => true,
            Self::Open(OpenError::InUse | OpenError::Damaged(_))
            | Self::Read(ReadError::Damaged { .. })
            | Self::Decode(_)
            | Self::NotOpened
            | Self::Fenced
            | Self::ClockIsSet => false,
        }
    }
}

/// The sequencer before it runs.
pub struct Sequencer {
    parts: Parts,
    queue: mpsc::Receiver<Waiting>,
    standing: watch::Sender<Standing>,
    fenced_term: u64,
}

impl std::fmt::Debug for Sequencer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sequencer").finish_non_exhaustive()
    }
}

/// How a term of writing ended.
enum End {
    /// Every handle is gone and everything is answered.
    Closed,
    /// Another writer took over, or the term is over: write again only in a new one.
    Fenced,
    /// The write model is of no more use; recover in the same term.
    Lost,
}

impl Sequencer {
    /// A sequencer, and the handle that commands come through. It ends when every handle is dropped.
    pub fn new(parts: Parts) -> (Self, Ledger) {
        let counts = parts.counts.clone();
        let (standing, watch) = watch::channel(Standing {
            role: Role::Starting,
            durable: Sequence::ZERO,
            clock_jumped: false,
            timers_held: false,
            held: 0,
            cannot_write: false,
        });
        let (ledger, queue) = Ledger::new(watch, counts);
        (Self { parts, queue, standing, fenced_term: 0 }, ledger)
    }

    /// Writes whenever elected, until every handle is dropped.
    ///
    /// # Errors
    /// [`SequencerError`] when it cannot go on; the program then ends, and a restart runs the normal recovery.
    pub async fn run(mut self) -> Result<(), SequencerError> {
        let end = self.terms().await;
        self.standing.send_modify(|standing| standing.role = Role::Stopped);
        end
    }

    async fn terms(&mut self) -> Result<(), SequencerError> {
        let (mut attempts, limit) = (0_u32, self.parts.attempts);
        let (mut batches, mut has_written) = (0, false);
        while let Some(term) = self.await_election().await {
            self.standing.send_modify(|standing| standing.role = Role::Starting);
            let (mut elected, head) = (self.parts.elected.clone(), self.parts.log.head());
            let recovered = tokio::select! {
                biased;
                // Going on would fence whoever was elected instead.
                () = term_over(&mut elected, term) => Err(SequencerError::Fenced),
                recovered = recovery::recover(&mut self.parts, &self.standing) => recovered,
            };
            let writing = match recovered {
                Ok(writing) => writing,
                Err(SequencerError::Fenced) => {
                    self.fenced_term = term;
                    continue;
                }
                // Written by a newer program, or not to be written from here. A node that is not alone leaves the writing to
                // others, and goes on without where it has something to show.
                Err(error) if limit == Parts::FOR_EVER && error.is_for_others() && *head.borrow() > Sequence::ZERO => {
                    tracing::error!(error = &error as &dyn std::error::Error, "this node cannot write this log");
                    self.fenced_term = term;
                    continue;
                }
                Err(error) if error.may_pass() && (attempts < limit || has_written) => {
                    attempts = attempts.saturating_add(1);
                    if attempts.is_power_of_two() {
                        tracing::warn!(error = &error as &dyn std::error::Error, attempts, "cannot write now");
                    }
                    if self.wait_to_reopen(attempts).await { continue } else { return Ok(()) }
                }
                // It came upon damage on its way back: what it has can be shown, and nothing is recorded on it.
                Err(error @ SequencerError::Read(ReadError::Damaged { .. })) if has_written => {
                    tracing::error!(error = &error as &dyn std::error::Error, "nothing more is recorded on this log");
                    self.fenced_term = term;
                    continue;
                }
                Err(error) => return Err(error),
            };
            has_written = true;
            self.standing.send_modify(|standing| {
                standing.role = Role::Writer;
                standing.cannot_write = false;
            });
            match writing.run(&mut self.queue, &self.standing, term).await {
                End::Closed => return Ok(()),
                End::Fenced => {
                    self.parts.counts.fences.fetch_add(1, Ordering::Relaxed);
                    self.fenced_term = term;
                }
                End::Lost => attempts = attempts.saturating_add(1),
            }
            // A commit that worked in between shows that the trouble had passed.
            let committed = self.parts.counts.batches.load(Ordering::Relaxed);
            if committed > batches {
                (attempts, batches) = (0, committed);
            }
            self.standing.send_modify(|standing| standing.role = Role::Starting);
            // It opens, and takes nothing: who comes next would only find out the same.
            if attempts > PATIENT_ATTEMPTS && !self.wait_to_reopen(attempts).await {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Waits before the log is opened again; false when every handle is gone. Commands wait too where others hold the log, or it
    /// has only just begun to fail; then they are refused, before anything is decided.
    async fn wait_to_reopen(&mut self, attempts: u32) -> bool {
        if attempts <= PATIENT_ATTEMPTS || self.parts.attempts == Parts::FOR_EVER {
            tokio::time::sleep(REOPEN_DELAY).await;
            return true;
        }
        self.standing.send_modify(|standing| standing.cannot_write = true);
        let reopen = tokio::time::sleep(REOPEN_DELAY);
        tokio::pin!(reopen);
        loop {
            tokio::select! {
                biased;
                () = &mut reopen => return true,
                waiting = self.queue.recv() => match waiting {
                    Some(waiting) => waiting.end(Err(Refusal::Unavailable(Unavailable::LogUnwritable))),
                    None => return false,
                },
            }
        }
    }

    /// Waits for a term in which this node is elected and has not been fenced; `None` when every handle is gone.
    async fn await_election(&mut self) -> Option<u64> {
        loop {
            let term = *self.parts.elected.borrow_and_update();
            if term > self.fenced_term {
                return Some(term);
            }
            self.standing.send_modify(|standing| standing.role = Role::Follower);
            let elected = &mut self.parts.elected;
            tokio::select! {
                // Whoever is elected answers what waits already, instead of refusing it.
                biased;
                () = changed(elected) => {}
                waiting = self.queue.recv() => self.pass_on(waiting?),
            }
        }
    }

    /// Lets another node decide, where there is a way to it.
    fn pass_on(&self, waiting: Waiting) {
        let refuse = |waiting: Waiting, why| waiting.end(Err(Refusal::Unavailable(why)));
        match &self.parts.elsewhere {
            Some(elsewhere) if !waiting.only_here => match elsewhere.try_send(waiting) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(waiting)) => refuse(waiting, Unavailable::Overloaded),
                Err(mpsc::error::TrySendError::Closed(waiting)) => refuse(waiting, Unavailable::NoWriter),
            },
            _ => refuse(waiting, Unavailable::NoWriter),
        }
    }
}

/// Completes when the election changes; never when nobody is left who could change it.
async fn changed(elected: &mut watch::Receiver<u64>) {
    if elected.changed().await.is_err() {
        std::future::pending().await
    }
}
