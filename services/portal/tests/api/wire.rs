//! What HTTP's own standards ask of every answer: validators, compression, negotiation, positions, times, codes. Whether records are
//! right is tested elsewhere.

use crate::app::{App, DEADLINE, User, listing, request, uuid};
use axum::{
    body::Body,
    http::{Method, StatusCode, header},
    response::Response,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const OFFER: u128 = 0x0ff;

async fn with_offer() -> App {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    app.settle().await;
    app
}

async fn get(app: &App, user: User, path: &str, headers: &[(&str, &str)]) -> crate::app::Answer {
    app.send(request(Method::GET, path, user, headers, Body::empty())).await
}

/// An answer whose body need not be text.
async fn raw(app: &App, path: &str, headers: &[(&str, &str)]) -> (Response, Vec<u8>) {
    let asked = request(Method::GET, path, User::Anonymous, headers, Body::empty());
    let response = app.router.clone().oneshot(asked).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let body = tokio::time::timeout(DEADLINE, axum::body::to_bytes(body, usize::MAX)).await.expect("in time");
    (Response::from_parts(parts, Body::empty()), body.expect("whole").to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_has_is_not_sent_again_until_it_would_see_something_else() {
    let app = with_offer().await;
    let record = format!("/api/v1/offers/{}", uuid(OFFER));
    let paths = [
        record.as_str(),
        "/api/v1/offers",
        "/api/v1/activity",
        "/api/v1/events",
        "/api/v1/codes/units",
        "/openapi.json",
        "/asyncapi.json",
        "/docs",
        "/schemas/org.convenio.offer.published.v1.json",
        "/en/offers",
    ];
    for path in paths {
        let first = get(&app, User::Anonymous, path, &[]).await;
        let tag = first.header("etag").to_owned();
        assert!(first.status == StatusCode::OK && tag.starts_with("W/\""), "{path}: {tag}");
        for known in [tag.clone(), tag.trim_start_matches("W/").to_owned(), format!("\"other\", {tag}"), "*".to_owned()]
        {
            // Pages compare the tag as a whole before they make anything.
            if path.starts_with("/en/") && known != tag {
                continue;
            }
            let again = get(&app, User::Anonymous, path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status, again.body.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}: {known}");
            assert_eq!(again.header("etag"), tag, "{path}");
        }
        let other = get(&app, User::Anonymous, path, &[("if-none-match", "W/\"other\"")]).await;
        assert_eq!(other.body, first.body, "{path}");
        let head = app.send(request(Method::HEAD, path, User::Anonymous, &[], Body::empty())).await;
        assert_eq!(
            (head.status, head.body.as_str(), head.header("etag")),
            (StatusCode::OK, "", tag.as_str()),
            "{path}"
        );
    }
    let tag = async |user| get(&app, user, "/api/v1/agreements", &[]).await.header("etag").to_owned();
    let nothing = tag(User::Anonymous).await;
    app.accept(User::Socios, "draft-agreement", crate::app::agreement(0xa9)).await;
    app.settle().await;
    assert_eq!(tag(User::Anonymous).await, nothing, "who does not see it learns nothing of it");
    assert_ne!(tag(User::Socios).await, nothing);
    let before = get(&app, User::Anonymous, &record, &[]).await.header("etag").to_owned();
    app.accept(User::Socios, "pause-offer", json!({"id": uuid(OFFER)})).await;
    app.settle().await;
    let changed = get(&app, User::Anonymous, &record, &[("if-none-match", &before)]).await;
    assert_eq!((changed.status, changed.header("etag").starts_with("W/\"1-")), (StatusCode::OK, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_taken_as_it_is_quoted() {
    let app = with_offer().await;
    let tag =
        get(&app, User::Anonymous, &format!("/api/v1/offers/{}", uuid(OFFER)), &[]).await.header("etag").to_owned();
    let data = json!({"id": uuid(OFFER)}).to_string();
    let turns = ["pause-offer", "resume-offer"];
    for (turn, given) in [tag, "W/\"1\"".to_owned(), "\"2\"".to_owned(), "*".to_owned()].iter().enumerate() {
        let stale = app.command_with(User::Socios, turns[turn % 2], &data, &[("if-match", "W/\"9\"")]).await;
        assert_eq!(stale.said(), "409 stale-version");
        let right = app.command_with(User::Socios, turns[turn % 2], &data, &[("if-match", given)]).await;
        assert_eq!(right.said(), "201", "{given}");
    }
    for wrong in ["3", "\"three\"", "\"3\", \"4\"", "W/3"] {
        let answer = app.command_with(User::Socios, "pause-offer", &data, &[("if-match", wrong)]).await;
        assert_eq!(answer.said(), "400 header-invalid@if-match", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_compressed_where_the_caller_takes_it() {
    let app = with_offer().await;
    for path in ["/openapi.json", "/api/v1/events", "/en/offers"] {
        let (plain, whole) = raw(&app, path, &[]).await;
        assert!(!plain.headers().contains_key(header::CONTENT_ENCODING), "{path}");
        let varies = |response: &Response| {
            let values = response.headers().get_all(header::VARY).iter().map(|value| value.to_str().expect("ASCII"));
            values.collect::<Vec<_>>().join(", ").contains("accept-encoding")
        };
        assert!(varies(&plain), "{path}");
        for (accepted, given) in [("br, gzip", "br"), ("gzip", "gzip"), ("gzip;q=1, br;q=0.1", "gzip"), ("br;q=0", "")]
        {
            let (response, body) = raw(&app, path, &[("accept-encoding", accepted)]).await;
            let encoding =
                response.headers().get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().expect("ASCII"));
            assert_eq!((encoding, varies(&response)), (given, true), "{path}: {accepted}");
            assert!(given.is_empty() || body.len() < whole.len() / 2, "{path}: {} of {}", body.len(), whole.len());
            assert_eq!(response.headers().get(header::ETAG), plain.headers().get(header::ETAG), "{path}");
        }
    }
    // There is always the answer as it is: whoever takes nothing at all still learns what came of its request.
    for nothing in
        ["identity;q=0", "*;q=0", "zstd, identity;q=0", "br;q=0, *;q=0.000", "Identity; Q=0", "*;q=0, identity;q=0"]
    {
        for (path, status) in [("/api/v1/offers", StatusCode::OK), ("/api/v1/nothing", StatusCode::NOT_FOUND)] {
            let (response, _) = raw(&app, path, &[("accept-encoding", nothing)]).await;
            assert_eq!(response.status(), status, "{path}: {nothing}");
            assert!(!response.headers().contains_key(header::CONTENT_ENCODING), "{path}: {nothing}");
        }
        let data = listing(0x100, "Once").to_string();
        let key = [("idempotency-key", uuid(0x101)), ("accept-encoding", nothing.to_owned())];
        let key = key.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = app.command_with(User::Socios, "publish-offer", &data, &key).await;
        assert!(["200", "201"].contains(&answer.said().as_str()), "{nothing}: {}", answer.said());
    }
    for (accepted, given) in
        [("*", "br"), ("gzip, *;q=0", "gzip"), ("identity;q=0, gzip", "gzip"), ("gzip;q=0, *", "br")]
    {
        let (response, _) = raw(&app, "/openapi.json", &[("accept-encoding", accepted)]).await;
        assert_eq!(response.headers().get(header::CONTENT_ENCODING).expect("one"), given, "{accepted}");
    }
    let headers = [("accept", "text/event-stream"), ("accept-encoding", "gzip, br")];
    let asked = request(Method::GET, "/api/v1/events", User::Anonymous, &headers, Body::empty());
    let stream = app.router.clone().oneshot(asked).await.expect("infallible");
    assert!(!stream.headers().contains_key(header::CONTENT_ENCODING), "an encoder would hold events back");
    let kind = [("content-type", "application/x-ndjson"), ("accept-encoding", "gzip, br")];
    let lines = Body::from("{}\n".repeat(50));
    let answered = app.send(request(Method::POST, "/api/v1/commands", User::Socios, &kind, lines)).await;
    assert_eq!((answered.header("content-encoding"), answered.lines().len()), ("", 51), "secrets are among them");
}

/// `gzip` of `{"id":"00000000-0000-0000-0000-000000000001"}`.
const GZIPPED: &str = "1f8b0800000000000203ab56ca4c51b2523280025d2c0414182ad502008b0413222d000000";

#[tokio::test(flavor = "multi_thread")]
async fn bodies_may_be_gzipped_and_nothing_else() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(1, "One")).await;
    let bytes: Vec<u8> =
        (0..GZIPPED.len()).step_by(2).map(|at| u8::from_str_radix(&GZIPPED[at..at + 2], 16).expect("hex")).collect();
    let send = async |encoding: &str| {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let path = "/api/v1/commands/pause-offer";
        app.send(request(Method::POST, path, User::Socios, &headers, Body::from(bytes.clone()))).await
    };
    assert_eq!(send("gzip").await.said(), "201");
    assert_eq!(send("br").await.said(), "415 encoding-unsupported");
    assert_eq!(send("identity").await.said(), "400 malformed-json");
    for media in ["application/x-ndjson", "application/ndjson", "Application/JSONL; charset=utf-8"] {
        let asked = request(Method::POST, "/api/v1/commands", User::Socios, &[("content-type", media)], Body::empty());
        assert_eq!(app.send(asked).await.said(), "200", "{media}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_beyond_the_end_is_told_where_the_end_is() {
    let app = with_offer().await;
    let head = app.head().0;
    let ahead = get(&app, User::Anonymous, &format!("/api/v1/events?from={}", head + 2), &[]).await;
    assert_eq!((ahead.said().as_str(), &ahead.json()["head_sequence"]), ("409 position-ahead", &json!(head)));
    let stream = [("accept", "text/event-stream")];
    let ahead = get(&app, User::Anonymous, &format!("/api/v1/events?from={}", head + 2), &stream).await;
    assert_eq!(ahead.said(), "409 position-ahead");
    let resumed = [stream[0], ("last-event-id", &(head + 1).to_string())];
    assert_eq!(get(&app, User::Anonymous, "/api/v1/events", &resumed).await.said(), "409 position-ahead");
    let history = format!("/api/v1/offers/{}/history?from={}", uuid(OFFER), head + 2);
    assert_eq!(get(&app, User::Anonymous, &history, &[]).await.said(), "409 position-ahead");
    let end = get(&app, User::Anonymous, "/api/v1/events?from=end", &[]).await.json();
    assert_eq!(end, json!({"events": [], "next_from": head + 1, "head_sequence": head}));
    assert_eq!(get(&app, User::Anonymous, "/api/v1/events?from=last", &[]).await.said(), "400 parameter-invalid@from");
    let of_type = async |pattern: &str| {
        let page = get(&app, User::Anonymous, &format!("/api/v1/events?type={pattern}"), &[]).await;
        page.json()["events"].as_array().map_or(0, Vec::len)
    };
    assert_eq!((of_type("org.convenio.offer.*").await, of_type("org.convenio.organisation.*").await), (1, 7));
    for wrong in ["org.convenio.off*", "*", "offer.*"] {
        let path = format!("/api/v1/events?type={wrong}");
        assert_eq!(get(&app, User::Anonymous, &path, &[]).await.said(), "400 parameter-invalid@type", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_take_offsets_and_the_future_is_refused() {
    let app = with_offer().await;
    let path = |time: &str| format!("/api/v1/offers/{}?as_of={time}", uuid(OFFER));
    for time in [
        "2026-01-15T12:00:00Z",
        "2026-01-15T12:00:00%2B00:00",
        "2026-01-15T12:00:00+00:00",
        "2026-01-15T07:00:00.000-05:00",
    ] {
        assert_eq!(get(&app, User::Anonymous, &path(time), &[]).await.said(), "200", "{time}");
        let grants = format!("/api/v1/grants?in_force_at={time}");
        assert_eq!(get(&app, User::Socios, &grants, &[]).await.said(), "200", "{time}");
    }
    for time in ["2999-01-01T00:00:00Z", "2026-01-15", "2026-01-15%2012:00:00Z"] {
        assert_eq!(get(&app, User::Anonymous, &path(time), &[]).await.said(), "400 parameter-invalid@as_of", "{time}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn code_lists_are_served_with_labels_in_all_languages() {
    let app = App::new().await;
    let lists = get(&app, User::Anonymous, "/api/v1/codes", &[]).await.json();
    let mut names = Vec::new();
    for list in lists["items"].as_array().expect("lists") {
        let name = list["list"].as_str().expect("a name");
        let whole = get(&app, User::Anonymous, list["href"].as_str().expect("a path"), &[]).await.json();
        let items = whole["items"].as_array().expect("codes");
        assert_eq!((&whole["list"], items.len()), (&list["list"], list["codes"].as_u64().expect("a number") as usize));
        let languages: &[&str] = if name == "refusals" { &["en"] } else { &["en", "es", "pt", "fr"] };
        let told = |item: &Value| languages.iter().all(|language| item["labels"][language].is_string());
        assert!(items.iter().all(told), "{name}");
        names.push(name.to_owned());
    }
    for name in ["licences", "states", "themes", "mechanisms", "units", "roles", "refusals"] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
    let themes = get(&app, User::Anonymous, "/api/v1/codes/themes", &[]).await.body;
    assert!(themes.contains("\"sdg:3.8\"") && themes.contains("\"dac:12220\""));
    assert_eq!(get(&app, User::Anonymous, "/api/v1/codes/colours", &[]).await.said(), "404 list-unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_speak_our_words_and_their_codes_are_in_the_contract() {
    let app = App::with_cast().await;
    let known = get(&app, User::Anonymous, "/openapi.json", &[]).await.json();
    let known = known["components"]["schemas"]["Problem"]["x-codes"].as_object().expect("codes").clone();
    let docs = get(&app, User::Anonymous, "/docs", &[]).await.body;
    let wrong = |pointer: &str, value: Value| {
        let mut data = listing(1, "One");
        *data.pointer_mut(pointer).expect("it is there") = value;
        data.to_string()
    };
    let bodies = [
        "{".to_owned(),
        "[]".to_owned(),
        "{\"id\": nothing}".to_owned(),
        wrong("/id", json!("one")),
        wrong("/id", json!(1)),
        wrong("/terms/mechanisms", json!(["hugs"])),
        wrong("/terms/mechanisms", json!("training")),
        wrong("/terms/themes", json!(["sdg:99"])),
        wrong("/terms/quantity/amount", json!(1)),
        wrong("/terms/quantity/amount", json!("0")),
        wrong("/terms/quantity/unit", json!("hugs")),
        wrong("/terms/valid_through", json!("tomorrow")),
        wrong("/terms/places", json!(["ZZ"])),
        wrong("/text/title/texts", json!({})),
    ];
    let mut details = Vec::new();
    for body in bodies {
        let answer = app.command_with(User::Socios, "publish-offer", &body, &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {}", answer.body);
        details.push(answer.json());
    }
    for path in ["/api/v1/offers?limit=x", "/api/v1/offers?from=x", "/api/v1/offers?total=x", "/api/v1/grants?cursor=x"]
    {
        details.push(get(&app, User::Socios, path, &[]).await.json());
    }
    for problem in &details {
        let (code, detail) =
            (problem["code"].as_str().expect("a code"), problem["detail"].as_str().unwrap_or_default());
        assert!(known.contains_key(code) && docs.contains(&format!("<tr id=\"{code}\">")), "{code}");
        assert!(problem["field"].is_string() || code == "malformed-json" || detail.contains("object"), "{problem}");
        for word in [
            "at line",
            "expected ident",
            "invalid type",
            "invalid digit",
            "unknown variant",
            "UUID parsing",
            "premature",
        ] {
            assert!(!detail.contains(word), "{word}: {problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_things_are_as_their_standards_say() {
    let app = App::with_cast().await;
    let data = listing(OFFER, "One").to_string();
    let id = "018f4e2a-0000-7000-8000-000000000001";
    let quoted = format!("\"{id}\"");
    let first = app.command_with(User::Socios, "publish-offer", &data, &[("idempotency-key", &quoted)]).await;
    let place = format!("/api/v1/offers/{}", uuid(OFFER));
    assert_eq!((first.said().as_str(), first.header("location")), ("201", place.as_str()));
    let again = app.command_with(User::Socios, "publish-offer", &data, &[("idempotency-key", id)]).await;
    assert_eq!((again.said().as_str(), again.json()), ("200", first.json()), "quotes are not a part of it");
    let two = [("idempotency-key", id), ("idempotency-key", quoted.as_str())];
    let twice = app.command_with(User::Socios, "publish-offer", &data, &two).await;
    assert_eq!(twice.said(), "400 header-invalid@idempotency-key");
    app.settle().await;
    let began = std::time::Instant::now();
    let refused = get(&app, User::Anonymous, "/api/v1/offers?wait_for=999999&colour=red", &[]).await;
    assert_eq!(refused.said(), "400 parameter-unknown@colour");
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "nobody waits for what is refused");
    let page = get(&app, User::Anonymous, "/api/v1/organisations?limit=1&country=PE", &[]).await;
    let link = page.header("link").strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\""));
    let next = get(&app, User::Anonymous, link.expect("a next page"), &[]).await.json();
    assert_ne!(next["items"][0]["id"], page.json()["items"][0]["id"]);
    let wrong = app.send(request(Method::POST, "/api/v1/offers", User::Anonymous, &[], Body::empty())).await;
    assert_eq!(wrong.said(), "405 method-not-allowed");
    assert_eq!(wrong.header("access-control-allow-origin"), "*");
    assert!(wrong.header("allow").contains("GET"), "{}", wrong.header("allow"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_not_sent_again_says_what_it_says_when_it_is() {
    let app = with_offer().await;
    let page = get(&app, User::Anonymous, "/en/offers", &[]).await;
    let tag = page.header("etag").to_owned();
    let again = get(&app, User::Anonymous, "/en/offers", &[("if-none-match", &tag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    for name in ["vary", "convenio-sequence", "cache-control", "etag"] {
        assert!(page.headers.contains_key(name), "{name}");
        assert_eq!(again.header(name), page.header(name), "{name}");
    }
    // The state that a tag stands for is that of one address.
    let record = format!("/en/offers/{}", uuid(OFFER));
    assert_ne!(get(&app, User::Anonymous, &record, &[]).await.header("etag"), tag);
    for path in [format!("/en/offers/{}", uuid(0xbad)), "/en/offers?limit=zz&sort=zz".to_owned()] {
        let answer = get(&app, User::Anonymous, &path, &[("if-none-match", &tag)]).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_say_by_what_they_vary_and_where_they_go_on() {
    let app = with_offer().await;
    let varies = |answer: &crate::app::Answer| {
        let values = answer.headers.get_all(header::VARY).iter().map(|value| value.to_str().expect("ASCII"));
        values.collect::<Vec<_>>().join(", ").to_lowercase()
    };
    let history = format!("/api/v1/organisations/{}/history", uuid(crate::app::SOCIOS));
    for path in ["/api/v1/events", history.as_str()] {
        let mut from = 0;
        let mut pages = 0;
        loop {
            let page = get(&app, User::Anonymous, &format!("{path}?limit=1&from={from}"), &[]).await;
            assert!(varies(&page).contains("authorization, accept"), "{path}: {}", varies(&page));
            let next = page.json()["next_from"].as_u64().expect("a number");
            let Some(link) = page.header("link").strip_suffix(">; rel=\"next\"") else { break };
            assert!(link.starts_with(&format!("<{path}?")) && link.contains(&format!("from={next}")), "{link}");
            (from, pages) = (next, pages + 1);
        }
        assert!(pages > 0, "{path}");
        let tag = get(&app, User::Anonymous, path, &[]).await.header("etag").to_owned();
        let again = get(&app, User::Anonymous, path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED);
        assert!(varies(&again).contains("accept"), "{path}: {}", varies(&again));
    }
}
