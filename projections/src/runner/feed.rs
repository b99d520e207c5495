//! Reads the log page by page, decodes each page once, and hands it to every view. It folds nothing.

use convenio_events::{
    Event, RecordedEvent, Sequence,
    causes::with_causes,
    log::{EventLog, Follower, ReadError, follow},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::watch};

/// How long to wait after the log could not be read, before trying again.
const RETRY_WAIT: Duration = Duration::from_millis(250);
/// The least time between two pages that are not full: how much later a busy ledger's events are seen, at most.
const LIVE_PACE: Duration = Duration::from_millis(5);
/// The same at [`BUSY_RATE`]: larger groups cost each event a third of the work, and views that fall behind would be seen
/// later still.
const BUSY_PACE: Duration = Duration::from_millis(150);
/// Events in a second up to which each is seen as soon as can be. Above it the pace grows with the rate: were it to jump, a
/// ledger just below would record less than one just above.
const LIVE_RATE: f64 = 5_500.0;
/// Events in a second from which on the pace is [`BUSY_PACE`].
const BUSY_RATE: f64 = 7_500.0;
/// Over how long the rate is taken: a group that comes at once is not a busy ledger.
const RATE_SPAN: Duration = Duration::from_millis(100);
/// The most bytes of text and record that one page of events is cut to, except that it holds at least one event: it bounds memory
/// where events are large.
const PAGE_BYTES: usize = 2 << 20;

/// A page of decoded events, shared by all views.
#[derive(Debug)]
pub(crate) struct Page {
    /// The events, dense.
    pub(crate) events: Vec<Event>,
    /// The bytes of the ledger's first entry, where the page holds it: what tells ledgers apart.
    pub(crate) first_entry: Option<Box<str>>,
    /// The last event that was decoded, and the bytes of its entry: what tells logs of one ledger apart.
    pub(crate) last_entry: Option<(Sequence, Box<str>)>,
    /// The first event that could not be decoded: nothing may be folded from there on.
    pub(crate) failure: Option<Failure>,
}

impl Page {
    /// The last event and its entry.
    pub(crate) fn entry(&self) -> Option<(Sequence, &str)> {
        self.last_entry.as_ref().map(|(sequence, entry)| (*sequence, &**entry))
    }
}

/// An event that could not be decoded.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) sequence: Sequence,
    pub(crate) message: String,
}

/// What a view's thread is told.
pub(crate) enum Input {
    /// More events.
    Page(Arc<Page>),
    /// Go on in this new file.
    Adopt(Box<super::rebuild::Adoption>),
}

/// The views that are handed pages.
pub(crate) type Taps = Arc<Mutex<Vec<SyncSender<Input>>>>;

/// Decodes a page; stops at the first event that cannot be.
pub(crate) fn decode(recorded: &[RecordedEvent]) -> Page {
    let mut page =
        Page { events: Vec::with_capacity(recorded.len()), first_entry: None, last_entry: None, failure: None };
    if let Some(first) = recorded.first().filter(|first| first.sequence == Sequence::ZERO) {
        page.first_entry = Some(first.entry.clone());
    }
    for one in recorded {
        match Event::decode(one) {
            Ok(event) => page.events.push(event),
            Err(error) => {
                page.failure = Some(Failure { sequence: one.sequence, message: with_causes(&error) });
                break;
            }
        }
    }
    let last = page.events.len().checked_sub(1).and_then(|last| recorded.get(last));
    page.last_entry = last.map(|last| (last.sequence, last.entry.clone()));
    page
}

/// Reads one page from `from` on, however often the log has to be asked; `None` when told to stop.
pub(crate) fn read(
    runtime: &Handle,
    log: &Arc<dyn EventLog>,
    from: Sequence,
    limit: usize,
    stop: &watch::Receiver<bool>,
) -> Option<Vec<RecordedEvent>> {
    runtime.block_on(async {
        let mut stop = stop.clone();
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return None,
                page = log.read(from, limit) => match page {
                    Ok(page) => return Some(cut(page)),
                    Err(error) => pause(&error).await,
                },
            }
        }
    })
}

