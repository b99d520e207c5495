//! Convenings: announced or registered afterwards, moved, held, and what was done there.

use crate::{
    context::{Context, Decision},
    rejection::{Reason, Rejection, require, require_not_over},
    state::convening::{Convening, Status},
};
use convenio_events::{
    ConveningId, NewEvent, OrganisationId,
    codes::{FacilityKind, SessionKind, Visibility},
    ids::{SessionId, SiteId, VisitId},
    language_map::Line,
    limits::ITEMS_LIMIT,
    time::{Date, PartialDate},
    types::{
        access::ReasonText,
        convening::{
            Announced, Cancelled, Held, OccasionText, ParticipationConfirmed, Plan, PlanText, Postponed, Registered,
            SessionRecorded, VisitRecorded,
        },
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// Announces a convening, or registers a past one: that organisations took part stays claimed until each confirms.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Convene {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<ConveningId>,
    /// When and where.
    pub plan: Plan,
    /// It, in words.
    pub text: PlanText,
    /// Who may see it; everybody unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// When a convening is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Told {
    /// Before it takes place, by one of those who convene.
    Before,
    /// After it took place, by anybody who records.
    After,
}

/// Says that the acting organisation took part.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ConfirmParticipation {
    /// In which convening.
    pub id: ConveningId,
}

/// Records a session that was held.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RecordSession {
    /// At which convening.
    pub id: ConveningId,
    /// The session's id; without it one is derived from the command id.
    #[serde(default)]
    pub session: Option<SessionId>,
    /// What kind.
    pub kind: SessionKind,
    /// Who took part.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub organisations: Vec<OrganisationId>,
    /// When.
    #[serde(default)]
    pub occurred_on: Option<PartialDate>,
    /// What it was about.
    pub text: OccasionText,
}

/// Records a visit to facilities.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RecordVisit {
    /// At which convening.
    pub id: ConveningId,
    /// The visit's id; without it one is derived from the command id.
    #[serde(default)]
    pub visit: Option<VisitId>,
    /// Whose facilities.
    pub host: OrganisationId,
    /// Which site of the host.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// What kinds of facility.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub facilities: Vec<FacilityKind>,
    /// When.
    #[serde(default)]
    pub occurred_on: Option<PartialDate>,
    /// What was seen.
    pub text: OccasionText,
}

/// Moves an announced convening to other days.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct PostponeConvening {
    /// Which.
    pub id: ConveningId,
    /// The new first day.
    pub starts_on: Date,
    /// The new last day.
    #[serde(default)]
    pub ends_on: Option<Date>,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// Says that an announced convening took place.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct HoldConvening {
    /// Which.
    pub id: ConveningId,
}

/// Says that an announced convening will not take place.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct CancelConvening {
    /// Which.
    pub id: ConveningId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

fn check(plan: &Plan, context: &Context<'_>) -> Result<(), Rejection> {
    require(!plan.organisers.is_empty(), Reason::OrganiserRequired).map_err(|r| r.field("plan.organisers"))?;
    for (field, organisations) in [("plan.organisers", &plan.organisers), ("plan.participants", &plan.participants)] {
        for organisation in organisations {
            context.require_organisation(*organisation, field)?;
        }
    }
    let ordered = plan.ends_on.is_none_or(|end| !plan.starts_on.is_after(end));
    require(ordered, Reason::DatesReversed).map_err(|r| r.field("plan.ends_on"))
}

impl Convene {
    pub(crate) fn decide(self, told: Told, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| ConveningId::new(context.new_id));
        let own = self.plan.organisers.is_empty() || self.plan.organisers.contains(&by);
        require(own || told == Told::After, Reason::NotOwner).map_err(|r| r.field("plan.organisers"))?;
        context.require_new(id.into())?;
        check(&self.plan, context)?;
        let future = self.plan.starts_on.first_day() > context.today(None);
        require(!future || told == Told::Before, Reason::DateInFuture).map_err(|r| r.field("plan.starts_on"))?;
        let (plan, visibility) = (self.plan, self.visibility.unwrap_or(Visibility::Public));
        let text = Some(self.text);
        Ok(Decision::one(match told {
            Told::Before => NewEvent::new(id, Announced { by, plan, visibility }, text),
            Told::After => NewEvent::new(id, Registered { by, plan, visibility }, text),
        }))
    }
}

fn existing(id: ConveningId, context: &Context<'_>) -> Result<Arc<Convening>, Rejection> {
    context.require_seen(id.into())?;
    context.world.convening(id).ok_or_else(|| Reason::RecordUnknown.into())
}

