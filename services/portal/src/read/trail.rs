//! What happened: the activity feed, the audit trail, and the grants in force.

use super::collection::Organisation;
use crate::events::render::TypePattern;
use crate::{
    asking::{Asked, json, with_next},
    parameters::{Instant, Parameters, cursor},
    problem::{Code, Problem},
    state::PortalState,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{AccessId, Actor, RecordKind, Subject};
use convenio_projections::{
    SequenceCursor, ViewName,
    access::{self, Grant, GrantQuery},
    activity::{self, TrailPage, TrailQuery},
};
use serde::Serialize;
use std::str::FromStr;

/// Rows of a page when nothing is said.
const PAGE_DEFAULT: usize = 50;

/// `GET /api/v1/activity`.
pub(crate) async fn feed(State(state): State<PortalState>, asked: Asked) -> Response {
    trail(&state, asked, activity::feed).await
}

/// `GET /api/v1/audit`.
pub(crate) async fn audit(State(state): State<PortalState>, asked: Asked) -> Response {
    trail(&state, asked, activity::audit).await
}

async fn trail<T: Serialize>(
    state: &PortalState,
    asked: Asked,
    question: impl FnOnce(
        &convenio_projections::Reader,
        &convenio_projections::ReaderIdentity,
        &TrailQuery,
    ) -> Result<TrailPage<T>, convenio_projections::QueryError>
    + Send
    + 'static,
) -> Response {
    trail_page(state, asked, question).await.unwrap_or_else(IntoResponse::into_response)
}

async fn trail_page<T: Serialize>(
    state: &PortalState,
    mut asked: Asked,
    question: impl FnOnce(
        &convenio_projections::Reader,
        &convenio_projections::ReaderIdentity,
        &TrailQuery,
    ) -> Result<TrailPage<T>, convenio_projections::QueryError>
    + Send
    + 'static,
) -> Result<Response, Problem> {
    let query = trail_query(&mut asked.parameters)?;
    asked.ready(state, &[ViewName::Activity]).await?;
    let uri = asked.uri;
    state
        .ask(asked.token, move |reading| {
            let page = question(&reading.view(ViewName::Activity)?, &reading.identity, &query)?;
            let response = json(reading.sequence(), &page);
            Ok(with_next(response, &uri, "cursor", page.next_cursor.map(|cursor| cursor.to_string()).as_deref()))
        })
        .await
}

fn trail_query(parameters: &mut Parameters) -> Result<TrailQuery, Problem> {
    Ok(TrailQuery {
        subject: parameters.one("subject")?.map(|SubjectReference(subject)| subject),
        organisation: parameters.one("organisation")?.map(|Organisation(id)| id),
        actor: parameters.one("actor")?.map(|ActorReference(actor)| actor),
        grant: parameters.one("grant")?.map(|GrantReference(id)| id),
        kinds: parameters.list("kind")?.into_iter().map(|KindWord(kind)| kind).collect(),
        event_type: parameters.one("type")?.map(|pattern: TypePattern| pattern.beginning()),
        cursor: cursor(parameters)?,
        limit: parameters.limit(PAGE_DEFAULT, activity::PAGE_LIMIT)?,
    })
}

/// A grant as events and records name it: `access/<uuid>`.
pub(crate) struct GrantReference(pub(crate) AccessId);

impl FromStr for GrantReference {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(Subject { kind: RecordKind::Access, id }) => Ok(Self(AccessId::new(id))),
            _ => Err("a grant is named access/<uuid>, such as access/018f4e2a-0000-7000-8000-000000000001"),
        }
    }
}

/// A record as events name it: `offer/<uuid>`.
pub(crate) struct SubjectReference(pub(crate) Subject);

impl FromStr for SubjectReference {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "a record is named <kind>/<uuid>, such as offer/018f4e2a-0000-7000-8000-000000000001";
        text.parse().map(Self).map_err(|_| rule)
    }
}

/// Who acted, as events name it.
struct ActorReference(Actor);

impl FromStr for ActorReference {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = "who acted is named organisation/<uuid>, such as organisation/018f4e2a-0000-7000-8000-000000000001, or \
                    system/clock or system/operator";
        text.parse().map(Self).map_err(|_| rule)
    }
}

/// A kind of record by its word.
struct KindWord(RecordKind);

impl FromStr for KindWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || RecordKind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
        text.parse().map(Self).map_err(|_| format!("it must be one of: {}", known()))
    }
}

#[derive(Serialize)]
struct Grants {
    items: Vec<ShownGrant>,
    next_cursor: Option<SequenceCursor>,
}

#[derive(Serialize)]
struct ShownGrant {
    state: &'static str,
    #[serde(flatten)]
    grant: Grant,
}

/// `GET /api/v1/grants`: those that the reader may see, in force at an instant or all that there ever were.
pub(crate) async fn grants(State(state): State<PortalState>, asked: Asked) -> Response {
    grant_page(&state, asked).await.unwrap_or_else(IntoResponse::into_response)
}

async fn grant_page(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    if asked.token.is_none() {
        return Err(Code::TokenRequired.into());
    }
    let at = asked.parameters.one("in_force_at")?.map(|Instant(at)| at);
    let limit = asked.parameters.limit(PAGE_DEFAULT, activity::PAGE_LIMIT)?;
    let query = GrantQuery {
        organisation: asked.parameters.one("organisation")?.map(|Organisation(id)| id),
        in_force_at: at,
        cursor: cursor(&mut asked.parameters)?,
        limit,
    };
    asked.ready(state, &[ViewName::Access]).await?;
    let uri = asked.uri;
    state
        .ask(asked.token, move |reading| {
            let grants = access::grants(&reading.view(ViewName::Access)?, &reading.identity, &query)?;
            let last = grants.last().filter(|_| grants.len() == limit);
            let next_cursor = last.map(|grant| SequenceCursor(grant.granted.sequence));
            let now = reading.now()?;
            let shown = |grant: Grant| ShownGrant { state: grant.state(at.unwrap_or(now)), grant };
            let items = grants.into_iter().map(shown).collect();
            let response = json(reading.sequence(), &Grants { items, next_cursor });
            Ok(with_next(response, &uri, "cursor", next_cursor.map(|cursor| cursor.to_string()).as_deref()))
        })
        .await
}
