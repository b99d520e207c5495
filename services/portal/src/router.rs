//! All routes put together: which function answers which operation. Rights and paths are in `routes`.

use crate::{
    answers,
    asking::Asked,
    codes, command, conditional, contract, edge, events, health,
    negotiate::prefers,
    pages,
    problem::{Code, Problem},
    read::{collection, export, record, trail},
    rebuild,
    routes::{Collection, Operation},
    state::PortalState,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{MethodRouter, delete, get, post},
};
use tower::ServiceExt as _;
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
};

type Here = State<PortalState>;

/// Smaller answers are sent as they are: compressed they take about as much.
const COMPRESSED_BYTES_LEAST: u64 = 512;
/// How hard to compress, of 11 (brotli) and 9 (gzip): more takes longer than the bytes that it saves take on the way.
const COMPRESSION_LEVEL: i32 = 4;

/// Everything that the portal serves.
pub fn router(state: PortalState) -> Router {
    let pages = pages::router(state.clone());
    let api = Operation::all()
        .into_iter()
        .fold(Router::new(), |router, operation| router.route(&operation.route().path, handler(operation)));
    let not_found = pages.clone();
    api.method_not_allowed_fallback(async || Problem::from(Code::MethodNotAllowed))
        .with_state(state.clone())
        .merge(pages.reset_fallback())
        .fallback(move |request| unknown_path(not_found.clone(), request))
        .layer(middleware::from_fn(conditional::conditional))
        .layer(middleware::from_fn_with_state(state.clone(), answers::hold))
        .layer(compression())
        .layer(middleware::map_request(plain_is_taken))
        .layer(middleware::from_fn_with_state(state, edge::edge))
}

/// Answers in brotli or gzip, as the caller likes.
fn compression() -> CompressionLayer<impl Predicate + Send + Sync + 'static> {
    let worth_it = SizeAbove::new(COMPRESSED_BYTES_LEAST).and(conditional::is_compressible);
    CompressionLayer::new().quality(CompressionLevel::Precise(COMPRESSION_LEVEL)).compress_when(worth_it)
}

/// There is always the answer as it is. A caller that takes neither that nor what we have would be told 406, with the answer of
/// what was done all the same: RFC 9110 12.5.3 leaves it to the server, and so nobody is refused who cannot be served otherwise.
async fn plain_is_taken(mut request: Request) -> Request {
    let headers = request.headers_mut();
    let values: Vec<_> =
        headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.is_empty() {
        return request;
    }
    let taken: Vec<_> =
        values.iter().flat_map(|value| value.split(',')).filter(|coding| !forbids_plain(coding)).collect();
    match HeaderValue::from_str(&taken.join(",")) {
        Ok(taken) => headers.insert(header::ACCEPT_ENCODING, taken),
        Err(_) => headers.remove(header::ACCEPT_ENCODING),
    };
    request
}

/// Whether an item of `Accept-Encoding` says that answers must not come as they are.
fn forbids_plain(coding: &str) -> bool {
    let Some((name, weight)) = coding.split_once(';') else { return false };
    let plain = name.trim() == "*" || name.trim().eq_ignore_ascii_case("identity");
    let weight = weight.split_once('=').and_then(|(_, weight)| weight.trim().parse::<f32>().ok());
    plain && weight.is_some_and(|weight| weight <= 0.0)
}

fn handler(operation: Operation) -> MethodRouter<PortalState> {
    match operation {
        Operation::SendCommand => post(command::one),
        Operation::SendCommands => post(command::batch::many),
        Operation::Events => get(events::page::events),
        Operation::Event => get(events::one::event),
        Operation::EventData => get(events::one::data),
        Operation::List(Collection { kind, view }) => {
            get(move |state: Here, asked: Asked| collection::list(state, asked, kind, view))
        }
        Operation::Record(Collection { kind, view }) => {
            get(move |state: Here, asked: Asked| record::one(state, asked, kind, view))
        }
        Operation::History(Collection { kind, .. }) => {
            get(move |state: Here, asked: Asked| record::events(state, asked, kind))
        }
        Operation::Parts(Collection { kind, view }) => {
            get(move |state: Here, asked: Asked| record::parts(state, asked, kind, view))
        }
        Operation::Export(Collection { kind, view }) => {
            get(move |state: Here, asked: Asked| export::export(state, asked, kind, view))
        }
        Operation::Partnerships => get(record::partnerships),
        Operation::Activity => get(trail::feed),
        Operation::Audit => get(trail::audit),
        Operation::Grants => get(trail::grants),
        Operation::Status => get(health::status),
        Operation::Rebuild => post(rebuild::begin),
        Operation::RebuildProgress => get(rebuild::progress),
        Operation::CancelRebuild => delete(rebuild::cancel),
        Operation::CodeLists => get(codes::lists),
        Operation::CodeList => get(codes::list),
        Operation::Schema => get(contract::schema),
        Operation::AsyncApi => get(contract::asyncapi),
        Operation::OpenApi => get(contract::openapi),
        Operation::Docs => get(contract::docs),
        Operation::Health => get(health::alive),
        Operation::Ready => get(health::ready),
        Operation::Metrics => get(health::metrics),
    }
}

/// The pages' own answer where they have one and a person asks; else a problem.
async fn unknown_path(pages: Router, request: Request) -> Response {
    let person = prefers(request.headers(), "text/html", "application/problem+json");
    if person && !request.uri().path().starts_with("/api/") {
        let answer = pages.oneshot(request).await.unwrap_or_else(|never| match never {});
        if answer.status() != StatusCode::NOT_FOUND || answer.headers().contains_key(header::CONTENT_TYPE) {
            return answer;
        }
    }
    Problem::from(Code::PathUnknown).into_response()
}
