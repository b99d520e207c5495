//! How the values of the domain stand on a record's page: codes as labels, ids as links, quantities in words.

use super::super::{
    locale::Language,
    parts::{Cell, Facts, Mark, Moment, Part, Section, Table},
    snapshot::Snapshot,
    words::Words,
};
use convenio_events::{
    LanguageMap, OrganisationId, Subject,
    codes::Mechanism,
    commitment::Digest,
    language_map::{LanguageTag, Line},
    types::organisation::PlaceNames,
    values::{Place, Theme},
};
use convenio_projections::{QueryError, document::Attested};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Puts values into the reader's words.
pub(in crate::pages) struct Presenter<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) language: Language,
    /// What is said of the title's language.
    pub(super) note: Option<&'a str>,
}

/// The words of a record, read as those of its type; `None` where they were erased.
pub(super) fn read<T: DeserializeOwned>(text: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(text?.get()).ok()
}

impl Presenter<'_> {
    /// A text of the pages.
    pub(super) fn say(&self, key: &'static str) -> String {
        self.language.say(key).into_owned()
    }

    /// The label of a code.
    pub(super) fn label(&self, list: &str, code: &str) -> Cell {
        Cell::Plain(self.language.label(list, code))
    }

    /// What somebody wrote. A note that the page's head has already is not repeated with every text.
    pub(super) fn words(&self, map: &LanguageMap) -> Words {
        let words = Words::of(self.language, map);
        if words.note() == self.note { words.quiet() } else { words }
    }

    /// An organisation.
    pub(super) fn organisation(&self, id: OrganisationId) -> Result<Cell, QueryError> {
        Ok(Cell::Link(self.snapshot.organisation(id)?))
    }

    /// Several of them.
    pub(super) fn organisations(&self, ids: &[OrganisationId]) -> Result<Vec<Cell>, QueryError> {
        ids.iter().map(|id| self.organisation(*id)).collect()
    }

    /// Other records, by their titles; those that the reader may not see are left out.
    pub(super) fn links(&self, subjects: impl IntoIterator<Item = Subject>) -> Result<Vec<Cell>, QueryError> {
        let links = subjects.into_iter().map(|subject| self.snapshot.link_if_seen(subject));
        links.filter_map(|link| link.map(|link| link.map(Cell::Link)).transpose()).collect()
    }

    /// Themes, one chip each.
    pub(super) fn themes(&self, themes: &[Theme]) -> Vec<Cell> {
        themes.iter().map(|theme| Cell::Chip(self.language.theme(theme))).collect()
    }

    /// Mechanisms, one chip each.
    pub(super) fn mechanisms(&self, mechanisms: &[Mechanism]) -> Vec<Cell> {
        super::super::cards::mechanisms(self.language, mechanisms).into_iter().map(Cell::Chip).collect()
    }

    /// Places, with their own names where they have no code.
    pub(super) fn places(&self, places: &[Place], names: Option<&PlaceNames>) -> Vec<Cell> {
        places.iter().map(|place| Cell::Chip(self.place(place, names))).collect()
    }

    /// One place.
    pub(super) fn place(&self, place: &Place, names: Option<&PlaceNames>) -> String {
        let country = self.language.place(place);
        match names.and_then(|names| names.get(place)) {
            Some(name) => format!("{}, {country}", self.words(name).text()),
            None => country,
        }
    }

    /// Languages by name.
    pub(super) fn languages(&self, tags: &[LanguageTag]) -> Vec<Cell> {
        tags.iter().map(|tag| Cell::Chip(self.language.language_name(tag.as_str()))).collect()
    }

    /// Keywords in the reader's language.
    pub(super) fn keywords(&self, keywords: &[LanguageMap]) -> Vec<Cell> {
        keywords.iter().map(|keyword| Cell::Words(self.words(keyword).quiet())).collect()
    }

    /// Where facts come from, or what else is in no language.
    pub(super) fn line(&self, line: Option<&Line>) -> Vec<Cell> {
        line.map(|line| with_address(line.as_str())).unwrap_or_default()
    }

    /// Digests of documents.
    pub(super) fn digests(&self, digests: &[Digest]) -> Vec<Cell> {
        digests.iter().map(|digest| Cell::Code(digest.to_string())).collect()
    }

    /// A long text under its own heading.
    pub(super) fn prose(&self, id: &'static str, key: &'static str, map: Option<&LanguageMap>) -> Option<Section> {
        Section::of(id, self.say(key), Part::Prose(self.words(map?)))
    }

    /// A table under its own heading; nothing where it has no rows.
    pub(super) fn table(
        &self,
        id: &'static str,
        key: &'static str,
        columns: &[&'static str],
        rows: Vec<Vec<Vec<Cell>>>,
    ) -> Option<Section> {
        let columns = columns.iter().map(|key| self.say(key)).collect();
        let heading = self.say(key);
        Section::of(id, heading.clone(), Part::Table(Table { caption: heading, quiet: true, columns, rows }))
    }

    /// Who vouches for what: one row each, claimed and confirmed told apart.
    pub(super) fn attested(
        &self,
        list: &[Attested],
        role: impl Fn(OrganisationId) -> Vec<Cell>,
    ) -> Result<Vec<Vec<Vec<Cell>>>, QueryError> {
        let row = |one: &Attested| {
            Ok(vec![
                vec![self.organisation(one.organisation)?],
                role(one.organisation),
                vec![Cell::Mark(Mark::attestation(self.language, one.attestation))],
                vec![Cell::Moment(Moment::new(self.language, one.since.time))],
            ])
        };
        list.iter().map(row).collect()
    }

    /// A list of facts to fill.
    pub(super) fn facts(&self) -> Facts {
        Facts::default()
    }
}

/// A text; a web address at its beginning is a link.
fn with_address(text: &str) -> Vec<Cell> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match web_address(first) {
        Some(link) if rest.is_empty() => vec![link],
        Some(link) => vec![link, Cell::Words(Words::plain(rest))],
        None => vec![Cell::Words(Words::plain(text))],
    }
}

/// A link to a page elsewhere; `None` for what is no plain web address.
fn web_address(text: &str) -> Option<Cell> {
    let plain = |rest: &str| {
        !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | '\\'))
    };
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    plain(rest).then(|| Cell::Outside(text.to_owned(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::web_address;

    #[test]
    fn only_plain_web_addresses_become_links() {
        for right in ["https://example.org/a?b=c", "http://example.org"] {
            assert!(web_address(right).is_some(), "{right}");
        }
        for wrong in [
            "javascript:alert(1)",
            "https://",
            "https://a b",
            "data:text/html,x",
            "mailto:a@example.org",
            "HTTPS://x\u{202e}",
        ] {
            assert!(web_address(wrong).is_none(), "{wrong}");
        }
    }
}
