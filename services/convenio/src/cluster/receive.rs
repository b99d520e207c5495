//! The receiving side: commands of other nodes go into this node's queue as they come, and their answers back. It sends
//! nothing on.

use super::{
    BODY_DEADLINE, PATH, REFUSED, REQUEST_BYTES_LIMIT, REQUESTS_UNDER_WAY_LIMIT, Secret,
    signature::{self, SignatureError, SignedHead},
    wire,
};
use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use convenio_ledger::{
    rejection::{Refusal, Unavailable},
    submission::{Answer, Ledger, Role, Submission},
};
use convenio_projections::Views;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

#[derive(Clone)]
struct Receiver {
    ledger: Ledger,
    views: Views,
    secret: Secret,
    slots: Arc<Semaphore>,
}

/// The way in for other nodes.
pub(crate) fn router(ledger: Ledger, views: Views, secret: Secret) -> Router {
    let slots = Arc::new(Semaphore::new(REQUESTS_UNDER_WAY_LIMIT));
    Router::new().route(PATH, post(receive)).with_state(Receiver { ledger, views, secret, slots })
}

/// Why a request was refused, with the head over which that is signed, where it was a node's.
struct NothingDone(StatusCode, String, Option<SignedHead>);

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Body) -> Response {
    let refused = |refusal: NothingDone| refused(&receiver.secret, &refusal);
    match receive_signed(&receiver, &headers, body).await {
        Ok((head, body, slot)) => match answer(&receiver, &head, &body, slot).await {
            Ok(response) => response,
            Err((status, why)) => refused(NothingDone(status, why, Some(head))),
        },
        Err(refusal) => refused(refusal),
    }
}

/// The head is looked at first: of who is no node nothing more is read, and of a node what it said it would send, in time.
async fn receive_signed(
    receiver: &Receiver,
    headers: &HeaderMap,
    body: Body,
) -> Result<(SignedHead, Bytes, OwnedSemaphorePermit), NothingDone> {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let verified = receiver.secret.verify(said(signature::HEADER), said(signature::DIGEST_HEADER), PATH);
    let unauthorised = |error: SignatureError, head| NothingDone(StatusCode::UNAUTHORIZED, error.to_string(), head);
    let head = verified.map_err(|(error, head)| unauthorised(error, head))?;
    let refused = |status, why: String| NothingDone(status, why, Some(head.clone()));
    let length = said(header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if length.is_none_or(|length: usize| length > REQUEST_BYTES_LIMIT) {
        let why = format!("a request has a length of {REQUEST_BYTES_LIMIT} bytes at most, and says it");
        return Err(refused(StatusCode::PAYLOAD_TOO_LARGE, why));
    }
    let Ok(slot) = receiver.slots.clone().try_acquire_owned() else {
        let why = format!("{REQUESTS_UNDER_WAY_LIMIT} requests of other nodes are under way");
        return Err(refused(StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let read = tokio::time::timeout(BODY_DEADLINE, to_bytes(body, REQUEST_BYTES_LIMIT)).await;
    let late = || refused(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {BODY_DEADLINE:?}"));
    let body = read.ok().and_then(Result::ok).ok_or_else(late)?;
    head.check(&body).map_err(|error| unauthorised(error, Some(head.clone())))?;
    Ok((head, body, slot))
}

/// Puts the commands into the queue. The answer begins when all of them are there: what is sent next then comes after them.
async fn answer(
    receiver: &Receiver,
    head: &SignedHead,
    body: &[u8],
    slot: OwnedSemaphorePermit,
) -> Result<Response, (StatusCode, String)> {
    let refused = |status: StatusCode, why: &str| Err((status, why.to_owned()));
    let submissions = read(body).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    let standing = receiver.ledger.standing();
    match standing.role {
        Role::Writer if submissions.is_empty() && standing.clock_jumped => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "this node's clock jumped");
        }
        Role::Writer => {}
        // What comes while it begins waits until it writes; who only asks is told that it does not yet.
        Role::Starting if !submissions.is_empty() => {}
        Role::Starting => return refused(StatusCode::SERVICE_UNAVAILABLE, "this node does not write yet"),
        Role::Follower | Role::Stopped => return refused(StatusCode::SERVICE_UNAVAILABLE, "this node does not write"),
    }
    receiver.views.keep_pace().await;
    let mut due = Vec::with_capacity(submissions.len());
    for submission in submissions {
        due.push(receiver.ledger.enqueue_only_here(submission).await);
    }
    let (secret, head) = (receiver.secret.clone(), head.clone());
    let whole = async move {
        let body = secret.seal_answer(&head, answers(due).await);
        drop(slot);
        Ok::<_, std::convert::Infallible>(body)
    };
    let mut response = Response::new(Body::from_stream(futures::stream::once(whole)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Nothing was done with any of the commands.
fn refused(secret: &Secret, NothingDone(status, why, head): &NothingDone) -> Response {
    if status.is_client_error() {
        tracing::warn!(why, "what says to be another node of this ledger was refused");
    }
    let mut response = (*status, [(REFUSED, "nothing-done")], why.clone()).into_response();
    let code = head.as_ref().map(|head| secret.seal_refusal(head, status.as_u16(), why.as_bytes()));
    if let Some(code) = code.and_then(|code| HeaderValue::from_str(&code).ok()) {
        response.headers_mut().insert(signature::ANSWER_HEADER, code);
    }
    // What was not read of a body is not waited for.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn read(body: &[u8]) -> Result<Vec<Submission>, String> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let command: wire::SentCommand = serde_json::from_slice(line).map_err(|error| error.to_string())?;
            command.submission().map_err(str::to_owned)
        })
        .collect()
}

async fn answers(due: Vec<Result<oneshot::Receiver<Answer>, Refusal>>) -> Vec<u8> {
    let mut body = Vec::new();
    for waiting in due {
        let answer = match waiting {
            Ok(waiting) => waiting.await.unwrap_or(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown))),
            Err(refusal) => Err(refusal),
        };
        serde_json::to_writer(&mut body, &wire::SentAnswer::new(&answer)).expect("our types have string keys");
        body.push(b'\n');
    }
    body
}
