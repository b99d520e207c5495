//! Why the rules say no: stable codes in order of precedence. Failures of the system are not rejections.

use chrono::NaiveDate;
use convenio_events::{Sequence, StreamVersion, time::Date};
use std::{borrow::Cow, fmt};

/// What a caller may do about a rejection; each is one HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// 400: the command was not understood.
    NotUnderstood,
    /// 401: no valid token.
    NotAuthenticated,
    /// 403: not allowed.
    NotAllowed,
    /// 404: not there, or not yours to see.
    NotFound,
    /// 409: the record's state refuses.
    Conflict,
    /// 413: a limit.
    TooLarge,
    /// 422: a rule refuses.
    Unprocessable,
    /// 429: too often.
    TooOften,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $class:ident $title:literal;)*) => {
        /// Every reason for which a command is refused, in order of precedence: where several hold, the first is told.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Reason { $(#[doc = $title] $variant,)* }
        impl Reason {
            /// Every reason, first to last.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The stable code, kebab-case.
            pub const fn code(self) -> &'static str { match self { $(Self::$variant => $code,)* } }
            /// What a caller may do about it.
            pub const fn class(self) -> Class { match self { $(Self::$variant => Class::$class,)* } }
            /// The rule in a few words.
            pub const fn title(self) -> &'static str { match self { $(Self::$variant => $title,)* } }
        }
    };
}

