//! Convenings as a person sees them: the plan, who says that it took part, what was held and visited.

use super::{
    attesting::{Attested, attest_together, claimed},
    body::{EachList, RecordBody, Shown, Span, Words},
    head::{Head, Moment, State},
    involvement::{Roles, attestation_of},
    parts::{List, PartKind, Parts},
    tags::{Field, Tags},
    text::raw_text,
};
use convenio_events::{
    Event, OrganisationId, SiteId,
    codes::{Attestation, FacilityKind, SessionKind},
    ids::{SessionId, VisitId},
    time::PartialDate,
    types::convening::{Facts, Plan},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

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

impl RecordBody for Convening {
    type Facts = Facts;
    const LISTS: &'static [PartKind] = &[PartKind::Participation, PartKind::Sessions, PartKind::Visits];

    fn begin(facts: &Facts, event: &Event) -> Option<(Head, Self)> {
        let (by, plan, registered) = match facts {
            Facts::Announced(facts) => (facts.by, &facts.plan, false),
            Facts::Registered(facts) => (facts.by, &facts.plan, true),
            Facts::ParticipationConfirmed(_)
            | Facts::SessionRecorded(_)
            | Facts::VisitRecorded(_)
            | Facts::Postponed(_)
            | Facts::Held(_)
            | Facts::Cancelled(_) => return None,
        };
        let state = if registered { State::Registered } else { State::Announced };
        let head = Head::new(event, state);
        let mut participation = claimed(plan.organisations().copied(), event);
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
        Some((head, convening))
    }

    fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Announced(_) | Facts::Registered(_) => {}
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

    /// With those that it changes because of what others said before.
    fn touched(&self, facts: &Facts, event: &Event) -> Vec<(PartKind, Uuid)> {
        let takes_part = |organisation: &OrganisationId| (PartKind::Participation, organisation.uuid());
        let mut touched: Vec<_> = match facts {
            Facts::Announced(facts) => facts.plan.organisations().chain([&facts.by]).map(takes_part).collect(),
            Facts::Registered(facts) => facts.plan.organisations().chain([&facts.by]).map(takes_part).collect(),
            Facts::ParticipationConfirmed(facts) => vec![takes_part(&facts.by)],
            Facts::SessionRecorded(facts) => {
                let organisations = facts.organisations.iter().map(takes_part);
                [(PartKind::Sessions, facts.session.uuid())].into_iter().chain(organisations).collect()
            }
            Facts::VisitRecorded(facts) => vec![(PartKind::Visits, facts.visit.uuid()), takes_part(&facts.host)],
            Facts::Postponed(_) | Facts::Held(_) | Facts::Cancelled(_) => Vec::new(),
        };
        let now = self.participation.iter().filter(|one| one.since.sequence == event.sequence);
        touched.extend(now.map(|one| takes_part(&one.organisation)));
        touched
    }
}

impl Shown for Convening {
    fn text(&self) -> Option<&RawValue> {
        self.text.as_deref()
    }

    fn text_mut(&mut self) -> &mut Option<Box<RawValue>> {
        &mut self.text
    }

    fn more_words<'a>(&'a self, hand_on: &mut dyn FnMut(Words<'a>)) {
        let sessions = self.sessions.page().iter().filter_map(|session| session.text.as_deref());
        let visits = self.visits.page().iter().filter_map(|visit| visit.text.as_deref());
        sessions.chain(visits).for_each(|text| hand_on(Words::Json(text)));
    }

    fn add_roles(&self, roles: &mut Roles) {
        for organiser in &self.plan.organisers {
            roles.add(*organiser, "organiser", attestation_of(&self.participation, *organiser));
        }
        for visit in &self.visits {
            roles.add(visit.host, "host", attestation_of(&self.participation, visit.host));
        }
        for one in self.participation.iter().filter(|one| !self.plan.organisers.contains(&one.organisation)) {
            roles.add(one.organisation, "participant", one.attestation);
        }
        if self.participation.iter().all(|one| one.organisation != self.by) {
            roles.add(self.by, "registrar", None);
        }
    }

    fn span(&self) -> Span {
        (Some(self.plan.starts_on), self.plan.ends_on.or(Some(self.plan.starts_on)))
    }

    fn is_history(&self, state: State) -> bool {
        state != State::Cancelled
    }

    fn add_tags(&self, _: &Head, tags: &mut Tags) {
        tags.add(Field::Type, self.plan.format.word());
        tags.themes(&self.plan.themes);
        tags.places(&self.plan.place);
        tags.languages(&self.plan.languages);
    }

    fn list(&self, kind: PartKind) -> Option<&dyn List> {
        match kind {
            PartKind::Participation => Some(&self.participation),
            PartKind::Sessions => Some(&self.sessions),
            PartKind::Visits => Some(&self.visits),
            PartKind::Sites | PartKind::Affiliations | PartKind::Reservations | PartKind::Screenings => None,
        }
    }

    fn each_list(&mut self, change: &mut EachList<'_>) {
        change(PartKind::Participation, &mut self.participation, &mut self.participation_count);
        change(PartKind::Sessions, &mut self.sessions, &mut self.sessions_count);
        change(PartKind::Visits, &mut self.visits, &mut self.visits_count);
    }

    fn tell_moments(&mut self, tell: &mut dyn FnMut(&mut Moment)) {
        self.participation.iter_mut().for_each(|one| tell(&mut one.since));
    }

    fn about_bytes(&self) -> usize {
        160 * (self.sessions.len() + self.visits.len() + self.participation.len())
    }
}

impl Convening {
    /// Whoever is said to have taken part in something takes part in the whole, claimed until it confirms.
    fn take_part(&mut self, organisation: OrganisationId, event: &Event) {
        if self.participation.iter().all(|one| one.organisation != organisation) {
            let attestation = Attestation::Claimed;
            self.participation.push(Attested { organisation, attestation, says_so: false, since: event.into() });
        }
    }
}
