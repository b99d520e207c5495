//! JSON Schemas of the event types, generated from the Rust types, and where they are named. They describe what is recorded today,
//! not older versions, and promise to stay open: what is added later is no breach of them. They say nothing of how much commands may
//! hold: an event that was recorded under other limits is as true.

use crate::types::{Facts, WITHHELD_TYPE};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// Where schemas are named: below the address at which the outside world reaches the nodes, or by a name that leads nowhere and
/// stays true. Both are absolute, as CloudEvents' `dataschema` demands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SchemaLocation {
    public_url: Option<String>,
}

impl SchemaLocation {
    /// Below this address, which is absolute; a slash at its end makes no difference.
    pub fn below(public_url: &str) -> Self {
        Self { public_url: Some(public_url.trim_end_matches('/').to_owned()) }
    }

    /// The schema of an event type: what an event names, and the schema itself.
    pub fn of(&self, type_name: &str) -> String {
        match &self.public_url {
            Some(public_url) => format!("{public_url}/schemas/{type_name}.json"),
            None => format!("urn:convenio:schema:{type_name}"),
        }
    }
}

/// Every type name recorded today and the JSON Schema (2020-12) of its CloudEvents `data`: `{facts, text}`. Without their names,
/// which depend on where they are served.
pub static EVENT_DATA_SCHEMAS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let mut generator =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true).into_generator();
    Facts::schemas(&mut generator)
        .into_iter()
        .map(|mut schema| {
            drop_limits(schema.facts.as_object_mut());
            drop_limits(schema.text.as_object_mut());
            let mut document = json!({
                "title": schema.type_name,
                "type": "object",
                "required": ["facts", "text"],
                "properties": {
                    "facts": schema.facts,
                    "text": {"anyOf": [schema.text, {"type": "null"}]},
                    "erased": {"const": true, "description": "The text was erased; it is null then."},
                },
            });
            open(&mut document);
            (schema.type_name, document)
        })
        .collect()
});

/// The schema of an event type as it is served; `None` for a type that is not known.
pub fn served(type_name: &str, location: &SchemaLocation) -> Option<Value> {
    let mut schema = match EVENT_DATA_SCHEMAS.get(type_name) {
        Some(schema) => schema.clone(),
        None if type_name == WITHHELD_TYPE => withheld(),
        None => return None,
    };
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["$id"] = location.of(type_name).into();
    Some(schema)
}

/// The schema of the data of a withheld event, which has none: no value fits it.
fn withheld() -> Value {
    json!({
        "title": WITHHELD_TYPE,
        "description": "An event that its reader may not read. It has no data: that it is there, and when, is all that it tells.",
        "not": {},
    })
}

/// Makes a generated schema one that later additions do not break: lists of codes say what is known and admit others, alternatives
/// admit those with another tag, and objects admit members that are not described.
fn open(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(open);
        }
        return;
    };
    if let Some(known) = codes(members) {
        members.retain(|name, _| name == "description" || name == "title");
        members.insert("type".to_owned(), "string".into());
        members.insert("x-known-values".to_owned(), known);
        return;
    }
    if members.contains_key("properties") && members.get("additionalProperties") == Some(&Value::Bool(false)) {
        members.remove("additionalProperties");
    }
    if let Some(others) = members.get("oneOf").and_then(Value::as_array).and_then(|known| other_alternatives(known))
        && let Some(Value::Array(mut known)) = members.remove("oneOf")
    {
        known.push(others);
        members.insert("anyOf".to_owned(), known.into());
    }
    // What a tag is in its own alternative stays as it is.
    let is_tag = |name: &str, value: &Value| name == "const" || value.get("const").is_some();
    members.iter_mut().filter(|(name, value)| !is_tag(name, value)).for_each(|(_, value)| open(value));
}

