//! What the body of a command may hold: every list, map and text has a limit, members are named once, and each value has one
//! spelling. Rules of records are in other files.

use crate::{
    cast::{By, SOCIOS, agreement, listing, organisation, text, uuid, with},
    node::{Call, Node, Setup},
};
use convenio_events::{
    RecordedEvent, Sequence, canonical, commitment::command_digest, log::EventLog as _, memory_log::MemoryLog,
    record::Record, recorded::Placement, types::Facts,
};
use convenio_ledger::{
    body::{Form, SHAPES, Shape},
    commands::Command,
    rejection::VALUE_CODES,
    submission::Body,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};

/// Every limit of a shape, by the path at which it holds; `None` where there is none.
fn limits(shape: &Shape, path: &str, found: &mut BTreeMap<String, Option<usize>>) {
    match shape {
        Shape::Plain | Shape::Word(_) | Shape::Whole => {}
        Shape::Text { limit, form } => {
            if *form == Form::Free || limit.is_some() {
                found.insert(path.to_owned(), *limit);
            }
        }
        Shape::List { limit, items } => {
            found.insert(format!("{path}[]"), *limit);
            limits(items, &format!("{path}[]."), found);
        }
        Shape::Map { limit, values, .. } => {
            found.insert(format!("{path}{{}}"), *limit);
            limits(values, &format!("{path}{{}}."), found);
        }
        Shape::Members(members) => {
            members.iter().for_each(|(name, member)| limits(member, &format!("{path}.{name}"), found));
        }
        Shape::Either(shapes) => shapes.iter().for_each(|shape| limits(shape, path, found)),
    }
}

