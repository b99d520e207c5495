//! Reads: lists, records, their past and their events, trails, grants, exports; each as its reader may see it.

use crate::app::{App, DEADLINE, MINISTRY, SOCIOS, UNIVERSITY, User, agreement, grant, listing, text, uuid};
use axum::http::StatusCode;
use convenio_portal::routes::collections;
use serde_json::{Value, json};

const OFFER: u128 = 0x0ff;

/// An offer that was revised, one that was paused, a demand, and a draft between two parties.
async fn with_records() -> App {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    app.accept(User::Socios, "revise-offer", listing(OFFER, "Training in tuberculosis diagnosis")).await;
    app.accept(User::Socios, "publish-offer", listing(0x0fe, "Laboratory equipment")).await;
    app.accept(User::Socios, "pause-offer", json!({"id": uuid(0x0fe)})).await;
    app.accept(User::Ministry, "publish-demand", listing(0xde, "Training needed")).await;
    app.accept(User::Socios, "draft-agreement", agreement(0xa9)).await;
    app.settle().await;
    app
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["items"].as_array().expect("items").iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_shown_with_its_version_and_sequence() {
    let app = with_records().await;
    let answer = app.get(User::Anonymous, &format!("/api/v1/offers/{}", uuid(OFFER))).await;
    insta::assert_snapshot!("record", answer.in_full());
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_filtered_searched_sorted_counted_and_paged() {
    let app = with_records().await;
    let list = async |path: &str| app.get(User::Anonymous, path).await.json();
    assert_eq!(ids(&list("/api/v1/offers").await), [uuid(0x0fe), uuid(OFFER)]);
    assert_eq!(ids(&list("/api/v1/offers?q=tuberculosis").await), [uuid(OFFER)]);
    assert_eq!(ids(&list("/api/v1/offers?state=paused&country=PE&theme=sdg:3").await), [uuid(0x0fe)]);
    assert_eq!(ids(&list("/api/v1/offers?country=MX,BR").await), [""; 0]);
    assert_eq!(ids(&list("/api/v1/offers?sort=title").await), [uuid(0x0fe), uuid(OFFER)]);
    let counted = list("/api/v1/offers?facets=true&total=true&limit=1").await;
    assert_eq!((ids(&counted).len(), &counted["total"]), (1, &json!(2)));
    assert!(counted["facets"].is_object());
    let cursor = counted["next_cursor"].as_str().expect("there is more");
    let rest = list(&format!("/api/v1/offers?limit=1&cursor={cursor}")).await;
    assert_eq!((ids(&rest).len(), &rest["next_cursor"]), (1, &Value::Null));
    assert_ne!(ids(&rest), ids(&counted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reviewer_finds_what_waits_for_review_and_its_events() {
    let app = App::with_cast().await;
    app.accept(User::Admin, "grant-access", grant(User::Reviewer, "reviewer", &[UNIVERSITY])).await;
    let content = json!({"kind": "lesson", "authors": [uuid(SOCIOS)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
    let words = json!({"title": text("What we learnt"), "lessons": text("Meet in person.")});
    app.accept(User::Socios, "submit-learning", json!({"id": uuid(4), "content": content, "text": words})).await;
    app.settle().await;
    for (user, found) in [(User::Reviewer, 1), (User::University, 0), (User::Anonymous, 0)] {
        let list = app.get(user, "/api/v1/learnings?state=submitted").await.json();
        assert_eq!(ids(&list).len(), found, "{user:?}");
        let paths = [format!("/api/v1/learnings/{}", uuid(4)), format!("/api/v1/learnings/{}/history", uuid(4))];
        for path in paths {
            let status = app.get(user, &path).await.status;
            assert_eq!(status == StatusCode::OK, found == 1, "{user:?} {path}: {status}");
        }
    }
    app.accept(User::Reviewer, "screen-learning", json!({"id": uuid(4), "outcome": "passed"})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_parameter_is_named() {
    let app = with_records().await;
    let table = [
        ("/api/v1/offers?limit=0", "400 parameter-invalid@limit"),
        ("/api/v1/offers?limit=201", "400 parameter-invalid@limit"),
        ("/api/v1/offers?limit=1&limit=2", "400 parameter-invalid@limit"),
        ("/api/v1/offers?sort=colour", "400 parameter-invalid@sort"),
        ("/api/v1/offers?from=2026-02-30", "400 parameter-invalid@from"),
        ("/api/v1/offers?from=2026-02-02&to=2026-02-01", "400 parameter-invalid@to"),
        ("/api/v1/offers?organisation=me", "400 parameter-invalid@organisation"),
        ("/api/v1/offers?facets=yes", "400 parameter-invalid@facets"),
        ("/api/v1/offers?colour=red", "400 parameter-unknown@colour"),
        ("/api/v1/offers?cursor=nonsense", "400 cursor-invalid@cursor"),
        ("/api/v1/offers?as_of_sequence=3&q=x", "400 as-of-without-search@as_of"),
        ("/api/v1/offers?as_of_sequence=9999", "400 parameter-invalid@as_of_sequence"),
        ("/api/v1/offers?as_of=yesterday", "400 parameter-invalid@as_of"),
        ("/api/v1/offers?wait_for=-1", "400 parameter-invalid@wait_for"),
        ("/api/v1/offers/nonsense", "404 record-unknown"),
        ("/api/v1/activity?cursor=x", "400 cursor-invalid@cursor"),
        ("/api/v1/partnerships", "400 parameter-invalid@organisation"),
        ("/api/v1/audit?grant=00000000-0000-0000-0000-000000000001", "400 parameter-invalid@grant"),
        ("/api/v1/audit?subject=offer", "400 parameter-invalid@subject"),
        ("/api/v1/grants", "401 token-required"),
    ];
    for (path, expected) in table {
        assert_eq!(app.get(User::Anonymous, path).await.said(), expected, "{path}");
    }
    let long = format!("/api/v1/offers?q={}", "x".repeat(9_000));
    assert_eq!(app.get(User::Anonymous, &long).await.said(), "400 query-too-long");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_only_what_it_may_in_every_list() {
    let app = with_records().await;
    let seen = async |user, path: &str| ids(&app.get(user, path).await.json()).len();
    for (user, agreements) in [(User::Anonymous, 0), (User::University, 0), (User::Ministry, 1), (User::Pair, 1)] {
        assert_eq!(seen(user, "/api/v1/agreements").await, agreements, "{user:?}");
        let exported = app.get(user, "/api/v1/export/agreements").await.lines();
        assert_eq!(exported.len(), agreements + 1, "{user:?}");
    }
    let trail = async |user| {
        let answer = app.get(user, "/api/v1/audit?kind=agreement").await.json();
        answer["items"].as_array().expect("rows").len()
    };
    assert_eq!((trail(User::Anonymous).await, trail(User::Ministry).await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_folded_and_seen_with_the_rights_of_today() {
    let app = with_records().await;
    let title = |answer: &crate::app::Answer| answer.json().pointer("/text/title/texts/en").cloned();
    let history = app.get(User::Anonymous, &format!("/api/v1/offers/{}/history", uuid(OFFER))).await;
    insta::assert_snapshot!("history", history.in_full());
    let events = history.json()["events"].clone();
    let first: u64 = events[0]["ledgersequence"].as_str().expect("a string").parse().expect("a number");
    let path = format!("/api/v1/offers/{}", uuid(OFFER));
    let before = app.get(User::Anonymous, &format!("{path}?as_of_sequence={}", first - 1)).await;
    assert_eq!(before.said(), "404 record-unknown");
    let then = app.get(User::Anonymous, &format!("{path}?as_of_sequence={first}")).await;
    assert_eq!((title(&then), &then.header("etag")[..5]), (Some("Training in diagnosis".into()), "W/\"0-"));
    assert_eq!(then.header("convenio-sequence"), first.to_string());
    let now = app.get(User::Anonymous, &path).await;
    let same = app.get(User::Anonymous, &format!("{path}?as_of=2026-01-15T12:00:00.000000Z")).await;
    assert_eq!(same.json(), now.json(), "a fold of everything is what the view holds");
    let list = app.get(User::Anonymous, &format!("/api/v1/offers?as_of_sequence={first}")).await.json();
    assert_eq!(list["items"][0].pointer("/text/title/texts/en"), title(&then).as_ref());
    let hidden = format!("/api/v1/agreements/{}?as_of_sequence={}", uuid(0xa9), app.head());
    assert_eq!(app.get(User::University, &hidden).await.said(), "404 record-unknown");
    assert_eq!(app.get(User::Ministry, &hidden).await.said(), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_may_wait_for_what_one_wrote() {
    let app = App::with_cast().await;
    for n in 0..20 {
        let told = app.accept(User::Socios, "publish-offer", listing(0x100 + n, "One")).await;
        let path = format!("/api/v1/offers/{}?wait_for={}", uuid(0x100 + n), told["sequence"]);
        assert_eq!(app.get(User::Socios, &path).await.status, StatusCode::OK);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_what_was_never_recorded_ends() {
    let app = App::new().await;
    let answer = app.get(User::Anonymous, "/api/v1/offers?wait_for=1000").await;
    assert_eq!(answer.said(), "504 not-yet-visible");
}

#[tokio::test(flavor = "multi_thread")]
async fn trails_grants_and_partnerships_answer() {
    let app = with_records().await;
    let feed = app.get(User::Anonymous, "/api/v1/activity?limit=2").await;
    insta::assert_snapshot!("activity", feed.in_full());
    let audit = app.get(User::Socios, &format!("/api/v1/audit?subject=offer/{}", uuid(OFFER))).await;
    insta::assert_snapshot!("audit", audit.in_full());
    let grants = app.get(User::Socios, "/api/v1/grants?in_force_at=2026-01-15T12:00:00.000000Z").await;
    insta::assert_snapshot!("grants", grants.in_full());
    let passport = app.get(User::Ministry, &format!("/api/v1/partnerships?organisation={}", uuid(SOCIOS))).await;
    assert_eq!(passport.said(), "200", "{}", passport.body);
    assert_eq!(
        app.get(User::Anonymous, &format!("/api/v1/partnerships?organisation={}", uuid(0x99))).await.said(),
        "404 record-unknown"
    );
    assert_eq!(app.get(User::Anonymous, &format!("/api/v1/organisations/{}", uuid(MINISTRY))).await.said(), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_pages_by_its_cursor_and_every_list_of_events_by_sequence() {
    let app = with_records().await;
    for path in ["/api/v1/offers", "/api/v1/activity", "/api/v1/audit", "/api/v1/grants"] {
        let (mut cursor, mut seen) = (String::new(), Vec::new());
        loop {
            let page = app.get(User::Socios, &format!("{path}?limit=1{cursor}")).await.json();
            seen.extend(page["items"].as_array().expect("items").clone());
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
            assert!(seen.len() < 100, "{path} has an end");
        }
        let whole = app.get(User::Socios, &format!("{path}?limit=200")).await.json();
        assert_eq!((&Value::from(seen), &Value::Null), (&whole["items"], &whole["next_cursor"]), "{path}");
    }
    let path = format!("/api/v1/offers/{}/history", uuid(OFFER));
    let whole = app.get(User::Anonymous, &path).await.json();
    assert_eq!(whole["next_from"], app.head().0 + 1, "all of them were looked at");
    let first = app.get(User::Anonymous, &format!("{path}?limit=1")).await.json();
    let then = first["next_from"].as_u64().expect("always a number");
    let second = app.get(User::Anonymous, &format!("{path}?limit=1&from={then}")).await.json();
    assert_eq!((&first["events"][0], &second["events"][0]), (&whole["events"][0], &whole["events"][1]));
    let none = app.get(User::Anonymous, &format!("{path}?from={}", whole["next_from"])).await.json();
    assert_eq!((&none["events"], &none["next_from"]), (&json!([]), &whole["next_from"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_everything_at_one_sequence() {
    let app = App::with_cast().await;
    let lines: String = (0..450)
        .map(|n| {
            format!(
                "{}\n",
                json!({"command": "publish-offer", "id": uuid(0x5000 + n), "data": listing(0x8000 + n, "One")})
            )
        })
        .collect();
    app.batch(User::Socios, lines).await;
    app.settle().await;
    let answer = app.get(User::Anonymous, "/api/v1/export/offers").await;
    let lines = answer.lines();
    let last = json!({"done": true, "items": 450, "sequence": app.head()});
    assert_eq!((lines.len(), &lines[450]), (451, &last));
    assert_eq!(answer.header("convenio-sequence"), app.head().to_string());
    for collection in collections() {
        let path = format!("/api/v1/export/{}", collection.kind.plural());
        assert_eq!(app.get(User::Anonymous, &path).await.lines().last().expect("a last line")["done"], true, "{path}");
    }
}

/// Somebody's shell on the file of a view, in which it began to write: the view stands until it is dropped.
pub(crate) fn shell_on(app: &App, view: &str) -> rusqlite::Connection {
    let files = std::fs::read_dir(app.folder.path()).expect("files").filter_map(|entry| Some(entry.ok()?.path()));
    let mut of_view = files.filter(|path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(view) && path.extension().is_some_and(|extension| extension == "db")
    });
    let shell = rusqlite::Connection::open(of_view.next().expect("the view has a file")).expect("anybody can open it");
    shell.busy_timeout(DEADLINE).expect("a number");
    shell.execute_batch("BEGIN IMMEDIATE").expect("nobody writes for long");
    shell
}

async fn until_said(app: &App, user: User, path: &str, wanted: &str) {
    let deadline = std::time::Instant::now() + DEADLINE;
    while app.get(user, path).await.said() != wanted {
        assert!(std::time::Instant::now() < deadline, "never {wanted}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_reads_nothing_while_the_view_of_grants_stands() {
    let app = with_records().await;
    let path = format!("/api/v1/agreements/{}", uuid(0xa9));
    assert_eq!(app.get(User::Socios, &path).await.status, StatusCode::OK);
    let shell = shell_on(&app, "access");
    app.accept(User::Operator, "revoke-access", json!({"id": uuid(0x6000 + User::Socios as u128), "reason": "left"}))
        .await;
    until_said(&app, User::Socios, &path, "503 not-ready").await;
    assert_eq!(app.get(User::Anonymous, "/api/v1/offers").await.status, StatusCode::OK, "what is public is shown");
    drop(shell);
    until_said(&app, User::Socios, &path, "401 token-invalid").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_told_to_those_who_may_see_what_they_lead_to() {
    let app = App::with_cast().await;
    let content = json!({"kind": "lesson", "authors": [uuid(SOCIOS)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
    let words = json!({"title": text("A lesson"), "lessons": text("Ask twice."), "citation": "Example Journal 3"});
    let learning = json!({"id": uuid(0x1e), "content": content, "text": words});
    app.accept(User::Socios, "register-learning", learning).await;
    let mut offer = listing(OFFER, "Training in diagnosis");
    offer["terms"]["evidence"] = json!([uuid(0x1e)]);
    app.accept(User::Socios, "publish-offer", offer).await;
    app.settle().await;
    let one = format!("/api/v1/offers/{}", uuid(OFFER));
    let paths = [one.clone(), format!("{one}?as_of_sequence={}", app.head().0), "/api/v1/offers".to_owned()];
    let all = ["/api/v1/export/offers".to_owned(), format!("/en/offers/{}", uuid(OFFER))];
    let paths: Vec<_> = paths.into_iter().chain(all).collect();
    for path in &paths {
        let answer = app.get(User::Anonymous, path).await;
        assert!(answer.body.contains(&uuid(0x1e)), "{path}: {}", answer.body);
    }
    app.accept(
        User::Socios,
        "set-visibility",
        json!({"subject": format!("learning/{}", uuid(0x1e)), "visibility": "parties"}),
    )
    .await;
    app.settle().await;
    let short = &uuid(0x1e)[..8];
    for path in &paths {
        for reader in [User::Anonymous, User::Socios] {
            let answer = app.get(reader, path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            let sees = reader == User::Socios && !path.starts_with("/en/");
            assert_eq!(answer.body.contains(&uuid(0x1e)), sees, "{reader:?} {path}: {}", answer.body);
            assert!(sees || !answer.body.contains(&format!("Learning {short}")), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_counts_for_readings_from_the_moment_it_is_recorded() {
    let app = App::with_cast().await;
    let shell = shell_on(&app, "access");
    app.accept(User::Socios, "grant-access", grant(User::Reviewer, "recorder", &[SOCIOS])).await;
    let asked = app.get(User::Reviewer, "/api/v1/status");
    let (answer, ()) = tokio::join!(asked, async { drop(shell) });
    assert_eq!(answer.said(), "200", "its view was held up meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_stands_is_read_until_something_is_hidden() {
    let app = with_records().await;
    let path = format!("/api/v1/offers/{}", uuid(OFFER));
    let shell = shell_on(&app, "board");
    app.accept(User::Socios, "publish-offer", listing(0x0ff9, "Not folded yet")).await;
    let blocked =
        async || app.get(User::Anonymous, "/api/v1/status").await.json()["views"].to_string().contains("blocked");
    let deadline = std::time::Instant::now() + DEADLINE;
    while !blocked().await {
        assert!(std::time::Instant::now() < deadline, "the view never says that it stands");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(app.get(User::Anonymous, &path).await.said(), "200", "what it knew is shown");
    let hidden = json!({"subject": format!("offer/{}", uuid(OFFER)), "visibility": "parties"});
    app.accept(User::Socios, "set-visibility", hidden).await;
    for (question, said) in
        [(path.as_str(), "503 not-ready"), ("/api/v1/offers", "503 not-ready"), ("/en/offers", "503")]
    {
        until_said(&app, User::Anonymous, question, said).await;
    }
    assert_eq!(app.get(User::Anonymous, "/api/v1/organisations").await.said(), "200", "no other view stands");
    drop(shell);
    until_said(&app, User::Anonymous, &path, "404 record-unknown").await;
    assert_eq!(app.get(User::Anonymous, "/api/v1/offers").await.said(), "200");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_reads_nothing_where_the_end_of_the_log_was_not_seen_for_a_minute() {
    let app = with_records().await;
    let path = format!("/api/v1/offers/{}", uuid(OFFER));
    for (seconds, with_token) in [(59, "200"), (60, "503 not-ready"), (0, "200")] {
        app.unconfirmed.store(seconds, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(app.get(User::Socios, &path).await.said(), with_token, "{seconds} s");
        assert_eq!(app.get(User::Anonymous, &path).await.said(), "200", "{seconds} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_every_sequence_find_nothing() {
    let app = with_records().await;
    for beyond in [i64::MAX as u64, 1 << 63, u64::MAX] {
        let path = format!("/api/v1/offers/{}/history?from={beyond}", uuid(OFFER));
        assert_eq!(app.get(User::Anonymous, &path).await.status, StatusCode::CONFLICT, "{beyond}: position-ahead");
        let grants = app.get(User::Admin, &format!("/api/v1/grants?cursor=s{beyond}")).await.json();
        assert_eq!(grants["items"], json!([]), "{beyond}");
        let all = app.get(User::Anonymous, &format!("/api/v1/activity?cursor=s{beyond}")).await.json();
        assert!(!all["items"].as_array().expect("items").is_empty(), "{beyond}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_neither_counts_nor_pages_what_its_reader_may_not_see() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    let mut taking = agreement(0xa9);
    taking["terms"]["commitments"] = json!([{
        "id": uuid(0xc1), "provider": uuid(SOCIOS), "receiver": uuid(MINISTRY),
        "quantity": {"amount": "3", "unit": "expert-days"}, "source": format!("offer/{}", uuid(OFFER)),
    }]);
    app.accept(User::Socios, "draft-agreement", taking).await;
    app.settle().await;
    let before = app.get(User::Anonymous, &format!("/api/v1/offers/{}", uuid(OFFER))).await;
    app.accept(User::Socios, "propose-agreement", json!({"id": uuid(0xa9)})).await;
    app.settle().await;
    let drafted = app.get(User::Socios, &format!("/api/v1/agreements/{}", uuid(0xa9))).await.json();
    for user in [User::Socios, User::Ministry] {
        let signature = json!({"id": uuid(0xa9), "terms_digest": drafted["terms_digest"]});
        app.accept(user, "sign-agreement", signature).await;
    }
    app.settle().await;
    let history = async |user| {
        let path = format!("/api/v1/offers/{}/history?limit=1", uuid(OFFER));
        let page = app.get(user, &path).await;
        (page.json()["events"].as_array().expect("events").len(), page.header("link").contains("next"))
    };
    assert_eq!(history(User::Anonymous).await, (1, false), "nothing more is there for the public");
    assert_eq!(history(User::Socios).await, (1, true));
    let after = app.get(User::Anonymous, &format!("/api/v1/offers/{}", uuid(OFFER))).await;
    let version = |answer: &crate::app::Answer| answer.header("etag").split('-').next().map(str::to_owned);
    assert_eq!(version(&before), version(&after));
    assert_eq!(after.json()["updated"], before.json()["updated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_brings_no_grant_to_life() {
    let app = App::with_cast().await;
    let mut ends = grant(User::Reviewer, "recorder", &[UNIVERSITY]);
    ends["valid_through"] = json!("2026-01-15T13:00:00Z");
    app.accept(User::Admin, "grant-access", ends).await;
    app.settle().await;
    assert_eq!(app.get(User::Reviewer, "/api/v1/offers").await.status, StatusCode::OK);
    app.clock.advance(3_600);
    assert_eq!(app.get(User::Reviewer, "/api/v1/offers").await.said(), "401 token-invalid");
    app.clock.advance(-3_600);
    assert_eq!(app.get(User::Reviewer, "/api/v1/offers").await.said(), "401 token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_the_last_event_counts_where_nobody_asked_before_the_clock_was_set_back() {
    let app = App::with_cast().await;
    let mut ends = grant(User::Reviewer, "recorder", &[UNIVERSITY]);
    ends["valid_through"] = json!("2026-01-15T13:00:00Z");
    app.accept(User::Admin, "grant-access", ends).await;
    app.settle().await;
    app.clock.advance(7_200);
    // Its sender is known by now: nobody asks the views what time it is.
    app.accept(User::Admin, "publish-offer", listing(OFFER, "Training in diagnosis")).await;
    app.settle().await;
    app.clock.advance(-7_200);
    assert_eq!(app.get(User::Reviewer, "/api/v1/offers").await.said(), "401 token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_offer_is_told_to_the_public_without_a_word() {
    let app = with_records().await;
    let hide = json!({"subject": format!("offer/{}", uuid(OFFER)), "visibility": "parties", "reason": "Embarrassing"});
    let said = app.accept(User::Socios, "set-visibility", hide).await;
    let sequence = said["sequence"].as_u64().expect("a sequence");
    app.settle().await;
    let told = app.get(User::Anonymous, &format!("/api/v1/events/{sequence}")).await;
    let (event, disclosure) = (&told.json()["event"], &told.json()["disclosure"]);
    assert_eq!(event["subject"], format!("offer/{}", uuid(OFFER)));
    assert_eq!(event["data"], json!({"facts": {"from": "public", "to": "parties"}, "text": null}));
    assert_eq!((&disclosure["text"], &disclosure["text_salt"]), (&Value::Null, &Value::Null));
    let own = app.get(User::Socios, &format!("/api/v1/events/{sequence}")).await.json();
    assert_eq!(own["event"]["data"]["text"], json!({"reason": "Embarrassing"}));
    let since = app.get(User::Anonymous, &format!("/api/v1/offers?updated_since_sequence={sequence}")).await.json();
    assert_eq!(since["items"], json!([{"id": uuid(OFFER), "gone": true}]));
    for path in ["", "/history"] {
        let answer = app.get(User::Anonymous, &format!("/api/v1/offers/{}{path}", uuid(OFFER))).await;
        assert_eq!(answer.said(), "404 record-unknown");
    }
}
