//! What the portal promises, for programs and for people: event schemas, OpenAPI, AsyncAPI. All of it is made from the
//! types.

mod answers;
mod asyncapi;
mod docs;
mod openapi;
mod operations;
mod schemas;

use crate::{
    problem::{Code, Problem},
    routes::Operation,
    state::PortalState,
};
use axum::{
    body::Bytes,
    extract::{Path, State, rejection::PathRejection},
    http::header,
    response::{Html, IntoResponse, Response},
};
use convenio_events::schemas::served;
use std::sync::OnceLock;

pub(crate) use openapi::problem_codes;

/// The name of an operation in the contract.
pub fn operation_id(operation: Operation) -> String {
    operations::id(operation)
}

/// The documents of one node, made when they are first asked for.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    openapi: OnceLock<Bytes>,
    asyncapi: OnceLock<Bytes>,
    docs: OnceLock<Bytes>,
}

/// `GET /schemas/<type>.json`.
pub(crate) async fn schema(State(state): State<PortalState>, file: Result<Path<String>, PathRejection>) -> Response {
    let name = file.ok().and_then(|Path(file)| file.strip_suffix(".json").map(str::to_owned));
    match name.and_then(|name| served(&name, state.schemas())) {
        Some(schema) => ([(header::CONTENT_TYPE, "application/schema+json")], schema.to_string()).into_response(),
        None => Problem::from(Code::SchemaUnknown).into_response(),
    }
}

/// `GET /asyncapi.json`.
pub(crate) async fn asyncapi(State(state): State<PortalState>) -> Response {
    let make = || asyncapi::document(state.public_url()).to_string().into();
    json(state.documents().asyncapi.get_or_init(make))
}

/// `GET /openapi.json`.
pub(crate) async fn openapi(State(state): State<PortalState>) -> Response {
    let make = || openapi::document(state.public_url()).to_string().into();
    json(state.documents().openapi.get_or_init(make))
}

/// `GET /docs`.
pub(crate) async fn docs(State(state): State<PortalState>) -> Response {
    let make = || docs::page(&openapi::document(state.public_url())).into();
    Html(state.documents().docs.get_or_init(make).clone()).into_response()
}

fn json(document: &Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document.clone()).into_response()
}
