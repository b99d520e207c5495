//! Reads JSON and finds members that are named twice. What the members mean is not asked.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::{cell::RefCell, fmt, fmt::Write as _};

/// The path of the first member that its object names a second time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Twice(pub String);

/// Reads a value; of members that are named twice it keeps the last, and says where the first of them is.
///
/// # Errors
/// When it is not JSON.
pub(super) fn read(data: &[u8]) -> Result<(Value, Option<Twice>), serde_json::Error> {
    let text = std::str::from_utf8(data).map_err(serde_json::Error::custom)?;
    let twice = RefCell::new(None);
    let mut json = serde_json::Deserializer::from_str(text);
    let value = Reader { twice: &twice, path: None }.deserialize(&mut json)?;
    json.end()?;
    Ok((value, twice.into_inner()))
}

/// Where a value stands: a step within the object or list around it.
#[derive(Clone, Copy)]
struct Path<'a> {
    around: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(around) = self.around {
            around.fmt(f)?;
        }
        match self.step {
            Step::Member(name) if self.around.is_some() => write!(f, ".{name}"),
            Step::Member(name) => f.write_str(name),
            Step::Item(at) => write!(f, "[{at}]"),
        }
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    twice: &'a RefCell<Option<Twice>>,
    path: Option<&'a Path<'a>>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        loop {
            let path = Path { around: self.path, step: Step::Item(all.len()) };
            match items.next_element_seed(Reader { twice: self.twice, path: Some(&path) })? {
                Some(item) => all.push(item),
                None => return Ok(Value::Array(all)),
            }
        }
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let path = Path { around: self.path, step: Step::Member(&name) };
            let value = members.next_value_seed(Reader { twice: self.twice, path: Some(&path) })?;
            if all.contains_key(&name) {
                let mut told = String::new();
                let _ = write!(told, "{path}");
                self.twice.borrow_mut().get_or_insert(Twice(told));
            }
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_that_of_plain_json() {
        for text in
            ["null", r#"{"a":[1,-2,3.5,1e2,true,null,"é\n"],"b":{"c":{}}}"#, "18446744073709551615", r#""text""#]
        {
            let (value, twice) = read(text.as_bytes()).expect(text);
            assert_eq!((value, twice), (serde_json::from_str(text).expect(text), None));
        }
        for broken in ["", "{", "1 2", "{\"a\":}", "\u{feff}{}", &"[".repeat(10_000)] {
            assert!(read(broken.as_bytes()).is_err(), "{broken:.20}");
        }
    }

    #[test]
    fn the_first_member_that_is_named_twice_is_found_where_it_stands() {
        for (text, path) in [
            (r#"{"a":1,"a":2}"#, "a"),
            (r#"{"a":1,"\u0061":2}"#, "a"),
            (r#"{"text":{"title":{"texts":{"es":"x","es":"y"}}}}"#, "text.title.texts.es"),
            (r#"{"items":[{},{"id":1,"id":1}],"items":[]}"#, "items[1].id"),
            (r#"[[{"a":{"b":1,"b":1}}]]"#, "[0][0].a.b"),
        ] {
            assert_eq!(read(text.as_bytes()).expect(text).1, Some(Twice(path.to_owned())), "{text}");
        }
    }
}
