//! An offer's or a demand's page.

use super::{
    Shown,
    presenter::{Presenter, read},
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

    fn show(&self, presenter: &Presenter<'_>, _: &Head) -> Result<Shown, QueryError> {
        let text: Option<ListingText> = read(self.text.as_deref());
        let terms = &self.terms;
        let names = text.as_ref().map(|text| &text.place_names);
        let day = |date: convenio_events::time::Date| Cell::Plain(presenter.language.day(date.0));
        let cost = |share: &CostShare| {
            let item = presenter.language.label("cost-items", share.item.word());
            let bearer = presenter.language.label("cost-bearers", share.bearer.word());
            Cell::Chip(format!("{item}: {bearer}"))
        };
        let mut facts = presenter.facts();
        facts.add(presenter.say("fact-organisation"), [presenter.organisation(self.organisation)?]);
        facts.add(presenter.say("fact-mechanisms"), presenter.mechanisms(&terms.mechanisms));
        facts.add(presenter.say("fact-themes"), presenter.themes(&terms.themes));
        facts.add(presenter.say("fact-places"), presenter.places(&terms.places, names));
        facts.add(presenter.say("fact-delivery-languages"), presenter.languages(&terms.languages));
        facts.add(
            presenter.say("fact-modalities"),
            terms.modalities.iter().map(|modality| Cell::Chip(presenter.language.label("modalities", modality.word()))),
        );
        let quantity = terms
            .quantity
            .as_ref()
            .map_or_else(|| presenter.say("quantity-unlimited"), |quantity| presenter.language.quantity(quantity));
        facts.add(presenter.say("fact-quantity"), [Cell::Plain(quantity)]);
        let left = self.remaining.as_ref().filter(|_| self.commitment_level != CommitmentLevel::Uncommitted);
        facts.add(
            presenter.say("fact-remaining"),
            left.map(|left| Cell::Plain(presenter.language.amount_of(left.amount, &left.unit))),
        );
        facts.add(
            presenter.say("fact-commitment"),
            [presenter.label("commitment-levels", self.commitment_level.word())],
        );
        facts.add(presenter.say("fact-costs"), terms.costs.iter().map(cost));
        facts.add(
            presenter.say("fact-urgency"),
            terms.urgency.map(|urgency| presenter.label("urgency", urgency.word())),
        );
        facts.add(presenter.say("fact-valid-from"), terms.valid_from.map(day));
        facts.add(presenter.say("fact-valid-through"), terms.valid_through.map(day));
        facts.add(presenter.say("fact-evidence"), presenter.links(terms.evidence.iter().copied().map(Subject::from))?);
        facts.add(presenter.say("fact-fulfilled-by"), presenter.links(self.fulfilled_by.map(Subject::from))?);
        facts.add(presenter.say("fact-keywords"), text.iter().flat_map(|text| presenter.keywords(&text.keywords)));
        let conditions = text
            .as_ref()
            .and_then(|text| presenter.prose("conditions", "section-conditions", text.conditions.as_ref()));
        let sections = [conditions, reservations(presenter, &self.reservations)?];
        Ok(Shown {
            kind_label: None,
            intro: text.as_ref().and_then(|text| text.summary.as_ref()).map(|summary| presenter.words(summary)),
            facts: facts.done(),
            sections: sections.into_iter().flatten().collect(),
        })
    }
}

fn reservations(
    presenter: &Presenter<'_>,
    held: &[Reservation],
) -> Result<Option<crate::pages::parts::Section>, QueryError> {
    let row = |one: &Reservation| {
        let (class, word) = match one.state {
            ReservationState::Reserved => ("claimed", "reserved"),
            ReservationState::Allocated => ("confirmed", "allocated"),
        };
        let mark = Mark { class, sign: "", label: presenter.language.label("reservation-states", word) };
        Ok(vec![
            presenter.links([Subject::from(one.agreement)])?,
            one.quantity.iter().map(|quantity| Cell::Plain(presenter.language.quantity(quantity))).collect(),
            vec![Cell::Mark(mark)],
        ])
    };
    let rows = held.iter().map(row).collect::<Result<_, QueryError>>()?;
    Ok(presenter.table(
        "reservations",
        "section-reservations",
        &["column-agreement", "column-quantity", "column-state"],
        rows,
    ))
}
