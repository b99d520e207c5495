//! What the runner's threads and everybody who reads share: where each view is and which file is live.

use super::feed::{self, Input, Taps};
use super::rebuild::Work;
use super::worker::{SUSPICION_PAUSE, Worker};
use crate::{
    QueryError, Rebuild, RebuildError, Settings, StartError, ViewName,
    status::{Activity, LAG_LIMIT, RebuildProgress, ViewStatus},
    store::{
        Pool, Reader,
        file::{Unusable, Writer},
        manifest::Manifest,
    },
    view::{Spec, spec},
};
use arc_swap::ArcSwapOption;
use convenio_events::{Sequence, log::EventLog};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};

/// How many pages wait for a view before the feed waits for it.
const PAGES_AHEAD: usize = 8;
/// Views that are further behind the foremost than this read for themselves first, so that the others need not wait.
const FAR_BEHIND: u64 = 20_000;
/// Nobody waits for a view that has folded nothing for so long.
const STANDSTILL: Duration = Duration::from_secs(2);
/// How often it is looked whether they still are.
const LAG_LOOK: Duration = Duration::from_millis(20);

/// One view as everybody sees it.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) view: ViewName,
    version: u32,
    pub(crate) pool: ArcSwapOption<Pool>,
    position: watch::Sender<Sequence>,
    activity: Mutex<Activity>,
    /// What was recorded when its file was opened, or folded when it had to be made anew: once it has that, it is behind by moments
    /// only.
    wanted: AtomicU64,
    quiet: AtomicBool,
    epoch: Instant,
    beat_ms: AtomicU64,
    progress_ms: AtomicU64,
    damages: AtomicU64,
    /// Whether somebody read what cannot be.
    suspected: AtomicBool,
    rebuild: Mutex<Option<watch::Receiver<RebuildProgress>>>,
    inputs: Mutex<Option<SyncSender<Input>>>,
}

impl Slot {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
    pub(crate) fn beat(&self) {
        self.beat_ms.store(self.now_ms(), Ordering::Relaxed);
    }
    /// Says how far the view is, unless it is a file that is not live yet that moves.
    pub(crate) fn moved(&self, position: Sequence) {
        self.beat();
        if !self.quiet.load(Ordering::Relaxed) {
            self.progress_ms.store(self.now_ms().max(1), Ordering::Relaxed);
            self.position.send_replace(position);
        }
    }
    pub(crate) fn pause_publishing(&self, quiet: bool) {
        self.quiet.store(quiet, Ordering::Relaxed);
    }
    /// Another file took over, which may be behind the one before.
    pub(crate) fn restart_at(&self, position: Sequence) {
        self.set(Activity::CatchingUp);
        self.wanted.fetch_max(self.position.borrow().0, Ordering::Release);
        self.moved(position);
    }
    pub(crate) fn activity(&self) -> Activity {
        self.lock().clone()
    }
    pub(crate) fn set(&self, activity: Activity) {
        *self.lock() = activity;
    }
    /// Live once everything that was committed is folded.
    pub(crate) fn settle(&self, head: Sequence) {
        let mut activity = self.lock();
        if *self.position.borrow() >= head && matches!(*activity, Activity::CatchingUp | Activity::Building) {
            *activity = Activity::Live;
        }
    }
    /// Whether somebody read what cannot be since this was asked.
    pub(crate) fn take_suspicion(&self) -> bool {
        self.suspected.swap(false, Ordering::Relaxed)
    }
    pub(crate) fn is_whole(&self) -> bool {
        let position = *self.position.borrow();
        self.has(position)
    }
    /// Whether a file that stands there has what is wanted of it. Asked of what was opened, whatever the view has come to since.
    fn has(&self, position: Sequence) -> bool {
        position.0 >= self.wanted.load(Ordering::Acquire)
    }
    /// The same, or the view gets no further for now: it stopped at an event that it cannot fold, or its file cannot be written.
    fn is_made_at(&self, position: Sequence) -> bool {
        self.has(position) || self.is_stopped() || self.is_blocked()
    }
    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.lock(), Activity::Stopped { .. })
    }
    /// Whether it follows the log and has folded something not long ago.
    fn is_moving(&self) -> bool {
        let idle = self.now_ms().saturating_sub(self.progress_ms.load(Ordering::Relaxed));
        u128::from(idle) < STANDSTILL.as_millis() && matches!(*self.lock(), Activity::Live)
    }
    pub(crate) fn is_blocked(&self) -> bool {
        matches!(*self.lock(), Activity::Blocked { .. })
    }
    fn lock(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn tell(&self, input: Input) -> Result<(), ()> {
        let inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        inputs.ok_or(())?.send(input).map_err(|_| ())
    }
    /// Its file was found damaged, and is made anew.
    pub(crate) fn count_damage(&self) {
        self.damages.fetch_add(1, Ordering::Relaxed);
    }
    fn hang_up(&self) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
    fn lag(&self, head: Sequence) -> u64 {
        head.0.saturating_sub(self.position.borrow().0)
    }
    fn status(&self, head: Sequence) -> ViewStatus {
        let now = self.now_ms();
        let progress = self.progress_ms.load(Ordering::Relaxed);
        // A guard on the position must not outlive its statement: a second one behind a waiting writer would never come.
        let position = *self.position.borrow();
        let activity = self.activity();
        let rebuild = self.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        ViewStatus {
            view: self.view,
            version: self.version,
            position,
            lag: head.0.saturating_sub(position.0),
            activity,
            heartbeat_age_ms: now.saturating_sub(self.beat_ms.load(Ordering::Relaxed)),
            damages: self.damages.load(Ordering::Relaxed),
            progress_age_ms: (progress > 0).then(|| now.saturating_sub(progress)),
            rebuild: rebuild.as_ref().map(|progress| progress.borrow().clone()),
        }
    }
}

