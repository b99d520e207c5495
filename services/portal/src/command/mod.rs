//! Commands on their way to the ledger: one at a time, or many as lines. What they mean is decided there.

mod answer;
pub(crate) mod batch;
mod encoding;
mod line;
mod namesakes;
mod pace;
mod spool;

use crate::{
    limits::{BODY_BYTES_DROPPED, BODY_BYTES_LIMIT, BODY_TIMEOUT, COMMAND_TIMEOUT},
    problem::{Code, Problem},
    state::PortalState,
    token::{Token, bearer},
};
use axum::{
    body::{Body, BodyDataStream, Bytes},
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::BytesMut;
use convenio_events::{Actor, CommandId, OrganisationId, StreamVersion, commitment::Digest};
use convenio_ledger::{
    authorise::Credential,
    parser_words::plain,
    rejection::{Refusal, Unavailable},
    submission::{Body as CommandBody, Submission},
};
use encoding::Encoding;
use futures::{FutureExt as _, StreamExt as _};
use namesakes::Names;
use std::{panic::AssertUnwindSafe, str::FromStr};

/// `POST /api/v1/commands/<name>`: the body is the command's data.
pub(crate) async fn one(
    State(state): State<PortalState>,
    name: Result<Path<String>, PathRejection>,
    request: Request,
) -> Response {
    let Ok(Path(name)) = name else { return Problem::from(Code::PathUnknown).into_response() };
    let (parts, body) = request.into_parts();
    let envelope = match Envelope::read(&parts.headers, parts.uri.query()) {
        Ok(envelope) => envelope,
        Err(problem) => return problem.into_response(),
    };
    let id = envelope.id;
    let sent = async {
        state.authenticate(envelope.token).await.inspect_err(|problem| state.metrics().refused(problem.code()))?;
        let length = envelope.encoding.length(&parts.headers);
        let data = tokio::time::timeout(BODY_TIMEOUT, read_body(length, envelope.encoding.undo(body))).await;
        send(&state, &name, &data.map_err(|_| Code::BodyTooSlow)??, envelope).await
    };
    // Whoever waits for a command whose handler broke is not told that nothing happened.
    let sent = AssertUnwindSafe(sent).catch_unwind().await;
    let sent = sent.unwrap_or_else(|_panic| Err(Unavailable::OutcomeUnknown.into()));
    sent.unwrap_or_else(|problem| problem.command(id).into_response())
}

async fn send(state: &PortalState, name: &str, data: &[u8], envelope: Envelope) -> Result<Response, Problem> {
    let mut body = CommandBody::parse(name, data, envelope.expected_version);
    let token = body.as_mut().ok().and_then(provide_token);
    let names = Names::of(body.as_ref().ok(), Credential::Token(envelope.token));
    let submission = envelope.submission(body);
    let answered = tokio::time::timeout(COMMAND_TIMEOUT, async {
        state.views().keep_pace().await;
        state.ledger().submit(submission).await
    });
    let answered = answered.await;
    let answer = answered.unwrap_or(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown)));
    state.metrics().command(&answer);
    let accepted = answer?;
    let others = names.others(state, &accepted, true).await;
    Ok(answer::response(&accepted, token.as_ref(), &others))
}

/// Makes the token of a grant whose caller brought none.
fn provide_token(body: &mut CommandBody) -> Option<Token> {
    let token = matches!(body.command, convenio_ledger::commands::Command::GrantAccess(_)).then(Token::random)?;
    body.provide_token(token.digest()).then_some(token)
}

/// What a command's headers say.
struct Envelope {
    encoding: Encoding,
    token: Digest,
    acting_for: Option<OrganisationId>,
    id: CommandId,
    correlation_id: Option<CommandId>,
    expected_version: Option<StreamVersion>,
}

impl Envelope {
    fn read(headers: &HeaderMap, query: Option<&str>) -> Result<Self, Problem> {
        let encoding = Encoding::of(headers)?;
        require_type(headers, is_json, Code::JsonRequired)?;
        crate::parameters::Parameters::parse(query)?.finish()?;
        Ok(Self {
            encoding,
            token: bearer(headers)?.ok_or(Code::TokenRequired)?,
            acting_for: acting_for(headers)?,
            id: header_value(headers, IDEMPOTENCY_KEY)?
                .map_or_else(|| CommandId::new(uuid::Uuid::now_v7()), |CommandKey(id)| id),
            correlation_id: header_value(headers, CORRELATION_ID)?,
            expected_version: header_value(headers, header::IF_MATCH.as_str())?.and_then(|Version(version)| version),
        })
    }

