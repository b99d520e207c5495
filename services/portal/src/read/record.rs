//! One record: as it is, as it was, and its events.

use super::{collection::Organisation, links::Links, past, today};
use crate::{
    asking::{Asked, Reading, json, json_bytes, with_next},
    conditional::ShownVersion,
    events::{
        page::begin_at,
        render::{Eyes, Filter, Rendering, head_sequence},
    },
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT, HISTORY_SCAN_EVENTS},
    parameters::{StartAt, cursor, invalid},
    problem::{Code, Problem},
    state::{PortalState, last},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{RecordKind, RecordedEvent, Sequence, StreamVersion, Subject, commitment::Digest};
use convenio_projections::{
    ViewName,
    access::{self, Sight},
    collection,
    document::{PART_PAGE_LIMIT, PartKind},
    history,
};

/// `GET /api/v1/<collection>/<id>`.
pub(crate) async fn one(State(state): State<PortalState>, asked: Asked, kind: RecordKind, view: ViewName) -> Response {
    record(&state, asked, kind, view).await.unwrap_or_else(IntoResponse::into_response)
}

async fn record(state: &PortalState, mut asked: Asked, kind: RecordKind, view: ViewName) -> Result<Response, Problem> {
    let subject = Subject::new(kind, asked.id()?);
    let as_of = asked.ready_as_of(state, &[view, ViewName::Access]).await?;
    if let Some(position) = as_of {
        let mut document = past::document(state, asked.token, subject, position).await?;
        let tell = move |reading: &mut Reading| {
            Links::begin(reading)?.tell(&mut document)?;
            Ok(document)
        };
        let document = state.ask(asked.token, tell).await?;
        let body = json(last(position), &document);
        return Ok(with_version(body, document.head.stream_version));
    }
    state
        .ask(asked.token, move |reading| {
            let mut item =
                collection::record(&reading.view(view)?, &reading.identity, subject)?.ok_or(Code::RecordUnknown)?;
            Links::begin(reading)?.tell_item(&mut item)?;
            today::turn(&mut item, reading.today()?)?;
            let body = String::from(Box::<str>::from(item.document));
            Ok(with_version(json_bytes(reading.sequence(), body), item.stream_version))
        })
        .await
}

/// The tag begins with the version, for `If-Match`. The rest is made of what is shown, which depends on who asks and on other
/// records too.
fn with_version(mut response: Response, version: StreamVersion) -> Response {
    response.extensions_mut().insert(ShownVersion(version));
    response
}

/// `GET /api/v1/<collection>/<id>/history`: a page of its events.
pub(crate) async fn events(State(state): State<PortalState>, asked: Asked, kind: RecordKind) -> Response {
    event_page(&state, asked, kind).await.unwrap_or_else(IntoResponse::into_response)
}

async fn event_page(state: &PortalState, mut asked: Asked, kind: RecordKind) -> Result<Response, Problem> {
    let subject = Subject::new(kind, asked.id()?);
    let from = asked.parameters.one("from")?.unwrap_or(StartAt::Sequence(0));
    let limit = asked.parameters.limit(EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT)?;
    asked.ready(state, &[ViewName::Access]).await?;
    let visible = state
        .ask(asked.token, move |reading| {
            let standing = access::standing(&reading.view(ViewName::Access)?, subject)?.unwrap_or_default();
            // Who was left out of it sees what happened until then.
            let seen = standing.lets(&reading.identity) || standing.was_named(&reading.identity);
            if seen { Ok(reading.sequence()) } else { Err(Code::RecordUnknown.into()) }
        })
        .await?;
    let from = begin_at(state, from)?;
    let _turn = state.log_turn(asked.token).await?;
    let all = Filter::default();
    readable(state, asked.token, (subject, from), limit, (visible, &all)).await?.answer(state, asked).await
}

/// Events of a record that the reader may read, and where to go on: after the last of them where there are more that it may read,
/// else after all that was looked at. Neither a count nor an end tells of others.
pub(crate) struct Readable {
    events: Vec<RecordedEvent>,
    next_from: Sequence,
    more: bool,
}

impl Readable {
    /// None, of all that was looked at.
    pub(crate) fn none(from: Sequence, visible: Option<Sequence>) -> Self {
        Self { events: Vec::new(), next_from: looked_to(from, visible), more: false }
    }

    /// The page that a reader is answered with.
    pub(crate) async fn answer(self, state: &PortalState, asked: Asked) -> Result<Response, Problem> {
        let Self { events, next_from, more } = self;
        let (head, uri) = (head_sequence(state), asked.uri);
        state
            .ask(asked.token, move |reading| {
                let mut rendering = Rendering::begin(reading)?;
                for event in &events {
                    rendering.push_if_readable(event)?;
                }
                let body = rendering.finish(&[("next_from", Some(next_from.0)), ("head_sequence", head)]);
                let next = more.then(|| next_from.to_string());
                Ok(with_next(json_bytes(reading.sequence(), body), &uri, "from", next.as_deref()))
            })
            .await
    }
}

