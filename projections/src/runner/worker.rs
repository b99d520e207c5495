//! The thread of one view: folds what it is handed, says how far it is, and stops at an event that it cannot fold. Other views are
//! not its business.

use super::feed::{self, Failure, Input, Page, Taps};
use super::rebuild::Adoption;
use super::shared::Slot;
use crate::{
    status::Activity,
    store::{
        Pool,
        file::{Entries, FoldError, Writer},
        manifest::Manifest,
    },
    view::Spec,
};
use convenio_events::{Sequence, causes::with_causes, log::EventLog};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};

/// How often an idle thread gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The least time between the first two times that a file is made anew because of what was read in it; it doubles.
pub(crate) const SUSPICION_PAUSE: Duration = Duration::from_secs(30);
/// How far behind the head a view reads for itself; nearer than this it is handed pages like the others.
const NEAR: u64 = 5_000;
/// The most events of one transaction, and a page more.
const GROUP_EVENTS: usize = 16_000;
/// A view that is handed so many events at once is behind, and folds them without waiting for its turn.
const MANY_EVENTS: usize = 100;

/// Everything that a view's thread works with.
pub(crate) struct Worker {
    pub(crate) slot: Arc<Slot>,
    pub(crate) spec: Spec,
    pub(crate) writer: Option<Writer>,
    pub(crate) manifest: Arc<Mutex<Manifest>>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) head: watch::Receiver<Sequence>,
    pub(crate) runtime: Handle,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) page_events: usize,
    /// When its file was last found blocked.
    pub(crate) tried: Instant,
    /// When it was last looked whether its file is what was written.
    pub(crate) looked: Instant,
    /// When the file is next made anew because somebody read what cannot be, and how long after that at the earliest again.
    pub(crate) next_suspicion: Instant,
    pub(crate) suspicion_pause: Duration,
    /// Who may fold a live page now.
    pub(crate) turns: Arc<Semaphore>,
}

