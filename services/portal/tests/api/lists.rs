//! What lists may be asked, and what is refused at once: filters and facets that mean the same, values as commands spell them, and
//! positions that are not there yet.

use crate::app::{Answer, App, User, listing, uuid};
use serde_json::json;
use std::time::{Duration, Instant};

async fn get(app: &App, path: &str) -> Answer {
    app.get(User::Anonymous, path).await
}

fn ids(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let items = body["items"].as_array().unwrap_or_else(|| panic!("{body}"));
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_from_beyond_the_end_are_refused_with_where_the_end_is() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(1, "One")).await;
    app.settle().await;
    let head = app.head().0;
    let since = async |sequence: u64| get(&app, &format!("/api/v1/offers?updated_since_sequence={sequence}")).await;
    assert_eq!(ids(&since(head).await), [uuid(1)]);
    assert_eq!(ids(&since(head + 1).await), [""; 0], "who has seen the head asks for what comes after it");
    for sequence in [head + 2, i64::MAX as u64, u64::MAX] {
        let ahead = since(sequence).await;
        assert_eq!((ahead.said().as_str(), &ahead.json()["head_sequence"]), ("409 position-ahead", &json!(head)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_asked_for_only_where_what_is_gone_is_told() {
    let app = App::with_cast().await;
    for (other, field) in [
        ("q=training", "q"),
        ("sort=title", "sort"),
        ("sort=-created", "sort"),
        ("sort=ends_on", "sort"),
        ("as_of_sequence=3", "as_of_sequence"),
        ("as_of=2026-01-15T12:00:00Z", "as_of"),
    ] {
        let answer = get(&app, &format!("/api/v1/offers?updated_since_sequence=0&{other}")).await;
        assert_eq!(answer.said(), format!("400 parameter-invalid@{field}"), "{other}");
        assert!(answer.body.contains("updated_since_sequence"), "{}", answer.body);
    }
    for fine in ["", "&sort=-updated", "&sort=relevance", "&theme=sdg:3"] {
        let answer = get(&app, &format!("/api/v1/offers?updated_since_sequence=0{fine}")).await;
        assert_eq!(answer.said(), "200", "{fine}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_are_asked_for_as_commands_spell_them() {
    let app = App::with_cast().await;
    let mut offer = listing(1, "One");
    offer["terms"]["languages"] = json!(["spa", "pt-br"]);
    app.accept(User::Socios, "publish-offer", offer).await;
    app.settle().await;
    let ask = async |language: &str| get(&app, &format!("/api/v1/offers?language={language}")).await;
    for found in ["es", "spa", "ES", "pt", "por", "pt-BR", "fr,spa"] {
        assert_eq!(ids(&ask(found).await), [uuid(1)], "{found}");
    }
    for other in ["fr", "fra"] {
        assert_eq!(ids(&ask(other).await), [""; 0], "{other}");
    }
    for wrong in ["zz", "zzz", "spanish", "pt-ZZZ", "es,zz", "-"] {
        assert_eq!(ask(wrong).await.said(), "400 filter-value-unknown@language", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_question_that_is_refused() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(1, "One")).await;
    app.settle().await;
    let many = ["PE"; 51].join(",");
    let record = format!("/api/v1/offers/{}", uuid(1));
    let questions = [
        ("/api/v1/offers?cursor=zz".to_owned(), "400 cursor-invalid@cursor"),
        ("/api/v1/offers?cursor=0000000000000000.0.s1.".to_owned(), "400 cursor-invalid@cursor"),
        (format!("/api/v1/offers?country={many}"), "400 too-many-values"),
        ("/api/v1/offers?q=one&as_of_sequence=3".to_owned(), "400 as-of-without-search@as_of"),
        ("/api/v1/offers?as_of=2026-01-15T12:00:00Z&as_of_sequence=3".to_owned(), "400 parameter-invalid@as_of"),
        ("/api/v1/offers?updated_since_sequence=0&sort=title".to_owned(), "400 parameter-invalid@sort"),
        ("/api/v1/events/zz".to_owned(), "404 event-unknown"),
        ("/api/v1/events/zz/data".to_owned(), "404 event-unknown"),
        (format!("{record}/parts?list=zz"), "400 parameter-invalid@list"),
        (format!("{record}/parts"), "400 parameter-invalid@list"),
        ("/api/v1/codes/zz".to_owned(), "404 list-unknown"),
    ];
    for (path, expected) in questions {
        let began = Instant::now();
        let and = if path.contains('?') { '&' } else { '?' };
        let answer = get(&app, &format!("{path}{and}wait_for=999999")).await;
        assert_eq!(answer.said(), expected, "{path}");
        assert!(began.elapsed() < Duration::from_secs(4), "{path}: it waited {:?}", began.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_refused_says_what_would_be_right() {
    let app = App::with_cast().await;
    let questions: &[(&str, &str, &[&str])] = &[
        ("offers?foo=1", "parameter-unknown@foo", &["\"foo\"", "country", "wait_for", "updated_since_sequence"]),
        ("offers?contry=PE", "parameter-unknown@contry", &["did you mean country?"]),
        ("codes?foo=1", "parameter-unknown@foo", &["there are wait_for"]),
        ("offers?state=opn", "filter-value-unknown@state", &["/api/v1/codes/offer-states", "open, paused, withdrawn"]),
        (
            "offers?country=Peru",
            "filter-value-unknown@country",
            &["/api/v1/codes/countries", "did you mean PE (Peru)?"],
        ),
        ("offers?country=per%C3%BA", "filter-value-unknown@country", &["did you mean PE (Peru)?"]),
        ("offers?country=pe", "filter-value-unknown@country", &["did you mean PE (Peru)"]),
        ("offers?country=xxxxx", "filter-value-unknown@country", &["such as "]),
        ("offers?theme=sdg:3.88", "filter-value-unknown@theme", &["sdg:3.8 ("]),
        ("offers?mechanism=trainning", "filter-value-unknown@mechanism", &["training"]),
        ("offers?language=spanish", "filter-value-unknown@language", &["es (Spanish)"]),
        ("agreements?role=ofering", "filter-value-unknown@role", &["offering", "registrar"]),
        ("offers?type=x", "filter-value-unknown@type", &["leave it out"]),
        ("offers?organisation=x", "parameter-invalid@organisation", &["such as organisation/"]),
        ("activity?kind=ofer", "parameter-invalid@kind", &["organisation, offer, demand"]),
        ("activity?subject=x", "parameter-invalid@subject", &["such as offer/"]),
        ("activity?actor=x", "parameter-invalid@actor", &["such as organisation/"]),
        ("activity?grant=x", "parameter-invalid@grant", &["such as access/"]),
    ];
    for (question, expected, words) in questions {
        let answer = get(&app, &format!("/api/v1/{question}")).await;
        assert_eq!(answer.said(), format!("400 {expected}"), "{question}");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(words.iter().all(|word| detail.contains(word)), "{question}: {detail}");
    }
    // What would be right fits beside what was sent, however long that was.
    let long = "x".repeat(5_000);
    for (question, words) in [
        (format!("offers?country={long}"), "such as "),
        (format!("offers?language={long}"), "such as "),
        (format!("offers?{long}=1"), "updated_since_sequence"),
    ] {
        let detail = get(&app, &format!("/api/v1/{question}")).await.json()["detail"].to_string();
        assert!(detail.contains(words), "{question:.20}: {detail}");
    }
    for (name, expected) in [
        ("publish-ofer", "did you mean publish-offer?"),
        ("Publish-Offer", "did you mean publish-offer?"),
        ("publish-zzzzzzzz", "publish-offer, publish-demand, publish-learning"),
        ("no-such-thing", "/docs"),
    ] {
        let answer = app.command(User::Socios, name, json!({})).await;
        assert_eq!(answer.said(), "404 unknown-command");
        let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains(&format!("{name:?}")) && detail.contains(expected), "{name}: {detail}");
    }
}
