//! Numbering: what was decided gets its place, time, id and salts, no wider audience than what it names, and the write model moves on.
//! It decides nothing else; and where the index knows an event that would be recorded a second time, it places nothing that counts.

use super::writing::Writing;
use crate::{rejection::RecordedRef, stores::IndexedEvent, world::Folded};
use convenio_events::{
    AccessId, Actor, CommandId, NewEvent, RecordedEvent, StreamVersion, Subject, commitment::command_digest,
    record::Record, recorded::Placement,
};

impl Writing<'_> {
    /// Puts events at the end of the next batch and folds them. The first carries the digest of the command, if one is given.
    pub(super) fn place(
        &mut self,
        actor: Actor,
        grant: Option<AccessId>,
        command_id: CommandId,
        correlation_id: Option<CommandId>,
        canonical_command: Option<&str>,
        events: Vec<NewEvent>,
    ) -> Vec<RecordedRef> {
        let audiences = crate::audience::audiences(&self.world, actor, &events);
        let time = self.now();
        let ledger = match &self.parts.opening {
            Some(opening) if self.world.next().0 == 0 => opening.ledger,
            _ if self.world.next().0 == 0 => return Vec::new(),
            _ => self.world.ledger_id(),
        };
        let mut refs = Vec::with_capacity(events.len());
        let mut causation_id = None;
        for (at, (event, audience)) in events.into_iter().zip(audiences).enumerate() {
            let NewEvent { subject, facts, text } = event;
            let sequence = self.world.next();
            let stream_version =
                self.world.fold(Folded { sequence, subject, stream_version: None, actor, grant, facts: &facts });
            self.prove(subject, stream_version);
            let (record_salt, text_salt) = (self.parts.entropy.salt(), self.parts.entropy.salt());
            let first = at == 0;
            let command_digest =
                canonical_command.filter(|_| first).map(|canonical| command_digest(&text_salt, canonical.as_bytes()));
            let id = self.parts.entropy.event_id(time);
            let record = Record {
                actor,
                causation_id,
                command_digest,
                command_id,
                correlation_id,
                facts,
                grant,
                id,
                stream_version,
                subject,
            };
            let recorded = RecordedEvent::encode(
                &record,
                text,
                &Placement { ledger, sequence, time, audience, record_salt, text_salt },
            );
            refs.push(RecordedRef { id, type_name: record.facts.type_name(subject.kind), sequence });
            self.batch.push(
                recorded,
                IndexedEvent {
                    sequence,
                    id,
                    subject,
                    stream_version,
                    actor,
                    command_id,
                    first_of_command: causation_id.is_none(),
                    time,
                },
            );
            causation_id.get_or_insert(id);
        }
        self.last_time = time;
        refs
    }

    /// The snapshot says which version of a record is the next one, and the index which are there. Where they contradict each
    /// other, the record came from a snapshot that is not what was written: nothing is recorded on it. Once is enough for a record
    /// that stays in memory.
    fn prove(&mut self, subject: Subject, next: StreamVersion) {
        if !self.proved.insert(subject) {
            return;
        }
        match self.parts.index.subject(subject, next, 1) {
            Ok(known) => {
                let Some(known) = known.first() else { return };
                let why = format!("event {known} is version {next} of the {} {} already", subject.kind, subject.id);
                tracing::error!(why, "the snapshot is not what was written");
                self.parts.state.distrust(&why);
            }
            Err(fault) => {
                tracing::error!(error = &fault as &dyn std::error::Error, "the index of records failed");
            }
        }
        self.broken = true;
    }
}
