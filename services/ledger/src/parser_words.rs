//! What parsers say, in our words: the rule and what would be right, without the parser's own terms and places in the text. It
//! parses nothing.

/// What is wrong with a value, as somebody who sent it can understand it.
pub fn plain(message: &str) -> String {
    let message = without_place(message);
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return match rest.split_once(", expected ") {
            Some((_, known)) => format!("it must be one of: {}", words(known)),
            None => "it is not a code of its list".to_owned(),
        };
    }
    for (prefix, what) in [("invalid type: ", "type"), ("invalid value: ", "value"), ("invalid length ", "length")] {
        let Some((_, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.split_once(", expected ")) else {
            continue;
        };
        return format!("it has the wrong {what}: expected {}", expected_words(expected));
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return format!("the field {name} is there twice");
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("the field {name} is required");
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let name = rest.split(',').next().unwrap_or_default();
        return format!("there is no field {name}");
    }
    if message.starts_with("UUID parsing failed") || message.contains("invalid group") {
        return "it must be a UUID such as 018f4e2a-0000-7000-8000-000000000001".to_owned();
    }
    of_numbers_and_dates(message).map_or_else(|| message.to_owned(), str::to_owned)
}

/// What is wrong with a text that is no JSON, and where.
pub fn not_json(error: &serde_json::Error) -> String {
    let what = if error.is_eof() { "the JSON breaks off" } else { "this is not JSON" };
    format!("{what}: line {}, column {}", error.line(), error.column())
}

/// A message without the place that a JSON parser adds.
pub fn without_place(message: &str) -> &str {
    let Some((before, place)) = message.rsplit_once(" at line ") else { return message };
    let is_place = place.split_once(" column ").is_some_and(|(line, column)| is_number(line) && is_number(column));
    if is_place { before } else { message }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn words(known: &str) -> String {
    known.trim_start_matches("one of ").replace('`', "")
}

fn expected_words(expected: &str) -> String {
    let number = ["u64", "u32", "u16", "u8", "usize"].contains(&expected);
    if number {
        return "a whole number, from 0 on".to_owned();
    }
    match expected {
        "i64" | "i32" => "a whole number".to_owned(),
        "f64" | "f32" => "a number".to_owned(),
        "a string" | "string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a formatted UUID string" => "a UUID, as text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other => other.replace('`', ""),
    }
}

/// What the standard library and chrono say.
fn of_numbers_and_dates(message: &str) -> Option<&'static str> {
    match message {
        "invalid digit found in string"
        | "cannot parse integer from empty string"
        | "number too large to fit in target type"
        | "number too small to fit in target type" => Some("it must be a whole number, from 0 on"),
        "provided string was not `true` or `false`" => Some("it must be true or false"),
        "input contains invalid characters"
        | "premature end of input"
        | "trailing input"
        | "input is out of range"
        | "input is not enough for unique date and time"
        | "no possible date and time matching input" => Some("it must be a date that exists, as YYYY-MM-DD"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parser_speaks_to_callers() {
        let number = |text: &str| serde_json::from_str::<u64>(text).expect_err("no number").to_string();
        let uuid = serde_json::from_str::<uuid::Uuid>("7").expect_err("no UUID").to_string();
        let table = [
            (number("\"x\""), "it has the wrong type: expected a whole number, from 0 on"),
            (uuid, "it has the wrong type: expected a UUID, as text"),
            ("unknown variant `x`, expected `a` or `b` at line 1 column 9".into(), "it must be one of: a or b"),
            ("unknown variant `x`, expected one of `a`, `b`, `c`".into(), "it must be one of: a, b, c"),
            ("x".parse::<u64>().expect_err("no number").to_string(), "it must be a whole number, from 0 on"),
            ("yes".parse::<bool>().expect_err("neither").to_string(), "it must be true or false"),
            ("a rule of ours at line 3 column 4".into(), "a rule of ours"),
            ("a rule at line four column five".into(), "a rule at line four column five"),
            ("missing field `command` at line 1 column 2".into(), "the field `command` is required"),
        ];
        for (message, expected) in table {
            assert_eq!(plain(&message), expected, "{message}");
        }
        let broken = |text: &str| not_json(&serde_json::from_str::<serde_json::Value>(text).expect_err("no JSON"));
        assert_eq!(broken("{"), "the JSON breaks off: line 1, column 1");
        assert_eq!(broken("{\n]"), "this is not JSON: line 2, column 1");
    }
}
