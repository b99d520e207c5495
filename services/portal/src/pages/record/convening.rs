//! A convening's page: when and where, who says that it took part, what was held and visited.

use super::{
    Shown,
    telling::{Telling, read},
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

    fn show(&self, tell: &Telling<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<PlanText> = read(self.text.as_deref());
        let plan = &self.plan;
        let names = text.as_ref().map(|text| &text.place_names);
        let mut facts = tell.facts();
        let ends = plan.ends_on.unwrap_or(plan.starts_on);
        facts.add(tell.say("fact-when"), tell.language.span(Some(plan.starts_on), Some(ends)).map(Cell::Plain));
        facts.add(tell.say("fact-places"), tell.places(plan.place.as_slice(), names));
        let venue = text.as_ref().and_then(|text| text.venue.as_ref());
        facts.add(tell.say("fact-venue"), venue.map(|venue| Cell::Words(tell.words(venue))));
        facts.add(tell.say("fact-format"), [tell.label("convening-formats", plan.format.word())]);
        facts.add(tell.say("fact-organisers"), tell.organisations(&plan.organisers)?);
        facts.add(tell.say("fact-themes"), tell.themes(&plan.themes));
        facts.add(tell.say("fact-languages"), tell.languages(&plan.languages));
        facts.add(tell.say("fact-registered-by"), [tell.organisation(self.by)?]);
        facts.add(tell.say("fact-citation"), tell.line(text.as_ref().and_then(|text| text.citation.as_ref())));
        let role = |organisation: OrganisationId| {
            let organises = plan.organisers.contains(&organisation);
            vec![Cell::Plain(tell.language.role(if organises { "organiser" } else { "participant" }))]
        };
        let rows = tell.attested(&self.participation, role)?;
        let columns = ["column-organisation", "column-roles", "column-vouches", "column-since"];
        let participation = tell.table("participation", "section-participation", &columns, rows);
        let sections = [participation, sessions(tell, &self.sessions)?, visits(tell, &self.visits)?];
        Ok(Shown {
            kind_label: None,
            intro: text.as_ref().and_then(|text| text.summary.as_ref()).map(|summary| tell.words(summary)),
            facts: facts.done(),
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn sessions(tell: &Telling<'_>, all: &[Session]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Session| {
        Ok(vec![
            when(tell, one.occurred_on),
            occasion(tell, one.text.as_deref()),
            vec![tell.label("session-kinds", one.kind.word())],
            tell.organisations(&one.organisations)?,
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(tell.table(
        "sessions",
        "section-sessions",
        &["column-when", "column-what", "column-kind", "column-organisations"],
        rows,
    ))
}

fn visits(tell: &Telling<'_>, all: &[Visit]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Visit| {
        let facilities =
            one.facilities.iter().map(|kind| Cell::Chip(tell.language.label("facility-kinds", kind.word())));
        Ok(vec![
            when(tell, one.occurred_on),
            occasion(tell, one.text.as_deref()),
            facilities.collect(),
            vec![tell.organisation(one.host)?],
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(tell.table(
        "visits",
        "section-visits",
        &["column-when", "column-what", "column-facilities", "column-host"],
        rows,
    ))
}

fn when(tell: &Telling<'_>, date: Option<PartialDate>) -> Vec<Cell> {
    date.iter().map(|date| Cell::Plain(tell.language.date(*date))).collect()
}

fn occasion(tell: &Telling<'_>, text: Option<&RawValue>) -> Vec<Cell> {
    let Some(text) = read::<OccasionText>(text) else { return Vec::new() };
    let title = Cell::Words(tell.words(&text.title));
    let summary = text.summary.as_ref().map(|summary| Cell::Prose(tell.words(summary)));
    [Some(title), summary].into_iter().flatten().collect()
}
