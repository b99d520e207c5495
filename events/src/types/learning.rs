//! Learnings: what was done, what came of it, and how far others looked at it. Scores, endorsements and re-use are not here yet.

use crate::{
    codes::{LearningKind, LearningLevel, ScreeningOutcome, Visibility},
    commitment::Digest,
    ids::{OrganisationId, Subject},
    language_map::{LanguageMap, LanguageTag, Line},
    limits::{CODE_CHARACTERS_LIMIT, ITEMS_LIMIT, KEYWORDS_LIMIT, Keyword, Title},
    time::PartialDate,
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

/// What a learning is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Content {
    /// Who wrote it; at least one, and each accepts.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub authors: Vec<OrganisationId>,
    /// Digests of its documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub documents: Vec<Digest>,
    /// What it is.
    pub kind: LearningKind,
    /// The languages it is written in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub languages: Vec<LanguageTag>,
    /// The licence's code (code list `licences`).
    pub licence: Licence,
    /// Agreements, offers, demands and convenings that it came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub links: Vec<Subject>,
    /// When it happened or appeared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_on: Option<PartialDate>,
    /// Where it was learnt.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub places: Vec<Place>,
    /// What it is about.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub themes: Vec<Theme>,
}

/// A licence that is in the code list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("maxLength" = CODE_CHARACTERS_LIMIT))]
pub struct Licence(Box<str>);

impl TryFrom<String> for Licence {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if crate::code_list::licences().get(&text).is_some() {
            Ok(Self(text.into()))
        } else {
            Err("licence-unknown: a licence is a code of the list `licences`, such as CC-BY-4.0")
        }
    }
}
impl Licence {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A learning in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContentText {
    /// Where it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<Line>,
    /// Where it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<LanguageMap>,
    /// What was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<LanguageMap>,
    /// What made it possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabling_factors: Option<LanguageMap>,
    /// Free keywords.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Keyword>", length(max = KEYWORDS_LIMIT))]
    pub keywords: Vec<LanguageMap>,
    /// What was learnt.
    pub lessons: LanguageMap,
    /// Where it does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LanguageMap>,
    /// Free names of the places.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
    /// With whom it was learnt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<LanguageMap>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommendations: Option<LanguageMap>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub results: Option<LanguageMap>,
    /// The title.
    #[schemars(with = "Title")]
    pub title: LanguageMap,
}

/// A learning published elsewhere was registered, with its source; authorship is claimed until accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Who registered it.
    pub by: OrganisationId,
    /// What it is about.
    pub content: Content,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A learning was submitted for publication here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Submitted {
    /// Who submitted it.
    pub by: OrganisationId,
    /// What it is about.
    pub content: Content,
    /// Who may see it once published.
    pub visibility: Visibility,
}

/// An author changed it before it was published; whoever accepted other words accepts anew, and a screening of them is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revised {
    /// Who revised it.
    pub by: OrganisationId,
    /// What it is about now.
    pub content: Content,
}

/// A reviewer from another organisation looked at it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Screened {
    /// Organisations that the reviewer is affiliated with.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub affiliations: Vec<OrganisationId>,
    /// The reviewer's organisation.
    pub by: OrganisationId,
    /// What came of it.
    pub outcome: ScreeningOutcome,
}

/// What the reviewer says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScreenedText {
    /// The remarks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remarks: Option<LanguageMap>,
}

/// It was published.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    /// How far it was reviewed.
    pub level: LearningLevel,
}

/// An organisation says that it is an author.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AuthorshipAccepted {
    /// Who.
    pub by: OrganisationId,
}

/// An author took it back; a tombstone says why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Retracted {
    /// Who.
    pub by: OrganisationId,
}

event_types! { Learning {
    "registered.v1" Registered, ContentText;
    "submitted.v1" Submitted, ContentText;
    "screened.v1" Screened, ScreenedText;
    "published.v1" Published, NoText;
    "authorship-accepted.v1" AuthorshipAccepted, NoText;
    "retracted.v1" Retracted, ReasonText;
    "revised.v1" Revised, ContentText;
} }

impl Facts {
    pub(crate) fn about(&self, _: Happened) -> About {
        let begun = |opening, by, content: &Content| About {
            opening,
            naming: Naming::Begin(by, content.authors.clone()),
            titled: true,
            ..About::NOTHING
        };
        match self {
            Self::Registered(facts) => begun(Opening::To(facts.visibility), facts.by, &facts.content),
            Self::Submitted(facts) => begun(Opening::InReview(facts.visibility), facts.by, &facts.content),
            Self::Revised(facts) => {
                About { naming: Naming::Content(facts.content.authors.clone()), titled: true, ..About::NOTHING }
            }
            Self::Screened(facts) => About { naming: Naming::Review(facts.by), ..About::NOTHING },
            Self::Published(_) => About { opening: Opening::Published, ..About::NOTHING },
            Self::Retracted(_) => About { opening: Opening::TakenBack, ..About::NOTHING },
            Self::AuthorshipAccepted(_) => About::NOTHING,
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::Registered(facts) => facts.content.mention(&facts.by, named),
            Self::Submitted(facts) => facts.content.mention(&facts.by, named),
            Self::Revised(facts) => facts.content.mention(&facts.by, named),
            Self::Screened(facts) => mention(facts.affiliations.iter().chain([&facts.by]), named),
            Self::AuthorshipAccepted(facts) => mention([&facts.by], named),
            Self::Retracted(facts) => mention([&facts.by], named),
            Self::Published(_) => {}
        }
    }
}

impl Content {
    fn mention(&self, by: &OrganisationId, named: &mut BTreeSet<Subject>) {
        mention(self.authors.iter().chain([by]), named);
        named.extend(self.links.iter().copied());
    }
}
