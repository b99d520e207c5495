//! What may be meant by a command or a field that there is not. It refuses, and proposes names; it knows no rule.

use crate::{
    command::Command,
    nearest::nearest,
    rejection::{Reason, Rejection},
};
use schemars::{JsonSchema, Schema, schema_for};
use serde_json::Value;
use std::{
    any::type_name,
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

/// The most fields that are listed where none is near.
const LISTED_LIMIT: usize = 20;

/// What somebody is told who sends a command that there is not: those that may be meant.
pub(crate) fn command(name: &str) -> Rejection {
    let mut meant = nearest(name, Command::NAMES.iter().copied());
    if let (true, Some((verb, _))) = (meant.is_empty(), name.split_once('-')) {
        // What is done is known, and not to what.
        let same = |known: &&&str| known.split_once('-').is_some_and(|(other, _)| other == verb);
        meant = Command::NAMES.iter().filter(same).copied().collect();
    }
    let advice = match meant.as_slice() {
        [] => "/docs has the names of all".to_owned(),
        meant => did_you_mean(meant),
    };
    Rejection::from(Reason::UnknownCommand).detail(format!("there is no command {name:?}: {advice}"))
}

/// The schema of a command's data, made once: a batch may have ever so many lines that are refused.
pub(crate) fn schema_of<T: JsonSchema>() -> Arc<Schema> {
    static MADE: LazyLock<Mutex<HashMap<&'static str, Arc<Schema>>>> = LazyLock::new(Mutex::default);
    // Each statement leaves it whole.
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry(type_name::<T>()).or_insert_with(|| Arc::new(schema_for!(T))).clone()
}

/// The same for a field: those of the command that have a name like it, wherever they stand, else those of the command itself.
/// `schema` is that of its data.
pub(crate) fn field(path: &str, schema: &Schema) -> Rejection {
    let name = path.rsplit('.').next().unwrap_or(path);
    let mut known = BTreeSet::new();
    collect_fields(schema.as_value(), &mut known);
    let refused = Rejection::from(Reason::UnknownField).field(path);
    let meant = nearest(name, known);
    if !meant.is_empty() {
        return refused.detail(did_you_mean(&meant));
    }
    let own = schema.get("properties").and_then(Value::as_object);
    let own: Vec<&str> = own.into_iter().flatten().map(|(name, _)| name.as_str()).take(LISTED_LIMIT).collect();
    refused.detail(format!("the data of the command has {}", own.join(", ")))
}

fn did_you_mean(meant: &[&str]) -> String {
    format!("did you mean {}?", meant.join(", "))
}

fn collect_fields<'a>(schema: &'a Value, found: &mut BTreeSet<&'a str>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                found.extend(properties.keys().map(String::as_str));
            }
            members.values().for_each(|member| collect_fields(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_fields(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_there_is_not_comes_with_those_that_may_be_meant() {
        let id = "018f0000-0000-7000-8000-000000000001";
        for (name, data, expected) in [
            ("pause-offer", format!(r#"{{"id":"{id}","resaon":{{}}}}"#), "resaon: did you mean reason?"),
            ("pause-offer", format!(r#"{{"id":"{id}","colour":1}}"#), "colour: the data of the command has id, reason"),
            (
                "revise-offer",
                format!(r#"{{"id":"{id}","terms":{{"quantty":1}},"text":{{}}}}"#),
                "terms.quantty: did you mean quantity?",
            ),
        ] {
            let refused = Command::parse(name, data.as_bytes()).expect_err("there is none");
            let said = format!("{}: {}", refused.field.expect("a field"), refused.detail.expect("advice"));
            assert_eq!(said, expected);
        }
    }
}
