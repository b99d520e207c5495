//! One term of writing: decide while the batch before commits, release answers when what they rest on is durable.

use super::{
    BATCH_BYTES_LIMIT, BATCH_EVENTS_LIMIT, COMMAND_EVENTS_LIMIT, End, Parts, SUBJECTS_KEPT, SequencerError,
    TIMERS_PERIOD,
    guesses::Guesses,
    judge::{Judged, Spellings, goes_on_to_another, replay},
    under_way::{Sent, UnderWay},
};
use crate::{
    clock::ClockGuard,
    rejection::{Refusal, Unavailable},
    stores::IndexedEvent,
    submission::{Answer, Standing, Waiting},
    world::World,
};
use convenio_events::{
    Actor, CommandId, RecordedEvent, Sequence, Subject, Timestamp,
    log::{AppendError, EventLog, LogWriter, OpenError, ReadError},
};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

/// The most commands taken from the queue at once.
const DRAIN_LIMIT: usize = 1_024;

/// How long batches that were handed over may still take to count, once nothing more is decided.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// How long the log may not say who writes it, until it is opened again.
const SILENT_LIMIT: Duration = Duration::from_secs(10);

/// How often the clock is looked at while no command comes: what is said of it is no older.
const CLOCK_PERIOD: Duration = Duration::from_millis(500);

/// How often a writer that commits nothing asks the log whether it is still the one. Nothing else would tell it that it was
/// fenced by a node that then did not come to write.
const LOOK_PERIOD: Duration = Duration::from_secs(5);

/// What was decided and is not yet handed to the log.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) events: Vec<RecordedEvent>,
    pub(super) indexed: Vec<IndexedEvent>,
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn push(&mut self, event: RecordedEvent, indexed: IndexedEvent) {
        self.bytes += event.size();
        self.events.push(event);
        self.indexed.push(indexed);
    }
    /// Whether one more command fits: it may go over by as much as that command records, never by more.
    pub(super) fn has_room(&self) -> bool {
        self.events.len() < BATCH_EVENTS_LIMIT && self.bytes < BATCH_BYTES_LIMIT
    }
}

/// An answer that waits until everything below `needs` is durable.
struct Held {
    needs: Sequence,
    to: oneshot::Sender<Answer>,
    answer: Answer,
    /// How often the log had been asked by then whether this writer is the one.
    asked: u64,
}

impl Held {
    fn release(self) {
        // The caller may have gone away; what was recorded stays recorded.
        let _ = self.to.send(self.answer);
    }

    fn fail(self) {
        let _ = self.to.send(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown)));
    }
}

