//! Look-ups by everything but sequence, `index.db`: written behind the log, so that no random key delays a commit. It
//! keeps no event, only where each one is.
//!
//! New events are found at once, in the tail in memory; a thread writes the tail down in batches. A crash loses the
//! tail, and [`Index::catch_up`] reads it from the journal again.

mod file;
mod tail;

use crate::{Journal, StoredEvent, derived::lock};
use convenio_events::{
    Actor, CommandId, EventId, Sequence, StreamVersion, Subject, Timestamp,
    causes::with_causes,
    entry::{Entry, EntryError},
    log::ReadError,
    record::RawRecord,
};
use convenio_ledger::stores::{EventIndex, IndexedEvent, StoreError};
use file::{Doubled, IndexFile};
use std::{
    ops::ControlFlow,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tail::Tail;
use tokio::sync::watch;

/// The index's file in the data directory.
pub const INDEX_FILE: &str = "index.db";
/// A tail this long is written down.
const FLUSH_EVENTS: usize = 32_768;
/// A tail this old is written down, however short it is.
const FLUSH_AFTER: Duration = Duration::from_secs(2);
/// Most events of the tail, beside a batch that is being written; beyond it `push` waits.
const TAIL_EVENTS_LIMIT: usize = 65_536;
/// How much nicer the thread that writes is than those that serve commands (nice(2), Linux).
const NICENESS: i32 = 10;
/// How long to wait before a batch that could not be written is written again.
const RETRY: Duration = Duration::from_secs(1);
/// Events that are read from the journal before they are pushed.
const CATCH_UP_EVENTS: usize = 4_096;

/// What kind of actor, its scope, and the command id.
type CommandKey = [u8; 33];

fn command_key(actor: Actor, command: CommandId) -> CommandKey {
    let mut key = [0; 33];
    // An organisation may have chosen the very id that is the clock's scope.
    key[0] = match actor {
        Actor::Organisation(_) => 0,
        Actor::Clock => 1,
        Actor::Operator => 2,
    };
    key[1..17].copy_from_slice(actor.scope().as_bytes());
    key[17..].copy_from_slice(command.uuid().as_bytes());
    key
}

/// The index of a ledger, beside its journal. Dropping it writes the tail down.
#[derive(Debug)]
pub struct Index {
    shared: Arc<Shared>,
    journal: Journal,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    file: IndexFile,
    tails: Mutex<Tails>,
    /// The thread has something to do.
    due: Condvar,
    /// A batch was written or has failed.
    written: Condvar,
    /// Up to where events are known.
    told: watch::Sender<Sequence>,
}

#[derive(Debug)]
struct Tails {
    growing: Tail,
    /// When the oldest event of `growing` came.
    since: Instant,
    /// Still looked up here until the file has it.
    writing: Option<Arc<Tail>>,
    indexed: Sequence,
    /// What failed; nothing more is taken until it works again, and what is in memory can still be found.
    failed: Option<String>,
    /// Which event the log has twice.
    doubled: Option<String>,
    flush: bool,
    closing: bool,
}

/// Why the index could not catch up with the journal.
#[derive(Debug, thiserror::Error)]
pub enum CatchUpError {
    /// The journal could not be read.
    #[error("cannot read the journal to index it")]
    Read(#[from] ReadError),
    /// The record of an event has another form.
    #[error("the record of event {sequence} cannot be read")]
    Record {
        /// Which event.
        sequence: Sequence,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The entry of an event has another form.
    #[error("the entry of event {sequence} cannot be read")]
    Entry {
        /// Which event.
        sequence: Sequence,
        /// Why.
        #[source]
        source: EntryError,
    },
    /// The index could not take the events.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Index {
    /// Opens `index.db` beside a journal; one that is damaged, newer, or was made of another log is thrown away. Only the
    /// process that writes the journal may have it open. Call [`Index::catch_up`] before anything else. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when neither the file nor an empty one in its place can be opened.
    pub fn open(journal: &Journal) -> Result<Self, StoreError> {
        let file = IndexFile::open(journal)?;
        let tails = Tails {
            growing: Tail::default(),
            since: Instant::now(),
            writing: None,
            indexed: file.indexed(),
            failed: None,
            doubled: None,
            flush: false,
            closing: false,
        };
        let told = watch::Sender::new(tails.indexed);
        let tails = Mutex::new(tails);
        let shared = Arc::new(Shared { file, tails, due: Condvar::new(), written: Condvar::new(), told });
        let writer = std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn({
                let shared = shared.clone();
                move || shared.run()
            })
            .map_err(|error| StoreError { store: "index.db", source: error.into() })?;
        Ok(Self { shared, journal: journal.clone(), writer: Some(writer) })
    }

    /// Takes everything that is in the journal and not yet here; returns how many events are known then. It blocks.
    ///
    /// # Errors
    /// [`CatchUpError`].
    pub fn catch_up(&self) -> Result<Sequence, CatchUpError> {
        let mut events = Vec::with_capacity(CATCH_UP_EVENTS);
        loop {
            events.clear();
            let mut failed = None;
            self.journal.for_each_event(self.indexed(), |event| {
                match indexed_event(&event) {
                    Ok(event) => events.push(event),
                    Err(error) => failed = Some(error),
                }
                if failed.is_some() || events.len() == CATCH_UP_EVENTS {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            // Pushed outside of the read: it may wait, and an open read keeps the WAL from starting over.
            self.push(&events)?;
            match failed {
                Some(error) => return Err(error),
                None if events.len() < CATCH_UP_EVENTS => return Ok(self.indexed()),
                None => {}
            }
        }
    }

    /// Waits until everything that was pushed before is in the file. It blocks.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be written.
    pub fn flush(&self) -> Result<(), StoreError> {
        let mut tails = lock(&self.shared.tails);
        let goal = tails.indexed;
        while self.shared.file.indexed() < goal {
            tails.check()?;
            tails.flush = true;
            self.shared.due.notify_one();
            tails = wait(&self.shared.written, tails);
        }
        Ok(())
    }

    /// Looks whether the file has on the disk what was written; where it has not, it is made anew. It blocks, for about a second per
    /// million events.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn look_through(&self) -> Result<(), StoreError> {
        self.shared.file.look_through()
    }

    /// Up to where events can be looked up.
    pub fn watch(&self) -> watch::Receiver<Sequence> {
        self.shared.told.subscribe()
    }

    /// Why the index takes no more events, where it does not.
    pub fn trouble(&self) -> Option<String> {
        let failed = self.tails().failed.clone();
        failed.map(|why| format!("index.db cannot be written: {why}"))
    }

    /// Which event is a second one of its record's version or of its command, where the log has such: nothing is to be recorded
    /// on it any more.
    pub fn doubled(&self) -> Option<String> {
        self.tails().doubled.clone()
    }

    fn tails(&self) -> MutexGuard<'_, Tails> {
        lock(&self.shared.tails)
    }

    /// The tails, where they and the file know all that was ever told to be here: while a file that was damaged is made anew,
    /// nothing is not known.
    fn complete(&self) -> Result<MutexGuard<'_, Tails>, StoreError> {
        let tails = self.tails();
        if tails.indexed < *self.shared.told.borrow() {
            return Err(StoreError { store: INDEX_FILE, source: "it was damaged, and is made anew".into() });
        }
        Ok(tails)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.tails().closing = true;
        self.shared.due.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic over there has been reported by its hook.
            let _ = writer.join();
        }
    }
}

/// What the index needs of a stored event.
fn indexed_event(event: &StoredEvent<'_>) -> Result<IndexedEvent, CatchUpError> {
    let sequence = event.sequence;
    let record = RawRecord::parse(event.record).map_err(|source| CatchUpError::Record { sequence, source })?;
    let time = match time_of(event.entry) {
        Some(time) => time,
        None => Entry::parse(event.entry).map_err(|source| CatchUpError::Entry { sequence, source })?.time,
    };
    Ok(IndexedEvent {
        sequence,
        id: record.id,
        subject: record.subject,
        stream_version: record.streamversion,
        actor: record.actor,
        command_id: record.commandid,
        first_of_command: record.causationid.is_none(),
        time,
    })
}

/// Entries are canonical and end with their time: reading that alone takes a tenth of reading it all.
fn time_of(entry: &str) -> Option<Timestamp> {
    let (_, time) = entry.strip_suffix(r#"","v":1}"#)?.rsplit_once('"')?;
    time.parse().ok()
}

impl EventIndex for Index {
    /// Where the file was found damaged, it is begun anew: whoever asks here goes on from what is known.
    fn indexed(&self) -> Sequence {
        let mut tails = self.tails();
        if self.shared.file.is_damaged() {
            match self.shared.file.begin_anew() {
                Ok(()) => {
                    (tails.growing, tails.writing) = (Tail::default(), None);
                    (tails.indexed, tails.failed) = (Sequence::ZERO, None);
                    self.shared.written.notify_all();
                }
                Err(error) => tails.failed = Some(with_causes(&error)),
            }
        }
        tails.indexed
    }

    fn push(&self, events: &[IndexedEvent]) -> Result<(), StoreError> {
        let mut tails = self.tails();
        while tails.growing.events().len() >= TAIL_EVENTS_LIMIT && tails.failed.is_none() {
            tails = wait(&self.shared.written, tails);
        }
        tails.check()?;
        if tails.growing.events().is_empty() {
            tails.since = Instant::now();
        }
        for event in events {
            // Known already: whoever starts anew after an error pushes from where it is sure.
            if event.sequence < tails.indexed {
                continue;
            }
            // Begun anew meanwhile: whoever tells of events goes back to where it is now.
            if event.sequence > tails.indexed && tails.indexed < *self.shared.told.borrow() {
                return Err(StoreError { store: INDEX_FILE, source: "it was damaged, and is made anew".into() });
            }
            assert_eq!(event.sequence, tails.indexed, "the index is told of every event");
            tails.growing.push(event);
            tails.indexed = event.sequence.next();
        }
        if tails.growing.events().len() >= FLUSH_EVENTS {
            self.shared.due.notify_one();
        }
        // Under the lock: what a look-up finds can be read.
        let indexed = tails.indexed;
        self.shared.told.send_if_modified(|told| {
            let more = indexed > *told;
            *told = indexed.max(*told);
            more
        });
        Ok(())
    }

    fn command(&self, actor: Actor, command: CommandId) -> Result<Option<Sequence>, StoreError> {
        let key = command_key(actor, command);
        // The tails first, here and below: what leaves them is in the file before it does.
        let tails = self.complete()?;
        let found = tails.oldest_first().find_map(|tail| tail.command(&key));
        drop(tails);
        found.map_or_else(|| self.shared.file.command(&key), |sequence| Ok(Some(sequence)))
    }

    fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError> {
        let tails = self.complete()?;
        let found = tails.oldest_first().find_map(|tail| tail.event(id));
        drop(tails);
        found.map_or_else(|| self.shared.file.event(id), |sequence| Ok(Some(sequence)))
    }

    fn subject(&self, subject: Subject, from: StreamVersion, limit: usize) -> Result<Vec<Sequence>, StoreError> {
        let tails: Vec<_> = {
            let tails = self.complete()?;
            tails.oldest_first().flat_map(|tail| tail.subject(subject)).copied().collect()
        };
        let mut found = self.shared.file.subject(subject, from, limit)?;
        let next = found.last().map_or(from, |(version, _)| StreamVersion(version.0 + 1));
        found.extend(tails.into_iter().filter(|(version, _)| *version >= next));
        Ok(found.into_iter().take(limit).map(|(_, sequence)| sequence).collect())
    }

    fn as_of(&self, time: Timestamp) -> Result<Sequence, StoreError> {
        let newest_first = {
            let tails = self.complete()?;
            let growing = tails.growing.as_of(time);
            growing.or_else(|| tails.writing.as_ref().and_then(|tail| tail.as_of(time)))
        };
        match newest_first {
            Some(sequence) => Ok(sequence),
            None => Ok(self.shared.file.as_of(time)?.unwrap_or_default()),
        }
    }
}

impl Tails {
    fn oldest_first(&self) -> impl Iterator<Item = &Tail> {
        self.writing.as_deref().into_iter().chain([&self.growing])
    }

    fn check(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(failed) => Err(StoreError { store: "index.db", source: failed.as_str().into() }),
            None => Ok(()),
        }
    }

    /// How long the thread may sleep; `None` when it has to write now.
    fn rest(&self) -> Option<Duration> {
        let events = self.growing.events().len();
        if events >= FLUSH_EVENTS || self.closing || (self.flush && events > 0) {
            return None;
        }
        // With nothing to write there is no hurry: whoever brings something calls.
        let due = if events == 0 { FLUSH_AFTER } else { FLUSH_AFTER.saturating_sub(self.since.elapsed()) };
        (!due.is_zero()).then_some(due)
    }
}

impl Shared {
    fn run(&self) {
        // What is in memory is found as well: those who record come first. Where the system refuses, it stays as it was.
        let _ = rustix::process::nice(NICENESS);
        while let Some(tail) = self.next_batch() {
            while let Err(error) = self.file.write(&tail) {
                let failed = with_causes(&error);
                let mut tails = lock(&self.tails);
                if tails.failed.is_none() {
                    tracing::error!(failed, "index.db cannot be written: trying again");
                }
                tails.failed = Some(failed);
                tails.doubled = Doubled::of(&error).map(ToString::to_string);
                self.written.notify_all();
                let (tails, _) = self
                    .due
                    .wait_timeout_while(tails, RETRY, |tails| !tails.closing)
                    .unwrap_or_else(PoisonError::into_inner);
                if tails.closing {
                    return;
                }
            }
            let mut tails = lock(&self.tails);
            tails.writing = None;
            tails.failed = None;
            self.written.notify_all();
        }
    }

    /// Waits for a batch; `None` when the index is closed and everything is written.
    fn next_batch(&self) -> Option<Arc<Tail>> {
        let mut tails = lock(&self.tails);
        while let Some(rest) = tails.rest() {
            (tails, _) = self.due.wait_timeout(tails, rest).unwrap_or_else(PoisonError::into_inner);
        }
        if tails.growing.events().is_empty() {
            return None;
        }
        tails.flush = false;
        let tail = Arc::new(std::mem::take(&mut tails.growing));
        tails.writing = Some(tail.clone());
        // There is room in the tail again.
        self.written.notify_all();
        Some(tail)
    }
}

fn wait<'a>(condition: &Condvar, tails: MutexGuard<'a, Tails>) -> MutexGuard<'a, Tails> {
    condition.wait(tails).unwrap_or_else(PoisonError::into_inner)
}
