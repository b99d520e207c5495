//! Offers and demands: open, paused or over, and how much of each is held by agreements. Matching them is not done here.

use super::{Begun, State};
use convenio_events::{
    LearningId, NewEvent, OrganisationId, Subject, Timestamp,
    sums::Sums,
    time::{Date, TimeZone},
    types::listing::{Expired, Facts, Terms},
    values::{Amount, Quantity, Unit},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where an offer or demand stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// It can be taken up.
    Open,
    /// Not for now.
    Paused,
    /// Its owner took it back.
    Withdrawn,
    /// Its last day is over.
    Expired,
    /// It was met.
    Fulfilled,
}

/// An offer or a demand, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Listing {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// Where it stands.
    pub status: Status,
    /// How much in all; unlimited without.
    pub quantity: Option<Quantity>,
    /// The last day on which it holds.
    pub valid_through: Option<Date>,
    /// Where that day ends.
    pub time_zone: Option<TimeZone>,
    /// How much all agreements together hold of it, also while it is unlimited. Expiry and withdrawal never void it. What each
    /// holds is a [`Hold`].
    pub held: Sums,
    /// The learnings that speak for it.
    pub evidence: BTreeSet<LearningId>,
}

/// What one agreement holds of an offer or a demand: a row of its own, for any number of agreements may.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// How much, a quantity for each unit; none where the agreement does not say.
    pub quantities: Vec<Quantity>,
    /// False once it was released.
    pub in_force: bool,
}

impl State for Listing {
    type Facts = Facts;

    fn begin(facts: &Facts, _: Begun) -> Option<Self> {
        let Facts::Published(facts) = facts else { return None };
        let mut listing = Self {
            organisation: facts.organisation,
            status: Status::Open,
            quantity: None,
            valid_through: None,
            time_zone: None,
            held: Sums::default(),
            evidence: BTreeSet::new(),
        };
        listing.set_terms(&facts.terms);
        Some(listing)
    }

    /// What agreements hold of it is told by `hold` and `release`.
    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Published(_) | Facts::Reserved(_) | Facts::Allocated(_) | Facts::Released(_) => {}
            Facts::Revised(facts) => self.set_terms(&facts.terms),
            Facts::Paused(_) => self.status = Status::Paused,
            Facts::Resumed(_) => self.status = Status::Open,
            Facts::Withdrawn(_) => self.status = Status::Withdrawn,
            Facts::Expired(_) => self.status = Status::Expired,
            Facts::Fulfilled(_) => self.status = Status::Fulfilled,
        }
    }

    fn names(&self, _: Subject, organisation: OrganisationId) -> bool {
        self.organisation == organisation
    }

    /// When its last day is over; nothing where it has none or is over already.
    fn due(&self, ledger_zone: TimeZone) -> Option<Timestamp> {
        match self.status {
            Status::Open | Status::Paused => {
                self.valid_through.map(|last| last.end_in(self.time_zone.unwrap_or(ledger_zone)))
            }
            Status::Withdrawn | Status::Expired | Status::Fulfilled => None,
        }
    }

    /// Its last day is over.
    fn tick(&self, subject: Subject) -> Option<NewEvent> {
        self.valid_through.map(|valid_through| NewEvent::new(subject, Expired { valid_through }, None))
    }
}

impl Listing {
    fn set_terms(&mut self, terms: &Terms) {
        self.quantity = terms.quantity.clone();
        self.valid_through = terms.valid_through;
        self.time_zone = terms.time_zone;
        self.evidence = terms.evidence.iter().copied().collect();
    }

    /// An agreement holds so much of it.
    pub(crate) fn hold(&mut self, quantities: &[Quantity]) {
        for quantity in quantities {
            // A command that would make the sum more than an amount may be is refused.
            let _added = self.held.add(quantity);
        }
    }

    /// An agreement holds so much of it no more.
    pub(crate) fn release(&mut self, quantities: &[Quantity]) {
        quantities.iter().for_each(|quantity| self.held.take(quantity));
    }

    /// Whether it can be taken up at `now`: what is overdue is over.
    pub fn is_open(&self, now: Timestamp, ledger_zone: TimeZone) -> bool {
        self.status == Status::Open && self.due(ledger_zone).is_none_or(|due| now < due)
    }

    /// The unit and the amount that is still free; `None` when it is unlimited.
    pub fn left(&self) -> Option<(&Unit, Amount)> {
        let total = self.quantity.as_ref()?;
        let held = self.held.of(&total.unit);
        Some((&total.unit, total.amount.minus(held).unwrap_or(Amount::ZERO)))
    }
}
