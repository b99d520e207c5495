//! The page of one record: what it says today or said at a sequence, and everything that happened to it. What each kind of
//! record shows is in its own file.

mod agreement;
mod convening;
mod learning;
mod listing;
mod organisation;
mod outputs;
mod passport;
mod telling;

use super::{
    cards::marks,
    frame::Frame,
    kinds::page_of,
    locale::Language,
    parts::{Cell, Fact, Link, Mark, Moment, Section, Table},
    snapshot::{Snapshot, document},
    trail,
    visit::{Page, Trouble, Visit},
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
pub(super) use telling::Telling;

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
pub(super) fn page(visit: &Visit) -> Result<Page, Trouble> {
    let subject = subject_of(visit)?;
    let language = visit.language;
    let snapshot = Snapshot::open(visit, &views_of(subject.kind))?;
    let as_of = visit.params.parsed::<u64>("as_of_sequence", "cause-as-of")?.map(Sequence);
    let beyond = as_of.zip(snapshot.sequence()).is_some_and(|(asked, last)| asked > last);
    if beyond {
        return Err(Trouble::NotUnderstood("cause-as-of-ahead"));
    }
    let item = match as_of {
        None => snapshot.record(subject)?,
        Some(sequence) => past(&snapshot, subject, sequence)?,
    };
    let document = document(&item.ok_or(Trouble::NotFound)?)?;
    let title = title(language, &document);
    let telling = Telling { snapshot: &snapshot, language, note: title.note() };
    let mut shown = show(&telling, &document)?;
    if as_of.is_none() {
        // What is known today to have come of it had not, then.
        shown.sections.extend(outputs::section(&telling, subject)?);
    }
    let then = as_of.map(|sequence| format!("?as_of_sequence={sequence}")).unwrap_or_default();
    let api = format!("/api/v1/{}/{}{then}", subject.kind.plural(), subject.id);
    let said = |sequence: Sequence| language.say_with("past-said", "sequence", &language.number(sequence.0));
    let page = RecordPage {
        frame: Frame::new(visit, title.text().to_owned(), &api, snapshot.sequence()),
        kind: subject.kind.word(),
        kind_label: shown.kind_label.clone().unwrap_or_else(|| language.label("record-kinds", subject.kind.word())),
        note: title.note().map(str::to_owned),
        title: title.quiet(),
        marks: marks(&snapshot, &document),
        past: as_of.map(|sequence| Past { said: said(sequence), present: visit.own_path() }),
        history: history(visit, &snapshot, subject)?,
        audit: format!("{}?subject={}/{}", visit.at("/audit"), subject.kind, subject.id),
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
fn show(telling: &Telling<'_>, document: &Document) -> Result<Shown, QueryError> {
    let mut shown = page_of(&document.body).show(telling, &document.head)?;
    if let Some(reason) = &document.head.reason {
        let cells = vec![Cell::Words(Words::plain(reason.as_str()))];
        shown.facts.insert(0, Fact { label: telling.say("fact-reason"), cells });
    }
    Ok(shown)
}

fn subject_of(visit: &Visit) -> Result<Subject, Trouble> {
    let kind = RecordKind::from_plural(visit.segment(0)).ok_or(Trouble::NotFound)?;
    let text = format!("{kind}/{}", visit.segment(1));
    text.parse().map_err(|_| Trouble::NotFound)
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
fn past(snapshot: &Snapshot, subject: Subject, sequence: Sequence) -> Result<Option<Item>, Trouble> {
    let view = ViewName::of_kind(subject.kind).ok_or(Trouble::NotFound)?;
    let reader = snapshot.reader(view)?;
    let versions = collection::versions(reader, snapshot.identity(), subject)?.ok_or(Trouble::NotFound)?;
    let then = versions.iter().rev().find(|version| version.from_sequence <= sequence).ok_or(Trouble::NotFound)?;
    Ok(collection::version(reader, snapshot.identity(), subject, then.stream_version)?)
}

fn history(visit: &Visit, snapshot: &Snapshot, subject: Subject) -> Result<Table, Trouble> {
    let query = TrailQuery { subject: Some(subject), limit: HISTORY_LIMIT, ..TrailQuery::default() };
    let trail = activity::audit(snapshot.reader(ViewName::Activity)?, snapshot.identity(), &query)?;
    let row = |item: &AuditItem| -> Result<Vec<Vec<Cell>>, Trouble> {
        let words = Words::plain(visit.language.event(&item.r#type));
        let href = format!("{}?as_of_sequence={}", visit.own_path(), item.sequence.0);
        Ok(vec![
            vec![Cell::Moment(Moment::new(visit.language, item.time))],
            vec![Cell::Link(Link { href: Some(href), words, mark: None })],
            vec![trail::actor(snapshot, item.actor)?],
            vec![Cell::Code(item.sequence.0.to_string())],
        ])
    };
    Ok(Table {
        caption: visit.say("history-caption"),
        quiet: false,
        columns: ["column-when", "column-what", "column-who", "column-sequence"].map(|key| visit.say(key)).into(),
        rows: trail.items.iter().map(row).collect::<Result<_, _>>()?,
    })
}
