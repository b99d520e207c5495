//! What pages are put together from: marks, links, cells, tables, sections, cards. They hold finished texts and read nothing.

use super::{locale::Language, words::Words};
use askama::{Template, filters::HtmlSafe};
use convenio_events::{Timestamp, codes::Attestation};

/// Something short that is true of a record, told apart by words and shape, never by colour alone.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/mark.html")]
pub(super) struct Mark {
    /// How it looks: a class of the style sheet.
    pub(super) class: &'static str,
    /// A sign in front of the words, which says nothing that they do not say.
    pub(super) sign: &'static str,
    pub(super) label: String,
}

impl Mark {
    /// How far somebody vouches for something.
    pub(super) fn attestation(language: Language, attestation: Attestation) -> Self {
        let (class, sign) = match attestation {
            Attestation::Confirmed => ("confirmed", "\u{2713}"),
            Attestation::Claimed => ("claimed", "\u{25cb}"),
            Attestation::Denied => ("denied", "\u{2715}"),
        };
        Self { class, sign, label: language.label("attestations", attestation.word()) }
    }

    /// Where a record stands.
    pub(super) fn state(language: Language, list: &str, state: &str) -> Self {
        let class = match state {
            "open" | "active" | "published" | "held" | "completed" | "fulfilled" | "announced" => "state good",
            "denied" | "terminated" | "cancelled" | "withdrawn" | "retracted" | "expired" | "suspended" => "state over",
            _ => "state",
        };
        Self { class, sign: "", label: language.label(list, state) }
    }

    /// That a record came with the sample.
    pub(super) fn sample(language: Language) -> Self {
        Self { class: "sample", sign: "", label: language.say("mark-sample").into_owned() }
    }
}

/// A link to a page of ours.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/link.html")]
pub(super) struct Link {
    /// Nothing for what is not the reader's to see: then only the words stand there.
    pub(super) href: Option<String>,
    pub(super) words: Words,
    /// That it is a verified organisation, ...
    pub(super) mark: Option<Mark>,
}

/// An instant, for people and for programs.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/moment.html")]
pub(super) struct Moment {
    iso: String,
    shown: String,
}

impl Moment {
    /// In the reader's language.
    pub(super) fn new(language: Language, time: Timestamp) -> Self {
        Self { iso: time.to_string(), shown: language.time(time) }
    }
}

/// One thing in a table or a list.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/cell.html")]
pub(super) enum Cell {
    /// A text of the pages, a label, a number.
    Plain(String),
    /// What somebody recorded.
    Words(Words),
    /// A long text of several paragraphs.
    Prose(Words),
    /// A page of ours.
    Link(Link),
    /// A page elsewhere, or of the API: address, words.
    Outside(String, String),
    Mark(Mark),
    Moment(Moment),
    /// A digest or an identifier.
    Code(String),
    /// One of several short labels.
    Chip(String),
}

/// Something that is known of a record.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    pub(super) label: String,
    pub(super) cells: Vec<Cell>,
}

/// Rows under columns.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/table.html")]
pub(super) struct Table {
    pub(super) caption: String,
    /// Whether the caption only repeats the heading above, and is for those who hear the page.
    pub(super) quiet: bool,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Vec<Cell>>>,
}

impl Cell {
    /// Whether a comma follows where there are several.
    pub(super) fn is_link(&self) -> bool {
        matches!(self, Self::Link(_))
    }
}

impl Table {
    /// The heading of a column; templates hand numbers on by reference.
    fn column(&self, at: &usize) -> Option<&String> {
        self.columns.get(*at)
    }
}

/// What a section consists of.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/part.html")]
pub(super) enum Part {
    /// A long text.
    Prose(Words),
    Table(Table),
    List(Vec<Vec<Cell>>),
}

/// A part of a page with a heading.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// For links into the page.
    pub(super) id: &'static str,
    pub(super) heading: String,
    pub(super) parts: Vec<Part>,
}

/// A record in a list.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/card.html")]
pub(super) struct Card {
    /// The kind of record, as a class.
    pub(super) kind: &'static str,
    pub(super) kind_label: String,
    pub(super) title: Link,
    /// That the title is in another language.
    pub(super) note: Option<String>,
    pub(super) summary: Option<Words>,
    pub(super) marks: Vec<Mark>,
    pub(super) facts: Vec<Fact>,
    pub(super) chips: Vec<String>,
}

// Their templates escape what is in them.
impl HtmlSafe for Mark {}
impl HtmlSafe for Link {}
impl HtmlSafe for Moment {}
impl HtmlSafe for Cell {}
impl HtmlSafe for Table {}
impl HtmlSafe for Part {}
impl HtmlSafe for Card {}

/// A list of what is known that leaves out what is not.
#[derive(Debug, Default)]
pub(super) struct Facts(Vec<Fact>);

impl Facts {
    /// Adds a fact, unless there is nothing to say.
    pub(super) fn add(&mut self, label: impl Into<String>, cells: impl IntoIterator<Item = Cell>) {
        let cells: Vec<_> = cells.into_iter().collect();
        if !cells.is_empty() {
            self.0.push(Fact { label: label.into(), cells });
        }
    }

    /// The facts.
    pub(super) fn done(self) -> Vec<Fact> {
        self.0
    }
}

impl Section {
    /// A section with one part; `None` when that would be empty.
    pub(super) fn of(id: &'static str, heading: impl Into<String>, part: Part) -> Option<Self> {
        let empty = match &part {
            Part::Prose(_) => false,
            Part::Table(table) => table.rows.is_empty(),
            Part::List(items) => items.is_empty(),
        };
        (!empty).then(|| Self { id, heading: heading.into(), parts: vec![part] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = r#""><script>alert(1)</script>"#;

    #[test]
    fn every_part_escapes_what_it_is_given() {
        let words = || Words::plain(HOSTILE);
        let mark = || Mark { class: "state", sign: "", label: HOSTILE.to_owned() };
        let link = || Link { href: Some(format!("/en/{HOSTILE}")), words: words(), mark: Some(mark()) };
        let outside = || Cell::Outside(format!("/api/{HOSTILE}"), HOSTILE.to_owned());
        let cells = || {
            vec![
                Cell::Plain(HOSTILE.to_owned()),
                Cell::Words(words()),
                Cell::Prose(words()),
                Cell::Link(link()),
                outside(),
                Cell::Mark(mark()),
                Cell::Code(HOSTILE.to_owned()),
                Cell::Chip(HOSTILE.to_owned()),
            ]
        };
        let fact = || Fact { label: HOSTILE.to_owned(), cells: cells() };
        let table = Table {
            caption: HOSTILE.to_owned(),
            quiet: false,
            columns: vec![HOSTILE.to_owned()],
            rows: vec![vec![cells()]],
        };
        let parts = [Part::Prose(words()), Part::Table(table), Part::List(vec![cells()])];
        let card = Card {
            kind: "offer",
            kind_label: HOSTILE.to_owned(),
            title: link(),
            note: Some(HOSTILE.to_owned()),
            summary: Some(words()),
            marks: vec![mark()],
            facts: vec![fact()],
            chips: vec![HOSTILE.to_owned()],
        };
        let shown = parts.iter().map(ToString::to_string).chain([card.to_string()]);
        for html in shown {
            assert!(!html.contains("<script"), "{html}");
            assert!(html.contains("&#60;script&#62;"), "{html}");
        }
    }
}
