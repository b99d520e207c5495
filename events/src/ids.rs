//! Typed identifiers and counters. They say what a number means; they never look anything up.

pub use crate::kinds::RecordKind;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{
    borrow::Cow,
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
};
use uuid::Uuid;

/// What an [`Id`] identifies.
pub trait Kind: 'static {
    /// The word used in schemas and messages.
    const NAME: &'static str;
}

/// A UUID that says what it identifies; serialised as the plain lower-case UUID.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// Wraps a UUID that is known to identify a `K`.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }
    /// The bare UUID.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", K::NAME, self.0)
    }
}
impl<K> FromStr for Id<K> {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self::new)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}
impl<K: Kind> JsonSchema for Id<K> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("{}-id", K::NAME).into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "uuid", "description": format!("id of: {}", K::NAME)})
    }
}

macro_rules! kinds {
    ($($marker:ident $alias:ident $name:literal;)*) => { $(
        #[doc = concat!("Marks ids of: ", $name, ".")]
        #[derive(Debug)]
        pub enum $marker {}
        impl Kind for $marker { const NAME: &'static str = $name; }
        #[doc = concat!("Identifies: ", $name, ".")]
        pub type $alias = Id<$marker>;
    )* };
}
kinds! {
    LedgerKind LedgerId "ledger";
    OrganisationKindMarker OrganisationId "organisation";
    SiteKind SiteId "site";
    AffiliationKindMarker AffiliationId "affiliation";
    AccessKind AccessId "access";
    ListingKind ListingId "offer or demand";
    AgreementKind AgreementId "agreement";
    CommitmentKind CommitmentId "commitment";
    MilestoneKind MilestoneId "milestone";
    LearningKindMarker LearningId "learning";
    ConveningKindMarker ConveningId "convening";
    SessionKindMarker SessionId "session";
    VisitKind VisitId "visit";
    IntroductionKind IntroductionId "introduction";
    EventKind EventId "event";
    CommandKind CommandId "command";
}

/// What an event is about: `offer/<uuid>`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// Which kind of record.
    pub kind: RecordKind,
    /// Which one.
    pub id: Uuid,
}

/// A text that is not `<kind>/<uuid>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a subject of the form <kind>/<uuid>")]
pub struct SubjectError;

impl Subject {
    /// The subject of a record.
    pub const fn new(kind: RecordKind, id: Uuid) -> Self {
        Self { kind, id }
    }
}
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}
impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Subject {
    type Err = SubjectError;
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let (kind, id) = text.split_once('/').ok_or(SubjectError)?;
        Ok(Self { kind: kind.parse()?, id: parse_canonical_uuid(id).ok_or(SubjectError)? })
    }
}

/// A UUID in its one lower-case hyphenated form; other spellings would make two subjects of one.
pub(crate) fn parse_canonical_uuid(text: &str) -> Option<Uuid> {
    let uuid = Uuid::try_parse(text).ok()?;
    let mut buffer = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut buffer) == text).then_some(uuid)
}

/// Who did it: `organisation/<uuid>`, `system/clock`, or `system/operator`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Actor {
    /// An organisation, through the grant that the event names.
    Organisation(OrganisationId),
    /// The ledger's own timers.
    Clock,
    /// Whoever runs the ledger: opening, first grant and offline verbs.
    Operator,
}

impl Actor {
    /// The organisation that acted, if one did.
    pub const fn organisation(self) -> Option<OrganisationId> {
        match self {
            Self::Organisation(id) => Some(id),
            Self::Clock | Self::Operator => None,
        }
    }
    /// A fixed UUID that scopes command ids and new ids to the actor.
    pub const fn scope(self) -> Uuid {
        match self {
            Self::Organisation(id) => id.uuid(),
            Self::Clock => Uuid::from_u128(1),
            Self::Operator => Uuid::from_u128(2),
        }
    }
}
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organisation(id) => write!(f, "organisation/{id}"),
            Self::Clock => f.write_str("system/clock"),
            Self::Operator => f.write_str("system/operator"),
        }
    }
}
impl FromStr for Actor {
    type Err = SubjectError;
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        match text {
            "system/clock" => Ok(Self::Clock),
            "system/operator" => Ok(Self::Operator),
            _ => match text.parse::<Subject>()? {
                Subject { kind: RecordKind::Organisation, id } => Ok(Self::Organisation(OrganisationId::new(id))),
                _ => Err(SubjectError),
            },
        }
    }
}

/// Parses a JSON string by the type's own `FromStr`, without copying the string first.
pub(crate) fn deserialize_from_str<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    struct Parse<T>(PhantomData<T>);
    impl<T: FromStr<Err: fmt::Display>> serde::de::Visitor<'_> for Parse<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Parse(PhantomData))
}

/// Serialises by `Display`, parses by `FromStr`; the schema says the form and the most characters. A format is named where the
/// pattern alone does not say which texts are right: commands look such values up.
macro_rules! as_string {
    ($($type:ty, $description:literal, $pattern:expr, $characters:expr $(, $format:literal)?;)*) => { $(
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::ids::deserialize_from_str(deserializer)
            }
        }
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool { true }
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($type).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern, "maxLength": $characters, $("format": $format,)?
                    "description": $description,
                })
            }
        }
    )* };
}
pub(crate) use as_string;
as_string! {
    Subject, "what an event is about: <kind>/<uuid>", "^[a-z]+/[0-9a-f-]{36}$", 60;
    Actor, "who did it: organisation/<uuid>, system/clock or system/operator", "^(organisation/[0-9a-f-]{36}|system/(clock|operator))$", 60;
}

/// The dense position of an event in its ledger: 0, 1, 2, ... without gaps. Also its leaf index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first position.
    pub const ZERO: Self = Self(0);
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}
impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The dense version of a subject: its first event has 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StreamVersion(pub u64);

impl fmt::Display for StreamVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_actors_have_one_spelling() {
        let text = "offer/018f4e2a-0000-7000-8000-000000000001";
        assert_eq!(text.parse::<Subject>().expect("valid").to_string(), text);
        for wrong in [
            "offer",
            "offer/",
            "thing/018f4e2a-0000-7000-8000-000000000001",
            "offer/018F4E2A-0000-7000-8000-000000000001",
            "offer/018f4e2a000070008000000000000001",
        ] {
            assert!(wrong.parse::<Subject>().is_err(), "{wrong}");
        }
        assert_eq!("system/clock".parse(), Ok(Actor::Clock));
        assert!("offer/018f4e2a-0000-7000-8000-000000000001".parse::<Actor>().is_err());
    }
}