reasons! {
    TokenInvalid "token-invalid" NotAuthenticated "the token is not known, was revoked, or is not valid now";
    ActingForRequired "acting-for-required" Unprocessable "the grant covers several organisations: say which one acts";
    ActingForNotGranted "acting-for-not-granted" NotAllowed "the grant does not cover that organisation";
    UnknownCommand "unknown-command" NotFound "there is no such command";
    MalformedJson "malformed-json" NotUnderstood "the body is not JSON";
    UnknownField "unknown-field" NotUnderstood "the command has no such field";
    InvalidField "invalid-field" NotUnderstood "a field does not have the form that it must have";
    TooManyItems "too-many-items" TooLarge "a list has too many items";
    RoleRequired "role-required" NotAllowed "the grant's role does not allow this command";
    OrganisationRequired "organisation-required" NotAllowed "this command is an organisation's, not the operator's";
    OrganisationSuspended "organisation-suspended" NotAllowed "the acting organisation is suspended";
    CommandIdReused "command-id-reused" Unprocessable "the command id was used for another command";
    RecordUnknown "record-unknown" NotFound "there is no such record, or it is not yours to see";
    NotOwner "not-owner" NotAllowed "the record belongs to another organisation";
    NotParty "not-party" NotAllowed "the acting organisation is not a party";
    NotPrincipal "not-principal" NotAllowed "only its drafter and its principal parties do this, not who brokers or looks on";
    SignatoryRequired "signatory-required" NotAllowed "the grant may not sign";
    VerificationRequired "verification-required" NotAllowed "the acting organisation is not verified";
    IdExists "id-exists" Conflict "a record with this id exists";
    VersionRequired "version-required" Unprocessable "this command must carry the version that was shown";
    StaleVersion "stale-version" Conflict "the record has changed since it was shown";
    TermsChanged "terms-changed" Conflict "the terms are not those that were shown";
    OfferClosed "offer-closed" Conflict "the offer is not open";
    DemandClosed "demand-closed" Conflict "the demand is not open";
    NotPaused "not-paused" Conflict "the record is not paused";
    NotDraft "not-draft" Conflict "the agreement is not a draft";
    NotProposed "not-proposed" Conflict "the agreement is not proposed for signature";
    NotActive "not-active" Conflict "the agreement is not active";
    NotSuspended "not-suspended" Conflict "it is not suspended";
    AlreadyOver "already-over" Conflict "the record is over";
    AlreadyActive "already-active" Conflict "the agreement is active already";
    AlreadySigned "already-signed" Conflict "the party has signed already";
    NotRegistered "not-registered" Conflict "it was not registered from elsewhere: whoever must sign it says so by signing";
    AlreadyConfirmed "already-confirmed" Conflict "it was confirmed already";
    AlreadyDenied "already-denied" Conflict "it was denied already";
    AlreadyAffiliated "already-affiliated" Conflict "the organisation is affiliated with that one in this way already";
    TooManyOpenClaims "too-many-open-claims" Conflict "too many claims of the acting organisation on records of others wait to be confirmed";
    AlreadyVerified "already-verified" Conflict "the organisation is verified already";
    NotVerified "not-verified" Conflict "the organisation is not verified";
    AlreadySuspended "already-suspended" Conflict "it is suspended already";
    AlreadyRevoked "already-revoked" Conflict "the grant was revoked already";
    AlreadyPublished "already-published" Conflict "the learning is published already";
    ScreeningRequired "screening-required" Conflict "the learning has not passed a screening";
    AuthorshipOpen "authorship-open" Conflict "an author has not accepted yet";
    ConveningOver "convening-over" Conflict "the convening was held or cancelled";
    TooManyRefusals "too-many-refusals" TooOften "this organisation was told too often that an identifier is in use";
    IdentifierInUse "identifier-in-use" Conflict "the identifier is in use";
    IdentifierUnknown "identifier-unknown" Unprocessable "the organisation has no such identifier";
    TokenInUse "token-in-use" Conflict "the token belongs to a grant";
    OrganisationUnknown "organisation-unknown" Unprocessable "there is no such organisation";
    SiteUnknown "site-unknown" Unprocessable "the organisation has no such open site";
    AffiliationUnknown "affiliation-unknown" Unprocessable "there is no such affiliation";
    AffiliationItself "affiliation-with-itself" Unprocessable "an organisation is not affiliated with itself";
    LinkUnknown "link-unknown" Unprocessable "a linked record does not exist";
    NotCitable "not-citable" Conflict "what was retracted or denied is not cited anew";
    ProfileCannotAct "profile-cannot-act" Unprocessable "a profile can be named, not act: no grant can cover it";
    OrganisationsRequired "organisations-required" Unprocessable "a grant names at least one organisation";
    RoleBeyondOwn "role-beyond-own" NotAllowed "a grant gives no more than its giver may";
    VerifyItself "verify-itself" Unprocessable "nobody verifies its own organisation";
    ReviewOwn "review-own" Unprocessable "a reviewer is not from an authoring organisation";
    TitleRequired "title-required" Unprocessable "a title is required";
    ThemeRequired "theme-required" Unprocessable "at least one theme is required";
    MechanismRequired "mechanism-required" Unprocessable "at least one mechanism is required";
    PlaceRequired "place-required" Unprocessable "at least one place is required";
    LessonsRequired "lessons-required" Unprocessable "a learning says what was learnt";
    AuthorRequired "author-required" Unprocessable "a learning has at least one author";
    OrganiserRequired "organiser-required" Unprocessable "a convening has at least one organiser";
    FacilityRequired "facility-required" Unprocessable "a visit names at least one kind of facility";
    DatesReversed "dates-reversed" Unprocessable "the end is before the start";
    ReviewInPast "review-in-past" Unprocessable "the parties look at it again on a day that is to come";
    ReviewOutsideTerm "review-outside-term" Unprocessable "the parties look at it again while it is in force";
    DueOutsideTerm "due-outside-term" Unprocessable "what is due is due while the agreement is in force";
    OutsideConvening "outside-convening" Unprocessable "a session or a visit is held during its convening";
    DateInFuture "date-in-future" Unprocessable "what is recorded as past lies in the future";
    DateInPast "date-in-past" Unprocessable "the date is over already";
    PartiesTooFew "parties-too-few" Unprocessable "an agreement has at least two parties that differ";
    PartyTwice "party-twice" Unprocessable "a party is named twice";
    RoleMissing "party-role-required" Unprocessable "every party has a role";
    SignerRequired "signer-required" Unprocessable "at least one party signs";
    SignatureRequired "signature-required" Unprocessable "whoever offers, requests, pays, gives or receives signs: nobody is bound by others alone";
    PartyLeft "party-left" Conflict "an organisation that left this agreement is not named in it again";
    SideRequired "side-required" Unprocessable "every signing party declares its side";
    BilateralSides "bilateral-sides" Unprocessable "bilateral means exactly two sides, facilitators and observers aside";
    TriangularRoles "triangular-roles" Unprocessable "triangular means at least one offering, one requesting, and one facilitator or donor";
    InternalOrganisation "internal-organisation" Unprocessable "internal means sites of one organisation";
    CommitmentParty "commitment-party" Unprocessable "a commitment is between parties of the agreement";
    CommitmentItself "commitment-to-itself" Unprocessable "nobody commits itself to itself";
    CommitmentTwice "commitment-twice" Unprocessable "a commitment or milestone is named twice";
    DescriptionUnknown "description-unknown" Unprocessable "a description names no commitment or milestone of the terms";
    PrevailingLanguage "prevailing-language-not-listed" Unprocessable "the language that prevails is one of the languages";
    SourceOwner "source-owner" Unprocessable "an offer is its provider's, a demand its receiver's";
    UnitDiffers "unit-differs" Unprocessable "the unit is not the one of the offer or demand";
    QuantityRequired "quantity-required" Unprocessable "taking from a limited offer or demand says how much";
    QuantityExceeded "quantity-exceeded" Conflict "more than there is or is left";
    MandateRequired "mandate-required" Unprocessable "a paper or external signature on behalf of another needs its mandate";
    DayOfPlatform "day-of-platform" Unprocessable "a signature on this platform has the day on which it is given; a day belongs to paper";
    ConsentRequired "consent-required" Unprocessable "the visibility of an agreement changes with the consent of every signing party";
    TooManyVisibilityChanges "too-many-visibility-changes" Conflict "who may see one record is changed 100 times at most";
    VisibilitySame "visibility-same" Conflict "the record has that visibility already";
    ValidityPassed "validity-passed" Unprocessable "the grant would be over already";
    TooManyEvents "too-many-events" TooLarge "the command would record too many events";
}

