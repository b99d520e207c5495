//! The clock as data, and the guard against one that jumps. Reading a real clock is the program's business.

use convenio_events::Timestamp;
use std::time::Duration;

/// What the machine's clocks say at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// The wall clock.
    pub wall: Timestamp,
    /// Time since boot, sleep included (CLOCK_BOOTTIME): it never jumps.
    pub since_boot: Duration,
}

/// Where time comes from.
pub trait Clock: Send + 'static {
    /// Reads both clocks.
    fn read(&mut self) -> Reading;
    /// True for a clock that somebody sets: only a ledger whose purpose is `test` may have one, and it is not guarded.
    fn is_set(&self) -> bool {
        false
    }
    /// Whether the operating system says that the wall clock is synchronised.
    fn is_synchronised(&mut self) -> bool;
}

/// How far the wall clock may part from the time since boot before commands are refused.
pub const JUMP_LIMIT: Duration = Duration::from_secs(3_600);
/// How long after the last event a start refuses commands until the clock is confirmed.
pub const GAP_REFUSED: Duration = Duration::from_secs(365 * 86_400);
/// How long after the last event a start holds the timers back until the clock is known to be right.
pub const GAP_HELD: Duration = Duration::from_secs(86_400);

/// Watches a clock for jumps. One future clock must not expire every offer for ever.
#[derive(Clone, Debug)]
pub struct ClockGuard {
    baseline: Reading,
    guarded: bool,
    jumped: bool,
    timers_held: bool,
}

impl ClockGuard {
    /// Begins to watch at a reading, after the last event's time.
    pub fn new(reading: Reading, last_event: Option<Timestamp>, guarded: bool) -> Self {
        let gap = last_event.map_or(0, |last| reading.wall.micros().saturating_sub(last.micros()));
        let beyond = |limit: Duration| guarded && gap > micros(limit);
        Self { baseline: reading, guarded, jumped: beyond(GAP_REFUSED), timers_held: beyond(GAP_HELD) }
    }

    /// Looks at the clocks again.
    pub fn look(&mut self, reading: Reading) {
        let wall = reading.wall.micros() - self.baseline.wall.micros();
        let real = micros(reading.since_boot.saturating_sub(self.baseline.since_boot));
        if self.guarded && wall.abs_diff(real) > JUMP_LIMIT.as_micros() as u64 {
            self.jumped = true;
        }
    }

    /// Whether commands are refused until an operator confirms the clock.
    pub const fn jumped(&self) -> bool {
        self.jumped
    }
    /// Whether timers wait until the clock is known to be right.
    pub const fn timers_held(&self) -> bool {
        self.timers_held || self.jumped
    }
    /// The operating system says that the clock is right; that frees the timers, not a clock that jumped.
    pub const fn synchronised(&mut self) {
        self.timers_held = false;
    }
    /// An operator confirmed the clock.
    pub const fn confirm(&mut self, reading: Reading) {
        self.baseline = reading;
        self.jumped = false;
        self.timers_held = false;
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(wall_seconds: i64, boot_seconds: u64) -> Reading {
        Reading {
            wall: Timestamp::from_micros(wall_seconds * 1_000_000),
            since_boot: Duration::from_secs(boot_seconds),
        }
    }

    #[test]
    fn a_clock_that_runs_is_fine_and_one_that_jumps_is_refused_until_confirmed() {
        let mut guard = ClockGuard::new(reading(1_000_000, 10), None, true);
        guard.look(reading(1_090_000, 90_010));
        assert!(!guard.jumped());
        guard.look(reading(1_094_000, 90_010));
        assert!(guard.jumped() && guard.timers_held());
        guard.confirm(reading(1_094_000, 90_010));
        guard.look(reading(1_094_001, 90_011));
        assert!(!guard.jumped() && !guard.timers_held());
        guard.look(reading(1_000_000, 90_012));
        assert!(guard.jumped(), "a jump back counts as well");
    }

    #[test]
    fn a_late_start_holds_the_timers_and_a_very_late_one_refuses() {
        let last = Some(Timestamp::from_micros(0));
        assert!(!ClockGuard::new(reading(86_000, 0), last, true).timers_held());
        let mut late = ClockGuard::new(reading(2 * 86_400, 0), last, true);
        assert!(late.timers_held() && !late.jumped());
        late.synchronised();
        assert!(!late.timers_held());
        assert!(ClockGuard::new(reading(366 * 86_400, 0), last, true).jumped());
        assert!(!ClockGuard::new(reading(366 * 86_400, 0), last, false).jumped(), "a set clock is not guarded");
    }
}
