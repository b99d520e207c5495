//! The board and the lists of each kind of record: search, filters, counts, pages. How they are answered is the views' business.

use super::{
    cards::card,
    facets::{Facet, Removal, facets, removals},
    frame::Frame,
    kinds::Kind,
    parts::{Card, Moment},
    request::{Page, PageError, PageRequest},
    snapshot::Snapshot,
};
use askama::Template;
use convenio_events::{OrganisationId, RecordKind, time::Date};
use convenio_projections::{
    ViewName,
    collection::{self, Count, Filters, ListQuery, Sort},
};

/// Records of one page.
const PAGE_RECORDS: usize = 20;
/// Orders that a list offers; the first is the usual one.
const SORTS: [&str; 5] = ["relevance", "-updated", "-created", "title", "ends_on"];

/// What the API's lists are asked by the same names as these pages. On the board, all but the first.
const API_NAMES: [&str; 14] = [
    "state",
    "q",
    "organisation",
    "role",
    "country",
    "theme",
    "mechanism",
    "modality",
    "attestation",
    "type",
    "language",
    "from",
    "to",
    "sort",
];

/// One of several ways to see the same.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "collection.html")]
struct CollectionPage {
    frame: Frame,
    lead: String,
    /// On the board: all, offers, demands; with their addresses.
    tabs: Vec<Choice>,
    action: String,
    /// Filters that came with the address and have no boxes of their own.
    kept: Vec<(&'static str, String)>,
    q: String,
    from: String,
    to: String,
    sorts: Vec<Choice>,
    facets: Vec<Facet>,
    removals: Vec<Removal>,
    found: String,
    as_of: Option<Moment>,
    cards: Vec<Card>,
    next: Option<String>,
    first: Option<String>,
}

/// What a list is about.
#[derive(Clone, Copy)]
struct Scope {
    kind: RecordKind,
    of: &'static Kind,
    view: ViewName,
    /// Offers and demands together, the open ones only.
    board: bool,
}

impl Scope {
    fn of(request: &PageRequest) -> Result<Self, PageError> {
        let board = request.path == "/";
        let named = || RecordKind::from_plural(request.segment(0)).ok_or(PageError::NotFound);
        let kind = if board { RecordKind::Offer } else { named()? };
        let of = Kind::of(kind).ok_or(PageError::NotFound)?;
        Ok(Self { kind, of, view: ViewName::of_kind(kind).ok_or(PageError::NotFound)?, board })
    }
}

/// The code list of the kinds within a collection; blank where there are none.
fn types_of(kind: RecordKind) -> &'static str {
    kind.types().unwrap_or_default()
}

/// The board, or the list of a kind of record.
pub(super) fn page(request: &PageRequest) -> Result<Page, PageError> {
    let scope = Scope::of(request)?;
    let snapshot = Snapshot::open(request, &[scope.view, ViewName::Organisations, ViewName::Activity])?;
    let query = query(request, scope)?;
    let answer = collection::list(snapshot.reader(scope.view)?, snapshot.identity(), &query)?;
    let cards = answer.items.iter().map(|item| card(&snapshot, item)).collect::<Result<_, _>>()?;
    let path = request.own_path();
    let listing = scope.view == ViewName::Board;
    let page = CollectionPage {
        frame: Frame::new(request, heading(request, scope), &api(request, scope), snapshot.sequence()),
        lead: request.say(lead(scope)),
        tabs: if listing { tabs(request) } else { Vec::new() },
        kept: ["organisation", "role"]
            .iter()
            .flat_map(|name| request.params.all(name).into_iter().map(|one| (*name, one)))
            .collect(),
        q: query.q.clone().unwrap_or_default(),
        from: request.params.first("from").unwrap_or_default().to_owned(),
        to: request.params.first("to").unwrap_or_default().to_owned(),
        sorts: sorts(request),
        facets: facets(request, scope.board, scope.kind.states(), types_of(scope.kind), answer.facets.as_ref()),
        removals: removals(request, &snapshot, scope.kind.states(), types_of(scope.kind))?,
        found: found(request, answer.total),
        as_of: snapshot.as_of()?,
        cards,
        next: answer.next_cursor.map(|cursor| request.params.with(&path, "cursor", &cursor)),
        first: request.params.first("cursor").map(|cursor| request.params.without(&path, "cursor", cursor)),
        action: path,
    };
    Page::of(&page, snapshot.sequence())
}