/// The codes that are finer than `invalid-field`: what values of commands must be, and in a few words why they are refused.
pub const VALUE_CODES: [(&str, &str); 20] = [
    ("amount-form", "an amount is a decimal number in a string"),
    ("amount-not-positive", "a quantity is more than zero"),
    ("control-character", "a text has a control character other than tab and line feed"),
    ("direction-control", "a text turns its direction of writing"),
    ("identifier-form", "an identifier is {list}-{id}, of org-id.guide or of the ledger's own list"),
    ("invisible-character", "a text has a character that nobody sees, where its script does not need it"),
    ("item-twice", "a list names a code twice"),
    ("language-unknown", "a language is a BCP 47 tag of registered parts"),
    ("licence-unknown", "a licence is a code of the list `licences`"),
    ("member-twice", "a member of an object is named twice"),
    ("original-required", "a text in several languages says which is the original"),
    ("place-unknown", "a place is a country or a subdivision of ISO 3166"),
    ("side-form", "a side is 1 to 40 letters, digits or hyphens"),
    ("text-required", "a text has words in at least one language"),
    ("text-too-long", "a text has more characters than its field takes"),
    ("theme-unknown", "a theme is a code of a list of themes"),
    ("too-many-languages", "a text has more languages than one takes"),
    ("translation-unknown", "a translation is marked that the text does not have"),
    ("unit-unknown", "a unit is a unit of cooperation in kind or a currency"),
    ("website-form", "a website begins with http:// or https:// and names a host"),
];

