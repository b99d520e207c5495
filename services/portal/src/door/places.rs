//! The places for connections: who has them, what each is doing, and which one gives way. It touches no socket.

use super::{DoorLimits, WRITE_LEAST_BYTES};
use crate::client;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// It waits for a request.
    Idle,
    /// A part of a request's head has come.
    Head,
    /// A request is being answered.
    Busy,
}

/// How the other side takes what is sent.
#[derive(Clone, Copy, Default, Debug)]
struct Writing {
    /// Since when nothing more fits into the system's buffer.
    blocked_since: Option<Instant>,
    /// How long that has been so in this window, before that.
    waited: Duration,
    /// What was taken in this window.
    taken: usize,
}

#[derive(Debug)]
struct Doing {
    phase: Phase,
    since: Instant,
    writing: Writing,
}

/// One connection, as the door sees it.
#[derive(Debug)]
pub(crate) struct Line {
    /// Under which address it is counted.
    address: IpAddr,
    doing: Mutex<Doing>,
    cut: Notify,
}

impl Line {
    fn doing(&self) -> MutexGuard<'_, Doing> {
        // Every statement that changes it leaves it whole.
        self.doing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, phase: Phase) {
        let mut doing = self.doing();
        (doing.phase, doing.since) = (phase, Instant::now());
    }

    /// Bytes came in.
    pub(super) fn has_read(&self) {
        let idle = self.doing().phase == Phase::Idle;
        if idle {
            self.enter(Phase::Head);
        }
    }

    /// A request is whole and is being answered.
    pub(super) fn is_busy(&self) {
        self.enter(Phase::Busy);
    }

    /// The answer was handed over.
    pub(super) fn is_idle(&self) {
        self.enter(Phase::Idle);
    }

    /// Whether nothing is being answered.
    pub(super) fn waits(&self) -> bool {
        self.doing().phase != Phase::Busy
    }

    /// The system took so many bytes for the other side.
    pub(super) fn has_written(&self, bytes: usize) {
        let mut doing = self.doing();
        let writing = &mut doing.writing;
        writing.taken += bytes;
        writing.waited += writing.blocked_since.take().map_or(Duration::ZERO, |since| since.elapsed());
    }

    /// The system's buffer is full.
    pub(super) fn is_blocked(&self) {
        self.doing().writing.blocked_since.get_or_insert_with(Instant::now);
    }

    /// Ends it, whatever it is doing.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Completes when somebody ends it.
    pub(super) async fn is_cut(&self) {
        self.cut.notified().await;
    }

    /// Whether it has had its time, in what it is doing.
    fn is_overdue(&self, limits: &DoorLimits, now: Instant) -> bool {
        let mut doing = self.doing();
        let waited = now.saturating_duration_since(doing.since);
        let slow = doing.writing.is_slow(limits.write_window, now);
        slow || match doing.phase {
            Phase::Idle => waited > limits.idle_timeout,
            Phase::Head => waited > limits.head_timeout,
            Phase::Busy => false,
        }
    }

    /// Since when it waits for a request, where it does.
    fn waiting_since(&self) -> Option<Instant> {
        let doing = self.doing();
        (doing.phase != Phase::Busy).then_some(doing.since)
    }
}

impl Writing {
    /// Whether a window is over in which too little was taken; begins the next one where it is.
    fn is_slow(&mut self, window: Duration, now: Instant) -> bool {
        let blocked = self.blocked_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        if self.waited + blocked < window {
            return false;
        }
        let slow = self.taken < WRITE_LEAST_BYTES;
        *self = Self { blocked_since: self.blocked_since.map(|_| now), ..Self::default() };
        slow
    }
}

/// All places; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Places {
    limits: Arc<DoorLimits>,
    held: Arc<Mutex<HashMap<IpAddr, Vec<Arc<Line>>>>>,
    /// How many are taken.
    count: Arc<watch::Sender<usize>>,
}

/// A place that a connection has, until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) line: Arc<Line>,
    places: Places,
}

