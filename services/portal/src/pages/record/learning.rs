//! A learning's page: what was learnt, by whom, and how far others looked at it.

use super::{
    Shown,
    presenter::{Presenter, read},
};
use crate::pages::{
    cards::{Filling, of_all},
    kinds::RecordPage,
    parts::{Cell, Facts, Mark, Moment, Section},
    snapshot::Snapshot,
};
use convenio_events::{
    codes::{LearningLevel, ScreeningOutcome},
    types::learning::ContentText,
};
use convenio_projections::{
    QueryError,
    document::{Document, Head, Learning, Screening},
};

impl RecordPage for Learning {
    fn fill(&self, card: Filling<'_>, _: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        facts.add(card.language.say("fact-authors"), card.organisations(self.content.authors.iter().copied())?);
        facts.add(card.language.say("fact-places"), card.places(&self.content.places));
        let when = self.content.occurred_on.map(|when| Cell::Plain(card.language.date(when)));
        facts.add(card.language.say("fact-when"), when);
        card.card.facts = facts.done();
        card.card.kind_label = card.language.label("learning-kinds", self.content.kind.word());
        card.chips(&[], &self.content.themes);
        Ok(())
    }

    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark> {
        let language = snapshot.language();
        let level = |level: LearningLevel| language.label("learning-levels", level.word());
        let level = self.level.map(|reached| Mark { class: "state", sign: "", label: level(reached) });
        let accepted = of_all(self.authorship.iter().map(|one| one.attestation));
        level.into_iter().chain([Mark::attestation(language, accepted)]).collect()
    }

    fn show(&self, presenter: &Presenter<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<ContentText> = read(self.text.as_deref());
        let content = &self.content;
        let names = text.as_ref().map(|text| &text.place_names);
        let mut facts = presenter.facts();
        facts.add(presenter.say("fact-authors"), presenter.organisations(&content.authors)?);
        let origin = if self.published_elsewhere { "learning-elsewhere" } else { "learning-here" };
        facts.add(presenter.say("fact-origin"), [Cell::Plain(presenter.say(origin))]);
        facts
            .add(presenter.say("fact-citation"), presenter.line(text.as_ref().and_then(|text| text.citation.as_ref())));
        facts.add(
            presenter.say("fact-when"),
            content.occurred_on.map(|date| Cell::Plain(presenter.language.date(date))),
        );
        facts.add(presenter.say("fact-themes"), presenter.themes(&content.themes));
        facts.add(presenter.say("fact-places"), presenter.places(&content.places, names));
        facts.add(presenter.say("fact-languages"), presenter.languages(&content.languages));
        facts.add(presenter.say("fact-licence"), [presenter.label("licences", content.licence.as_str())]);
        facts.add(presenter.say("fact-came-from"), presenter.links(content.links.iter().copied())?);
        facts.add(presenter.say("fact-registered-by"), [presenter.organisation(self.by)?]);
        facts.add(
            presenter.say("fact-retracted-by"),
            self.retracted_by.map(|by| presenter.organisation(by)).transpose()?,
        );
        facts.add(presenter.say("fact-documents"), presenter.digests(&content.documents));
        facts.add(presenter.say("fact-keywords"), text.iter().flat_map(|text| presenter.keywords(&text.keywords)));
        let authorship =
            presenter.attested(&self.authorship, |_| vec![Cell::Plain(presenter.language.role("author"))])?;
        let columns = ["column-organisation", "column-roles", "column-vouches", "column-since"];
        let mut sections = text.as_ref().map(|text| told(presenter, text)).unwrap_or_default();
        sections.extend(presenter.table("authorship", "section-authorship", &columns, authorship));
        sections.extend(screenings(presenter, &self.screenings)?);
        Ok(Shown {
            kind_label: Some(presenter.language.label("learning-kinds", content.kind.word())),
            intro: None,
            facts: facts.done(),
            sections,
        })
    }
}

fn told(presenter: &Presenter<'_>, text: &ContentText) -> Vec<Section> {
    let sections = [
        presenter.prose("lessons", "section-lessons", Some(&text.lessons)),
        presenter.prose("context", "section-context", text.context.as_ref()),
        presenter.prose("done", "section-done", text.done.as_ref()),
        presenter.prose("results", "section-results", text.results.as_ref()),
        presenter.prose("recommendations", "section-recommendations", text.recommendations.as_ref()),
        presenter.prose("enabling", "section-enabling", text.enabling_factors.as_ref()),
        presenter.prose("limits", "section-limits", text.limits.as_ref()),
        presenter.prose("population", "section-population", text.population.as_ref()),
    ];
    sections.into_iter().flatten().collect()
}

fn screenings(presenter: &Presenter<'_>, all: &[Screening]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Screening| {
        let class = match one.outcome {
            ScreeningOutcome::Passed => "confirmed",
            ScreeningOutcome::RevisionRequested => "claimed",
        };
        let mark = Mark { class, sign: "", label: presenter.language.label("screening-outcomes", one.outcome.word()) };
        Ok(vec![
            vec![presenter.organisation(one.by)?],
            vec![Cell::Mark(mark)],
            one.remarks.iter().map(|remarks| Cell::Words(presenter.words(remarks))).collect(),
            vec![Cell::Moment(Moment::new(presenter.language, one.recorded.time))],
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-outcome", "column-remarks", "column-recorded"];
    Ok(presenter.table("screenings", "section-screenings", &columns, rows))
}
