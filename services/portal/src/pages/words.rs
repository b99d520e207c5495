//! What people recorded, in the reader's language where it is there, else in its original, marked as such. It changes no text.

use super::locale::Language;
use askama::{Template, filters::HtmlSafe};
use convenio_events::{LanguageMap, language_map::Translation};
use serde_json::value::RawValue;

/// A text that somebody recorded.
#[derive(Clone, Debug, Template)]
#[template(path = "parts/words.html")]
pub(super) struct Words {
    text: String,
    /// Its language, where that is not the page's or not known to be.
    lang: Option<String>,
    /// That it is in another language, or translated by a machine.
    note: Option<String>,
}

// Its template escapes what is in it.
impl HtmlSafe for Words {}

impl Words {
    /// A language map for this reader, with a note where it is not in the reader's language as the author left it.
    pub(super) fn of(language: Language, map: &LanguageMap) -> Self {
        let (tag, text) = map.best(language.code());
        let own = Language::of_tag(tag.as_str()) == Some(language);
        let note = match map.translation(tag) {
            _ if !own => {
                Some(language.say_with("words-original-in", "language", &language.language_name(tag.as_str())))
            }
            None | Some(Translation::AuthorApproved) => None,
            Some(Translation::Machine) => Some(language.say("words-machine-translation").into_owned()),
            Some(Translation::Other) => Some(language.say("words-translation").into_owned()),
        };
        let lang = (tag.as_str() != language.code()).then(|| tag.as_str().to_owned());
        Self { text: text.to_owned(), lang, note }
    }

    /// Words without a language of their own: an office, a citation, a mailbox.
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), lang: None, note: None }
    }

    /// A text of the pages where a recorded one would stand.
    pub(super) fn instead(language: Language, key: &'static str) -> Self {
        Self { text: language.say(key).into_owned(), lang: None, note: None }
    }

    /// A title or name as the views give it; what stands instead where it was erased or cannot be read.
    pub(super) fn of_title(language: Language, raw: Option<&RawValue>) -> Self {
        let map: Option<LanguageMap> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
        map.map_or_else(|| Self::instead(language, "words-erased"), |map| Self::of(language, &map).quiet())
    }

    /// Without the note, for names and for titles in lists; the language stays marked.
    pub(super) fn quiet(mut self) -> Self {
        self.note = None;
        self
    }

    /// The note, for where it stands elsewhere.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The bare text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// At most so many characters, cut between words.
    pub(super) fn shortened(mut self, characters: usize) -> Self {
        let Some((cut, _)) = self.text.char_indices().nth(characters) else { return self };
        let end = self.text[..cut].rfind(char::is_whitespace).filter(|end| *end > cut / 2).unwrap_or(cut);
        self.text.truncate(end);
        self.text.push('\u{2026}');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let map: LanguageMap = serde_json::from_str(json).expect("a language map");
        let english = Language::of_tag("en").expect("a language of the pages");
        assert_eq!(Words::of(english, &map).to_string(), expected);
    }

    #[test]
    fn the_readers_language_comes_first_and_others_are_marked() {
        check(r#"{"texts":{"en":"Hello"}}"#, r#"<span dir="auto">Hello</span>"#);
        check(r#"{"original":"en","texts":{"en":"Hello","es":"Hola"}}"#, r#"<span dir="auto">Hello</span>"#);
        check(
            r#"{"texts":{"es":"Hola"}}"#,
            r#"<span lang="es" dir="auto">Hola</span> <small class="note">original in Spanish</small>"#,
        );
        check(
            r#"{"original":"es","texts":{"es":"Hola","en":"Hello"},"translations":{"en":"machine"}}"#,
            r#"<span dir="auto">Hello</span> <small class="note">machine translation</small>"#,
        );
        check(
            r#"{"original":"qu","texts":{"qu":"Rimaykullayki","en-GB":"Good day"},"translations":{"en-GB":"other"}}"#,
            r#"<span lang="en-GB" dir="auto">Good day</span> <small class="note">translation, not by the author</small>"#,
        );
    }

    #[test]
    fn script_in_a_text_is_shown_and_not_run() {
        check(
            r#"{"texts":{"en":"<script>alert(\"1\")</script>&'"}}"#,
            r##"<span dir="auto">&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#38;&#39;</span>"##,
        );
    }

    #[test]
    fn long_texts_are_cut_between_words_and_letters_stay_whole() {
        assert_eq!(Words::plain("one two three").shortened(9).text(), "one two\u{2026}");
        assert_eq!(Words::plain("ñññññññññññ").shortened(4).text(), "ññññ\u{2026}");
        assert_eq!(Words::plain("short").shortened(9).text(), "short");
    }
}
