//! How fast a batch must come: so many bytes a window, and all of it before a deadline. Time in which nobody waits for the
//! client does not count against it.

use crate::limits::{BATCH_DEADLINE, BATCH_PACE_BYTES, BATCH_PACE_WINDOW, BATCH_READ_TIMEOUT};
use std::time::Duration;
use tokio::time::Instant;

/// How a batch has come so far.
#[derive(Debug)]
pub(super) struct Pace {
    ends_at: Instant,
    /// How long the client was waited for since the window began.
    waited: Duration,
    /// What came since then.
    bytes: usize,
}

/// The client is too slow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooSlow;

impl Pace {
    pub(super) fn new() -> Self {
        Self { ends_at: Instant::now() + BATCH_DEADLINE, waited: Duration::ZERO, bytes: 0 }
    }

    /// Waits for what comes next, and counts how long that takes.
    pub(super) async fn wait<T>(&mut self, next: impl Future<Output = T>) -> Result<T, TooSlow> {
        let began = Instant::now();
        let came = tokio::time::timeout_at((began + BATCH_READ_TIMEOUT).min(self.ends_at), next).await;
        self.waited += began.elapsed();
        came.map_err(|_| TooSlow)
    }

    /// So many bytes came; an error where a window is over in which too few did.
    pub(super) fn came(&mut self, bytes: usize) -> Result<(), TooSlow> {
        self.bytes += bytes;
        if self.waited < BATCH_PACE_WINDOW {
            return Ok(());
        }
        let enough = self.bytes >= BATCH_PACE_BYTES;
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        if enough { Ok(()) } else { Err(TooSlow) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_now_and_then_is_too_slow_and_waiting_for_the_ledger_costs_nothing() {
        let mut pace = Pace::new();
        assert_eq!(pace.came(1), Ok(()), "the node has not waited");
        pace.waited += BATCH_PACE_WINDOW / 2;
        assert_eq!(pace.came(1), Ok(()));
        pace.waited += BATCH_PACE_WINDOW / 2;
        assert_eq!(pace.came(1), Err(TooSlow));
        pace.waited += BATCH_PACE_WINDOW;
        assert_eq!(pace.came(BATCH_PACE_BYTES), Ok(()), "a new window, and enough in it");
    }

    #[tokio::test]
    async fn no_batch_goes_on_beyond_its_deadline() {
        let mut pace = Pace::new();
        pace.ends_at = Instant::now();
        assert_eq!(pace.wait(std::future::pending::<()>()).await, Err(TooSlow));
    }
}
