//! What the write model keeps of each kind of record: its state, as its events make it. Nothing here judges a command, and nothing knows
//! of other records.

pub mod access;
pub mod agreement;
pub mod convening;
pub mod learning;
pub mod ledger;
pub mod listing;
pub mod organisation;
pub mod ties;

use access::Access;
use agreement::Agreement;
use convening::Convening;
use convenio_events::{
    AccessId, Actor, AgreementId, ConveningId, Event, LearningId, LedgerId, NewEvent, OrganisationId, Sequence,
    StreamVersion, Subject, Timestamp, time::TimeZone, types::Facts,
};
use learning::Learning;
use ledger::Ledger;
use listing::{Hold, Listing};
use organisation::Organisation;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use ties::{Claims, Ties};

/// What an event means to the fold: who, when, and the facts. Events that are not recorded yet have it too.
#[derive(Clone, Copy, Debug)]
pub struct Folded<'a> {
    /// Where it is or will be.
    pub sequence: Sequence,
    /// What it is about.
    pub subject: Subject,
    /// The subject's version, once it is recorded.
    pub stream_version: Option<StreamVersion>,
    /// Who did it.
    pub actor: Actor,
    /// Under which grant.
    pub grant: Option<AccessId>,
    /// What happened.
    pub facts: &'a Facts,
}

impl<'a> From<&'a Event> for Folded<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            sequence: event.sequence,
            subject: event.subject,
            stream_version: Some(event.stream_version),
            actor: event.actor,
            grant: event.grant,
            facts: &event.facts,
        }
    }
}

/// Who began a record, and under which grant.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// Who.
    pub by: Actor,
    /// The grant; the operator and the clock have none.
    pub under: Option<AccessId>,
}

/// The state of one kind of record.
pub trait State: Sized {
    /// What can happen to it.
    type Facts;

    /// The state that a record's first event makes; `None` when that is no first event.
    fn begin(facts: &Self::Facts, begun: Begun) -> Option<Self>;

    /// The state after one more event.
    fn evolve(&mut self, facts: &Self::Facts);

    /// Whether it names an organisation, as far as its state says so.
    fn names(&self, subject: Subject, organisation: OrganisationId) -> bool;

    /// Those whom what it says names, as long as it says so.
    fn named_by_content(&self) -> Vec<OrganisationId> {
        Vec::new()
    }

    /// When the clock must look at it again; `ledger_zone` is where days end unless it says otherwise.
    fn due(&self, _ledger_zone: TimeZone) -> Option<Timestamp> {
        None
    }

    /// What the clock records when it is due.
    fn tick(&self, _subject: Subject) -> Option<NewEvent> {
        None
    }
}

/// Makes one type of the states of all kinds of record, and of the rows that stand beside them.
macro_rules! aggregates {
    (records { $($family:ident $(<- $id:ty)?;)+ } rows { $($row:ident, $is:literal;)+ }) => {
        /// What the write model keeps under one key. Cheap to clone.
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        pub enum Aggregate {
            $(
                #[doc = concat!("The state of a record: `", stringify!($family), "`.")]
                $family(Arc<$family>),
            )+
            $(
                #[doc = concat!($is, " It is no record: nobody sees or names it.")]
                $row(Arc<$row>),
            )+
        }

        impl Aggregate {
            /// The aggregate that a subject's first event makes.
            pub fn begin(event: &Folded<'_>) -> Option<Self> {
                let begun = Begun { by: event.actor, under: event.grant };
                match event.facts {
                    $(Facts::$family(facts) => $family::begin(facts, begun).map(|state| Self::$family(Arc::new(state))),)+
                    Facts::Record(_) => None,
                }
            }

            /// The aggregate after an event. A type of one record on the subject of another cannot be decided, and a fold does not judge.
            pub fn evolve(&mut self, facts: &Facts) {
                match self {
                    $(Self::$family(state) => {
                        if let Facts::$family(facts) = facts {
                            Arc::make_mut(state).evolve(facts);
                        }
                    })+
                    $(Self::$row(_) => {})+
                }
            }

            /// Whether it names an organisation, as far as its state says so.
            pub fn names(&self, subject: Subject, organisation: OrganisationId) -> bool {
                match self {
                    $(Self::$family(state) => state.names(subject, organisation),)+
                    $(Self::$row(_) => false,)+
                }
            }

            /// Those whom what it says names, as long as it says so.
            pub fn named_by_content(&self) -> Vec<OrganisationId> {
                match self {
                    $(Self::$family(state) => state.named_by_content(),)+
                    $(Self::$row(_) => Vec::new(),)+
                }
            }

            /// When the clock must look at it again.
            pub fn due(&self, ledger_zone: TimeZone) -> Option<Timestamp> {
                match self {
                    $(Self::$family(state) => state.due(ledger_zone),)+
                    $(Self::$row(_) => None,)+
                }
            }

            /// What the clock records when it is due.
            pub fn tick(&self, subject: Subject) -> Option<NewEvent> {
                match self {
                    $(Self::$family(state) => state.tick(subject),)+
                    $(Self::$row(_) => None,)+
                }
            }
        }

        $(impl Kept for $family {
            fn of(aggregate: Aggregate) -> Option<Arc<Self>> {
                if let Aggregate::$family(state) = aggregate { Some(state) } else { None }
            }
        })+
        $(impl Kept for $row {
            fn of(aggregate: Aggregate) -> Option<Arc<Self>> {
                if let Aggregate::$row(row) = aggregate { Some(row) } else { None }
            }
        })+
        $($(impl Identified for $family {
            type Id = $id;
        })?)+
    };
}

/// One type of what is kept.
pub trait Kept: Sized {
    /// It, where that is what an aggregate is.
    fn of(aggregate: Aggregate) -> Option<Arc<Self>>;
}

/// What is found by an id of its own.
pub trait Identified: Kept {
    /// The id.
    type Id: Into<Subject>;
}

// To add a kind of record: a line here, and its state in a file of its own. The names are those of `convenio_events::types::Facts`.
aggregates! {
    records {
        Ledger <- LedgerId;
        Access <- AccessId;
        Organisation <- OrganisationId;
        Listing;
        Agreement <- AgreementId;
        Learning <- LearningId;
        Convening <- ConveningId;
    }
    rows {
        Ties, "How one organisation belongs to one other.";
        Claims, "What an organisation claims that nobody has confirmed.";
        Hold, "What an agreement holds of an offer or a demand.";
    }
}
