//! Schemas, parameters and answers that operations share. Those of commands and events come from their own types.

use super::answers::example;
use crate::routes::collections;
use convenio_events::{codes::Visibility, schemas::EVENT_DATA_SCHEMAS};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The components of the document.
pub(super) fn components(
    mut schemas: Map<String, Value>,
    codes: &BTreeMap<&'static str, (u16, &'static str)>,
    types: &[&str],
) -> Value {
    schemas.extend(own_schemas(codes, types));
    json!({
        "securitySchemes": {"token": {
            "type": "http", "scheme": "bearer",
            "description": "32 random bytes in base64url without padding, shown once when the grant is given.",
        }},
        "parameters": parameters(),
        "headers": {
            "ConvenioSequence": {"description": "The last event that the answer is true at.", "schema": {"type": "integer", "minimum": 0}},
            "ETag": {"description": "Weak: a tag of what this reader is shown, for `If-None-Match`. A record's begins with its version, and `If-Match` takes it.", "schema": {"type": "string", "examples": ["W/\"3-dGhpcyByZWFk\""]}},
            "Link": {"description": "Where the list goes on: `rel=\"next\"`. Not there at its end.", "schema": {"type": "string"}},
            "Location": {"description": "Where the record is.", "schema": {"type": "string", "format": "uri-reference"}},
            "IdempotentReplay": {"description": "`true`: nothing was recorded this time.", "schema": {"const": "true"}},
        },
        "responses": responses(),
        "schemas": schemas,
    })
}

/// The names of all event types.
pub(super) fn event_schema_names() -> Vec<&'static str> {
    EVENT_DATA_SCHEMAS.keys().map(String::as_str).collect()
}

fn own_schemas(codes: &BTreeMap<&'static str, (u16, &'static str)>, types: &[&str]) -> Map<String, Value> {
    let sequence = json!({"type": "integer", "minimum": 0, "description": "Position of an event in the ledger."});
    let Value::Object(schemas) = json!({
        "Problem": problem_schema(codes),
        "Accepted": {
            "type": "object",
            "required": ["subject", "sequence", "streamversion", "events", "command_id"],
            "properties": {
                "subject": {"type": "string", "description": "The record: `offer/<uuid>`."},
                "sequence": sequence,
                "streamversion": {"type": "integer", "minimum": 0, "description": "The record's version after the command."},
                "events": {"type": "array", "items": {
                    "type": "object", "required": ["id", "type", "sequence"],
                    "properties": {"id": {"type": "string", "format": "uuid"}, "type": {"type": "string"}, "sequence": sequence},
                }},
                "command_id": {"type": "string", "format": "uuid"},
                "same_name": {"type": "array", "items": {"type": "string"}, "maxItems": 10, "description": "Other organisations of the name that was given to one, `organisation/<uuid>`, as far as you may see them: it may be one of those."},
                "token": {"type": "string", "description": "The token of a new grant, this once; `already-shown` in a replay."},
            },
        },
        "BatchLine": {
            "type": "object",
            "required": ["command", "id", "data"],
            "additionalProperties": false,
            "properties": {
                "command": {"type": "string", "description": "A command's name."},
                "id": {"type": "string", "format": "uuid", "description": "The command's id."},
                "data": {"type": "object", "description": "As the body of the command when it is sent alone."},
                "acting_for": {"type": "string", "description": "`organisation/<uuid>`, where the grant covers several."},
                "expected_version": {"type": "integer", "minimum": 0},
                "correlation_id": {"type": "string", "format": "uuid"},
            },
        },
        "Moment": {
            "type": "object", "required": ["sequence", "time"],
            "properties": {"sequence": sequence, "time": {"type": "string", "format": "date-time"}},
        },
        "Record": record_schema(),
        "Page": {
            "type": "object", "required": ["items", "next_cursor"],
            "properties": {
                "items": {"type": "array", "items": {"anyOf": [{"$ref": "#/components/schemas/Record"}, {"$ref": "#/components/schemas/Gone"}]}},
                "next_cursor": {"type": ["string", "null"], "description": "Where the next page begins."},
                "total": {"$ref": "#/components/schemas/Count"},
                "facets": {"type": "object", "additionalProperties": {"type": "array", "items": {
                    "type": "object", "properties": {"value": {"type": "string"}, "count": {"$ref": "#/components/schemas/Count"}},
                }}},
            },
        },
        "Gone": {
            "type": "object", "required": ["id", "gone"],
            "description": "A record that was the caller's to see and no longer is; among what was updated since a sequence.",
            "properties": {"id": {"type": "string", "format": "uuid"}, "gone": {"const": true}},
        },
        "Count": {"description": "How many; `1000+` beyond a thousand.", "oneOf": [{"type": "integer", "minimum": 0}, {"const": "1000+"}]},
        "CloudEvent": cloud_event_schema(types),
    }) else {
        return Map::new();
    };
    schemas
}

