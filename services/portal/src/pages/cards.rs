//! A record as it stands in a list. What its own page shows is in `record`.

use super::{
    locale::Language,
    parts::{Card, Cell, Facts, Link, Mark},
    snapshot::{Snapshot, document},
    words::Words,
};
use convenio_events::{
    LanguageMap, OrganisationId, RecordKind, Subject,
    codes::{Attestation, Mechanism},
    types::organisation::Standing,
    values::{Place, Theme},
};
use convenio_projections::{
    QueryError,
    collection::Item,
    document::{Agreement, Body, CommitmentLevel, Convening, Document, Learning, Listing, Organisation},
};
use serde::Deserialize;

/// The most characters of a summary in a list.
const SUMMARY_CHARACTERS_LIMIT: usize = 220;
/// The most organisations, places or chips that a card names.
const NAMES_LIMIT: usize = 4;

/// The words of any record that a card shows.
#[derive(Deserialize)]
struct CardText {
    #[serde(default)]
    title: Option<LanguageMap>,
    #[serde(default)]
    name: Option<LanguageMap>,
    #[serde(default, alias = "objectives", alias = "lessons", alias = "description")]
    summary: Option<LanguageMap>,
}

/// The code list of the states of a kind of record.
pub(super) fn states_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Offer => "offer-states",
        RecordKind::Demand => "demand-states",
        RecordKind::Agreement => "agreement-states",
        RecordKind::Learning => "learning-states",
        RecordKind::Convening => "convening-states",
        RecordKind::Organisation => "organisation-states",
        RecordKind::Access => "access-states",
        RecordKind::Ledger => "states",
    }
}

/// A record for a list.
pub(super) fn card(snapshot: &Snapshot, item: &Item) -> Result<Card, QueryError> {
    let document = document(item)?;
    let language = snapshot.language();
    let head = &document.head;
    let text: Option<CardText> = document.text().and_then(|text| serde_json::from_str(text.get()).ok());
    let title = text.as_ref().and_then(|text| text.title.as_ref().or(text.name.as_ref()));
    let words = title.map_or_else(|| Words::instead(language, "words-erased"), |title| Words::of(language, title));
    let summary = text.as_ref().and_then(|text| text.summary.as_ref()).map(|summary| Words::of(language, summary));
    // An organisation's name is its name in every language.
    let named = Some(&words).filter(|_| head.kind != RecordKind::Organisation);
    let note = named.and_then(Words::note).or_else(|| summary.as_ref()?.note()).map(str::to_owned);
    let mut card = Card {
        kind: head.kind.word(),
        kind_label: language.label("record-kinds", head.kind.word()),
        note,
        title: Link {
            href: Some(format!("/{}/{}/{}", language.code(), head.kind.plural(), head.id)),
            words: words.quiet(),
            mark: None,
        },
        summary: summary.map(|summary| summary.quiet().shortened(SUMMARY_CHARACTERS_LIMIT)),
        marks: marks(snapshot, &document),
        facts: Vec::new(),
        chips: Vec::new(),
    };
    let filling = Filling { snapshot, language, card: &mut card };
    match &document.body {
        Body::Listing(listing) => filling.listing(listing)?,
        Body::Agreement(agreement) => filling.agreement(agreement, &document)?,
        Body::Learning(learning) => filling.learning(learning)?,
        Body::Convening(convening) => filling.convening(convening, &document)?,
        Body::Organisation(organisation) => filling.organisation(organisation),
    }
    Ok(card)
}

