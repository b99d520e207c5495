//! A learning's page: what was learnt, by whom, and how far others looked at it.

use super::{
    Shown,
    telling::{Telling, read},
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

    fn show(&self, tell: &Telling<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<ContentText> = read(self.text.as_deref());
        let content = &self.content;
        let names = text.as_ref().map(|text| &text.place_names);
        let mut facts = tell.facts();
        facts.add(tell.say("fact-authors"), tell.organisations(&content.authors)?);
        let origin = if self.published_elsewhere { "learning-elsewhere" } else { "learning-here" };
        facts.add(tell.say("fact-origin"), [Cell::Plain(tell.say(origin))]);
        facts.add(tell.say("fact-citation"), tell.line(text.as_ref().and_then(|text| text.citation.as_ref())));
        facts.add(tell.say("fact-when"), content.occurred_on.map(|date| Cell::Plain(tell.language.date(date))));
        facts.add(tell.say("fact-themes"), tell.themes(&content.themes));
        facts.add(tell.say("fact-places"), tell.places(&content.places, names));
        facts.add(tell.say("fact-languages"), tell.languages(&content.languages));
        facts.add(tell.say("fact-licence"), [tell.label("licences", content.licence.as_str())]);
        facts.add(tell.say("fact-came-from"), tell.links(content.links.iter().copied())?);
        facts.add(tell.say("fact-registered-by"), [tell.organisation(self.by)?]);
        facts.add(tell.say("fact-retracted-by"), self.retracted_by.map(|by| tell.organisation(by)).transpose()?);
        facts.add(tell.say("fact-documents"), tell.digests(&content.documents));
        facts.add(tell.say("fact-keywords"), text.iter().flat_map(|text| tell.keywords(&text.keywords)));
        let authorship = tell.attested(&self.authorship, |_| vec![Cell::Plain(tell.language.role("author"))])?;
        let columns = ["column-organisation", "column-roles", "column-vouches", "column-since"];
        let mut sections = text.as_ref().map(|text| told(tell, text)).unwrap_or_default();
        sections.extend(tell.table("authorship", "section-authorship", &columns, authorship));
        sections.extend(screenings(tell, &self.screenings)?);
        Ok(Shown {
            kind_label: Some(tell.language.label("learning-kinds", content.kind.word())),
            intro: None,
            facts: facts.done(),
            sections,
        })
    }
}

fn told(tell: &Telling<'_>, text: &ContentText) -> Vec<Section> {
    let sections = [
        tell.prose("lessons", "section-lessons", Some(&text.lessons)),
        tell.prose("context", "section-context", text.context.as_ref()),
        tell.prose("done", "section-done", text.done.as_ref()),
        tell.prose("results", "section-results", text.results.as_ref()),
        tell.prose("recommendations", "section-recommendations", text.recommendations.as_ref()),
        tell.prose("enabling", "section-enabling", text.enabling_factors.as_ref()),
        tell.prose("limits", "section-limits", text.limits.as_ref()),
        tell.prose("population", "section-population", text.population.as_ref()),
    ];
    sections.into_iter().flatten().collect()
}

fn screenings(tell: &Telling<'_>, all: &[Screening]) -> Result<Option<Section>, QueryError> {
    let row = |one: &Screening| {
        let class = match one.outcome {
            ScreeningOutcome::Passed => "confirmed",
            ScreeningOutcome::RevisionRequested => "claimed",
        };
        let mark = Mark { class, sign: "", label: tell.language.label("screening-outcomes", one.outcome.word()) };
        Ok(vec![
            vec![tell.organisation(one.by)?],
            vec![Cell::Mark(mark)],
            one.remarks.iter().map(|remarks| Cell::Words(tell.words(remarks))).collect(),
            vec![Cell::Moment(Moment::new(tell.language, one.recorded.time))],
        ])
    };
    let rows = all.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-outcome", "column-remarks", "column-recorded"];
    Ok(tell.table("screenings", "section-screenings", &columns, rows))
}
