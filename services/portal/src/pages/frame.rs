//! What stands around every page: head, navigation, the switch of languages, and at which sequence the page is true.

use super::{assets, kinds::KINDS, locale::Language, request::PageRequest};
use convenio_events::Sequence;

/// A place that every page links to.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) current: bool,
}

/// The same page in another language.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) code: &'static str,
    pub(super) name: String,
    pub(super) href: String,
    /// With the host, for search engines.
    pub(super) url: String,
    pub(super) current: bool,
}

/// What stands around a page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) language: Language,
    pub(super) title: String,
    pub(super) places: Vec<Place>,
    pub(super) others: Vec<Other>,
    /// The sequence that the page is true at.
    pub(super) sequence: Option<String>,
    /// Where programs find the same; blank where there is none.
    pub(super) api: String,
    pub(super) home: String,
    pub(super) style: &'static str,
}

/// What every page leads to behind the lists of records.
const PLACES: [(&str, &str); 4] =
    [("search", "nav-search"), ("activity", "nav-activity"), ("audit", "nav-audit"), ("about", "nav-about")];

/// Everything that every page leads to: the board, the lists, the rest.
fn places() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lists = KINDS.iter().filter(|one| one.in_navigation).map(|one| (one.kind.plural(), one.heading));
    [("", "nav-board")].into_iter().chain(lists).chain(PLACES)
}

impl Frame {
    /// Around a page with this title; `api` is the path of the same in the API, blank where there is none.
    pub(super) fn new(request: &PageRequest, title: String, api: &str, sequence: Option<Sequence>) -> Self {
        let language = request.language;
        let first = request.segment(0);
        let board = matches!(first, "" | "offers" | "demands");
        let place = |(name, key): (&str, &'static str)| {
            let current = if name.is_empty() { board } else { name == first };
            Place { href: request.at(&format!("/{name}")), label: language.say(key).into_owned(), current }
        };
        let query = if request.raw_query.is_empty() { String::new() } else { format!("?{}", request.raw_query) };
        let other = |other: Language| {
            let href = format!("/{}{}{query}", other.code(), request.path);
            Other {
                code: other.code(),
                name: other.say("language-name").into_owned(),
                url: format!("{}{href}", request.state.public_url),
                href,
                current: other == language,
            }
        };
        Self {
            language,
            title,
            places: places().map(place).collect(),
            others: Language::all().map(other).collect(),
            sequence: sequence.map(|sequence| language.number(sequence.0)),
            api: api.to_owned(),
            home: request.at("/"),
            style: assets::style_path(),
        }
    }
}
