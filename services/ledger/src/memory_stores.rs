//! The two derived stores in memory, for tests of everything above them. They forget when they are dropped.

use crate::stores::{EventIndex, IndexedEvent, StateChange, StateStore, StoreError};
use convenio_events::{Actor, CommandId, EventId, Sequence, StreamVersion, Subject, Timestamp};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// A snapshot in memory.
#[derive(Debug, Default)]
pub struct MemoryState(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    folded: Sequence,
    subjects: HashMap<Subject, (Vec<u8>, Option<Timestamp>)>,
    names: HashMap<String, Uuid>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StateStore for MemoryState {
    fn folded(&self, _code_version: u32) -> Result<Sequence, StoreError> {
        Ok(lock(&self.0).folded)
    }
    fn load(&self, subject: Subject) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(lock(&self.0).subjects.get(&subject).map(|(state, _)| state.clone()))
    }
    fn holder(&self, name: &str) -> Result<Option<Uuid>, StoreError> {
        Ok(lock(&self.0).names.get(name).copied())
    }
    fn timers(&self) -> Result<Vec<(Timestamp, Subject)>, StoreError> {
        let state = lock(&self.0);
        let timers: BTreeSet<_> =
            state.subjects.iter().filter_map(|(subject, (_, due))| Some(((*due)?, *subject))).collect();
        Ok(timers.into_iter().collect())
    }
    fn write(&self, changes: Vec<StateChange>, folded: Sequence) -> Result<(), StoreError> {
        let mut state = lock(&self.0);
        for change in changes {
            match change {
                StateChange::Subject { subject, state: bytes, due } => {
                    state.subjects.insert(subject, (bytes, due));
                }
                StateChange::Name { name, holder: Some(holder) } => {
                    state.names.insert(name, holder);
                }
                StateChange::Name { name, holder: None } => {
                    state.names.remove(&name);
                }
            }
        }
        state.folded = folded;
        Ok(())
    }
}

/// An index in memory.
#[derive(Debug, Default)]
pub struct MemoryIndex(Mutex<Index>);

#[derive(Debug, Default)]
struct Index {
    indexed: Sequence,
    commands: HashMap<(Actor, CommandId), Sequence>,
    events: HashMap<EventId, Sequence>,
    subjects: HashMap<Subject, BTreeMap<StreamVersion, Sequence>>,
    times: Vec<Timestamp>,
}

impl EventIndex for MemoryIndex {
    fn indexed(&self) -> Sequence {
        lock(&self.0).indexed
    }
    fn push(&self, events: &[IndexedEvent]) -> Result<(), StoreError> {
        let mut index = lock(&self.0);
        for event in events {
            assert_eq!(event.sequence, index.indexed, "events are indexed in order, without gaps");
            if event.first_of_command {
                index.commands.insert((event.actor, event.command_id), event.sequence);
            }
            index.events.insert(event.id, event.sequence);
            index.subjects.entry(event.subject).or_default().insert(event.stream_version, event.sequence);
            index.times.push(event.time);
            index.indexed = event.sequence.next();
        }
        Ok(())
    }
    fn command(&self, actor: Actor, command_id: CommandId) -> Result<Option<Sequence>, StoreError> {
        Ok(lock(&self.0).commands.get(&(actor, command_id)).copied())
    }
    fn event(&self, id: EventId) -> Result<Option<Sequence>, StoreError> {
        Ok(lock(&self.0).events.get(&id).copied())
    }
    fn subject(&self, subject: Subject, from: StreamVersion, limit: usize) -> Result<Vec<Sequence>, StoreError> {
        let index = lock(&self.0);
        let versions = index.subjects.get(&subject).into_iter().flat_map(|versions| versions.range(from..));
        Ok(versions.take(limit).map(|(_, sequence)| *sequence).collect())
    }
    fn as_of(&self, time: Timestamp) -> Result<Sequence, StoreError> {
        Ok(Sequence(lock(&self.0).times.partition_point(|recorded| *recorded <= time) as u64))
    }
}