/// What all threads share.
pub(crate) struct Shared {
    slots: Vec<Arc<Slot>>,
    pub(crate) manifest: Arc<Mutex<Manifest>>,
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) head: watch::Receiver<Sequence>,
    pub(crate) runtime: Handle,
    stop: watch::Sender<bool>,
    taps: Taps,
    /// Who is rebuilding: one view at a time, for each takes the memory of a bulk fold.
    pub(crate) rebuilding: Mutex<()>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("slots", &self.slots).finish_non_exhaustive()
    }
}

/// Opens the files of all views and starts their threads.
pub(crate) async fn start(settings: Settings, log: Arc<dyn EventLog>) -> Result<Arc<Shared>, StartError> {
    let folder_error = |source| StartError::Folder { folder: settings.folder.clone(), source };
    let mut manifest = Manifest::open(&settings.folder).map_err(folder_error)?;
    let head = *log.head().borrow();
    let first = log.read(Sequence::ZERO, 1).await.map_err(StartError::Log)?;
    let first_entry = first.first().map(|event| &*event.entry);
    let mut writers = Vec::new();
    for name in ViewName::ALL {
        let spec = spec(name);
        let (writer, damaged) = open_or_create(&mut manifest, &spec, &*log, first_entry, head).await?;
        writers.push((spec, writer, damaged));
    }
    manifest.remove_leftovers().map_err(folder_error)?;
    Ok(run(settings, log, manifest, writers))
}

/// Opens the file of a view, or makes it anew; true where one was there and damaged.
async fn open_or_create(
    manifest: &mut Manifest,
    spec: &Spec,
    log: &dyn EventLog,
    first_entry: Option<&str>,
    head: Sequence,
) -> Result<(Writer, bool), StartError> {
    let (view, mut damaged) = (spec.name, false);
    if let Some(path) = manifest.file(view) {
        let why = match Writer::open(&path, spec, first_entry, head) {
            Ok(writer) => match writer.last_entry() {
                Ok(last) if is_in(log, &last).await? => return Ok((writer, false)),
                Ok(_) => Unusable::OtherLog,
                Err(error) => Unusable::Damaged(error),
            },
            Err(why) => why,
        };
        damaged = why.is_damage();
        tracing::warn!(%view, file = %path.display(), %why, "a view's file is made anew");
    }
    let path = manifest.fresh(view, spec.version);
    let writer = Writer::create(&path, spec, false).map_err(|source| StartError::File { view, source })?;
    manifest
        .set(view, &path)
        .map_err(|source| StartError::Folder { folder: path.parent().unwrap_or(&path).to_owned(), source })?;
    Ok((writer, damaged))
}

