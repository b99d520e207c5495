//! What the portal promises, for programs and for people: event schemas, OpenAPI, AsyncAPI. All of it is made from the types.

use crate::problem::{Code, Problem};
use axum::{
    extract::{Path, rejection::PathRejection},
    http::header,
    response::{IntoResponse, Response},
};
use convenio_events::schemas::EVENT_DATA_SCHEMAS;

/// `GET /schemas/<type>.json`.
pub(crate) async fn schema(file: Result<Path<String>, PathRejection>) -> Response {
    let name = file.ok().and_then(|Path(file)| file.strip_suffix(".json").map(str::to_owned));
    match name.and_then(|name| EVENT_DATA_SCHEMAS.get(&name)) {
        Some(schema) => ([(header::CONTENT_TYPE, "application/schema+json")], schema.to_string()).into_response(),
        None => Problem::from(Code::SchemaUnknown).into_response(),
    }
}

/// `GET /asyncapi.json`.
pub(crate) async fn asyncapi() -> Response {
    Problem::from(Code::NotReady).into_response()
}

/// `GET /openapi.json`.
pub(crate) async fn openapi() -> Response {
    Problem::from(Code::NotReady).into_response()
}

/// `GET /docs`.
pub(crate) async fn docs() -> Response {
    Problem::from(Code::NotReady).into_response()
}
