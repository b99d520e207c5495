//! Recovery, the one way into writing: open, read what is there, fold it, and open the ledger if it is new. It answers nobody.

use super::{Parts, SequencerError, writing::Writing};
use crate::{
    clock::ClockGuard,
    stores::{EventIndex, IndexedEvent},
    submission::Standing,
    world::World,
};
use convenio_events::{
    Actor, CommandId, Event, Sequence, Timestamp,
    codes::Purpose,
    log::{EventLog, OpenedWriter, PAGE_EVENTS_LIMIT, ReadError},
};
use tokio::sync::watch;

/// Fences whoever wrote before, and brings the write model up to the log's head.
pub(super) async fn recover<'a>(
    parts: &'a mut Parts,
    standing: &watch::Sender<Standing>,
) -> Result<Writing<'a>, SequencerError> {
    // 1. From here on nobody else's batch can be committed. A crash leaves nothing behind.
    let OpenedWriter { writer, head } = parts.log.open_writer().await?;
    // 2. The snapshot and the index may lag behind the log: fold what they have not seen. A crash leaves them as they were.
    let mut world = World::load(parts.state.clone())?;
    for (known, what) in [(world.next(), "snapshot"), (parts.index.indexed(), "index")] {
        if known > head && *parts.log.head().borrow() >= known {
            // This node has meanwhile read what its successor wrote.
            return Err(SequencerError::Fenced);
        }
        if known > head {
            let source = format!("the {what} is ahead of the log: a derived file belongs to another log").into();
            return Err(ReadError::Damaged { sequence: head, source }.into());
        }
    }
    let last_time = catch_up(&*parts.log, &*parts.index, &mut world, head).await?;
    if let Some(fault) = world.take_fault() {
        return Err(fault.into());
    }
    world.forget_changes();
    // 3. Only now is the clock believed, or not.
    let reading = parts.clock.read();
    let guard = ClockGuard::new(reading, last_time, !parts.clock.is_set());
    standing.send_modify(|standing| standing.durable = head);
    let mut writing = Writing::new(parts, writer, world, head, last_time.unwrap_or_default(), guard);
    // 4. An empty log is opened: sequences 0 and 1 in one batch. A crash before its commit leaves an empty log.
    if head == Sequence::ZERO {
        writing.open_ledger().await?;
    }
    writing.check_purpose()?;
    Ok(writing)
}

/// Feeds what the index and the world have not seen; returns the time of the last event.
async fn catch_up(
    log: &dyn EventLog,
    index: &dyn EventIndex,
    world: &mut World,
    head: Sequence,
) -> Result<Option<Timestamp>, SequencerError> {
    let mut next = index.indexed().min(world.next()).min(Sequence(head.0.saturating_sub(1)));
    let mut last_time = None;
    while next < head {
        let page = log.read(next, PAGE_EVENTS_LIMIT).await?;
        if page.is_empty() {
            return Err(ReadError::Damaged { sequence: next, source: "the log ends before its head".into() }.into());
        }
        let mut indexed = Vec::with_capacity(page.len());
        for recorded in page.iter().take_while(|recorded| recorded.sequence < head) {
            let event = Event::decode(recorded)?;
            if event.sequence >= index.indexed() {
                indexed.push(indexed_event(&event));
            }
            if event.sequence >= world.next() {
                world.fold((&event).into());
            }
            last_time = Some(event.time);
            next = event.sequence.next();
        }
        index.push(&indexed)?;
    }
    Ok(last_time)
}

fn indexed_event(event: &Event) -> IndexedEvent {
    IndexedEvent {
        sequence: event.sequence,
        id: event.id,
        subject: event.subject,
        stream_version: event.stream_version,
        actor: event.actor,
        command_id: event.command_id,
        first_of_command: event.causation_id.is_none(),
        time: event.time,
    }
}

impl Writing<'_> {
    async fn open_ledger(&mut self) -> Result<(), SequencerError> {
        let opening = self.parts.opening.clone().ok_or(SequencerError::NotOpened)?;
        let now = self.now();
        let command_id = CommandId::new(opening.command_id());
        self.place(Actor::Operator, None, command_id, None, None, opening.events(now));
        self.commit_now().await
    }

    /// A clock that somebody sets is for ledgers whose purpose is `test`.
    fn check_purpose(&mut self) -> Result<(), SequencerError> {
        let test = self.world.ledger().is_some_and(|ledger| ledger.purpose == Purpose::Test);
        if let Some(fault) = self.world.take_fault() {
            return Err(fault.into());
        }
        if self.parts.clock.is_set() && !test { Err(SequencerError::ClockIsSet) } else { Ok(()) }
    }
}
