//! Convenings: where organisations meet, what was held and visited. Their outputs point to them, not the other way round.

use crate::{
    codes::{ConveningFormat, FacilityKind, SessionKind, Visibility},
    ids::{OrganisationId, SessionId, SiteId, Subject, VisitId},
    language_map::{LanguageMap, LanguageTag, Line},
    limits::{ITEMS_LIMIT, Title},
    time::{Date, PartialDate},
    types::{
        NoText,
        about::{About, Happened, Naming, Opening, mention},
        access::ReasonText,
        event_types,
        organisation::{PlaceNames, place_names},
    },
    values::{Place, Theme},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// When and where organisations meet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<PartialDate>,
    /// In person or not.
    pub format: ConveningFormat,
    /// The languages spoken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub languages: Vec<LanguageTag>,
    /// Who convenes.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub organisers: Vec<OrganisationId>,
    /// Who takes part.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub participants: Vec<OrganisationId>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The first day, as exactly as known.
    pub starts_on: PartialDate,
    /// What it is about.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub themes: Vec<Theme>,
}

/// A convening in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlanText {
    /// Where the facts come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<Line>,
    /// Free names of the place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<LanguageMap>,
    /// The title.
    #[schemars(with = "Title")]
    pub title: LanguageMap,
    /// Where exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Title>")]
    pub venue: Option<LanguageMap>,
}

/// It was announced.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Announced {
    /// Who announced it.
    pub by: OrganisationId,
    /// When and where.
    pub plan: Plan,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A past one was registered; that organisations took part stays claimed until each confirms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Who registered it.
    pub by: OrganisationId,
    /// When and where.
    pub plan: Plan,
    /// Who may see it.
    pub visibility: Visibility,
}

/// An organisation says that it took part.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ParticipationConfirmed {
    /// Who.
    pub by: OrganisationId,
}

/// A session was held.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SessionRecorded {
    /// What kind.
    pub kind: SessionKind,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_on: Option<PartialDate>,
    /// Who took part.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub organisations: Vec<OrganisationId>,
    /// Its id within the convening.
    pub session: SessionId,
}

/// What a session or a visit was about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct OccasionText {
    /// What happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<LanguageMap>,
    /// The title.
    #[schemars(with = "Title")]
    pub title: LanguageMap,
}

/// Facilities were visited.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VisitRecorded {
    /// What kinds of facility; at least one.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub facilities: Vec<FacilityKind>,
    /// Whose facilities.
    pub host: OrganisationId,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_on: Option<PartialDate>,
    /// Which site of the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// Its id within the convening.
    pub visit: VisitId,
}

/// `visit-recorded.v1`, which knew one facility a visit.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
struct VisitRecordedV1 {
    visit: VisitId,
    host: OrganisationId,
    #[serde(default)]
    site: Option<SiteId>,
    facility: FacilityKind,
    #[serde(default)]
    occurred_on: Option<PartialDate>,
}

impl From<VisitRecordedV1> for Facts {
    fn from(VisitRecordedV1 { visit, host, site, facility, occurred_on }: VisitRecordedV1) -> Self {
        Self::VisitRecorded(VisitRecorded { visit, host, site, facilities: vec![facility], occurred_on })
    }
}

/// It was moved to other days.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Postponed {
    /// The new last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<Date>,
    /// The new first day.
    pub starts_on: Date,
}

/// It took place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Held {}

/// It will not take place.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {}

event_types! { Convening {
    "announced.v1" Announced, PlanText;
    "registered.v1" Registered, PlanText;
    "participation-confirmed.v1" ParticipationConfirmed, NoText;
    "session-recorded.v1" SessionRecorded, OccasionText;
    "visit-recorded.v2" VisitRecorded, OccasionText;
    "postponed.v1" Postponed, ReasonText;
    "held.v1" Held, NoText;
    "cancelled.v1" Cancelled, ReasonText;
} older {
    "visit-recorded.v1" VisitRecordedV1;
} }

impl Plan {
    /// The organisations that it names.
    pub fn organisations(&self) -> impl Iterator<Item = &OrganisationId> {
        self.organisers.iter().chain(&self.participants)
    }
}

impl Facts {
    pub(crate) fn about(&self, _: Happened) -> About {
        let begun = |visibility, by, plan: &Plan| About {
            opening: Opening::To(visibility),
            naming: Naming::Begin(by, plan.organisations().copied().collect()),
            titled: true,
            ..About::NOTHING
        };
        match self {
            Self::Announced(facts) => begun(facts.visibility, facts.by, &facts.plan),
            Self::Registered(facts) => begun(facts.visibility, facts.by, &facts.plan),
            Self::SessionRecorded(facts) => {
                About { naming: Naming::Stay(facts.organisations.clone()), ..About::NOTHING }
            }
            Self::VisitRecorded(facts) => About { naming: Naming::Stay(vec![facts.host]), ..About::NOTHING },
            Self::ParticipationConfirmed(_) | Self::Postponed(_) | Self::Held(_) | Self::Cancelled(_) => About::NOTHING,
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::Announced(facts) => mention(facts.plan.organisations().chain([&facts.by]), named),
            Self::Registered(facts) => mention(facts.plan.organisations().chain([&facts.by]), named),
            Self::SessionRecorded(facts) => mention(&facts.organisations, named),
            Self::VisitRecorded(facts) => mention([&facts.host], named),
            Self::ParticipationConfirmed(facts) => mention([&facts.by], named),
            Self::Postponed(_) | Self::Held(_) | Self::Cancelled(_) => {}
        }
    }
}
