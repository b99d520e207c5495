//! The contracts: locked by snapshots, and true. Examples of answers are compared with what the API answers.

use crate::app::{App, OBSERVATORY, SOCIOS, User, agreement, listing, request, text, uuid};
use axum::{body::Body, http::Method};
use convenio_portal::{
    operation_id,
    routes::{Collection, Operation, Verb},
};
use convenio_projections::document::PartKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/contract/answers.json");

#[tokio::test(flavor = "multi_thread")]
async fn openapi_is_locked() {
    let app = App::new().await;
    insta::assert_json_snapshot!("openapi", app.get(User::Anonymous, "/openapi.json").await.json());
}

#[tokio::test(flavor = "multi_thread")]
async fn asyncapi_has_a_message_for_every_event_type() {
    let app = App::new().await;
    let document = app.get(User::Anonymous, "/asyncapi.json").await.json();
    let messages = document["components"]["messages"].as_object().expect("messages");
    let names: Vec<_> = messages.keys().map(String::as_str).collect();
    insta::assert_snapshot!("asyncapi_messages", names.join("\n"));
    assert_eq!(
        document["servers"]["node"],
        json!({
            "host": "127.0.0.1:8080", "pathname": "", "protocol": "http",
            "security": [{"$ref": "#/components/securitySchemes/token"}],
        })
    );
    let topic = &document["channels"]["publicTopic"];
    assert_eq!(topic["address"], "convenio.{ledger}.events");
    let headers = topic["messages"]["event"]["headers"]["properties"].as_object().expect("headers");
    assert!(headers.contains_key("ce_ledgersequence") && !headers.contains_key("ce_data"), "{headers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docs_name_every_operation_and_every_code_and_load_nothing_from_elsewhere() {
    let app = App::new().await;
    let page = app.get(User::Anonymous, "/docs").await;
    assert!(page.header("content-type").starts_with("text/html"));
    for operation in Operation::all().into_iter().filter(|operation| *operation != Operation::SendCommand) {
        assert!(page.body.contains(&format!("<details id=\"{}\">", operation_id(operation))), "{operation:?}");
    }
    assert!(page.body.contains("<details id=\"publish-offer\">") && page.body.contains("<tr id=\"outcome-unknown\">"));
    assert!(!page.body.contains("<script") && !page.body.contains("src=\"http") && !page.body.contains("href=\"http"));
}

/// What had a second name, by the name that is no more.
const RETIRED: [&str; 5] = ["stream_version", "next_before", "next_after", "next_from_version", "/{id}/partnerships"];

#[tokio::test(flavor = "multi_thread")]
async fn one_thing_has_one_name() {
    let app = with_every_kind().await;
    let answers = std::fs::read_to_string(EXAMPLES).expect("the file is there");
    for text in [answers, app.get(User::Anonymous, "/openapi.json").await.body] {
        for retired in RETIRED {
            assert!(!text.contains(retired), "{retired}");
        }
    }
    let offer = app.get(User::Socios, &format!("/api/v1/offers/{}", uuid(1))).await.json();
    let event = app.get(User::Socios, &format!("/api/v1/events?subject=offer/{}", uuid(1))).await.json();
    let audit = app.get(User::Socios, &format!("/api/v1/audit?subject=offer/{}", uuid(1))).await.json();
    for name in ["grant", "streamversion"] {
        let names = [&offer[name], &event["events"][0][name], &audit["items"][0][name]];
        assert!(names.iter().all(|value| !value.is_null() && *value == names[0]), "{name}: {names:?}");
    }
    let by_grant =
        app.get(User::Socios, &format!("/api/v1/audit?grant={}", offer["grant"].as_str().expect("one"))).await;
    let rows = by_grant.json()["items"].as_array().expect("rows").clone();
    let all = !rows.is_empty() && rows.iter().all(|row| row["grant"] == offer["grant"]);
    assert!(all, "what names a grant finds it: {rows:?}");
}

/// A record of every kind, made by example organisations.
async fn with_every_kind() -> App {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(1, "Training in diagnosis")).await;
    app.accept(User::Socios, "publish-demand", listing(2, "Training needed")).await;
    app.accept(User::Socios, "draft-agreement", agreement(3)).await;
    let content = json!({"kind": "lesson", "authors": [uuid(SOCIOS)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
    let learnt = json!({"title": text("What we learnt"), "lessons": text("Meet in person.")});
    app.accept(User::Socios, "submit-learning", json!({"id": uuid(4), "content": content, "text": learnt})).await;
    let plan = json!({"organisers": [uuid(SOCIOS)], "format": "in-person", "starts_on": "2026-03-10"});
    app.accept(
        User::Socios,
        "announce-convening",
        json!({"id": uuid(5), "plan": plan, "text": {"title": text("A workshop")}}),
    )
    .await;
    app.settle().await;
    app
}

fn record_path(collection: Collection) -> u128 {
    match collection.kind.word() {
        "organisation" => OBSERVATORY,
        "offer" => 1,
        "demand" => 2,
        "agreement" => 3,
        "learning" => 4,
        _ => 5,
    }
}

/// What is asked for as the example of an operation; `None` where the answer depends on the machine.
fn asked(operation: Operation) -> Option<(User, String)> {
    let path = operation.route().path;
    let (user, path) = match operation {
        Operation::Record(collection) | Operation::History(collection) => {
            (User::Socios, path.replace("{id}", &uuid(record_path(collection))))
        }
        Operation::Parts(collection) => {
            let list = PartKind::of(collection.kind)[0].word();
            (User::Socios, format!("{}?list={list}&limit=1", path.replace("{id}", &uuid(record_path(collection)))))
        }
        Operation::Partnerships => (User::Socios, format!("{path}?organisation={}", uuid(SOCIOS))),
        Operation::List(_) => (User::Socios, format!("{path}?limit=1&total=true")),
        Operation::Events => (User::Anonymous, format!("{path}?from=14&limit=1")),
        Operation::Activity | Operation::Audit => (User::Anonymous, format!("{path}?limit=1")),
        Operation::Grants => (User::Socios, format!("{path}?limit=1")),
        Operation::Event | Operation::EventData => (User::Anonymous, path.replace("{event}", "14")),
        Operation::Export(_) => (User::Socios, path),
        Operation::Health | Operation::Ready => (User::Anonymous, path),
        Operation::CodeList => (User::Anonymous, path.replace("{list}", "modalities")),
        Operation::Schema => (User::Anonymous, "/schemas/org.convenio.offer.paused.v1.json".to_owned()),
        Operation::SendCommand
        | Operation::SendCommands
        | Operation::CodeLists
        | Operation::Status
        | Operation::Rebuild
        | Operation::RebuildProgress
        | Operation::CancelRebuild
        | Operation::AsyncApi
        | Operation::OpenApi
        | Operation::Docs
        | Operation::Metrics => return None,
    };
    Some((user, path))
}

/// Examples that a test cannot ask for word by word.
fn fixed() -> BTreeMap<String, Value> {
    let progress = json!({"state": "folding", "done": 12_000, "of": 40_000});
    let fixed = json!({
        "read-status": {
            "node": "embedded", "ledger": uuid(0x1ed), "source": format!("urn:convenio:{}", uuid(0x1ed)), "version": "0.1.0",
            "role": "writer", "head_sequence": 18, "clock_jumped": false, "timers_held": false,
            "tree": {"size": 19, "root": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
            "views": [{
                "view": "board", "version": 1, "position": 19, "sequence": 18, "lag": 0, "state": "live",
                "heartbeat_age_ms": 120, "progress_age_ms": 2_000, "alive": true,
            }],
        },
        "list-code-lists": {
            "items": [{
                "list": "units", "version": "2026-11-01", "source": "Convenio", "codes": 7, "href": "/api/v1/codes/units",
            }],
            "next_cursor": null,
        },
        "rebuild-view": progress, "read-rebuild": progress, "cancel-rebuild": {"state": "cancelled"},
        "read-asyncapi": {"asyncapi": "3.0.0"}, "read-openapi": {"openapi": "3.1.1"},
        "read-docs": "<!DOCTYPE html>",
        "read-metrics": "# TYPE convenio_log_events_total counter\nconvenio_log_events_total 19\n",
        "stream-events": "id: 18\nevent: caught-up\ndata: {\"head_sequence\":18,\"sequence\":18}\n\n",
    });
    serde_json::from_value(fixed).expect("an object")
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_of_answers_are_what_the_api_answers() {
    let app = with_every_kind().await;
    let mut examples = fixed();
    for operation in Operation::all() {
        assert!(matches!(operation.route().verb, Verb::Get) || asked(operation).is_none());
        let Some((user, path)) = asked(operation) else { continue };
        let answer = app.send(request(Method::GET, &path, user, &[], Body::empty())).await;
        assert_eq!(answer.said(), "200", "{path}: {}", answer.body);
        let sorted = || answer.lines().iter().map(|line| format!("{line}\n")).collect::<String>();
        let example = if matches!(operation, Operation::Export(_)) { sorted().into() } else { answer.json() };
        examples.insert(operation_id(operation), example);
    }
    let pause = json!({"command": "pause-offer", "id": uuid(0xa1), "data": {"id": uuid(1)}, "expected_version": 0});
    let resume = json!({"command": "resume-offer", "id": uuid(0xa2), "data": {"id": uuid(0xff)}});
    let lines = format!("{pause}\n{resume}\n");
    examples.insert("send-commands".to_owned(), app.batch(User::Socios, lines.clone()).await.body.into());
    examples.insert("send-commands-body".to_owned(), lines.into());
    let (key, data) = (uuid(0xa3), json!({"id": uuid(1)}).to_string());
    let accepted = app.command_with(User::Socios, "resume-offer", &data, &[("idempotency-key", &key)]).await;
    examples.insert("accepted".to_owned(), accepted.json());
    let examples = serde_json::to_string_pretty(&examples).expect("string keys") + "\n";
    if std::env::var_os("CONVENIO_WRITE_EXAMPLES").is_some() {
        std::fs::write(EXAMPLES, &examples).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(EXAMPLES).expect("the file is there");
    assert_eq!(kept, examples, "run this test with CONVENIO_WRITE_EXAMPLES=1 to write what the API answers now");
}
