//! What an organisation took part in and with whom, claimed apart from confirmed. It adds nothing up itself.

use super::presenter::Presenter;
use crate::pages::{
    parts::{Cell, Link, Mark, Section},
    words::Words,
};
use convenio_events::{OrganisationId, RecordKind};
use convenio_projections::{
    QueryError, ViewName,
    document::Head,
    history::{self, Affiliate, AttestedCount, Involvement, Partner},
};

/// The most lines of each table; the API has them all.
const ROWS_LIMIT: usize = 50;

/// The history of an organisation.
pub(super) fn sections(presenter: &Presenter<'_>, head: &Head) -> Result<Vec<Section>, QueryError> {
    let reader = presenter.snapshot.reader(ViewName::History)?;
    let passport = history::passport(reader, presenter.snapshot.identity(), OrganisationId::new(head.id))?;
    let Some(passport) = passport else { return Ok(Vec::new()) };
    let counts = passport.counts.iter().map(|(word, count)| counted(presenter, word, *count)).collect();
    let columns = ["column-kind", "column-confirmed", "column-claimed", "column-denied"];
    let counts = presenter.table("counts", "section-counts", &columns, counts);
    let timeline = passport.timeline.iter().take(ROWS_LIMIT).map(|one| involvement(presenter, one)).collect();
    let columns = ["column-when", "column-what", "column-roles", "column-state", "column-vouches"];
    let timeline = presenter.table("timeline", "section-timeline", &columns, timeline);
    let partners = passport.partners.iter().take(ROWS_LIMIT).map(|one| partner(presenter, one)).collect();
    let columns = ["column-organisation", "column-confirmed", "column-claimed"];
    let partners = presenter.table("partners", "section-partners", &columns, partners);
    let inward = passport.affiliates.iter().filter(|one| one.inward).map(|one| affiliate(presenter, one)).collect();
    let columns = ["column-kind", "column-organisation", "column-vouches"];
    let affiliates = presenter.table("affiliates", "section-affiliates", &columns, inward);
    Ok([affiliates, counts, timeline, partners].into_iter().flatten().collect())
}

fn counted(presenter: &Presenter<'_>, word: &str, count: AttestedCount) -> Vec<Vec<Cell>> {
    let kind = word.parse().ok().or_else(|| RecordKind::from_plural(word));
    let label = kind.map_or_else(|| word.to_owned(), |kind| presenter.language.label("record-kinds", kind.word()));
    let number = |count: u32| vec![Cell::Plain(presenter.language.number(u64::from(count)))];
    vec![vec![Cell::Plain(label)], number(count.confirmed), number(count.claimed), number(count.denied)]
}

fn involvement(presenter: &Presenter<'_>, one: &Involvement) -> Vec<Vec<Cell>> {
    let language = presenter.language;
    let date = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
    let when = language.span(date(&one.starts_on), date(&one.ends_on));
    let href = format!("/{}/{}/{}", language.code(), one.kind.plural(), one.id);
    let words = Words::of_title(language, one.title.as_deref());
    let kind = Cell::Plain(language.label("record-kinds", one.kind.word()));
    let sample = one.sample.then(|| Cell::Mark(Mark::sample(language)));
    let what = [Cell::Link(Link { href: Some(href), words, mark: None }), kind].into_iter().chain(sample);
    vec![
        when.map(Cell::Plain).into_iter().collect(),
        what.collect(),
        one.roles.iter().map(|role| Cell::Chip(language.role(role))).collect(),
        vec![Cell::Mark(Mark::state(language, one.kind.states(), &one.state))],
        vec![Cell::Mark(Mark::attestation(language, one.attestation))],
    ]
}

fn partner(presenter: &Presenter<'_>, one: &Partner) -> Vec<Vec<Cell>> {
    let number = |count: u32| vec![Cell::Plain(presenter.language.number(u64::from(count)))];
    vec![
        vec![named(presenter, one.organisation, one.name.as_deref())],
        number(one.records.confirmed),
        number(one.records.claimed),
    ]
}

fn affiliate(presenter: &Presenter<'_>, one: &Affiliate) -> Vec<Vec<Cell>> {
    vec![
        vec![Cell::Plain(presenter.language.label("affiliation-kinds", &one.kind))],
        vec![named(presenter, one.organisation, one.name.as_deref())],
        vec![Cell::Mark(Mark::attestation(presenter.language, one.attestation))],
    ]
}

fn named(presenter: &Presenter<'_>, id: OrganisationId, name: Option<&serde_json::value::RawValue>) -> Cell {
    let href = format!("/{}/organisations/{id}", presenter.language.code());
    Cell::Link(Link { href: Some(href), words: Words::of_title(presenter.language, name), mark: None })
}
