//! The shape of a command's data, read once from its JSON Schema: the limits of its lists, maps and texts, and which texts
//! are codes to be looked up. Types and required members are checked where the data becomes a command, not here.

use crate::rejection::{Reason, Rejection};
use convenio_events::{
    characters,
    language_map::canonical_tag,
    values::{AMOUNT_PATTERN, Amount, Identifier, Place, ValueError, check_website},
};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// What stands in a place of a command's data.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// A number or a truth value.
    Plain,
    /// One of a few words.
    Word(Vec<String>),
    /// A whole number, however it is written: `1`, `1.0` and `1e0` are the same.
    Whole,
    /// A text.
    Text {
        /// The most characters; `None` only where a form of fixed length bounds it.
        limit: Option<usize>,
        /// What kind of text.
        form: Form,
    },
    /// A list.
    List {
        /// The most items.
        limit: Option<usize>,
        /// What each is.
        items: Box<Shape>,
    },
    /// An object whose members' names are data.
    Map {
        /// The most members.
        limit: Option<usize>,
        /// What kind of text the names are.
        names: Form,
        /// What each member is.
        values: Box<Shape>,
    },
    /// An object whose members have names in the contract.
    Members(HashMap<String, Shape>),
    /// One of several.
    Either(Vec<Shape>),
}

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// Free words.
    Free,
    /// A date, a code: the type says which are right.
    Coded,
    /// A UUID, brought to its one spelling.
    Id,
    /// A language tag, brought to its one spelling.
    Language,
    /// A place, looked up.
    Place,
    /// An identifier of an organisation.
    Identifier,
    /// A decimal number, brought to its one spelling.
    Amount,
    /// An address of the web.
    Website,
}

impl Shape {
    /// The shape that a schema without references describes.
    pub fn of(schema: &Value) -> Self {
        for choice in ["anyOf", "oneOf", "allOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let mut shapes: Vec<_> = choices.iter().map(Self::of).filter(|shape| *shape != Self::Plain).collect();
                let all =
                    shapes.iter().map(|shape| if let Self::Word(words) = shape { Some(words.clone()) } else { None });
                if let Some(words) = all.collect::<Option<Vec<_>>>().filter(|words| !words.is_empty()) {
                    return Self::Word(words.concat());
                }
                // A word beside other things is told apart where the data becomes a command.
                shapes.retain(|shape| !matches!(shape, Self::Word(_)));
                return match shapes.len() {
                    0 => Self::Plain,
                    1 => shapes.remove(0),
                    _ => Self::Either(shapes),
                };
            }
        }
        let is = |word: &str| {
            let kind = &schema["type"];
            kind == word || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == word))
        };
        let limit = |name: &str| schema[name].as_u64().and_then(|limit| usize::try_from(limit).ok());
        if is("array") {
            return Self::List { limit: limit("maxItems"), items: Box::new(Self::of(&schema["items"])) };
        }
        if is("object") {
            return Self::of_object(schema, limit("maxProperties"));
        }
        if is("integer") {
            return Self::Whole;
        }
        if let Some(words) = words(schema) {
            return Self::Word(words);
        }
        if !is("string") {
            return Self::Plain;
        }
        Self::Text { limit: limit("maxLength"), form: Form::of(schema) }
    }

    fn of_object(schema: &Value, limit: Option<usize>) -> Self {
        if let Some(members) = schema["properties"].as_object() {
            return Self::Members(members.iter().map(|(name, member)| (name.clone(), Self::of(member))).collect());
        }
        let pattern = schema["patternProperties"].as_object().and_then(|patterns| patterns.iter().next());
        let (names, values) = match pattern {
            Some((pattern, values)) => (Form::of_pattern(pattern), values),
            None => (Form::of(&schema["propertyNames"]), &schema["additionalProperties"]),
        };
        if values.is_object() {
            Self::Map { limit, names, values: Box::new(Self::of(values)) }
        } else {
            Self::Members(HashMap::new())
        }
    }

    /// Brings all of a value to its one spelling, and refuses what breaks a limit or is in no register. What has another type than
    /// its place asks for is passed over: it is refused where the data becomes a command.
    ///
    /// # Errors
    /// [`Rejection`] naming the field and the rule.
    pub(super) fn fit(&self, value: &mut Value, changed: &mut bool) -> Result<(), Rejection> {
        match (self, value) {
            (Self::Whole, value) => {
                if let Some(whole) = whole(value) {
                    *value = whole;
                    *changed = true;
                }
                Ok(())
            }
            (Self::Word(words), value) if !value.is_string() => {
                let rule = format!("it is a text, and must be one of: {}", words.join(", "));
                Err(Rejection::from(Reason::InvalidField).detail(rule))
            }
            (Self::Text { limit, form }, Value::String(text)) => {
                form.check_length(text, *limit)?;
                if let Some(right) = form.spell(text)? {
                    *text = right;
                    *changed = true;
                }
                Ok(())
            }
            (Self::List { limit, items }, Value::Array(all)) => {
                let short = match limit {
                    Some(most) if all.len() > *most => Err(too_many(Reason::TooManyItems.code(), all.len(), *limit)),
                    Some(_) | None => Ok(()),
                };
                let each = all.iter_mut().enumerate();
                let each =
                    first(each.map(|(at, item)| items.fit(item, changed).map_err(|r| within(r, format!("[{at}]")))));
                let once = if all.len() > 1 && items.is_code() { once_each(all) } else { Ok(()) };
                short.and(each).and(once)
            }
            (Self::Map { limit, names, values }, Value::Object(all)) => {
                if limit.is_some_and(|limit| all.len() > limit) {
                    let code =
                        if *names == Form::Language { "too-many-languages" } else { Reason::TooManyItems.code() };
                    return Err(too_many(code, all.len(), *limit));
                }
                let named = match names {
                    Form::Coded | Form::Free => Ok(()),
                    names @ (Form::Id
                    | Form::Language
                    | Form::Place
                    | Form::Identifier
                    | Form::Amount
                    | Form::Website) => respell(*names, all, changed),
                };
                let all = all.iter_mut();
                let each = all.map(|(name, member)| values.fit(member, changed).map_err(|r| within(r, name.clone())));
                named.and(first(each))
            }
            (Self::Members(shapes), Value::Object(all)) => {
                let known = all.iter_mut().filter_map(|(name, member)| Some((shapes.get(name)?, name, member)));
                first(
                    known.map(|(shape, name, member)| shape.fit(member, changed).map_err(|r| within(r, name.clone()))),
                )
            }
            (Self::Either(shapes), value) => first(shapes.iter().map(|shape| shape.fit(value, changed))),
            (
                Self::Plain
                | Self::Word(_)
                | Self::Text { .. }
                | Self::List { .. }
                | Self::Map { .. }
                | Self::Members(_),
                _,
            ) => Ok(()),
        }
    }
}

