//! A new file of a view, folded in bulk beside the live one. The view's own thread swaps it in; until then nobody sees it.

use super::feed::{self, Input};
use super::shared::{Shared, Slot};
use crate::{
    status::RebuildProgress,
    store::file::{Entries, FoldError, Writer, remove},
    view::spec,
};
use convenio_events::{Sequence, causes::with_causes};
use std::{
    path::Path,
    sync::{
        Arc, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicBool, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Events of one page in bulk.
const PAGE_EVENTS: usize = 10_000;
/// While the live views lag by more than this, a rebuild rests.
const LAG_LIMIT: u64 = 2_000;
/// How long it rests before it looks again.
const REST: Duration = Duration::from_millis(10);
/// It rests at most so long before its next page: a rebuild that never ends helps nobody.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// A rebuilt file on its way to the view's thread.
pub(crate) struct Adoption {
    pub(crate) writer: Box<Writer>,
    pub(crate) done: SyncSender<Result<Sequence, String>>,
}

/// A rebuild as its own thread sees it.
pub(crate) struct Work {
    pub(crate) shared: Arc<Shared>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) progress: watch::Sender<RebuildProgress>,
    pub(crate) cancel: Arc<AtomicBool>,
}

enum End {
    Cancelled,
    Failed(String),
}

impl Work {
    /// Does the whole rebuild and says how it ended.
    pub(crate) fn run(self) {
        let started = Instant::now();
        let spec = spec(self.slot.view);
        let path = {
            let manifest = self.shared.manifest.lock().unwrap_or_else(PoisonError::into_inner);
            manifest.fresh(self.slot.view, spec.version)
        };
        let end = match self.make(&path) {
            Ok(folded) => RebuildProgress::Done {
                folded: folded.0,
                took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            },
            Err(End::Cancelled) => RebuildProgress::Cancelled,
            Err(End::Failed(message)) => RebuildProgress::Failed { message },
        };
        if !matches!(end, RebuildProgress::Done { .. }) {
            remove(&path);
        }
        tracing::info!(view = %self.slot.view, outcome = ?end, "a rebuild ended");
        self.progress.send_replace(end);
    }

    fn make(&self, path: &Path) -> Result<Sequence, End> {
        let spec = spec(self.slot.view);
        let _turn = self.wait_for_turn()?;
        let failed = |error: rusqlite::Error| End::Failed(error.to_string());
        let mut writer = Writer::create(path, &spec, true).map_err(failed)?;
        self.fold_until_head(&mut writer, LAG_LIMIT)?;
        writer.finish_bulk().map_err(|cause| End::Failed(with_causes(&cause)))?;
        self.fold_until_head(&mut writer, 0)?;
        self.check()?;
        let (done, outcome) = sync_channel(1);
        let adoption = Adoption { writer: Box::new(writer), done };
        let gone = || End::Failed("the views were shut down".to_owned());
        self.slot.tell(Input::Adopt(Box::new(adoption))).map_err(|()| gone())?;
        outcome.recv().map_err(|_| gone())?.map_err(End::Failed)
    }

    fn fold_until_head(&self, writer: &mut Writer, near: u64) -> Result<(), End> {
        loop {
            let head = *self.shared.head.borrow();
            if head.0.saturating_sub(writer.position().0) <= near {
                return Ok(());
            }
            let (runtime, log, stop) = (&self.shared.runtime, &self.shared.log, &self.shared.stopped());
            let before = writer.position();
            for page in feed::read_ahead(runtime, log, before, head, PAGE_EVENTS, stop) {
                self.check()?;
                self.rest();
                let events: Vec<_> = page.events.iter().collect();
                let entries = Entries { first: page.first_entry.as_deref(), last: page.entry() };
                let folded = writer.fold(&events, entries);
                self.progress.send_replace(RebuildProgress::Folding { done: writer.position().0, of: head.0 });
                match folded {
                    Err(FoldError::Damaged(cause) | FoldError::Passing(cause)) => {
                        return Err(End::Failed(with_causes(&cause)));
                    }
                    Err(FoldError::Poisoned { sequence, cause }) => {
                        return Err(End::Failed(format!("event {sequence} cannot be folded: {}", with_causes(&cause))));
                    }
                    Ok(()) => {}
                }
                if let Some(failure) = page.failure {
                    return Err(End::Failed(failure.message));
                }
            }
            if writer.position() == before {
                self.check()?;
                return Err(End::Failed("the log ended before its head".to_owned()));
            }
        }
    }

    /// Waits until no other view is being rebuilt.
    fn wait_for_turn(&self) -> Result<MutexGuard<'_, ()>, End> {
        loop {
            match self.shared.rebuilding.try_lock() {
                Ok(turn) => return Ok(turn),
                Err(TryLockError::Poisoned(turn)) => return Ok(turn.into_inner()),
                Err(TryLockError::WouldBlock) => self.check()?,
            }
            std::thread::sleep(REST);
        }
    }

    fn check(&self) -> Result<(), End> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(End::Cancelled);
        }
        if *self.shared.stopped().borrow() { Err(End::Failed("the views were shut down".to_owned())) } else { Ok(()) }
    }

    /// Live views come first: what is being rebuilt can wait, what was just recorded cannot.
    fn rest(&self) {
        let until = Instant::now() + REST_LIMIT;
        while self.shared.live_lag() > LAG_LIMIT && Instant::now() < until && self.check().is_ok() {
            std::thread::sleep(REST);
        }
    }
}
