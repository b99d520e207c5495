//! What is said of each operation: its words, parameters and examples. Where it is and who may ask is in `routes`.

use super::answers::example;
use crate::{
    limits::{EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT},
    routes::{Collection, Operation, Verb},
};
use convenio_projections::{
    collection::{PAGE_LIMIT, Sort},
    document::{PART_PAGE_LIMIT, PartKind},
};
use serde_json::{Value, json};

/// What is said of one operation.
pub(super) struct Described {
    pub(super) id: String,
    pub(super) tag: &'static str,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Value,
}

/// The operation's own name, under which its example is kept.
pub(super) fn id(operation: Operation) -> String {
    let of = |verb: &str, collection: Collection| format!("{verb}-{}", collection.kind);
    match operation {
        Operation::SendCommand => "send-command".to_owned(),
        Operation::SendCommands => "send-commands".to_owned(),
        Operation::Events => "list-events".to_owned(),
        Operation::Event => "read-event".to_owned(),
        Operation::EventData => "read-event-data".to_owned(),
        Operation::List(collection) => format!("list-{}", collection.kind.plural()),
        Operation::Record(collection) => of("read", collection),
        Operation::History(collection) => format!("{}-history", of("read", collection)),
        Operation::Parts(collection) => format!("{}-parts", of("read", collection)),
        Operation::Export(collection) => format!("export-{}", collection.kind.plural()),
        Operation::Partnerships => "read-partnerships".to_owned(),
        Operation::Activity => "list-activity".to_owned(),
        Operation::Audit => "list-audit".to_owned(),
        Operation::Grants => "list-grants".to_owned(),
        Operation::CodeLists => "list-code-lists".to_owned(),
        Operation::CodeList => "read-code-list".to_owned(),
        Operation::Status => "read-status".to_owned(),
        Operation::Rebuild => "rebuild-view".to_owned(),
        Operation::RebuildProgress => "read-rebuild".to_owned(),
        Operation::CancelRebuild => "cancel-rebuild".to_owned(),
        Operation::Schema => "read-schema".to_owned(),
        Operation::AsyncApi => "read-asyncapi".to_owned(),
        Operation::OpenApi => "read-openapi".to_owned(),
        Operation::Docs => "read-docs".to_owned(),
        Operation::Health => "read-health".to_owned(),
        Operation::Ready => "read-readiness".to_owned(),
        Operation::Metrics => "read-metrics".to_owned(),
    }
}

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// Everything that is said of an operation. Single commands are described by their types instead.
pub(super) fn describe(operation: Operation) -> Described {
    let id = id(operation);
    let plural = |collection: Collection| collection.kind.plural();
    let (tag, summary, parameters, media): (_, String, Vec<Value>, _) = match operation {
        Operation::SendCommand => ("commands", "Send one command.".into(), vec![], JSON),
        Operation::SendCommands => (
            "commands",
            "Send many commands, one a line; answers come line by line, in order.".into(),
            vec![acting_for()],
            NDJSON,
        ),
        Operation::Events => (
            "events",
            "A page of the log, or with Accept: text/event-stream the live stream of it.".into(),
            event_parameters(),
            JSON,
        ),
        Operation::Event => (
            "events",
            "One event, by its id or sequence, with its entry and what opens it.".into(),
            vec![path("event", "18"), wait_for()],
            JSON,
        ),
        Operation::EventData => (
            "events",
            "One event's data alone, as it is in the event: what `dataref` names.".into(),
            vec![path("event", "18"), wait_for()],
            JSON,
        ),
        Operation::List(c) => ("records", format!("List {}.", plural(c)), list_parameters(), JSON),
        Operation::Record(c) => {
            ("records", format!("One {}, now or as of the past.", c.kind), record_parameters(), JSON)
        }
        Operation::History(c) => ("records", format!("The events of one {}.", c.kind), history_parameters(), JSON),
        Operation::Parts(c) => (
            "records",
            format!(
                "All items of one list of one {}, page by page: the record itself shows the first {PART_PAGE_LIMIT}.",
                c.kind
            ),
            part_parameters(c),
            JSON,
        ),
        Operation::Export(c) => (
            "records",
            format!("All {} as lines, true at one sequence; the last line says which.", plural(c)),
            as_of(),
            NDJSON,
        ),
        Operation::Partnerships => (
            "records",
            "What an organisation took part in, claimed apart from confirmed.".into(),
            partnership_parameters(),
            JSON,
        ),
        Operation::Activity => ("trails", "What happened lately, newest first.".into(), trail_parameters(), JSON),
        Operation::Audit => {
            ("trails", "Who recorded what, when, under which grant, newest first.".into(), trail_parameters(), JSON)
        }
        Operation::Grants => {
            ("trails", "Who may act for whom, or might at any instant.".into(), grant_parameters(), JSON)
        }
        Operation::CodeLists => ("contracts", "Which code lists there are.".into(), vec![], JSON),
        Operation::CodeList => (
            "contracts",
            "A code list: every code with its labels in all languages.".into(),
            vec![path("list", "modalities")],
            JSON,
        ),
        Operation::Status => ("node", "Node, role, head, tree and views.".into(), vec![], JSON),
        Operation::Rebuild => {
            ("node", "Begin to make a view anew beside the live one.".into(), vec![path("view", "board")], JSON)
        }
        Operation::RebuildProgress => {
            ("node", "How far the last rebuild of a view is.".into(), vec![path("view", "board")], JSON)
        }
        Operation::CancelRebuild => {
            ("node", "Give a rebuild up; the live view stays.".into(), vec![path("view", "board")], JSON)
        }
        Operation::Schema => (
            "contracts",
            "The JSON Schema of one event type's data.".into(),
            vec![path("file", "org.convenio.offer.published.v1.json")],
            "application/schema+json",
        ),
        Operation::AsyncApi => ("contracts", "The event stream's contract, AsyncAPI 3.".into(), vec![], JSON),
        Operation::OpenApi => ("contracts", "This document.".into(), vec![], JSON),
        Operation::Docs => ("contracts", "This document, for people.".into(), vec![], "text/html"),
        Operation::Health => ("node", "Whether the process answers.".into(), vec![], JSON),
        Operation::Ready => (
            "node",
            "Whether it can answer reads, or take commands.".into(),
            vec![query("for", json!({"enum": ["reads", "commands"]}), "For what; reads without.")],
            JSON,
        ),
        Operation::Metrics => ("node", "What it counts, for Prometheus.".into(), vec![], "text/plain"),
    };
    let answers = answers(operation, &id, media);
    Described { description: summary.clone(), body: body(operation), id, tag, summary, parameters, answers }
}

