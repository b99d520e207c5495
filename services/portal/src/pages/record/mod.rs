//! The page of one record: what it says today or said at a sequence, and everything that happened to it. What each kind of
//! record shows is in its own file.

mod agreement;
mod convening;
mod learning;
mod listing;
mod organisation;
mod outputs;
mod passport;
mod presenter;

use super::{
    cards::marks,
    frame::Frame,
    kinds::page_of,
    locale::Language,
    parts::{Cell, Fact, Link, Mark, Moment, Section, Table},
    request::{Page, PageError, PageRequest},
    snapshot::{Snapshot, document},
    trail,
    words::Words,
};
use askama::Template;
use convenio_events::{LanguageMap, RecordKind, Sequence, Subject};
use convenio_projections::{
    QueryError, ViewName,
    activity::{self, AuditItem, TrailQuery},
    collection::{self, Item},
    document::Document,
};
pub(super) use presenter::Presenter;

/// The most events of a record's history that its page shows; the audit trail has them all.
const HISTORY_LIMIT: usize = 100;

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    frame: Frame,
    kind: &'static str,
    kind_label: String,
    title: Words,
    note: Option<String>,
    marks: Vec<Mark>,
    past: Option<Past>,
    body: Shown,
    history: Table,
    audit: String,
    subject: String,
}

/// That the page shows the past, and where the present is.
struct Past {
    said: String,
    present: String,
}

/// What a record's kind shows.
#[derive(Default)]
pub(super) struct Shown {
    kind_label: Option<String>,
    intro: Option<Words>,
    facts: Vec<Fact>,
    sections: Vec<Section>,
}

/// One record.
pub(super) fn page(request: &PageRequest) -> Result<Page, PageError> {
    let subject = subject_of(request)?;
    let language = request.language;
    let snapshot = Snapshot::open(request, &views_of(subject.kind))?;
    let as_of = request.params.parsed::<u64>("as_of_sequence", "cause-as-of")?.map(Sequence);
    let beyond = as_of.zip(snapshot.sequence()).is_some_and(|(asked, last)| asked > last);
    if beyond {
        return Err(PageError::NotUnderstood("cause-as-of-ahead"));
    }
    let item = match as_of {
        None => snapshot.record(subject)?,
        Some(sequence) => past(&snapshot, subject, sequence)?,
    };
    let document = document(&item.ok_or(PageError::NotFound)?)?;
    let title = title(language, &document);
    let presenter = Presenter { snapshot: &snapshot, language, note: title.note() };
    let mut shown = show(&presenter, &document)?;
    if as_of.is_none() {
        // What is known today to have come of it had not, then.
        shown.sections.extend(outputs::section(&presenter, subject)?);
    }
    let then = as_of.map(|sequence| format!("?as_of_sequence={sequence}")).unwrap_or_default();
    let api = format!("/api/v1/{}/{}{then}", subject.kind.plural(), subject.id);
    let said = |sequence: Sequence| language.say_with("past-said", "sequence", &language.number(sequence.0));
    let page = RecordPage {
        frame: Frame::new(request, title.text().to_owned(), &api, snapshot.sequence()),
        kind: subject.kind.word(),
        kind_label: shown.kind_label.clone().unwrap_or_else(|| language.label("record-kinds", subject.kind.word())),
        note: title.note().map(str::to_owned),
        title: title.quiet(),
        marks: marks(&snapshot, &document),
        past: as_of.map(|sequence| Past { said: said(sequence), present: request.own_path() }),
        history: history(request, &snapshot, subject)?,
        audit: format!("{}?subject={}/{}", request.at("/audit"), subject.kind, subject.id),
        subject: subject.to_string(),
        body: shown,
    };
    Page::of(&page, snapshot.sequence())
}

fn title(language: Language, document: &Document) -> Words {
    let map: Option<LanguageMap> = document.title().and_then(|title| serde_json::from_str(title.get()).ok());
    let words = map.map_or_else(|| Words::instead(language, "words-erased"), |map| Words::of(language, &map));
    // An organisation's name is its name in every language.
    if document.head.kind == RecordKind::Organisation { words.quiet() } else { words }
}

/// What its kind shows, and why it came to its state.
fn show(presenter: &Presenter<'_>, document: &Document) -> Result<Shown, QueryError> {
    let mut shown = page_of(&document.body).show(presenter, &document.head)?;
    if let Some(reason) = &document.head.reason {
        let cells = vec![Cell::Words(Words::plain(reason.as_str()))];
        shown.facts.insert(0, Fact { label: presenter.say("fact-reason"), cells });
    }
    Ok(shown)
}

fn subject_of(request: &PageRequest) -> Result<Subject, PageError> {
    let kind = RecordKind::from_plural(request.segment(0)).ok_or(PageError::NotFound)?;
    let text = format!("{kind}/{}", request.segment(1));
    text.parse().map_err(|_| PageError::NotFound)
}

/// A record links to others: their titles are read too. An organisation's page also reads its history.
fn views_of(kind: RecordKind) -> Vec<ViewName> {
    let mut views = vec![
        ViewName::Board,
        ViewName::Organisations,
        ViewName::Agreements,
        ViewName::Learnings,
        ViewName::Convenings,
        ViewName::Activity,
    ];
    if kind == RecordKind::Organisation {
        views.push(ViewName::History);
    }
    views
}

/// The version that the event of this sequence, or the last one before it, made.
fn past(snapshot: &Snapshot, subject: Subject, sequence: Sequence) -> Result<Option<Item>, PageError> {
    let view = ViewName::of_kind(subject.kind).ok_or(PageError::NotFound)?;
    let reader = snapshot.reader(view)?;
    let versions = collection::versions(reader, snapshot.identity(), subject)?.ok_or(PageError::NotFound)?;
    let then = versions.iter().rev().find(|version| version.from_sequence <= sequence).ok_or(PageError::NotFound)?;
    Ok(collection::version(reader, snapshot.identity(), subject, then.stream_version)?)
}

fn history(request: &PageRequest, snapshot: &Snapshot, subject: Subject) -> Result<Table, PageError> {
    let query = TrailQuery { subject: Some(subject), limit: HISTORY_LIMIT, ..TrailQuery::default() };
    let trail = activity::audit(snapshot.reader(ViewName::Activity)?, snapshot.identity(), &query)?;
    let row = |item: &AuditItem| -> Result<Vec<Vec<Cell>>, PageError> {
        let words = Words::plain(request.language.event(&item.r#type));
        let href = format!("{}?as_of_sequence={}", request.own_path(), item.sequence.0);
        Ok(vec![
            vec![Cell::Moment(Moment::new(request.language, item.time))],
            vec![Cell::Link(Link { href: Some(href), words, mark: None })],
            vec![trail::actor(snapshot, item.actor)?],
            vec![Cell::Code(item.sequence.0.to_string())],
        ])
    };
    Ok(Table {
        caption: request.say("history-caption"),
        quiet: false,
        columns: ["column-when", "column-what", "column-who", "column-sequence"].map(|key| request.say(key)).into(),
        rows: trail.items.iter().map(row).collect::<Result<_, _>>()?,
    })
}
