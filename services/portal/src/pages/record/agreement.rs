//! An agreement's page: who agreed on what, who signed which terms, and how far each party vouches for it.

use super::{
    Shown,
    telling::{Telling, read},
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

    fn show(&self, tell: &Telling<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<TermsText> = read(self.text.as_deref());
        let text = text.as_ref();
        let objectives = text.and_then(|text| text.objectives.as_ref()).map(|objectives| tell.words(objectives));
        let sections = [
            parties(tell, self, text)?,
            commitments(tell, self, text)?,
            milestones(tell, self, text),
            signatures(tell, self)?,
        ];
        Ok(Shown {
            kind_label: Some(tell.language.label("instruments", self.terms.instrument.word())),
            intro: objectives,
            facts: facts(tell, self, text)?,
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn facts(
    tell: &Telling<'_>,
    agreement: &Agreement,
    text: Option<&TermsText>,
) -> Result<Vec<crate::pages::parts::Fact>, QueryError> {
    let (terms, links) = (&agreement.terms, &agreement.links);
    let day = |date: convenio_events::time::Date| Cell::Plain(tell.language.day(date.0));
    let mut facts = tell.facts();
    let origin = if agreement.concluded_elsewhere { "agreement-elsewhere" } else { "agreement-here" };
    facts.add(tell.say("fact-origin"), [Cell::Plain(tell.say(origin))]);
    facts.add(tell.say("fact-registered-by"), [tell.organisation(agreement.by)?]);
    facts.add(tell.say("fact-modalities"), [tell.label("modalities", terms.modality.word())]);
    facts.add(tell.say("fact-direction"), [tell.label("directions", terms.direction.word())]);
    facts.add(tell.say("fact-mechanisms"), tell.mechanisms(&terms.mechanisms));
    facts.add(tell.say("fact-themes"), tell.themes(&terms.themes));
    facts.add(tell.say("fact-places"), tell.places(&terms.places, text.map(|text| &text.place_names)));
    facts.add(tell.say("fact-concluded-on"), agreement.concluded_on.map(|date| Cell::Plain(tell.language.date(date))));
    facts.add(tell.say("fact-effective-on"), agreement.effective_on.or(terms.effective_on).map(day));
    facts.add(tell.say("fact-ends-on"), terms.ends_on.map(day));
    facts.add(tell.say("fact-ended-on"), agreement.ended_on.map(|date| Cell::Plain(tell.language.date(date))));
    facts.add(tell.say("fact-review-on"), terms.review_on.map(day));
    facts.add(tell.say("fact-renewal"), terms.renewal.map(|renewal| tell.label("renewals", renewal.word())));
    let notice = terms
        .notice_days
        .map(|days| tell.language.say_count("notice-days", days, &tell.language.number(u64::from(days))));
    facts.add(tell.say("fact-notice"), notice.map(Cell::Plain));
    facts.add(tell.say("fact-languages"), tell.languages(&terms.languages));
    facts.add(tell.say("fact-prevailing-language"), tell.languages(terms.prevailing_language.as_slice()));
    facts.add(tell.say("fact-parent"), tell.links(links.parent.map(Subject::from))?);
    facts.add(tell.say("fact-renews"), tell.links(links.renews.map(Subject::from))?);
    facts.add(tell.say("fact-convening"), tell.links(links.convening.map(Subject::from))?);
    facts.add(tell.say("fact-came-from"), tell.links(links.listings.iter().copied())?);
    facts.add(tell.say("fact-state-by"), agreement.state_by.map(|by| tell.organisation(by)).transpose()?);
    facts.add(tell.say("fact-refused-by"), tell.organisations(&agreement.refused_by)?);
    facts.add(tell.say("fact-left-by"), tell.organisations(&agreement.left_by)?);
    facts.add(tell.say("fact-citation"), tell.line(agreement.citation.as_ref()));
    facts.add(tell.say("fact-documents"), tell.digests(&terms.documents));
    facts.add(tell.say("fact-terms-digest"), tell.digests(&[agreement.terms_digest]));
    Ok(facts.done())
}

fn parties(tell: &Telling<'_>, agreement: &Agreement, text: Option<&TermsText>) -> Result<Option<Section>, QueryError> {
    let row = |party: &Party| {
        let vouched = agreement.attestations.iter().find(|one| one.organisation == party.organisation);
        let attestation = vouched.map_or(Attestation::Claimed, |one| one.attestation);
        let roles = party.roles.iter().map(|role| Cell::Chip(tell.language.role(role.word())));
        let stands_for =
            party.represents.iter().map(|place| Cell::Plain(tell.place(place, text.map(|text| &text.place_names))));
        let signs = if party.signs { "word-yes" } else { "word-no" };
        Ok(vec![
            vec![tell.organisation(party.organisation)?],
            roles.collect(),
            stands_for.collect(),
            vec![Cell::Plain(tell.say(signs))],
            vec![Cell::Mark(Mark::attestation(tell.language, attestation))],
        ])
    };
    let rows = agreement.terms.parties.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-roles", "column-represents", "column-signs", "column-vouches"];
    Ok(tell.table("parties", "section-parties", &columns, rows))
}

fn commitments(
    tell: &Telling<'_>,
    agreement: &Agreement,
    text: Option<&TermsText>,
) -> Result<Option<Section>, QueryError> {
    let row = |one: &Commitment| {
        let words = text.and_then(|text| text.commitments.get(&one.id)).map(|words| Cell::Words(tell.words(words)));
        Ok(vec![
            words.into_iter().collect(),
            vec![tell.organisation(one.provider)?],
            vec![tell.organisation(one.receiver)?],
            one.quantity.iter().map(|quantity| Cell::Plain(tell.language.quantity(quantity))).collect(),
            one.due.iter().map(|due| Cell::Plain(tell.language.day(due.0))).collect(),
            tell.links(one.source)?,
        ])
    };
    let rows = agreement.terms.commitments.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns =
        ["column-what", "column-provider", "column-receiver", "column-quantity", "column-due", "column-source"];
    Ok(tell.table("commitments", "section-commitments", &columns, rows))
}

fn milestones(tell: &Telling<'_>, agreement: &Agreement, text: Option<&TermsText>) -> Option<Section> {
    let row = |one: &Milestone| {
        let words = text.and_then(|text| text.milestones.get(&one.id)).map(|words| Cell::Words(tell.words(words)));
        vec![words.into_iter().collect(), one.due.iter().map(|due| Cell::Plain(tell.language.day(due.0))).collect()]
    };
    let rows = agreement.terms.milestones.iter().map(row).collect();
    tell.table("milestones", "section-milestones", &["column-what", "column-due"], rows)
}

fn signatures(tell: &Telling<'_>, agreement: &Agreement) -> Result<Option<Section>, QueryError> {
    let row = |one: &Signature| {
        Ok(vec![
            vec![tell.organisation(one.organisation)?],
            tell.line(one.office.as_ref()),
            vec![tell.label("signature-methods", one.method.word())],
            vec![Cell::Plain(tell.language.day(one.on.0))],
            vec![Cell::Moment(Moment::new(tell.language, one.recorded.time))],
        ])
    };
    let rows = agreement.signatures.iter().map(row).collect::<Result<_, QueryError>>()?;
    let columns = ["column-organisation", "column-office", "column-method", "column-signed-on", "column-recorded"];
    Ok(tell.table("signatures", "section-signatures", &columns, rows))
}
