//! Closed lists as data: codes with labels in four languages, read from the files in `data/`. It never refuses a code:
//! whether an unknown or withdrawn one may be used is for the caller to say.

use serde::Deserialize;
use std::{collections::HashMap, sync::LazyLock};

/// A name in the four languages that every code has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// English.
    pub en: String,
    /// Spanish.
    pub es: String,
    /// Portuguese.
    pub pt: String,
    /// French.
    pub fr: String,
}

impl Labels {
    /// The label for a BCP 47 tag (`pt-BR` and `PT` are both `pt`); English for every other language.
    pub fn in_language(&self, tag: &str) -> &str {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        let is = |language: &str| primary.eq_ignore_ascii_case(language);
        match () {
            () if is("es") => &self.es,
            () if is("pt") => &self.pt,
            () if is("fr") => &self.fr,
            () => &self.en,
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// As it is written in data; upper and lower case differ.
    pub code: String,
    /// Its names.
    pub labels: Labels,
    /// When its publisher withdrew it, as exactly as known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`. Real data still holds it.
    #[serde(default)]
    pub withdrawn: Option<String>,
    /// The code of the same list to use instead, where one alone takes its place; it may be withdrawn itself.
    #[serde(default)]
    pub replaced_by: Option<String>,
    /// What it belongs to within its list: the goal of a target, the category of a purpose, how open a licence is.
    #[serde(default)]
    pub group: Option<String>,
}

impl Code {
    /// Whether its publisher withdrew it.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.is_some()
    }
}

/// A file of `data/`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListFile {
    list: String,
    version: String,
    source: String,
    items: Vec<Code>,
}

/// A closed list, versioned.
#[derive(Debug)]
pub struct CodeList {
    /// `countries`, `sdg-targets`, ...
    pub name: String,
    /// The date of this edition, `YYYY-MM-DD`.
    pub version: String,
    /// Who publishes the codes, and whence the labels are.
    pub source: String,
    items: Vec<Code>,
    positions: HashMap<String, usize>,
}

impl CodeList {
    fn parse(text: &str) -> Self {
        let file: ListFile = serde_json::from_str(text).expect("a test parses every embedded list");
        let positions = file.items.iter().enumerate().map(|(at, item)| (item.code.clone(), at)).collect();
        Self { name: file.list, version: file.version, source: file.source, items: file.items, positions }
    }

    /// The entry of a code, withdrawn ones included.
    pub fn get(&self, code: &str) -> Option<&Code> {
        self.positions.get(code).map(|at| &self.items[*at])
    }

    /// Every entry, in the order to show them in; withdrawn ones included.
    pub fn items(&self) -> &[Code] {
        &self.items
    }

    /// What to show for a code: its label in that language, or the code itself when the list does not have it.
    pub fn label<'a>(&'a self, code: &'a str, tag: &str) -> &'a str {
        self.get(code).map_or(code, |found| found.labels.in_language(tag))
    }
}

macro_rules! lists {
    ($($name:literal),* $(,)?) => {
        /// The name and the text of every list, in alphabetical order.
        const FILES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../data/", $name, ".json")))),*];
    };
}

lists![
    "access-roles",
    "access-states",
    "affiliation-kinds",
    "agreement-states",
    "attestations",
    "commitment-levels",
    "contribution-states",
    "convening-formats",
    "convening-states",
    "cost-bearers",
    "cost-items",
    "countries",
    "currencies",
    "dac-categories",
    "dac-purposes",
    "demand-states",
    "directions",
    "facility-kinds",
    "instruments",
    "introduction-states",
    "languages",
    "learning-kinds",
    "learning-levels",
    "learning-states",
    "legal-bases",
    "licences",
    "mechanisms",
    "modalities",
    "offer-states",
    "organisation-kinds",
    "organisation-states",
    "participation-states",
    "purposes",
    "record-kinds",
    "renewals",
    "reservation-states",
    "roles",
    "screening-outcomes",
    "sdg-goals",
    "sdg-targets",
    "session-kinds",
    "signature-methods",
    "states",
    "translation-kinds",
    "units",
    "urgency",
    "verification-methods",
    "verification-states",
    "visibilities",
];

static LISTS: LazyLock<Vec<CodeList>> = LazyLock::new(|| FILES.iter().map(|(_, text)| CodeList::parse(text)).collect());

/// Every list, by name in alphabetical order.
pub fn all() -> impl Iterator<Item = &'static CodeList> {
    LISTS.iter()
}

/// The list of that name.
pub fn list(name: &str) -> Option<&'static CodeList> {
    let at = FILES.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    LISTS.get(at)
}

fn embedded(name: &str) -> &'static CodeList {
    list(name).expect("the names asked for below are embedded above, and a test asks for each")
}

/// ISO 3166-1 alpha-2 countries and territories, those withdrawn by ISO 3166-3, and `XK`, which IATI uses.
pub fn countries() -> &'static CodeList {
    embedded("countries")
}

/// Targets of the Sustainable Development Goals (`3.8`); the group is the goal, a code of `sdg-goals`.
pub fn sdg_targets() -> &'static CodeList {
    embedded("sdg-targets")
}

/// OECD DAC purpose codes of health and its neighbours (`12220`); the group is the category, a code of `dac-categories`.
pub fn dac_purposes() -> &'static CodeList {
    embedded("dac-purposes")
}

/// BCP 47 languages that we have labels for; other tags are valid too. The group `americas` comes first in menus.
pub fn languages() -> &'static CodeList {
    embedded("languages")
}

/// ISO 4217 currencies, the historic ones included.
pub fn currencies() -> &'static CodeList {
    embedded("currencies")
}

/// Licences (SPDX identifiers where there are any); the group says how open: `open`, `non-commercial`, ...
pub fn licences() -> &'static CodeList {
    embedded("licences")
}

#[cfg(test)]
mod tests;