/// Whether the log has this entry at this place: one that was swapped for another of the same ledger, or for an older copy that has
/// gone on since, has another there.
async fn is_in(log: &dyn EventLog, last: &Option<(Sequence, String)>) -> Result<bool, StartError> {
    let Some((sequence, entry)) = last else { return Ok(true) };
    let found = log.read(*sequence, 1).await.map_err(StartError::Log)?;
    Ok(found.first().is_some_and(|event| *event.entry == **entry))
}

fn run(
    settings: Settings,
    log: Arc<dyn EventLog>,
    manifest: Manifest,
    writers: Vec<(Spec, Writer, bool)>,
) -> Arc<Shared> {
    let foremost = writers.iter().map(|(_, writer, _)| writer.position()).max().unwrap_or_default();
    let near = |position: Sequence| foremost.0 - position.0 <= FAR_BEHIND;
    let from = writers
        .iter()
        .map(|(_, writer, _)| writer.position())
        .filter(|position| near(*position))
        .min()
        .unwrap_or_default();
    let (stop, stopped) = watch::channel(false);
    let (head, runtime) = (log.head(), Handle::current());
    let manifest = Arc::new(Mutex::new(manifest));
    let taps = Taps::default();
    let turns = Arc::new(Semaphore::new(turns()));
    let (mut slots, mut threads) = (Vec::new(), Vec::new());
    for (spec, writer, damaged) in writers {
        let (sender, inputs) = sync_channel(PAGES_AHEAD);
        let slot = Arc::new(slot(&spec, &writer, damaged, sender.clone(), *head.borrow()));
        slots.push(slot.clone());
        let tap = if near(writer.position()) {
            taps.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
            None
        } else {
            Some((sender, taps.clone()))
        };
        let (log, head, runtime, stop) = (log.clone(), head.clone(), runtime.clone(), stopped.clone());
        let (manifest, page_events) = (manifest.clone(), settings.page_events);
        let worker = Worker {
            slot,
            spec,
            writer: Some(writer),
            manifest,
            log,
            head,
            runtime,
            stop,
            page_events,
            tried: Instant::now(),
            looked: Instant::now(),
            next_suspicion: Instant::now(),
            suspicion_pause: SUSPICION_PAUSE,
            turns: turns.clone(),
        };
        threads.push(thread(&format!("view-{}", worker.spec.name), move || worker.run(&inputs, tap)));
    }
    let feed = {
        let (log, runtime, taps, stopped) = (log.clone(), runtime.clone(), taps.clone(), stopped);
        thread("views-feed", move || feed::run(&runtime, log, from, settings.page_events, &taps, stopped))
    };
    threads.push(feed);
    let (rebuilding, threads) = (Mutex::default(), Mutex::new(threads));
    Arc::new(Shared { slots, manifest, log, head, runtime, stop, taps, rebuilding, threads })
}

fn slot(spec: &Spec, writer: &Writer, damaged: bool, inputs: SyncSender<Input>, head: Sequence) -> Slot {
    let position = writer.position();
    let activity = if position >= head { Activity::Live } else { Activity::CatchingUp };
    Slot {
        view: spec.name,
        version: spec.version,
        pool: ArcSwapOption::from_pointee(Pool::new(spec.name, writer)),
        position: watch::Sender::new(position),
        activity: Mutex::new(activity),
        wanted: AtomicU64::new(head.0),
        quiet: AtomicBool::new(false),
        epoch: Instant::now(),
        beat_ms: AtomicU64::new(0),
        progress_ms: AtomicU64::new(0),
        damages: AtomicU64::new(damaged.into()),
        suspected: AtomicBool::new(false),
        rebuild: Mutex::default(),
        inputs: Mutex::new(Some(inputs)),
    }
}

/// How many views fold live pages at a time. Half of the processors are left to those who record: a thread of theirs that
/// wakes up does not wait for one of ours.
fn turns() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| (processors.get() / 2).max(1))
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let work = || {
        crate::priority::behind_commands();
        work();
    };
    std::thread::Builder::new().name(name.to_owned()).spawn(work).expect("the system can start a thread")
}

