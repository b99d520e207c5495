//! One search across offers, demands, organisations, agreements, learnings and convenings. Each list searches itself.

use super::{
    cards::card,
    collections::found,
    frame::Frame,
    kinds::{KINDS, Kind},
    parts::{Card, Moment},
    request::{Page, PageError, PageRequest},
    snapshot::Snapshot,
    trail::VIEWS,
};
use askama::Template;
use convenio_events::RecordKind;
use convenio_projections::{
    ViewName,
    collection::{self, Count, ListQuery},
};

/// Records of each kind that are shown; the list of the kind has them all.
const RECORDS_SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    action: String,
    q: String,
    as_of: Option<Moment>,
    groups: Vec<Group>,
}

/// What was found of one kind.
struct Group {
    heading: String,
    found: String,
    cards: Vec<Card>,
    /// Where all of them are, when not all are shown.
    all: Option<String>,
}

/// The search page; without words it only asks for some.
pub(super) fn page(request: &PageRequest) -> Result<Page, PageError> {
    let snapshot = Snapshot::open(request, &VIEWS)?;
    let q = request.params.first("q").unwrap_or_default().to_owned();
    let mut groups = Vec::new();
    if !q.is_empty() {
        for Kind { kind, heading, .. } in &KINDS {
            groups.extend(group(request, &snapshot, *kind, heading)?);
        }
    }
    let title =
        if q.is_empty() { request.say("nav-search") } else { request.language.say_with("search-title", "q", &q) };
    let frame = Frame::new(request, title, "", snapshot.sequence());
    let as_of = snapshot.as_of()?;
    Page::of(&SearchPage { frame, action: request.own_path(), q, as_of, groups }, snapshot.sequence())
}

fn group(
    request: &PageRequest,
    snapshot: &Snapshot,
    kind: RecordKind,
    key: &'static str,
) -> Result<Option<Group>, PageError> {
    let Some(view) = ViewName::of_kind(kind) else { return Ok(None) };
    let mut query = ListQuery::new(kind);
    query.q = request.params.first("q").map(str::to_owned);
    query.limit = RECORDS_SHOWN;
    query.total = true;
    let answer = collection::list(snapshot.reader(view)?, snapshot.identity(), &query)?;
    if answer.items.is_empty() {
        return Ok(None);
    }
    let cards = answer.items.iter().map(|item| card(snapshot, item)).collect::<Result<_, _>>()?;
    let is_all = matches!(answer.total, Some(Count::Exactly(count)) if count as usize <= RECORDS_SHOWN);
    let all = request.at(&format!("/{}", kind.plural()));
    Ok(Some(Group {
        heading: request.say(key),
        found: found(request, answer.total),
        cards,
        all: (!is_all).then(|| request.params.with(&all, "q", query.q.as_deref().unwrap_or_default())),
    }))
}
