//! Offers and demands: one machine, two names. Matching them is not recorded here.

use crate::{
    codes::{Mechanism, Modality, Urgency, Visibility},
    ids::{AgreementId, LearningId, OrganisationId, SiteId, Subject},
    language_map::{LanguageMap, LanguageTag},
    limits::{ITEMS_LIMIT, KEYWORDS_LIMIT, Keyword, Title},
    time::{Date, TimeZone},
    types::{
        NoText,
        about::{About, Happened, Naming, Opening, mention},
        access::ReasonText,
        event_types,
        organisation::{PlaceNames, place_names},
    },
    values::{CostShare, Place, Quantity, Theme},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is offered or needed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// Who bears which cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub costs: Vec<CostShare>,
    /// Learnings that speak for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub evidence: Vec<LearningId>,
    /// The languages of delivery.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub languages: Vec<LanguageTag>,
    /// How it would be done; at least one.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub mechanisms: Vec<Mechanism>,
    /// Between whom.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub modalities: Vec<Modality>,
    /// Where; at least one.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub places: Vec<Place>,
    /// How much; unlimited without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// The site of the organisation that offers or needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// What it is about; at least one.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub themes: Vec<Theme>,
    /// Where that day ends; the ledger's zone without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
    /// How pressing it is (demands).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgency: Option<Urgency>,
    /// The first day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Date>,
    /// The last day on which it holds; no end without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Date>,
}

/// What is offered or needed, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ListingText {
    /// On which conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<LanguageMap>,
    /// Free keywords.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Keyword>", length(max = KEYWORDS_LIMIT))]
    pub keywords: Vec<LanguageMap>,
    /// Free names of the places.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<LanguageMap>,
    /// The title.
    #[schemars(with = "Title")]
    pub title: LanguageMap,
}

/// It was published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// What it is.
    pub terms: Terms,
    /// Who may see it.
    pub visibility: Visibility,
}

/// It was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revised {
    /// What it is now.
    pub terms: Terms,
}

/// It is not open for now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Paused {}

/// It is open again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {}

/// Its owner took it back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Withdrawn {}

/// Its last day is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Expired {
    /// The last day on which it held.
    pub valid_through: Date,
}

/// Its owner says that it was met.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Fulfilled {
    /// The agreement that met it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<AgreementId>,
}

/// A proposed agreement holds a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reserved {
    /// Which agreement.
    pub agreement: AgreementId,
    /// What it takes in further units, where it takes of an unlimited one in several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Quantity>,
    /// How much; nothing where the agreement does not say, which only an unlimited one allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
}

impl Reserved {
    /// Everything that it takes, a quantity for each unit.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        self.quantity.iter().chain(&self.further)
    }
}

/// An active agreement took what it had reserved.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Allocated {
    /// Which agreement.
    pub agreement: AgreementId,
}

/// An agreement gave back what it had reserved or taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Released {
    /// Which agreement.
    pub agreement: AgreementId,
    /// What it gave back, a quantity for each unit; whatever it had reserved, where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantities: Vec<Quantity>,
}

event_types! { Listing {
    "published.v1" Published, ListingText;
    "revised.v1" Revised, ListingText;
    "paused.v1" Paused, ReasonText;
    "resumed.v1" Resumed, NoText;
    "withdrawn.v1" Withdrawn, ReasonText;
    "expired.v1" Expired, NoText;
    "fulfilled.v1" Fulfilled, NoText;
    "reserved.v1" Reserved, NoText;
    "allocated.v1" Allocated, NoText;
    "released.v1" Released, NoText;
} }

impl Facts {
    pub(crate) fn about(&self, _: Happened) -> About {
        match self {
            Self::Published(facts) => About {
                opening: Opening::To(facts.visibility),
                naming: Naming::Begin(facts.organisation, Vec::new()),
                titled: true,
                ..About::NOTHING
            },
            Self::Revised(_) => About { titled: true, ..About::NOTHING },
            Self::Reserved(facts) => About::because_of(facts.agreement),
            Self::Allocated(facts) => About::because_of(facts.agreement),
            Self::Released(facts) => About::because_of(facts.agreement),
            Self::Fulfilled(facts) => facts.agreement.map_or(About::NOTHING, About::because_of),
            Self::Paused(_) | Self::Resumed(_) | Self::Withdrawn(_) | Self::Expired(_) => About::NOTHING,
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::Published(facts) => {
                mention([&facts.organisation], named);
                facts.terms.mention(named);
            }
            Self::Revised(facts) => facts.terms.mention(named),
            Self::Fulfilled(facts) => named.extend(facts.agreement.map(Subject::from)),
            Self::Reserved(facts) => named.extend([Subject::from(facts.agreement)]),
            Self::Allocated(facts) => named.extend([Subject::from(facts.agreement)]),
            Self::Released(facts) => named.extend([Subject::from(facts.agreement)]),
            Self::Paused(_) | Self::Resumed(_) | Self::Withdrawn(_) | Self::Expired(_) => {}
        }
    }
}

impl Terms {
    fn mention(&self, named: &mut BTreeSet<Subject>) {
        named.extend(self.evidence.iter().copied().map(Subject::from));
    }
}
