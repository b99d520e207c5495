//! Who may read an event: whoever may see its record and every record that it names. Who may see a record is said in
//! [`convenio_events::sight`], which records an event names with the event.

use crate::world::World;
use convenio_events::{
    Actor, NewEvent, Subject,
    entry::Audience,
    sight::{Circle, Openness},
    types::{Facts, about::Happened},
};
use std::collections::BTreeMap;

/// The audience of each of the events that are recorded together. That a record was hidden is told to whoever could see it; and the
/// acting organisation tells of itself, whatever its own visibility.
pub(crate) fn audiences(world: &World, actor: Actor, events: &[NewEvent]) -> Vec<Audience> {
    let is_public = |openness: &Openness| openness.circle == Some(Circle::Public);
    let mut after: BTreeMap<Subject, Openness> = BTreeMap::new();
    let of_its_record = |event: &NewEvent| {
        let known = || world.openness(event.subject).unwrap_or_default();
        let openness = after.entry(event.subject).or_insert_with(known);
        let before = is_public(openness);
        openness.learn(event.facts.about(Happened { subject: event.subject, actor }).opening);
        before || is_public(openness)
    };
    let of_their_records: Vec<bool> = events.iter().map(of_its_record).collect();
    let itself = actor.organisation().map(Subject::from);
    let told = |event: &NewEvent, named: &Subject| {
        let openness = world.openness(*named).or_else(|| after.get(named).copied());
        Some(*named) == itself || *named == event.subject || openness.is_some_and(|openness| is_public(&openness))
    };
    let of_all = |(event, public): (&NewEvent, bool)| {
        let hides = matches!(event.facts, Facts::Record(_));
        let public = public && (hides || event.facts.named_records().iter().all(|named| told(event, named)));
        if public { Audience::Public } else { Audience::Restricted }
    };
    events.iter().zip(of_their_records).map(of_all).collect()
}
