//! RFC 8785 canonical JSON. It does not parse: what is read back is compared with its canonical form by the reader.

use serde::Serialize;
use serde_json::Value;

/// The RFC 8785 (JSON Canonicalization Scheme) bytes of a value, as text.
///
/// # Panics
/// Never for the types of this crate: their maps have string keys and they hold no floating-point numbers.
pub fn to_string<T: Serialize>(value: &T) -> String {
    serde_json_canonicalizer::to_string(value).expect("our types have string keys and finite numbers")
}

/// The same, of a type whose members are declared in canonical order already: a third of the work, on every event.
///
/// Event types declare their members in the order of their names, and their golden files hold them to it.
pub fn of_ordered<T: Serialize>(value: &T) -> String {
    let text = serde_json::to_string(value).expect("our types have string keys and finite numbers");
    debug_assert!(is_canonical(&text), "members must be declared in the order of their names: {text}");
    text
}

/// Whether [`of_ordered`] gives the canonical bytes of a JSON value: its members are in order already, their names are
/// ASCII (where the order of bytes is the order of UTF-16 code units), and its numbers are integers that a double holds.
pub fn is_ordered(value: &Value) -> bool {
    /// The largest integer up to which every one has a double of its own (RFC 7493 section 2.2).
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(number) => {
            number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)).is_some_and(|size| size <= EXACT)
        }
        Value::Array(items) => items.iter().all(is_ordered),
        Value::Object(members) => {
            members.keys().is_sorted() && members.iter().all(|(name, member)| name.is_ascii() && is_ordered(member))
        }
    }
}

/// True when `text` is byte for byte the RFC 8785 form of the JSON value that it holds.
pub fn is_canonical(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|value| to_string(&value) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_sorted_by_utf16_code_units_and_controls_are_escaped_short() {
        let value: serde_json::Value =
            serde_json::from_str(r#"{"\ufb33":1,"\ud83d\ude00":2,"a":"\u000a\u001f\u20ac"}"#).expect("valid JSON");
        assert_eq!(to_string(&value), "{\"a\":\"\\n\\u001f€\",\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }

    #[test]
    fn spaces_and_order_are_not_canonical() {
        assert!(is_canonical(r#"{"a":1,"b":2}"#));
        assert!(!is_canonical(r#"{"b":2,"a":1}"#));
        assert!(!is_canonical(r#"{"a": 1}"#));
    }
}
