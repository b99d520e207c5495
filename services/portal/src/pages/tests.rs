//! Every page over views of a small ledger in memory, whose every text is an attack. It looks at answers as a browser gets them.

use super::{PAGES, PageState, locale::Language, routes};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use convenio_events::{
    AccessId, CommandId, EventId, LedgerId, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    commitment::Salt,
    entry::Audience,
    log::EventLog,
    memory_log::MemoryLog,
    record::Record,
    recorded::Placement,
    types::{Facts, split_type_name},
};
use convenio_projections::{Settings, ViewName, Views};
use std::{collections::HashMap, sync::Arc, time::Duration};
use tower::ServiceExt as _;
use uuid::Uuid;

const ATTACK: &str = r#"<script>alert(1)</script>"><img src=x onerror=alert(1)>'&amp;"#;

/// What is recorded: type, number of the record, facts, text. `ID1` and its like are ids; `TEXT` is an attack as a JSON string,
/// `MAP` one in a language map.
const STORY: &[(&str, u128, &str, &str)] = &[
    (
        "organisation.registered.v1",
        1,
        r#"{"standing":"holder","profile":{"kind":"ministry","place":"PE","languages":["es"]},"identifiers":["XM-DAC-1"],"visibility":"public"}"#,
        r#"{"name":MAP,"description":MAP,"office":TEXT,"mailbox":TEXT,"website":"javascript:alert(1)","citation":TEXT,"place_names":{"PE":MAP}}"#,
    ),
    (
        "organisation.registered.v1",
        2,
        r#"{"standing":"profile","profile":{"kind":"ngo"},"visibility":"public"}"#,
        r#"{"name":MAP}"#,
    ),
    (
        "organisation.site-added.v1",
        1,
        r#"{"site":"ID11","place":"US-AZ"}"#,
        r#"{"name":MAP,"place_names":{"US-AZ":MAP}}"#,
    ),
    ("organisation.affiliation-claimed.v1", 1, r#"{"affiliation":"ID12","with":"ID2","kind":"part-of"}"#, ""),
    ("organisation.verified.v1", 1, r#"{"method":"official-letter","by_itself":true}"#, ""),
    (
        "offer.published.v1",
        3,
        r#"{"organisation":"ID1","terms":{"themes":["sdg:3.8","mesh:D014611"],"mechanisms":["training"],"modalities":["bilateral"],"places":["PE","US-AZ"],"languages":["es"],"quantity":{"amount":"12345.5","unit":"expert-days"},"costs":[{"item":"travel","bearer":"shared"}],"valid_from":"2024-01-01","valid_through":"2999-12-31","evidence":["ID6"]},"visibility":"public"}"#,
        r#"{"title":MAP,"summary":MAP,"conditions":MAP,"keywords":[MAP],"place_names":{"US-AZ":MAP}}"#,
    ),
    ("offer.reserved.v1", 3, r#"{"agreement":"ID5","quantity":{"amount":"1","unit":"expert-days"}}"#, ""),
    (
        "demand.published.v1",
        4,
        r#"{"organisation":"ID2","terms":{"themes":["dac:12220"],"mechanisms":["study-visit"],"places":["HT"],"urgency":"critical"},"visibility":"public"}"#,
        r#"{"title":MAP,"summary":MAP}"#,
    ),
    (
        "agreement.registered.v1",
        5,
        r#"{"by":"ID1","terms":{"instrument":"mou","parties":[{"organisation":"ID1","roles":["offering"],"represents":"PE","side":"PE","signs":true},{"organisation":"ID2","roles":["requesting"],"signs":false}],"modality":"bilateral","direction":"south-south","mechanisms":["training"],"themes":["sdg:3.8"],"places":["PE"],"effective_on":"2024-01-01","ends_on":"2030-01-01","notice_days":30,"renewal":"automatic","commitments":[{"id":"ID13","provider":"ID1","receiver":"ID2","quantity":{"amount":"100","unit":"PEN"},"due":"2025-01-01","source":"offer/ID3"}],"milestones":[{"id":"ID14","due":"2025-06-30"}],"languages":["es"],"prevailing_language":"es"},"terms_digest":"DIGEST","concluded_on":"2023-12","links":{"convening":"ID7","listings":["demand/ID4"]},"visibility":"public"}"#,
        r#"{"terms":{"title":MAP,"objectives":MAP,"commitments":{"ID13":MAP},"milestones":{"ID14":MAP}},"terms_salt":"DIGEST","citation":TEXT}"#,
    ),
    ("agreement.confirmed.v1", 5, r#"{"by":"ID1"}"#, ""),
    ("agreement.denied.v1", 5, r#"{"by":"ID2"}"#, r#"{"reason":TEXT}"#),
    (
        "agreement.drafted.v1",
        8,
        r#"{"by":"ID1","terms":{"instrument":"mou","parties":[{"organisation":"ID1","roles":["offering"]},{"organisation":"ID2","roles":["requesting"]}],"modality":"bilateral","direction":"not-stated"},"terms_digest":"DIGEST","links":{},"visibility":"parties"}"#,
        r#"{"terms":{"title":{"texts":{"en":"A secret of two parties"}}},"terms_salt":"DIGEST"}"#,
    ),
    (
        "learning.registered.v1",
        6,
        r#"{"by":"ID1","content":{"kind":"framework","authors":["ID1","ID2"],"themes":["sdg:3.8"],"places":["PE"],"languages":["fr"],"licence":"CC-BY-4.0","occurred_on":"2024","links":["convening/ID7"]},"visibility":"public"}"#,
        r#"{"title":MAP,"context":MAP,"done":MAP,"results":MAP,"lessons":MAP,"recommendations":MAP,"enabling_factors":MAP,"limits":MAP,"population":MAP,"citation":TEXT,"keywords":[MAP]}"#,
    ),
    (
        "convening.registered.v1",
        7,
        r#"{"by":"ID1","plan":{"organisers":["ID1"],"participants":["ID2"],"format":"in-person","place":"PE","starts_on":"2024-01-22","ends_on":"2024-01","themes":["sdg:3.8"],"languages":["es","ht"]},"visibility":"public"}"#,
        r#"{"title":MAP,"summary":MAP,"venue":MAP,"citation":TEXT}"#,
    ),
    (
        "convening.session-recorded.v1",
        7,
        r#"{"session":"ID15","kind":"plenary","organisations":["ID1"],"occurred_on":"2024-01-22"}"#,
        r#"{"title":MAP,"summary":MAP}"#,
    ),
    (
        "convening.visit-recorded.v2",
        7,
        r#"{"visit":"ID16","host":"ID2","facilities":["laboratory","pharmacy"],"occurred_on":"2024-01"}"#,
        r#"{"title":MAP,"summary":MAP}"#,
    ),
    ("offer.withdrawn.v1", 3, "{}", r#"{"reason":TEXT}"#),
];

const PUBLIC: &[&str] =
    &["organisations/1", "organisations/2", "offers/3", "demands/4", "agreements/5", "learnings/6", "convenings/7"];

fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number | 0x7000_8000 << 64)
}

/// Puts ids and attacks where the story names them. The map is in a language that no page is written in.
fn filled(template: &str) -> String {
    let text = serde_json::to_string(ATTACK).expect("a text");
    let map = format!(r#"{{"texts":{{"qu":{text}}}}}"#);
    let mut filled = template.replace("MAP", &map).replace("TEXT", &text);
    filled = filled.replace("DIGEST", &convenio_events::commitment::Digest([7; 32]).to_string());
    for number in (1..=16).rev() {
        filled = filled.replace(&format!("ID{number}"), &uuid(number).to_string());
    }
    filled
}

fn recorded() -> Vec<RecordedEvent> {
    let mut versions: HashMap<Subject, u64> = HashMap::new();
    let ledger = LedgerId::new(uuid(100));
    let encode = |(at, (type_name, number, facts, text)): (usize, &(&str, u128, &str, &str))| {
        let (kind, suffix) = split_type_name(&format!("org.convenio.{type_name}"))
            .map(|(kind, suffix)| (kind, suffix.to_owned()))
            .expect("a type");
        let subject = Subject::new(kind, uuid(*number));
        let version = versions.entry(subject).or_default();
        let facts = Facts::decode(kind, &suffix, &filled(facts))
            .expect("a type")
            .unwrap_or_else(|error| panic!("{type_name}: {error}"));
        let record = Record {
            actor: format!("organisation/{}", uuid(1)).parse().expect("an actor"),
            causation_id: None,
            command_digest: None,
            command_id: CommandId::new(uuid(1_000 + at as u128)),
            correlation_id: None,
            facts,
            grant: Some(AccessId::new(uuid(99))),
            id: EventId::new(uuid(2_000 + at as u128)),
            stream_version: StreamVersion(*version),
            subject,
        };
        *version += 1;
        let placement = Placement {
            ledger,
            sequence: Sequence(at as u64),
            time: Timestamp::from_micros(1_700_000_000_000_000 + at as i64),
            audience: if *number == 8 { Audience::Restricted } else { Audience::Public },
            record_salt: Salt([1; 32]),
            text_salt: Salt([2; 32]),
        };
        RecordedEvent::encode(&record, (!text.is_empty()).then(|| filled(text).into()), &placement)
    };
    STORY.iter().enumerate().map(encode).collect()
}

struct Portal {
    router: Router,
    _folder: tempfile::TempDir,
}

async fn portal(events: Vec<RecordedEvent>) -> Portal {
    let log = MemoryLog::default();
    let head = Sequence(events.len() as u64);
    log.open_writer().await.expect("a free log").writer.append(Arc::new(events)).await.expect("memory does not fail");
    let folder = tempfile::tempdir().expect("a folder");
    let views = Views::start(Settings::new(folder.path().join("views")), Arc::new(log)).await.expect("the views start");
    let settled = views.wait_for(&ViewName::ALL, head, Duration::from_secs(60)).await;
    assert!(settled.is_ok(), "{:?}", views.statuses());
    let state = PageState {
        views,
        questions: crate::questions::Questions::default(),
        ledger: LedgerId::new(uuid(100)),
        public_url: "http://portal.example".into(),
        clock: Arc::new(|| "2026-01-15T12:00:00Z".parse().expect("a time")),
        started: "test".into(),
    };
    Portal { router: routes(&state), _folder: folder }
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    html: String,
}

impl Portal {
    async fn get(&self, path: &str) -> Answer {
        self.get_with(path, header::ACCEPT, "text/html").await
    }

    async fn get_with(&self, path: &str, name: header::HeaderName, value: &str) -> Answer {
        let request = Request::get(path).header(name, value).body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("a router cannot fail");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 24).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, html: String::from_utf8(body.into()).expect("UTF-8") }
    }
}

/// Every page there is, in one language.
fn all_paths(code: &str) -> Vec<String> {
    let records = PUBLIC.iter().map(|path| {
        let (collection, number) = path.split_once('/').expect("a path");
        format!("/{code}/{collection}/{}", uuid(number.parse().expect("a number")))
    });
    let fixed = PAGES.iter().filter(|(path, _)| !path.contains('{')).map(|(path, _)| format!("/{code}{path}"));
    let asked = [
        "/?q=alert&country=PE&theme=sdg:3.8&sort=title&from=2024-01-01".to_owned(),
        "/search?q=alert".to_owned(),
        format!("/audit?subject=offer/{}&kind=offer", uuid(3)),
        format!("/activity?organisation={}", uuid(1)),
        format!("/offers/{}?as_of_sequence=6", uuid(3)),
        format!("/offers?organisation={}&state=open&wait_for={}", uuid(1), STORY.len() - 1),
    ];
    fixed.chain(records).chain(asked.map(|path| format!("/{code}{path}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_answers_in_every_language_and_runs_no_script() {
    let portal = portal(recorded()).await;
    for language in Language::all() {
        for path in all_paths(language.code()) {
            let answer = portal.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.html);
            assert!(answer.html.contains(&format!("<html lang=\"{}\"", language.code())), "{path}");
            for attack in ["<script", "<img", "javascript:alert(1)\"", "\"javascript:"] {
                assert!(!answer.html.contains(attack), "{path} has {attack}");
            }
            assert!(!answer.html.contains("A secret of two parties"), "{path} tells a secret");
            assert_eq!(answer.html.matches("<h1").count(), 1, "{path}");
            assert_eq!(answer.headers["content-language"], language.code());
            assert!(answer.headers["content-security-policy"].to_str().expect("ASCII").contains("default-src 'none'"));
            assert_eq!(answer.headers["convenio-sequence"], (STORY.len() - 1).to_string(), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_empty_ledger_answer_too() {
    let portal = portal(Vec::new()).await;
    for path in ["/en/", "/es/agreements", "/en/activity", "/es/audit", "/en/search?q=x", "/es/about"] {
        assert_eq!(portal.get(path).await.status, StatusCode::OK, "{path}");
    }
    // Nobody who comes to one is told to search for less.
    for (path, begins, narrows) in [("/en/", true, false), ("/es/offers", true, false), ("/en/?q=x", false, true)] {
        let page = portal.get(path).await.html;
        let hints = ["There is nothing here now.", "no hay nada por ahora."].map(|words| page.contains(words));
        let told = (hints.contains(&true), page.contains("Try fewer words"));
        assert_eq!(told, (begins, narrows), "{path}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn claimed_confirmed_and_denied_are_told_apart_in_words() {
    let portal = portal(recorded()).await;
    let agreement = portal.get(&format!("/en/agreements/{}", uuid(5))).await.html;
    for words in ["Claimed", "Denied", "original in Quechua", "Stands for", "PEN 100"] {
        assert!(agreement.contains(words), "{words} is missing");
    }
    let organisation = portal.get(&format!("/es/organisations/{}", uuid(2))).await.html;
    assert!(organisation.contains("perfil hecho por terceros"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_of_a_record_can_be_read() {
    let portal = portal(recorded()).await;
    let (now, then) = (format!("/en/offers/{}", uuid(3)), format!("/en/offers/{}?as_of_sequence=5", uuid(3)));
    let (now, then) = (portal.get(&now).await.html, portal.get(&then).await.html);
    assert!(now.contains(">Withdrawn</span>") && !now.contains("You see this record as it was"));
    assert!(then.contains(">Open</span>") && then.contains("You see this record as it was at sequence 5"));
    let before = portal.get(&format!("/en/offers/{}?as_of_sequence=1", uuid(3))).await;
    assert_eq!(before.status, StatusCode::NOT_FOUND);
    assert!(then.contains(&format!("/api/v1/offers/{}?as_of_sequence=5", uuid(3))), "the same as data");
    let ahead = portal.get(&format!("/en/offers/{}?as_of_sequence=9999", uuid(3))).await;
    assert_eq!(ahead.status, StatusCode::BAD_REQUEST);
    assert!(ahead.html.contains("There is no event with this sequence yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_convening_lists_what_came_of_it_and_its_past_does_not() {
    let portal = portal(recorded()).await;
    let path = |code: &str| format!("/{code}/convenings/{}", uuid(7));
    for (code, heading, kind) in [("en", "What came of it", "Framework"), ("es", "Qué surgió de esto", "Marco")] {
        let html = portal.get(&path(code)).await.html;
        let section = html.split("id=\"outputs\"").nth(1).unwrap_or_else(|| panic!("{code}: {html}"));
        let section = section.split("</section>").next().unwrap_or_default();
        for expected in
            [heading, kind, &format!("/{code}/learnings/{}", uuid(6)), &format!("/{code}/agreements/{}", uuid(5))]
        {
            assert!(section.contains(expected), "{code}: {expected}: {section}");
        }
    }
    let offer = portal.get(&format!("/en/offers/{}", uuid(3))).await.html;
    assert!(!offer.contains("id=\"outputs\""), "nothing came of it");
    let demand = portal.get(&format!("/en/demands/{}", uuid(4))).await.html;
    assert!(demand.contains("id=\"outputs\"") && demand.contains(&format!("/en/agreements/{}", uuid(5))));
    let past = portal.get(&format!("{}?as_of_sequence=13", path("en"))).await.html;
    assert!(past.contains("You see this record as it was") && !past.contains("id=\"outputs\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_say_until_when_they_know() {
    let portal = portal(recorded()).await;
    let lists =
        ["/", "/offers", "/demands", "/organisations", "/agreements", "/learnings", "/convenings", "/search?q=alert"];
    for (code, words) in [("en", "Up to what was recorded on"), ("es", "Hasta lo registrado el")] {
        for list in lists.iter().chain(&["/activity", "/audit"]) {
            let html = portal.get(&format!("/{code}{list}")).await.html;
            assert!(
                html.contains(words) && html.contains("datetime=\"2023-11-14T22:13:20.0000"),
                "{code}{list}: {html}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_understood_is_said_in_the_readers_language() {
    let portal = portal(recorded()).await;
    let table = [
        ("/es/nada".to_owned(), StatusCode::NOT_FOUND, "Esta página no existe"),
        ("/environment".to_owned(), StatusCode::NOT_FOUND, "There is no such page"),
        ("/es/offers/x".to_owned(), StatusCode::NOT_FOUND, "Esta página no existe"),
        (format!("/en/agreements/{}", uuid(8)), StatusCode::NOT_FOUND, "There is no such page"),
        (format!("/en/demands/{}", uuid(3)), StatusCode::NOT_FOUND, "There is no such page"),
        ("/es/?from=2024-02-30".to_owned(), StatusCode::BAD_REQUEST, "Una fecha se escribe"),
        ("/en/?q=%FF".to_owned(), StatusCode::BAD_REQUEST, "cannot be read"),
        ("/en/?cursor=nonsense".to_owned(), StatusCode::BAD_REQUEST, "first page"),
        ("/en/?sort=price".to_owned(), StatusCode::BAD_REQUEST, "no such order"),
        ("/es/audit?subject=%3Cscript%3E".to_owned(), StatusCode::BAD_REQUEST, "Un registro se nombra"),
        ("/en/?wait_for=soon".to_owned(), StatusCode::BAD_REQUEST, "whole number"),
        ("/en/audit?cursor=many".to_owned(), StatusCode::BAD_REQUEST, "cursor"),
    ];
    for (path, status, words) in table {
        let answer = portal.get(&path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.html.contains(words) && !answer.html.contains("<script"), "{path}: {}", answer.html);
    }
    let tidied = portal.get("/en/offers/").await;
    assert_eq!(
        (tidied.status, &tidied.headers[header::LOCATION]),
        (StatusCode::PERMANENT_REDIRECT, &"/en/offers".parse().expect("a header"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_come_in_by_their_language_and_change_it_where_they_are() {
    let portal = portal(recorded()).await;
    let home = portal.get_with("/", header::ACCEPT_LANGUAGE, "es-PE,es;q=0.9,en;q=0.8").await;
    assert_eq!(
        (home.status, &home.headers[header::LOCATION]),
        (StatusCode::TEMPORARY_REDIRECT, &"/es/".parse().expect("a header"))
    );
    let html = portal.get("/en/?q=a%26b&theme=sdg:3.8").await.html;
    assert!(html.contains(r##"href="/es/?q=a%26b&#38;theme=sdg:3.8" hreflang="es""##), "{html}");
    assert!(html.contains(
        r##"<link rel="alternate" hreflang="es" href="http://portal.example/es/?q=a%26b&#38;theme=sdg:3.8">"##
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_has_not_changed_is_not_sent_again() {
    let portal = portal(recorded()).await;
    let first = portal.get("/en/").await;
    let tag = first.headers[header::ETAG].to_str().expect("ASCII").to_owned();
    let again = portal.get_with("/en/", header::IF_NONE_MATCH, &tag).await;
    assert_eq!((again.status, again.html.as_str()), (StatusCode::NOT_MODIFIED, ""));
    let style = first
        .html
        .split("href=\"/assets/portal-")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a style sheet");
    let style = portal.get(&format!("/assets/portal-{style}")).await;
    assert_eq!(
        (style.status, &style.headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &"text/css; charset=utf-8".parse().expect("a header"))
    );
}
