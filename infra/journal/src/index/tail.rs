//! Events that are not in the file yet, found as quickly as if they were. It is bounded by its owner.

use super::CommandKey;
use convenio_events::{EventId, Sequence, StreamVersion, Subject, Timestamp};
use convenio_ledger::stores::IndexedEvent;
use std::collections::HashMap;

/// Events that follow each other, with everything they may be looked up by.
#[derive(Debug, Default)]
pub(super) struct Tail {
    events: Vec<IndexedEvent>,
    commands: HashMap<CommandKey, Sequence>,
    ids: HashMap<EventId, Sequence>,
    subjects: HashMap<Subject, Vec<(StreamVersion, Sequence)>>,
}

impl Tail {
    pub(super) fn push(&mut self, event: &IndexedEvent) {
        if event.first_of_command {
            let key = super::command_key(event.actor, event.command_id);
            self.commands.entry(key).or_insert(event.sequence);
        }
        self.ids.insert(event.id, event.sequence);
        let of_subject = self.subjects.entry(event.subject).or_default();
        of_subject.push((event.stream_version, event.sequence));
        self.events.push(*event);
    }

    pub(super) fn events(&self) -> &[IndexedEvent] {
        &self.events
    }

    pub(super) fn command(&self, key: &CommandKey) -> Option<Sequence> {
        self.commands.get(key).copied()
    }

    pub(super) fn event(&self, id: EventId) -> Option<Sequence> {
        self.ids.get(&id).copied()
    }

    /// In order of version: events of a subject come in that order.
    pub(super) fn subject(&self, subject: Subject) -> &[(StreamVersion, Sequence)] {
        self.subjects.get(&subject).map_or(&[], Vec::as_slice)
    }

    /// `None` when all of its events were recorded later, so that the answer lies before them.
    pub(super) fn as_of(&self, time: Timestamp) -> Option<Sequence> {
        let events = self.events.partition_point(|event| event.time <= time);
        let last = events.checked_sub(1)?;
        Some(self.events[last].sequence.next())
    }
}
