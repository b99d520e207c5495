//! Structs of commands are read from objects only: where the place of a list is told, as the field of any other mistake is.

use crate::cast::{listing, with};
use convenio_events::objects::Objects;
use convenio_ledger::listing::Publish;
use serde_json::{Value, json};

/// Reads data as the commands do that tell where it fails: the members that are not known, and what came of it.
fn read(data: &Value) -> (Vec<String>, Result<Publish, String>) {
    let (text, mut unknown) = (data.to_string(), Vec::new());
    let mut json = serde_json::Deserializer::from_str(&text);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(Objects(&mut json), &mut track);
    let value = serde_ignored::deserialize(tracked, |path| unknown.push(path.to_string()));
    let value = value.map_err(|error: serde_json::Error| {
        assert!(error.is_data(), "it is JSON, but not what is asked for: {error}");
        assert!(error.to_string().starts_with("invalid type: sequence"), "{error}");
        track.path().to_string()
    });
    (unknown, value)
}

#[test]
fn a_list_in_the_place_of_an_object_is_found_where_it_stands() {
    let quantity = |value: Value| with(listing(1), "/terms/quantity", value);
    for (data, field) in [
        (json!([]), "."),
        (with(listing(1), "/terms", json!([["training"], ["PE"]])), "terms"),
        (with(listing(1), "/text", json!([])), "text"),
        (with(listing(1), "/text/title", json!(["en", {"en": "Training"}])), "text.title"),
        (quantity(json!(["10", "expert-days"])), "terms.quantity"),
        (with(listing(1), "/terms/costs", json!([["travel", "shared"]])), "terms.costs[0]"),
    ] {
        assert_eq!(read(&data).1, Err(field.to_owned()), "{data}");
    }
    for data in [listing(1), quantity(json!({"amount": "10", "unit": "expert-days", "colour": [1]}))] {
        let (unknown, value) = read(&data);
        assert_eq!(value, serde_json::from_value(data.clone()).map_err(|error| error.to_string()), "{data}");
        assert_eq!(unknown.is_empty(), data == listing(1), "{unknown:?}");
    }
}
