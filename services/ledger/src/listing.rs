//! Offers and demands: open, paused or over, and how much of each is held by agreements. Matching them is not done here.

use crate::context::audience;
use convenio_events::{
    AgreementId, NewEvent, OrganisationId, Subject, Timestamp,
    codes::Visibility,
    entry::Audience,
    time::{Date, TimeZone},
    types::listing::{Expired, Facts, Published, Terms},
    values::{Amount, Quantity, Unit},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

mod commands;

pub(crate) use commands::closed;
pub use commands::{Fulfil, Pause, Publish, Resume, Revise, Withdraw};

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
    /// Who may see it.
    pub visibility: Visibility,
    /// How much in all; unlimited without.
    pub quantity: Option<Quantity>,
    /// The last day on which it holds.
    pub valid_through: Option<Date>,
    /// Where that day ends.
    pub time_zone: Option<TimeZone>,
    /// What agreements hold of it. Expiry and withdrawal never void it.
    pub held: BTreeMap<AgreementId, Option<Quantity>>,
}

impl Listing {
    /// An offer or demand as it was published.
    pub fn published(facts: &Published) -> Self {
        let mut listing = Self {
            organisation: facts.organisation,
            status: Status::Open,
            visibility: facts.visibility,
            quantity: None,
            valid_through: None,
            time_zone: None,
            held: BTreeMap::new(),
        };
        listing.set_terms(&facts.terms);
        listing
    }

    fn set_terms(&mut self, terms: &Terms) {
        self.quantity = terms.quantity.clone();
        self.valid_through = terms.valid_through;
        self.time_zone = terms.time_zone;
    }

    /// The offer or demand after an event.
    pub fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Published(_) | Facts::Allocated(_) => {}
            Facts::Revised(facts) => self.set_terms(&facts.terms),
            Facts::Paused(_) => self.status = Status::Paused,
            Facts::Resumed(_) => self.status = Status::Open,
            Facts::Withdrawn(_) => self.status = Status::Withdrawn,
            Facts::Expired(_) => self.status = Status::Expired,
            Facts::Fulfilled(_) => self.status = Status::Fulfilled,
            Facts::Reserved(facts) => {
                self.held.insert(facts.agreement, facts.quantity.clone());
            }
            Facts::Released(facts) => {
                self.held.remove(&facts.agreement);
            }
        }
    }

    /// When its last day is over; `None` when it has none or is over already.
    pub fn due(&self, ledger_zone: TimeZone) -> Option<Timestamp> {
        match self.status {
            Status::Open | Status::Paused => {
                self.valid_through.map(|last| last.end_in(self.time_zone.unwrap_or(ledger_zone)))
            }
            Status::Withdrawn | Status::Expired | Status::Fulfilled => None,
        }
    }

    /// Whether it can be taken up at `now`: what is overdue is over.
    pub fn is_open(&self, now: Timestamp, ledger_zone: TimeZone) -> bool {
        self.status == Status::Open && self.due(ledger_zone).is_none_or(|due| now < due)
    }

    /// What the clock records when its last day is over.
    pub fn tick(&self, subject: Subject) -> Option<NewEvent> {
        self.valid_through.map(|valid_through| NewEvent::new(subject, self.audience(), Expired { valid_through }, None))
    }

    /// The audience of what happens to it.
    pub fn audience(&self) -> Audience {
        audience(self.visibility)
    }

    /// The unit and the amount that is still free; `None` when it is unlimited.
    pub fn left(&self) -> Option<(&Unit, Amount)> {
        let total = self.quantity.as_ref()?;
        let held = self.held.values().flatten().filter(|held| held.unit == total.unit);
        let held = held.fold(Amount::ZERO, |sum, held| sum.plus(held.amount).unwrap_or(total.amount));
        Some((&total.unit, total.amount.minus(held).unwrap_or(Amount::ZERO)))
    }
}
