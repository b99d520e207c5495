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

pub use crate::kinds::Facts;

use crate::{canonical, ids::RecordKind};
use schemars::{JsonSchema, Schema};
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

/// Declares the event types of one record: the `Facts` enum, and how each is named, read and described; older versions of a type stay
/// readable for ever, as the newest, and are never written again.
macro_rules! event_types {
    ($variant:ident { $($suffix:literal $name:ident, $text:ty;)* } $(older { $($older:literal $old:ty;)* })?) => {
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
            pub(crate) fn decode(suffix: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
                match suffix {
                    $($suffix => Some(serde_json::from_str(json).map(Self::$name)),)*
                    $($($older => Some(serde_json::from_str::<$old>(json).map(Self::from)),)*)?
                    _ => None,
                }
            }
            pub(crate) fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(facts) => serde::Serialize::serialize(facts, serializer),)* }
            }
            pub(crate) fn schemas(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema, schemars::Schema)> {
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

/// The full type name of an event on a record of `kind`.
pub(crate) fn type_name(kind: RecordKind, suffix: &str) -> String {
    format!("{TYPE_PREFIX}{}.{suffix}", kind.word())
}

impl Facts {
    /// The full type name when recorded on a record of `kind`.
    pub fn type_name(&self, kind: RecordKind) -> String {
        type_name(kind, self.suffix())
    }

    /// Their RFC 8785 bytes.
    pub fn to_canonical(&self) -> String {
        canonical::of_ordered(self)
    }
}

/// Splits `org.convenio.offer.published.v1` into its record and suffix.
pub fn split_type_name(type_name: &str) -> Option<(RecordKind, &str)> {
    let (kind, suffix) = type_name.strip_prefix(TYPE_PREFIX)?.split_once('.')?;
    Some((kind.parse().ok()?, suffix))
}
