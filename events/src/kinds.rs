//! The kinds of record: one line each. What can happen to them is in `types/<file>.rs`.

use crate::{
    ids::{AccessId, AgreementId, ConveningId, LearningId, LedgerId, OrganisationId, Subject, SubjectError},
    types::{
        TypeSchema,
        about::{About, Happened},
        access, agreement, convening, learning, ledger, listing, organisation, record, type_name,
    },
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// Makes everything that has a part for each kind of record from one list. Kinds to which the same can happen share a file.
macro_rules! records {
    ($(
        $family:ident($file:ident), $beside:ident:
        $($number:literal $kind:ident $word:literal $plural:literal $($types:literal)? $(<- $id:ident)?, $is:literal;)+
    )+) => {
        /// The kinds of record that events are about. The word is the first half of a subject and the middle of a type name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "kebab-case")]
        #[repr(u8)]
        pub enum RecordKind { $($(
            #[doc = $is]
            $kind = $number,
        )+)+ }

        impl RecordKind {
            /// Every kind, by number.
            pub const ALL: &'static [Self] = &[$($(Self::$kind),+),+];
            /// The word used in subjects and type names.
            pub const fn word(self) -> &'static str {
                match self { $($(Self::$kind => $word,)+)+ }
            }
            /// The collection's word in URLs.
            pub const fn plural(self) -> &'static str {
                match self { $($(Self::$kind => $plural,)+)+ }
            }
            /// The code list of its states.
            pub const fn states(self) -> &'static str {
                match self { $($(Self::$kind => concat!($word, "-states"),)+)+ }
            }
            /// The code list of what there is within it, if there is one.
            pub const fn types(self) -> Option<&'static str> {
                match self { $($(Self::$kind => first!($($types)?),)+)+ }
            }
            /// The number by which stored rows know it. It is given once, and never to another.
            pub const fn number(self) -> u8 {
                self as u8
            }
        }

        /// The facts of any event, by the file of its type.
        #[derive(Clone, PartialEq, Debug)]
        pub enum Facts {
            $(
                #[doc = concat!("Of the types in `", stringify!($file), ".rs`.")]
                $family($file::Facts),
            )+
            /// What can happen to any record.
            Record(record::Facts),
        }

        impl Facts {
            /// The type name after the record's word: `published.v1`.
            pub const fn suffix(&self) -> &'static str {
                match self {
                    $(Self::$family(facts) => facts.suffix(),)+
                    Self::Record(facts) => facts.suffix(),
                }
            }
            /// What the event says of its record, whatever else it says.
            pub fn about(&self, happened: Happened) -> About {
                match self {
                    $(Self::$family(facts) => facts.about(happened),)+
                    Self::Record(facts) => facts.about(happened),
                }
            }
            /// The records that the event names beside the one that it happens to, each once: whoever may not see those may not read it.
            pub fn named_records(&self) -> BTreeSet<Subject> {
                let mut named = BTreeSet::new();
                match self {
                    $(Self::$family(facts) => facts.mention(&mut named),)+
                    Self::Record(facts) => facts.mention(&mut named),
                }
                named
            }
            /// Reads the facts of a type; older versions are upcast to the newest. `None` for a type that is not known.
            pub fn decode(kind: RecordKind, suffix: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
                let own = match kind {
                    $($(RecordKind::$kind)|+ => $file::Facts::decode(suffix, json).map(|facts| facts.map(Self::$family)),)+
                };
                own.or_else(|| record::Facts::decode(suffix, json).map(|facts| facts.map(Self::Record)))
            }
            fn schemas_of(kind: RecordKind, generator: &mut SchemaGenerator) -> Vec<TypeSchema> {
                let (mut own, beside) = match kind {
                    $($(RecordKind::$kind)|+ => ($file::Facts::schemas(generator), Beside::$beside),)+
                };
                match beside {
                    Beside::Record => own.extend(record::Facts::schemas(generator)),
                    Beside::Nothing => {}
                }
                let named = |(suffix, facts, text)| TypeSchema { type_name: type_name(kind, suffix), facts, text };
                own.into_iter().map(named).collect()
            }
        }

        impl Serialize for Facts {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$family(facts) => facts.serialize(serializer),)+
                    Self::Record(facts) => facts.serialize(serializer),
                }
            }
        }

        $($($(impl From<$id> for Subject {
            fn from(id: $id) -> Self {
                Self::new(RecordKind::$kind, id.uuid())
            }
        })?)+)+
    };
}

macro_rules! first {
    () => {
        None
    };
    ($one:literal) => {
        Some($one)
    };
}

/// What can happen to a kind of record beside what is in its file.
enum Beside {
    /// What can happen to any record.
    Record,
    /// Nothing.
    Nothing,
}

// To add a kind: a line here, with the next number, and a file of its event types.
records! {
    Ledger(ledger), Nothing:
        0 Ledger "ledger" "ledgers" <- LedgerId, "The ledger itself.";
    Access(access), Nothing:
        1 Access "access" "grants" <- AccessId, "A grant: who may act for which organisation.";
    Organisation(organisation), Record:
        2 Organisation "organisation" "organisations" "organisation-kinds" <- OrganisationId, "A ministry, NGO, university, network, ...";
    Listing(listing), Record:
        3 Offer "offer" "offers", "What an organisation offers.";
        4 Demand "demand" "demands", "What an organisation needs.";
    Agreement(agreement), Record:
        5 Agreement "agreement" "agreements" "instruments" <- AgreementId, "What organisations agree.";
    Learning(learning), Record:
        6 Learning "learning" "learnings" "learning-kinds" <- LearningId, "What organisations learnt.";
    Convening(convening), Record:
        7 Convening "convening" "convenings" "convening-formats" <- ConveningId, "Where organisations met.";
}

impl RecordKind {
    /// The kind of this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.number() == number)
    }

    /// The kind whose collection has this word in URLs.
    pub fn from_plural(plural: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.plural() == plural)
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for RecordKind {
    type Err = SubjectError;
    fn from_str(text: &str) -> Result<Self, SubjectError> {
        Self::ALL.iter().copied().find(|kind| kind.word() == text).ok_or(SubjectError)
    }
}

impl Facts {
    /// Every type name that may be recorded today, sorted, with its schemas.
    pub fn schemas(generator: &mut SchemaGenerator) -> Vec<TypeSchema> {
        let mut all: Vec<_> = RecordKind::ALL.iter().flat_map(|kind| Self::schemas_of(*kind, generator)).collect();
        all.sort_by(|a, b| a.type_name.cmp(&b.type_name));
        all
    }
}
