//! The words of a record that search finds, in all their languages, and how they are kept. What is asked is not known here.

use crate::{
    document::{self, Document},
    fold::{ACCENTED_MARK, TITLE_MARK, WRITTEN_MARK, accented_root, fold_into, root, sort_key, words},
};
use convenio_events::LanguageMap;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Range};

/// What is indexed of one record: of its lists the first page, as its JSON shows it.
pub(super) struct Words {
    /// Its words, those of its title also with a mark.
    pub(super) indexed: WordBytes,
    /// Its title in its original language, as titles are sorted.
    pub(super) sort_key: String,
}

/// The words of a record.
pub(super) fn words_of(document: &Document) -> Words {
    let mut words = WordBag::default();
    let mut title_key = String::new();
    if let Some(title) = document.title().and_then(|title| serde_json::from_str::<LanguageMap>(title.get()).ok()) {
        title.texts().for_each(|(_, text)| words.add_title(text));
        let original = title.texts().find(|(tag, _)| *tag == title.original());
        title_key = original.map(|(_, text)| sort_key(text)).unwrap_or_default();
    }
    words.add_all(document.text(), &["title", "name"]);
    document.body.shown().more_words(&mut |more| match more {
        document::Words::Json(text) => words.add_all(Some(text), &[]),
        document::Words::Plain(text) => words.add(text),
    });
    Words { indexed: words.pack(), sort_key: title_key }
}

/// Words one behind the other in one text: a record has too many for a string each.
#[derive(Default)]
struct WordBag {
    text: String,
    words: Vec<Range<usize>>,
}

impl WordBag {
    /// The root of each word, and the whole word where that is another: somebody may have typed just more of it than its root.
    fn add(&mut self, text: &str) {
        for word in words(text) {
            self.add_word(word);
        }
    }

    /// The same, and the roots marked as those of a title. No word begins with the mark, for it is no letter.
    fn add_title(&mut self, text: &str) {
        for word in words(text) {
            let root = self.add_word(word);
            let start = self.text.len();
            self.text.push(TITLE_MARK);
            self.text.extend_from_within(root);
            self.words.push(start..self.text.len());
            self.add_marked(WRITTEN_MARK, &word.to_lowercase());
            self.add_marked(ACCENTED_MARK, &accented_root(word));
        }
    }

    fn add_marked(&mut self, mark: char, word: &str) {
        let start = self.text.len();
        self.text.push(mark);
        self.text.push_str(word);
        self.words.push(start..self.text.len());
    }

    /// Adds one word and its root, and says where the root is.
    fn add_word(&mut self, word: &str) -> Range<usize> {
        let start = self.text.len();
        fold_into(word, &mut self.text);
        let end = self.text.len();
        self.words.push(start..end);
        let root = match root(&self.text[start..]) {
            // Roots that are not rewritten are beginnings of the word.
            Cow::Borrowed(root) => start..start + root.len(),
            Cow::Owned(root) => {
                self.text.push_str(&root);
                end..self.text.len()
            }
        };
        if root.end != end {
            self.words.push(root.clone());
        }
        root
    }

    /// Every text below the members of an object, but some of them.
    fn add_all(&mut self, text: Option<&RawValue>, but: &'static [&'static str]) {
        let Some(text) = text else { return };
        // What is no object has no words, and the log holds only what is JSON.
        let _ = serde_json::Deserializer::from_str(text.get()).deserialize_map(Texts { bag: self, but });
    }

    fn pack(mut self) -> WordBytes {
        let text = self.text.as_bytes();
        self.words.sort_unstable_by(|one, other| text[one.clone()].cmp(&text[other.clone()]));
        self.words.dedup_by(|one, other| text[one.clone()] == text[other.clone()]);
        WordBytes::of(self.words.iter().map(|word| &self.text[word.clone()]))
    }
}

/// Adds every text below a value to a bag. Which language is the original, and how others came to be, are no words: where there
/// are `texts`, nothing beside them is one.
struct Texts<'a> {
    bag: &'a mut WordBag,
    but: &'static [&'static str],
}

impl<'de> serde::de::DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.bag.add(text);
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Texts { bag: &mut *self.bag, but: &[] })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let (before, mut has_texts) = (self.bag.words.len(), false);
        while let Some(name) = members.next_key::<Cow<'_, str>>()? {
            if self.but.contains(&&*name) || has_texts {
                members.next_value::<IgnoredAny>()?;
                continue;
            }
            if name == "texts" {
                has_texts = true;
                self.bag.words.truncate(before);
            }
            members.next_value_seed(Texts { bag: &mut *self.bag, but: &[] })?;
        }
        Ok(())
    }
}

/// The words of one record in a column: sorted, each once, each behind a byte with its length.
///
/// Where a word stands and how often does not matter: each once makes the index half as large.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WordBytes(pub(super) Vec<u8>);

impl WordBytes {
    /// Packs words that are sorted. One that is longer than its length can say, and no word of people is, is left out.
    pub(super) fn of<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Self {
        let mut bytes = Vec::with_capacity(words.clone().map(|word| word.len() + 1).sum());
        for word in words {
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

    /// The words as the index takes them, each behind the mark of those who may find it, with a space between two.
    pub(super) fn joined(self, mark: char) -> String {
        let mut text = String::with_capacity(self.0.len());
        for word in self {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push(mark);
            text.push_str(&String::from_utf8_lossy(word));
        }
        text
    }
}
