//! AsyncAPI 3 of the event stream, made from the event types. It describes no command.

use super::schemas::cloud_event_schema;
use convenio_events::{schemas::EVENT_DATA_SCHEMAS, types::WITHHELD_TYPE};
use serde_json::{Map, Value, json};

/// The whole document, for a node that is reached at `public_url`.
pub(super) fn document(public_url: &str) -> Value {
    let (protocol, host) = public_url.split_once("://").unwrap_or(("http", public_url));
    let (host, pathname) = host.find('/').map_or((host, ""), |at| host.split_at(at));
    let messages = messages();
    let named = |of: &str| -> Map<String, Value> {
        messages.keys().map(|name| (name.clone(), json!({"$ref": format!("#/{of}/{name}")}))).collect()
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Convenio: the event stream",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every event of the ledger, in order, at least once: drop doubles by (source, id). An event that the reader may not read comes as a withheld one. Ignore types that you do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "servers": {
            "node": {"host": host, "pathname": pathname, "protocol": protocol, "security": [{"$ref": "#/components/securitySchemes/token"}]},
            "kafka": {"host": "{brokers}", "protocol": "kafka", "description": "Where the ledger is kept on Kafka.", "variables": {"brokers": {"description": "As its operator says."}}},
        },
        "defaultContentType": "application/json",
        "channels": {"publicTopic": public_topic(), "events": {
            "address": "/api/v1/events",
            "servers": [{"$ref": "#/servers/node"}],
            "description": "Server-sent events (Accept: text/event-stream): id is the sequence, data one CloudEvent. Resumes by Last-Event-ID. `caught-up` says once that nothing up to its `head_sequence` is missing; `position` events say how far the stream has looked. Where there is no room, or the caller asks too often, the stream holds one `come-again` event with the `code` of the reason and `retry_ms`, and ends.",
            "messages": named("components/messages"),
        }},
        "operations": {"publishEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/publicTopic"},
            "summary": "The node that writes publishes every event as everybody may read it.",
        }, "sendEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/events"},
            "summary": "The node sends every event to whoever follows.",
            "messages": messages.keys().map(|name| json!({"$ref": format!("#/channels/events/messages/{name}")})).collect::<Vec<_>>(),
        }},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"CloudEvent": cloud_event_schema(&[])},
            "messages": messages,
        },
    })
}

/// The topic for integrators, of a ledger that is kept on Kafka: the same events, their attributes in headers.
fn public_topic() -> Value {
    let schema = cloud_event_schema(&[]);
    let attributes = schema["properties"].as_object().into_iter().flatten();
    let in_headers = attributes.filter(|(name, _)| !["data", "datacontenttype"].contains(&name.as_str()));
    let mut headers: Map<String, Value> =
        in_headers.map(|(name, _)| (format!("ce_{name}"), json!({"type": "string"}))).collect();
    headers.insert("content-type".to_owned(), json!({"const": "application/json"}));
    json!({
        "address": "convenio.{ledger}.events",
        "servers": [{"$ref": "#/servers/kafka"}],
        "parameters": {"ledger": {"description": "The ledger's name on Kafka."}},
        "description": "CloudEvents in binary mode, each ledgersequence once and in order for read_committed consumers. A withheld event has no value; where texts are published by reference, an event with a text has none either, and `ce_dataref` says where its data is.",
        "bindings": {"kafka": {"partitions": 1}},
        "messages": {"event": {
            "contentType": "application/json",
            "headers": {"type": "object", "properties": headers},
            "payload": {
                "type": ["object", "null"],
                "required": ["facts", "text"],
                "properties": {"facts": {"type": "object"}, "text": {"type": ["object", "null"]}, "erased": {"const": true}},
            },
            "bindings": {"kafka": {"key": {"type": "string", "description": "The subject; of a withheld event its ledgersequence."}}},
        }},
    })
}

fn messages() -> Map<String, Value> {
    let withheld = json!({
        "name": WITHHELD_TYPE,
        "title": "An event that the reader may not read",
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": "#/components/schemas/CloudEvent"},
    });
    let mut messages: Map<String, Value> =
        EVENT_DATA_SCHEMAS.iter().map(|(name, data)| (name.clone(), message(name, data))).collect();
    messages.insert(WITHHELD_TYPE.to_owned(), withheld);
    messages
}

fn message(name: &str, data: &Value) -> Value {
    json!({
        "name": name,
        "title": name,
        "contentType": "application/cloudevents+json",
        "payload": {"allOf": [
            {"$ref": "#/components/schemas/CloudEvent"},
            {"type": "object", "properties": {"type": {"const": name}, "data": data}},
        ]},
    })
}
