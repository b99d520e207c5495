//! A convening: who convenes, when, and whether it took place. Who took part is rows of its own.

use super::{Begun, State};
use convenio_events::{OrganisationId, Subject, time::PartialDate, types::convening::Facts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a convening stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// It will take place.
    Announced,
    /// It took place; registered afterwards.
    Registered,
    /// It took place.
    Held,
    /// It did not take place.
    Cancelled,
}

/// A convening, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Convening {
    /// Who announced or registered it.
    pub by: OrganisationId,
    /// Who convened.
    pub organisers: BTreeSet<OrganisationId>,
    /// Who was to take part by its plan. Whoever took part in a session, hosted a visit or confirmed is a row of its own
    /// (`World::took_part`, `World::confirmed_participation`), for any number of organisations may.
    pub participants: BTreeSet<OrganisationId>,
    /// The first day, as exactly as known.
    pub starts_on: PartialDate,
    /// The last day, where it is known.
    pub ends_on: Option<PartialDate>,
    /// Where it stands.
    pub status: Status,
    /// Whether a session or a visit of it was recorded.
    pub took_place: bool,
}

impl State for Convening {
    type Facts = Facts;

    fn begin(facts: &Facts, _: Begun) -> Option<Self> {
        let (by, plan, status) = match facts {
            Facts::Announced(facts) => (facts.by, &facts.plan, Status::Announced),
            Facts::Registered(facts) => (facts.by, &facts.plan, Status::Registered),
            Facts::ParticipationConfirmed(_)
            | Facts::SessionRecorded(_)
            | Facts::VisitRecorded(_)
            | Facts::Postponed(_)
            | Facts::Held(_)
            | Facts::Cancelled(_) => return None,
        };
        let organisers = plan.organisers.iter().copied().collect();
        let participants = plan.participants.iter().copied().collect();
        let (starts_on, ends_on) = (plan.starts_on, plan.ends_on);
        Some(Self { by, organisers, participants, starts_on, ends_on, status, took_place: false })
    }

    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Announced(_) | Facts::Registered(_) | Facts::ParticipationConfirmed(_) => {}
            Facts::VisitRecorded(_) | Facts::SessionRecorded(_) => self.took_place = true,
            Facts::Postponed(facts) => {
                (self.starts_on, self.ends_on) = (facts.starts_on.into(), facts.ends_on.map(PartialDate::from));
            }
            Facts::Held(_) => self.status = Status::Held,
            Facts::Cancelled(_) => self.status = Status::Cancelled,
        }
    }

    fn names(&self, _: Subject, organisation: OrganisationId) -> bool {
        self.by == organisation || self.plans_with(organisation)
    }
}

impl Convening {
    /// Whether its plan names an organisation as convening or taking part.
    pub fn plans_with(&self, organisation: OrganisationId) -> bool {
        self.organisers.contains(&organisation) || self.participants.contains(&organisation)
    }
}
