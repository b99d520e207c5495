//! `GET /api/v1/events`: a page of the log, or the live stream of it.

use super::{
    render::{Filter, Rendering, head_sequence},
    stream,
};
use crate::{
    asking::{Asked, json_bytes, with_next},
    limits::{EVENT_PAGE_BYTES, EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT, EVENT_SCAN_LIMIT},
    parameters::StartAt,
    problem::{Code, Problem},
    read::{
        past,
        record::{Readable, readable},
    },
    state::PortalState,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{RecordedEvent, Sequence, Subject, commitment::Digest};
use convenio_projections::{
    ViewName,
    access::{self, Face},
};

pub(crate) async fn events(State(state): State<PortalState>, asked: Asked) -> Response {
    let answer = if stream::is_asked_for(&asked.headers) {
        stream::open(&state, asked).await
    } else {
        page(&state, asked).await
    };
    answer.unwrap_or_else(IntoResponse::into_response)
}

async fn page(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    let from = asked.parameters.one("from")?.unwrap_or(StartAt::Sequence(0));
    let limit = asked.parameters.limit(EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT)?;
    let filter = Filter::read(&mut asked.parameters)?;
    asked.ready(state, &[ViewName::Access]).await?;
    let from = begin_at(state, from)?;
    let _turn = state.log_turn(asked.token).await?;
    if let Some(subject) = filter.subject {
        return of_subject(state, asked.token, (subject, from), limit, &filter).await?.answer(state, asked).await;
    }
    let uri = asked.uri;
    let candidates = candidates(state, from, limit, &filter).await?;
    let head = head_sequence(state);
    state
        .ask(asked.token, move |reading| {
            let mut rendering = Rendering::begin(reading)?;
            let known = rendering.eyes().position();
            let (mut next, mut pushed, mut full) = (from, 0, false);
            for event in candidates.events.iter().filter(|event| event.sequence < known) {
                if pushed == limit || rendering.bytes() >= EVENT_PAGE_BYTES {
                    full = true;
                    break;
                }
                pushed += usize::from(rendering.push(event, &filter)?);
                next = event.sequence.next();
            }
            if pushed < limit && !full {
                // All of them were looked at: the page also covers what was between and after them.
                next = next.max(candidates.looked_to.min(known));
            }
            let body = rendering.finish(&[("next_from", Some(next.0)), ("head_sequence", head)]);
            let more = (Some(next.0) <= head).then(|| next.0.to_string());
            Ok(with_next(json_bytes(reading.sequence(), body), &uri, "from", more.as_deref()))
        })
        .await
}

/// Where events are to begin; nobody is let begin beyond what there is: all up to there would be missed in silence.
///
/// # Errors
/// 409 `position-ahead`, with the head.
pub(crate) fn begin_at(state: &PortalState, from: StartAt) -> Result<Sequence, Problem> {
    let next = *state.log().head().borrow();
    match from {
        StartAt::End => Ok(next),
        StartAt::Sequence(sequence) if sequence <= next.0 => Ok(Sequence(sequence)),
        StartAt::Sequence(sequence) => Err(ahead(state, sequence)),
    }
}

/// What somebody is told who has seen what is not there.
pub(crate) fn ahead(state: &PortalState, sequence: u64) -> Problem {
    let head = head_sequence(state);
    let known = head.map_or_else(|| "has no event".to_owned(), |head| format!("ends with event {head}"));
    Problem::from(Code::PositionAhead)
        .head_sequence(head)
        .detail(format!("{sequence} is beyond this node's log, which {known}"))
}

/// Events among which those that are asked for are, and up to where there are no others.
struct Candidates {
    events: Vec<RecordedEvent>,
    looked_to: Sequence,
}

async fn candidates(state: &PortalState, from: Sequence, limit: usize, filter: &Filter) -> Result<Candidates, Problem> {
    let scan = if filter.is_empty() { limit } else { EVENT_SCAN_LIMIT };
    let events = past::read(state, from, scan).await?;
    let looked_to = events.last().map_or(from, |last| last.sequence.next());
    Ok(Candidates { events, looked_to })
}

/// One record's events are looked up, not scanned for. Whoever sees nothing of the record is answered as if there were none: where the
/// answer ends, and how long it takes, would tell of it.
async fn of_subject(
    state: &PortalState,
    token: Option<Digest>,
    (subject, from): (Subject, Sequence),
    limit: usize,
    filter: &Filter,
) -> Result<Readable, Problem> {
    let (visible, hidden) = state
        .ask(token, move |reading| {
            let standing = access::standing(&reading.view(ViewName::Access)?, subject)?;
            let hidden = standing.is_some_and(|standing| standing.face(&reading.identity) == Face::Hidden);
            Ok((reading.sequence(), hidden))
        })
        .await?;
    if hidden {
        return Ok(Readable::none(from, visible));
    }
    readable(state, token, (subject, from), limit, (visible, filter)).await
}