impl Worker {
    /// Works until the channel closes. `tap` is there when the feed does not know this view yet, because it is far behind.
    pub(crate) fn run(mut self, inputs: &Receiver<Input>, tap: Option<(SyncSender<Input>, Taps)>) {
        if let Some((sender, taps)) = tap {
            self.catch_up(NEAR);
            taps.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            self.catch_up(0);
        }
        loop {
            self.slot.beat();
            match inputs.recv_timeout(HEARTBEAT) {
                Ok(input) => self.take_all(input, inputs),
                Err(RecvTimeoutError::Timeout) => self.try_again(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.look();
            if *self.stop.borrow() {
                break;
            }
        }
        self.close();
    }

    /// Takes what waits in the channel as well: pages that came meanwhile are folded together, so that a view which falls behind
    /// becomes faster. A transaction costs as much as dozens of events.
    fn take_all(&mut self, input: Input, inputs: &Receiver<Input>) {
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let mut pages = match input {
                Input::Page(page) => vec![page],
                Input::Adopt(adoption) => return self.adopt(*adoption),
            };
            let mut events = pages[0].events.len();
            while events < GROUP_EVENTS && pages.iter().all(|page| page.failure.is_none()) {
                match inputs.try_recv() {
                    Ok(Input::Page(page)) => {
                        events += page.events.len();
                        pages.push(page);
                    }
                    Ok(other) => {
                        next = Some(other);
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.take(&pages, events);
        }
    }

    /// Folds `pages` of together `events` events, that continue each other.
    fn take(&mut self, pages: &[Arc<Page>], events: usize) {
        // One that is blocked does not hold up the feed, and with it the others: it reads for itself when it can again.
        if self.slot.is_stopped() || (self.slot.is_blocked() && self.tried.elapsed() < HEARTBEAT) {
            return;
        }
        if let Some(first) = pages.first().and_then(|page| page.events.first()) {
            self.read_until(first.sequence);
            // Told to stop, or stopped, in between: what does not continue the file is not folded.
            if self.position() < first.sequence {
                return;
            }
        }
        let turns = self.turns.clone();
        // Who is behind uses what there is.
        let in_turn = events < MANY_EVENTS;
        let turn = in_turn.then(|| turns.try_acquire().or_else(|_| self.runtime.block_on(turns.acquire())));
        self.fold(pages);
        drop(turn);
        self.slot.settle(*self.head.borrow());
    }

    /// Folds pages and says how far the view is; a damaged file is thrown away and begun anew.
    fn fold(&mut self, pages: &[Arc<Page>]) {
        let (Some(writer), Some(last)) = (self.writer.as_mut(), pages.last()) else { return };
        let before = writer.position();
        let events: Vec<_> = pages.iter().flat_map(|page| &page.events).collect();
        let first = pages.iter().find_map(|page| page.first_entry.as_deref());
        let folded = writer.fold(&events, Entries { first, last: last.entry() });
        let position = writer.position();
        if position > before {
            self.slot.moved(position);
        }
        match (folded, &last.failure) {
            (Ok(()), None) => self.unblock(),
            (Ok(()), Some(Failure { sequence, message })) => self.halt(*sequence, message.clone()),
            (Err(FoldError::Poisoned { sequence, cause }), _) => self.halt(sequence, with_causes(&cause)),
            (Err(FoldError::Passing(cause)), _) => self.block(&with_causes(&cause)),
            (Err(FoldError::Damaged(cause)), _) => self.begin_anew(&with_causes(&cause)),
        }
    }

    /// What is not folded now is read again, at the next page or the next sign of life.
    fn block(&mut self, cause: &str) {
        self.tried = Instant::now();
        let view = self.spec.name;
        if !self.slot.is_blocked() {
            tracing::error!(%view, cause, "a view's file cannot be written now; trying again");
        }
        self.slot.set(Activity::Blocked { message: format!("the file of the view {view} cannot be written: {cause}") });
    }

    fn unblock(&self) {
        if self.slot.is_blocked() {
            tracing::info!(view = %self.spec.name, "a view's file can be written again");
            self.slot.set(Activity::CatchingUp);
        }
    }

    /// Every now and then: whether the file is still what was written. One that is not is made anew.
    fn look(&mut self) {
        if self.looked.elapsed() < HEARTBEAT {
            return;
        }
        self.looked = Instant::now();
        let found = self.writer.as_mut().map_or(Ok(()), Writer::look);
        match found {
            Err(error) if error.is_corruption() => self.replace(&with_causes(&error)),
            // What passes is looked at again.
            Err(_) => {}
            Ok(()) if self.next_suspicion <= Instant::now() && self.slot.take_suspicion() => {
                // Should the fault be ours and not the file's, it is not made anew for ever.
                self.suspicion_pause *= 2;
                self.next_suspicion = Instant::now() + self.suspicion_pause;
                self.replace("somebody read in it what was never written so");
            }
            Ok(()) => {}
        }
    }

    fn replace(&mut self, cause: &str) {
        self.begin_anew(cause);
        self.catch_up(0);
        self.slot.settle(*self.head.borrow());
    }

    fn try_again(&mut self) {
        if self.slot.is_blocked() {
            let head = *self.head.borrow_and_update();
            self.read_until(head);
            self.slot.settle(head);
        }
    }

    fn halt(&self, sequence: Sequence, cause: String) {
        let view = self.spec.name;
        let message = format!("the view {view} stopped at event {sequence}: {cause}");
        tracing::error!(%view, %sequence, cause, "a view stopped at an event that it cannot fold; the others go on");
        self.slot.set(Activity::Stopped { sequence, message });
    }

    /// Reads for itself until at most `near` events are missing.
    fn catch_up(&mut self, near: u64) {
        loop {
            let head = *self.head.borrow_and_update();
            if self.slot.is_stopped()
                || self.slot.is_blocked()
                || *self.stop.borrow()
                || head.0.saturating_sub(self.position().0) <= near
            {
                return;
            }
            self.slot.set(Activity::CatchingUp);
            self.read_until(head);
        }
    }

    /// Reads for itself until it has folded all below `until`.
    fn read_until(&mut self, until: Sequence) {
        while self.position() < until && !self.slot.is_stopped() {
            let started_at = self.position();
            let pages = feed::read_ahead(&self.runtime, &self.log, started_at, until, self.page_events, &self.stop);
            for page in pages {
                self.slot.beat();
                self.fold(&[Arc::new(page)]);
                // Blocked or begun anew in between: what was read ahead does not fit any more.
                if self.slot.is_stopped() || self.slot.is_blocked() || self.position() < started_at {
                    break;
                }
            }
            if *self.stop.borrow() || self.position() == started_at {
                return;
            }
        }
    }

    fn position(&self) -> Sequence {
        self.writer.as_ref().map_or(Sequence::ZERO, Writer::position)
    }

    fn begin_anew(&mut self, cause: &str) {
        let view = self.spec.name;
        tracing::warn!(%view, cause, "a view's file is damaged: it is made anew");
        let path = self.manifest().fresh(view, self.spec.version);
        // It may be gone with the folder; where that cannot be made, nor can the file.
        let _ = path.parent().map(std::fs::create_dir_all);
        match Writer::create(&path, &self.spec, false) {
            Ok(writer) => self.swap_in(writer),
            Err(error) => {
                self.halt(self.position(), format!("its file is damaged, and no new one can be made: {error}"))
            }
        }
        // Told once nobody reads the old file any more.
        self.slot.count_damage();
    }

    /// A rebuilt file takes over once it has everything that the live one has.
    fn adopt(&mut self, adoption: Adoption) {
        let Adoption { writer, done } = adoption;
        let old = self.writer.replace(*writer);
        let wanted = old.as_ref().map_or(Sequence::ZERO, Writer::position);
        self.slot.pause_publishing(true);
        let was = self.slot.activity();
        self.slot.set(Activity::CatchingUp);
        self.read_until(wanted);
        self.slot.pause_publishing(false);
        let complete = self.position() >= wanted && !self.slot.is_stopped();
        let rebuilt = self.writer.take();
        self.writer = old;
        match rebuilt {
            Some(writer) if complete => {
                self.swap_in(writer);
                // After a view stopped, the log has gone on without it.
                self.catch_up(0);
                self.slot.settle(*self.head.borrow());
                let _ = done.send(Ok(self.position()));
            }
            Some(writer) => {
                let path = writer.path().to_owned();
                drop(writer);
                crate::store::file::remove(&path);
                let why = match self.slot.activity() {
                    Activity::Stopped { message, .. } | Activity::Blocked { message } => message,
                    Activity::Building | Activity::CatchingUp | Activity::Live | Activity::Closed => {
                        "the views were shut down".to_owned()
                    }
                };
                self.slot.set(was);
                let _ = done.send(Err(why));
            }
            None => {}
        }
    }

    /// From here on this file is the live one. The order matters: a crash before the manifest is renamed leaves the old file live, and
    /// the new one to be removed at the next start; after it the new one, and the old one to be removed.
    fn swap_in(&mut self, writer: Writer) {
        let view = self.spec.name;
        let path = writer.path().to_owned();
        if let Err(error) = self.manifest().set(view, &path) {
            tracing::error!(%view, %error, "the views' manifest cannot be written: the old file stays live after the next start");
        }
        let pool = Pool::new(view, &writer);
        drop(self.writer.replace(writer));
        // Before anybody reads it: what it lacks is not taken for what there is not.
        self.slot.restart_at(self.position());
        let old = self.slot.pool.swap(Some(Arc::new(pool)));
        if let Some(old) = old {
            old.retire();
        }
    }

    fn manifest(&self) -> std::sync::MutexGuard<'_, Manifest> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(mut self) {
        if let Some(Err(error)) = self.writer.take().map(Writer::close) {
            tracing::warn!(view = %self.spec.name, %error, "a view's file was not closed cleanly: it may be made anew at the next start");
        }
        self.slot.set(Activity::Closed);
    }
}
