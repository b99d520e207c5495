//! The words of a record that search finds, in all their languages. Which record matches is decided by the index, not here.

use crate::{
    document::{Body, Document},
    fold::{index_words, sort_key},
};
use convenio_events::LanguageMap;
use serde_json::{Value, value::RawValue};

/// What is indexed of one record.
#[derive(Default)]
pub(super) struct Words {
    /// Of its title or name.
    pub(super) title: String,
    /// Of all else.
    pub(super) body: String,
    /// Its title in its original language, as titles are sorted.
    pub(super) sort_key: String,
}

/// The words of a record.
pub(super) fn words_of(document: &Document) -> Words {
    let mut words = Words::default();
    if let Some(title) = document.title().and_then(|title| serde_json::from_str::<LanguageMap>(title.get()).ok()) {
        title.texts().for_each(|(_, text)| index_words(text, &mut words.title));
        let original = title.texts().find(|(tag, _)| *tag == title.original());
        words.sort_key = original.map(|(_, text)| sort_key(text)).unwrap_or_default();
    }
    add(document.text(), &["title", "name"], &mut words.body);
    match &document.body {
        Body::Organisation(organisation) => {
            organisation.identifiers.iter().for_each(|identifier| index_words(identifier.as_str(), &mut words.body));
            organisation.sites.iter().for_each(|site| add(site.text.as_deref(), &[], &mut words.body));
        }
        Body::Convening(convening) => {
            convening.sessions.iter().for_each(|session| add(session.text.as_deref(), &[], &mut words.body));
            convening.visits.iter().for_each(|visit| add(visit.text.as_deref(), &[], &mut words.body));
        }
        Body::Listing(_) | Body::Agreement(_) | Body::Learning(_) => {}
    }
    words
}

fn add(text: Option<&RawValue>, but: &[&str], words: &mut String) {
    let Some(Ok(Value::Object(members))) = text.map(|text| serde_json::from_str::<Value>(text.get())) else { return };
    for (name, value) in &members {
        if !but.contains(&name.as_str()) {
            collect(value, words);
        }
    }
}

/// Every text below a value. Which language is the original, and how others came to be, are no words.
fn collect(value: &Value, words: &mut String) {
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
