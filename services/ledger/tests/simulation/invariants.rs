//! What must hold of the log, the answers and the derived stores, whatever happened. It looks at the end, and changes nothing.

use crate::{
    clients::{Outcome, Sent},
    nodes::Stores,
};
use convenio_events::{
    Actor, CommandId, Event, RecordKind, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    values::{Amount, Identifier},
};
use convenio_ledger::{
    memory_stores::MemoryState,
    state::{State as _, agreement, listing, organisation::identifier_names},
    stores::{EventIndex, StateStore},
    world::World,
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use uuid::Uuid;

type Commands = HashMap<(Actor, CommandId), (Sequence, usize)>;

/// The log is dense, in time and in every subject; a command's events stand together, once. Returns where each command stands.
pub(crate) fn of_the_log(recorded: &[RecordedEvent]) -> (Vec<Event>, Commands) {
    let mut events: Vec<Event> = Vec::new();
    let mut versions: HashMap<Subject, u64> = HashMap::new();
    let mut commands: Commands = HashMap::new();
    for (at, recorded) in recorded.iter().enumerate() {
        Event::check_commitments(recorded).expect("opens its entry");
        let event = Event::decode(recorded).expect("decodes");
        assert_eq!(event.sequence.0, at as u64, "the log is dense");
        assert!(events.last().is_none_or(|last| last.time <= event.time), "time goes backwards at {at}");
        let version = versions.entry(event.subject).and_modify(|version| *version += 1).or_default();
        assert_eq!(event.stream_version, StreamVersion(*version), "{} at {at}", event.subject);
        let key = (event.actor, event.command_id);
        let goes_on = events.last().is_some_and(|last| (last.actor, last.command_id) == key);
        match commands.get_mut(&key) {
            Some((_, count)) if goes_on => *count += 1,
            Some((first, _)) => panic!("the command of event {first} is there again at {at}"),
            None => drop(commands.insert(key, (event.sequence, 1))),
        }
        events.push(event);
    }
    (events, commands)
}

/// No answer contradicts the log.
pub(crate) fn of_the_answers(sent: &[Sent], events: &[Event], commands: &Commands) {
    for sent in sent {
        let found = commands.get(&(sent.actor, sent.id));
        match &sent.outcome {
            Outcome::Accepted(accepted) => {
                assert_eq!(found, Some(&(accepted.sequence, accepted.events.len())), "{sent:?}");
                let ids = accepted.events.iter().map(|event| event.id);
                let recorded = events[accepted.sequence.0 as usize..].iter().map(|event| event.id);
                assert!(ids.eq(recorded.take(accepted.events.len())), "{sent:?}");
            }
            Outcome::Refused(_, Sequence::ZERO, _) => {}
            Outcome::Refused(..) => assert_eq!(found, None, "refused, and in the log: {sent:?}"),
            Outcome::Unknown => {
                let whole = match sent.name {
                    "submit-learning" => 2..=2,
                    // The owner's signature reserves, the last one activates and allocates; what was reserved is released.
                    "sign-agreement" => 1..=4,
                    "refuse-agreement" | "terminate-agreement" => 1..=2,
                    _ => 1..=1,
                };
                assert!(
                    found.is_none_or(|(_, count)| whole.contains(count)),
                    "half of it is there: {found:?} {sent:?}"
                );
            }
        }
    }
}

/// Every refusal was right in some state between what was durable when it was asked and when it was answered.
pub(crate) fn of_the_refusals(sent: &[Sent], events: &[Event]) {
    let mut open: Vec<&Sent> = sent.iter().filter(|sent| matches!(sent.outcome, Outcome::Refused(..))).collect();
    let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for position in 0..=events.len() {
        open.retain(|sent| {
            let Outcome::Refused(rejection, from, to) = &sent.outcome else { return false };
            let within = (from.0..=to.0).contains(&(position as u64));
            !(within && is_right(&rejection.code, sent, &world))
        });
        if let Some(event) = events.get(position) {
            world.fold(event.into());
            never_too_much(&world, event);
        }
    }
    let codes: Vec<_> = open.iter().map(|sent| format!("{} {:?}", sent.name, sent.outcome)).collect();
    assert!(open.is_empty(), "these refusals were never right: {codes:#?}\n{open:?}");
}

fn subject(sent: &Sent) -> Option<Subject> {
    let id = sent.data["id"].as_str()?.parse().ok()?;
    let kind = match sent.name.rsplit_once('-')?.1 {
        "offer" => RecordKind::Offer,
        "agreement" => RecordKind::Agreement,
        _ => RecordKind::Organisation,
    };
    Some(Subject::new(kind, id))
}

/// Whether a world refuses a command for that reason; a reason that is not expected here is never right.
fn is_right(code: &str, sent: &Sent, world: &World) -> bool {
    let Some(subject) = subject(sent) else { return false };
    let (offer, agreed) = (world.listing(subject), world.agreement(convenio_events::Id::new(subject.id)));
    let source = sent.data.pointer("/terms/commitments/0/source").and_then(|source| source.as_str()?.parse().ok());
    let source = source.or_else(|| agreed.as_ref()?.terms.commitments.first()?.source);
    let source = source.map(|source: Subject| world.listing(source));
    let is_open = |listing: &listing::Listing| listing.status == listing::Status::Open;
    let holder = || sent.data["identifier"].as_str()?.parse::<Identifier>().ok();
    let holder = || holder().and_then(|identifier| world.holder(&identifier_names(&identifier).next()?));
    let status = agreed.as_ref().map(|agreement| &agreement.status);
    use agreement::Status as S;
    match code {
        "record-unknown" => world.version(subject).is_none(),
        "id-exists" => world.version(subject).is_some(),
        "stale-version" => world.version(subject) != sent.expected_version,
        "identifier-in-use" => holder().is_some(),
        "identifier-unknown" => holder() != Some(subject.id),
        "not-paused" => offer.is_some_and(|offer| is_open(&offer)),
        "offer-closed" if sent.name.ends_with("-offer") => offer.is_some_and(|offer| {
            !is_open(&offer) || sent.name != "pause-offer" && offer.due(world.time_zone()).is_none()
        }),
        "offer-closed" => source.flatten().is_some_and(|source| !is_open(&source)),
        "link-unknown" => source.is_some_and(|source| source.is_none()),
        "quantity-exceeded" => source.flatten().is_some_and(|source| {
            source.left().is_some_and(|(_, left)| left < "4".parse::<Amount>().expect("an amount"))
        }),
        "not-draft" => status.is_some_and(|status| *status != S::Drafted),
        "not-proposed" => status.is_some_and(|status| !matches!(status, S::Proposed { .. })),
        "not-active" => status.is_some_and(|status| matches!(status, S::Drafted | S::Proposed { .. })),
        "already-over" => matches!(status, Some(S::Completed | S::Terminated | S::Cancelled)),
        "terms-changed" => {
            agreed.is_some_and(|a| Some(&*a.terms_digest.to_string()) != sent.data["terms_digest"].as_str())
        }
        "already-signed" => {
            let by = sent.actor.organisation().expect("an organisation");
            matches!(status, Some(S::Proposed { signed }) if signed.contains_key(&by))
        }
        _ => false,
    }
}

/// No offer ever holds more than it has.
fn never_too_much(world: &World, event: &Event) {
    if let Some(listing) = world.listing(event.subject)
        && let Some(total) = &listing.quantity
    {
        assert!(
            listing.held.of(&total.unit) <= total.amount,
            "too much is held of {} at {}",
            event.subject,
            event.sequence
        );
    }
}

/// Everything that decisions read of a world.
fn compare(one: &World, other: &World, events: &[Event], what: &str) {
    let subjects: BTreeSet<Subject> = events.iter().map(|event| event.subject).collect();
    assert_eq!(one.next(), other.next(), "{what}");
    for subject in subjects {
        assert_eq!(one.aggregate(subject), other.aggregate(subject), "{what}: {subject}");
        assert_eq!(one.version(subject), other.version(subject), "{what}: {subject}");
    }
    let end = Timestamp::from_micros(i64::MAX);
    assert_eq!(one.due(end, usize::MAX), other.due(end, usize::MAX), "{what}: timers");
    for number in 0..10 {
        let name = format!("identifier:XM-DAC-{number}");
        assert_eq!(one.holder(&name), other.holder(&name), "{what}: {name}");
    }
    assert_eq!((one.ledger(), one.bootstrap()), (other.ledger(), other.bootstrap()), "{what}");
    assert!(one.take_fault().is_none() && other.take_fault().is_none(), "{what}");
}

/// A snapshot and what follows it make the same world as the whole log; so does one that was written down and evicted on the way.
pub(crate) fn of_the_stores(stores: &Stores, events: &[Event], every: usize) {
    let mut whole = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    for event in events {
        whole.fold(event.into());
    }

    let mut continued = World::load(stores.state.clone()).expect("the snapshot loads");
    let folded = continued.next().0 as usize;
    assert!(folded <= events.len(), "the snapshot is ahead of the log");
    for event in &events[folded..] {
        continued.fold(event.into());
    }
    compare(&whole, &continued, events, "snapshot and tail");

    let state = Arc::new(MemoryState::default());
    let mut evicted = World::load(state.clone()).expect("an empty snapshot loads");
    for (at, event) in events.iter().enumerate() {
        evicted.fold(event.into());
        if at % every == 0 {
            state.write(evicted.take_changes(), evicted.next()).expect("memory takes it");
            evicted.evict(evicted.next(), 0);
        }
    }
    compare(&whole, &evicted, events, "written down and evicted");

    let indexed = stores.index.indexed();
    assert!(indexed.0 <= events.len() as u64, "the index is ahead of the log");
    for event in events.iter().filter(|event| event.sequence < indexed && event.command_digest.is_some()) {
        let first = stores.index.command(event.actor, event.command_id).expect("memory finds");
        assert_eq!(first, Some(event.sequence), "the index forgot a command");
    }
    let unknown = CommandId::new(Uuid::nil());
    assert_eq!(stores.index.command(Actor::Operator, unknown).expect("memory looks"), None);
}
