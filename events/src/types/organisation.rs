//! Organisations: who they are, where, how they belong together, and who vouches for them.

use crate::{
    codes::{AffiliationKind, OrganisationKind, VerificationMethod, Visibility},
    commitment::Digest,
    ids::{AffiliationId, OrganisationId, RecordKind, SiteId, Subject},
    language_map::{LanguageMap, LanguageTag, Line},
    limits::{IDENTIFIERS_LIMIT, ITEMS_LIMIT, Mailbox, Office, Title, Website},
    time::Date,
    types::{
        NoText,
        about::{About, Happened, Naming, Opening, mention},
        access::ReasonText,
        event_types,
    },
    values::{Identifier, Place},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Free names of nations and territories without a code of their own, by the place's code in the facts.
pub type PlaceNames = BTreeMap<Place, LanguageMap>;

/// The schema of [`PlaceNames`]: at most [`ITEMS_LIMIT`] places, each name a title.
pub(crate) fn place_names(generator: &mut SchemaGenerator) -> Schema {
    let mut schema = generator.subschema_for::<BTreeMap<Place, Title>>();
    schema.insert("maxProperties".to_owned(), ITEMS_LIMIT.into());
    schema
}

/// Whether the organisation itself is here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It can act, through grants.
    Holder,
    /// Somebody else registered it; it can be named, not act.
    Profile,
}

/// What an organisation is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Profile {
    /// Which kind.
    pub kind: OrganisationKind,
    /// The languages it works in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub languages: Vec<LanguageTag>,
    /// Where its seat is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What an organisation is, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProfileText {
    /// Where a profile's facts come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<Line>,
    /// What it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<LanguageMap>,
    /// That office's mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Mailbox>")]
    pub mailbox: Option<Line>,
    /// Its name.
    #[schemars(with = "Title")]
    pub name: LanguageMap,
    /// The office to write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Office>")]
    pub office: Option<Line>,
    /// Free names of the places.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
    /// Its site on the web: `http://` or `https://` and a host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Website>")]
    pub website: Option<Line>,
}

/// An organisation was registered, by itself or as a profile.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Identifiers that others gave it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = IDENTIFIERS_LIMIT))]
    pub identifiers: Vec<Identifier>,
    /// What it is.
    pub profile: Profile,
    /// Whether it can act.
    pub standing: Standing,
    /// Who may see it.
    pub visibility: Visibility,
}

/// What the organisation is was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revised {
    /// What it is now.
    pub profile: Profile,
}

/// An identifier was added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IdentifierAdded {
    /// Which.
    pub identifier: Identifier,
}

/// An identifier was withdrawn, and is free again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct IdentifierWithdrawn {
    /// Which.
    pub identifier: Identifier,
}

/// A site was added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiteAdded {
    /// Where it is.
    pub place: Place,
    /// Its id within the organisation.
    pub site: SiteId,
}

/// What a site is called.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiteText {
    /// Its name.
    #[schemars(with = "Title")]
    pub name: LanguageMap,
    /// Free name of its place.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
}

/// A site was closed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SiteClosed {
    /// Which.
    pub site: SiteId,
}

/// The subject was said to belong to another organisation. It stays claimed until both have confirmed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AffiliationClaimed {
    /// Its id within the organisation.
    pub affiliation: AffiliationId,
    /// How it belongs.
    pub kind: AffiliationKind,
    /// The other organisation.
    pub with: OrganisationId,
}

/// One of the two organisations confirmed an affiliation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AffiliationConfirmed {
    /// Which.
    pub affiliation: AffiliationId,
    /// Who confirmed.
    pub by: OrganisationId,
}

/// An affiliation ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AffiliationEnded {
    /// Which.
    pub affiliation: AffiliationId,
}

/// Somebody vouched for the organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// True where the first organisation of a ledger verified itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_itself: bool,
    /// Digest of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// How it was checked.
    pub method: VerificationMethod,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Date>,
}

/// The verification was taken back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VerificationRevoked {}

/// The organisation was suspended: it may still dispute, deny, answer and terminate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Suspended {}

/// The organisation may act again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Reinstated {}

event_types! { Organisation {
    "registered.v1" Registered, ProfileText;
    "revised.v1" Revised, ProfileText;
    "identifier-added.v1" IdentifierAdded, NoText;
    "identifier-withdrawn.v1" IdentifierWithdrawn, NoText;
    "site-added.v1" SiteAdded, SiteText;
    "site-closed.v1" SiteClosed, ReasonText;
    "affiliation-claimed.v1" AffiliationClaimed, NoText;
    "affiliation-confirmed.v1" AffiliationConfirmed, NoText;
    "affiliation-ended.v1" AffiliationEnded, ReasonText;
    "verified.v1" Verified, NoText;
    "verification-revoked.v1" VerificationRevoked, ReasonText;
    "suspended.v1" Suspended, ReasonText;
    "reinstated.v1" Reinstated, ReasonText;
} }

impl Facts {
    pub(crate) fn about(&self, Happened { subject, actor }: Happened) -> About {
        let own = (subject.kind == RecordKind::Organisation).then(|| OrganisationId::new(subject.id));
        match self {
            // Whoever registered a profile may see and mend it, whatever its visibility.
            Self::Registered(facts) => About {
                opening: Opening::To(facts.visibility),
                naming: own
                    .map_or(Naming::Nobody, |own| Naming::Begin(own, actor.organisation().into_iter().collect())),
                titled: true,
                ..About::NOTHING
            },
            Self::Revised(_) => About { titled: true, ..About::NOTHING },
            Self::AffiliationClaimed(facts) => {
                let own_word = own.is_some() && actor.organisation() == own;
                let (affiliation, with) = (facts.affiliation, facts.with);
                About { naming: Naming::Tie { affiliation, with, own_word }, ..About::NOTHING }
            }
            Self::AffiliationConfirmed(facts) if Some(facts.by) == own => {
                About { naming: Naming::Confirm(facts.affiliation), ..About::NOTHING }
            }
            Self::AffiliationEnded(facts) => About { naming: Naming::Untie(facts.affiliation), ..About::NOTHING },
            Self::AffiliationConfirmed(_)
            | Self::IdentifierAdded(_)
            | Self::IdentifierWithdrawn(_)
            | Self::SiteAdded(_)
            | Self::SiteClosed(_)
            | Self::Verified(_)
            | Self::VerificationRevoked(_)
            | Self::Suspended(_)
            | Self::Reinstated(_) => About::NOTHING,
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::AffiliationClaimed(facts) => mention([&facts.with], named),
            Self::AffiliationConfirmed(facts) => mention([&facts.by], named),
            Self::Registered(_)
            | Self::Revised(_)
            | Self::IdentifierAdded(_)
            | Self::IdentifierWithdrawn(_)
            | Self::SiteAdded(_)
            | Self::SiteClosed(_)
            | Self::AffiliationEnded(_)
            | Self::Verified(_)
            | Self::VerificationRevoked(_)
            | Self::Suspended(_)
            | Self::Reinstated(_) => {}
        }
    }
}
