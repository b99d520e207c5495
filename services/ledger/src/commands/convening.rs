//! Convenings: announced or registered afterwards, moved, held, and what was done there.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require, require_not_over},
    state::convening::{Convening, Status},
};
use convenio_events::{
    ConveningId, NewEvent, OrganisationId, RecordKind,
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
    fn decide(self, told: Told, context: &Context<'_>) -> Result<Decision, Rejection> {
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

/// Announces a convening, as one of those who convene.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AnnounceConvening(Convene);

impl CommandData for AnnounceConvening {
    const NAME: &'static str = "announce-convening";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "442ad67c-0f0c-583e-82c6-66aa4b25a814",
  "plan": {
    "organisers": ["a05b68af-d7c2-566c-a9af-c5b3bba236c4"],
    "participants": ["c51dada8-81bc-5362-b15f-f2044a609af7", "87c327b2-478b-58d4-aecd-1c552f70c6c9"],
    "format": "in-person",
    "place": "CO",
    "starts_on": "2031-03-01",
    "themes": ["sdg:3.c", "dac:12110"],
    "languages": ["es"]
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {
        "es": "Seminario Ejemplo de economía de la salud",
        "en": "Example Seminar on health economics"
      },
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(Told::Before, context)
    }
}

/// Registers a convening that took place, with its source; that organisations took part stays claimed until each confirms.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RegisterConvening(Convene);

impl CommandData for RegisterConvening {
    const NAME: &'static str = "register-convening";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "3444b108-6b73-5528-be04-2138c1b0bf91",
  "plan": {
    "organisers": ["69750eff-68ff-5a59-8f50-3a7db6627b65", "3c45d3e0-d34f-5cd6-a076-e92aab356e10"],
    "participants": ["e98dea9e-5509-5803-bfae-eed2bb501e98"],
    "format": "in-person",
    "place": "JM",
    "starts_on": "2023-05",
    "themes": ["sdg:3.8", "dac:12281"],
    "languages": ["en", "fr", "ht"]
  },
  "text": {
    "title": {
      "original": "en",
      "texts": {
        "en": "Exchange of supervisors of community health workers",
        "fr": "Échange de superviseurs d’agents de santé communautaires",
        "es": "Intercambio de supervisores de agentes comunitarios de salud"
      },
      "translations": {"fr": "author-approved", "es": "machine"}
    },
    "summary": {
      "original": "en",
      "texts": {
        "en": "Ten supervisors from Haiti and Guyana spent a week with teams in Jamaica.",
        "fr": "Dix superviseurs d’Haïti et du Guyana ont passé une semaine avec des équipes en Jamaïque."
      },
      "translations": {"fr": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        self.0.decide(Told::After, context)
    }
}

fn existing(id: ConveningId, context: &Context<'_>) -> Result<Arc<Convening>, Rejection> {
    context.require_seen(id.into())?;
    context.world.convening(id).ok_or_else(|| Reason::RecordUnknown.into())
}

impl CommandData for ConfirmParticipation {
    const NAME: &'static str = "confirm-participation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const FLAGS: &'static [Flag] = &[Flag::Confirms];
    const EXAMPLE: &'static str = r#"{"id": "1d6c0969-4ce3-57ee-b79f-53c6e8880d8c"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for RecordSession {
    const NAME: &'static str = "record-session";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const EXAMPLE: &'static str = r#"{
  "id": "1d6c0969-4ce3-57ee-b79f-53c6e8880d8c",
  "session": "8f07c68c-abbd-5011-8946-7fb100063c0e",
  "kind": "training",
  "organisations": [
    "224335b1-d5c1-5036-8204-766533c52a8f",
    "87c327b2-478b-58d4-aecd-1c552f70c6c9",
    "b37042f3-1d04-5e7e-afb3-116fcbfe816e"
  ],
  "occurred_on": "2024-01-16",
  "text": {
    "title": {
      "original": "es",
      "texts": {"es": "Secuenciación paso a paso", "en": "Sequencing step by step"},
      "translations": {"en": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for RecordVisit {
    const NAME: &'static str = "record-visit";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const EXAMPLE: &'static str = r#"{
  "id": "364223c8-f48e-5910-9b00-1d06e23e5106",
  "visit": "e96726f1-732d-5e05-8517-cb04d7c10015",
  "host": "11158c3e-7fa8-5390-88e9-0d3facd29e7a",
  "facilities": ["pharmacy"],
  "occurred_on": "2024-01",
  "text": {
    "title": {
      "original": "en",
      "texts": {"en": "Pharmacies of Socios En Salud", "es": "Farmacias de Socios En Salud"},
      "translations": {"es": "other"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for PostponeConvening {
    const NAME: &'static str = "postpone-convening";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const EXAMPLE: &'static str = r#"{
  "id": "bbef1b5b-967a-5792-b92e-ed500d6a1464",
  "starts_on": "2031-04-10",
  "ends_on": "2031-04-14",
  "reason": "A maternidade onde decorre a simulação estará em obras."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for HoldConvening {
    const NAME: &'static str = "hold-convening";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const EXAMPLE: &'static str = r#"{"id": "1d6c0969-4ce3-57ee-b79f-53c6e8880d8c"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let convening = announced(self.id, context)?;
        let begun = convening.starts_on.first_day() <= context.today(None);
        require(begun, Reason::DateInFuture)?;
        Ok(Decision::one(NewEvent::new(self.id, Held {}, None)))
    }
}

impl CommandData for CancelConvening {
    const NAME: &'static str = "cancel-convening";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Convening;
    const EXAMPLE: &'static str = r#"{
  "id": "442ad67c-0f0c-583e-82c6-66aa4b25a814",
  "reason": "No hubo financiación para los viajes."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        announced(self.id, context)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, Cancelled {}, text)))
    }
}
