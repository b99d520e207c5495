//! What grows with the life of a record: a row each, beside the record's own state, so that no state is longer for what was added to
//! the record before. What these rows mean is decided with their records.

use super::{Aggregate, Folded, Slot, World};
use crate::state::{Kept as _, listing::Hold};
use convenio_events::{
    AgreementId, ConveningId, OrganisationId, RecordKind, Sequence, StreamVersion, Subject,
    ids::{SessionId, VisitId},
    types::{Facts, convening, listing},
    values::Quantity,
};
use std::{fmt::Display, sync::Arc};
use uuid::Uuid;

/// The key of a hold's row. No record of anybody's has it: no command makes a record of the ledger's own kind.
fn hold_key(source: Subject, agreement: AgreementId) -> Subject {
    Subject::new(RecordKind::Ledger, Uuid::new_v5(&source.id, format!("{source} {agreement}").as_bytes()))
}

fn row_name(what: &str, convening: Uuid, of: impl Display) -> String {
    format!("{what}:{convening}:{of}")
}

impl World {
    /// What an agreement holds of an offer or a demand, if it does.
    pub fn hold(&self, source: Subject, agreement: AgreementId) -> Option<Arc<Hold>> {
        self.any_hold(source, agreement).filter(|hold| hold.in_force)
    }

    fn any_hold(&self, source: Subject, agreement: AgreementId) -> Option<Arc<Hold>> {
        Hold::of(self.aggregate(hold_key(source, agreement))?)
    }

    /// Whether an organisation took part in a session of a convening or hosted a visit there.
    pub fn took_part(&self, convening: ConveningId, organisation: OrganisationId) -> bool {
        self.holder(&row_name("took-part", convening.uuid(), organisation)).is_some()
    }
    /// Whether an organisation confirmed that it took part in a convening.
    pub fn confirmed_participation(&self, convening: ConveningId, organisation: OrganisationId) -> bool {
        self.holder(&row_name("confirmed", convening.uuid(), organisation)).is_some()
    }
    /// Whether a convening has this session.
    pub fn has_session(&self, convening: ConveningId, session: SessionId) -> bool {
        self.holder(&row_name("session", convening.uuid(), session)).is_some()
    }
    /// Whether a convening has this visit.
    pub fn has_visit(&self, convening: ConveningId, visit: VisitId) -> bool {
        self.holder(&row_name("visit", convening.uuid(), visit)).is_some()
    }

    /// The rows that an event on a convening adds.
    pub(super) fn fold_participation(&mut self, of: Uuid, facts: &convening::Facts, sequence: Sequence) {
        use convening::Facts;
        let mut add = |what: &str, id: &dyn Display| self.set_name(row_name(what, of, id), Some(of), sequence);
        match facts {
            Facts::SessionRecorded(facts) => {
                add("session", &facts.session);
                facts.organisations.iter().for_each(|organisation| add("took-part", organisation));
            }
            Facts::VisitRecorded(facts) => {
                add("visit", &facts.visit);
                add("took-part", &facts.host);
            }
            Facts::ParticipationConfirmed(facts) => add("confirmed", &facts.by),
            Facts::Announced(_) | Facts::Registered(_) | Facts::Postponed(_) | Facts::Held(_) | Facts::Cancelled(_) => {
            }
        }
    }

    /// A listing and what one agreement holds of it are one state in two slots. Where the snapshot was written on while this world
    /// caught up, one of them may have been loaded from before and the other from after: both are loaded from after then.
    pub(super) fn load_with_its_hold(&mut self, event: &Folded<'_>) {
        let (Some(version), Some(agreement)) = (event.stream_version, held_by(event.facts)) else { return };
        let key = hold_key(event.subject, agreement);
        let folded = |slot: Option<StreamVersion>| slot.is_some_and(|slot| slot >= version);
        match (folded(self.version(event.subject)), folded(self.version(key))) {
            (true, false) => drop(self.slots.get_mut().remove(&key)),
            (false, true) => drop(self.slots.get_mut().remove(&event.subject)),
            (true, true) | (false, false) => {}
        }
    }

    /// What an event on an offer or a demand changes of what agreements hold.
    pub(super) fn fold_hold(&mut self, event: &Folded<'_>, version: StreamVersion) {
        let Facts::Listing(facts) = event.facts else { return };
        let Some(agreement) = held_by(event.facts) else { return };
        let after =
            if let listing::Facts::Reserved(facts) = facts { Some(self.reserved(event.subject, facts)) } else { None };
        let before = self.any_hold(event.subject, agreement).map(|hold| (*hold).clone());
        let given_back = match (facts, &before) {
            (listing::Facts::Released(facts), _) if !facts.quantities.is_empty() => facts.quantities.clone(),
            (listing::Facts::Reserved(_), Some(hold)) if !hold.in_force => Vec::new(),
            (_, Some(hold)) => hold.quantities.clone(),
            (_, None) => Vec::new(),
        };
        let kept = before.map(|hold| hold.quantities).unwrap_or_default();
        let hold = Hold { in_force: after.is_some(), quantities: after.clone().unwrap_or(kept) };
        let key = hold_key(event.subject, agreement);
        let slots = self.slots.get_mut();
        if let Some(Aggregate::Listing(listing)) = slots.get_mut(&event.subject).map(|slot| &mut slot.aggregate) {
            let listing = Arc::make_mut(listing);
            listing.release(&given_back);
            listing.hold(after.as_deref().unwrap_or_default());
        }
        let aggregate = Aggregate::Hold(Arc::new(hold));
        slots.insert(key, Slot::new(version, event.sequence, aggregate));
        self.dirty.insert(key);
    }

    /// How much a reservation takes. Earlier versions of this program did not write it down for what was unlimited; the terms of
    /// the agreement, which stand before it in the log, say it.
    fn reserved(&self, source: Subject, facts: &listing::Reserved) -> Vec<Quantity> {
        if facts.quantity.is_some() {
            return facts.quantities().cloned().collect();
        }
        let agreement = self.agreement(facts.agreement);
        let sums = agreement.and_then(|agreement| agreement.terms.takes(source));
        sums.map(convenio_events::sums::Sums::into_quantities).unwrap_or_default()
    }
}

/// The agreement of which an event says that it holds something of an offer or a demand, or no longer does.
fn held_by(facts: &Facts) -> Option<AgreementId> {
    let Facts::Listing(facts) = facts else { return None };
    match facts {
        listing::Facts::Reserved(facts) => Some(facts.agreement),
        listing::Facts::Released(facts) => Some(facts.agreement),
        listing::Facts::Published(_)
        | listing::Facts::Revised(_)
        | listing::Facts::Paused(_)
        | listing::Facts::Resumed(_)
        | listing::Facts::Withdrawn(_)
        | listing::Facts::Expired(_)
        | listing::Facts::Fulfilled(_)
        | listing::Facts::Allocated(_) => None,
    }
}
