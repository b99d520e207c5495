//! What a kind of record shows beside what every record shows: one trait, and one list of those that have it. What a record of some
//! kind is, is said in that kind's file.

use super::{
    Agreement, Convening, Head, Learning, Listing, Moment, Organisation, PartKind, State, involvement::Roles,
    parts::List, tags::Tags,
};
use chrono::NaiveDate;
use convenio_events::{Event, RecordKind, Subject, time::PartialDate, types::Facts};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

/// When something begins or began, and when it ends or ended, as exactly as known.
pub type Span = (Option<PartialDate>, Option<PartialDate>);

/// What is done with a list, and with how many items it has where that are more than it shows.
pub(crate) type EachList<'a> = dyn FnMut(PartKind, &mut dyn List, &mut Option<u64>) + 'a;

/// What is asked of every body alike.
pub(crate) trait Shown {
    /// Title, summary and all else in words, as recorded; `None` when it was erased.
    fn text(&self) -> Option<&RawValue>;

    /// The same, to be changed.
    fn text_mut(&mut self) -> &mut Option<Box<RawValue>>;

    /// Hands on what search finds beside that text: what is in words in its lists, as they are shown, and its identifiers.
    fn more_words<'a>(&'a self, _hand_on: &mut dyn FnMut(Words<'a>)) {}

    /// Adds what each organisation does in it. An organisation's own record gives none.
    fn add_roles(&self, roles: &mut Roles);

    /// When it was, is or will be.
    fn span(&self) -> Span;

    /// Whether it counts in an organisation's history while it is in this state.
    fn is_history(&self, state: State) -> bool;

    /// Adds what it is filtered and counted by.
    fn add_tags(&self, head: &Head, tags: &mut Tags);

    /// One of its lists that grow with its life.
    fn list(&self, _kind: PartKind) -> Option<&dyn List> {
        None
    }

    /// All of them, to be changed, each with how many items it has, where that are more than it shows.
    fn each_list(&mut self, _change: &mut EachList<'_>) {}

    /// Makes it what it is on a day; true where that changed it, though no event says so.
    fn turn_to(&mut self, _today: NaiveDate) -> bool {
        false
    }

    /// Whether some of it is for those alone who are named in it.
    fn has_secrets(&self) -> bool {
        false
    }

    /// Leaves that out.
    fn leave_out_secrets(&mut self) {}

    /// Changes every moment in it of which readers may have learnt later.
    fn tell_moments(&mut self, _tell: &mut dyn FnMut(&mut Moment)) {}

    /// Leaves out links to records that are not to be kept, organisations aside.
    fn retain_links(&mut self, _keep: &mut dyn FnMut(Subject) -> bool) {}

    /// About how many bytes it takes beside its title.
    fn about_bytes(&self) -> usize;
}

/// A text that search finds.
pub(crate) enum Words<'a> {
    /// JSON of which every text is found.
    Json(&'a RawValue),
    /// As it stands.
    Plain(&'a str),
}

/// The body of one kind of record.
pub(crate) trait RecordBody: Shown + Sized + Serialize + DeserializeOwned {
    /// What can happen to it.
    type Facts;
    /// Its lists that grow with its life.
    const LISTS: &'static [PartKind];

    /// The record that its first event makes; `None` when that is no first event.
    fn begin(facts: &Self::Facts, event: &Event) -> Option<(Head, Self)>;

    /// The record after one more event.
    fn apply(&mut self, head: &mut Head, facts: &Self::Facts, event: &Event);

    /// The items of its lists that an event adds, changes or takes away.
    fn touched(&self, _facts: &Self::Facts, _event: &Event) -> Vec<(PartKind, Uuid)> {
        Vec::new()
    }
}

macro_rules! bodies {
    ($($family:ident: $($kind:ident)|+, $is:literal;)+) => {
        /// What a record's kind shows.
        #[derive(Clone, Debug, Serialize)]
        #[serde(untagged)]
        pub enum Body { $(
            #[doc = $is]
            $family(Box<$family>),
        )+ }

        impl Body {
            /// The record that its first event makes; `None` when that is no first event.
            pub(super) fn begin(event: &Event) -> Option<(Head, Self)> {
                match &event.facts {
                    $(Facts::$family(facts) => {
                        let (head, body) = $family::begin(facts, event)?;
                        Some((head, Self::$family(Box::new(body))))
                    })+
                    Facts::Ledger(_) | Facts::Access(_) | Facts::Record(_) => None,
                }
            }

            /// The record after one more event; false where that cannot happen to it.
            pub(super) fn apply(&mut self, head: &mut Head, event: &Event) -> bool {
                match self {
                    $(Self::$family(body) => match &event.facts {
                        Facts::$family(facts) => {
                            body.apply(head, facts, event);
                            true
                        }
                        // Who may see it is learnt from every event alike.
                        facts => matches!(facts, Facts::Record(_)),
                    },)+
                }
            }

            /// The items of its lists that an event adds, changes or takes away.
            pub(super) fn touched(&self, event: &Event) -> Vec<(PartKind, Uuid)> {
                match self {
                    $(Self::$family(body) => match &event.facts {
                        Facts::$family(facts) => body.touched(facts, event),
                        _other => Vec::new(),
                    },)+
                }
            }

            /// Reads the JSON of a record of a kind; `None` for a kind that has no document.
            pub(super) fn from_json(kind: RecordKind, json: &str) -> Option<serde_json::Result<Self>> {
                match kind {
                    $($(RecordKind::$kind)|+ => Some(serde_json::from_str(json).map(Self::$family)),)+
                    RecordKind::Ledger | RecordKind::Access => None,
                }
            }

            /// What is asked of every body alike.
            pub(crate) fn shown(&self) -> &dyn Shown {
                match self { $(Self::$family(body) => &**body,)+ }
            }

            /// The same, to be changed.
            pub(super) fn shown_mut(&mut self) -> &mut dyn Shown {
                match self { $(Self::$family(body) => &mut **body,)+ }
            }
        }

        impl PartKind {
            /// The lists of a kind of record.
            pub const fn of(kind: RecordKind) -> &'static [Self] {
                match kind {
                    $($(RecordKind::$kind)|+ => <$family as RecordBody>::LISTS,)+
                    RecordKind::Ledger | RecordKind::Access => &[],
                }
            }
        }
    };
}

// To add a kind of record: a line here, and what it shows in a file of its own. The first name is that of its events.
bodies! {
    Organisation: Organisation, "An organisation.";
    Listing: Offer | Demand, "An offer or a demand.";
    Agreement: Agreement, "An agreement.";
    Learning: Learning, "A learning.";
    Convening: Convening, "A convening.";
}
