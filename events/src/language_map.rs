//! Free text in several languages, with its original marked. It does not translate or detect languages.

use crate::{ids::as_string, limits, registers, values::ValueError};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt, str::FromStr};

/// The most characters (Unicode scalar values) of one text.
pub const TEXT_CHARACTERS_LIMIT: usize = 20_000;
/// The most languages of one text.
pub const TEXT_LANGUAGES_LIMIT: usize = 64;

/// What language tags look like in schemas.
pub const LANGUAGE_TAG_PATTERN: &str = "^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$";

/// A BCP 47 language tag in lower-case language, Title-case script and upper-case region.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LanguageTag(Box<str>);

/// A text that is not a language tag of the form `language[-Script][-REGION]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a BCP 47 tag such as es, pt-BR or zh-Hant")]
pub struct LanguageTagError;

impl LanguageTag {
    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for LanguageTag {
    type Err = LanguageTagError;
    fn from_str(text: &str) -> Result<Self, LanguageTagError> {
        let mut parts = text.split('-');
        let lower = |p: &str| p.bytes().all(|b| b.is_ascii_lowercase());
        let title =
            |p: &str| p.as_bytes().first().is_some_and(u8::is_ascii_uppercase) && p.len() == 4 && lower(&p[1..]);
        let region = |p: &str| {
            (p.len() == 2 && p.bytes().all(|b| b.is_ascii_uppercase()))
                || (p.len() == 3 && p.bytes().all(|b| b.is_ascii_digit()))
        };
        if !parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && lower(p)) {
            return Err(LanguageTagError);
        }
        let mut rest = parts.peekable();
        rest.next_if(|p| p.is_ascii() && title(p));
        rest.next_if(|p| region(p));
        if rest.next().is_some() { Err(LanguageTagError) } else { Ok(Self(text.into())) }
    }
}
as_string! { LanguageTag, "a BCP 47 language tag: language[-Script][-REGION]", LANGUAGE_TAG_PATTERN, 11, "language-tag"; }

/// The one spelling of a language tag, its subtags looked up in the register: `es` for `es`, `ES` and `spa`, `pt-BR` for
/// `pt-br`. Events recorded before this was asked may hold other tags, and are read as they are.
///
/// # Errors
/// `language-unknown` for what is not of the form `language[-Script][-REGION]`, or has a part that is not registered.
pub fn canonical_tag(text: &str) -> Result<String, ValueError> {
    let unknown = || ValueError {
        code: "language-unknown",
        rule: format!(
            "a language is a BCP 47 tag of registered parts, language[-Script][-REGION], such as es, pt-BR or zh-Hant; got \
             {text:?}"
        ),
    };
    let mut parts = text.split('-').peekable();
    let language = parts.next().filter(|part| (2..=3).contains(&part.len())).and_then(registers::language);
    let mut tag = language.ok_or_else(unknown)?.to_owned();
    let script = parts.next_if(|part| part.len() == 4 && part.is_ascii());
    let region = parts.next_if(|part| (2..=3).contains(&part.len()));
    let found = [(script, registers::script as fn(&str) -> _), (region, registers::region)];
    for (part, look_up) in found.into_iter().filter_map(|(part, look_up)| Some((part?, look_up))) {
        tag = tag + "-" + look_up(part).ok_or_else(unknown)?;
    }
    if parts.next().is_some() { Err(unknown()) } else { Ok(tag) }
}

/// How a text in a language other than the original came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Translation {
    /// The author wrote or approved it.
    AuthorApproved,
    /// Somebody else translated it.
    Other,
    /// A machine translated it.
    Machine,
}

/// A text in one or more languages, one of which is the original.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Wire")]
pub struct LanguageMap {
    original: LanguageTag,
    texts: BTreeMap<LanguageTag, Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    translations: BTreeMap<LanguageTag, Translation>,
}

