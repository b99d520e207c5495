//! The words of a record that search finds, in all their languages, and how they are kept. What is asked is not known here.

use crate::{
    document::{Body, Document},
    fold::{index_title, index_words, sort_key},
};
use convenio_events::LanguageMap;
use serde_json::{Value, value::RawValue};

/// What is indexed of one record.
pub(super) struct Words {
    /// Its words, those of its title also with a mark.
    pub(super) indexed: WordBytes,
    /// Its title in its original language, as titles are sorted.
    pub(super) sort_key: String,
}

/// The words of a record.
pub(super) fn words_of(document: &Document) -> Words {
    let mut words = Vec::new();
    let mut title_key = String::new();
    if let Some(title) = document.title().and_then(|title| serde_json::from_str::<LanguageMap>(title.get()).ok()) {
        for (_, text) in title.texts() {
            index_words(text, &mut words);
            index_title(text, &mut words);
        }
        let original = title.texts().find(|(tag, _)| *tag == title.original());
        title_key = original.map(|(_, text)| sort_key(text)).unwrap_or_default();
    }
    add(document.text(), &["title", "name"], &mut words);
    match &document.body {
        Body::Organisation(organisation) => {
            organisation.identifiers.iter().for_each(|identifier| index_words(identifier.as_str(), &mut words));
            organisation.sites.iter().for_each(|site| add(site.text.as_deref(), &[], &mut words));
        }
        Body::Convening(convening) => {
            convening.sessions.iter().for_each(|session| add(session.text.as_deref(), &[], &mut words));
            convening.visits.iter().for_each(|visit| add(visit.text.as_deref(), &[], &mut words));
        }
        Body::Listing(_) | Body::Agreement(_) | Body::Learning(_) => {}
    }
    Words { indexed: WordBytes::of(words), sort_key: title_key }
}

/// The words of one record in a column: sorted, each once, each behind a byte with its length.
///
/// Where a word stands and how often does not matter: each once makes the index half as large.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WordBytes(pub(super) Vec<u8>);

impl WordBytes {
    /// Sorts and packs them. A word that is longer than its length can say, and no word of people is, is left out.
    pub(super) fn of(mut words: Vec<String>) -> Self {
        words.sort_unstable();
        words.dedup();
        let mut bytes = Vec::with_capacity(words.iter().map(|word| word.len() + 1).sum());
        for word in &words {
            if let Ok(length) = u8::try_from(word.len()) {
                bytes.push(length);
                bytes.extend_from_slice(word.as_bytes());
            }
        }
        Self(bytes)
    }

    /// To look into them.
    pub(super) fn list(&self) -> WordList<'_> {
        WordList(&self.0)
    }
}

/// [`WordBytes`] as they are read.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WordList<'a>(&'a [u8]);

impl<'a> From<&'a [u8]> for WordList<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
}

impl<'a> Iterator for WordList<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (word, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(word)
    }
}

impl WordList<'_> {
    /// Whether this word is among them.
    pub(super) fn has(mut self, word: &str) -> bool {
        self.find(|one| *one >= word.as_bytes()) == Some(word.as_bytes())
    }

    /// Whether a word that begins like this is among them.
    pub(super) fn has_beginning(mut self, beginning: &str) -> bool {
        self.find(|one| *one >= beginning.as_bytes()).is_some_and(|one| one.starts_with(beginning.as_bytes()))
    }

    /// The words as the index takes them, with a space between two.
    pub(super) fn joined(self) -> String {
        let mut text = String::with_capacity(self.0.len());
        for word in self {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&String::from_utf8_lossy(word));
        }
        text
    }
}

fn add(text: Option<&RawValue>, but: &[&str], words: &mut Vec<String>) {
    let Some(Ok(Value::Object(members))) = text.map(|text| serde_json::from_str::<Value>(text.get())) else { return };
    for (name, value) in &members {
        if !but.contains(&name.as_str()) {
            collect(value, words);
        }
    }
}

/// Every text below a value. Which language is the original, and how others came to be, are no words.
fn collect(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::String(text) => index_words(text, words),
        Value::Array(values) => values.iter().for_each(|value| collect(value, words)),
        Value::Object(members) => match members.get("texts") {
            Some(texts) => collect(texts, words),
            None => members.values().for_each(|value| collect(value, words)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
