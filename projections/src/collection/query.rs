//! What can be asked of a collection, and the form of its answers. How it is answered is said in `list` and `record`.

use super::cursor;
use crate::QueryError;
use chrono::NaiveDate;
use convenio_events::{OrganisationId, RecordKind, Sequence, StreamVersion, Subject};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most items of one page.
pub const PAGE_LIMIT: usize = 200;
/// The most bytes of JSON of one page; it then ends earlier and says where to go on. A record that is larger comes alone.
pub const PAGE_BYTES_LIMIT: usize = 2 << 20;
/// Totals and facet counts stop here; what is more is written `1000+`.
pub const COUNT_LIMIT: u32 = 1000;
/// The most characters of `q` that are looked at.
pub const SEARCH_CHARACTERS_LIMIT: usize = 200;
/// The most words of `q` that are looked at.
pub const SEARCH_WORDS_LIMIT: usize = 12;
/// The most values that one filter takes.
pub const FILTER_VALUES_LIMIT: usize = 50;

/// Which records; several values of one filter mean "any of these", several filters mean "all of these".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filters {
    /// Organisations named in the record.
    pub organisations: Vec<OrganisationId>,
    /// What such an organisation does there (`offering`, `donor`, `author`, `organiser`, `owner`, ...). With `organisations`, one
    /// of those must do it.
    pub roles: Vec<String>,
    /// ISO 3166-1 alpha-2 countries.
    pub countries: Vec<String>,
    /// Themes (`sdg:3.8`, `dac:12220`), or a whole SDG goal (`sdg:3`) or DAC category (`dac:121`).
    pub themes: Vec<String>,
    /// Mechanisms.
    pub mechanisms: Vec<String>,
    /// Modalities.
    pub modalities: Vec<String>,
    /// States.
    pub states: Vec<String>,
    /// `claimed`, `confirmed` or `denied`, of at least one organisation.
    pub attestations: Vec<String>,
    /// What kind within the collection: of organisation, of learning, the instrument of an agreement, the format of a convening.
    pub types: Vec<String>,
    /// Languages (BCP 47, the language part).
    pub languages: Vec<String>,
    /// Kinds of record: of a view that holds more than one.
    pub kinds: Vec<String>,
    /// How far a learning was reviewed.
    pub levels: Vec<String>,
    /// Whether somebody vouches for an organisation on the day on which that is asked.
    pub verifications: Vec<String>,
    /// How much of an offer or a demand is taken.
    pub commitment_levels: Vec<String>,
    /// Records that it came from: a convening, a framework, offers and demands.
    pub origins: Vec<Subject>,
    /// Still valid or going on on this day or later.
    pub from: Option<NaiveDate>,
    /// Begun on this day or earlier.
    pub to: Option<NaiveDate>,
    /// Also what was retracted or denied, which is else left out where just that is not asked for.
    pub taken_back: bool,
    /// Changed by the event of this sequence or a later one.
    pub updated_since_sequence: Option<Sequence>,
}

impl Filters {
    /// How many values the filter has that has most. Organisations and what they do are looked up in pairs.
    fn most_values(&self) -> usize {
        let words = [
            &self.roles,
            &self.countries,
            &self.themes,
            &self.mechanisms,
            &self.modalities,
            &self.states,
            &self.attestations,
            &self.types,
            &self.languages,
            &self.kinds,
            &self.levels,
            &self.verifications,
            &self.commitment_levels,
        ];
        let pairs = self.organisations.len() * self.roles.len().max(1);
        words.into_iter().map(Vec::len).chain([pairs, self.origins.len()]).max().unwrap_or(0)
    }
}

/// One filter has more values than it takes.
pub(super) fn too_many_values() -> QueryError {
    QueryError::refused("too-many-values", format!("a filter takes at most {FILTER_VALUES_LIMIT} values"))
}

/// In which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sort {
    /// With `q`: those with every word in the title, first as it was typed, then with its accents, then whatever its form; then
    /// those with every word anywhere, then those with words that begin so; the newest first among each. Without: the last changed first.
    #[default]
    Relevance,
    /// The last changed first.
    Updated,
    /// The newest first.
    Created,
    /// By title, accents and case aside.
    Title,
    /// What ends soonest first; what has no end last.
    Ends,
    /// What began last first; what has no beginning last.
    Starts,
}

impl Sort {
    /// The words of the `sort` parameter.
    pub const WORDS: [(&'static str, Self); 6] = [
        ("relevance", Self::Relevance),
        ("-updated", Self::Updated),
        ("-created", Self::Created),
        ("title", Self::Title),
        ("ends_on", Self::Ends),
        ("-starts_on", Self::Starts),
    ];

    /// Reads a word of the `sort` parameter.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, sort)| *sort)
    }
}