fn body(operation: Operation) -> Option<Value> {
    (operation == Operation::SendCommands).then(|| {
        json!({
            "required": true,
            "description": "At most 64 MiB and 250,000 lines, each of at most 1 MiB.",
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchLine"}, "example": example("send-commands-body")}},
        })
    })
}

fn answers(operation: Operation, id: &str, media: &str) -> Value {
    let mut answer =
        json!({"description": "As asked.", "content": {media: {"schema": schema(operation), "example": example(id)}}});
    if matches!(operation.route().right, crate::routes::Right::Reader | crate::routes::Right::Token) {
        answer["headers"] = json!({"Convenio-Sequence": {"$ref": "#/components/headers/ConvenioSequence"}});
    }
    if operation.route().verb == Verb::Get
        && media == JSON
        && !matches!(operation, Operation::Health | Operation::Ready)
    {
        answer["headers"]["ETag"] = json!({"$ref": "#/components/headers/ETag"});
    }
    let of_records = matches!(operation, Operation::List(_) | Operation::Parts(_));
    let of_events = matches!(operation, Operation::Events | Operation::History(_));
    if of_records || of_events || matches!(operation, Operation::Activity | Operation::Audit | Operation::Grants) {
        answer["headers"]["Link"] = json!({"$ref": "#/components/headers/Link"});
    }
    if operation == Operation::Events {
        let stream = json!({"schema": {"type": "string"}, "example": example("stream-events")});
        answer["content"]["text/event-stream"] = stream;
    }
    let status = if matches!(operation, Operation::Rebuild | Operation::CancelRebuild) { "202" } else { "200" };
    json!({status: answer})
}

