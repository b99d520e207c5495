//! Learnings: what the public sees of one before it was published, and after it was retracted.

use crate::app::{App, SOCIOS, User, text, uuid};
use axum::http::StatusCode;
use serde_json::{Value, json};

/// One of the NGO's, with this title.
fn learning(title: &str) -> Value {
    let content = json!({"kind": "lesson", "authors": [uuid(SOCIOS)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
    json!({"id": uuid(4), "content": content, "text": {"title": text(title), "lessons": text("Meet in person.")}})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_learning_was_before_it_was_published_is_for_its_authors() {
    let app = App::with_cast().await;
    let first = app.accept(User::Socios, "submit-learning", learning("Withdrawn words")).await["sequence"].as_u64();
    app.accept(User::Socios, "revise-learning", learning("Published words")).await;
    let published = app.accept(User::Socios, "publish-learning", json!({"id": uuid(4)})).await["sequence"].as_u64();
    let (first, published) = (first.expect("a number"), published.expect("a number"));
    app.settle().await;
    let path = format!("/api/v1/learnings/{}", uuid(4));
    for sequence in first..published {
        let past = app.get(User::Anonymous, &format!("{path}?as_of_sequence={sequence}")).await;
        assert_eq!(past.said(), "404 record-unknown", "{sequence}: {}", past.body);
        let event = app.get(User::Anonymous, &format!("/api/v1/events/{sequence}")).await.json();
        assert_eq!(event["event"]["withheld"], "visibility", "{sequence}");
    }
    let shown = [
        path.clone(),
        format!("{path}?as_of_sequence={published}"),
        format!("{path}/history"),
        format!("/en/learnings/{}", uuid(4)),
    ];
    for path in shown {
        let answer = app.get(User::Anonymous, &path).await;
        assert!(answer.status == StatusCode::OK && !answer.body.contains("Withdrawn"), "{path}: {}", answer.body);
    }
    let own = app.get(User::Socios, &format!("{path}?as_of_sequence={first}")).await;
    assert!(own.body.contains("Withdrawn words"), "{}", own.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_learning_is_found_by_those_alone_who_ask_for_it() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "submit-learning", learning("What we learnt")).await;
    app.accept(User::Socios, "publish-learning", json!({"id": uuid(4)})).await;
    app.settle().await;
    let found = async |query: &str| {
        let page = app.get(User::Anonymous, &format!("/api/v1/learnings?total=true&facets=true{query}")).await.json();
        (page["items"].as_array().map_or(0, Vec::len), page["total"].as_u64().expect("few"))
    };
    assert_eq!(found("").await, (1, 1));
    let retracted =
        app.accept(User::Socios, "retract-learning", json!({"id": uuid(4), "reason": "It was wrong"})).await;
    app.settle().await;
    assert_eq!(found("").await, (0, 0));
    assert_eq!(found("&q=learnt").await, (0, 0));
    assert_eq!(found("&state=retracted").await, (1, 1));
    assert_eq!(found(&format!("&updated_since_sequence={}", retracted["sequence"])).await, (1, 1));
    let shown = app.get(User::Anonymous, &format!("/api/v1/learnings/{}", uuid(4))).await.json();
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("retracted"), &json!("It was wrong")));
}
