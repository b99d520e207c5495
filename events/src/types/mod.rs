//! The event types, one file a record. To add one: a struct and a line in its record's file; every fold that matters then fails to compile.
//!
//! A full type name is `org.convenio.<record>.<suffix>`; the suffix ends in the schema's version (`published.v1`).
//! Nothing here decides or folds.

pub mod about;
pub mod access;
pub mod agreement;
pub mod convening;
pub mod learning;
pub mod ledger;
pub mod listing;
pub mod organisation;
pub mod record;

use crate::{canonical, ids::RecordKind};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};

/// What every type name begins with.
pub const TYPE_PREFIX: &str = "org.convenio.";
/// The type under which an event is shown to those who may not read it.
pub const WITHHELD_TYPE: &str = "org.convenio.withheld.v1";

/// One event type: its facts, and the shape of its text.
pub trait EventType: Serialize + DeserializeOwned + JsonSchema {
    /// The type name after the record's word: `published.v1`.
    const SUFFIX: &'static str;
    /// What is in free words, and can be erased.
    type Text: Serialize + DeserializeOwned + JsonSchema;
    /// The facts among those of all types.
    fn into_facts(self) -> Facts;
}

/// The text of event types that have none; it has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, serde::Deserialize, JsonSchema)]
pub enum NoText {}

/// The facts of any event, by record.
#[derive(Clone, PartialEq, Debug)]
pub enum Facts {
    /// Of the ledger itself.
    Ledger(ledger::Facts),
    /// Of a grant.
    Access(access::Facts),
    /// Of an organisation.
    Organisation(organisation::Facts),
    /// Of an offer or a demand.
    Listing(listing::Facts),
    /// Of an agreement.
    Agreement(agreement::Facts),
    /// Of a learning.
    Learning(learning::Facts),
    /// Of a convening.
    Convening(convening::Facts),
    /// Of any kind of record.
    Record(record::Facts),
}

/// The JSON Schemas of one event type.
#[derive(Debug)]
pub struct TypeSchema {
    /// What rules read.
    pub facts: Schema,
    /// What is in free words.
    pub text: Schema,
    /// `org.convenio.offer.published.v1`.
    pub type_name: String,
}

/// Declares the event types of one record: the `Facts` enum, and how each is named, read and described.
macro_rules! event_types {
    ($variant:ident { $($suffix:literal $name:ident, $text:ty;)* }) => {
        /// The facts of the event types in this file.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Facts { $(
            #[doc = concat!("`", $suffix, "`")]
            $name($name),
        )* }
        impl Facts {
            /// The suffixes of the type names, oldest first.
            pub const SUFFIXES: &'static [&'static str] = &[$($suffix),*];
            /// The type name after the record's word.
            pub const fn suffix(&self) -> &'static str {
                match self { $(Self::$name(_) => $suffix,)* }
            }
            pub(super) fn decode(suffix: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
                match suffix {
                    $($suffix => Some(serde_json::from_str(json).map(Self::$name)),)*
                    _ => None,
                }
            }
            pub(super) fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(facts) => serde::Serialize::serialize(facts, serializer),)* }
            }
            pub(super) fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema, schemars::Schema)> {
                vec![$(($suffix, generator.subschema_for::<$name>(), generator.subschema_for::<$text>()),)*]
            }
        }
        $(impl $crate::types::EventType for $name {
            const SUFFIX: &'static str = $suffix;
            type Text = $text;
            fn into_facts(self) -> $crate::types::Facts { $crate::types::Facts::$variant(Facts::$name(self)) }
        })*
    };
}
pub(crate) use event_types;

/// Hands each variant's inner facts to the same method.
macro_rules! each {
    ($self:ident, $facts:ident => $call:expr) => {
        match $self {
            Facts::Ledger($facts) => $call,
            Facts::Access($facts) => $call,
            Facts::Organisation($facts) => $call,
            Facts::Listing($facts) => $call,
            Facts::Agreement($facts) => $call,
            Facts::Learning($facts) => $call,
            Facts::Convening($facts) => $call,
            Facts::Record($facts) => $call,
        }
    };
}

impl Serialize for Facts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        each!(self, facts => facts.serialize(serializer))
    }
}

impl Facts {
    /// The type name after the record's word: `published.v1`.
    pub const fn suffix(&self) -> &'static str {
        each!(self, facts => facts.suffix())
    }

    /// The full type name when recorded on a record of `kind`.
    pub fn type_name(&self, kind: RecordKind) -> String {
        format!("{TYPE_PREFIX}{}.{}", kind.word(), self.suffix())
    }

    /// Their RFC 8785 bytes.
    pub fn to_canonical(&self) -> String {
        canonical::of_ordered(self)
    }

    /// Reads the facts of a type; older versions are upcast to the newest. `None` for a type that is not known.
    pub fn decode(kind: RecordKind, suffix: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        let own = match kind {
            RecordKind::Ledger => ledger::Facts::decode(suffix, json).map(|facts| facts.map(Self::Ledger)),
            RecordKind::Access => access::Facts::decode(suffix, json).map(|facts| facts.map(Self::Access)),
            RecordKind::Organisation => {
                organisation::Facts::decode(suffix, json).map(|facts| facts.map(Self::Organisation))
            }
            RecordKind::Offer | RecordKind::Demand => {
                listing::Facts::decode(suffix, json).map(|facts| facts.map(Self::Listing))
            }
            RecordKind::Agreement => agreement::Facts::decode(suffix, json).map(|facts| facts.map(Self::Agreement)),
            RecordKind::Learning => learning::Facts::decode(suffix, json).map(|facts| facts.map(Self::Learning)),
            RecordKind::Convening => match convening::upcast(suffix, json) {
                Some(upcast) => Some(upcast.map(Self::Convening)),
                None => convening::Facts::decode(suffix, json).map(|facts| facts.map(Self::Convening)),
            },
        };
        own.or_else(|| record::Facts::decode(suffix, json).map(|facts| facts.map(Self::Record)))
    }

    /// Every type name that may be recorded today, sorted, with its schemas.
    pub fn schemas(generator: &mut SchemaGenerator) -> Vec<TypeSchema> {
        let mut all = Vec::new();
        for kind in RecordKind::ALL {
            let mut schemas = match kind {
                RecordKind::Ledger => ledger::Facts::schemas(generator),
                RecordKind::Access => access::Facts::schemas(generator),
                RecordKind::Organisation => organisation::Facts::schemas(generator),
                RecordKind::Offer | RecordKind::Demand => listing::Facts::schemas(generator),
                RecordKind::Agreement => agreement::Facts::schemas(generator),
                RecordKind::Learning => learning::Facts::schemas(generator),
                RecordKind::Convening => convening::Facts::schemas(generator),
            };
            if !matches!(kind, RecordKind::Ledger | RecordKind::Access) {
                schemas.extend(record::Facts::schemas(generator));
            }
            all.extend(schemas.into_iter().map(|(suffix, facts, text)| TypeSchema {
                type_name: format!("{TYPE_PREFIX}{}.{suffix}", kind.word()),
                facts,
                text,
            }));
        }
        all.sort_by(|a, b| a.type_name.cmp(&b.type_name));
        all
    }
}

/// Splits `org.convenio.offer.published.v1` into its record and suffix.
pub fn split_type_name(type_name: &str) -> Option<(RecordKind, &str)> {
    let (kind, suffix) = type_name.strip_prefix(TYPE_PREFIX)?.split_once('.')?;
    Some((kind.parse().ok()?, suffix))
}
