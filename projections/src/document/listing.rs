//! Offers and demands as a person sees them. What a restricted agreement took is for the owner alone.

use super::head::{Head, State};
use super::parts::{Parts, is_empty};
use super::text::raw_text;
use convenio_events::{
    AgreementId, Event, OrganisationId,
    entry::Audience,
    types::listing::{Facts, Published, Terms},
    values::{Amount, Quantity},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// How much of it agreements have taken (code list `commitment-levels`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommitmentLevel {
    /// Nothing.
    Uncommitted,
    /// A part.
    PartlyCommitted,
    /// All there is.
    FullyCommitted,
}

/// What became of a reservation (code list `reservation-states`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReservationState {
    /// A proposed agreement holds it.
    Reserved,
    /// An active agreement took it.
    Allocated,
}

/// What one agreement holds of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// Which agreement.
    pub agreement: AgreementId,
    /// How much; of an unlimited one, nothing that could run out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// Reserved or allocated.
    pub state: ReservationState,
    /// Whether the agreement was restricted when it took it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restricted: bool,
}

/// What is left of a limited quantity; may be nothing, which a [`Quantity`] may not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remaining {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub unit: convenio_events::values::Unit,
}

/// An offer or a demand.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listing {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it is.
    pub terms: Terms,
    /// How much of it agreements have taken.
    pub commitment_level: CommitmentLevel,
    /// What is left; absent where there is no limit, or where saying so would tell of a restricted agreement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining: Option<Remaining>,
    /// What agreements hold of it.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub reservations: Parts<Reservation>,
    /// How many those are, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservations_count: Option<u64>,
    /// The agreement that met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fulfilled_by: Option<AgreementId>,
    /// Whether that agreement was restricted when it met it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fulfilled_restricted: bool,
    /// Title, summary, conditions, keywords.
    pub text: Option<Box<RawValue>>,
}

impl Listing {
    pub(super) fn begin(facts: &Published, event: &Event) -> (Head, Self) {
        let head = Head::new(event, State::Open);
        let mut listing = Self {
            organisation: facts.organisation,
            terms: facts.terms.clone(),
            commitment_level: CommitmentLevel::Uncommitted,
            remaining: None,
            reservations: Parts::default(),
            reservations_count: None,
            fulfilled_by: None,
            fulfilled_restricted: false,
            text: raw_text(event),
        };
        listing.count_what_is_left();
        (head, listing)
    }

    pub(super) fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Published(again) => (*head, *self) = Self::begin(again, event),
            Facts::Revised(revised) => {
                self.terms = revised.terms.clone();
                self.text = raw_text(event);
                self.count_what_is_left();
            }
            Facts::Paused(_) => head.enter_because(State::Paused, event),
            Facts::Resumed(_) => head.enter(State::Open),
            Facts::Withdrawn(_) => head.enter_because(State::Withdrawn, event),
            Facts::Expired(_) => head.enter(State::Expired),
            Facts::Fulfilled(by) => {
                head.enter(State::Fulfilled);
                self.fulfilled_by = by.agreement;
                self.fulfilled_restricted = event.audience == Audience::Restricted;
            }
            Facts::Reserved(reserved) => {
                self.reservations.push(Reservation {
                    agreement: reserved.agreement,
                    quantity: reserved.quantity.clone(),
                    state: ReservationState::Reserved,
                    restricted: event.audience == Audience::Restricted,
                });
                self.count_what_is_left();
            }
            Facts::Allocated(allocated) => {
                for held in self.reservations.iter_mut().filter(|held| held.agreement == allocated.agreement) {
                    held.state = ReservationState::Allocated;
                }
            }
            Facts::Released(released) => {
                self.reservations.retain(|held| held.agreement != released.agreement);
                self.count_what_is_left();
            }
        }
    }

    fn count_what_is_left(&mut self) {
        self.remaining = self.terms.quantity.as_ref().map(|whole| {
            let taken = self.reservations.iter().filter_map(|held| held.quantity.as_ref());
            let taken = taken.filter(|taken| taken.unit == whole.unit);
            let amount = taken.fold(whole.amount, |left, taken| left.minus(taken.amount).unwrap_or(Amount::ZERO));
            Remaining { amount, unit: whole.unit.clone() }
        });
        self.commitment_level = match &self.remaining {
            Some(remaining) if remaining.amount == Amount::ZERO => CommitmentLevel::FullyCommitted,
            _ if self.reservations.is_empty() => CommitmentLevel::Uncommitted,
            _ => CommitmentLevel::PartlyCommitted,
        };
    }

    /// Without what tells of restricted agreements; `None` when nothing does.
    pub(super) fn without_secrets(&self) -> Option<Self> {
        let taken = self.reservations.iter().any(|held| held.restricted);
        if !taken && !self.fulfilled_restricted {
            return None;
        }
        let mut shown = self.clone();
        if taken {
            shown.reservations.retain(|held| !held.restricted);
            shown.remaining = None;
        }
        if self.fulfilled_restricted {
            (shown.fulfilled_by, shown.fulfilled_restricted) = (None, false);
        }
        Some(shown)
    }
}