/// A command that was refused; nothing was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// The code, where it is finer than the reason's (`theme-unknown` within `invalid-field`).
    pub code: Cow<'static, str>,
    /// Which field of the command's data, as a path (`terms.parties[0].side`).
    pub field: Option<String>,
    /// What is asked for, with the values at hand.
    pub detail: Option<String>,
}

impl Rejection {
    /// Names the field that the rule is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
    /// Says it with the values at hand.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl From<Reason> for Rejection {
    fn from(reason: Reason) -> Self {
        Self { reason, code: reason.code().into(), field: None, detail: None }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (code, title) = (&self.code, self.reason.title());
        match (&self.field, &self.detail) {
            (Some(field), Some(detail)) => write!(f, "{code}: {field}: {detail}"),
            (Some(field), None) => write!(f, "{code}: {field}: {title}"),
            (None, Some(detail)) => write!(f, "{code}: {detail}"),
            (None, None) => write!(f, "{code}: {title}"),
        }
    }
}

/// Refuses unless `holds`.
pub(crate) fn require(holds: bool, reason: Reason) -> Result<(), Rejection> {
    if holds { Ok(()) } else { Err(reason.into()) }
}

/// Refuses a last day that is over where the record counts its days.
pub(crate) fn require_not_over(last: Option<Date>, today: NaiveDate, field: &str) -> Result<(), Rejection> {
    let over = last.is_some_and(|last| last.0 < today);
    let refused = |rejection: Rejection| rejection.field(field).detail(format!("today is {today} in its time zone"));
    require(!over, Reason::DateInPast).map_err(refused)
}

/// Why a command has no answer from the rules; the same command with the same id may be sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unavailable {
    /// This node does not write now.
    NoWriter,
    /// The queue is full; nothing was decided.
    Overloaded,
    /// The log did not say whether it was written.
    OutcomeUnknown,
    /// The clock jumped; an operator must confirm it.
    ClockJumped,
    /// The log takes nothing now, as on a full disk; nothing was decided.
    LogUnwritable,
}

impl Unavailable {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::NoWriter, Self::Overloaded, Self::OutcomeUnknown, Self::ClockJumped, Self::LogUnwritable];

    /// The stable code, kebab-case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoWriter => "no-writer",
            Self::Overloaded => "overloaded",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::ClockJumped => "clock-jumped",
            Self::LogUnwritable => "log-unwritable",
        }
    }
    /// What it means, in a few words.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoWriter => "this node cannot record now",
            Self::Overloaded => "more commands wait than the node takes; nothing was decided",
            Self::OutcomeUnknown => "the log did not say whether it was written; send it again with the same id",
            Self::ClockJumped => "the node's clock jumped; its operator must confirm it",
            Self::LogUnwritable => "the log takes nothing now, as on a full disk; nothing was decided",
        }
    }
}

/// How a command ended without being recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The rules say no.
    Rejected(Rejection),
    /// The system could not say.
    Unavailable(Unavailable),
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// What a stale version says.
pub(crate) fn stale(expected: StreamVersion, actual: Option<StreamVersion>) -> Rejection {
    let actual = actual.map_or_else(|| "nothing".to_owned(), |version| version.to_string());
    Rejection::from(Reason::StaleVersion).detail(format!("expected version {expected}, the record has {actual}"))
}

/// What was recorded for a command; the same again for a replay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The record it was about.
    pub subject: convenio_events::Subject,
    /// The sequence of the command's first event.
    pub sequence: Sequence,
    /// The subject's version after the command.
    pub stream_version: StreamVersion,
    /// The command's events, in order.
    pub events: Vec<RecordedRef>,
    /// The command's id.
    pub command_id: convenio_events::CommandId,
    /// Whether it was recorded before.
    pub replay: bool,
}

/// An event of an accepted command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordedRef {
    /// The event's id.
    pub id: convenio_events::EventId,
    /// `org.convenio.offer.published.v1`.
    pub type_name: String,
    /// Its position.
    pub sequence: Sequence,
}
