//! What a sequencer counts for those who watch it. Nothing is decided on it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of a commit's duration, in microseconds.
pub const COMMIT_BOUNDS_MICROS: [u64; 14] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000];

/// Counters of one sequencer, since it began.
#[derive(Debug, Default)]
pub struct Counts {
    /// Batches that were committed.
    pub batches: AtomicU64,
    /// Events in them.
    pub events: AtomicU64,
    /// Bytes of these events.
    pub bytes: AtomicU64,
    /// How often another writer took over.
    pub fences: AtomicU64,
    /// How often it was not known what became of a batch.
    pub unknowns: AtomicU64,
    /// Batches by how long their commit took: at most the bound of the same place, or longer than all.
    pub commits: [AtomicU64; COMMIT_BOUNDS_MICROS.len() + 1],
    /// The sum of these durations, in microseconds.
    pub commit_micros: AtomicU64,
}

impl Counts {
    pub(crate) fn committed(&self, events: usize, bytes: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.batches.fetch_add(1, Relaxed);
        self.events.fetch_add(events as u64, Relaxed);
        self.bytes.fetch_add(bytes as u64, Relaxed);
        self.commit_micros.fetch_add(micros, Relaxed);
        let bucket = COMMIT_BOUNDS_MICROS.iter().position(|bound| micros <= *bound);
        self.commits[bucket.unwrap_or(COMMIT_BOUNDS_MICROS.len())].fetch_add(1, Relaxed);
    }
}
