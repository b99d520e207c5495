//! A record as it stands in a list. What its own page shows is in `record`.

use super::{
    kinds::page_of,
    locale::Language,
    parts::{Card, Cell, Link, Mark},
    snapshot::{Snapshot, document},
    words::Words,
};
use convenio_events::{
    LanguageMap, OrganisationId, RecordKind, Subject,
    codes::{Attestation, Mechanism},
    values::{Place, Theme},
};
use convenio_projections::{QueryError, collection::Item, document::Document};
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
    page_of(&document.body).fill(filling, &document)?;
    Ok(card)
}

/// State, attestation, verification, and where it came from: the same in lists and on a record's page.
pub(super) fn marks(snapshot: &Snapshot, document: &Document) -> Vec<Mark> {
    let language = snapshot.language();
    let head = &document.head;
    let mut marks = Vec::new();
    if head.kind != RecordKind::Organisation || !matches!(head.state.word(), "active" | "profile") {
        marks.push(Mark::state(language, head.kind.states(), head.state.word()));
    }
    marks.extend(page_of(&document.body).marks(snapshot));
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

/// The labels of mechanisms.
pub(super) fn mechanisms(language: Language, mechanisms: &[Mechanism]) -> Vec<String> {
    mechanisms.iter().map(|mechanism| language.label("mechanisms", mechanism.word())).collect()
}

/// A card that a kind of record fills.
pub(super) struct Filling<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) language: Language,
    pub(super) card: &'a mut Card,
}

impl Filling<'_> {
    /// The first few, and how many more there are.
    pub(super) fn organisations(&self, all: impl Iterator<Item = OrganisationId>) -> Result<Vec<Cell>, QueryError> {
        let all: Vec<_> = all.collect();
        let named = all.iter().take(NAMES_LIMIT).map(|id| Ok(Cell::Link(self.snapshot.link(Subject::from(*id))?)));
        let mut cells = named.collect::<Result<Vec<_>, QueryError>>()?;
        cells.extend(self.more(all.len()));
        Ok(cells)
    }

    pub(super) fn places(&self, places: &[Place]) -> Vec<Cell> {
        let mut names: Vec<_> = places.iter().map(|place| self.language.label("countries", place.country())).collect();
        names.dedup();
        let more = self.more(names.len());
        names.into_iter().take(NAMES_LIMIT).map(Cell::Plain).chain(more).collect()
    }

    pub(super) fn chips(self, by: &[Mechanism], about: &[Theme]) {
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
