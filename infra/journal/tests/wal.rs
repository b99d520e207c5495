//! The WAL of a journal that is written to without a pause: it starts over, whoever writes.

mod support;

use convenio_events::{RecordedEvent, conformance::sample_event};
use std::{path::Path, sync::Arc};
use support::{folder, open, writer};

/// As much as several WALs may hold.
const BATCHES: u64 = 320;
const BATCH_EVENTS: u64 = 50;
const TEXT_BYTES: usize = 20_000;
/// Longer than this it is moved by the writer itself.
const WAL_BYTES_LIMIT: u64 = 128 << 20;

fn batch(number: u64) -> Arc<Vec<RecordedEvent>> {
    let sequences = number * BATCH_EVENTS..(number + 1) * BATCH_EVENTS;
    Arc::new(sequences.map(|sequence| sample_event(sequence, TEXT_BYTES)).collect())
}

/// Nothing has emptied the WAL since the last batch.
fn assert_short(data: &Path) {
    let bytes = |name| std::fs::metadata(data.join(name)).expect("it is there").len();
    let (moved, wal) = (bytes("journal.db"), bytes("journal.db-wal"));
    assert!(wal < WAL_BYTES_LIMIT * 5 / 4, "the WAL has {wal} bytes");
    assert!(moved > BATCHES * BATCH_EVENTS * TEXT_BYTES as u64 / 2, "only {moved} bytes have been moved");
}

#[tokio::test]
async fn the_wal_of_a_busy_log_starts_over() {
    let data = folder();
    let journal = open(data.path());
    let mut writer = writer(&journal).await;
    for number in 0..BATCHES {
        writer.append(batch(number)).await.expect("appends");
    }
    assert_short(data.path());
}

#[test]
fn the_wal_of_a_busy_copy_starts_over() {
    let data = folder();
    let mut mirror = open(data.path()).open_mirror().expect("an empty journal can be a copy");
    for number in 0..BATCHES {
        mirror.append(batch(number), &number.to_string()).expect("appends");
    }
    assert_short(data.path());
}