impl Shared {
    fn slot(&self, view: ViewName) -> &Arc<Slot> {
        &self.slots[view.index()]
    }
    /// Opens a view, unless it is being made, or stands still and a record was hidden since: it would show less than there is, or
    /// more than its reader may see today.
    pub(crate) fn read(&self, view: ViewName) -> Result<Reader, QueryError> {
        let reader = self.begin(view)?;
        let made = self.slot(view).is_made_at(reader.position());
        let follows = self.slot(view).has(reader.position()) && self.status(view).is_current();
        let hidden = || -> Result<bool, QueryError> {
            let access = self.begin(ViewName::Access)?;
            let known = self.slot(ViewName::Access).is_made_at(access.position());
            Ok(!known || crate::access::hidden_since(&access, reader.position())?)
        };
        let outdated = !made || view != ViewName::Access && !follows && hidden()?;
        if outdated { Err(QueryError::Outdated(view)) } else { Ok(reader) }
    }

    /// Whether a view has been at the end of the log since its file was made.
    pub(crate) fn is_whole(&self, view: ViewName) -> bool {
        self.slot(view).is_whole()
    }

    /// Has the file of a view made anew soon.
    pub(crate) fn suspect(&self, view: ViewName) {
        self.slot(view).suspected.store(true, Ordering::Relaxed);
    }

    /// Opens a view whatever it may lack.
    pub(crate) fn begin(&self, view: ViewName) -> Result<Reader, QueryError> {
        self.slot(view).pool.load_full().ok_or(QueryError::NotReady(view))?.begin()
    }
    pub(crate) fn position(&self, view: ViewName) -> watch::Receiver<Sequence> {
        self.slot(view).position.subscribe()
    }
    pub(crate) fn statuses(&self) -> Vec<ViewStatus> {
        let head = *self.head.borrow();
        self.slots.iter().map(|slot| slot.status(head)).collect()
    }
    pub(crate) fn status(&self, view: ViewName) -> ViewStatus {
        self.slot(view).status(*self.head.borrow())
    }
    pub(crate) fn stopped(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }
    /// How far the view that lags most among those that still move is behind.
    pub(crate) fn live_lag(&self) -> u64 {
        let head = *self.head.borrow();
        let behind = self.slots.iter().filter(|slot| slot.lag(head) > 0 && slot.is_moving());
        behind.map(|slot| slot.lag(head)).max().unwrap_or(0)
    }

    /// Waits while the views that follow the log are far behind it: not for one that hangs or stands.
    pub(crate) async fn keep_pace(&self) {
        while self.live_lag() > LAG_LIMIT {
            tokio::time::sleep(LAG_LOOK).await;
        }
    }

    pub(crate) fn rebuild(self: &Arc<Self>, view: ViewName) -> Result<Rebuild, RebuildError> {
        if *self.stop.borrow() {
            return Err(RebuildError::Closed);
        }
        let slot = self.slot(view).clone();
        let mut under_way = slot.rebuild.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.as_ref().is_some_and(|progress| !progress.borrow().is_over()) {
            return Err(RebuildError::UnderWay(view));
        }
        let (progress, seen) = watch::channel(RebuildProgress::Folding { done: 0, of: self.head.borrow().0 });
        *under_way = Some(seen.clone());
        let cancel = Arc::new(AtomicBool::new(false));
        let work = Work { shared: self.clone(), slot: slot.clone(), progress, cancel: cancel.clone() };
        let handle = thread(&format!("rebuild-{view}"), move || work.run());
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        Ok(Rebuild { progress: seen, cancel })
    }

    /// Tells all threads to stop after the page they are at; does not wait.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
        self.slots.iter().for_each(|slot| slot.hang_up());
        self.taps.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Stops all threads and waits for them.
    pub(crate) fn shutdown(&self) {
        self.stop();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the views panicked");
            }
        }
    }
}

impl Drop for Shared {
    /// Whoever forgets to shut down leaves no threads behind; they stop after the page they are at.
    fn drop(&mut self) {
        self.stop();
    }
}
