//! An agreement's page: who agreed on what, who signed which terms, and how far each party vouches for it.

use super::{
    Shown,
    presenter::{Presenter, read},
};
use crate::pages::{
    cards::Filling,
    kinds::RecordPage,
    parts::{Cell, Facts, Mark, Moment, Section},
    snapshot::Snapshot,
};
use convenio_events::{
    Subject,
    codes::Attestation,
    types::agreement::{Commitment, Milestone, Party, TermsText},
};
use convenio_projections::{
    QueryError,
    document::{Agreement, Document, Head, Signature},
};

impl RecordPage for Agreement {
    fn fill(&self, card: Filling<'_>, document: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let parties = self.terms.parties.iter().map(|party| party.organisation);
        facts.add(card.language.say("fact-parties"), card.organisations(parties)?);
        let (from, to) = document.span();
        facts.add(card.language.say("fact-when"), card.language.span(from, to).map(Cell::Plain));
        facts.add(card.language.say("fact-places"), card.places(&self.terms.places));
        card.card.facts = facts.done();
        card.card.kind_label = card.language.label("instruments", self.terms.instrument.word());
        card.chips(&self.terms.mechanisms, &self.terms.themes);
        Ok(())
    }

    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark> {
        vec![Mark::attestation(snapshot.language(), self.attestation)]
    }

