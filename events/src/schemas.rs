//! JSON Schemas of the event types, generated from the Rust types. They describe what is recorded today, not older versions,
//! and say nothing of how much commands may hold: an event that was recorded under other limits is as true.

use crate::types::{Facts, WITHHELD_TYPE};
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// Every type name recorded today and the JSON Schema (2020-12) of its CloudEvents `data`: `{facts, text}`.
pub static EVENT_DATA_SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    Facts::schemas(&mut generator)
        .into_iter()
        .map(|mut schema| {
            drop_limits(schema.facts.as_object_mut());
            drop_limits(schema.text.as_object_mut());
            let document = json!({
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": format!("/schemas/{}.json", schema.type_name),
                "title": schema.type_name,
                "type": "object",
                "required": ["facts", "text"],
                "properties": {
                    "facts": schema.facts,
                    "text": {"anyOf": [schema.text, {"type": "null"}]},
                },
            });
            (schema.type_name, document)
        })
        .collect()
});

/// The schema of the data of a withheld event, which has none: no value fits it.
pub fn withheld_data() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("/schemas/{WITHHELD_TYPE}.json"),
        "title": WITHHELD_TYPE,
        "description": "An event that its reader may not read. It has no data: that it is there, and when, is all that it tells.",
        "not": {},
    })
}

/// Takes away what only commands are held to.
fn drop_limits(schema: Option<&mut serde_json::Map<String, Value>>) {
    let Some(schema) = schema else { return };
    schema.retain(|name, limit| {
        !matches!(name.as_str(), "maxItems" | "maxLength" | "maxProperties") || !limit.is_number()
    });
    for inner in schema.values_mut() {
        match inner {
            Value::Array(items) => items.iter_mut().for_each(|item| drop_limits(item.as_object_mut())),
            inner => drop_limits(inner.as_object_mut()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_schema_that_describes_its_facts() {
        let offer = &EVENT_DATA_SCHEMAS["org.convenio.offer.published.v1"];
        assert!(offer.pointer("/properties/facts/properties/terms/properties/themes").is_some());
        assert!(EVENT_DATA_SCHEMAS.len() > 60);
        let offers = offer.to_string();
        assert!(offers.contains("patternProperties") && !offers.contains("maxLength"), "{offers}");
    }
}
