//! What happened: the activity feed for everybody, and the audit trail for who must know who recorded what under which grant.
//! It shows no event's content.

use super::{
    frame::Frame,
    parts::{Cell, Link, Mark, Moment, Table},
    request::{Page, PageError, PageRequest},
    snapshot::Snapshot,
    words::Words,
};
use crate::{events::render::TypePattern, read::trail::GrantReference};
use askama::Template;
use convenio_events::{Actor, OrganisationId, RecordKind, Subject, entry::Audience};
use convenio_projections::{
    QueryError, SequenceCursor, ViewName,
    activity::{self, AuditItem, FeedItem, TrailQuery},
};

/// Events of one page.
const PAGE_EVENTS: usize = 50;

#[derive(Template)]
#[template(path = "activity.html")]
struct ActivityPage {
    frame: Frame,
    as_of: Option<Moment>,
    happened: Vec<Happened>,
    older: Option<String>,
}

/// A line of the feed.
struct Happened {
    kind: &'static str,
    when: Moment,
    who: Cell,
    what: String,
    /// The record, where it has a page.
    record: Option<Link>,
    sample: Option<Mark>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    as_of: Option<Moment>,
    action: String,
    subject: String,
    actor: String,
    grant: String,
    kinds: Vec<(String, String, bool)>,
    table: Table,
    older: Option<String>,
    newest: String,
}

/// The views that name what happened and to whom.
pub(super) const VIEWS: [ViewName; 6] = [
    ViewName::Board,
    ViewName::Organisations,
    ViewName::Agreements,
    ViewName::Learnings,
    ViewName::Convenings,
    ViewName::Activity,
];

/// The activity feed.
pub(super) fn activity(request: &PageRequest) -> Result<Page, PageError> {
    let snapshot = Snapshot::open(request, &[ViewName::Organisations, ViewName::Activity])?;
    let query = TrailQuery {
        organisation: request.params.parsed::<OrganisationId>("organisation", "cause-organisation")?,
        cursor: request.params.parsed::<SequenceCursor>("cursor", "cause-cursor")?,
        limit: PAGE_EVENTS,
        ..TrailQuery::default()
    };
    let feed = activity::feed(snapshot.reader(ViewName::Activity)?, snapshot.identity(), &query)?;
    let happened = feed.items.iter().map(|item| happened(&snapshot, item)).collect::<Result<_, QueryError>>()?;
    let page = ActivityPage {
        frame: Frame::new(request, request.say("nav-activity"), "/api/v1/activity", snapshot.sequence()),
        as_of: snapshot.as_of()?,
        happened,
        older: feed.next_cursor.map(|cursor| request.params.with(&request.own_path(), "cursor", &cursor.to_string())),
    };
    Page::of(&page, snapshot.sequence())
}

