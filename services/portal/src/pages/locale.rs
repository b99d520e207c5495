//! The languages of the pages: every text is a key in `locales/<language>.ftl`. To add a language is to add a file and a line
//! in `FILES`; nothing here translates what people recorded.

use convenio_events::code_list;
use fluent_bundle::{FluentArgs, FluentResource, concurrent::FluentBundle};
use std::{borrow::Cow, fmt, sync::LazyLock};

/// The languages that the pages are written in, the first one for readers who want none of them.
const FILES: &[(&str, &str)] =
    &[("en", include_str!("../../locales/en.ftl")), ("es", include_str!("../../locales/es.ftl"))];

struct Locale {
    code: &'static str,
    bundle: FluentBundle<FluentResource>,
}

static LOCALES: LazyLock<Vec<Locale>> = LazyLock::new(|| {
    let read = |&(code, text): &(&'static str, &str)| {
        let resource = FluentResource::try_new(text.to_owned()).expect("a test reads every embedded locale");
        let tag = code.parse().expect("a test reads every embedded locale");
        let mut bundle = FluentBundle::new_concurrent(vec![tag]);
        // Directions are the business of `dir` attributes; isolating characters would end up in copied text.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).expect("a test reads every embedded locale");
        Locale { code, bundle }
    };
    FILES.iter().map(read).collect()
});

/// One of the languages that the pages are written in.
#[derive(Clone, Copy)]
pub(super) struct Language(&'static Locale);

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code)
    }
}

impl PartialEq for Language {
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
    }
}

