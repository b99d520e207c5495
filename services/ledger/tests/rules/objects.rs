//! Structs of commands are read from objects only: a list of their values is refused, and the place of it is told.

use crate::cast::{MINISTRY, SOCIOS, agreement, listing, text, uuid, with};
use convenio_ledger::{commands::Command, submission::Body};
use serde_json::{Value, json};

#[test]
fn a_list_in_the_place_of_an_object_is_found_where_it_stands() {
    let quantity = |value: Value| with(listing(1), "/terms/quantity", value);
    for (data, field) in [
        (json!([]), None),
        (with(listing(1), "/terms", json!([["training"], ["PE"]])), Some("terms")),
        (with(listing(1), "/text", json!([])), Some("text")),
        (with(listing(1), "/text/title", json!(["en", {"en": "Training"}])), Some("text.title")),
        (quantity(json!(["10", "expert-days"])), Some("terms.quantity")),
        (with(listing(1), "/terms/costs", json!([["travel", "shared"]])), Some("terms.costs[0]")),
    ] {
        let refused = Command::parse("publish-offer", data.to_string().as_bytes()).expect_err("a list is no object");
        assert_eq!((&*refused.code, refused.field.as_deref()), ("invalid-field", field), "{data}");
    }
    let whole = quantity(json!({"amount": "10", "unit": "expert-days"}));
    Command::parse("publish-offer", whole.to_string().as_bytes()).expect("an object is read");
}

/// How a body is refused when it is new.
fn refused(command: &str, data: &Value) -> (String, Option<String>) {
    let read = Body::parse(command, data.to_string().as_bytes(), None).and_then(Body::checked);
    let refused = read.err().unwrap_or_else(|| panic!("{data}"));
    (refused.code.to_string(), refused.field)
}

#[test]
fn a_member_that_is_null_is_left_out_and_a_word_is_a_text() {
    let says = |pointer: &str, value: Value| with(listing(1), pointer, value);
    for pointer in ["/terms/costs", "/terms/languages", "/text/keywords", "/text/title/translations", "/visibility"] {
        let (null, without) = (says(pointer, Value::Null), listing(1));
        let read = |data: &Value| Body::parse("publish-offer", data.to_string().as_bytes(), None).expect("is read");
        assert_eq!(read(&null).canonical, read(&without).canonical, "{pointer}");
        assert_eq!(read(&null).command, read(&without).command, "{pointer}");
    }
    let hide = |visibility: Value| json!({"subject": format!("offer/{}", uuid(1)), "visibility": visibility});
    for (command, data, field) in [
        ("publish-offer", says("/terms/urgency", json!(7)), "terms.urgency"),
        ("publish-offer", says("/terms/urgency", json!({"low": null})), "terms.urgency"),
        ("publish-offer", says("/terms/mechanisms", json!([null])), "terms.mechanisms[0]"),
        ("set-visibility", hide(Value::Null), "visibility"),
        ("set-visibility", hide(json!(["public"])), "visibility"),
    ] {
        assert_eq!(refused(command, &data), ("invalid-field".to_owned(), Some(field.to_owned())), "{data}");
    }
}

#[test]
fn an_id_has_one_spelling_also_where_it_is_a_name() {
    let id = "0190a1b2-0000-7000-8000-0000000000ab";
    let gives = json!([{"id": id, "provider": uuid(SOCIOS), "receiver": uuid(MINISTRY)}]);
    let data = |words: Value| with(with(agreement(1), "/terms/commitments", gives.clone()), "/text/commitments", words);
    let spelt = [id.to_uppercase(), format!("{{{id}}}"), id.replace('-', "")];
    for other in &spelt {
        let twice = data(json!({id: text("One"), other.as_str(): text("Another")}));
        assert_eq!(refused("draft-agreement", &twice).0, "member-twice", "{other}");
        let once = data(json!({other.as_str(): text("One")}));
        let read = |data: &Value| Body::parse("draft-agreement", data.to_string().as_bytes(), None).expect("is read");
        assert_eq!(read(&once).canonical, read(&data(json!({id: text("One")}))).canonical, "{other}");
    }
}
