//! The receiving side: commands of other nodes go into this node's queue as they come, and their answers back. It sends
//! nothing on.

use super::{PATH, REFUSED, REQUEST_BYTES_LIMIT, Secret, signature, wire};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use convenio_ledger::{
    rejection::{Refusal, Unavailable},
    submission::{Answer, Ledger, Role, Submission},
};
use convenio_projections::Views;
use tokio::sync::oneshot;

#[derive(Clone)]
struct Receiver {
    ledger: Ledger,
    views: Views,
    secret: Secret,
}

/// The way in for other nodes.
pub(crate) fn router(ledger: Ledger, views: Views, secret: Secret) -> Router {
    let limit = DefaultBodyLimit::max(REQUEST_BYTES_LIMIT);
    Router::new().route(PATH, post(receive).layer(limit)).with_state(Receiver { ledger, views, secret })
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> Response {
    let signature = headers.get(signature::HEADER).and_then(|value| value.to_str().ok());
    if let Err(error) = receiver.secret.verify(signature, PATH, &body) {
        return refused(StatusCode::UNAUTHORIZED, &error.to_string());
    }
    let submissions = match read(&body) {
        Ok(submissions) => submissions,
        Err(why) => return refused(StatusCode::BAD_REQUEST, &why),
    };
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
    // The answer begins when all of them are in the queue: what is sent next then comes after them.
    let mut response = Response::new(Body::from_stream(futures::stream::once(answers(due))));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// Nothing was done with any of the commands.
fn refused(status: StatusCode, why: &str) -> Response {
    if status.is_client_error() {
        tracing::warn!(why, "what says to be another node of this ledger was refused");
    }
    (status, [(REFUSED, "nothing-done")], why.to_owned()).into_response()
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

async fn answers(due: Vec<Result<oneshot::Receiver<Answer>, Refusal>>) -> Result<Vec<u8>, std::convert::Infallible> {
    let mut body = Vec::new();
    for waiting in due {
        let answer = match waiting {
            Ok(waiting) => waiting.await.unwrap_or(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown))),
            Err(refusal) => Err(refusal),
        };
        serde_json::to_writer(&mut body, &wire::SentAnswer::new(&answer)).expect("our types have string keys");
        body.push(b'\n');
    }
    Ok(body)
}
