//! The log contract as checks. Every backend runs [`run`] in its tests; a backend's own faults are tested beside it, not here.

use crate::{
    codes::Purpose,
    commitment::Salt,
    entry::Audience,
    ids::{Actor, CommandId, EventId, LedgerId, Sequence, StreamVersion, Subject},
    log::{AppendError, EventLog, OpenedWriter, PAGE_EVENTS_LIMIT, follow},
    record::Record,
    recorded::{Placement, RecordedEvent},
    time::{TimeZone, Timestamp},
    types::{EventType as _, ledger},
};
use std::sync::Arc;
use uuid::Uuid;

/// An event that differs from every other sequence's, with a text of `text_bytes` bytes.
pub fn sample_event(sequence: u64, text_bytes: usize) -> RecordedEvent {
    let ledger = LedgerId::new(Uuid::from_u128(7));
    let facts = ledger::Opened {
        ledger,
        source: crate::cloud_event::source(ledger),
        origin: format!("example.com/{sequence}"),
        time_zone: TimeZone::UTC,
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        purpose: Purpose::Test,
    };
    let record = Record {
        actor: Actor::Operator,
        causation_id: None,
        command_digest: None,
        command_id: CommandId::new(Uuid::from_u128(u128::from(sequence))),
        correlation_id: None,
        facts: facts.into_facts(),
        grant: None,
        id: EventId::new(Uuid::from_u128(u128::from(sequence) + (1 << 64))),
        stream_version: StreamVersion(sequence),
        subject: Subject::from(ledger),
    };
    let placement = Placement {
        ledger,
        sequence: Sequence(sequence),
        time: Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(sequence).unwrap_or(0)),
        audience: Audience::Public,
        record_salt: Salt([1; 32]),
        text_salt: Salt([2; 32]),
    };
    let text = (text_bytes > 0).then(|| format!("{{\"reason\":\"{}\"}}", "x".repeat(text_bytes)).into());
    RecordedEvent::encode(&record, text, &placement)
}

fn batch(range: std::ops::Range<u64>) -> Arc<Vec<RecordedEvent>> {
    Arc::new(range.map(|sequence| sample_event(sequence, (sequence % 3 * 10) as usize)).collect())
}

/// Runs every check of the contract against a log that holds no events yet.
///
/// # Panics
/// At the first promise that the backend breaks.
pub async fn run(log: Arc<dyn EventLog>) {
    an_empty_log_has_no_events(&*log).await;
    let mut opened = log.open_writer().await.expect("a free log opens");
    assert_eq!(opened.head, Sequence::ZERO, "an empty log's head is zero");
    what_is_acknowledged_can_be_read(&*log, &mut opened).await;
    pages_are_bounded_and_have_no_gaps(&*log, &mut opened).await;
    followers_get_everything_once_in_order(&log, &mut opened).await;
    what_was_submitted_counts_in_its_order(&*log, &mut opened).await;
    a_successor_fences_its_predecessor(&*log, opened).await;
}

async fn an_empty_log_has_no_events(log: &dyn EventLog) {
    assert!(log.read(Sequence::ZERO, 10).await.expect("an empty log reads").is_empty());
    assert!(log.read(Sequence(99), 10).await.expect("beyond the head is empty").is_empty());
    assert_eq!(*log.head().borrow(), Sequence::ZERO);
}

async fn what_is_acknowledged_can_be_read(log: &dyn EventLog, opened: &mut OpenedWriter) {
    opened.writer.append(Arc::default()).await.expect("an empty batch is fine");
    assert_eq!(*log.head().borrow(), Sequence::ZERO, "an empty batch writes nothing");
    opened.writer.append(batch(0..5)).await.expect("appends");
    assert_eq!(*log.head().borrow(), Sequence(5), "the head is raised before the acknowledgement");
    let page = log.read(Sequence::ZERO, 100).await.expect("reads");
    assert_eq!(page, *batch(0..5), "the bytes that were written are the bytes that are read");
}

