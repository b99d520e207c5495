//! What is due: offers and demands whose last day is over, agreements that begin or end. Recorded as `system/clock`.

use super::{TIMERS_LIMIT, writing::Writing};
use crate::{
    agreement::{allocations, publication},
    world::Aggregate,
};
use convenio_events::{
    Actor, AgreementId, CommandId, NewEvent, Subject, Timestamp,
    types::{Facts, agreement},
};
use std::collections::BTreeSet;
use uuid::Uuid;

impl Writing<'_> {
    /// Runs due timers, at most [`TIMERS_LIMIT`]. The command id is derived from what is due, so that a failover repeats nothing.
    pub(super) fn run_timers(&mut self) {
        let now = self.now();
        if self.guard.timers_held() || self.world.next_due().is_none_or(|due| now < due) {
            return;
        }
        for (due, subject) in self.world.due(now, TIMERS_LIMIT) {
            if !self.batch.has_room() {
                break;
            }
            let events = self.due_events(subject);
            if let Some(first) = events.first() {
                let command_id = timer_command(subject, first.facts.suffix(), due);
                self.place(Actor::Clock, None, command_id, None, None, events);
            }
        }
    }

    fn due_events(&self, subject: Subject) -> Vec<NewEvent> {
        match self.world.aggregate(subject) {
            Some(Aggregate::Listing(listing)) => listing.tick(subject).into_iter().collect(),
            Some(Aggregate::Agreement(agreement)) => {
                let mut events: Vec<_> = agreement.tick(subject).into_iter().collect();
                let activated =
                    |event: &NewEvent| matches!(event.facts, Facts::Agreement(agreement::Facts::Activated(_)));
                if events.iter().any(activated) {
                    let id = AgreementId::new(subject.id);
                    events.extend(allocations(id, &agreement, &BTreeSet::new(), &self.world));
                    events.extend(publication(id, &self.world));
                }
                events
            }
            _ => Vec::new(),
        }
    }
}

/// UUIDv5 of the subject's id over the rule and when it was due.
fn timer_command(subject: Subject, rule: &str, due: Timestamp) -> CommandId {
    CommandId::new(Uuid::new_v5(&subject.id, format!("{subject} {rule} {due}").as_bytes()))
}
