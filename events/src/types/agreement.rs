//! Agreements: terms, signatures over their digest, and how they live and end. Contributions are not here yet.

mod about;

use crate::{
    codes::{Direction, Instrument, Mechanism, Modality, PartyRole, Renewal, SignatureMethod, Visibility},
    commitment::{Digest, Salt},
    ids::{AgreementId, CommitmentId, ConveningId, MilestoneId, OrganisationId, SiteId, Subject},
    language_map::{LanguageMap, LanguageTag, Line},
    limits::{COMMITMENTS_LIMIT, ITEMS_LIMIT, Office, PARTIES_LIMIT, Title},
    sums::Sums,
    time::{Date, PartialDate, TimeZone},
    types::{
        NoText,
        access::ReasonText,
        event_types,
        organisation::{PlaceNames, place_names},
    },
    values::{Place, Quantity, Theme},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An organisation, or a site of one, in an agreement.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Party {
    /// Which organisation.
    pub organisation: OrganisationId,
    /// The country for which it stands, in the matrix of countries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub represents: Option<Place>,
    /// What it does; at least one.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub roles: Vec<PartyRole>,
    /// The nation or institution for which it stands: a short code that parties on one side share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// Whether the agreement needs its signature.
    #[serde(default)]
    pub signs: bool,
    /// Which of its sites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
}

/// A short code that the parties on one side of an agreement share, such as `PE` or `pih`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9-]{1,40}$", "maxLength" = 40))]
pub struct Side(Box<str>);

impl TryFrom<String> for Side {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if fits { Ok(Self(text.into())) } else { Err("side-form: a side is 1 to 40 letters, digits or hyphens") }
    }
}

/// What one party gives another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Commitment {
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// Its id within the agreement.
    pub id: CommitmentId,
    /// Who gives.
    pub provider: OrganisationId,
    /// How much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Quantity>,
    /// Who receives.
    pub receiver: OrganisationId,
    /// The offer or demand that it takes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Subject>,
}

/// Something that should have happened by a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Milestone {
    /// By when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Date>,
    /// Its id within the agreement.
    pub id: MilestoneId,
}

/// What was agreed. Signatures cover its digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Terms {
    /// What each gives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = COMMITMENTS_LIMIT))]
    pub commitments: Vec<Commitment>,
    /// Which way it flows.
    pub direction: Direction,
    /// Digests of its documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub documents: Vec<Digest>,
    /// The first day; the day of the last signature without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<Date>,
    /// The last day; no end without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_on: Option<Date>,
    /// Its form.
    pub instrument: Instrument,
    /// The languages it is written in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub languages: Vec<LanguageTag>,
    /// How it is done.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub mechanisms: Vec<Mechanism>,
    /// What should have happened by when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = COMMITMENTS_LIMIT))]
    pub milestones: Vec<Milestone>,
    /// Bilateral, triangular, ...
    pub modality: Modality,
    /// Notice to terminate, in days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_days: Option<u32>,
    /// Between whom; at least two.
    #[schemars(length(max = PARTIES_LIMIT))]
    pub parties: Vec<Party>,
    /// Where.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub places: Vec<Place>,
    /// The language that prevails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prevailing_language: Option<LanguageTag>,
    /// How it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<Renewal>,
    /// When the parties look at it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_on: Option<Date>,
    /// What it is about.
    #[serde(default)]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub themes: Vec<Theme>,
    /// Where its days end; the ledger's zone without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<TimeZone>,
}

impl Terms {
    /// Who must sign before it binds anybody: every party that the terms ask to sign, every offering, requesting or donor party, and
    /// whoever gives or receives by a commitment, whatever the terms say of it.
    pub fn signers(&self) -> BTreeSet<OrganisationId> {
        let bound = |party: &&Party| party.signs || party.is_principal();
        let parties = self.parties.iter().filter(bound).map(|party| party.organisation);
        parties.chain(self.commitments.iter().flat_map(|one| [one.provider, one.receiver])).collect()
    }

    /// The organisations that they name: the parties, and whoever gives or receives. One may come more than once.
    pub fn organisations(&self) -> impl Iterator<Item = &OrganisationId> {
        let parties = self.parties.iter().map(|party| &party.organisation);
        parties.chain(self.commitments.iter().flat_map(|one| [&one.provider, &one.receiver]))
    }

    /// The offers and demands that its commitments take from.
    pub fn sources(&self) -> BTreeSet<Subject> {
        self.commitments.iter().filter_map(|commitment| commitment.source).collect()
    }

    /// How much the commitments take of an offer or a demand; `None` where that is more than an amount can be.
    pub fn takes(&self, source: Subject) -> Option<Sums> {
        let own = self.commitments.iter().filter(|commitment| commitment.source == Some(source));
        let mut sums = Sums::default();
        let whole = own.filter_map(|commitment| commitment.quantity.as_ref()).all(|quantity| sums.add(quantity));
        whole.then_some(sums)
    }
}

impl Party {
    /// Whether its role alone binds it: it offers, requests or pays.
    pub fn is_principal(&self) -> bool {
        self.roles.iter().any(|role| match role {
            PartyRole::Offering | PartyRole::Requesting | PartyRole::Donor => true,
            PartyRole::Facilitator | PartyRole::Technical | PartyRole::Observer => false,
        })
    }
}

