//! The audience of what names other records: no wider than theirs. Which records an event names is the event's own business.

use crate::world::World;
use convenio_events::{NewEvent, OrganisationId, Subject, codes::Visibility, entry::Audience, types::Facts};
use std::collections::BTreeSet;

/// Restricts every event that names a record which not everybody may see, or which is not known. The acting organisation tells of
/// itself, whatever its own visibility; that a record was hidden is told to whoever could see it.
pub(crate) fn narrow(world: &World, acting: Option<OrganisationId>, events: &mut [NewEvent]) {
    let made: BTreeSet<Subject> = events.iter().map(|event| event.subject).collect();
    let public = |subject: &Subject| match world.aggregate(*subject) {
        Some(aggregate) => aggregate.visibility() == Visibility::Public,
        None => made.contains(subject),
    };
    let itself = acting.map(Subject::from);
    for event in events.iter_mut().filter(|event| event.audience == Audience::Public) {
        let told = |named: &Subject| Some(*named) == itself || *named == event.subject || public(named);
        if !matches!(event.facts, Facts::Record(_)) && !event.facts.named_records().iter().all(told) {
            event.audience = Audience::Restricted;
        }
    }
}