/// One page of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Which kind of record; its view must be the one that is read.
    pub kind: RecordKind,
    /// Also the other kind of the same view (offers and demands together).
    pub whole_view: bool,
    /// Full text: every word must occur, whole or as a beginning, in any language, accents and plurals aside.
    pub q: Option<String>,
    /// Which records.
    pub filters: Filters,
    /// In which order.
    pub sort: Sort,
    /// At most this many, and at most [`PAGE_LIMIT`].
    pub limit: usize,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// Whether to count all that match.
    pub total: bool,
    /// Whether to count by facet; with `q`, the newest 10,000 that match.
    pub facets: bool,
    /// The day on which it is asked: on what has a last day, it tells what is over. Nothing is without.
    pub today: Option<NaiveDate>,
    /// As of this position: only what the first so many events said. Takes neither `q` nor `facets`, and is sorted by change.
    pub as_of: Option<Sequence>,
}

impl ListQuery {
    /// The first page of all records of a kind.
    pub fn new(kind: RecordKind) -> Self {
        Self {
            kind,
            whole_view: false,
            q: None,
            filters: Filters::default(),
            sort: Sort::default(),
            limit: 50,
            cursor: None,
            total: false,
            facets: false,
            today: None,
            as_of: None,
        }
    }

    /// Refuses what no ledger answers, whatever is recorded in it: nobody has to wait for that. `of_the_past` says that it is asked of
    /// a position that may not be known yet.
    ///
    /// # Errors
    /// [`QueryError::Refused`] with `cursor-invalid`, `as-of-without-search` or `too-many-values`.
    pub fn check(&self, of_the_past: bool) -> Result<(), QueryError> {
        let ordered_by_change = matches!(self.sort, Sort::Relevance | Sort::Updated);
        if of_the_past && (self.q.is_some() || self.facets || !ordered_by_change) {
            let rule = "a list of the past takes no q, no facets, and no order but -updated";
            return Err(QueryError::refused("as-of-without-search", rule));
        }
        if self.filters.most_values() > FILTER_VALUES_LIMIT {
            return Err(too_many_values());
        }
        cursor::check(self, of_the_past)
    }

    /// The order in which records come: without words there is no relevance.
    pub(super) fn order(&self) -> Sort {
        if self.sort == Sort::Relevance && self.q.is_none() { Sort::Updated } else { self.sort }
    }
}

/// How many; beyond [`COUNT_LIMIT`] only that there are more. Serialises as a number, or as `"1000+"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    /// Exactly so many.
    Exactly(u32),
    /// More than [`COUNT_LIMIT`].
    More,
}

impl Count {
    pub(crate) fn of(number: u32) -> Self {
        if number > COUNT_LIMIT { Self::More } else { Self::Exactly(number) }
    }
}

impl Serialize for Count {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exactly(number) => serializer.serialize_u32(*number),
            Self::More => serializer.collect_str(&format_args!("{COUNT_LIMIT}+")),
        }
    }
}

/// One value of a facet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FacetCount {
    /// The code.
    pub value: String,
    /// How many of the matching records have it.
    pub count: Count,
}

/// A record as the reader may see it.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Item {
    /// Offer, demand, ...
    #[serde(skip)]
    pub kind: RecordKind,
    /// Which one.
    #[serde(skip)]
    pub id: Uuid,
    /// The `ETag`.
    #[serde(skip)]
    pub stream_version: StreamVersion,
    /// The sequence of the event that made it so.
    #[serde(skip)]
    pub updated_sequence: Sequence,
    /// Whether it is no longer the reader's to see: the document then says that, and nothing else. Only among what was updated
    /// since a sequence.
    #[serde(skip)]
    pub gone: bool,
    /// The JSON of its [`crate::document::Document`].
    pub document: Box<RawValue>,
}

/// A page of records.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// How many events had been folded when it was true.
    #[serde(skip)]
    pub position: Sequence,
    /// The records.
    pub items: Vec<Item>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
    /// How many match, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Count>,
    /// How many match by field and value, the most frequent first, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facets: Option<BTreeMap<String, Vec<FacetCount>>>,
}

/// One version of a record: what one event made of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionSummary {
    /// The subject's version.
    pub stream_version: StreamVersion,
    /// The event that made it.
    pub from_sequence: Sequence,
    /// The event that ended it; `None` for the current one.
    pub to_sequence: Option<Sequence>,
}