impl ConfirmParticipation {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = existing(self.id, context)?;
        let by = context.organisation()?;
        require(convening.status != Status::Cancelled, Reason::ConveningOver)?;
        require(convening.plans_with(by) || context.world.took_part(self.id, by), Reason::NotParty)?;
        require(!context.world.confirmed_participation(self.id, by), Reason::AlreadyConfirmed)?;
        Ok(Decision::one(NewEvent::new(self.id, ParticipationConfirmed { by }, None)))
    }
}

/// A convening that the acting organisation keeps the record of.
fn kept(id: ConveningId, context: &Context<'_>) -> Result<Arc<Convening>, Rejection> {
    let convening = existing(id, context)?;
    let by = context.organisation()?;
    require(convening.by == by || convening.organisers.contains(&by), Reason::NotOwner)?;
    require(convening.status != Status::Cancelled, Reason::ConveningOver)?;
    Ok(convening)
}

/// What was held lies in the past and within the days of its convening, as exactly as they are known.
fn check_held(convening: &Convening, occurred_on: Option<PartialDate>, context: &Context<'_>) -> Result<(), Rejection> {
    let today = context.today(None);
    let begun = convening.starts_on.first_day() <= today;
    let Some(date) = occurred_on else {
        // Without a day of its own it was on one of those of the convening.
        return require(begun, Reason::DateInFuture).map_err(|r| r.field("occurred_on"));
    };
    let past = date.first_day() <= today;
    require(past, Reason::DateInFuture).map_err(|r| r.field("occurred_on"))?;
    // Where no last day is known, it may have gone on.
    let after = convening.ends_on.is_some_and(|end| date.is_after(end));
    let within = !after && !convening.starts_on.is_after(date);
    require(within, Reason::OutsideConvening).map_err(|r| r.field("occurred_on"))
}

impl RecordSession {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = kept(self.id, context)?;
        for organisation in &self.organisations {
            context.require_organisation(*organisation, "organisations")?;
        }
        check_held(&convening, self.occurred_on, context)?;
        let session = self.session.unwrap_or_else(|| SessionId::new(context.new_id));
        require(!context.world.has_session(self.id, session), Reason::IdExists).map_err(|r| r.field("session"))?;
        let (kind, organisations, occurred_on) = (self.kind, self.organisations, self.occurred_on);
        let facts = SessionRecorded { session, kind, organisations, occurred_on };
        Ok(Decision::one(NewEvent::new(self.id, facts, Some(self.text))))
    }
}

impl RecordVisit {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = kept(self.id, context)?;
        context.require_organisation(self.host, "host")?;
        let host = context.world.organisation(self.host);
        let known = self.site.is_none_or(|site| host.is_some_and(|host| host.has_site(site)));
        require(known, Reason::SiteUnknown).map_err(|r| r.field("site"))?;
        require(!self.facilities.is_empty(), Reason::FacilityRequired).map_err(|r| r.field("facilities"))?;
        check_held(&convening, self.occurred_on, context)?;
        let visit = self.visit.unwrap_or_else(|| VisitId::new(context.new_id));
        require(!context.world.has_visit(self.id, visit), Reason::IdExists).map_err(|r| r.field("visit"))?;
        let facts = VisitRecorded {
            visit,
            host: self.host,
            site: self.site,
            facilities: self.facilities,
            occurred_on: self.occurred_on,
        };
        Ok(Decision::one(NewEvent::new(self.id, facts, Some(self.text))))
    }
}

/// An announced convening of the acting organisation.
fn announced(id: ConveningId, context: &Context<'_>) -> Result<Arc<Convening>, Rejection> {
    let convening = kept(id, context)?;
    require(convening.status == Status::Announced, Reason::ConveningOver)?;
    Ok(convening)
}

impl PostponeConvening {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = announced(self.id, context)?;
        require(!convening.took_place, Reason::ConveningOver)?;
        require_not_over(self.ends_on.or(Some(self.starts_on)), context.today(None), "starts_on")?;
        let ordered = self.ends_on.is_none_or(|end| self.starts_on <= end);
        require(ordered, Reason::DatesReversed).map_err(|r| r.field("ends_on"))?;
        let facts = Postponed { starts_on: self.starts_on, ends_on: self.ends_on };
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, facts, text)))
    }
}

impl HoldConvening {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = announced(self.id, context)?;
        let begun = convening.starts_on.first_day() <= context.today(None);
        require(begun, Reason::DateInFuture)?;
        Ok(Decision::one(NewEvent::new(self.id, Held {}, None)))
    }
}

impl CancelConvening {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        announced(self.id, context)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, Cancelled {}, text)))
    }
}