#[test]
fn every_list_map_and_text_of_every_command_has_a_limit() {
    let mut shown = Vec::new();
    let mut lists = 0;
    for name in Command::NAMES {
        let mut found = BTreeMap::new();
        limits(&SHAPES[name], "", &mut found);
        lists += found.keys().filter(|path| path.ends_with("[]")).count();
        shown.extend(found.iter().filter(|(_, limit)| limit.is_none()).map(|(path, _)| format!("{name}{path}")));
    }
    assert_eq!(shown, Vec::<String>::new(), "without a limit in the schema");
    assert!(lists > 80, "the shapes were read: {lists} lists");
    let of = |command: &str, path: &str| {
        let mut found = BTreeMap::new();
        limits(&SHAPES[command], "", &mut found);
        found.get(path).copied().flatten()
    };
    for (command, path, limit) in [
        ("publish-offer", ".terms.themes[]", 200),
        ("publish-offer", ".text.keywords[]", 50),
        ("publish-offer", ".text.title.texts{}", 64),
        ("publish-offer", ".text.title.texts{}.", 300),
        ("publish-offer", ".text.summary.texts{}.", 20_000),
        ("draft-agreement", ".terms.parties[]", 100),
        ("draft-agreement", ".text.commitments{}", 200),
        ("grant-access", ".organisations[]", 200),
        ("register-organisation", ".identifiers[]", 50),
        ("register-organisation", ".text.mailbox", 320),
        ("revoke-access", ".reason", 2_000),
    ] {
        assert_eq!(of(command, path), Some(limit), "{command}{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_breaks_a_limit_is_refused_where_it_stands() {
    let node = Node::with_cast().await;
    let offer = |pointer: &str, new: Value| with(listing(1), pointer, new);
    let named = |pointer: &str, new: Value| with(organisation(0x91, "profile"), pointer, new);
    let many = |count: usize| -> serde_json::Map<String, Value> {
        let peru = ["AMA", "ANC", "APU", "ARE", "AYA", "CAJ"];
        peru.iter().take(count).map(|part| (format!("PE-{part}"), text("A valley"))).collect()
    };
    let head = node.head();
    for (command, data, expected) in [
        ("publish-offer", offer("/terms/themes", json!(vec!["sdg:3.3"; 201])), "too-many-items@terms.themes"),
        ("publish-offer", offer("/terms/modalities", json!(vec!["network"; 201])), "too-many-items@terms.modalities"),
        ("publish-offer", offer("/text/keywords", json!(vec![text("tb"); 51])), "too-many-items@text.keywords"),
        (
            "publish-offer",
            offer("/text/keywords", json!([text(&"é".repeat(101))])),
            "text-too-long@text.keywords[0].texts.en",
        ),
        ("publish-offer", offer("/text/title", text(&"é".repeat(301))), "text-too-long@text.title.texts.en"),
        ("register-organisation", named("/text/name", text(&"x".repeat(3_000))), "text-too-long@text.name.texts.en"),
        ("register-organisation", named("/text/office", json!("x".repeat(301))), "text-too-long@text.office"),
        ("register-organisation", named("/identifiers", json!(vec!["XM-DAC-1"; 51])), "too-many-items@identifiers"),
        ("pause-offer", json!({"id": uuid(1), "reason": "x".repeat(2_001)}), "text-too-long@reason"),
        (
            "draft-agreement",
            with(agreement(1), "/links", json!({"listings": vec![format!("offer/{}", uuid(1)); 201]})),
            "too-many-items@links.listings",
        ),
    ] {
        assert_eq!(node.tell(By::Socios, command, data).await, expected, "{command}");
    }
    assert_eq!(node.head(), head, "nothing was recorded");
    let most = with(offer("/text/title", text(&"é".repeat(300))), "/text/place_names", Value::Object(many(6)));
    assert_eq!(node.tell(By::Socios, "publish-offer", most).await, "offer.published");
}

#[tokio::test(start_paused = true)]
async fn texts_that_deceive_the_eye_are_refused_in_every_field() {
    let node = Node::with_cast().await;
    let offer = |pointer: &str, new: Value| with(listing(1), pointer, new);
    for (command, data, expected) in [
        ("publish-offer", offer("/text/title", text("pay \u{202e}001")), "direction-control@text.title.texts.en"),
        ("publish-offer", offer("/text/summary", text("a\u{200b}b")), "invisible-character@text.summary.texts.en"),
        (
            "publish-offer",
            offer("/text/keywords", json!([text("a\u{2060}b")])),
            "invisible-character@text.keywords[0].texts.en",
        ),
        ("publish-offer", offer("/text/title", text("\u{3164}\u{115f}")), "invisible-character@text.title.texts.en"),
        ("publish-offer", offer("/text/title", text("\u{2800}")), "invisible-character@text.title.texts.en"),
        ("pause-offer", json!({"id": uuid(1), "reason": "a\u{2066}b"}), "direction-control@reason"),
        (
            "grant-access",
            json!({"organisations": [uuid(SOCIOS)], "role": "recorder", "office": "Of\u{ad}fice"}),
            "invisible-character@office",
        ),
        (
            "publish-offer",
            offer("/text/place_names", json!({"PE": text("Lima\u{200d}")})),
            "invisible-character@text.place_names.PE.texts.en",
        ),
    ] {
        assert_eq!(node.tell(By::Socios, command, data).await, expected, "{command}");
    }
    let persian = offer("/text/title", json!({"texts": {"fa": "آموزش می\u{200c}دهیم"}}));
    assert_eq!(node.tell(By::Socios, "publish-offer", persian).await, "offer.published", "its script needs it");
}

#[tokio::test(start_paused = true)]
async fn a_member_is_named_once_in_whatever_spelling() {
    let node = Node::with_cast().await;
    let twice = |texts: &str| {
        let whole = with(listing(1), "/text/title", json!({"original": "es", "texts": "HERE"})).to_string();
        whole.replace("\"HERE\"", texts)
    };
    let marked = with(
        listing(1),
        "/text/title",
        json!({"original": "en", "texts": {"en": "a", "es": "b"}, "translations": {"es": "machine", "spa": "other"}}),
    );
    for (data, expected) in [
        (twice(r#"{"es":"a","es":"b"}"#), "member-twice@text.title.texts.es"),
        (twice(r#"{"es":"a","ES":"b"}"#), "member-twice@text.title.texts.es"),
        (twice(r#"{"es":"a","spa":"b"}"#), "member-twice@text.title.texts.spa"),
        (marked.to_string(), "member-twice@text.title.translations.spa"),
        (listing(1).to_string().replacen('{', r#"{"terms":{},"#, 1), "member-twice@terms"),
        (
            with(listing(1), "/text/place_names", json!("X"))
                .to_string()
                .replace("\"X\"", r#"{"PE":{"texts":{"en":"a"}},"PE":{"texts":{"en":"a"}}}"#),
            "member-twice@text.place_names.PE",
        ),
    ] {
        let call = Call {
            data: data.clone().into_bytes(),
            ..Call::new(By::Socios.credential(), "publish-offer", &Value::Null)
        };
        let said = node.send(call).await;
        let right = said == expected || said.replace(".ES", ".es") == expected;
        assert!(right, "{said} instead of {expected}: {data}");
    }
}

#[tokio::test(start_paused = true)]
async fn languages_and_places_are_looked_up_and_have_one_spelling() {
    let node = Node::with_cast().await;
    let offer = |pointer: &str, new: Value| with(listing(1), pointer, new);
    for (data, expected) in [
        (offer("/terms/languages", json!(["es", "zz"])), "language-unknown@terms.languages[1]"),
        (offer("/text/title", json!({"texts": {"zz": "a"}})), "language-unknown@text.title.texts.zz"),
        (offer("/terms/places", json!(["PE-ZZZ"])), "place-unknown@terms.places[0]"),
        (offer("/text/place_names", json!({"PE-ZZZ": text("a")})), "place-unknown@text.place_names.PE-ZZZ"),
    ] {
        assert_eq!(node.tell(By::Socios, "publish-offer", data).await, expected);
    }
    let spelt = offer("/terms/languages", json!(["spa", "PT-br"]));
    let spelt = with(
        with(spelt, "/terms/places", json!(["PE-LIM", "IN-OR"])),
        "/text/title",
        json!({"original": "SPA", "texts": {"spa": "Curso"}}),
    );
    assert_eq!(node.tell(By::Socios, "publish-offer", spelt).await, "offer.published");
    let event = node.events(node.head() - 1).await.remove(0);
    let facts: Value = serde_json::from_str(&event.facts.to_canonical()).expect("JSON");
    assert_eq!(facts["terms"]["languages"], json!(["es", "pt-BR"]));
    assert_eq!(facts["terms"]["places"], json!(["PE-LIM", "IN-OR"]));
    let words: Value = serde_json::from_str(event.text.as_deref().expect("has a text")).expect("JSON");
    assert_eq!(words["title"], json!({"original": "es", "texts": {"es": "Curso"}}));
}

#[tokio::test(start_paused = true)]
async fn the_same_command_has_one_form_however_it_is_written() {
    let node = Node::with_cast().await;
    let plain = with(listing(1), "/terms/languages", json!(["es"]));
    let first = Call::new(By::Socios.credential(), "publish-offer", &plain).under(7);
    assert_eq!(node.send(first.clone()).await, "offer.published");
    let mut unsaid = with(plain.clone(), "/terms/languages", json!(["spa"]));
    unsaid["visibility"] = Value::Null;
    unsaid["terms"]["site"] = Value::Null;
    let head = node.head();
    for data in [plain, unsaid] {
        let answer = node.answer(&Call { data: data.to_string().into_bytes(), ..first.clone() }).await;
        assert!(answer.is_ok_and(|accepted| accepted.replay), "{data}");
    }
    assert_eq!(node.head(), head);
    let other = with(listing(1), "/visibility", json!("members"));
    assert_eq!(node.send(Call { data: other.to_string().into_bytes(), ..first }).await, "command-id-reused");
    let notice = |number: &str| {
        let whole = with(agreement(2), "/terms/notice_days", json!("N")).to_string();
        Call {
            data: whole.replace("\"N\"", number).into_bytes(),
            ..Call::new(By::Socios.credential(), "draft-agreement", &Value::Null)
        }
    };
    assert_eq!(node.send(notice("30.5")).await, "invalid-field@terms.notice_days");
    assert_eq!(
        node.send(notice("30.0").under(8)).await,
        "(agreement.drafted)",
        "a whole number, however it is written"
    );
    let again = node.answer(&notice("3e1").under(8)).await;
    assert!(again.is_ok_and(|accepted| accepted.replay));
}

/// A ledger in which an older version published an offer: it looked no subdivision up, and took the digest of the data as
/// they were written.
async fn recorded_before(data: &Value) -> Node {
    let node = Node::with_cast().await;
    let today = data.to_string().replace("PE-ZZZ", "PE-LIM").replace("zz", "en");
    let call = Call::new(By::Socios.credential(), "publish-offer", &Value::Null).under(9);
    node.answer(&Call { data: today.into_bytes(), ..call }).await.expect("is taken");
    let at = node.head() - 1;
    let mut events = Vec::new();
    while (events.len() as u64) < node.head() {
        let from = Sequence(events.len() as u64);
        events.extend(node.setup.log.read(from, usize::MAX).await.expect("reads"));
    }
    let event = node.events(at).await.remove(0);
    let recorded = events.last_mut().expect("is there");
    let text_salt = recorded.text_salt.expect("has a text");
    let written = json!({"command": "publish-offer", "data": data, "expected_version": null});
    let facts = event.facts.to_canonical().replace("PE-LIM", "PE-ZZZ");
    let facts = Facts::decode(event.subject.kind, event.facts.suffix(), &facts).expect("is known").expect("is read");
    let record = Record {
        actor: event.actor,
        causation_id: event.causation_id,
        command_digest: Some(command_digest(&text_salt, canonical::to_string(&written).as_bytes())),
        command_id: event.command_id,
        correlation_id: event.correlation_id,
        facts,
        grant: event.grant,
        id: event.id,
        stream_version: event.stream_version,
        subject: event.subject,
    };
    let (ledger, sequence, time, audience) = (event.ledger, event.sequence, event.time, event.audience);
    let placement = Placement { ledger, sequence, time, audience, record_salt: recorded.record_salt, text_salt };
    *recorded = RecordedEvent::encode(&record, recorded.text.clone(), &placement);
    let log = MemoryLog::default();
    let mut opened = log.open_writer().await.expect("opens");
    opened.writer.submit(Arc::new(events)).await.expect("takes them");
    Setup { log: Arc::new(log), ..Setup::new() }.start()
}

#[tokio::test(start_paused = true)]
async fn what_an_older_version_recorded_is_still_answered_as_a_replay() {
    let mut data = with(listing(1), "/terms/places", json!(["PE-ZZZ"]));
    data["visibility"] = Value::Null;
    let unknown = with(data.clone(), "/text/title", json!({"texts": {"zz": "Training"}}));
    for data in [&unknown, &data] {
        let node = recorded_before(data).await;
        let call = Call::new(By::Socios.credential(), "publish-offer", data).under(9);
        let replay = node.answer(&call).await;
        assert!(replay.as_ref().is_ok_and(|accepted| accepted.replay), "{replay:?}");
    }
    let node = recorded_before(&data).await;
    let call = Call::new(By::Socios.credential(), "publish-offer", &data).under(9);
    assert_eq!(
        node.send(call.under(10)).await,
        "place-unknown@terms.places[0]",
        "what is new is held to what is asked today"
    );
}

#[test]
fn every_code_of_a_value_is_named_in_the_contract() {
    assert!(VALUE_CODES.is_sorted());
    for (name, data, code) in [
        ("publish-offer", with(listing(1), "/text/title", text("a\u{202e}")), "direction-control"),
        ("publish-offer", with(listing(1), "/terms/languages", json!(["zz"])), "language-unknown"),
        (
            "register-organisation",
            with(organisation(1, "profile"), "/identifiers", json!(["XM-DAC-N/A"])),
            "identifier-form",
        ),
    ] {
        let refused = Body::parse(name, data.to_string().as_bytes(), None).and_then(Body::checked).expect_err(code);
        assert_eq!(refused.code, code);
        assert!(VALUE_CODES.iter().any(|(known, _)| *known == code), "{code}");
    }
}
