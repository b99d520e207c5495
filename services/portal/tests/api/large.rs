//! Events that are as large as they may be, nearly: pages of them end by their bytes and go on, and streams that nobody reads hold
//! few of them.

use crate::app::{Answer, App, User, listing, request, uuid};
use axum::{
    body::{Body, Bytes},
    http::Method,
};
use futures::StreamExt as _;
use serde_json::{Map, Value, json};

const OFFER: u128 = 0xb16;
const EVENTS: usize = 6;
const MIB: usize = 1 << 20;
const LANGUAGES: &str = "ab ae af ak am an ar as av ay az ba be bg bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en \
                         eo es et eu fa ff fi fj fo fr";

/// One offer, published and revised, each time in many words.
async fn with_large_events() -> App {
    let app = App::with_cast().await;
    let words: Map<String, Value> =
        LANGUAGES.split_whitespace().map(|language| (language.to_owned(), "x".repeat(20_000).into())).collect();
    let mut data = listing(OFFER, "Training");
    data["text"]["summary"] = json!({"original": "en", "texts": words});
    for number in 0..EVENTS {
        app.accept(User::Socios, if number == 0 { "publish-offer" } else { "revise-offer" }, data.clone()).await;
    }
    app.settle().await;
    app
}

/// Follows `next_from` from a page to the next; how many events each has.
async fn pages(app: &App, path: &str) -> Vec<usize> {
    let head = app.head().0;
    let (mut from, mut counts) = (head + 1 - EVENTS as u64, Vec::new());
    while from <= head {
        let page: Answer = app.get(User::Anonymous, &format!("{path}?from={from}&limit=200")).await;
        assert!(page.body.len() < 6 * MIB, "{path}: {} bytes", page.body.len());
        let page = page.json();
        counts.push(page["events"].as_array().expect("events").len());
        from = page["next_from"].as_u64().expect("where it goes on");
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_events_ends_early_and_the_next_one_goes_on() {
    let app = with_large_events().await;
    for path in ["/api/v1/events".to_owned(), format!("/api/v1/offers/{}/history", uuid(OFFER))] {
        let counts = pages(&app, &path).await;
        assert_eq!((counts.len(), counts.iter().sum::<usize>()), (2, EVENTS), "{path}: {counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_no_further_in_its_streams_holds_few_large_events_and_keeps_none_from_others() {
    let app = with_large_events().await;
    let path = format!("/api/v1/events?from={}", app.head().0);
    let first = async |user| {
        let asked = request(Method::GET, &path, user, &[("accept", "text/event-stream")], Body::empty());
        let response = tower::ServiceExt::oneshot(app.router.clone(), asked).await.expect("infallible");
        let mut chunks = response.into_body().into_data_stream();
        // One for which there is no room ends, and its client comes again.
        let chunk: Option<Bytes> = chunks.next().await.transpose().expect("it is whole");
        chunk.map(|chunk| (chunk.len(), chunks))
    };
    let mut held = Vec::new();
    while let Some((bytes, rest)) = first(User::Anonymous).await {
        assert!(bytes > MIB / 2 && held.len() < 60, "{bytes} bytes, {} streams", held.len());
        held.push(rest);
    }
    assert!(held.len() > 20, "{} streams", held.len());
    assert!(first(User::Ministry).await.is_some(), "a member has its own share");
    held.pop();
    assert!(first(User::Anonymous).await.is_some(), "what was given up makes room");
}