/// After all that was visible, and never before where was asked from.
fn looked_to(from: Sequence, visible: Option<Sequence>) -> Sequence {
    visible.map_or(from, Sequence::next).max(from)
}

/// The events of a record from a sequence on that a filter lets through and the reader may read, as far as the view of what may be read
/// was when that was asked.
pub(crate) async fn readable(
    state: &PortalState,
    token: Option<Digest>,
    (subject, from): (Subject, Sequence),
    limit: usize,
    (visible, filter): (Option<Sequence>, &Filter),
) -> Result<Readable, Problem> {
    let (mut found, mut at): (Vec<RecordedEvent>, _) = (Vec::new(), from);
    loop {
        let past::Page { events: page, whole } =
            past::events_from(state, subject, at, HISTORY_SCAN_EVENTS, EVENT_PAGE_BYTES).await?;
        at = page.last().map_or(at, |last| last.sequence.next());
        let filter = filter.clone();
        let read = move |reading: &mut Reading| {
            let eyes = Eyes::open(reading)?;
            let mut read = Vec::new();
            for event in page {
                let asked_for = Some(event.sequence) <= visible && filter.matches(&event)?;
                if asked_for && eyes.sight(&event)? != Sight::Withheld {
                    read.push(event);
                }
            }
            Ok(read)
        };
        found.extend(state.ask(token, read).await?);
        if whole || found.len() > fitting(&found, limit) {
            break;
        }
    }
    let limit = fitting(&found, limit);
    let more = found.len() > limit;
    found.truncate(limit);
    let all = looked_to(from, visible);
    let next_from = found.last().filter(|_| more).map_or(all, |last| last.sequence.next());
    Ok(Readable { events: found, next_from, more })
}

/// How many of these a page takes: so many, and no more than its bytes allow; one at least.
fn fitting(found: &[RecordedEvent], limit: usize) -> usize {
    let mut size = 0;
    let fits = |event: &&RecordedEvent| {
        let fits = size < EVENT_PAGE_BYTES;
        size += event.size();
        fits
    };
    limit.min(found.iter().take_while(fits).count().max(1))
}

/// `GET /api/v1/<collection>/<id>/parts`: a page of the items of one of its lists.
pub(crate) async fn parts(
    State(state): State<PortalState>,
    asked: Asked,
    kind: RecordKind,
    view: ViewName,
) -> Response {
    part_page(&state, asked, kind, view).await.unwrap_or_else(IntoResponse::into_response)
}

async fn part_page(
    state: &PortalState,
    mut asked: Asked,
    kind: RecordKind,
    view: ViewName,
) -> Result<Response, Problem> {
    let subject = Subject::new(kind, asked.id()?);
    let lists = PartKind::of(kind);
    let named = || lists.iter().map(|list| list.word()).collect::<Vec<_>>().join(", ");
    let word: Option<String> = asked.parameters.one("list")?;
    let list = lists.iter().copied().find(|list| Some(list.word()) == word.as_deref());
    let Some(list) = list else {
        // Who asks comes first, as everywhere; but nobody waits for what is refused.
        let refused = invalid("list", format_args!("it is one of {}", named()));
        return state.ask(asked.token, move |_| Err(refused)).await;
    };
    let cursor = cursor(&mut asked.parameters)?;
    let limit = asked.parameters.limit(PART_PAGE_LIMIT, PART_PAGE_LIMIT)?;
    asked.ready(state, &[view]).await?;
    let uri = asked.uri;
    state
        .ask(asked.token, move |reading| {
            let page = collection::parts(&reading.view(view)?, &reading.identity, subject, list, cursor, limit)?;
            let page = page.ok_or(Code::RecordUnknown)?;
            let next = page.next_cursor.map(|cursor| cursor.to_string());
            Ok(with_next(json(reading.sequence(), &page), &uri, "cursor", next.as_deref()))
        })
        .await
}

/// `GET /api/v1/partnerships?organisation=<id>`.
pub(crate) async fn partnerships(State(state): State<PortalState>, asked: Asked) -> Response {
    passport(&state, asked).await.unwrap_or_else(IntoResponse::into_response)
}

async fn passport(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    let organisation: Option<Organisation> = asked.parameters.one("organisation")?;
    let Some(Organisation(organisation)) = organisation else {
        return Err(invalid("organisation", "it says whose partnerships: organisation=<uuid>"));
    };
    asked.ready(state, &[ViewName::History]).await?;
    state
        .ask(asked.token, move |reading| {
            let passport = history::passport(&reading.view(ViewName::History)?, &reading.identity, organisation)?;
            Ok(json(reading.sequence(), &passport.ok_or(Code::RecordUnknown)?))
        })
        .await
}
