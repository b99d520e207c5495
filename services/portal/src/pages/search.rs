//! One search across offers, demands, organisations, agreements, learnings and convenings. Each list searches itself.

use super::{
    cards::card,
    collections::found,
    frame::Frame,
    kinds::{KINDS, Kind},
    parts::{Card, Moment},
    snapshot::Snapshot,
    trail::VIEWS,
    visit::{Page, Trouble, Visit},
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
pub(super) fn page(visit: &Visit) -> Result<Page, Trouble> {
    let snapshot = Snapshot::open(visit, &VIEWS)?;
    let q = visit.params.first("q").unwrap_or_default().to_owned();
    let mut groups = Vec::new();
    if !q.is_empty() {
        for Kind { kind, heading, .. } in &KINDS {
            groups.extend(group(visit, &snapshot, *kind, heading)?);
        }
    }
    let title = if q.is_empty() { visit.say("nav-search") } else { visit.language.say_with("search-title", "q", &q) };
    let frame = Frame::new(visit, title, "", snapshot.sequence());
    let as_of = snapshot.as_of()?;
    Page::of(&SearchPage { frame, action: visit.own_path(), q, as_of, groups }, snapshot.sequence())
}

fn group(visit: &Visit, snapshot: &Snapshot, kind: RecordKind, key: &'static str) -> Result<Option<Group>, Trouble> {
    let Some(view) = ViewName::of_kind(kind) else { return Ok(None) };
    let mut query = ListQuery::new(kind);
    query.q = visit.params.first("q").map(str::to_owned);
    query.limit = RECORDS_SHOWN;
    query.total = true;
    let answer = collection::list(snapshot.reader(view)?, snapshot.identity(), &query)?;
    if answer.items.is_empty() {
        return Ok(None);
    }
    let cards = answer.items.iter().map(|item| card(snapshot, item)).collect::<Result<_, _>>()?;
    let is_all = matches!(answer.total, Some(Count::Exactly(count)) if count as usize <= RECORDS_SHOWN);
    let all = visit.at(&format!("/{}", kind.plural()));
    Ok(Some(Group {
        heading: visit.say(key),
        found: found(visit, answer.total),
        cards,
        all: (!is_all).then(|| visit.params.with(&all, "q", query.q.as_deref().unwrap_or_default())),
    }))
}
