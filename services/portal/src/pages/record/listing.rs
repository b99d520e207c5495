//! An offer's or a demand's page.

use super::{
    Shown,
    telling::{Telling, read},
};
use crate::pages::{
    cards::Filling,
    kinds::RecordPage,
    parts::{Cell, Facts, Mark},
    snapshot::Snapshot,
};
use convenio_events::{Subject, types::listing::ListingText, values::CostShare};
use convenio_projections::{
    QueryError,
    document::{CommitmentLevel, Document, Head, Listing, Reservation, ReservationState},
};

impl RecordPage for Listing {
    fn fill(&self, card: Filling<'_>, _: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let organisation = card.snapshot.organisation(self.organisation)?;
        facts.add(card.language.say("fact-organisation"), [Cell::Link(organisation)]);
        facts.add(card.language.say("fact-places"), card.places(&self.terms.places));
        if let Some(last) = self.terms.valid_through {
            facts.add(card.language.say("fact-valid-through"), [Cell::Plain(card.language.day(last.0))]);
        }
        card.card.facts = facts.done();
        card.chips(&self.terms.mechanisms, &self.terms.themes);
        Ok(())
    }

    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark> {
        let language = snapshot.language();
        let mut marks = Vec::new();
        if self.commitment_level != CommitmentLevel::Uncommitted {
            let label = language.label("commitment-levels", self.commitment_level.word());
            marks.push(Mark { class: "state", sign: "", label });
        }
        if let Some(urgency) = self.terms.urgency.filter(|urgency| matches!(urgency.word(), "high" | "critical")) {
            let urgency = language.label("urgency", urgency.word()).to_lowercase();
            let label = language.say_with("mark-urgency", "urgency", &urgency);
            marks.push(Mark { class: "urgent", sign: "!", label });
        }
        marks
    }

    fn show(&self, tell: &Telling<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<ListingText> = read(self.text.as_deref());
        let terms = &self.terms;
        let names = text.as_ref().map(|text| &text.place_names);
        let day = |date: convenio_events::time::Date| Cell::Plain(tell.language.day(date.0));
        let cost = |share: &CostShare| {
            let item = tell.language.label("cost-items", share.item.word());
            let bearer = tell.language.label("cost-bearers", share.bearer.word());
            Cell::Chip(format!("{item}: {bearer}"))
        };
        let mut facts = tell.facts();
        facts.add(tell.say("fact-organisation"), [tell.organisation(self.organisation)?]);
        facts.add(tell.say("fact-mechanisms"), tell.mechanisms(&terms.mechanisms));
        facts.add(tell.say("fact-themes"), tell.themes(&terms.themes));
        facts.add(tell.say("fact-places"), tell.places(&terms.places, names));
        facts.add(tell.say("fact-delivery-languages"), tell.languages(&terms.languages));
        facts.add(
            tell.say("fact-modalities"),
            terms.modalities.iter().map(|modality| Cell::Chip(tell.language.label("modalities", modality.word()))),
        );
        let quantity = terms
            .quantity
            .as_ref()
            .map_or_else(|| tell.say("quantity-unlimited"), |quantity| tell.language.quantity(quantity));
        facts.add(tell.say("fact-quantity"), [Cell::Plain(quantity)]);
        let left = self.remaining.as_ref().filter(|_| self.commitment_level != CommitmentLevel::Uncommitted);
        facts.add(
            tell.say("fact-remaining"),
            left.map(|left| Cell::Plain(tell.language.amount_of(left.amount, &left.unit))),
        );
        facts.add(tell.say("fact-commitment"), [tell.label("commitment-levels", self.commitment_level.word())]);
        facts.add(tell.say("fact-costs"), terms.costs.iter().map(cost));
        facts.add(tell.say("fact-urgency"), terms.urgency.map(|urgency| tell.label("urgency", urgency.word())));
        facts.add(tell.say("fact-valid-from"), terms.valid_from.map(day));
        facts.add(tell.say("fact-valid-through"), terms.valid_through.map(day));
        facts.add(tell.say("fact-evidence"), tell.links(terms.evidence.iter().copied().map(Subject::from))?);
        facts.add(tell.say("fact-fulfilled-by"), tell.links(self.fulfilled_by.map(Subject::from))?);
        facts.add(tell.say("fact-keywords"), text.iter().flat_map(|text| tell.keywords(&text.keywords)));
        let conditions =
            text.as_ref().and_then(|text| tell.prose("conditions", "section-conditions", text.conditions.as_ref()));
        let sections = [conditions, reservations(tell, &self.reservations)?];
        Ok(Shown {
            kind_label: None,
            intro: text.as_ref().and_then(|text| text.summary.as_ref()).map(|summary| tell.words(summary)),
            facts: facts.done(),
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn reservations(tell: &Telling<'_>, held: &[Reservation]) -> Result<Option<crate::pages::parts::Section>, QueryError> {
    let row = |one: &Reservation| {
        let (class, word) = match one.state {
            ReservationState::Reserved => ("claimed", "reserved"),
            ReservationState::Allocated => ("confirmed", "allocated"),
        };
        let mark = Mark { class, sign: "", label: tell.language.label("reservation-states", word) };
        Ok(vec![
            tell.links([Subject::from(one.agreement)])?,
            one.quantity.iter().map(|quantity| Cell::Plain(tell.language.quantity(quantity))).collect(),
            vec![Cell::Mark(mark)],
        ])
    };
    let rows = held.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(tell.table(
        "reservations",
        "section-reservations",
        &["column-agreement", "column-quantity", "column-state"],
        rows,
    ))
}