fn query(request: &PageRequest, scope: Scope) -> Result<ListQuery, PageError> {
    let params = &request.params;
    let organisations = params.values("organisation").map(str::parse::<OrganisationId>).collect::<Result<Vec<_>, _>>();
    let sort = params
        .first("sort")
        .map(|word| Sort::from_word(word).ok_or(PageError::NotUnderstood("cause-sort")))
        .transpose()?;
    let day = |name| params.parsed::<Date>(name, "cause-date");
    let mut query = ListQuery::new(scope.kind);
    query.whole_view = scope.board;
    query.q = params.first("q").map(str::to_owned);
    query.filters = Filters {
        organisations: organisations.map_err(|_| PageError::NotUnderstood("cause-organisation"))?,
        roles: params.all("role"),
        countries: params.all("country"),
        themes: params.all("theme"),
        mechanisms: params.all("mechanism"),
        modalities: params.all("modality"),
        states: if scope.board { vec!["open".to_owned()] } else { params.all("state") },
        attestations: params.all("attestation"),
        types: params.all("type"),
        languages: params.all("language"),
        from: day("from")?.map(|date| date.0),
        to: day("to")?.map(|date| date.0),
        ..Filters::default()
    };
    query.sort = sort.unwrap_or_default();
    query.limit = PAGE_RECORDS;
    query.today = Some(request.today);
    query.cursor = params.first("cursor").map(str::to_owned);
    query.total = true;
    query.facets = true;
    Ok(query)
}

/// How many there are, in words.
pub(super) fn found(request: &PageRequest, total: Option<Count>) -> String {
    let language = request.language;
    match total {
        Some(Count::Exactly(0)) | None => request.say("found-none"),
        Some(Count::Exactly(count)) => language.say_count("found", count, &language.number(u64::from(count))),
        Some(Count::More) => {
            let limit = u64::from(collection::COUNT_LIMIT);
            language.say_with("found-more", "shown", &language.number(limit))
        }
    }
}

fn tabs(request: &PageRequest) -> Vec<Choice> {
    let query = &request.raw_query;
    let tab = |(path, key): (&str, &'static str)| {
        // The place in one list says nothing in another.
        let query = if query.contains("cursor=") || query.is_empty() { String::new() } else { format!("?{query}") };
        Choice { value: format!("{}{query}", request.at(path)), label: request.say(key), chosen: request.path == path }
    };
    [("/", "tab-open"), ("/offers", "tab-offers"), ("/demands", "tab-demands")].map(tab).into()
}

fn sorts(request: &PageRequest) -> Vec<Choice> {
    let chosen = request.params.first("sort").unwrap_or(SORTS[0]);
    let choice = |word: &str| {
        let key = format!("sort-{}", word.trim_start_matches('-').replace('_', "-"));
        let label = request.language.find(&key).map_or_else(|| word.to_owned(), |label| label.into_owned());
        Choice { value: word.to_owned(), label, chosen: word == chosen }
    };
    SORTS.iter().map(|word| choice(word)).collect()
}

fn heading(request: &PageRequest, scope: Scope) -> String {
    request.say(if scope.board { "heading-board" } else { scope.of.heading })
}

fn lead(scope: Scope) -> &'static str {
    if scope.board { "lead-board" } else { scope.of.lead }
}

/// Where programs find the same list; of the board, its offers.
fn api(request: &PageRequest, scope: Scope) -> String {
    let own = format!("/api/v1/{}", scope.kind.plural());
    if !scope.board {
        return request.params.only(&own, &API_NAMES);
    }
    let address = request.params.only(&own, &API_NAMES[1..]);
    format!("{address}{}state=open", if address.contains('?') { '&' } else { '?' })
}
