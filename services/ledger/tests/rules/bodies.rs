//! Bodies that are not what they should be: each names its field and a stable code, and nothing is recorded.

use crate::{
    cast::{By, SOCIOS, listing, text, uuid, with},
    node::{Call, Node},
};
use convenio_ledger::{authorise::Credential, submission::Body};
use serde_json::{Value, json};

/// Checks that a body is refused with a code and a field.
async fn check(node: &Node, data: impl Into<Vec<u8>>, expected: &str) {
    let data = data.into();
    let shown: String = String::from_utf8_lossy(&data).chars().take(200).collect();
    let call = Call { data, ..Call::new(By::Socios.credential(), "publish-offer", &Value::Null) };
    let head = node.head();
    assert_eq!(node.send(call).await, expected, "{shown}");
    assert_eq!(node.head(), head, "a refusal writes nothing: {shown}");
}

fn offer(pointer: &str, new: Value) -> String {
    with(listing(1), pointer, new).to_string()
}

#[tokio::test(start_paused = true)]
async fn what_is_not_json_is_refused_as_that() {
    let node = Node::with_cast().await;
    for broken in ["", "{", "nonsense", "{\"id\":}", "\u{feff}{}", "{'id':1}"] {
        let call = Call { data: broken.into(), ..Call::new(By::Socios.credential(), "pause-offer", &Value::Null) };
        let said = node.send(call).await;
        assert!(said == "malformed-json", "{broken:?}: {said}");
    }
    let mut invalid_utf8 = offer("/text/title", text("X")).into_bytes();
    let at = invalid_utf8.iter().position(|byte| *byte == b'X').expect("is there");
    invalid_utf8[at] = 0xff;
    check(&node, invalid_utf8, "malformed-json").await;
    check(&node, offer("/text/title", text("X")).replace('X', "\\ud800"), "malformed-json").await;
    check(&node, format!("{{\"colour\":{}", "[".repeat(10_000)), "malformed-json").await;
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_wrong_is_named_with_its_rule() {
    let node = Node::with_cast().await;
    let sixty_five: serde_json::Map<_, _> = (b'a'..=b'z')
        .flat_map(|a| (b'a'..=b'z').map(move |b| (a, b)))
        .take(65)
        .map(|(a, b)| (format!("{}{}", a as char, b as char), json!("words")))
        .collect();
    let amount = |amount: &str| json!({"amount": amount, "unit": "expert-days"});
    let cases = [
        ("/terms/colour", json!("red"), "unknown-field@terms.colour"),
        ("/text/title/color", json!("red"), "unknown-field@text.title.color"),
        ("/id", json!(17), "invalid-field@id"),
        ("/id", json!("17"), "invalid-field@id"),
        ("/terms", json!("all of them"), "invalid-field@terms"),
        ("/terms", Value::Null, "invalid-field@terms"),
        ("/terms/themes", json!(["sdg:99"]), "theme-unknown@terms.themes[0]"),
        ("/terms/themes", json!({"sdg": 3}), "invalid-field@terms.themes"),
        ("/terms/mechanisms", json!(["training", "magic"]), "invalid-field@terms.mechanisms[1]"),
        ("/terms/places", json!(["ZZ"]), "place-unknown@terms.places[0]"),
        ("/terms/quantity", amount(&"9".repeat(40)), "amount-form@terms.quantity.amount"),
        ("/terms/quantity", amount("1e3"), "amount-form@terms.quantity.amount"),
        ("/terms/quantity", json!({"amount": 10, "unit": "expert-days"}), "invalid-field@terms.quantity.amount"),
        ("/terms/quantity", amount("0"), "amount-not-positive@terms.quantity"),
        ("/terms/quantity", amount("-1"), "amount-not-positive@terms.quantity"),
        ("/terms/quantity", json!({"amount": "1", "unit": "hugs"}), "unit-unknown@terms.quantity.unit"),
        ("/terms/valid_through", json!("2026-02-30"), "invalid-field@terms.valid_through"),
        ("/terms/valid_through", json!("2026-13-01"), "invalid-field@terms.valid_through"),
        ("/terms/valid_through", json!("2026-3-1"), "invalid-field@terms.valid_through"),
        ("/terms/valid_through", json!("2026-03"), "invalid-field@terms.valid_through"),
        ("/terms/time_zone", json!("Lima"), "invalid-field@terms.time_zone"),
        ("/terms/languages", json!(["Spanish"]), "invalid-field@terms.languages[0]"),
        ("/text/title", json!({"texts": {}}), "text-required@text.title"),
        ("/text/title", text(" \n\t"), "text-required@text.title"),
        ("/text/title", json!({"texts": {"en": "a", "es": "b"}}), "original-required@text.title"),
        ("/text/title", json!({"original": "aa", "texts": sixty_five}), "too-many-languages@text.title"),
        ("/text/title", text(&"é".repeat(20_001)), "text-too-long@text.title"),
        ("/text/title", text("a\u{0}b"), "control-character@text.title"),
        ("/text/title", text("a\u{7f}b"), "control-character@text.title"),
        ("/text/title", json!({"texts": {"e n": "a"}}), "invalid-field@text.title.texts.e n"),
        ("/visibility", json!("secret"), "invalid-field@visibility"),
    ];
    for (pointer, new, expected) in cases {
        check(&node, offer(pointer, new), expected).await;
    }
    let twice = offer("/id", json!(uuid(1))).replacen('{', &format!("{{\"id\":\"{}\",", uuid(2)), 1);
    check(&node, twice, "member-twice@id").await;
}

#[tokio::test(start_paused = true)]
async fn every_script_and_combination_is_kept_as_it_was_written() {
    let node = Node::with_cast().await;
    let texts = [
        "<script>alert(1)</script>",
        "שלום \u{200f}abc",
        "e\u{301}\u{323}",
        "👩🏽‍⚕️",
        "a\tb\nc",
        "\u{fffd}",
        "Diné Bikéyah",
    ];
    for (id, words) in (1..).zip(texts) {
        let long = &"é".repeat(20_000);
        let data = with(with(listing(id), "/text/title", text(words)), "/text/summary", text(long));
        assert_eq!(node.tell(By::Socios, "publish-offer", data).await, "offer.published", "{words}");
        let event = node.events(node.head() - 1).await.remove(0);
        let stored: Value = serde_json::from_str(event.text.as_deref().expect("has a text")).expect("is JSON");
        assert_eq!(stored["title"]["texts"]["en"], words);
        assert_eq!(stored["summary"]["texts"]["en"], *long);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_body_is_told_only_to_those_who_are_known() {
    use convenio_events::commitment::Digest;
    let node = Node::with_cast().await;
    let unknown = Credential::Token(Digest([1; 32]));
    for (command, data) in [("fly-to-the-moon", "{}"), ("publish-offer", "{"), ("publish-offer", "{\"colour\":1}")] {
        let call = Call { data: data.into(), ..Call::new(unknown, command, &Value::Null) };
        assert_eq!(node.send(call.clone()).await, "token-invalid");
        let known = Call { credential: By::Socios.credential(), ..call };
        assert_ne!(node.send(known).await, "token-invalid");
    }
}

#[tokio::test(start_paused = true)]
async fn a_website_is_an_address_of_the_web() {
    let node = Node::with_cast().await;
    let revised = |website: &str| {
        let profile = json!({"kind": "ngo", "place": "PE"});
        json!({"id": uuid(SOCIOS), "profile": profile, "text": {"name": text("Example NGO"), "website": website}})
    };
    let long = format!("https://example.org/{}", "x".repeat(2_048));
    for (wrong, expected) in [
        ("javascript:alert(1)", "website-form@text.website"),
        ("javascript://example.org/%0aalert(1)", "website-form@text.website"),
        ("ftp://example.org", "website-form@text.website"),
        ("www.example.org", "website-form@text.website"),
        ("http:example.org", "website-form@text.website"),
        ("https://", "website-form@text.website"),
        ("https:///path", "website-form@text.website"),
        ("https://:443/", "website-form@text.website"),
        ("https://example.org:port/", "website-form@text.website"),
        ("https://example.org:99999", "website-form@text.website"),
        ("https://xn--", "website-form@text.website"),
        ("https://who.example@evil.example/", "website-form@text.website"),
        ("https://exa mple.org", "website-form@text.website"),
        ("https://example.org/\u{202e}gro", "direction-control@text.website"),
        (&long, "text-too-long@text.website"),
    ] {
        assert_eq!(node.tell(By::Socios, "revise-organisation", revised(wrong)).await, expected, "{wrong}");
    }
    for right in [
        "https://example.org",
        "HTTP://Example.org:8080/a?b=c#d",
        "https://salud.gob.pe/ñ",
        "http://[2001:db8::1]/",
        "http://münchen.example",
    ] {
        let told = node.tell(By::Socios, "revise-organisation", revised(right)).await;
        assert_eq!(told, "organisation.revised", "{right}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_names_each_code_once() {
    let node = Node::with_cast().await;
    for (pointer, new, expected) in [
        ("/terms/themes", json!(["sdg:3.8", "sdg:3.3", "sdg:3.8"]), "item-twice@terms.themes[2]"),
        ("/terms/mechanisms", json!(["training", "training"]), "item-twice@terms.mechanisms[1]"),
        ("/terms/places", json!(["PE", "PE-LIM", "PE"]), "item-twice@terms.places[2]"),
        ("/terms/languages", json!(["es", "spa"]), "item-twice@terms.languages[1]"),
        ("/terms/languages", json!(["es", "ES"]), "item-twice@terms.languages[1]"),
        ("/terms/modalities", json!(["network", "network"]), "item-twice@terms.modalities[1]"),
    ] {
        check(&node, offer(pointer, new), expected).await;
    }
    let twice = with(listing(1), "/terms/themes", json!(["sdg:3.8", "sdg:3.8"]));
    let refused = node.answer(&Call::new(By::Socios.credential(), "publish-offer", &twice)).await.expect_err("refused");
    assert!(format!("{refused:?}").contains("sdg:3.8"), "it says which: {refused:?}");
}

/// What an older version recorded is known again by its digest, which is of all in its one spelling, whatever is refused today.
#[test]
fn what_is_refused_today_is_brought_to_its_spelling_as_well() {
    let read = |pointer: &str, list: Value| {
        let twice = with(listing(1), pointer, list);
        let data = with(twice, "/terms/languages", json!(["spa", "EN"]));
        Body::parse("publish-offer", data.to_string().as_bytes(), None).expect("is read")
    };
    let right = read("/terms/mechanisms", json!(["training"]));
    assert_eq!(right.objection, None);
    let body = read("/terms/themes", json!(["sdg:3.8", "sdg:3.8"]));
    assert_eq!(body.objection.as_ref().expect("twice").code, "item-twice");
    for spelt in [&body.canonical, &right.canonical] {
        assert!(spelt.contains(r#""languages":["es","en"]"#), "{spelt}");
    }
    assert!(body.written.expect("as it was").contains(r#""languages":["spa","EN"]"#));
}
