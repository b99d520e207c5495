//! Offers and demands as a person sees them. What a restricted agreement took is for the owner alone.

use super::{
    body::{EachList, RecordBody, Shown, Span},
    head::{Head, State},
    involvement::Roles,
    links::retain,
    parts::{List, PartKind, Parts, is_empty},
    tags::{Field, Tags},
    text::raw_text,
};
use convenio_events::{
    AgreementId, Event, OrganisationId, Subject,
    codes::Attestation,
    entry::Audience,
    time::{Date, PartialDate},
    types::listing::{Facts, Terms},
    values::{Amount, Quantity},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

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

impl CommitmentLevel {
    /// The code.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Uncommitted => "uncommitted",
            Self::PartlyCommitted => "partly-committed",
            Self::FullyCommitted => "fully-committed",
        }
    }
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

impl RecordBody for Listing {
    type Facts = Facts;
    const LISTS: &'static [PartKind] = &[PartKind::Reservations];

    fn begin(facts: &Facts, event: &Event) -> Option<(Head, Self)> {
        let Facts::Published(facts) = facts else { return None };
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
        Some((head, listing))
    }

    fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Published(_) => {}
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

    fn touched(&self, facts: &Facts, _: &Event) -> Vec<(PartKind, Uuid)> {
        match facts {
            Facts::Reserved(facts) => vec![(PartKind::Reservations, facts.agreement.uuid())],
            Facts::Allocated(facts) => vec![(PartKind::Reservations, facts.agreement.uuid())],
            Facts::Released(facts) => vec![(PartKind::Reservations, facts.agreement.uuid())],
            Facts::Published(_)
            | Facts::Revised(_)
            | Facts::Paused(_)
            | Facts::Resumed(_)
            | Facts::Withdrawn(_)
            | Facts::Expired(_)
            | Facts::Fulfilled(_) => Vec::new(),
        }
    }
}

impl Shown for Listing {
    fn text(&self) -> Option<&RawValue> {
        self.text.as_deref()
    }

    fn text_mut(&mut self) -> &mut Option<Box<RawValue>> {
        &mut self.text
    }

    fn add_roles(&self, roles: &mut Roles) {
        roles.add(self.organisation, "owner", Attestation::Confirmed);
    }

    fn span(&self) -> Span {
        let day = |date: Date| PartialDate::Day(date.0);
        (self.terms.valid_from.map(day), self.terms.valid_through.map(day))
    }

    fn is_history(&self, _: State) -> bool {
        true
    }

    fn add_tags(&self, _: &Head, tags: &mut Tags) {
        tags.themes(&self.terms.themes);
        tags.words(Field::Mechanism, &self.terms.mechanisms, |code| code.word());
        tags.words(Field::Modality, &self.terms.modalities, |code| code.word());
        tags.places(&self.terms.places);
        tags.languages(&self.terms.languages);
        tags.add(Field::Commitment, self.commitment_level.word());
    }

    fn list(&self, kind: PartKind) -> Option<&dyn List> {
        (kind == PartKind::Reservations).then_some(&self.reservations)
    }

    fn each_list(&mut self, change: &mut EachList<'_>) {
        change(PartKind::Reservations, &mut self.reservations, &mut self.reservations_count);
    }

    /// What tells of restricted agreements.
    fn has_secrets(&self) -> bool {
        self.fulfilled_restricted || self.reservations.iter().any(|held| held.restricted)
    }

    fn leave_out_secrets(&mut self) {
        if self.reservations.iter().any(|held| held.restricted) {
            self.reservations.retain(|held| !held.restricted);
            self.remaining = None;
        }
        if self.fulfilled_restricted {
            (self.fulfilled_by, self.fulfilled_restricted) = (None, false);
        }
    }

    fn retain_links(&mut self, keep: &mut dyn FnMut(Subject) -> bool) {
        self.terms.evidence.retain(|learning| keep((*learning).into()));
        retain(&mut self.fulfilled_by, keep);
    }

    fn about_bytes(&self) -> usize {
        120 * self.reservations.len()
    }
}

impl Listing {
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
}