fn schema(operation: Operation) -> Value {
    let named = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let events = json!({"type": "array", "items": named("CloudEvent")});
    match operation {
        Operation::SendCommand => named("Accepted"),
        Operation::List(_) => named("Page"),
        Operation::Record(_) | Operation::Export(_) => named("Record"),
        Operation::Events => json!({
            "type": "object",
            "required": ["events", "next_from", "head_sequence"],
            "properties": {"events": events, "next_from": {"type": "integer"}, "head_sequence": {"type": ["integer", "null"]}},
        }),
        Operation::History(_) => json!({
            "type": "object",
            "required": ["events", "next_from", "head_sequence"],
            "properties": {"events": events, "next_from": {"type": "integer"}, "head_sequence": {"type": ["integer", "null"]}},
        }),
        Operation::Parts(_) => json!({
            "type": "object",
            "required": ["items", "next_cursor"],
            "properties": {"items": {"type": "array", "items": {"type": "object"}}, "next_cursor": {"type": ["string", "null"]}},
        }),
        Operation::Event => json!({
            "type": "object",
            "required": ["event", "entry", "leaf_hash"],
            "properties": {
                "event": named("CloudEvent"), "entry": {"type": "string"}, "leaf_hash": {"type": "string"},
                "disclosure": {"type": "object"},
            },
        }),
        Operation::EventData => json!({
            "type": "object",
            "required": ["facts", "text"],
            "properties": {"facts": {"type": "object"}, "text": {"type": ["object", "null"]}, "erased": {"const": true}},
        }),
        Operation::Docs | Operation::Metrics => json!({"type": "string"}),
        Operation::SendCommands
        | Operation::Partnerships
        | Operation::Activity
        | Operation::Audit
        | Operation::Grants
        | Operation::CodeLists
        | Operation::CodeList
        | Operation::Status
        | Operation::Rebuild
        | Operation::RebuildProgress
        | Operation::CancelRebuild
        | Operation::Schema
        | Operation::AsyncApi
        | Operation::OpenApi
        | Operation::Health
        | Operation::Ready => json!({"type": "object"}),
    }
}

fn query(name: &str, schema: Value, description: &str) -> Value {
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}

fn queries(parameters: &[(&str, Value, &str)]) -> Vec<Value> {
    parameters.iter().map(|(name, schema, description)| query(name, schema.clone(), description)).collect()
}

fn path(name: &str, example: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}, "example": example})
}

fn path_id() -> Value {
    json!({"name": "id", "in": "path", "required": true, "schema": uuid(), "example": "018f4e2a-0000-7000-8000-000000000001"})
}

fn wait_for() -> Value {
    json!({"$ref": "#/components/parameters/WaitFor"})
}

fn acting_for() -> Value {
    json!({"$ref": "#/components/parameters/ActingFor"})
}

fn text() -> Value {
    json!({"type": "string"})
}

fn texts() -> Value {
    json!({"type": "array", "items": {"type": "string"}})
}

fn uuid() -> Value {
    json!({"type": "string", "format": "uuid"})
}

fn from() -> Value {
    json!({"type": "string", "pattern": "^([0-9]+|end)$"})
}

fn number() -> Value {
    json!({"type": "integer", "minimum": 0})
}

fn flag() -> Value {
    json!({"type": "boolean", "default": false})
}

fn page(default: usize, most: usize) -> Value {
    json!({"type": "integer", "minimum": 1, "maximum": most, "default": default})
}

fn as_of() -> Vec<Value> {
    let mut parameters = queries(&[
        ("as_of_sequence", number(), "As of this event, it included."),
        ("as_of", json!({"type": "string", "format": "date-time"}), "As of this instant, as the ledger tells time."),
    ]);
    parameters.push(wait_for());
    parameters
}

fn list_parameters() -> Vec<Value> {
    let sorts = Sort::WORDS.map(|(word, _)| word);
    let mut parameters = queries(&[
        ("q", text(), "Every word must occur, whole or as a beginning, in any language, accents aside."),
        (
            "organisation",
            texts(),
            "Organisations named in the record. Lists: several times, or with commas; any of them.",
        ),
        ("role", texts(), "What such an organisation does there: a code of the list `roles`."),
        ("country", texts(), "ISO 3166-1 alpha-2."),
        (
            "theme",
            texts(),
            "A code of the list `themes`: `sdg:3.8`, `dac:12220`, or a whole goal or category: `sdg:3`, `dac:121`.",
        ),
        ("mechanism", texts(), "A code of the list `mechanisms`."),
        ("modality", texts(), "A code of the list `modalities`."),
        (
            "state",
            texts(),
            "A code of the list `states`; those that records of the kind can have are in its own, such as `offer-states`.",
        ),
        (
            "attestation",
            texts(),
            "`claimed`, `confirmed` or `denied`, by at least one organisation. What somebody denied is found by `denied` alone.",
        ),
        ("type", texts(), "Kind of organisation or learning, instrument of an agreement, format of a convening."),
        (
            "language",
            texts(),
            "A language (BCP 47): `es`. `ES` and `spa` are the same; script and region make no difference.",
        ),
        ("kind", texts(), "A code of the list `record-kinds`; a collection is of one kind."),
        ("level", texts(), "A code of the list `learning-levels`."),
        ("verification", texts(), "A code of the list `verification-states`, on the day of the question."),
        ("commitment_level", texts(), "A code of the list `commitment-levels`."),
        ("from", json!({"type": "string", "format": "date"}), "Still valid or going on on this day or later."),
        ("to", json!({"type": "string", "format": "date"}), "Begun on this day or earlier."),
        (
            "updated_since_sequence",
            number(),
            "Changed by this event or a later one. It also answers `{\"id\", \"gone\": true}` for each record \
             that was the caller's to see and no longer is since then, whatever other filters say, and it shows what was retracted \
             or denied. So it takes no `q`, no `as_of`, no `as_of_sequence` and no order but that of change. Beyond the event after \
             the head: 409 `position-ahead`. How much of an offer or a demand is left (`commitment_level`, `remaining`) also changes by \
             agreements that the caller may not see, and such a change is none here: read the record for that. To read all of a changing list, walk it with `as_of_sequence`, then ask for what was updated since.",
        ),
        ("sort", json!({"enum": sorts, "default": "relevance"}), "In which order."),
        ("limit", page(50, PAGE_LIMIT), "Records of a page."),
        ("cursor", text(), "`next_cursor` of the page before."),
        ("total", flag(), "Whether to count all that match."),
        ("facets", flag(), "Whether to count by facet."),
    ]);
    parameters.extend(as_of());
    parameters
}