/// State, attestation, verification, and where it came from: the same in lists and on a record's page.
pub(super) fn marks(snapshot: &Snapshot, document: &Document) -> Vec<Mark> {
    let language = snapshot.language();
    let head = &document.head;
    let mut marks = Vec::new();
    if !matches!(document.body, Body::Organisation(_)) || !matches!(head.state.word(), "active" | "profile") {
        marks.push(Mark::state(language, states_of(head.kind), head.state.word()));
    }
    match &document.body {
        Body::Listing(listing) => {
            if listing.commitment_level != CommitmentLevel::Uncommitted {
                marks.push(Mark {
                    class: "state",
                    sign: "",
                    label: commitment_level(language, listing.commitment_level),
                });
            }
            if let Some(urgency) = listing.terms.urgency.filter(|urgency| matches!(urgency.word(), "high" | "critical"))
            {
                let label = language.say_with(
                    "mark-urgency",
                    "urgency",
                    &language.label("urgency", urgency.word()).to_lowercase(),
                );
                marks.push(Mark { class: "urgent", sign: "!", label });
            }
        }
        Body::Agreement(agreement) => marks.push(Mark::attestation(language, agreement.attestation)),
        Body::Learning(learning) => {
            if let Some(level) = learning.level {
                marks.push(Mark { class: "state", sign: "", label: language.label("learning-levels", level.word()) });
            }
            marks.push(Mark::attestation(language, of_all(learning.authorship.iter().map(|one| one.attestation))));
        }
        Body::Convening(convening) => {
            marks.push(Mark::attestation(language, of_all(convening.participation.iter().map(|one| one.attestation))));
        }
        Body::Organisation(organisation) => marks.extend(standing(snapshot, organisation)),
    }
    if head.sample {
        marks.push(Mark::sample(language));
    }
    marks
}

/// Denied by any, confirmed by all, else claimed.
pub(super) fn of_all(attestations: impl Iterator<Item = Attestation>) -> Attestation {
    let all: Vec<_> = attestations.collect();
    match () {
        () if all.contains(&Attestation::Denied) => Attestation::Denied,
        () if !all.is_empty() && all.iter().all(|one| *one == Attestation::Confirmed) => Attestation::Confirmed,
        () => Attestation::Claimed,
    }
}

/// How much of an offer or demand is taken.
pub(super) fn commitment_level(language: Language, level: CommitmentLevel) -> String {
    let word = match level {
        CommitmentLevel::Uncommitted => "uncommitted",
        CommitmentLevel::PartlyCommitted => "partly-committed",
        CommitmentLevel::FullyCommitted => "fully-committed",
    };
    language.label("commitment-levels", word)
}

/// Whether the organisation itself is here, and who vouches for it.
fn standing(snapshot: &Snapshot, organisation: &Organisation) -> Vec<Mark> {
    let language = snapshot.language();
    let mut marks = Vec::new();
    if organisation.standing == Standing::Profile {
        marks.push(Mark { class: "claimed", sign: "\u{25cb}", label: language.say("mark-profile").into_owned() });
    }
    if let Some(mark) = snapshot.verified(organisation) {
        marks.push(mark);
    } else if organisation.standing == Standing::Holder {
        let label = language.label("verification-states", snapshot.verification(organisation).word());
        marks.push(Mark { class: "unverified", sign: "", label });
    }
    marks
}

/// The labels of mechanisms.
pub(super) fn mechanisms(language: Language, mechanisms: &[Mechanism]) -> Vec<String> {
    mechanisms.iter().map(|mechanism| language.label("mechanisms", mechanism.word())).collect()
}

struct Filling<'a> {
    snapshot: &'a Snapshot,
    language: Language,
    card: &'a mut Card,
}