/// The state of one term.
pub(super) struct Writing<'a> {
    pub(super) parts: &'a mut Parts,
    pub(super) world: World,
    pub(super) batch: Batch,
    pub(super) last_time: Timestamp,
    pub(super) guard: ClockGuard,
    pub(super) undurable: HashMap<(Actor, CommandId), Sequence>,
    pub(super) guesses: Guesses,
    /// Records of which the index has confirmed the version, and that are in memory since.
    pub(super) proved: HashSet<Subject>,
    /// A derived store failed: nothing decided since can be believed.
    pub(super) broken: bool,
    under_way: UnderWay,
    held: VecDeque<Held>,
    /// Refusals that rest on durable events only, oldest first, until the log has shown that nobody else had written when they
    /// were decided.
    unsure: VecDeque<Held>,
    inbox: VecDeque<Waiting>,
    durable: Sequence,
    /// How often the log was asked whether this writer is the one: by a batch, or in so many words.
    asked: u64,
    /// The last of them to which it said yes.
    sure: u64,
    /// The same when it was last looked whether there had been any.
    looked: u64,
    /// Whether to ask for no other reason than that nothing has for long.
    look: bool,
    /// Since when it has not said.
    silent: Option<Instant>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        parts: &'a mut Parts,
        writer: Box<dyn LogWriter>,
        world: World,
        durable: Sequence,
        last_time: Timestamp,
        guard: ClockGuard,
    ) -> Self {
        Self {
            parts,
            world,
            batch: Batch::default(),
            guesses: Guesses::default(),
            last_time,
            guard,
            undurable: HashMap::new(),
            proved: HashSet::new(),
            broken: false,
            under_way: UnderWay::new(writer),
            held: VecDeque::new(),
            unsure: VecDeque::new(),
            inbox: VecDeque::new(),
            durable,
            asked: 0,
            sure: 0,
            looked: 0,
            look: false,
            silent: None,
        }
    }

    /// The ledger's time: it never goes backwards along the log.
    pub(super) fn now(&mut self) -> Timestamp {
        let reading = self.parts.clock.read();
        self.guard.look(reading);
        reading.wall.max(self.last_time)
    }

    /// Decides, commits and answers until the queue is closed, the writer is fenced, or the model is lost.
    pub(super) async fn run(
        mut self,
        queue: &mut mpsc::Receiver<Waiting>,
        standing: &watch::Sender<Standing>,
        term: u64,
    ) -> End {
        let mut drained = Vec::with_capacity(DRAIN_LIMIT);
        let mut ticks = tokio::time::interval(TIMERS_PERIOD);
        let mut looks = tokio::time::interval(LOOK_PERIOD);
        let mut clock = tokio::time::interval(CLOCK_PERIOD);
        let mut elected = self.parts.elected.clone();
        let mut open = true;
        let end = loop {
            if self.under_way.start(&mut self.batch, self.asked + 1) {
                self.asked += 1;
            }
            if !open && self.under_way.is_empty() && self.inbox.is_empty() {
                break End::Closed;
            }
            tokio::select! {
                // The queue comes last: under load it is never empty, and what is rarer would never be seen.
                biased;
                () = term_over(&mut elected, term) => {
                    self.finish(standing).await;
                    break End::Fenced;
                }
                counts = self.under_way.next() => match counts {
                    Ok(None) => {}
                    Ok(Some(sent)) => self.settle(sent, standing),
                    Err(error) => break self.ended(&error, standing).await,
                },
                _ = ticks.tick() => {
                    if self.parts.clock.is_synchronised() {
                        self.guard.synchronised();
                    }
                    self.run_timers();
                    self.publish(standing);
                }
                _ = clock.tick() => {
                    let _ = self.now();
                    self.publish(standing);
                }
                _ = looks.tick() => {
                    self.look = self.sure == self.looked;
                    self.looked = self.sure;
                }
                count = queue.recv_many(&mut drained, DRAIN_LIMIT), if open && self.inbox.is_empty() => {
                    open = count > 0;
                    self.inbox.extend(drained.drain(..));
                }
            }
            self.take_what_fits().await;
            // What was decided on a snapshot that failed is told nobody.
            if self.is_broken() {
                break End::Lost;
            }
            self.release();
            if let Err(error) = self.make_sure().await {
                break self.ended(&error, standing).await;
            }
        };
        self.fail_all();
        end
    }

    fn is_broken(&mut self) -> bool {
        if let Some(fault) = self.world.take_fault() {
            tracing::error!(error = &fault as &dyn std::error::Error, "the snapshot failed");
            self.broken = true;
        }
        self.broken
    }

    /// Decides what has arrived, as long as the batch has room; the rest waits for the next one.
    async fn take_what_fits(&mut self) {
        while self.batch.has_room() && !self.broken {
            let Some(waiting) = self.inbox.pop_front() else { break };
            self.take(waiting).await;
        }
    }

    async fn take(&mut self, waiting: Waiting) {
        let Waiting { submission, answer: to, .. } = waiting;
        let answer = match self.judge(submission) {
            Judged::Answer(answer) => answer,
            Judged::Known(sequence, spellings) => self.replay(sequence, &spellings).await,
        };
        self.held.push_back(Held { needs: self.world.next(), to, answer, asked: self.asked });
    }

    /// Finds the events of a command that was accepted before: in the batches under way, or in the log.
    async fn replay(&mut self, first: Sequence, spellings: &Spellings) -> Answer {
        let under_way = self.under_way.events().chain(&self.batch.events);
        let found: Vec<RecordedEvent> =
            under_way.filter(|event| event.sequence >= first).take(COMMAND_EVENTS_LIMIT).cloned().collect();
        if found.first().is_some_and(|event| event.sequence == first) {
            return replay(&found, spellings);
        }
        // Most commands have one event or a few. A page may hold fewer events than were asked for: that it is short says
        // nothing of where the command ends.
        let log = self.parts.log.clone();
        let mut events = read(&*log, first, 8).await?;
        while !goes_on_to_another(&events) {
            let Some(last) = events.last() else { break };
            let page = read(&*log, last.sequence.next(), COMMAND_EVENTS_LIMIT).await?;
            if page.is_empty() {
                break;
            }
            events.extend(page);
        }
        replay(&events, spellings)
    }

    fn settle(&mut self, sent: Sent, standing: &watch::Sender<Standing>) {
        let Sent { events, indexed, bytes, began, asked } = sent;
        // The commit shows that nobody had written when it was handed over, and says nothing of the time since.
        (self.sure, self.silent) = (self.sure.max(asked), None);
        self.parts.counts.committed(events.len(), bytes, began.elapsed());
        self.durable = events.last().map_or(self.durable, |event| event.sequence.next());
        for event in indexed.iter().filter(|event| event.first_of_command) {
            self.undurable.remove(&(event.actor, event.command_id));
        }
        if let Err(fault) = self.parts.index.push(&indexed) {
            tracing::error!(error = &fault as &dyn std::error::Error, "the index could not be written");
            self.broken = true;
        }
        self.world.forget_changes();
        if self.world.held() > SUBJECTS_KEPT {
            // What leaves memory comes back from the snapshot.
            self.proved.clear();
        }
        self.world.evict(self.parts.snapshot.get(), SUBJECTS_KEPT);
        self.release();
        self.publish(standing);
    }

    /// Nothing is decided any more, but what the log was given may still count: then it is answered.
    async fn finish(&mut self, standing: &watch::Sender<Standing>) {
        let deadline = Instant::now() + LAST_WAIT;
        while !self.under_way.is_empty() {
            match tokio::time::timeout_at(deadline, self.under_way.next()).await {
                Ok(Ok(Some(sent))) => self.settle(sent, standing),
                Ok(Ok(None)) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
    }

    /// What a term comes to in which the log said no.
    async fn ended(&mut self, error: &AppendError, standing: &watch::Sender<Standing>) -> End {
        self.finish(standing).await;
        match error {
            AppendError::Fenced => {
                tracing::warn!("another writer has taken over");
                End::Fenced
            }
            AppendError::Unknown(source) => {
                tracing::error!(error = &**source as &dyn std::error::Error, "what became of a batch is not known");
                self.parts.counts.unknowns.fetch_add(1, Relaxed);
                End::Lost
            }
        }
    }

    fn publish(&self, standing: &watch::Sender<Standing>) {
        standing.send_if_modified(|standing| {
            let now = Standing {
                role: standing.role,
                durable: self.durable,
                clock_jumped: self.guard.jumped(),
                timers_held: self.guard.timers_held(),
                held: self.world.held(),
                cannot_write: false,
            };
            std::mem::replace(standing, now) != now
        });
    }

    /// Asks the log whether it is still ours, where refusals wait that no commit has proved, or nothing has shown it for long. A
    /// writer that was stopped for a while and comes back would else refuse what its successor has long accepted.
    async fn make_sure(&mut self) -> Result<(), AppendError> {
        let by_batch =
            |held: &Held| !self.batch.events.is_empty() || self.under_way.asked().is_some_and(|it| it > held.asked);
        if self.unsure.front().map_or(!self.look, by_batch) {
            return Ok(());
        }
        let Some(writer) = self.under_way.ready() else { return Ok(()) };
        self.look = false;
        self.asked += 1;
        match writer.confirm().await {
            Ok(()) => {
                (self.sure, self.silent) = (self.asked, None);
                self.release();
                Ok(())
            }
            Err(AppendError::Fenced) => Err(AppendError::Fenced),
            // What the log takes or not, the next batch will find out. Who waits for a refusal hears that nobody knows.
            Err(error @ AppendError::Unknown(_)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the log did not say who writes it");
                self.unsure.drain(..).for_each(Held::fail);
                // Who can only refuse, and not even that, leaves it to another.
                let silent = self.silent.get_or_insert_with(Instant::now).elapsed();
                if silent < SILENT_LIMIT { Ok(()) } else { Err(error) }
            }
        }
    }

    /// Releases the answers that rest on durable events only. What was recorded is so whoever writes now; a refusal is believed
    /// when the log has shown, after it was decided, that it was still ours.
    fn release(&mut self) {
        while let Some(held) = self.held.pop_front_if(|held| held.needs <= self.durable) {
            if held.answer.is_ok() { held.release() } else { self.unsure.push_back(held) }
        }
        while let Some(held) = self.unsure.pop_front_if(|held| held.asked < self.sure) {
            held.release();
        }
    }

    fn fail_all(&mut self) {
        self.unsure.drain(..).chain(self.held.drain(..)).for_each(Held::fail);
        for waiting in self.inbox.drain(..) {
            waiting.end(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown)));
        }
    }

    /// Commits what was placed, before the first command is taken.
    pub(super) async fn commit_now(&mut self) -> Result<(), SequencerError> {
        self.asked += 1;
        self.under_way.start(&mut self.batch, self.asked);
        while !self.under_way.is_empty() {
            let counts = self.under_way.next().await.map_err(|error| match error {
                AppendError::Fenced => SequencerError::Fenced,
                unknown @ AppendError::Unknown(_) => OpenError::Unavailable(Box::new(unknown)).into(),
            })?;
            if let Some(sent) = counts {
                self.parts.index.push(&sent.indexed)?;
            }
        }
        self.durable = self.world.next();
        self.world.forget_changes();
        Ok(())
    }
}

async fn read(log: &dyn EventLog, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, Refusal> {
    log.read(from, limit).await.map_err(|error: ReadError| {
        tracing::error!(error = &error as &dyn std::error::Error, "a replay could not be read");
        Refusal::Unavailable(Unavailable::OutcomeUnknown)
    })
}

/// Completes when the node is no longer elected in this term.
pub(super) async fn term_over(elected: &mut watch::Receiver<u64>, term: u64) {
    // Without a sender the term never ends.
    if elected.wait_for(|now| *now != term).await.is_err() {
        std::future::pending().await
    }
}