async fn pages_are_bounded_and_have_no_gaps(log: &dyn EventLog, opened: &mut OpenedWriter) {
    for start in (5..20_005).step_by(5_000) {
        opened.writer.append(batch(start..start + 5_000)).await.expect("appends");
    }
    let page = log.read(Sequence(3), 4).await.expect("reads");
    assert_eq!(page, *batch(3..7), "a page starts where it is asked to and is as long as it is asked to be");
    let page = log.read(Sequence::ZERO, usize::MAX).await.expect("reads");
    assert!(!page.is_empty() && page.len() <= PAGE_EVENTS_LIMIT, "a page is bounded");
    assert!(page.iter().zip(0..).all(|(event, sequence)| event.sequence == Sequence(sequence)), "a page has no gaps");
    assert!(log.read(Sequence(20_005), 1).await.expect("reads").is_empty(), "the head itself is not there yet");
}

async fn followers_get_everything_once_in_order(log: &Arc<dyn EventLog>, opened: &mut OpenedWriter) {
    let mut follower = follow(log.clone(), Sequence(19_000));
    let expected = 19_000..20_105;
    let (_, seen) = tokio::join!(
        async {
            for start in 20_005..20_105 {
                opened.writer.append(batch(start..start + 1)).await.expect("appends");
            }
        },
        async {
            let mut seen = Vec::new();
            while seen.len() < expected.clone().count() {
                let page = follower.next_page(64).await.expect("reads").expect("the log is open");
                seen.extend(page.into_iter().map(|event| event.sequence.0));
            }
            seen
        }
    );
    assert!(seen.into_iter().eq(expected), "a follower catches up and then goes on, without holes or doubles");
}

async fn what_was_submitted_counts_in_its_order(log: &dyn EventLog, opened: &mut OpenedWriter) {
    let mut under_way = Vec::new();
    for start in (20_105..20_205).step_by(20) {
        let submitted = opened.writer.submit(batch(start..start + 20)).await.expect("takes one after the other");
        under_way.push((start + 20, submitted.acknowledgement()));
    }
    // The second of all says what it says of the first, too: nobody has asked that one.
    let first = under_way.remove(0);
    for (end, acknowledgement) in under_way {
        acknowledgement.await.expect("it counts");
        assert!(log.head().borrow().0 >= end, "what counts can be read, and everything before it");
    }
    first.1.await.expect("it has counted for long");
    assert_eq!(log.read(Sequence(20_105), 200).await.expect("reads"), *batch(20_105..20_205));
}

async fn a_successor_fences_its_predecessor(log: &dyn EventLog, mut predecessor: OpenedWriter) {
    match log.open_writer().await {
        // A log with an exclusive lock refuses the second writer instead, which is as safe; the lock must then end with its holder.
        Err(crate::log::OpenError::InUse) => {
            predecessor.writer.append(batch(20_205..20_206)).await.expect("the one writer goes on");
            drop(predecessor);
            let successor = log.open_writer().await.expect("a lock ends with its holder");
            assert_eq!(successor.head, Sequence(20_206));
        }
        Err(error) => panic!("a successor must open: {error}"),
        Ok(mut successor) => {
            assert_eq!(successor.head, Sequence(20_205), "the successor sees all that was acknowledged");
            let confirmed = predecessor.writer.confirm().await;
            assert!(
                matches!(confirmed, Err(AppendError::Fenced)),
                "it is told so also when it only asks: {confirmed:?}"
            );
            successor.writer.confirm().await.expect("nobody has written since");
            let late = predecessor.writer.append(batch(20_205..20_206)).await;
            assert!(matches!(late, Err(AppendError::Fenced)), "the predecessor is told that it was fenced: {late:?}");
            assert!(log.read(Sequence(20_205), 1).await.expect("reads").is_empty(), "a fenced batch is never seen");
            successor.writer.append(batch(20_205..20_206)).await.expect("the successor writes");
        }
    }
    assert_eq!(log.read(Sequence(20_205), 9).await.expect("reads"), *batch(20_205..20_206));
}

#[cfg(test)]
mod tests {
    use crate::memory_log::MemoryLog;
    use std::sync::Arc;

    #[tokio::test]
    async fn the_log_in_memory_keeps_the_contract() {
        super::run(Arc::new(MemoryLog::default())).await;
    }
}