impl Filling<'_> {
    fn listing(self, listing: &Listing) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let organisation = self.snapshot.organisation(listing.organisation)?;
        facts.add(self.language.say("fact-organisation"), [Cell::Link(organisation)]);
        facts.add(self.language.say("fact-places"), self.places(&listing.terms.places));
        if let Some(last) = listing.terms.valid_through {
            facts.add(self.language.say("fact-valid-through"), [Cell::Plain(self.language.day(last.0))]);
        }
        self.card.facts = facts.done();
        self.chips(&listing.terms.mechanisms, &listing.terms.themes);
        Ok(())
    }

    fn agreement(self, agreement: &Agreement, document: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let parties = agreement.terms.parties.iter().map(|party| party.organisation);
        facts.add(self.language.say("fact-parties"), self.organisations(parties)?);
        let (from, to) = document.span();
        facts.add(self.language.say("fact-when"), self.language.span(from, to).map(Cell::Plain));
        facts.add(self.language.say("fact-places"), self.places(&agreement.terms.places));
        self.card.facts = facts.done();
        self.card.kind_label = self.language.label("instruments", agreement.terms.instrument.word());
        self.chips(&agreement.terms.mechanisms, &agreement.terms.themes);
        Ok(())
    }

    fn learning(self, learning: &Learning) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        facts.add(self.language.say("fact-authors"), self.organisations(learning.content.authors.iter().copied())?);
        facts.add(self.language.say("fact-places"), self.places(&learning.content.places));
        facts.add(
            self.language.say("fact-when"),
            learning.content.occurred_on.map(|when| Cell::Plain(self.language.date(when))),
        );
        self.card.facts = facts.done();
        self.card.kind_label = self.language.label("learning-kinds", learning.content.kind.word());
        self.chips(&[], &learning.content.themes);
        Ok(())
    }

    fn convening(self, convening: &Convening, document: &Document) -> Result<(), QueryError> {
        let mut facts = Facts::default();
        let (from, to) = document.span();
        facts.add(self.language.say("fact-when"), self.language.span(from, to).map(Cell::Plain));
        facts.add(self.language.say("fact-places"), self.places(convening.plan.place.as_slice()));
        facts.add(self.language.say("fact-organisers"), self.organisations(convening.plan.organisers.iter().copied())?);
        self.card.facts = facts.done();
        self.chips(&[], &convening.plan.themes);
        Ok(())
    }

    fn organisation(self, organisation: &Organisation) {
        let mut facts = Facts::default();
        let sites = organisation.sites.iter().filter(|site| !site.closed).map(|site| &site.place);
        let places: Vec<_> = organisation.profile.place.iter().chain(sites).cloned().collect();
        facts.add(self.language.say("fact-places"), self.places(&places));
        self.card.facts = facts.done();
        self.card.kind_label = self.language.label("organisation-kinds", organisation.profile.kind.word());
    }

    /// The first few, and how many more there are.
    fn organisations(&self, all: impl Iterator<Item = OrganisationId>) -> Result<Vec<Cell>, QueryError> {
        let all: Vec<_> = all.collect();
        let named = all.iter().take(NAMES_LIMIT).map(|id| Ok(Cell::Link(self.snapshot.link(Subject::from(*id))?)));
        let mut cells = named.collect::<Result<Vec<_>, QueryError>>()?;
        cells.extend(self.more(all.len()));
        Ok(cells)
    }

    fn places(&self, places: &[Place]) -> Vec<Cell> {
        let mut names: Vec<_> = places.iter().map(|place| self.language.label("countries", place.country())).collect();
        names.dedup();
        let more = self.more(names.len());
        names.into_iter().take(NAMES_LIMIT).map(Cell::Plain).chain(more).collect()
    }

    fn chips(self, by: &[Mechanism], about: &[Theme]) {
        let themes = about.iter().map(|theme| match theme.code() {
            Some(code) => code.labels.in_language(self.language.code()).to_owned(),
            None => self.language.theme(theme),
        });
        let all: Vec<_> = mechanisms(self.language, by).into_iter().chain(themes).collect();
        let more = all.len().saturating_sub(NAMES_LIMIT);
        self.card.chips = all.into_iter().take(NAMES_LIMIT).collect();
        if more > 0 {
            self.card.chips.push(format!("+{more}"));
        }
    }

    fn more(&self, all: usize) -> Option<Cell> {
        let more = all.saturating_sub(NAMES_LIMIT);
        let count = u32::try_from(more).unwrap_or(u32::MAX);
        (more > 0)
            .then(|| Cell::Plain(self.language.say_count("more-names", count, &self.language.number(more as u64))))
    }
}