impl Language {
    /// All of them.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        LOCALES.iter().map(Self)
    }

    /// The one of a BCP 47 tag's language part.
    pub(super) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        Self::all().find(|language| language.code().eq_ignore_ascii_case(primary))
    }

    /// What a browser asks for (RFC 9110, `Accept-Language`); the first of our languages when it wants none of them.
    pub(super) fn preferred(accept_language: Option<&str>) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in accept_language.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            let (Some(language), Ok(weight)) = (Self::of_tag(tag), weight) else { continue };
            if weight > best.map_or(0.0, |(most, _)| most) {
                best = Some((weight, language));
            }
        }
        best.map_or(Self(&LOCALES[0]), |(_, language)| language)
    }

    /// Its BCP 47 tag, which is also the first part of its paths.
    pub(super) fn code(self) -> &'static str {
        self.0.code
    }

    /// A text of the pages; the key itself where there is none, which a test makes impossible for keys in templates.
    pub(super) fn say(self, key: &'static str) -> Cow<'static, str> {
        self.look_up(key, None).unwrap_or(Cow::Borrowed(key))
    }

    /// A text whose key is put together while running; `None` where there is none.
    pub(super) fn find(self, key: &str) -> Option<Cow<'static, str>> {
        self.look_up(key, None)
    }

    /// A text with one value in it.
    pub(super) fn say_with(self, key: &'static str, name: &'static str, value: &str) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value.to_owned());
        self.look_up(key, Some(&args)).unwrap_or(Cow::Borrowed(key)).into_owned()
    }

    /// A text with several values in it.
    pub(super) fn say_all(self, key: &'static str, values: &[(&'static str, &str)]) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(*name, (*value).to_owned());
        }
        self.look_up(key, Some(&args)).unwrap_or(Cow::Borrowed(key)).into_owned()
    }

    /// A text about so many things: `count` chooses the form, `shown` is what stands in it.
    pub(super) fn say_count(self, key: &'static str, count: u32, shown: &str) -> String {
        let mut args = FluentArgs::new();
        args.set("count", count);
        args.set("shown", shown.to_owned());
        self.look_up(key, Some(&args)).unwrap_or(Cow::Borrowed(key)).into_owned()
    }

    fn look_up(self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<Cow<'static, str>> {
        let pattern = self.0.bundle.get_message(key)?.value()?;
        // What cannot be put in shows as `{$name}`: a page with one odd text is better than none.
        let mut errors = Vec::new();
        let said = self.0.bundle.format_pattern(pattern, args, &mut errors);
        if !errors.is_empty() {
            tracing::warn!(key, ?errors, "a text of the pages cannot be put together");
        }
        Some(said)
    }

    /// The label of a code; the code itself where the list does not have it.
    pub(super) fn label(self, list: &str, code: &str) -> String {
        let label =
            code_list::list(list).and_then(|list| list.get(code)).map(|found| found.labels.in_language(self.code()));
        label.unwrap_or(code).to_owned()
    }

    /// The name of a BCP 47 tag's language; the tag where it has no name here.
    pub(super) fn language_name(self, tag: &str) -> String {
        let primary = tag.split('-').next().unwrap_or(tag);
        match code_list::languages().get(primary) {
            Some(found) if primary == tag => found.labels.in_language(self.code()).to_owned(),
            Some(found) => format!("{} ({tag})", found.labels.in_language(self.code())),
            None => tag.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The keys of a locale file, and the values that each needs.
    fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines() {
            if let Some((key, _)) =
                line.split_once(" =").filter(|(key, _)| key.starts_with(|c: char| c.is_ascii_lowercase()))
            {
                current = key.to_owned();
                assert!(keys.insert(current.clone(), BTreeSet::new()).is_none(), "{key} stands twice");
            }
            for value in line.split('$').skip(1) {
                let name = value.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
                keys.entry(current.clone()).or_default().insert(name.to_owned());
            }
        }
        keys
    }

    #[test]
    fn every_locale_has_the_same_keys_with_the_same_values() {
        let first = keys(FILES[0].1);
        for (code, text) in FILES {
            let own = keys(text);
            let missing: Vec<_> = first.keys().filter(|key| !own.contains_key(*key)).collect();
            let unknown: Vec<_> = own.keys().filter(|key| !first.contains_key(*key)).collect();
            assert!(missing.is_empty() && unknown.is_empty(), "{code} lacks {missing:?}, and alone has {unknown:?}");
            for (key, values) in &own {
                assert_eq!(values, &first[key], "{code}: {key}");
            }
        }
    }

    #[test]
    fn every_key_that_is_asked_for_exists_and_none_is_left_over() {
        let known = keys(FILES[0].1);
        let sources = sources();
        let mut asked = BTreeSet::new();
        for (file, text) in &sources {
            for call in ["say(\"", "say_with(\"", "say_count(\"", "say_all(\""] {
                for rest in text.split(call).skip(1) {
                    let key = rest.split('"').next().unwrap_or_default();
                    assert!(known.contains_key(key), "{file} asks for {key}");
                    asked.insert(key.to_owned());
                }
            }
        }
        // Keys that are put together, or handed on as a value, stand whole or by their beginning in a source.
        let left_over: Vec<_> = known
            .keys()
            .filter(|key| !asked.contains(*key))
            .filter(|key| {
                let quoted = format!("\"{key}\"");
                !sources.iter().any(|(_, text)| text.contains(&quoted))
            })
            .filter(|key| {
                !["event-", "month-", "facet-", "sort-", "about-", "cause-", "role-"]
                    .iter()
                    .any(|start| key.starts_with(start))
            })
            .collect();
        assert!(left_over.is_empty(), "nobody asks for {left_over:?}");
    }

    /// All templates and sources of the pages, by name.
    fn sources() -> Vec<(String, String)> {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![here.join("templates"), here.join("src/pages")];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder of this crate") {
                let path = entry.expect("an entry of it").path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("locale.rs") {
                    found.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a text file")));
                }
            }
        }
        assert!(found.len() > 10, "found only {}", found.len());
        found
    }

    #[test]
    fn every_event_type_has_a_name_in_every_language() {
        let mut generator = schemars::SchemaGenerator::default();
        let types: Vec<_> =
            convenio_events::types::Facts::schemas(&mut generator).into_iter().map(|one| one.type_name).collect();
        for language in Language::all() {
            let without: Vec<_> = types
                .iter()
                .filter(|name| super::super::format::event_key(name).and_then(|key| language.find(&key)).is_none())
                .collect();
            assert!(without.is_empty(), "{language:?}: {without:?}");
        }
    }

    #[test]
    fn a_browser_gets_the_language_that_it_prefers() {
        let table = [
            (None, "en"),
            (Some(""), "en"),
            (Some("es"), "es"),
            (Some("es-PE,es;q=0.9,en;q=0.8"), "es"),
            (Some("de,en;q=0.3,es;q=0.5"), "es"),
            (Some("de-AT, fi;q=0.9"), "en"),
            (Some("es;q=0, en;q=0.1"), "en"),
            (Some("ES-419;q=x, *"), "en"),
        ];
        for (asked, expected) in table {
            assert_eq!(Language::preferred(asked).code(), expected, "{asked:?}");
        }
    }
}