/// Texts in one or more languages; `original` may be left out when there is one.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "LanguageMap")]
struct Wire {
    #[serde(default)]
    original: Option<LanguageTag>,
    #[schemars(schema_with = "texts")]
    texts: BTreeMap<LanguageTag, Box<str>>,
    #[serde(default)]
    #[schemars(extend("maxProperties" = TEXT_LANGUAGES_LIMIT))]
    translations: BTreeMap<LanguageTag, Translation>,
}

fn texts(generator: &mut SchemaGenerator) -> Schema {
    limits::texts(generator, TEXT_CHARACTERS_LIMIT)
}

/// Why texts do not make a language map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LanguageMapError {
    /// No text at all.
    #[error("text-required: a text needs at least one language")]
    Empty,
    /// More than [`TEXT_LANGUAGES_LIMIT`].
    #[error("too-many-languages: a text has at most {TEXT_LANGUAGES_LIMIT} languages")]
    TooManyLanguages,
    /// More than [`TEXT_CHARACTERS_LIMIT`].
    #[error("text-too-long: a text has at most {TEXT_CHARACTERS_LIMIT} characters")]
    TooLong,
    /// Nothing but white space.
    #[error("text-required: a text must not be blank")]
    Blank,
    /// A control character other than tab and line feed.
    #[error("control-character: a text has no control characters but tab and line feed")]
    ControlCharacter,
    /// Several texts and none marked.
    #[error("original-required: `original` must name one of the languages of `texts`")]
    Original,
    /// A translation status for a language without a text, or for the original.
    #[error("translation-unknown: `translations` names only languages of `texts` other than the original")]
    Translations,
}

impl TryFrom<Wire> for LanguageMap {
    type Error = LanguageMapError;
    fn try_from(wire: Wire) -> Result<Self, LanguageMapError> {
        let Wire { original, texts, translations } = wire;
        if texts.len() > TEXT_LANGUAGES_LIMIT {
            return Err(LanguageMapError::TooManyLanguages);
        }
        for text in texts.values() {
            check_text(text)?;
        }
        let first = texts.keys().next().ok_or(LanguageMapError::Empty)?;
        let original = match original {
            Some(tag) if texts.contains_key(&tag) => tag,
            None if texts.len() == 1 => first.clone(),
            _ => return Err(LanguageMapError::Original),
        };
        if translations.keys().any(|tag| *tag == original || !texts.contains_key(tag)) {
            return Err(LanguageMapError::Translations);
        }
        Ok(Self { original, texts, translations })
    }
}

/// Checks one free text against the limits that hold for every text.
///
/// # Errors
/// [`LanguageMapError`] when it is blank, too long or holds control characters.
pub fn check_text(text: &str) -> Result<(), LanguageMapError> {
    // A text of n bytes has at most n characters: most need no count.
    if text.len() > TEXT_CHARACTERS_LIMIT && text.chars().count() > TEXT_CHARACTERS_LIMIT {
        return Err(LanguageMapError::TooLong);
    }
    if text.trim().is_empty() {
        return Err(LanguageMapError::Blank);
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(LanguageMapError::ControlCharacter);
    }
    Ok(())
}

impl LanguageMap {
    /// A text in its original language only.
    ///
    /// # Errors
    /// [`LanguageMapError`] when the text breaks a limit.
    pub fn new(original: LanguageTag, text: &str) -> Result<Self, LanguageMapError> {
        Wire { original: None, texts: BTreeMap::from([(original, text.into())]), translations: BTreeMap::new() }
            .try_into()
    }
    /// The language it was written in.
    pub fn original(&self) -> &LanguageTag {
        &self.original
    }
    /// Every language and its text, by tag.
    pub fn texts(&self) -> impl Iterator<Item = (&LanguageTag, &str)> {
        self.texts.iter().map(|(tag, text)| (tag, &**text))
    }
    /// How the text of a language came to be; `None` for the original. An unmarked translation counts as the author's.
    pub fn translation(&self, tag: &LanguageTag) -> Option<Translation> {
        (*tag != self.original).then(|| self.translations.get(tag).copied().unwrap_or(Translation::AuthorApproved))
    }
    /// The text for a reader of `language` (`es`): that language, else a regional form of it, else the original.
    pub fn best(&self, language: &str) -> (&LanguageTag, &str) {
        let regional = |tag: &&LanguageTag| tag.0.split('-').next() == Some(language);
        let exact = self.texts.keys().find(|tag| &*tag.0 == language);
        let tag = exact.or_else(|| self.texts.keys().find(regional)).unwrap_or(&self.original);
        (tag, &self.texts[tag])
    }
}

