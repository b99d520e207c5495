//! How often one caller may ask: a token bucket for each token or address, in memory. It refuses; it never delays.

use crate::limits::{RATE_CALLERS_LIMIT, RateLimit};
use convenio_events::commitment::Digest;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};
use uuid::Uuid;

/// Locks, so that callers seldom wait for each other.
const SHARDS: usize = 16;

/// A token that a grant has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Member {
    /// Its digest.
    pub(crate) token: Digest,
    /// The organisation that it acts for, the first of several; the grant itself where it acts for none.
    pub(crate) holder: Uuid,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Caller {
    /// Whoever has a token that a grant has.
    Member(Member),
    /// Everybody else, by where they come from.
    Address(IpAddr),
}

impl Caller {
    /// Whether no grant speaks for it.
    pub(crate) const fn is_stranger(&self) -> bool {
        match self {
            Self::Member(_) => false,
            Self::Address(_) => true,
        }
    }
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// What is left to a caller.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Allowance {
    /// Whether this request may go on.
    pub(crate) allowed: bool,
    /// Requests at once.
    pub(crate) limit: u64,
    /// How many more may come now.
    pub(crate) remaining: u64,
    /// Seconds until one more may come, at least 1 when refused.
    pub(crate) reset_seconds: u64,
}

/// Remembers what callers have used.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    rate: RateLimit,
    shards: [Mutex<HashMap<Caller, Bucket>>; SHARDS],
}

impl RateLimiter {
    pub(crate) fn new(rate: RateLimit) -> Self {
        Self { rate, shards: Default::default() }
    }

    /// Whether a caller has nothing left of its allowance.
    pub(crate) fn is_spent(&self, caller: Caller, now: Instant) -> bool {
        let callers = self.shards[shard(caller)].lock().unwrap_or_else(PoisonError::into_inner);
        callers.get(&caller).is_some_and(|bucket| refilled(bucket, now, self.rate) < 1.0)
    }

    /// Takes one request from a caller's allowance, if there is one left.
    pub(crate) fn take(&self, caller: Caller, now: Instant) -> Allowance {
        let RateLimit { per_second, burst } = self.rate;
        let mut callers = self.shards[shard(caller)].lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= RATE_CALLERS_LIMIT / SHARDS && !callers.contains_key(&caller) {
            callers.retain(|_, bucket| refilled(bucket, now, self.rate) < burst);
            if callers.len() >= RATE_CALLERS_LIMIT / SHARDS {
                // Every place is taken by somebody who is active: a newcomer waits, whoever it is.
                return allowance(false, 0.0, self.rate);
            }
        }
        let bucket = callers.entry(caller).or_insert(Bucket { left: burst, at: now });
        bucket.left = refilled(bucket, now, self.rate);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        let left = bucket.left;
        debug_assert!(per_second > 0.0, "checked with the configuration");
        allowance(allowed, left, self.rate)
    }
}

fn refilled(bucket: &Bucket, now: Instant, rate: RateLimit) -> f64 {
    let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
    passed.mul_add(rate.per_second, bucket.left).min(rate.burst)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown rounded; a float's cast saturates")]
fn allowance(allowed: bool, left: f64, rate: RateLimit) -> Allowance {
    let reset = ((1.0 - left).max(0.0) / rate.per_second).ceil() as u64;
    let reset_seconds = if allowed { reset } else { reset.max(1) };
    Allowance { allowed, limit: rate.burst as u64, remaining: left as u64, reset_seconds }
}

fn shard(caller: Caller) -> usize {
    usize::from(match caller {
        Caller::Member(member) => member.token.0[0],
        Caller::Address(IpAddr::V4(address)) => address.octets()[3],
        Caller::Address(IpAddr::V6(address)) => address.octets()[7] ^ address.octets()[5],
    }) % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_caller_that_used_its_burst_waits_and_others_do_not() {
        let limiter = RateLimiter::new(RateLimit { per_second: 2.0, burst: 3.0 });
        let (now, me, you) = (
            Instant::now(),
            Caller::Address([10, 0, 0, 1].into()),
            Caller::Member(Member { token: Digest([1; 32]), holder: Uuid::nil() }),
        );
        let left: Vec<u64> = (0..3).map(|_| limiter.take(me, now).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = limiter.take(me, now);
        assert_eq!((refused.allowed, refused.reset_seconds, refused.limit), (false, 1, 3));
        assert!(limiter.take(you, now).allowed);
        assert!(limiter.take(me, now + Duration::from_millis(500)).allowed);
        assert!(!limiter.take(me, now + Duration::from_millis(500)).allowed);
    }
}
