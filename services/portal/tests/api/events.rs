//! Events: pages, one event, withheld ones, filters, and the live stream.

use crate::app::{App, DEADLINE, User, agreement, listing, request, uuid};
use axum::{
    body::{Body, BodyDataStream},
    http::Method,
};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

async fn with_events() -> App {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(0x0ff, "Training in diagnosis")).await;
    app.accept(User::Socios, "draft-agreement", agreement(0xa9)).await;
    app.accept(User::Socios, "pause-offer", json!({"id": uuid(0x0ff)})).await;
    app.settle().await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_gets_every_sequence_and_what_it_may_not_read_is_withheld() {
    let app = with_events().await;
    let page = async |user| app.get(user, "/api/v1/events?limit=1000").await.json();
    for user in [User::Anonymous, User::University, User::Ministry, User::Socios] {
        let page = page(user).await;
        let events = page["events"].as_array().expect("events");
        let sequences: Vec<_> =
            events.iter().map(|event| event["ledgersequence"].as_str().expect("a string")).collect();
        assert_eq!(sequences, (0..=app.head().0).map(|n| n.to_string()).collect::<Vec<_>>());
        assert_eq!((&page["next_from"], &page["head_sequence"]), (&json!(app.head().0 + 1), &json!(app.head())));
        let draft = &events[app.head().0 as usize - 1];
        let withheld = draft["type"] == "org.convenio.withheld.v1";
        assert_eq!(withheld, matches!(user, User::Anonymous | User::University), "{user:?}: {draft}");
    }
    let last = format!("/api/v1/events?from={}", app.head().0 - 2);
    insta::assert_snapshot!("events", app.get(User::Anonymous, &last).await.in_full());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_continue_where_the_last_one_ended() {
    let app = with_events().await;
    let (mut next, mut seen) = (0, 0);
    while next <= app.head().0 {
        let page = app.get(User::Anonymous, &format!("/api/v1/events?from={next}&limit=4")).await.json();
        seen += page["events"].as_array().expect("events").len();
        next = page["next_from"].as_u64().expect("always a number");
    }
    assert_eq!(seen as u64, app.head().0 + 1);
    let empty = app.get(User::Anonymous, &format!("/api/v1/events?from={next}")).await.json();
    assert_eq!(empty, json!({"events": [], "next_from": next, "head_sequence": app.head()}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_can_be_read_as_soon_as_its_command_was_answered() {
    let app = App::with_cast().await;
    for id in 0..30 {
        let told = app.accept(User::Socios, "publish-offer", listing(0xe00 + id, "Training in diagnosis")).await;
        let (sequence, event) = (&told["sequence"], told["events"][0]["id"].as_str().expect("an id"));
        let by_sequence = app.get(User::Socios, &format!("/api/v1/events/{sequence}")).await;
        assert_eq!(by_sequence.status, 200, "{}", by_sequence.said());
        let by_id = app.get(User::Socios, &format!("/api/v1/events/{event}")).await;
        assert_eq!(by_id.status, 200, "{}", by_id.said());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_matches_no_withheld_event() {
    let app = with_events().await;
    let types = async |user, query: &str| -> Vec<String> {
        let page = app.get(user, &format!("/api/v1/events?{query}")).await.json();
        assert_eq!(page["next_from"], app.head().0 + 1, "all of them were looked at");
        let events = page["events"].as_array().expect("events");
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    };
    let drafted = "type=org.convenio.agreement.drafted.v1";
    assert_eq!(types(User::Anonymous, drafted).await, [""; 0]);
    assert_eq!(types(User::Ministry, drafted).await, ["org.convenio.agreement.drafted.v1"]);
    let subject = format!("subject=agreement/{}", uuid(0xa9));
    assert_eq!((types(User::Anonymous, &subject).await.len(), types(User::Ministry, &subject).await.len()), (0, 1));
    let offer = format!("subject=offer/{}&type=org.convenio.offer.paused.v1", uuid(0x0ff));
    assert_eq!(types(User::Anonymous, &offer).await, ["org.convenio.offer.paused.v1"]);
    let wrong = app.get(User::Anonymous, "/api/v1/events?type=paused").await;
    assert_eq!(wrong.said(), "400 parameter-invalid@type");
    assert_eq!(app.get(User::Anonymous, "/api/v1/events?limit=1001").await.said(), "400 parameter-invalid@limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_comes_with_its_entry_and_what_opens_it() {
    let app = with_events().await;
    let restricted = app.head().0 - 1;
    let by_sequence = async |user| app.get(user, &format!("/api/v1/events/{restricted}")).await;
    let shown = by_sequence(User::Ministry).await.json();
    let hidden = by_sequence(User::Anonymous).await;
    insta::assert_snapshot!("withheld_event", hidden.in_full());
    assert_eq!(shown["entry"], hidden.json()["entry"], "the entry names nobody");
    assert!(shown["disclosure"]["record_salt"].is_string());
    let by_id = format!("/api/v1/events/{}", shown["event"]["id"].as_str().expect("an id"));
    assert_eq!(app.get(User::Ministry, &by_id).await.json(), shown);
    assert_eq!(app.get(User::Anonymous, &by_id).await.said(), "404 event-unknown");
    for nothing in ["9999", "nonsense", "00000000-0000-0000-0000-000000000001"] {
        assert_eq!(app.get(User::Anonymous, &format!("/api/v1/events/{nothing}")).await.said(), "404 event-unknown");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dataref_names_is_the_data_and_nothing_else() {
    let app = with_events().await;
    let events = app.get(User::Ministry, "/api/v1/events?limit=1000").await.json();
    for event in events["events"].as_array().expect("events") {
        let said = async |name: &Value| {
            let path = format!("/api/v1/events/{}/data", name.as_str().expect("a text"));
            app.get(User::Ministry, &path).await
        };
        let by_id = said(&event["id"]).await;
        if event["withheld"] == "visibility" {
            assert_eq!((by_id.said().as_str(), &event["dataschema"]), ("404 event-unknown", &Value::Null));
            continue;
        }
        assert_eq!((by_id.json(), by_id.header("content-type")), (event["data"].clone(), "application/json"));
        assert_eq!(said(&event["ledgersequence"]).await.body, by_id.body);
        let schema = event["dataschema"].as_str().expect("one");
        let path = schema.strip_prefix("http://127.0.0.1:8080").expect("absolute, below the public address");
        assert_eq!(app.get(User::Anonymous, path).await.json()["$id"], schema, "it is where its name says");
    }
    for name in [app.head().0 - 1, 9999] {
        let path = format!("/api/v1/events/{name}/data");
        assert_eq!(app.get(User::Anonymous, &path).await.said(), "404 event-unknown", "{name}");
    }
}

/// A stream as its client sees it: one message at a time.
struct Listener {
    chunks: BodyDataStream,
    held: String,
}

#[derive(Debug, Default, PartialEq)]
struct Message {
    id: String,
    event: String,
    data: Value,
}

impl Listener {
    async fn open(app: &App, user: User, query: &str, headers: &[(&str, &str)]) -> Self {
        let headers: Vec<_> = [("accept", "text/event-stream")].into_iter().chain(headers.iter().copied()).collect();
        let asked = request(Method::GET, &format!("/api/v1/events?{query}"), user, &headers, Body::empty());
        let response = app.router.clone().oneshot(asked).await.expect("infallible");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { chunks: response.into_body().into_data_stream(), held: String::new() }
    }
    /// The next message; `None` when the stream ends.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some((message, rest)) = self.held.split_once("\n\n") {
                let mut read = Message::default();
                for (name, value) in message.lines().filter_map(|line| line.split_once(": ")) {
                    match name {
                        "id" => read.id = value.to_owned(),
                        "event" => read.event = value.to_owned(),
                        _ => read.data = serde_json::from_str(value).expect("JSON"),
                    }
                }
                self.held = rest.to_owned();
                return Some(read);
            }
            let chunk = tokio::time::timeout(DEADLINE, self.chunks.next()).await.expect("in time")?.expect("whole");
            self.held.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_what_is_there_then_that_it_caught_up_then_what_comes() {
    let app = with_events().await;
    let head = app.head().0;
    let mut listener = Listener::open(&app, User::Anonymous, "from=0", &[]).await;
    for sequence in 0..=head {
        let message = listener.next().await.expect("an event");
        assert_eq!((message.id, message.event.as_str()), (sequence.to_string(), ""));
        assert_eq!(message.data["ledgersequence"], sequence.to_string());
    }
    let caught_up = listener.next().await.expect("a message");
    assert_eq!((caught_up.event.as_str(), caught_up.id), ("caught-up", head.to_string()));
    app.accept(User::Socios, "resume-offer", json!({"id": uuid(0x0ff)})).await;
    let live = listener.next().await.expect("an event");
    assert_eq!(live.data["type"], "org.convenio.offer.resumed.v1");
    let mut resumed = Listener::open(&app, User::Anonymous, "", &[("last-event-id", &head.to_string())]).await;
    assert_eq!(resumed.next().await.expect("an event"), live);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_told_that_it_caught_up_misses_nothing_up_to_the_head_that_is_told() {
    let app = App::with_cast().await;
    for id in 0..40 {
        // The view of what may be read does not know the event yet when its command is answered.
        let told = app.accept(User::Socios, "publish-offer", listing(0xe00 + id, "Training in diagnosis")).await;
        let sequence = told["sequence"].as_u64().expect("a number");
        let user = if id % 2 == 0 { User::Anonymous } else { User::Socios };
        let mut listener = Listener::open(&app, user, &format!("from={sequence}"), &[]).await;
        let first = listener.next().await.expect("a message");
        assert_eq!((first.event.as_str(), first.id), ("", sequence.to_string()), "the event comes first");
        let caught_up = listener.next().await.expect("a message");
        assert_eq!(caught_up.event, "caught-up");
        assert_eq!(caught_up.data, json!({"sequence": sequence, "head_sequence": sequence}));
    }
    let head = app.head().0;
    let mut listener = Listener::open(&app, User::Anonymous, "from=end", &[]).await;
    let caught_up = listener.next().await.expect("a message");
    assert_eq!(caught_up.data, json!({"sequence": head, "head_sequence": head}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filtered_stream_tells_only_what_matches() {
    let app = with_events().await;
    let query = format!("subject=offer/{}", uuid(0x0ff));
    let mut listener = Listener::open(&app, User::Anonymous, &query, &[]).await;
    let mut told = Vec::new();
    for _ in 0..3 {
        let message = listener.next().await.expect("a message");
        told.push(message.data["type"].as_str().unwrap_or(&message.event).to_owned());
    }
    assert_eq!(told, ["org.convenio.offer.published.v1", "org.convenio.offer.paused.v1", "caught-up"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_the_grant_and_with_the_node() {
    let app = with_events().await;
    let from = format!("from={}", app.head().0);
    let mut member = Listener::open(&app, User::Ministry, &from, &[]).await;
    let mut anybody = Listener::open(&app, User::Anonymous, &from, &[]).await;
    assert!(member.next().await.is_some() && member.next().await.is_some());
    app.accept(User::Admin, "revoke-access", json!({"id": uuid(0x6000 + User::Ministry as u128)})).await;
    while member.next().await.is_some() {}
    app.shutdown.send_replace(true);
    while anybody.next().await.is_some() {}
    let refused = app.get(User::Ministry, "/api/v1/events").await;
    assert_eq!(refused.said(), "401 token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_nothing_of_a_record_is_answered_as_if_there_were_none() {
    let app = App::with_cast().await;
    let mut hidden = listing(0x0ff, "Training");
    hidden["visibility"] = json!("parties");
    app.accept(User::Socios, "publish-offer", hidden).await;
    // More than one page looks at.
    for at in 0..70 {
        let mut long = listing(0x0ff, &format!("Training {at}"));
        long["text"]["summary"] = crate::app::text(&"\u{10348}".repeat(20_000));
        app.accept(User::Socios, "revise-offer", long).await;
    }
    app.accept(User::Socios, "publish-offer", listing(0x0fe, "Another")).await;
    app.settle().await;
    let ask = async |user, path: String| app.get(user, &path).await.json();
    for path in ["events?subject=offer/", "events?limit=1&from=3&subject=offer/"] {
        let of = async |user, id: u128| ask(user, format!("/api/v1/{path}{}", uuid(id))).await;
        let (hidden, absent) = (of(User::Anonymous, 0x0ff).await, of(User::Anonymous, 0xabc).await);
        assert_eq!(hidden, absent, "{path}");
        assert_eq!(hidden["next_from"], app.head().0 + 1);
    }
    // What was hidden while it was recorded does not become everybody's, and where a page ends tells nothing of it.
    let opened = json!({"subject": format!("offer/{}", uuid(0x0ff)), "visibility": "public"});
    app.accept(User::Socios, "set-visibility", opened).await;
    app.settle().await;
    let page = ask(User::Anonymous, format!("/api/v1/events?subject=offer/{}", uuid(0x0ff))).await;
    let events = page["events"].as_array().expect("events");
    assert_eq!((events.len(), &page["next_from"]), (1, &json!(app.head().0 + 1)), "{page}");
    // Whoever sees them gets all, page after page.
    let (mut from, mut seen) = (0, 0);
    while from <= app.head().0 {
        let page = ask(User::Socios, format!("/api/v1/events?from={from}&subject=offer/{}", uuid(0x0ff))).await;
        seen += page["events"].as_array().expect("events").len();
        from = page["next_from"].as_u64().expect("a number");
    }
    assert_eq!(seen, 72);
}