/// A short free text in no particular language (an office, a mailbox, a licence's name), within the text limits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Line(Box<str>);

impl JsonSchema for Line {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Line".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        limits::UpTo::<{ limits::LINE_CHARACTERS_LIMIT }>::json_schema(generator)
    }
}

impl TryFrom<String> for Line {
    type Error = LanguageMapError;
    fn try_from(text: String) -> Result<Self, LanguageMapError> {
        check_text(&text)?;
        Ok(Self(text.into()))
    }
}
impl Line {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
impl From<Line> for Cow<'static, str> {
    fn from(line: Line) -> Self {
        Self::Owned(line.0.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<LanguageMap, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_original_is_marked_and_readers_get_their_language() {
        let map = parse(
            r#"{"original":"pt-BR","texts":{"en":"Training","pt-BR":"Formação"},"translations":{"en":"machine"}}"#,
        )
        .expect("valid");
        assert_eq!(map.best("pt").1, "Formação");
        assert_eq!(map.best("en").1, "Training");
        assert_eq!(map.best("fr").0.as_str(), "pt-BR");
        assert_eq!(map.translation(&"en".parse().expect("tag")), Some(Translation::Machine));
        let json = serde_json::to_string(&map).expect("serialises");
        assert_eq!(parse(&json), Ok(map));
    }

    #[test]
    fn a_language_has_one_spelling_and_one_that_is_not_registered_is_refused() {
        for (given, right) in [
            ("es", "es"),
            ("ES", "es"),
            ("spa", "es"),
            ("fre", "fr"),
            ("pt-br", "pt-BR"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("iw", "he"),
            ("quz", "quz"),
            ("spa-pe", "es-PE"),
        ] {
            assert_eq!(canonical_tag(given).as_deref(), Ok(right), "{given}");
            assert!(right.parse::<LanguageTag>().is_ok(), "{right}");
        }
        for wrong in ["zz", "", "e", "español", "es-PERU", "es-XQ", "en-Abcd", "es-419-PE", "es-", "-es", "qaa", "ééé"]
        {
            assert_eq!(canonical_tag(wrong).expect_err(wrong).code, "language-unknown", "{wrong}");
        }
        assert!("zz".parse::<LanguageTag>().is_ok(), "what older versions recorded is read");
    }

    #[test]
    fn limits_are_named() {
        let many: Vec<String> =
            (0..65).map(|i| format!("\"a{}{}\":\"x\"", (b'a' + i / 26) as char, (b'a' + i % 26) as char)).collect();
        let cases = [
            (r#"{"texts":{}}"#.to_owned(), "text-required"),
            (format!(r#"{{"original":"aaa","texts":{{{}}}}}"#, many.join(",")), "too-many-languages"),
            (format!(r#"{{"texts":{{"en":"{}"}}}}"#, "é".repeat(20_001)), "text-too-long"),
            (r#"{"texts":{"en":" \n"}}"#.to_owned(), "text-required"),
            (r#"{"texts":{"en":"a\u0000"}}"#.to_owned(), "control-character"),
            (r#"{"texts":{"en":"a","es":"b"}}"#.to_owned(), "original-required"),
            (r#"{"texts":{"en":"a"},"translations":{"es":"machine"}}"#.to_owned(), "translation-unknown"),
            (r#"{"texts":{"EN":"a"}}"#.to_owned(), "BCP 47"),
        ];
        for (json, code) in cases {
            assert!(parse(&json).expect_err("refused").contains(code), "{code}");
        }
        assert!(parse(&format!(r#"{{"texts":{{"en":"{}"}}}}"#, "é".repeat(20_000))).is_ok());
    }
}
