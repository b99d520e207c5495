//! As much of JSON Schema as our generated schemas use, for checking golden files. Patterns and formats are left to the types.

use serde_json::{Map, Value};

/// What is wrong with a value, if anything; members that the schema does not describe count as wrong.
pub(crate) fn complaint(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(anything) = schema.as_bool() {
        return (!anything).then(|| format!("{at}: nothing fits here"));
    }
    let schema = schema.as_object().expect("a schema is a boolean or an object");
    let wrong = |what: &str| Some(format!("{at}: {what}: {value}"));
    if !types(schema).is_none_or(|types| types.iter().any(|name| has_type(name, value))) {
        return wrong("another type");
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return wrong("not the constant");
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|all| !all.contains(value)) {
        return wrong("not in the list");
    }
    if schema.contains_key("not") {
        return wrong("nothing fits here");
    }
    for word in ["anyOf", "oneOf"] {
        let Some(any) = schema.get(word).and_then(Value::as_array) else { continue };
        let complaints: Vec<_> = any.iter().map(|schema| complaint(schema, value, at)).collect();
        if complaints.iter().all(Option::is_some) {
            return complaints.into_iter().flatten().next().or_else(|| wrong("no alternative fits"));
        }
    }
    match value {
        Value::Object(members) => of_members(schema, members, at),
        Value::Array(items) => {
            let schema = schema.get("items")?;
            items.iter().enumerate().find_map(|(i, item)| complaint(schema, item, &format!("{at}[{i}]")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

fn of_members(schema: &Map<String, Value>, members: &Map<String, Value>, at: &str) -> Option<String> {
    let described = ["properties", "additionalProperties", "patternProperties", "required"];
    if !described.iter().any(|word| schema.contains_key(*word)) {
        // The alternatives, if there are any, have described the members.
        let by_alternatives = schema.contains_key("anyOf") || schema.contains_key("oneOf") || members.is_empty();
        return (!by_alternatives).then(|| format!("{at}: members that no schema describes"));
    }
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if let Some(missing) = required.into_iter().find(|name| !members.contains_key(*name)) {
        return Some(format!("{at}: {missing} is required"));
    }
    members.iter().find_map(|(name, value)| {
        let own = schema.get("properties").and_then(|properties| properties.get(name));
        let others = schema.get("patternProperties").and_then(Value::as_object).and_then(|p| p.values().next());
        match own.or(others).or_else(|| schema.get("additionalProperties")) {
            Some(schema) => complaint(schema, value, &format!("{at}.{name}")),
            None => Some(format!("{at}: no schema describes {name}")),
        }
    })
}

fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    let types = schema.get("type")?;
    types.as_str().map(|one| vec![one]).or_else(|| Some(types.as_array()?.iter().filter_map(Value::as_str).collect()))
}

fn has_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("a type that JSON Schema does not have: {other}"),
    }
}
