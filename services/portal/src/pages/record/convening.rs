//! A convening's page: when and where, who says that it took part, what was held and visited.

use super::{
    Shown,
    presenter::{Presenter, read},
};
use crate::pages::{
    cards::{Filling, of_all},
    kinds::RecordPage,
    parts::{Cell, Facts, Mark, Section},
    snapshot::Snapshot,
};
use convenio_events::{
    OrganisationId,
    time::PartialDate,
    types::convening::{OccasionText, PlanText},
};
use convenio_projections::{
    QueryError,
    document::{Convening, Document, Head, Session, Visit},
};
use serde_json::value::RawValue;

impl RecordPage for Convening {
    fn fill(&self, card: Filling<'_>, document: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let (from, to) = document.span();
        facts.add(card.language.say("fact-when"), card.language.span(from, to).map(Cell::Plain));
        facts.add(card.language.say("fact-places"), card.places(self.plan.place.as_slice()));
        facts.add(card.language.say("fact-organisers"), card.organisations(self.plan.organisers.iter().copied())?);
        card.card.facts = facts.done();
        card.chips(&[], &self.plan.themes);
        Ok(())
    }

    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark> {
        let confirmed = of_all(self.participation.iter().map(|one| one.attestation));
        vec![Mark::attestation(snapshot.language(), confirmed)]
    }

    fn show(&self, presenter: &Presenter<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<PlanText> = read(self.text.as_deref());
        let plan = &self.plan;
        let names = text.as_ref().map(|text| &text.place_names);
        let mut facts = presenter.facts();
        let ends = plan.ends_on.unwrap_or(plan.starts_on);
        facts.add(
            presenter.say("fact-when"),
            presenter.language.span(Some(plan.starts_on), Some(ends)).map(Cell::Plain),
        );
        facts.add(presenter.say("fact-places"), presenter.places(plan.place.as_slice(), names));
        let venue = text.as_ref().and_then(|text| text.venue.as_ref());
        facts.add(presenter.say("fact-venue"), venue.map(|venue| Cell::Words(presenter.words(venue))));
        facts.add(presenter.say("fact-format"), [presenter.label("convening-formats", plan.format.word())]);
        facts.add(presenter.say("fact-organisers"), presenter.organisations(&plan.organisers)?);
        facts.add(presenter.say("fact-themes"), presenter.themes(&plan.themes));
        facts.add(presenter.say("fact-languages"), presenter.languages(&plan.languages));
        facts.add(presenter.say("fact-registered-by"), [presenter.organisation(self.by)?]);
        facts
            .add(presenter.say("fact-citation"), presenter.line(text.as_ref().and_then(|text| text.citation.as_ref())));
        let role = |organisation: OrganisationId| {
            let organises = plan.organisers.contains(&organisation);
            vec![Cell::Plain(presenter.language.role(if organises { "organiser" } else { "participant" }))]
        };
        let rows = presenter.attested(&self.participation, role)?;
        let columns = ["column-organisation", "column-roles", "column-vouches", "column-since"];
        let participation = presenter.table("participation", "section-participation", &columns, rows);
        let sections = [participation, sessions(presenter, &self.sessions)?, visits(presenter, &self.visits)?];
        Ok(Shown {
            kind_label: None,
            intro: text.as_ref().and_then(|text| text.summary.as_ref()).map(|summary| presenter.words(summary)),
            facts: facts.done(),
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn sessions(presenter: &Presenter<'_>, all: &[Session]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Session| {
        Ok(vec![
            when(presenter, one.occurred_on),
            occasion(presenter, one.text.as_deref()),
            vec![presenter.label("session-kinds", one.kind.word())],
            presenter.organisations(&one.organisations)?,
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(presenter.table(
        "sessions",
        "section-sessions",
        &["column-when", "column-what", "column-kind", "column-organisations"],
        rows,
    ))
}

fn visits(presenter: &Presenter<'_>, all: &[Visit]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Visit| {
        let facilities =
            one.facilities.iter().map(|kind| Cell::Chip(presenter.language.label("facility-kinds", kind.word())));
        Ok(vec![
            when(presenter, one.occurred_on),
            occasion(presenter, one.text.as_deref()),
            facilities.collect(),
            vec![presenter.organisation(one.host)?],
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(presenter.table(
        "visits",
        "section-visits",
        &["column-when", "column-what", "column-facilities", "column-host"],
        rows,
    ))
}

fn when(presenter: &Presenter<'_>, date: Option<PartialDate>) -> Vec<Cell> {
    date.iter().map(|date| Cell::Plain(presenter.language.date(*date))).collect()
}

fn occasion(presenter: &Presenter<'_>, text: Option<&RawValue>) -> Vec<Cell> {
    let Some(text) = read::<OccasionText>(text) else { return Vec::new() };
    let title = Cell::Words(presenter.words(&text.title));
    let summary = text.summary.as_ref().map(|summary| Cell::Prose(presenter.words(summary)));
    [Some(title), summary].into_iter().flatten().collect()
}