fn record_schema() -> Value {
    let kinds: Vec<_> = collections().map(|collection| collection.kind.word()).collect();
    let visibilities: Vec<_> = Visibility::ALL.iter().map(|visibility| visibility.word()).collect();
    json!({
        "type": "object",
        "description": "What every record shows; each kind adds what is its own.",
        "required": ["id", "kind", "state", "visibility", "streamversion", "created", "updated", "organisations"],
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "kind": {"type": "string", "x-known-values": kinds, "description": "A code of the list `record-kinds`."},
            "state": {"type": "string", "description": "A code of the list `states`."},
            "visibility": {"type": ["string", "null"], "x-known-values": visibilities, "description": "Who may see it, a code of the list `visibilities`; null where it is not known."},
            "streamversion": {"type": "integer", "minimum": 0},
            "created": {"$ref": "#/components/schemas/Moment"},
            "updated": {"$ref": "#/components/schemas/Moment"},
            "organisations": {"type": "array", "items": {"type": "string", "format": "uuid"}, "description": "Every organisation named in it."},
            "grant": {"type": ["string", "null"], "description": "Under which grant it was made: `access/<uuid>`."},
            "sample": {"const": true, "description": "It came from the sample."},
            "text": {"type": ["object", "null"], "description": "What is in free words; null once it was erased."},
        },
    })
}

fn problem_schema(codes: &BTreeMap<&'static str, (u16, &'static str)>) -> Value {
    let known: Map<String, Value> = codes
        .iter()
        .map(|(code, (status, title))| ((*code).to_owned(), json!({"status": status, "title": title})))
        .collect();
    json!({
        "type": "object",
        "description": "RFC 9457 problem details.",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "description": "Where the code is explained."},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string", "description": "Stable. More may come."},
            "field": {"type": "string", "description": "The field, parameter or header that it is about."},
            "rule": {"type": "string", "description": "The general code, where `code` is a finer one."},
            "command_id": {"type": "string", "format": "uuid"},
            "head_sequence": {"type": ["integer", "null"], "description": "Where the log ends, with `position-ahead`."},
        },
        "x-codes": known,
    })
}

/// An event as it is on every interface.
pub(super) fn cloud_event_schema(types: &[&str]) -> Value {
    json!({
        "type": "object",
        "description": "CloudEvents 1.0. A withheld event has no subject, actor, grant or data.",
        "required": ["specversion", "id", "source", "type", "time", "ledgersequence"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "source": {"type": "string", "description": "`urn:convenio:<ledger>`, for ever."},
            "type": {"type": "string", "examples": types},
            "subject": {"type": "string"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"type": "string", "format": "uri", "description": "Absolute: below the node's public address where it has one, else `urn:convenio:schema:<type>`."},
            "ledgersequence": {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"},
            "streamversion": {"type": "integer", "minimum": 0},
            "actor": {"type": "string"},
            "grant": {"type": "string"},
            "commandid": {"type": "string", "format": "uuid"},
            "correlationid": {"type": "string", "format": "uuid"},
            "causationid": {"type": "string", "format": "uuid"},
            "dataref": {"type": "string", "format": "uri", "description": "Where the data is, which is not here then: on Kafka, where texts are published by reference."},
            "withheld": {"const": "visibility"},
            "data": {
                "type": "object",
                "required": ["facts", "text"],
                "properties": {"facts": {"type": "object"}, "text": {"type": ["object", "null"]}, "erased": {"const": true}},
            },
        },
    })
}

fn parameters() -> Value {
    let header = |name: &str, description: &str, schema: Value, example: &str| json!({"name": name, "in": "header", "description": description, "schema": schema, "example": example});
    let uuid = || json!({"type": "string", "format": "uuid"});
    let id = "018f4e2a-0000-7000-8000-000000000001";
    json!({
        "IdempotencyKey": header("Idempotency-Key", "The command's id; without it the node makes one and the answer names it.", uuid(), id),
        "ActingFor": header("Convenio-Acting-For", "Which organisation acts, where the grant covers several.",
            json!({"type": "string"}), &format!("organisation/{id}")),
        "IfMatch": header("If-Match", "The version of the record that was shown.", json!({"type": "string", "pattern": "^(W/)?\"[0-9]+(-[A-Za-z0-9_-]+)?\"$"}), "\"3\""),
        "CorrelationId": header("Convenio-Correlation-Id", "What hangs together, as the caller says.", uuid(), id),
        "WaitFor": {
            "name": "wait_for", "in": "query", "description": "Wait up to 5 s until this event is visible. With the `Convenio-Sequence` of the last answer, no answer shows less than that one, whichever node it comes from.",
            "schema": {"type": "integer", "minimum": 0},
        },
    })
}

fn responses() -> Value {
    let json = |schema: &str, example: Value| json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}, "example": example}});
    let problem = json!({
        "type": "/docs#theme-required", "title": "at least one theme is required", "status": 422, "code": "theme-required",
        "field": "terms.themes", "command_id": "018f4e2a-0000-7000-8000-000000000001",
    });
    json!({
        "Accepted": {"description": "It was recorded.", "headers": {"Location": {"$ref": "#/components/headers/Location"}}, "content": json("Accepted", example("accepted"))},
        "Replayed": {
            "description": "It had been recorded before under this id; nothing was recorded now.",
            "headers": {"Idempotent-Replay": {"$ref": "#/components/headers/IdempotentReplay"}},
            "content": json("Accepted", example("accepted")),
        },
        "Problem": {
            "description": "It was refused, or could not be answered.",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": problem}},
        },
    })
}
