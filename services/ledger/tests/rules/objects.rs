//! Structs of commands are read from objects only: a list of their values is refused, and the place of it is told.

use crate::cast::{listing, with};
use convenio_ledger::command::Command;
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
