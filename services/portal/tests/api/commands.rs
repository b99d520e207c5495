//! One command at a time: answers, replays, versions, tokens, and everything that can be wrong with a request.

use crate::app::{App, User, agreement, grant, listing, request, uuid};
use axum::{
    body::Body,
    http::{Method, StatusCode},
};
use serde_json::json;

const OFFER: u128 = 0x0ff;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_answered_with_what_was_recorded_and_a_replay_with_the_same() {
    let app = App::with_cast().await;
    let data = listing(OFFER, "Training in diagnosis").to_string();
    let key = [("idempotency-key", "018f4e2a-0000-7000-8000-000000000001")];
    let first = app.command_with(User::Socios, "publish-offer", &data, &key).await;
    insta::assert_snapshot!("accepted", first.in_full());
    let again = app.command_with(User::Socios, "publish-offer", &data, &key).await;
    assert_eq!((again.status, again.header("idempotent-replay")), (StatusCode::OK, "true"));
    assert_eq!(again.json(), first.json());
    let other = app.command_with(User::Socios, "publish-offer", &listing(OFFER, "Another").to_string(), &key).await;
    insta::assert_snapshot!("command_id_reused", other.in_full());
    // Ids are scoped to the organisation: another one's command of the same id is its own, and learns nothing of the first.
    let others = app.command_with(User::Ministry, "publish-offer", &listing(0x0fe, "Ours").to_string(), &key).await;
    assert_eq!(others.said(), "201");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_id_the_node_makes_one_and_the_answer_names_it() {
    let app = App::with_cast().await;
    let answer = app.command_with(User::Socios, "publish-offer", &listing(OFFER, "One").to_string(), &[]).await;
    let id = answer.json()["command_id"].as_str().expect("named").to_owned();
    let key = [("idempotency-key", id.as_str())];
    let again = app.command_with(User::Socios, "publish-offer", &listing(OFFER, "One").to_string(), &key).await;
    assert_eq!(again.said(), "200");
    let refused = app.command_with(User::Socios, "publish-offer", "{}", &[]).await;
    assert!(refused.json()["command_id"].is_string(), "{}", refused.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_version_is_refused() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(OFFER, "One")).await;
    let pause = json!({"id": uuid(OFFER)}).to_string();
    let stale = app.command_with(User::Socios, "pause-offer", &pause, &[("if-match", "\"4\"")]).await;
    insta::assert_snapshot!(
        "stale_version",
        stale.in_full().replace(stale.json()["command_id"].as_str().expect("an id"), "<id>")
    );
    let right = app.command_with(User::Socios, "pause-offer", &pause, &[("if-match", "\"0\"")]).await;
    assert_eq!(right.said(), "201");
}

/// Path, caller, headers, body, and what is said to it.
type BadRequest<'a> = (&'a str, User, &'a [(&'a str, &'a str)], &'a [u8], &'a str);

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_request_has_its_own_answer() {
    let app = App::with_cast().await;
    let good = listing(OFFER, "One").to_string();
    let json = ("content-type", "application/json");
    let post = |path: &str, user, headers: &[(&str, &str)], body: &[u8]| {
        app.send(request(Method::POST, path, user, headers, Body::from(body.to_vec())))
    };
    let publish = "/api/v1/commands/publish-offer";
    let long_text =
        serde_json::json!({"id": uuid(OFFER), "terms": {}, "text": {"title": crate::app::text(&"x".repeat(20_001))}})
            .to_string();
    let more = good.replacen('{', "{\"more\":1,", 1);
    let huge = vec![b' '; (1 << 20) + 1];
    let table: &[BadRequest<'_>] = &[
        (publish, User::Anonymous, &[json], good.as_bytes(), "401 token-required"),
        (publish, User::Stranger, &[json], good.as_bytes(), "401 token-invalid"),
        (publish, User::Stranger, &[json], b"{", "401 token-invalid"),
        ("/api/v1/commands/no-such-command", User::Stranger, &[json], b"{}", "401 token-invalid"),
        ("/api/v1/commands/no-such-command", User::Socios, &[json], b"{}", "404 unknown-command"),
        (publish, User::Socios, &[], good.as_bytes(), "415 json-required"),
        (publish, User::Socios, &[("content-type", "text/plain")], good.as_bytes(), "415 json-required"),
        (publish, User::Socios, &[json], b"{", "400 malformed-json"),
        (publish, User::Socios, &[json], b"\"\xff\"", "400 malformed-json"),
        (publish, User::Socios, &[json], b"{\"terms\":{\"themes\":7}}", "400 invalid-field@terms.themes"),
        (publish, User::Socios, &[json], more.as_bytes(), "400 unknown-field@more"),
        (publish, User::Socios, &[json], &huge, "413 body-too-large"),
        (
            publish,
            User::Socios,
            &[json, ("idempotency-key", "7")],
            good.as_bytes(),
            "400 header-invalid@idempotency-key",
        ),
        (publish, User::Socios, &[json, ("if-match", "7")], good.as_bytes(), "400 header-invalid@if-match"),
        (
            publish,
            User::Socios,
            &[json, ("convenio-acting-for", "me")],
            good.as_bytes(),
            "400 header-invalid@convenio-acting-for",
        ),
        ("/api/v1/commands/publish-offer?x=1", User::Socios, &[json], good.as_bytes(), "400 parameter-unknown@x"),
        (
            "/api/v1/commands/change-settings",
            User::Socios,
            &[json],
            br#"{"settings":{"agreements_public":true}}"#,
            "403 role-required",
        ),
        (publish, User::Pair, &[json], good.as_bytes(), "422 acting-for-required"),
        ("/api/v1/commands/%ff", User::Socios, &[json], b"{}", "404 path-unknown"),
    ];
    let head = app.head();
    for (path, user, headers, body, expected) in table {
        let answer = post(path, *user, headers, body).await;
        assert_eq!(answer.said(), *expected, "{path} {user:?} {headers:?}: {}", answer.body);
        assert_eq!(answer.header("www-authenticate").is_empty(), answer.status != StatusCode::UNAUTHORIZED);
    }
    let too_long = post(publish, User::Socios, &[json], long_text.as_bytes()).await;
    assert!(too_long.status.is_client_error(), "{}", too_long.body);
    assert_eq!(app.head(), head, "nothing was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_covers_several_organisations_says_which_one_acts() {
    let app = App::with_cast().await;
    let data = listing(OFFER, "One").to_string();
    let headers = [("convenio-acting-for", &*format!("organisation/{}", uuid(crate::app::SOCIOS)))];
    assert_eq!(app.command_with(User::Pair, "publish-offer", &data, &headers).await.said(), "201");
    let headers = [("convenio-acting-for", &*format!("organisation/{}", uuid(crate::app::OBSERVATORY)))];
    assert_eq!(
        app.command_with(User::Pair, "publish-offer", &data, &headers).await.said(),
        "403 acting-for-not-granted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_and_works() {
    let app = App::with_cast().await;
    let mut data = grant(User::Stranger, "recorder", &[crate::app::SOCIOS]);
    data.as_object_mut().expect("an object").remove("token_digest");
    let key = [("idempotency-key", "018f4e2a-0000-7000-8000-000000000002")];
    let first = app.command_with(User::Socios, "grant-access", &data.to_string(), &key).await;
    let token = first.json()["token"].as_str().expect("shown").to_owned();
    assert_eq!((first.status, token.len()), (StatusCode::CREATED, 43));
    let again = app.command_with(User::Socios, "grant-access", &data.to_string(), &key).await;
    assert_eq!((again.status, again.json()["token"].as_str()), (StatusCode::OK, Some("already-shown")));
    app.settle().await;
    let headers = [("authorization", &*format!("Bearer {token}"))];
    let asked = request(Method::GET, "/api/v1/grants", User::Anonymous, &headers, Body::empty());
    assert_eq!(app.send(asked).await.said(), "200");
    // Who brings its own digest is shown no token: it has it.
    let own = app.accept(User::Socios, "grant-access", {
        let mut own = grant(User::Stranger, "recorder", &[crate::app::SOCIOS]);
        own["id"] = uuid(0x7000).into();
        own
    });
    assert!(own.await.get("token").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_or_expired_token_neither_commands_nor_reads() {
    let app = App::with_cast().await;
    let mut short = grant(User::Stranger, "recorder", &[crate::app::SOCIOS]);
    short["valid_through"] = "2026-01-15T13:00:00.000000Z".into();
    app.accept(User::Socios, "grant-access", short).await;
    app.settle().await;
    assert_eq!(app.get(User::Stranger, "/api/v1/grants").await.said(), "200");
    app.clock.advance(3_600);
    assert_eq!(app.get(User::Stranger, "/api/v1/grants").await.said(), "401 token-invalid");
    let command = app.command(User::Stranger, "publish-offer", listing(OFFER, "One")).await;
    assert_eq!(command.said(), "401 token-invalid");
    app.accept(User::Admin, "revoke-access", json!({"id": uuid(0x6000 + User::Ministry as u128)})).await;
    app.settle().await;
    assert_eq!(app.get(User::Ministry, "/api/v1/offers").await.said(), "401 token-invalid");
    assert_eq!(app.command(User::Ministry, "publish-offer", listing(OFFER, "One")).await.said(), "401 token-invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_may_not_see_cannot_be_told_from_what_is_not_there() {
    let app = App::with_cast().await;
    app.accept(User::Socios, "draft-agreement", agreement(0xa9)).await;
    app.settle().await;
    let path = format!("/api/v1/agreements/{}", uuid(0xa9));
    let nothing = format!("/api/v1/agreements/{}", uuid(0xaa));
    assert_eq!(app.get(User::Ministry, &path).await.said(), "200");
    for user in [User::Anonymous, User::University] {
        let (hidden, absent) = (app.get(user, &path).await, app.get(user, &nothing).await);
        assert_eq!(hidden.said(), "404 record-unknown");
        assert_eq!(hidden.json(), absent.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_an_organisation_is_told_of_others_of_that_name_that_it_may_see() {
    let app = App::with_cast().await;
    let named = |id: u128, name: &str, visibility: &str| {
        let text = json!({"name": {"original": "es", "texts": {"es": name}}});
        json!({"id": uuid(id), "profile": {"kind": "ngo"}, "visibility": visibility, "text": text})
    };
    let subject = |id: u128| format!("organisation/{}", uuid(id));
    let register = async |user, id: u128, name: &str, visibility: &str| {
        let data = named(id, name, visibility).to_string();
        let answer = app.command_with(user, "register-organisation", &data, &[]).await;
        assert_eq!(answer.said(), "201", "{}", answer.body);
        answer.json()["same_name"].clone()
    };
    assert!(register(User::Socios, 0xa1, "Salud para Todos", "public").await.is_null(), "nobody else has it");
    assert!(register(User::Socios, 0xa2, "Salud para Todos los Niños", "public").await.is_null(), "a name is whole");
    assert_eq!(register(User::Ministry, 0xa3, " salud  PARA todos", "parties").await, json!([subject(0xa1)]));
    // Many leave accents out, most of all in capitals; and the same letter may be written in two ways.
    assert!(register(User::Socios, 0xd1, "Fundación Ñandú", "public").await.is_null());
    assert_eq!(register(User::Socios, 0xd2, "FUNDACION NANDU", "public").await, json!([subject(0xd1)]));
    let decomposed = "Fundacio\u{301}n N\u{303}andu\u{301}";
    assert_eq!(register(User::Socios, 0xd3, decomposed, "public").await, json!([subject(0xd1), subject(0xd2)]));
    // The third is the ministry's to see, and nobody else's.
    assert_eq!(register(User::Socios, 0xa4, "Salud Para Todos", "public").await, json!([subject(0xa1)]));
    assert_eq!(
        register(User::Ministry, 0xa5, "Salud para todos", "public").await,
        json!([subject(0xa1), subject(0xa3), subject(0xa4)])
    );
    let line = json!({"command": "register-organisation", "id": uuid(0xb1), "data": named(0xa6, "Salud para todos", "public")});
    app.settle().await;
    let told = app.batch(User::Socios, format!("{line}\n")).await.lines();
    assert_eq!(told[0]["same_name"], json!([subject(0xa1), subject(0xa4), subject(0xa5)]), "{}", told[0]);
    let revised = json!({"id": uuid(0xa2), "profile": {"kind": "ngo"}, "text": named(0xa2, "Salud para todos", "public")["text"]});
    let answer = app.command_with(User::Socios, "revise-organisation", &revised.to_string(), &[]).await;
    assert_eq!(answer.json()["same_name"].as_array().map(Vec::len), Some(4), "{}", answer.body);
}