fn happened(snapshot: &Snapshot, item: &FeedItem) -> Result<Happened, QueryError> {
    let language = snapshot.language();
    let href = ViewName::of_kind(item.kind)
        .map(|_| format!("/{}/{}/{}", language.code(), item.kind.plural(), item.subject.id));
    let link = |href| Link { href: Some(href), words: Words::of_title(language, item.title.as_deref()), mark: None };
    Ok(Happened {
        kind: item.kind.word(),
        when: Moment::new(language, item.time),
        who: actor(snapshot, item.actor)?,
        what: language.event(&item.r#type),
        record: href.map(link),
        sample: item.sample.then(|| Mark::sample(language)),
    })
}

/// The audit trail.
pub(super) fn audit(request: &PageRequest) -> Result<Page, PageError> {
    let snapshot = Snapshot::open(request, &VIEWS)?;
    let query = audit_query(request)?;
    let trail = activity::audit(snapshot.reader(ViewName::Activity)?, snapshot.identity(), &query)?;
    let rows = trail.items.iter().map(|item| audit_row(request, &snapshot, item)).collect::<Result<_, QueryError>>()?;
    let columns = [
        "column-sequence",
        "column-when",
        "column-what",
        "column-record",
        "column-who",
        "column-grant",
        "column-audience",
    ];
    let chosen = |kind: RecordKind| query.kinds.contains(&kind);
    let kinds = RecordKind::ALL.iter().copied();
    let shown = |name| request.params.first(name).unwrap_or_default().to_owned();
    let api =
        request.params.only("/api/v1/audit", &["subject", "organisation", "actor", "grant", "kind", "type", "cursor"]);
    let page = AuditPage {
        frame: Frame::new(request, request.say("nav-audit"), &api, snapshot.sequence()),
        as_of: snapshot.as_of()?,
        action: request.own_path(),
        subject: shown("subject"),
        actor: shown("actor"),
        grant: shown("grant"),
        kinds: kinds
            .map(|kind| (kind.word().to_owned(), request.language.label("record-kinds", kind.word()), chosen(kind)))
            .collect(),
        table: Table {
            caption: request.say("audit-caption"),
            quiet: false,
            columns: columns.map(|key| request.say(key)).into(),
            rows,
        },
        older: trail.next_cursor.map(|cursor| request.params.with(&request.own_path(), "cursor", &cursor.to_string())),
        newest: if query.cursor.is_some() {
            request.params.with(&request.own_path(), "cursor", "")
        } else {
            String::new()
        },
    };
    Page::of(&page, snapshot.sequence())
}

fn audit_query(request: &PageRequest) -> Result<TrailQuery, PageError> {
    let params = &request.params;
    let kinds = params.values("kind").map(str::parse::<RecordKind>).collect::<Result<_, _>>();
    Ok(TrailQuery {
        subject: params.parsed::<Subject>("subject", "cause-subject")?,
        organisation: params.parsed::<OrganisationId>("organisation", "cause-organisation")?,
        actor: params.parsed::<Actor>("actor", "cause-actor")?,
        grant: params.parsed("grant", "cause-grant")?.map(|GrantReference(id)| id),
        kinds: kinds.map_err(|_| PageError::NotUnderstood("cause-kind"))?,
        event_type: params.parsed("type", "cause-type")?.map(TypePattern::beginning),
        cursor: params.parsed::<SequenceCursor>("cursor", "cause-cursor")?,
        limit: PAGE_EVENTS,
    })
}

fn audit_row(request: &PageRequest, snapshot: &Snapshot, item: &AuditItem) -> Result<Vec<Vec<Cell>>, QueryError> {
    let language = request.language;
    let sequence = item.sequence.0.to_string();
    let filtered = |name: &str, value: &str| request.params.with(&request.own_path(), name, value);
    let record = snapshot.link(item.subject)?;
    let subject = item.subject.to_string();
    let only =
        Link { href: Some(filtered("subject", &subject)), words: Words::plain(request.say("audit-only")), mark: None };
    let grant = item.grant.map(|grant| {
        let short = grant.to_string().get(..8).unwrap_or_default().to_owned();
        let reference = Subject::from(grant).to_string();
        Cell::Link(Link { href: Some(filtered("grant", &reference)), words: Words::plain(short), mark: None })
    });
    let audience = match item.audience {
        Audience::Public => "audience-public",
        Audience::Restricted => "audience-restricted",
    };
    let sample = item.sample.then(|| Cell::Mark(Mark::sample(language)));
    Ok(vec![
        vec![Cell::Outside(format!("/api/v1/events/{sequence}"), language.number(item.sequence.0))],
        vec![Cell::Moment(Moment::new(language, item.time))],
        [Some(Cell::Plain(language.event(&item.r#type))), sample].into_iter().flatten().collect(),
        vec![Cell::Link(record), Cell::Link(only)],
        vec![actor(snapshot, item.actor)?],
        grant.into_iter().collect(),
        vec![Cell::Plain(request.say(audience))],
    ])
}

/// Who did it.
pub(super) fn actor(snapshot: &Snapshot, actor: Actor) -> Result<Cell, QueryError> {
    let language = snapshot.language();
    Ok(match actor {
        Actor::Organisation(id) => {
            let Link { href, words, .. } = snapshot.organisation(id)?;
            Cell::Link(Link { href, words, mark: None })
        }
        Actor::Clock => Cell::Plain(language.say("actor-clock").into_owned()),
        Actor::Operator => Cell::Plain(language.say("actor-operator").into_owned()),
    })
}