    fn submission(self, body: Result<CommandBody, convenio_ledger::rejection::Rejection>) -> Submission {
        let Self { encoding: _, token, acting_for, id, correlation_id, expected_version } = self;
        let credential = Credential::Token(token);
        Submission { credential, acting_for, id, correlation_id, expected_version, body }
    }
}

/// The caller's id of a command.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// Which organisation acts.
pub(crate) const ACTING_FOR: &str = "convenio-acting-for";
/// What the caller says hangs together.
pub(crate) const CORRELATION_ID: &str = "convenio-correlation-id";

/// `"3"`, weak or strong, as a version or as the `ETag` that begins with it. `None` for `*`: whatever it is now.
struct Version(Option<StreamVersion>);

impl FromStr for Version {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "*" {
            return Ok(Self(None));
        }
        let opaque = text.strip_prefix("W/").unwrap_or(text);
        let quoted = opaque.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let number = quoted.and_then(|text| text.split('-').next()?.parse().ok());
        let version = number.map(|number| Self(Some(StreamVersion(number))));
        version.ok_or("it must be one version in quotes, such as \"3\", or the record's ETag")
    }
}

/// A command's id, bare or as a structured field's string (RFC 9651 3.3.3), which the draft on this header asks for.
struct CommandKey(CommandId);

impl FromStr for CommandKey {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        bare.parse().map(Self).map_err(|_| "it must be a UUID, with or without quotes")
    }
}

/// `organisation/<uuid>`.
pub(crate) struct ActingFor(pub(crate) OrganisationId);

impl FromStr for ActingFor {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(Actor::Organisation(id)) => Ok(Self(id)),
            _ => Err("not of the form organisation/<uuid>"),
        }
    }
}

fn acting_for(headers: &HeaderMap) -> Result<Option<OrganisationId>, Problem> {
    Ok(header_value(headers, ACTING_FOR)?.map(|ActingFor(organisation)| organisation))
}

fn header_value<T: FromStr<Err: ToString>>(headers: &HeaderMap, name: &str) -> Result<Option<T>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = |why: String| Problem::from(Code::HeaderInvalid).field(name).detail(why);
    if values.next().is_some() {
        return Err(invalid("it is there twice".to_owned()));
    }
    let text = value.to_str().map_err(|_| invalid("not ASCII".to_owned()))?;
    text.trim().parse().map(Some).map_err(|error: T::Err| invalid(plain(&error.to_string())))
}

fn require_type(headers: &HeaderMap, fits: fn(&str) -> bool, else_code: Code) -> Result<(), Problem> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.map(|value| value.split(';').next().unwrap_or_default().trim());
    if essence.is_some_and(fits) { Ok(()) } else { Err(else_code.into()) }
}

fn is_json(essence: &str) -> bool {
    essence.eq_ignore_ascii_case("application/json")
}

/// Reads a body whose length may be known before.
async fn read_body(length: Option<usize>, body: Body) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    if length.is_some_and(|length| length > BODY_BYTES_LIMIT) {
        return Err(too_large(chunks).await);
    }
    let Some(first) = chunks.next().await else { return Ok(Bytes::new()) };
    let mut whole = first.map_err(|_| Code::BodyUnreadable)?;
    // Most bodies are one chunk, which is then not copied.
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Code::BodyUnreadable)?;
        let mut joined = BytesMut::from(whole);
        joined.extend_from_slice(&chunk);
        if joined.len() > BODY_BYTES_LIMIT {
            return Err(too_large(chunks).await);
        }
        whole = joined.freeze();
    }
    if whole.len() > BODY_BYTES_LIMIT { Err(Code::BodyTooLarge.into()) } else { Ok(whole) }
}

/// What is too large is read and dropped, within bounds: a sender whose connection closes while it is still sending
/// would see
/// a broken pipe, and not the answer.
async fn too_large(mut rest: BodyDataStream) -> Problem {
    let mut dropped = 0;
    while let Some(Ok(chunk)) = rest.next().await {
        dropped += chunk.len();
        if dropped > BODY_BYTES_DROPPED {
            break;
        }
    }
    Code::BodyTooLarge.into()
}

/// The status of an accepted command.
const fn accepted_status(replay: bool) -> StatusCode {
    if replay { StatusCode::OK } else { StatusCode::CREATED }
}
