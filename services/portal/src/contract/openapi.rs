//! OpenAPI 3.1 of the JSON API, put together from the route table, the commands' types and examples. It describes no
//! page.

use super::{
    operations::{Described, describe},
    schemas::{components, event_schema_names},
};
use crate::{
    problem::{Code, QUERY_CODES},
    routes::{Operation, Right, Verb},
};
use convenio_ledger::{
    commands::{Command, CommandSchema, Right as CommandRight},
    rejection::{Class, Reason, Unavailable, VALUE_CODES},
};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The whole document, for a node that is reached at `public_url`.
pub(super) fn document(public_url: &str) -> Value {
    let (commands, schemas) = commands();
    let mut paths: Map<String, Value> = Map::new();
    for operation in Operation::all() {
        if operation == Operation::SendCommand {
            paths.extend(commands.clone());
            continue;
        }
        let (route, described) = (operation.route(), describe(operation));
        let item = operation_object(&described, route.right);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[verb_word(route.verb)] = item;
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Convenio",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "An event-sourced ledger of cooperation between organisations.",
            "description": include_str!("introduction.md"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "tags": tags(),
        "paths": paths,
        "components": components(schemas, &problem_codes(), &event_schema_names()),
    })
}

fn tags() -> Value {
    json!([
        {"name": "commands", "description": "What organisations record. Every accepted command becomes events."},
        {"name": "records", "description": "What stands recorded: lists and single records, now and as of the past."},
        {"name": "events", "description": "The log itself: pages and the live stream."},
        {"name": "trails", "description": "What happened, who did it, and who may act for whom."},
        {"name": "contracts", "description": "What this node promises."},
        {"name": "node", "description": "How this node is doing."},
    ])
}

const fn verb_word(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Post => "post",
        Verb::Delete => "delete",
    }
}

/// A token is needed, makes a difference, or makes none.
fn security(right: Right) -> Value {
    match right {
        Right::Anybody => json!([]),
        Right::Reader => json!([{}, {"token": []}]),
        Right::Token | Right::Command | Right::Admin => json!([{"token": []}]),
    }
}

fn operation_object(described: &Described, right: Right) -> Value {
    let mut responses = described.answers.clone();
    responses["default"] = json!({"$ref": "#/components/responses/Problem"});
    let mut object = json!({
        "operationId": described.id,
        "tags": [described.tag],
        "summary": described.summary,
        "description": described.description,
        "security": security(right),
        "parameters": described.parameters,
        "responses": responses,
    });
    if let Some(body) = &described.body {
        object["requestBody"] = body.clone();
    }
    object
}

/// One path for each command, and the schemas that their data refer to.
fn commands() -> (Map<String, Value>, Map<String, Value>) {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    for CommandSchema { name, data, right, kind, example } in Command::schemas(&mut generator) {
        let example: Value = serde_json::from_str(example).expect("a test reads it");
        let body = json!({
            "required": true,
            "content": {"application/json": {"schema": data, "example": example}},
        });
        let described = Described {
            id: name.to_owned(),
            tag: "commands",
            summary: sentence(name),
            description: format!("About: {kind}. Needs the role: {}.", roles(right)),
            parameters: ["IdempotencyKey", "ActingFor", "IfMatch", "CorrelationId"]
                .map(|parameter| json!({"$ref": format!("#/components/parameters/{parameter}")}))
                .into(),
            body: Some(body),
            answers: json!({
                "201": {"$ref": "#/components/responses/Accepted"},
                "200": {"$ref": "#/components/responses/Replayed"},
            }),
        };
        paths.insert(format!("/api/v1/commands/{name}"), json!({"post": operation_object(&described, Right::Command)}));
    }
    let mut definitions = generator.take_definitions(true);
    paths.values_mut().chain(definitions.values_mut()).for_each(sort_required);
    (paths, definitions)
}

/// The order in which a type declares its members promises nothing: it shall not change the contract.
fn sort_required(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(required)) = members.get_mut("required") {
                required.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            members.values_mut().for_each(sort_required);
        }
        Value::Array(items) => items.iter_mut().for_each(sort_required),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `publish-offer` as a sentence.
fn sentence(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn roles(right: CommandRight) -> String {
    let roles = convenio_events::codes::AccessRole::ALL.iter().filter(|role| right.belongs_to(**role));
    roles.map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Every stable code with its status and meaning, those of the ledger and those of the portal.
pub(crate) fn problem_codes() -> BTreeMap<&'static str, (u16, &'static str)> {
    let status = |class| match class {
        Class::NotUnderstood => 400,
        Class::NotAuthenticated => 401,
        Class::NotAllowed => 403,
        Class::NotFound => 404,
        Class::Conflict => 409,
        Class::TooLarge => 413,
        Class::Unprocessable => 422,
        Class::TooOften => 429,
    };
    let ledger = Reason::ALL.iter().map(|reason| (reason.code(), (status(reason.class()), reason.title())));
    let portal = Code::ALL.iter().map(|code| (code.code(), (code.status().as_u16(), code.title())));
    let unavailable = Unavailable::ALL.into_iter().map(|code| (code.code(), (503, code.title())));
    let values = VALUE_CODES.into_iter().map(|(code, title)| (code, (400, title)));
    let queries = QUERY_CODES.iter().map(|(code, title)| (*code, (400, *title)));
    ledger.chain(values).chain(queries).chain(portal).chain(unavailable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_ledger::submission::Body;

    #[test]
    fn every_command_has_an_example_that_it_takes() {
        for command in Command::schemas(&mut SchemaSettings::draft2020_12().into_generator()) {
            let body = Body::parse(command.name, command.example.as_bytes(), None).and_then(Body::checked);
            body.unwrap_or_else(|rejection| panic!("{}: {rejection}", command.name));
        }
    }

    #[test]
    fn every_route_is_in_the_document_and_every_operation_has_an_example() {
        let document = document("http://127.0.0.1:8080");
        for operation in Operation::all() {
            let path = operation.route().path.replace("{name}", "publish-offer");
            let item = &document["paths"][&path][verb_word(operation.route().verb)];
            assert!(item.is_object(), "{path}");
        }
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (verb, operation) in item.as_object().expect("verbs") {
                let body = operation.pointer("/requestBody/content").is_none_or(has_examples);
                let answers = operation["responses"].as_object().expect("responses");
                let answered = answers.iter().filter(|(status, _)| status.starts_with('2')).all(|(_, answer)| {
                    let name = answer["$ref"].as_str().map(|link| link.rsplit('/').next().unwrap_or_default());
                    let answer = name.map_or(answer, |name| &document["components"]["responses"][name]);
                    has_examples(&answer["content"])
                });
                assert!(body && answered, "{verb} {path}");
            }
        }
    }

    fn has_examples(content: &Value) -> bool {
        let types = content.as_object().expect("content types");
        !types.is_empty() && types.values().all(|content| !content["example"].is_null())
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document("http://127.0.0.1:8080");
        let mut links = Vec::new();
        collect(&document, &mut links);
        assert!(links.len() > 100);
        for link in links {
            let pointer = link.strip_prefix('#').expect("within the document");
            assert!(document.pointer(pointer).is_some(), "{link}");
        }
    }

    fn collect(value: &Value, links: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                links.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|value| collect(value, links));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, links)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
