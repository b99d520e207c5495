//! Closed lists that rules read, as enums. Their labels, and the long lists (countries, themes), are data: `code_list`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A word that is not in a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of: {0}")]
pub struct UnknownCode(pub String);

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident { $($variant:ident $word:literal),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $(
            #[doc = concat!("`", $word, "`")]
            #[serde(rename = $word)]
            $variant,
        )* }
        impl $name {
            /// Every code, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The code as it is written in JSON and data files.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.word()) }
        }
        impl FromStr for $name {
            type Err = UnknownCode;
            fn from_str(text: &str) -> Result<Self, UnknownCode> {
                Self::ALL.iter().copied().find(|code| code.word() == text)
                    .ok_or_else(|| UnknownCode([$($word),*].join(", ")))
            }
        }
    )* };
}

codes! {
    /// How cooperation is done.
    Mechanism {
        ExpertMission "expert-mission", StudyVisit "study-visit", Internship "internship", Training "training",
        Workshop "workshop", PeerExchange "peer-exchange", Accompaniment "accompaniment", PolicyDialogue "policy-dialogue",
        CommunityEngagement "community-engagement", GuidelineTransfer "guideline-transfer",
        SoftwareOrTool "software-or-tool", Equipment "equipment", Supplies "supplies", Research "research",
        RemoteAdvice "remote-advice", Funding "funding", Facilitation "facilitation",
    }
    /// Between whom cooperation happens.
    Modality { Bilateral "bilateral", Triangular "triangular", Network "network", Regional "regional", Internal "internal" }
    /// Which way cooperation flows.
    Direction {
        SouthSouth "south-south", NorthSouth "north-south", SouthNorth "south-north", NorthNorth "north-north",
        NotStated "not-stated",
    }
    /// What a party does in an agreement.
    PartyRole {
        Offering "offering", Requesting "requesting", Facilitator "facilitator", Donor "donor", Technical "technical",
        Observer "observer",
    }
    /// What an organisation is.
    OrganisationKind {
        Ministry "ministry", OtherPublicBody "other-public-body", Ngo "ngo", Academic "academic",
        CivilSociety "civil-society", Multilateral "multilateral", DevelopmentPartner "development-partner",
        Private "private", ProfessionalBody "professional-body", Network "network",
    }
    /// How an organisation belongs to another.
    AffiliationKind { PartOf "part-of", Member "member", Sister "sister" }
    /// How an organisation was verified.
    VerificationMethod {
        RegistryLookup "registry-lookup", OfficialLetter "official-letter", SiteVisit "site-visit",
        DomainControl "domain-control", Operator "operator",
    }
    /// What a grant allows.
    AccessRole {
        Admin "admin", OrganisationAdmin "organisation-admin", Recorder "recorder", Signatory "signatory",
        Facilitator "facilitator", Reviewer "reviewer", Auditor "auditor", Integrator "integrator",
    }
    /// Who may see a record today.
    Visibility { Public "public", Members "members", Parties "parties" }
    /// What a ledger is for. Only a test ledger's clock can be set.
    Purpose { Production "production", Test "test" }
    /// How pressing a demand is.
    Urgency { Low "low", Normal "normal", High "high", Critical "critical" }
    /// Who bears a cost.
    CostBearer { Provider "provider", Receiver "receiver", Shared "shared", ThirdParty "third-party" }
    /// What a cost is for.
    CostItem {
        Travel "travel", Subsistence "subsistence", Fees "fees", Materials "materials", Venue "venue",
        Interpretation "interpretation", Insurance "insurance", All "all",
    }
    /// The form of an agreement.
    Instrument {
        Mou "mou", Letter "letter", TccProject "tcc-project", Programme "programme", Action "action",
        ExchangeOfNotes "exchange-of-notes", Framework "framework", Contract "contract",
    }
    /// How an agreement renews.
    Renewal { None "none", Automatic "automatic", ByConsent "by-consent" }
    /// How a signature was given.
    SignatureMethod { Platform "platform", Paper "paper", External "external" }
    /// How a party stands to what others say of it.
    Attestation { Claimed "claimed", Confirmed "confirmed", Denied "denied" }
    /// What a learning is.
    LearningKind {
        Experience "experience", GoodPractice "good-practice", Lesson "lesson", Framework "framework",
        Guideline "guideline", Tool "tool", Story "story",
    }
    /// How far a learning was reviewed.
    LearningLevel { SelfPublished "self-published", Screened "screened", Assessed "assessed" }
    /// What became of a screening.
    ScreeningOutcome { Passed "passed", RevisionRequested "revision-requested" }
    /// What kind of session was held.
    SessionKind { Plenary "plenary", Meeting "meeting", Training "training" }
    /// What kind of facility was visited.
    FacilityKind {
        Laboratory "laboratory", Pharmacy "pharmacy", HealthCentre "health-centre", Hospital "hospital",
        ProjectSite "project-site", CommunitySite "community-site", GovernmentOffice "government-office", Other "other",
    }
    /// How a convening takes place.
    ConveningFormat { InPerson "in-person", Online "online", Hybrid "hybrid" }
}
