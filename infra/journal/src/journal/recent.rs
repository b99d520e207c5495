//! The newest committed batches, in memory: who follows the log closely never waits for the disk, nor decodes a row.
//! It is a copy of what the file holds, and never knows more than that.

use convenio_events::{
    RecordedEvent, Sequence,
    log::{PAGE_BYTES_LIMIT, PAGE_EVENTS_LIMIT},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

/// The most bytes of events that are kept.
const BYTES_LIMIT: usize = 16 << 20;

/// The newest batches of one writer.
#[derive(Default, Debug)]
pub(super) struct Recent(Mutex<Batches>);

#[derive(Default, Debug)]
struct Batches {
    kept: VecDeque<(Arc<Vec<RecordedEvent>>, usize)>,
    bytes: usize,
}

impl Recent {
    /// Keeps a batch that was committed, and lets go of the oldest beyond the limit.
    pub(super) fn push(&self, batch: Arc<Vec<RecordedEvent>>, bytes: usize) {
        let mut batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        batches.bytes += bytes;
        batches.kept.push_back((batch, bytes));
        while batches.bytes > BYTES_LIMIT {
            let Some((_, bytes)) = batches.kept.pop_front() else { break };
            batches.bytes -= bytes;
        }
    }

    /// Forgets everything: a new writer begins where the file ends, which may be beyond what the last one knew.
    pub(super) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Batches::default();
    }

    /// A page from `from` on as [`convenio_events::log::EventLog::read`] returns it; `None` where the file must be read.
    pub(super) fn read(&self, from: Sequence, limit: usize) -> Option<Vec<RecordedEvent>> {
        // Sequences are dense.
        let until = Sequence(from.0.saturating_add(limit.min(PAGE_EVENTS_LIMIT) as u64));
        let batches: Vec<_> = {
            let batches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let first = batches.kept.front()?.0.first()?.sequence;
            let last = batches.kept.back()?.0.last()?.sequence;
            if !(first..=last).contains(&from) {
                return None;
            }
            let behind = |batch: &Vec<RecordedEvent>| batch.last().is_some_and(|last| last.sequence < from);
            let begin = batches.kept.partition_point(|(batch, _)| behind(batch));
            let wanted = |batch: &Vec<RecordedEvent>| batch.first().is_some_and(|first| first.sequence < until);
            let enough = batches.kept.range(begin..).take_while(|(batch, _)| wanted(batch));
            enough.map(|(batch, _)| batch.clone()).collect()
        };
        let mut bytes = 0;
        let mut fits = |event: &&RecordedEvent| {
            let first = bytes == 0;
            bytes += event.size();
            first || bytes <= PAGE_BYTES_LIMIT
        };
        let events = batches.iter().flat_map(|batch| batch.iter());
        let events = events.filter(|event| (from..until).contains(&event.sequence));
        Some(events.take_while(|event| fits(event)).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_events::commitment::Salt;

    fn event(sequence: u64, bytes: usize) -> RecordedEvent {
        RecordedEvent {
            sequence: Sequence(sequence),
            entry: "e".repeat(bytes).into(),
            record: "r".into(),
            record_salt: Salt([0; 32]),
            text: None,
            text_salt: None,
        }
    }

    fn push(recent: &Recent, sequences: std::ops::Range<u64>, bytes: usize) {
        let batch: Vec<_> = sequences.map(|sequence| event(sequence, bytes)).collect();
        let size = batch.iter().map(RecordedEvent::size).sum();
        recent.push(Arc::new(batch), size);
    }

    fn read(recent: &Recent, from: u64, limit: usize) -> Option<Vec<u64>> {
        Some(recent.read(Sequence(from), limit)?.iter().map(|event| event.sequence.0).collect())
    }

    #[test]
    fn a_page_begins_where_it_was_asked_for_and_ends_at_its_limit() {
        let recent = Recent::default();
        assert_eq!(read(&recent, 0, 10), None, "nothing is known of what was there before");
        push(&recent, 5..8, 1);
        push(&recent, 8..9, 1);
        push(&recent, 9..15, 1);
        assert_eq!(read(&recent, 4, 10), None);
        assert_eq!(read(&recent, 15, 10), None);
        for from in 5..15 {
            for limit in 1..12 {
                let expected: Vec<u64> = (from..15).take(limit).collect();
                assert_eq!(read(&recent, from, limit), Some(expected), "{limit} from {from}");
            }
        }
        recent.clear();
        push(&recent, 16..17, 1);
        assert_eq!(read(&recent, 14, 10), None, "what came between two writers is in the file");
    }

    #[test]
    fn the_oldest_make_room_and_a_page_is_bounded_by_bytes() {
        let recent = Recent::default();
        // Each is a little more than a quarter of a page, and than a sixteenth of what is kept.
        for sequence in 0..20 {
            push(&recent, sequence..sequence + 1, PAGE_BYTES_LIMIT / 4);
        }
        assert_eq!(read(&recent, 4, 10), None);
        assert_eq!(read(&recent, 5, 10), Some(vec![5, 6, 7]));
        assert_eq!(read(&recent, 18, 10), Some(vec![18, 19]));
        let large = Recent::default();
        push(&large, 0..3, BYTES_LIMIT / 3 + 1_000);
        assert_eq!(read(&large, 0, 10), None, "more than is kept");
    }
}
