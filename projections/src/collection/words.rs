//! The words of a record that search finds, in all their languages. Which record matches is decided by the index, not here.

use crate::{
    document::{Body, Document},
    fold::{index_title, index_words, sort_key},
};
use convenio_events::LanguageMap;
use serde_json::{Value, value::RawValue};

/// What is indexed of one record.
pub(super) struct Words {
    /// Its words, each once, those of its title also with a mark.
    pub(super) indexed: String,
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
    // Where a word stands and how often does not matter: each once makes the index half as large.
    words.sort_unstable();
    words.dedup();
    Words { indexed: words.join(" "), sort_key: title_key }
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
