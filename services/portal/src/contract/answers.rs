//! Examples of answers. A test asks for each of them and compares: they are what the API says, not what somebody
//! thought it says.

use serde_json::Value;
use std::{collections::BTreeMap, sync::LazyLock};

static ANSWERS: LazyLock<BTreeMap<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("answers.json")).expect("a test reads it"));

/// The example of an operation's answer: JSON, or a string for other types.
pub(super) fn example(id: &str) -> Value {
    ANSWERS.get(id).cloned().unwrap_or_default()
}
