//! Convenings as a person sees them: the plan, who says that it took part, what was held and visited.

use super::attesting::{Attested, attest_together, claimed};
use super::head::{Head, State};
use super::parts::Parts;
use super::text::raw_text;
use convenio_events::{
    Event, OrganisationId, SiteId,
    codes::{Attestation, FacilityKind, SessionKind},
    ids::{SessionId, VisitId},
    time::PartialDate,
    types::convening::{Facts, Plan},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A session that was held.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// Its id within the convening.
    pub id: SessionId,
    /// What kind.
    pub kind: SessionKind,
    /// Who took part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organisations: Vec<OrganisationId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_on: Option<PartialDate>,
    /// Title and summary.
    pub text: Option<Box<RawValue>>,
}

/// Facilities that were visited.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Visit {
    /// Its id within the convening.
    pub id: VisitId,
    /// Whose facilities.
    pub host: OrganisationId,
    /// Which site of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// What kinds of facility.
    pub facilities: Vec<FacilityKind>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_on: Option<PartialDate>,
    /// Title and summary.
    pub text: Option<Box<RawValue>>,
}

/// A convening.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Convening {
    /// Who announced or registered it.
    pub by: OrganisationId,
    /// Whether it was over when it was registered.
    pub registered: bool,
    /// When and where.
    pub plan: Plan,
    /// Title, summary, venue.
    pub text: Option<Box<RawValue>>,
    /// Who says that it took part.
    pub participation: Parts<Attested>,
    /// How many those are, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participation_count: Option<u64>,
    /// What was held.
    #[serde(default)]
    pub sessions: Parts<Session>,
    /// How many sessions were held, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_count: Option<u64>,
    /// What was visited.
    #[serde(default)]
    pub visits: Parts<Visit>,
    /// How many visits there were, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visits_count: Option<u64>,
}

impl Convening {
    pub(super) fn begin((by, plan): (OrganisationId, &Plan), registered: bool, event: &Event) -> (Head, Self) {
        let state = if registered { State::Registered } else { State::Announced };
        let head = Head::new(event, state);
        let named = || plan.organisers.iter().chain(&plan.participants).copied();
        let mut participation = claimed(named(), event);
        attest_together(&mut participation, by, Attestation::Confirmed, event);
        let convening = Self {
            by,
            registered,
            plan: plan.clone(),
            text: raw_text(event),
            participation: participation.into_iter().collect(),
            participation_count: None,
            sessions: Parts::default(),
            sessions_count: None,
            visits: Parts::default(),
            visits_count: None,
        };
        (head, convening)
    }

    pub(super) fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Announced(facts) => {
                (*head, *self) = Self::begin((facts.by, &facts.plan), false, event);
            }
            Facts::Registered(facts) => {
                (*head, *self) = Self::begin((facts.by, &facts.plan), true, event);
            }
            Facts::ParticipationConfirmed(confirmed) => {
                self.take_part(confirmed.by, event);
                attest_together(&mut self.participation, confirmed.by, Attestation::Confirmed, event);
            }
            Facts::SessionRecorded(held) => {
                for organisation in &held.organisations {
                    self.take_part(*organisation, event);
                }
                self.sessions.push(Session {
                    id: held.session,
                    kind: held.kind,
                    organisations: held.organisations.clone(),
                    occurred_on: held.occurred_on,
                    text: raw_text(event),
                });
            }
            Facts::VisitRecorded(visit) => {
                self.take_part(visit.host, event);
                self.visits.push(Visit {
                    id: visit.visit,
                    host: visit.host,
                    site: visit.site,
                    facilities: visit.facilities.clone(),
                    occurred_on: visit.occurred_on,
                    text: raw_text(event),
                });
            }
            Facts::Postponed(postponed) => {
                head.enter_because(State::Postponed, event);
                self.plan.starts_on = PartialDate::Day(postponed.starts_on.0);
                self.plan.ends_on = postponed.ends_on.map(|day| PartialDate::Day(day.0));
            }
            Facts::Held(_) => head.enter(State::Held),
            Facts::Cancelled(_) => head.enter_because(State::Cancelled, event),
        }
    }

    /// Whoever is said to have taken part in something takes part in the whole, claimed until it confirms.
    fn take_part(&mut self, organisation: OrganisationId, event: &Event) {
        if self.participation.iter().all(|one| one.organisation != organisation) {
            let attestation = Attestation::Claimed;
            self.participation.push(Attested { organisation, attestation, says_so: false, since: event.into() });
        }
    }
}