/// The schema of names that are ids.
fn id_names() -> serde_json::Value {
    serde_json::json!({"type": "string", "format": "uuid"})
}

/// What was agreed, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TermsText {
    /// What each commitment is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = COMMITMENTS_LIMIT, "propertyNames" = id_names()))]
    pub commitments: BTreeMap<CommitmentId, LanguageMap>,
    /// What each milestone is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = COMMITMENTS_LIMIT, "propertyNames" = id_names()))]
    pub milestones: BTreeMap<MilestoneId, LanguageMap>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objectives: Option<LanguageMap>,
    /// Free names of the places.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "place_names")]
    pub place_names: PlaceNames,
    /// The title.
    #[schemars(with = "Title")]
    pub title: LanguageMap,
}

/// The terms in words, and the salt under which the terms digest was taken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SaltedTermsText {
    /// Where a registered agreement's facts come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<Line>,
    /// The words.
    pub terms: TermsText,
    /// The salt of `terms_digest`.
    pub terms_salt: Salt,
}

/// What an agreement hangs together with; not part of its terms.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Links {
    /// The convening that it came out of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub convening: Option<ConveningId>,
    /// Offers and demands that it came from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = ITEMS_LIMIT))]
    pub listings: Vec<Subject>,
    /// The framework under which it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AgreementId>,
    /// The agreement that it renews.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renews: Option<AgreementId>,
}

/// A draft was shared with the parties.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Drafted {
    /// Who drafted it.
    pub by: OrganisationId,
    /// What it hangs together with.
    #[serde(default)]
    pub links: Links,
    /// What it says.
    pub terms: Terms,
    /// Digest of the whole terms: SHA-256("convenio-terms/v1\n" || salt || RFC 8785 JSON of `{facts, text}`).
    pub terms_digest: Digest,
    /// Who may see it.
    pub visibility: Visibility,
}

/// The draft was changed; a proposal goes back to being a draft.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revised {
    /// What it says now.
    pub terms: Terms,
    /// Digest of the whole terms.
    pub terms_digest: Digest,
}

/// It was put before the parties for signature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Proposed {
    /// The terms that are to be signed.
    pub terms_digest: Digest,
}

/// A party signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Signed {
    /// Who.
    pub by: OrganisationId,
    /// Digest of the mandate, where one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Digest>,
    /// How.
    pub method: SignatureMethod,
    /// The day of the signature.
    pub on: Date,
    /// The terms that were shown and signed.
    pub terms_digest: Digest,
}

/// In which capacity a party signed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignedText {
    /// The office that signed; never a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Office>")]
    pub office: Option<Line>,
}

/// A party will not sign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Refused {
    /// Who.
    pub by: OrganisationId,
}

/// Who proposed it took the proposal back; it is a draft again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProposalWithdrawn {}

/// All have signed and its first day has come.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Activated {
    /// The first day.
    pub effective_on: Date,
}

/// Its last day is over; it is closing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EndReached {
    /// The last day.
    pub ends_on: Date,
}

/// A party says that everything was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Completed {
    /// Who.
    pub by: OrganisationId,
}

/// A party ended it early.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Terminated {
    /// Who.
    pub by: OrganisationId,
}

/// A party put it on hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Suspended {
    /// Who.
    pub by: OrganisationId,
}

/// It goes on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Resumed {
    /// Who.
    pub by: OrganisationId,
}

/// A party left it before it was active; it is a draft again, which that party is no longer named in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Left {
    /// Who.
    pub by: OrganisationId,
}

/// It was given up before it was active.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// Who.
    pub by: OrganisationId,
}

/// An agreement concluded elsewhere was registered; what it says stays claimed until each party confirms.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Registered {
    /// Who says so.
    pub by: OrganisationId,
    /// When it was concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_on: Option<PartialDate>,
    /// When it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<PartialDate>,
    /// What it hangs together with.
    #[serde(default)]
    pub links: Links,
    /// True where who registers it is a party that is verified: it says so itself, which counts once another party says so too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub says_so: bool,
    /// What it says.
    pub terms: Terms,
    /// Digest of the whole terms.
    pub terms_digest: Digest,
    /// Who may see it.
    pub visibility: Visibility,
}

/// A party says for itself that a record is as it stands: of an agreement registered from elsewhere, or as one that does not sign.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    /// Who.
    pub by: OrganisationId,
}

/// A party says for itself that it is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Denied {
    /// Who.
    pub by: OrganisationId,
}

event_types! { Agreement {
    "drafted.v1" Drafted, SaltedTermsText;
    "revised.v1" Revised, SaltedTermsText;
    "proposed.v1" Proposed, NoText;
    "signed.v1" Signed, SignedText;
    "refused.v1" Refused, ReasonText;
    "proposal-withdrawn.v1" ProposalWithdrawn, ReasonText;
    "activated.v1" Activated, NoText;
    "end-reached.v1" EndReached, NoText;
    "completed.v1" Completed, ReasonText;
    "terminated.v1" Terminated, ReasonText;
    "suspended.v1" Suspended, ReasonText;
    "resumed.v1" Resumed, ReasonText;
    "cancelled.v1" Cancelled, ReasonText;
    "registered.v1" Registered, SaltedTermsText;
    "confirmed.v1" Confirmed, NoText;
    "denied.v1" Denied, ReasonText;
    "left.v1" Left, ReasonText;
} }