    fn show(&self, presenter: &Presenter<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<TermsText> = read(self.text.as_deref());
        let text = text.as_ref();
        let objectives = text.and_then(|text| text.objectives.as_ref()).map(|objectives| presenter.words(objectives));
        let sections = [
            parties(presenter, self, text)?,
            commitments(presenter, self, text)?,
            milestones(presenter, self, text),
            signatures(presenter, self)?,
        ];
        Ok(Shown {
            kind_label: Some(presenter.language.label("instruments", self.terms.instrument.word())),
            intro: objectives,
            facts: facts(presenter, self, text)?,
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn facts(
    presenter: &Presenter<'_>,
    agreement: &Agreement,
    text: Option<&TermsText>,
) -> Result<Vec<crate::pages::parts::Fact>, QueryError> {
    let (terms, links) = (&agreement.terms, &agreement.links);
    let day = |date: convenio_events::time::Date| Cell::Plain(presenter.language.day(date.0));
    let mut facts = presenter.facts();
    let origin = if agreement.concluded_elsewhere { "agreement-elsewhere" } else { "agreement-here" };
    facts.add(presenter.say("fact-origin"), [Cell::Plain(presenter.say(origin))]);
    facts.add(presenter.say("fact-registered-by"), [presenter.organisation(agreement.by)?]);
    facts.add(presenter.say("fact-modalities"), [presenter.label("modalities", terms.modality.word())]);
    facts.add(presenter.say("fact-direction"), [presenter.label("directions", terms.direction.word())]);
    facts.add(presenter.say("fact-mechanisms"), presenter.mechanisms(&terms.mechanisms));
    facts.add(presenter.say("fact-themes"), presenter.themes(&terms.themes));
    facts.add(presenter.say("fact-places"), presenter.places(&terms.places, text.map(|text| &text.place_names)));
    facts.add(
        presenter.say("fact-concluded-on"),
        agreement.concluded_on.map(|date| Cell::Plain(presenter.language.date(date))),
    );
    facts.add(presenter.say("fact-effective-on"), agreement.effective_on.or(terms.effective_on).map(day));
    facts.add(presenter.say("fact-ends-on"), terms.ends_on.map(day));
    facts
        .add(presenter.say("fact-ended-on"), agreement.ended_on.map(|date| Cell::Plain(presenter.language.date(date))));
    facts.add(presenter.say("fact-review-on"), terms.review_on.map(day));
    facts.add(presenter.say("fact-renewal"), terms.renewal.map(|renewal| presenter.label("renewals", renewal.word())));
    let notice = terms
        .notice_days
        .map(|days| presenter.language.say_count("notice-days", days, &presenter.language.number(u64::from(days))));
    facts.add(presenter.say("fact-notice"), notice.map(Cell::Plain));
    facts.add(presenter.say("fact-languages"), presenter.languages(&terms.languages));
    facts.add(presenter.say("fact-prevailing-language"), presenter.languages(terms.prevailing_language.as_slice()));
    facts.add(presenter.say("fact-parent"), presenter.links(links.parent.map(Subject::from))?);
    facts.add(presenter.say("fact-renews"), presenter.links(links.renews.map(Subject::from))?);
    facts.add(presenter.say("fact-convening"), presenter.links(links.convening.map(Subject::from))?);
    facts.add(presenter.say("fact-came-from"), presenter.links(links.listings.iter().copied())?);
    facts.add(presenter.say("fact-state-by"), agreement.state_by.map(|by| presenter.organisation(by)).transpose()?);
    facts.add(presenter.say("fact-refused-by"), presenter.organisations(&agreement.refused_by)?);
    facts.add(presenter.say("fact-left-by"), presenter.organisations(&agreement.left_by)?);
    facts.add(presenter.say("fact-citation"), presenter.line(agreement.citation.as_ref()));
    facts.add(presenter.say("fact-documents"), presenter.digests(&terms.documents));
    facts.add(presenter.say("fact-terms-digest"), presenter.digests(&[agreement.terms_digest]));
    Ok(facts.done())
}

fn parties(
    presenter: &Presenter<'_>,
    agreement: &Agreement,
    text: Option<&TermsText>,
) -> Result<Option<Section>, QueryError> {
    let row = |party: &Party| {
        let vouched = agreement.attestations.iter().find(|one| one.organisation == party.organisation);
        let attestation = vouched.map_or(Attestation::Claimed, |one| one.attestation);
        let roles = party.roles.iter().map(|role| Cell::Chip(presenter.language.role(role.word())));
        let stands_for = party
            .represents
            .iter()
            .map(|place| Cell::Plain(presenter.place(place, text.map(|text| &text.place_names))));
        let signs = if party.signs { "word-yes" } else { "word-no" };
        Ok(vec![
            vec![presenter.organisation(party.organisation)?],
            roles.collect(),
            stands_for.collect(),
            vec![Cell::Plain(presenter.say(signs))],
            vec![Cell::Mark(Mark::attestation(presenter.language, attestation))],
        ])
    };
    let rows = agreement.terms.parties.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-roles", "column-represents", "column-signs", "column-vouches"];
    Ok(presenter.table("parties", "section-parties", &columns, rows))
}

fn commitments(
    presenter: &Presenter<'_>,
    agreement: &Agreement,
    text: Option<&TermsText>,
) -> Result<Option<Section>, QueryError> {
    let row = |one: &Commitment| {
        let words =
            text.and_then(|text| text.commitments.get(&one.id)).map(|words| Cell::Words(presenter.words(words)));
        Ok(vec![
            words.into_iter().collect(),
            vec![presenter.organisation(one.provider)?],
            vec![presenter.organisation(one.receiver)?],
            one.quantity.iter().map(|quantity| Cell::Plain(presenter.language.quantity(quantity))).collect(),
            one.due.iter().map(|due| Cell::Plain(presenter.language.day(due.0))).collect(),
            presenter.links(one.source)?,
        ])
    };
    let rows = agreement.terms.commitments.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns =
        ["column-what", "column-provider", "column-receiver", "column-quantity", "column-due", "column-source"];
    Ok(presenter.table("commitments", "section-commitments", &columns, rows))
}

fn milestones(presenter: &Presenter<'_>, agreement: &Agreement, text: Option<&TermsText>) -> Option<Section> {
    let row = |one: &Milestone| {
        let words = text.and_then(|text| text.milestones.get(&one.id)).map(|words| Cell::Words(presenter.words(words)));
        vec![
            words.into_iter().collect(),
            one.due.iter().map(|due| Cell::Plain(presenter.language.day(due.0))).collect(),
        ]
    };
    let rows = agreement.terms.milestones.iter().map(row).collect();
    presenter.table("milestones", "section-milestones", &["column-what", "column-due"], rows)
}

fn signatures(presenter: &Presenter<'_>, agreement: &Agreement) -> Result<Option<Section>, QueryError> {
    let row = |one: &Signature| {
        Ok(vec![
            vec![presenter.organisation(one.organisation)?],
            presenter.line(one.office.as_ref()),
            vec![presenter.label("signature-methods", one.method.word())],
            vec![Cell::Plain(presenter.language.day(one.on.0))],
            vec![Cell::Moment(Moment::new(presenter.language, one.recorded.time))],
        ])
    };
    let rows = agreement.signatures.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-office", "column-method", "column-signed-on", "column-recorded"];
    Ok(presenter.table("signatures", "section-signatures", &columns, rows))
}
