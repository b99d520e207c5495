//! Bad input over HTTP: each kind is refused by its own code, says which rule it breaks, records nothing, and spoils nothing
//! for others.

use convenio_tests::{
    Ledger, Server, User, folder,
    users::{listing, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use uuid::Uuid;

async fn ledger() -> (TempDir, Ledger, User) {
    let folder = folder();
    let ledger = Ledger::new(Server::start(&folder.path().join("data")));
    let institute = ledger.organisation("Instituto", "PE").await;
    (folder, ledger, institute)
}

async fn head(user: &User) -> Value {
    user.get("/api/v1/status").await.accepted()["head_sequence"].clone()
}

/// Sends a command's bytes as they are.
async fn send_bytes(user: &User, command: &str, body: impl Into<Vec<u8>>) -> convenio_tests::Reply {
    user.ask(user.command(Uuid::new_v4(), command).body(body.into())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_understood_is_refused_by_name_and_records_nothing() {
    let (_folder, _ledger, institute) = ledger().await;
    let before = head(&institute).await;
    let id = Uuid::new_v4();
    let valid = listing(id, "Oferta");
    for body in ["", "{", "{\"id\":", "nonsense", "{\"id\":\"\\ud800\"}"] {
        let reply = send_bytes(&institute, "publish-offer", body).await;
        reply.refused(400, "malformed-json");
    }
    let reply = send_bytes(&institute, "publish-offer", b"{\"id\":\"\xff\xfe\"}".to_vec()).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    assert!(matches!(reply.body["code"].as_str(), Some("not-utf8" | "malformed-json")), "{}", reply.text);
    let changed = |pointer: &str, value: Value| {
        let mut data = valid.clone();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        data.pointer_mut(parent).expect("a member")[name] = value;
        data
    };
    let languages: serde_json::Map<_, _> = ('a'..='z')
        .flat_map(|a| ('a'..='c').map(move |b| format!("{a}{b}")))
        .take(65)
        .map(|tag| (tag, "texto".into()))
        .collect();
    assert_eq!(languages.len(), 65);
    let many = json!({"original": "aa", "texts": languages});
    let digits = "1".repeat(40);
    let long = "x".repeat(20_001);
    let cases = [
        ("/colour", json!("red"), 400, "unknown-field", "colour"),
        ("/terms/price", json!(1), 400, "unknown-field", "terms.price"),
        ("/text/title/owner", json!("x"), 400, "unknown-field", "text.title.owner"),
        ("/id", json!(17), 400, "invalid-field", "id"),
        ("/id", json!("not-a-uuid"), 400, "invalid-field", "id"),
        ("/terms", json!("none"), 400, "invalid-field", "terms"),
        ("/terms/themes", json!("sdg:3.3"), 400, "invalid-field", "terms.themes"),
        ("/terms/themes", json!(["sdg:99.9"]), 400, "theme-unknown", "terms.themes[0]"),
        ("/terms/mechanisms", json!(["telepathy"]), 400, "invalid-field", "terms.mechanisms[0]"),
        ("/terms/places", json!(["XX"]), 400, "place-unknown", "terms.places[0]"),
        ("/terms/valid_through", json!("2026-02-30"), 400, "invalid-field", "terms.valid_through"),
        ("/terms/valid_through", json!("2026-13-01"), 400, "invalid-field", "terms.valid_through"),
        ("/terms/valid_through", json!("tomorrow"), 400, "invalid-field", "terms.valid_through"),
        ("/terms/quantity/amount", json!(digits), 400, "amount-form", "terms.quantity"),
        ("/terms/quantity/amount", json!(12), 400, "invalid-field", "terms.quantity"),
        ("/terms/quantity/amount", json!("1e3"), 400, "amount-form", "terms.quantity"),
        ("/terms/quantity/amount", json!("-1"), 400, "amount-not-positive", "terms.quantity"),
        ("/terms/quantity/unit", json!("bananas"), 400, "unit-unknown", "terms.quantity"),
        ("/text/title", text("es", &long), 400, "text-too-long", "text.title"),
        ("/text/title", many, 400, "too-many-languages", "text.title"),
        ("/text/title", text("es", "  "), 400, "text-required", "text.title"),
        ("/text/title", text("es", "a\u{0}b\u{1b}[31m"), 400, "control-character", "text.title"),
        ("/text/title", text("no such tag", "x"), 400, "invalid-field", "text.title"),
        ("/terms/themes", json!([]), 422, "theme-required", "terms.themes"),
        ("/terms/mechanisms", json!([]), 422, "mechanism-required", "terms.mechanisms"),
        ("/terms/places", json!([]), 422, "place-required", "terms.places"),
        ("/terms/valid_through", json!("2020-01-01"), 422, "date-in-past", "terms.valid_through"),
    ];
    let mut wrong = Vec::new();
    for (pointer, value, status, code, field) in cases {
        let reply = institute.send("publish-offer", &changed(pointer, value)).await;
        let found = (reply.status.as_u16(), reply.body["code"].as_str(), reply.body["field"].as_str());
        let in_field = found.2.is_some_and(|found| found.starts_with(field));
        if (found.0, found.1) != (status, Some(code)) || !in_field {
            wrong.push(format!("{pointer}, {code}: {}", reply.text));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(head(&institute).await, before, "nothing of that was recorded");
    institute.send("publish-offer", &valid).await.accepted();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let (_folder, _ledger, institute) = ledger().await;
    let huge = text("es", &"x".repeat(10 << 20));
    let mut data = listing(Uuid::new_v4(), "Oferta");
    data["text"]["summary"] = huge;
    let reply = institute.send("publish-offer", &data).await;
    reply.refused(413, "body-too-large");
    let line = |id: Uuid, data: &Value| json!({"command": "publish-offer", "id": id, "data": data});
    let small = listing(Uuid::new_v4(), "Otra");
    let told = institute.batch(&[line(Uuid::new_v4(), &data), line(Uuid::new_v4(), &small)]).await;
    assert_eq!((&told[0]["status"], &told[0]["code"]), (&json!(413), &json!("line-too-long")));
    assert_eq!((&told[1]["status"], &told[2]["done"]), (&json!(201), &json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so_and_who_may_not_see_is_not() {
    let (_folder, ledger, institute) = ledger().await;
    let other = ledger.organisation("Otra", "BO").await;
    let (id, offer) = (Uuid::new_v4(), listing(Uuid::new_v4(), "Oferta"));
    let published = institute.send_as(id, "publish-offer", &offer).await.accepted();

    institute.send("publish-banana", &offer).await.refused(404, "unknown-command");
    institute.send("withdraw-offer", &json!({"id": Uuid::new_v4()})).await.refused(404, "record-unknown");
    other.send("withdraw-offer", &json!({"id": offer["id"]})).await.refused(403, "not-owner");
    institute
        .send("verify-organisation", &json!({"id": other.organisation, "method": "operator"}))
        .await
        .refused(403, "role-required");
    User::anonymous(&ledger.server)
        .send("withdraw-offer", &json!({"id": offer["id"]}))
        .await
        .refused(401, "token-required");
    for wrong in ["short", &"A".repeat(43), "\u{20}"] {
        let stranger = User::with_token(&ledger.server, wrong);
        stranger.send("withdraw-offer", &json!({"id": offer["id"]})).await.refused(401, "token-invalid");
    }

    // Command ids are each organisation's own; a reused one is told from a replay.
    other.send_as(id, "publish-offer", &listing(Uuid::new_v4(), "De otra")).await.accepted();
    let again = institute.send_as(id, "publish-offer", &offer).await;
    assert_eq!((again.status.as_u16(), again.headers.get("idempotent-replay").is_some()), (200, true));
    assert_eq!(again.accepted(), published);
    institute
        .send_as(id, "publish-offer", &listing(Uuid::new_v4(), "Otra cosa"))
        .await
        .refused(422, "command-id-reused");
    institute.send("publish-offer", &offer).await.refused(409, "id-exists");

    // A version that is no longer the present one.
    let command =
        |version: &str| institute.command(Uuid::new_v4(), "revise-offer").header("If-Match", version).json(&offer);
    institute.ask(command("\"0\"")).await.accepted();
    institute.ask(command("\"0\"")).await.refused(409, "stale-version");
    institute.ask(command("zero")).await.refused(400, "header-invalid");

    // A grant that is over.
    let recorder = ledger.grant(institute.organisation, "recorder").await;
    recorder.send("pause-offer", &json!({"id": offer["id"]})).await.accepted();
    ledger.admin.send("revoke-access", &json!({"id": recorder.grant})).await.accepted();
    let late = recorder.send("resume-offer", &json!({"id": offer["id"]})).await;
    late.refused(401, "token-invalid");
    let soon =
        (chrono::Utc::now() + chrono::Duration::milliseconds(700)).to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let data = json!({"organisations": [institute.organisation], "role": "recorder", "valid_through": soon});
    let brief = ledger.admin.send("grant-access", &data).await.accepted();
    let brief = User::with_token(&ledger.server, brief["token"].as_str().expect("a token"));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // Until it is over it may act: both are right answers before the deadline.
        let reply = brief.send("revise-offer", &offer).await;
        if reply.status == 401 {
            break reply.refused(401, "token-invalid");
        }
        reply.accepted();
        assert!(Instant::now() < deadline, "the grant is over after its last moment");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_line_in_ten_thousand_spoils_no_other() {
    let (_folder, _ledger, institute) = ledger().await;
    let mut body = String::new();
    for line in 0..10_000 {
        if line == 7_777 {
            body.push_str("{\"command\":\"publish-offer\",\"id\":\"not a uuid\",\"data\":{}}\n");
        } else {
            let data = listing(Uuid::new_v4(), "Oferta");
            body.push_str(&format!("{}\n", json!({"command": "publish-offer", "id": Uuid::new_v4(), "data": data})));
        }
    }
    let told = institute.batch_of(body).await;
    assert_eq!(told.len(), 10_001);
    assert_eq!(told[10_000], json!({"done": true, "accepted": 9_999, "refused": 1}));
    assert_eq!((&told[7_777]["line"], &told[7_777]["code"]), (&json!(7_778), &json!("line-invalid")));
    let in_order = told[..10_000].iter().zip(1..).all(|(told, line)| told["line"] == line);
    assert!(in_order, "answers come in the order of the lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_utf_8_or_breaks_off_is_answered_as_far_as_it_goes() {
    let (_folder, _ledger, institute) = ledger().await;
    let good = json!({"command": "publish-offer", "id": Uuid::new_v4(), "data": listing(Uuid::new_v4(), "Oferta")});
    let mut body = b"\xff\xfe\n".to_vec();
    body.extend_from_slice(good.to_string().as_bytes());
    let told = institute.batch_of(body).await;
    assert_eq!((&told[0]["code"], &told[1]["status"]), (&json!("not-utf8"), &json!(201)));
    assert_eq!(told[2]["done"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_uploads_and_never_reads_is_recorded_and_harms_nobody() {
    let (_folder, _ledger, institute) = ledger().await;
    let before = head(&institute).await.as_u64().expect("a head");
    let lines = 20_000;
    let line = |_| {
        format!(
            "{}\n",
            json!({"command": "publish-offer", "id": Uuid::new_v4(), "data": listing(Uuid::new_v4(), "Oferta")})
        )
    };
    let body: String = (0..lines).map(line).collect();
    let address = institute.request(Method::GET, "/").build().expect("a request").url().authority().to_owned();
    let mut stream = TcpStream::connect(&address).await.expect("it listens");
    let token = institute.token.clone().expect("a token");
    let start = format!(
        "POST /api/v1/commands HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(start.as_bytes()).await.expect("it reads the head");
    stream.write_all(body.as_bytes()).await.expect("it reads on although nobody reads its answer");
    let deadline = Instant::now() + Duration::from_secs(60);
    while head(&institute).await.as_u64().expect("a head") < before + lines {
        assert!(Instant::now() < deadline, "all of it is recorded");
    }
    institute.send("publish-offer", &listing(Uuid::new_v4(), "Otra")).await.accepted();
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_script_and_every_writing_comes_back_as_it_went_in_and_runs_nowhere() {
    let (_folder, ledger, institute) = ledger().await;
    let script = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>&lt;{{7*7}}${7*7}";
    let others = [
        "مرحبا \u{200f}(PAHO) שלום می\u{200c}خواهم",
        "e\u{301}\u{323}\u{300}\u{35c} Z\u{334}\u{335}a",
        "ñandú 你好 🫶🏽 👩🏽\u{200d}⚕\u{fe0f}",
        "tab\there\nand line",
    ];
    for (number, written) in std::iter::once(script).chain(others).enumerate() {
        let id = Uuid::new_v4();
        let mut data = listing(id, written);
        for field in ["summary", "conditions"] {
            data["text"][field] = text("es", written);
        }
        data["text"]["keywords"] = json!([text("es", written)]);
        data["text"]["place_names"] = json!({"PE": text("es", written)});
        let published = institute.send("publish-offer", &data).await.accepted();
        let shown = institute.get(&format!("/api/v1/offers/{id}?wait_for={}", published["sequence"])).await;
        let media = shown.headers.get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(media.as_deref(), Some("application/json"));
        let event = institute.get(&format!("/api/v1/events/{}", published["sequence"])).await.accepted();
        assert_eq!(event["event"]["data"]["text"]["title"]["texts"]["es"], *written, "{number}");
        assert_eq!(event["event"]["data"]["text"]["summary"]["texts"]["es"], *written, "{number}");
        let query = written.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        for path in [
            format!("/es/offers/{id}"),
            "/es/".to_owned(),
            "/es/offers".to_owned(),
            format!("/es/search?q={query}"),
            format!("/en/offers?q={query}"),
        ] {
            let page = institute.ask(institute.request(Method::GET, &path).header("Accept", "text/html")).await;
            assert_eq!(page.status, 200, "{path}: {}", page.text);
            for forbidden in ["<script>alert", "<img src=x", "onerror=alert(1)>", "'><img"] {
                assert!(!page.text.contains(forbidden), "{forbidden} is in {path}");
            }
        }
    }
    // The name, description and offices of an organisation, and the reason of a revocation.
    let id = Uuid::new_v4();
    let profile = json!({"kind": "ngo", "place": "PE"});
    let words = json!({"name": text("es", script), "description": text("es", script), "office": script, "mailbox": script, "website": "https://example.org"});
    let data = json!({"id": id, "standing": "holder", "profile": profile, "text": words});
    let registered = ledger.admin.send("register-organisation", &data).await.accepted();
    institute.get(&format!("/api/v1/organisations/{id}?wait_for={}", registered["sequence"])).await.accepted();
    for path in [format!("/es/organisations/{id}"), "/es/organisations".to_owned()] {
        let page = institute.ask(institute.request(Method::GET, &path).header("Accept", "text/html")).await;
        assert_eq!(page.status, 200, "{path}: {}", page.text);
        assert!(!page.text.contains("<script>alert") && !page.text.contains("<img src=x"), "{path}");
        let policy =
            page.headers.get("content-security-policy").and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains("script-src"),
            "{policy}"
        );
    }
}
