//! How much each part of a command may hold, by name, and the shapes that carry it in the schemas. Commands are held to
//! their schemas; events that were recorded before hold what they hold, and nothing here asks them.

use crate::language_map::{LanguageTag, TEXT_CHARACTERS_LIMIT, TEXT_LANGUAGES_LIMIT};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// The most characters of a title or a name in one language; a longer one is refused as `text-too-long`.
pub const TITLE_CHARACTERS_LIMIT: usize = 300;
/// The most characters of a keyword in one language; a longer one is refused as `text-too-long`.
pub const KEYWORD_CHARACTERS_LIMIT: usize = 100;
/// The most characters of a line, such as a reason or a citation; a longer one is refused as `text-too-long`.
pub const LINE_CHARACTERS_LIMIT: usize = 2_000;
/// The most characters of an office's name; a longer one is refused as `text-too-long`.
pub const OFFICE_CHARACTERS_LIMIT: usize = 300;
/// The most characters of a mailbox (RFC 5321 section 4.5.3.1: 64, the sign and 255); a longer one is refused as `text-too-long`.
pub const MAILBOX_CHARACTERS_LIMIT: usize = 320;
/// The most characters of a web address; a longer one is refused as `text-too-long`.
pub const WEBSITE_CHARACTERS_LIMIT: usize = 2_048;
/// The most characters of a code of one of our lists; a longer one is in none of them.
pub const CODE_CHARACTERS_LIMIT: usize = 40;
/// The most themes, mechanisms, places, links, organisations, ... of one list; a longer one is refused as `too-many-items`.
pub const ITEMS_LIMIT: usize = 200;
/// The most keywords of one record; more are refused as `too-many-items`.
pub const KEYWORDS_LIMIT: usize = 50;
/// The most parties of one agreement; more are refused as `too-many-items`.
pub const PARTIES_LIMIT: usize = 100;
/// The most commitments, and the most milestones, of one agreement; more are refused as `too-many-items`.
pub const COMMITMENTS_LIMIT: usize = 200;
/// The most identifiers of one organisation; more are refused as `too-many-items`.
pub const IDENTIFIERS_LIMIT: usize = 50;

/// The schema of a language map of titles or names: each at most [`TITLE_CHARACTERS_LIMIT`].
#[derive(Debug)]
pub enum Title {}
/// The schema of a language map of keywords: each at most [`KEYWORD_CHARACTERS_LIMIT`].
#[derive(Debug)]
pub enum Keyword {}
/// The schema of a line of at most `CHARACTERS`.
#[derive(Debug)]
pub enum UpTo<const CHARACTERS: usize> {}
/// An office.
pub type Office = UpTo<OFFICE_CHARACTERS_LIMIT>;
/// A mailbox.
pub type Mailbox = UpTo<MAILBOX_CHARACTERS_LIMIT>;
/// The schema of a web address.
#[derive(Debug)]
pub enum Website {}

impl JsonSchema for Title {
    fn schema_name() -> Cow<'static, str> {
        "Title".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        language_map(generator, TITLE_CHARACTERS_LIMIT)
    }
}
impl JsonSchema for Keyword {
    fn schema_name() -> Cow<'static, str> {
        "Keyword".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        language_map(generator, KEYWORD_CHARACTERS_LIMIT)
    }
}
impl<const CHARACTERS: usize> JsonSchema for UpTo<CHARACTERS> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("LineUpTo{CHARACTERS}").into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": CHARACTERS})
    }
}

impl JsonSchema for Website {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Website".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "maxLength": WEBSITE_CHARACTERS_LIMIT, "format": "uri"})
    }
}

/// The schema of the texts of a language map, each of at most so many characters.
pub(crate) fn texts(generator: &mut SchemaGenerator, characters: usize) -> Schema {
    let mut schema = generator.subschema_for::<std::collections::BTreeMap<LanguageTag, UpTo<TEXT_CHARACTERS_LIMIT>>>();
    schema.insert("maxProperties".to_owned(), TEXT_LANGUAGES_LIMIT.into());
    if let Some(patterns) = schema.get_mut("patternProperties").and_then(serde_json::Value::as_object_mut) {
        for text in patterns.values_mut() {
            text["maxLength"] = characters.into();
        }
    }
    schema
}

fn language_map(generator: &mut SchemaGenerator, characters: usize) -> Schema {
    let mut schema = crate::LanguageMap::json_schema(generator);
    let texts = texts(generator, characters);
    if let Some(properties) = schema.get_mut("properties") {
        properties["texts"] = texts.to_value();
    }
    schema
}