/// The codes of a closed list, where a schema is one: `enum`, or alternatives that are one constant each.
fn codes(members: &Map<String, Value>) -> Option<Value> {
    if let Some(Value::Array(listed)) = members.get("enum") {
        return listed.iter().all(Value::is_string).then(|| listed.clone().into());
    }
    let alternatives = members.get("oneOf").and_then(Value::as_array)?;
    let mut known = Vec::new();
    for alternative in alternatives {
        match (alternative.get("const"), alternative.get("enum").and_then(Value::as_array)) {
            (Some(code @ Value::String(_)), _) => known.push(code.clone()),
            (_, Some(listed)) if listed.iter().all(Value::is_string) => known.extend(listed.iter().cloned()),
            _ => return None,
        }
    }
    Some(known.into())
}

/// What else may come beside alternatives that a member tells apart; `None` where none does.
fn other_alternatives(known: &[Value]) -> Option<Value> {
    fn tag(alternative: &Value) -> Option<(&str, &Value)> {
        let properties = alternative.get("properties")?.as_object()?;
        let mut tags = properties.iter().filter_map(|(name, value)| Some((name.as_str(), value.get("const")?)));
        tags.next()
    }
    let (name, _) = tag(known.first()?)?;
    let values: Vec<_> = known.iter().filter_map(tag).filter(|(own, _)| *own == name).map(|(_, value)| value).collect();
    (values.len() == known.len()).then(|| {
        json!({
            "type": "object",
            "required": [name],
            "properties": {name: {"type": "string", "not": {"enum": values}}},
        })
    })
}

/// Takes away what only commands are held to.
fn drop_limits(schema: Option<&mut serde_json::Map<String, Value>>) {
    let Some(schema) = schema else { return };
    schema.retain(|name, limit| {
        !matches!(name.as_str(), "maxItems" | "maxLength" | "maxProperties") || !limit.is_number()
    });
    for inner in schema.values_mut() {
        if let Value::Array(items) = inner {
            items.iter_mut().for_each(|item| drop_limits(item.as_object_mut()));
        } else {
            drop_limits(inner.as_object_mut());
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

    #[test]
    fn a_schema_is_named_by_an_absolute_uri() {
        let name = "org.convenio.offer.published.v1";
        let of = |location: &SchemaLocation| served(name, location).expect("a type of ours")["$id"].clone();
        assert_eq!(of(&SchemaLocation::default()), "urn:convenio:schema:org.convenio.offer.published.v1");
        let below = SchemaLocation::below("https://convenio.example/");
        assert_eq!(of(&below), "https://convenio.example/schemas/org.convenio.offer.published.v1.json");
        assert!(served(WITHHELD_TYPE, &below).is_some());
        assert_eq!(served("org.convenio.offer.painted.v1", &below), None);
    }

    #[test]
    fn no_schema_is_broken_by_a_code_or_a_member_that_comes_later() {
        let mut known = 0;
        for (name, schema) in EVENT_DATA_SCHEMAS.iter() {
            known += closed(schema, false, name);
        }
        assert!(known > 50, "{known}");
        let published = &EVENT_DATA_SCHEMAS["org.convenio.offer.published.v1"];
        let visibility = published.pointer("/properties/facts/properties/visibility").expect("described");
        assert_eq!(visibility["x-known-values"], json!(["public", "members", "parties"]));
    }

    /// Finds what closes a schema, and counts the lists that say what is known.
    fn closed(schema: &Value, tagged: bool, at: &str) -> usize {
        match schema {
            Value::Object(members) => {
                assert!(!members.contains_key("enum"), "{at} is a closed list");
                assert!(!members.contains_key("oneOf"), "{at} takes only what is known");
                let open = !members.contains_key("properties") || members.get("additionalProperties").is_none();
                assert!(open, "{at} takes no other member");
                if let Some(only) = members.get("const") {
                    assert!(tagged || only == true, "{at} is {only} for ever");
                }
                let others = members.get("anyOf").and_then(Value::as_array);
                let others = others.is_some_and(|all| all.iter().any(|one| one.to_string().contains(r#""not":{"#)));
                let own = usize::from(members.contains_key("x-known-values"));
                let within = members.iter().filter(|(name, _)| *name != "not");
                own + within
                    .map(|(name, value)| closed(value, tagged || others, &format!("{at}/{name}")))
                    .sum::<usize>()
            }
            Value::Array(items) => items.iter().map(|item| closed(item, tagged, at)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
        }
    }
}