impl Shape {
    /// The names of its members, where they are fixed.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        let members = if let Self::Members(members) = self { Some(members) } else { None };
        members.into_iter().flat_map(|members| members.keys().map(String::as_str))
    }

    /// Adds those of all that is in it.
    pub(crate) fn collect_members<'a>(&'a self, found: &mut BTreeSet<&'a str>) {
        found.extend(self.members());
        match self {
            Self::Members(shapes) => shapes.values().for_each(|shape| shape.collect_members(found)),
            Self::List { items, .. } => items.collect_members(found),
            Self::Map { values, .. } => values.collect_members(found),
            Self::Either(shapes) => shapes.iter().for_each(|shape| shape.collect_members(found)),
            Self::Plain | Self::Word(_) | Self::Whole | Self::Text { .. } => {}
        }
    }

    /// Whether it is a code, of which a list has each once. Records that are named twice by their ids are one.
    fn is_code(&self) -> bool {
        match self {
            Self::Word(_) => true,
            Self::Text { form, .. } => !matches!(form, Form::Free | Form::Id | Form::Amount | Form::Website),
            Self::Plain | Self::Whole | Self::List { .. } | Self::Map { .. } | Self::Members(_) | Self::Either(_) => {
                false
            }
        }
    }
}

/// Refuses a list that names a code twice, in whatever spelling.
fn once_each(all: &[Value]) -> Result<(), Rejection> {
    let mut seen = HashSet::new();
    let twice =
        all.iter().enumerate().find_map(|(at, item)| Some((at, item.as_str().filter(|code| !seen.insert(*code))?)));
    match twice {
        None => Ok(()),
        Some((at, code)) => {
            let rule = format!("a list names each code once, and {code} stands before it already: leave it out");
            Err(within(field_rule("item-twice", rule), format!("[{at}]")))
        }
    }
}

impl Form {
    fn of(schema: &Value) -> Self {
        match schema["format"].as_str() {
            Some("language-tag") => Self::Language,
            Some("place") => Self::Place,
            Some("identifier") => Self::Identifier,
            Some("uuid") => Self::Id,
            Some("uri") => Self::Website,
            Some(_) => Self::Coded,
            None if schema["pattern"] == AMOUNT_PATTERN => Self::Amount,
            None if schema["pattern"].is_string() => Self::Coded,
            None => Self::Free,
        }
    }

    /// Maps whose names have a pattern show that and no format.
    fn of_pattern(pattern: &str) -> Self {
        [Self::Language, Self::Place].into_iter().find(|form| form.pattern() == Some(pattern)).unwrap_or(Self::Coded)
    }

    fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Language => Some(convenio_events::language_map::LANGUAGE_TAG_PATTERN),
            Self::Place => Some(convenio_events::values::PLACE_PATTERN),
            Self::Free | Self::Coded | Self::Id | Self::Identifier | Self::Amount | Self::Website => None,
        }
    }

    fn check_length(self, text: &str, limit: Option<usize>) -> Result<(), Rejection> {
        // A text of n bytes has at most n characters: most need no count.
        let Some(limit) = limit.filter(|limit| text.len() > *limit && text.chars().count() > *limit) else {
            return Ok(());
        };
        match self {
            // The type knows better what is wrong with it.
            Self::Coded | Self::Id | Self::Language | Self::Place | Self::Identifier | Self::Amount => Ok(()),
            Self::Free | Self::Website => Err(field_rule(
                "text-too-long",
                format!("it has at most {limit} characters, and not {}", text.chars().count()),
            )),
        }
    }

    /// Another spelling of a text, where that is the right one.
    fn spell(self, text: &str) -> Result<Option<String>, Rejection> {
        let refused = |ValueError { code, rule }: ValueError| field_rule(code, rule);
        match self {
            Self::Coded => Ok(None),
            // What is no UUID is refused where the data becomes a command.
            Self::Id => Ok(text.parse::<Uuid>().ok().map(|id| id.to_string()).filter(|right| right != text)),
            // What is no amount is refused there too.
            Self::Amount => {
                Ok(text.parse().ok().map(|amount: Amount| amount.to_string()).filter(|right| right != text))
            }
            Self::Website => {
                Self::Free.spell(text)?;
                check_website(text).map(|()| None).map_err(refused)
            }
            Self::Free => match characters::check(text) {
                Err(misplaced) => Err(field_rule(misplaced.code(), misplaced.to_string())),
                Ok(()) if !text.is_empty() && !characters::is_visible(text) => {
                    Err(field_rule("text-required", "a text must not be blank".to_owned()))
                }
                Ok(()) => Ok(None),
            },
            Self::Language => canonical_tag(text).map(|right| (right != *text).then_some(right)).map_err(refused),
            Self::Place => Place::check_known(text).map(|()| None).map_err(refused),
            Self::Identifier => Identifier::check_meaning(text).map(|()| None).map_err(refused),
        }
    }
}

/// Brings the names of a map's members to their one spelling; two that are the same then are one member named twice.
fn respell(names: Form, all: &mut Map<String, Value>, changed: &mut bool) -> Result<(), Rejection> {
    if all.keys().all(|name| matches!(names.spell(name), Ok(None))) {
        return Ok(());
    }
    let mut right = Map::new();
    // One that is refused stays as it was written.
    for (name, value) in all.clone() {
        let spelt = names.spell(&name).map_err(|rejection| within(rejection, name.clone()))?;
        *changed |= spelt.is_some();
        let spelt = spelt.unwrap_or_else(|| name.clone());
        if right.contains_key(&spelt) {
            let detail = format!("{name} and another member both mean {spelt}; a member of an object is named once");
            return Err(within(field_rule(super::MEMBER_TWICE, detail), name));
        }
        right.insert(spelt, value);
    }
    *all = right;
    Ok(())
}

/// The words of which a schema takes one, if it is such.
fn words(schema: &Value) -> Option<Vec<String>> {
    let words = match (&schema["enum"], &schema["const"]) {
        (Value::Array(words), _) => words.iter().collect(),
        (_, word @ Value::String(_)) => vec![word],
        _ => return None,
    };
    words.into_iter().filter(|word| !word.is_null()).map(|word| word.as_str().map(str::to_owned)).collect()
}

/// The whole number that a number with a point or an exponent is, if it is one.
fn whole(value: &Value) -> Option<Value> {
    /// Up to here every whole number has a double of its own (RFC 7493 section 2.2).
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number = value.as_number().filter(|number| number.is_f64())?.as_f64()?;
    #[expect(clippy::cast_possible_truncation, reason = "it has no fraction and lies within the exact range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| Value::from(number as i64))
}

fn field_rule(code: &'static str, rule: String) -> Rejection {
    let mut rejection = Rejection::from(Reason::InvalidField).detail(rule);
    rejection.code = code.into();
    rejection
}

fn too_many(code: &'static str, count: usize, limit: Option<usize>) -> Rejection {
    let detail = format!("it has at most {}, and not {count}", limit.unwrap_or_default());
    if code == Reason::TooManyItems.code() {
        Rejection::from(Reason::TooManyItems).detail(detail)
    } else {
        field_rule(code, detail)
    }
}

/// The first refusal, after all was brought to its spelling: what an older version recorded has to be known again.
fn first(fits: impl Iterator<Item = Result<(), Rejection>>) -> Result<(), Rejection> {
    let mut first = Ok(());
    for fit in fits {
        first = first.and(fit);
    }
    first
}

/// Puts a step in front of the path of a rejection.
fn within(mut rejection: Rejection, step: String) -> Rejection {
    rejection.field = Some(match rejection.field {
        None => step,
        Some(rest) if rest.starts_with('[') => step + &rest,
        Some(rest) => step + "." + &rest,
    });
    rejection
}