impl Places {
    pub(super) fn new(limits: DoorLimits) -> Self {
        let (count, _) = watch::channel(0);
        Self { limits: Arc::new(limits), held: Arc::default(), count: Arc::new(count) }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, Vec<Arc<Line>>>> {
        // Every statement that changes it leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a newcomer, if need be that of another; none where all others are busy.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Place> {
        let address = client::counted(peer);
        let proxy = client::is_proxy(peer.to_canonical(), &self.limits.trusted_proxies);
        let mut held = self.held();
        let own = held.get(&address).map_or(0, Vec::len);
        if !proxy && own >= self.limits.connections_each {
            give_way(&mut held, address)?;
        } else if held.values().map(Vec::len).sum::<usize>() >= self.limits.connections {
            let most = held.iter().max_by_key(|(_, lines)| lines.len()).map(|(address, _)| *address)?;
            give_way(&mut held, most).or_else(|| {
                let oldest = |address: &IpAddr| oldest_waiting(&held[address]).map(|(_, since)| since);
                let other =
                    held.keys().filter(|address| oldest(address).is_some()).min_by_key(|address| oldest(address));
                let other = other.copied()?;
                give_way(&mut held, other)
            })?;
        }
        let doing = Doing { phase: Phase::Idle, since: Instant::now(), writing: Writing::default() };
        let line = Arc::new(Line { address, doing: Mutex::new(doing), cut: Notify::new() });
        held.entry(address).or_default().push(line.clone());
        drop(held);
        self.count.send_modify(|count| *count += 1);
        Some(Place { line, places: self.clone() })
    }

    /// Ends those that have had their time.
    pub(super) fn cut_overdue(&self) {
        let now = Instant::now();
        let held = self.held();
        held.values().flatten().filter(|line| line.is_overdue(&self.limits, now)).for_each(|line| line.cut());
    }

    /// Completes when all are free.
    pub(super) async fn are_free(&self) {
        // The sender is here.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        remove(&mut self.places.held(), &self.line);
        self.places.count.send_modify(|count| *count -= 1);
    }
}

/// Takes the place of the one of this address that has waited longest for a request.
fn give_way(held: &mut HashMap<IpAddr, Vec<Arc<Line>>>, address: IpAddr) -> Option<()> {
    let line = oldest_waiting(held.get(&address)?)?.0.clone();
    line.cut();
    // It ends soon: its place is the newcomer's now.
    remove(held, &line);
    Some(())
}

fn oldest_waiting(lines: &[Arc<Line>]) -> Option<(&Arc<Line>, Instant)> {
    lines.iter().filter_map(|line| Some((line, line.waiting_since()?))).min_by_key(|(_, since)| *since)
}

fn remove(held: &mut HashMap<IpAddr, Vec<Arc<Line>>>, line: &Arc<Line>) {
    let Some(lines) = held.get_mut(&line.address) else { return };
    lines.retain(|other| !Arc::ptr_eq(other, line));
    if lines.is_empty() {
        held.remove(&line.address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(connections: usize, connections_each: usize) -> Places {
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a net")];
        Places::new(DoorLimits { connections, connections_each, trusted_proxies, ..DoorLimits::default() })
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    /// Whether it was told to end.
    fn is_cut(place: &Place) -> bool {
        futures::FutureExt::now_or_never(place.line.is_cut()).is_some()
    }

    #[test]
    fn a_newcomer_takes_the_place_of_the_oldest_that_waits_of_its_own_address() {
        let places = places(100, 2);
        let one = places.take(address(1)).expect("room");
        let two = places.take(address(1)).expect("room");
        one.line.is_busy();
        let three = places.take(address(1)).expect("two gives way");
        assert_eq!((is_cut(&one), is_cut(&two), is_cut(&three)), (false, true, false));
        three.line.is_busy();
        assert!(places.take(address(1)).is_none(), "all are busy");
        assert!(places.take(address(2)).is_some(), "others are not concerned");
        let proxied: Vec<_> = (0..9).map(|_| places.take([10, 0, 0, 1].into()).expect("a proxy has many")).collect();
        assert!(!proxied.iter().any(is_cut));
    }

    #[test]
    fn where_all_places_are_taken_the_address_that_holds_most_gives_way() {
        let places = places(4, 4);
        let member = places.take(address(1)).expect("room");
        let strangers: Vec<_> = (0..3).map(|_| places.take(address(2)).expect("room")).collect();
        let newcomer = places.take(address(3)).expect("one of three gives way");
        assert!(!is_cut(&member) && !is_cut(&newcomer));
        assert_eq!(strangers.iter().map(is_cut).collect::<Vec<_>>(), [true, false, false]);
        strangers.iter().chain([&newcomer]).for_each(|place| place.line.is_busy());
        let last = places.take(address(4)).expect("the only one that waits");
        assert!(is_cut(&member));
        last.line.is_busy();
        assert!(places.take(address(5)).is_none());
        drop((member, strangers, newcomer, last));
        assert!(places.held().is_empty() && *places.count.borrow() == 0, "every place is free again");
    }

    #[test]
    fn each_phase_has_its_time() {
        let (places, now) = (places(9, 9), Instant::now());
        let line = places.take(address(1)).expect("room").line.clone();
        let (limits, second) = (DoorLimits::default(), Duration::from_secs(1));
        let overdue = |after: Duration| line.is_overdue(&limits, now + after + second);
        assert!(!overdue(limits.head_timeout) && overdue(limits.idle_timeout));
        line.has_read();
        assert!(!overdue(limits.head_timeout / 2) && overdue(limits.head_timeout));
        line.is_busy();
        assert!(!overdue(limits.idle_timeout * 9), "an answer takes its time");
        line.is_blocked();
        assert!(!overdue(limits.write_window / 2) && overdue(limits.write_window), "nothing is taken of it");
        line.has_written(WRITE_LEAST_BYTES);
        line.is_blocked();
        assert!(!overdue(limits.write_window), "enough is taken");
    }
}