async fn pause(error: &ReadError) {
    tracing::warn!(error = %with_causes(error), "the views cannot read the log; trying again");
    tokio::time::sleep(RETRY_WAIT).await;
}

fn cut(mut page: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    let mut bytes = 0;
    let fits = page.iter().take_while(|event| {
        let first = bytes == 0;
        bytes += event.size();
        first || bytes <= PAGE_BYTES
    });
    let fits = fits.count();
    page.truncate(fits);
    page
}

/// Reads the log for as long as it lives, from `from` on, and hands every page to all taps.
pub(crate) fn run(
    runtime: &Handle,
    log: Arc<dyn EventLog>,
    from: Sequence,
    limit: usize,
    taps: &Taps,
    mut stop: watch::Receiver<bool>,
) {
    let mut follower = follow(log, from);
    let (mut before, mut rate) = (Instant::now(), 0.0);
    while let Some(recorded) = runtime.block_on(next_page(&mut follower, limit, &mut stop)) {
        let began = Instant::now();
        let page = Arc::new(decode(&recorded));
        let failed = page.failure.is_some();
        let listening = taps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for tap in listening {
            // Waits while a view is behind by as many pages as its channel holds. One that is gone needs nothing.
            let _ = tap.send(Input::Page(page.clone()));
        }
        if failed {
            break;
        }
        // An event that comes alone is seen at once; a stream of them is folded in groups, for a transaction in each view
        // costs as much as dozens of events, and that time would be missing to those who record.
        rate = smoothed(rate, recorded.len(), began - before);
        before = began;
        if recorded.len() < limit {
            std::thread::sleep(pace(rate).saturating_sub(began.elapsed()));
        }
    }
    // Nothing more comes, whether told to stop or because of an event that no view can know; the taps close with the runner.
}

/// Events in a second, after `events` more that came within `span`.
fn smoothed(rate: f64, events: usize, span: Duration) -> f64 {
    let span = span.max(LIVE_PACE).as_secs_f64();
    let share = 1.0 - (-span / RATE_SPAN.as_secs_f64()).exp();
    rate + share * (events as f64 / span - rate)
}

/// The least time between two pages at so many events in a second.
fn pace(rate: f64) -> Duration {
    let busy = ((rate - LIVE_RATE) / (BUSY_RATE - LIVE_RATE)).clamp(0.0, 1.0);
    LIVE_PACE + (BUSY_PACE - LIVE_PACE).mul_f64(busy)
}

async fn next_page(
    follower: &mut Follower,
    limit: usize,
    stop: &mut watch::Receiver<bool>,
) -> Option<Vec<RecordedEvent>> {
    loop {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return None,
            page = follower.next_page(limit) => match page {
                Ok(page) => return page,
                Err(error) => pause(&error).await,
            },
        }
    }
}

/// Reads ahead on a thread of its own, so that decoding and folding share two cores. Ends at the head of `until`.
pub(crate) fn read_ahead(
    runtime: &Handle,
    log: &Arc<dyn EventLog>,
    mut from: Sequence,
    until: Sequence,
    limit: usize,
    stop: &watch::Receiver<bool>,
) -> Receiver<Page> {
    let (sender, receiver) = sync_channel(2);
    let (runtime, log, stop) = (runtime.clone(), log.clone(), stop.clone());
    let work = move || {
        crate::priority::behind_commands();
        while from < until {
            let left = usize::try_from(until.0 - from.0).unwrap_or(usize::MAX);
            let Some(recorded) = read(&runtime, &log, from, limit.min(left), &stop) else { return };
            let Some(last) = recorded.last() else { return };
            from = last.sequence.next();
            let page = decode(&recorded);
            let failed = page.failure.is_some();
            if sender.send(page).is_err() || failed {
                return;
            }
        }
    };
    std::thread::Builder::new().name("views-ahead".to_owned()).spawn(work).expect("the system can start a thread");
    receiver
}
