//! What a caller is told of its command. Secrets are told once.

use super::accepted_status;
use crate::{problem::Problem, routes::collections, token::Token};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header},
    response::Response,
};
use convenio_events::{CommandId, EventId, Sequence, StreamVersion, Subject};
use convenio_ledger::rejection::Accepted;
use serde::Serialize;

/// Says that nothing was recorded this time.
const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

#[derive(Serialize)]
struct Told<'a> {
    subject: Subject,
    sequence: Sequence,
    streamversion: StreamVersion,
    events: Vec<ToldEvent<'a>>,
    command_id: CommandId,
    /// Other organisations of the same name.
    #[serde(skip_serializing_if = "<[Subject]>::is_empty")]
    same_name: &'a [Subject],
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize)]
struct ToldEvent<'a> {
    id: EventId,
    r#type: &'a str,
    sequence: Sequence,
}

impl<'a> Told<'a> {
    fn new(accepted: &'a Accepted, token: Option<&Token>, same_name: &'a [Subject]) -> Self {
        let shown = |token: &Token| if accepted.replay { "already-shown".to_owned() } else { token.reveal() };
        let events = accepted.events.iter();
        Self {
            subject: accepted.subject,
            sequence: accepted.sequence,
            streamversion: accepted.stream_version,
            events: events
                .map(|event| ToldEvent { id: event.id, r#type: &event.type_name, sequence: event.sequence })
                .collect(),
            command_id: accepted.command_id,
            same_name,
            token: token.map(shown),
        }
    }
}

/// The answer to one command.
pub(super) fn response(accepted: &Accepted, token: Option<&Token>, same_name: &[Subject]) -> Response {
    let body = serde_json::to_vec(&Told::new(accepted, token, same_name)).expect("our types have string keys");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = accepted_status(accepted.replay);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let (false, Ok(place)) = (accepted.replay, HeaderValue::from_str(&place(accepted))) {
        headers.insert(header::LOCATION, place);
    }
    if accepted.replay {
        headers.insert(IDEMPOTENT_REPLAY, HeaderValue::from_static("true"));
    }
    response
}

/// Where what was recorded is: the record, or the event where its kind has no place of its own.
fn place(accepted: &Accepted) -> String {
    let Subject { kind, id } = accepted.subject;
    if collections().any(|collection| collection.kind == kind) {
        format!("/api/v1/{}/{id}", kind.plural())
    } else {
        format!("/api/v1/events/{}", accepted.sequence)
    }
}

#[derive(Serialize)]
struct AcceptedLine<'a> {
    line: u64,
    id: CommandId,
    status: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    idempotent_replay: bool,
    #[serde(flatten)]
    told: Told<'a>,
}

#[derive(Serialize)]
struct RefusedLine<'a> {
    line: u64,
    id: Option<CommandId>,
    #[serde(flatten)]
    problem: &'a Problem,
}

#[derive(Serialize)]
struct LastLine {
    done: bool,
    accepted: u64,
    refused: u64,
}

/// The answer to one line of a batch, with its newline.
pub(super) fn accepted_line(
    out: &mut Vec<u8>,
    line: u64,
    accepted: &Accepted,
    token: Option<&Token>,
    same_name: &[Subject],
) {
    let status = accepted_status(accepted.replay).as_u16();
    let told = Told::new(accepted, token, same_name);
    write_line(out, &AcceptedLine { line, id: accepted.command_id, status, idempotent_replay: accepted.replay, told });
}

/// The answer to one line of a batch that was refused, with its newline.
pub(super) fn refused_line(out: &mut Vec<u8>, line: u64, id: Option<CommandId>, problem: &Problem) {
    write_line(out, &RefusedLine { line, id, problem });
}

/// The last line of a batch that was read to its end.
pub(super) fn last_line(out: &mut Vec<u8>, accepted: u64, refused: u64) {
    write_line(out, &LastLine { done: true, accepted, refused });
}

fn write_line(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(&mut *out, value).expect("our types have string keys, and a Vec takes everything");
    out.push(b'\n');
}