fn record_parameters() -> Vec<Value> {
    [vec![path_id()], as_of()].concat()
}

fn history_parameters() -> Vec<Value> {
    let pages = queries(&[
        ("from", from(), "From this sequence of the ledger on; 0 without."),
        ("limit", page(EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT), "Events of a page."),
    ]);
    [vec![path_id()], pages, vec![wait_for()]].concat()
}

fn part_parameters(collection: Collection) -> Vec<Value> {
    let lists: Vec<_> = PartKind::of(collection.kind).iter().map(|kind| kind.word()).collect();
    let mut list = query("list", json!({"type": "string", "enum": lists}), "Which list, as the record names it.");
    list["required"] = true.into();
    let pages = queries(&[
        ("cursor", text(), "`next_cursor` of the page before."),
        ("limit", page(PART_PAGE_LIMIT, PART_PAGE_LIMIT), "Items of a page."),
    ]);
    [vec![path_id(), list], pages, vec![wait_for()]].concat()
}

fn event_parameters() -> Vec<Value> {
    let mut parameters = queries(&[
        (
            "from",
            from(),
            "From this sequence on, 0 without; `end` for what comes from now on. Beyond the head: 409 `position-ahead`.",
        ),
        ("limit", page(EVENT_PAGE_DEFAULT, EVENT_PAGE_LIMIT), "Events of a page; a stream has no end."),
        ("type", texts(), "Only these types: full names, or beginnings such as `org.convenio.offer.*`."),
        ("subject", text(), "Only this record: `offer/<uuid>`."),
    ]);
    parameters.push(json!({
        "name": "Last-Event-ID", "in": "header", "description": "A stream goes on after this sequence.", "schema": number(),
    }));
    parameters.push(wait_for());
    parameters
}

fn trail_parameters() -> Vec<Value> {
    let mut parameters = queries(&[
        ("subject", text(), "Only this record: `offer/<uuid>`."),
        ("organisation", text(), "Only what it did, and what happened to records in which it is named."),
        ("actor", text(), "Only what this actor did."),
        ("grant", text(), "Only what was done under this grant: `access/<uuid>`."),
        ("kind", texts(), "Only these kinds of record."),
        ("type", text(), "Only this event type, or all with a beginning such as `org.convenio.offer.*`."),
        ("cursor", text(), "`next_cursor` of the page before."),
        ("limit", page(50, PAGE_LIMIT), "Rows of a page."),
    ]);
    parameters.push(wait_for());
    parameters
}

fn partnership_parameters() -> Vec<Value> {
    let mut organisation = query("organisation", uuid(), "Whose.");
    organisation["required"] = true.into();
    vec![organisation, wait_for()]
}

fn grant_parameters() -> Vec<Value> {
    let mut parameters = queries(&[
        ("organisation", text(), "Only those that act for it."),
        ("in_force_at", json!({"type": "string", "format": "date-time"}), "Only those in force at this instant."),
        ("cursor", text(), "`next_cursor` of the page before."),
        ("limit", page(50, PAGE_LIMIT), "Grants of a page."),
    ]);
    parameters.push(wait_for());
    parameters
}
