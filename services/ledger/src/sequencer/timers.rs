//! What is due: offers and demands whose last day is over, agreements that begin or end. Recorded as `system/clock`.

use super::{TIMERS_LIMIT, writing::Writing};
use crate::commands::agreement::follow_ups;
use convenio_events::{Actor, CommandId, NewEvent, Subject, Timestamp};
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
        let due = self.world.aggregate(subject).and_then(|aggregate| aggregate.tick(subject));
        let Some(event) = due else { return Vec::new() };
        let follows = follow_ups(&event, &self.world);
        std::iter::once(event).chain(follows).collect()
    }
}

/// UUIDv5 of the subject's id over the rule and when it was due.
fn timer_command(subject: Subject, rule: &str, due: Timestamp) -> CommandId {
    CommandId::new(Uuid::new_v5(&subject.id, format!("{subject} {rule} {due}").as_bytes()))
}
