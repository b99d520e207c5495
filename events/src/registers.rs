//! The long registers as data: ISO 3166-2 subdivisions and the subtags of BCP 47, read from `registers/`. They say what
//! is known and what became of it; whether that may be used is for the caller to say.

use serde::Deserialize;
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// A subdivision of a country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subdivision {
    /// Its name, as it is written where Latin letters are.
    pub name: &'static str,
    /// Whether ISO withdrew it. Real data still holds it.
    pub withdrawn: bool,
    /// The code to use instead, where one alone takes its place.
    pub replaced_by: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubdivisionsFile {
    #[serde(rename = "register")]
    _register: String,
    version: String,
    #[serde(rename = "source")]
    _source: String,
    current: HashMap<String, HashMap<String, String>>,
    withdrawn: HashMap<String, HashMap<String, String>>,
    replaced_by: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubtagsFile {
    #[serde(rename = "register")]
    _register: String,
    version: String,
    #[serde(rename = "source")]
    _source: String,
    languages: Vec<String>,
    scripts: Vec<String>,
    regions: Vec<String>,
    languages_now: HashMap<String, String>,
    regions_now: HashMap<String, String>,
}

static SUBDIVISIONS: LazyLock<SubdivisionsFile> =
    LazyLock::new(|| serde_json::from_str(include_str!("../registers/subdivisions.json")).expect("a test parses it"));
static SUBTAGS: LazyLock<SubtagsFile> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../registers/language-subtags.json")).expect("a test parses it")
});
static LANGUAGES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(&SUBTAGS.languages));
static SCRIPTS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(&SUBTAGS.scripts));
static REGIONS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| words(&SUBTAGS.regions));

fn words(lines: &'static [String]) -> HashSet<&'static str> {
    lines.iter().flat_map(|line| line.split(' ')).collect()
}

/// The subdivision of an ISO 3166-2 code such as `PE-LIM`, withdrawn ones included.
pub fn subdivision(code: &str) -> Option<Subdivision> {
    let (country, part) = code.split_once('-')?;
    let find = |all: &'static HashMap<String, HashMap<String, String>>| all.get(country)?.get(part).map(String::as_str);
    let replaced_by = SUBDIVISIONS.replaced_by.get(code).map(String::as_str);
    match find(&SUBDIVISIONS.current) {
        Some(name) => Some(Subdivision { name, withdrawn: false, replaced_by: None }),
        None => find(&SUBDIVISIONS.withdrawn).map(|name| Subdivision { name, withdrawn: true, replaced_by }),
    }
}

/// The subtag of a language as BCP 47 writes it today: `es` for `es`, `ES` and `spa`; `None` where it is not registered.
pub fn language(subtag: &str) -> Option<&'static str> {
    let lower = subtag.to_ascii_lowercase();
    match SUBTAGS.languages_now.get(&lower) {
        Some(now) => Some(now),
        None => LANGUAGES.get(lower.as_str()).copied(),
    }
}

/// The subtag of a script, first letter upper case; `None` where it is not registered.
pub fn script(subtag: &str) -> Option<&'static str> {
    let first = subtag.get(..1)?.to_ascii_uppercase();
    let title = first + &subtag[1..].to_ascii_lowercase();
    SCRIPTS.get(title.as_str()).copied()
}

/// The subtag of a region (ISO 3166-1 or UN M49) as BCP 47 writes it today; `None` where it is not registered.
pub fn region(subtag: &str) -> Option<&'static str> {
    let upper = subtag.to_ascii_uppercase();
    match SUBTAGS.regions_now.get(&upper) {
        Some(now) => Some(now),
        None => REGIONS.get(upper.as_str()).copied(),
    }
}

/// The edition of each register, `YYYY-MM-DD`.
pub fn editions() -> [(&'static str, &'static str); 2] {
    [("subdivisions", &SUBDIVISIONS.version), ("language-subtags", &SUBTAGS.version)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_list;

    #[test]
    fn subdivisions_are_of_known_countries_and_withdrawn_ones_are_flagged() {
        let all = SUBDIVISIONS.current.iter().chain(&SUBDIVISIONS.withdrawn);
        let mut count = 0;
        for (country, parts) in all {
            assert!(code_list::countries().get(country).is_some(), "{country}");
            for part in parts.keys() {
                let fits =
                    (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
                assert!(fits, "{country}-{part}");
                count += 1;
            }
        }
        assert!(count > 5_400, "{count}");
        for (code, next) in &SUBDIVISIONS.replaced_by {
            assert!(subdivision(code).is_some_and(|it| it.withdrawn), "{code}");
            assert!(subdivision(next).is_some_and(|it| !it.withdrawn), "{next}");
        }
        assert_eq!(subdivision("PE-LIM").map(|it| (it.name, it.withdrawn)), Some(("Lima Region", false)));
        assert_eq!(subdivision("IN-OR").map(|it| (it.withdrawn, it.replaced_by)), Some((true, None)));
        assert_eq!(subdivision("CN-11").and_then(|it| it.replaced_by), Some("CN-BJ"));
        assert_eq!(subdivision("PE-ZZZ"), None);
        assert!(editions().iter().all(|(_, date)| date.len() == 10));
    }

    #[test]
    fn subtags_have_one_spelling_and_every_listed_language_is_among_them() {
        for (given, right) in [("es", "es"), ("ES", "es"), ("spa", "es"), ("fre", "fr"), ("fra", "fr"), ("iw", "he")] {
            assert_eq!(language(given), Some(right), "{given}");
        }
        for known in ["qu", "nv", "ay", "gn", "ht", "quz", "mis", "und"] {
            assert_eq!(language(known), Some(known));
        }
        assert_eq!((language("zz"), language("qaa"), language("xx")), (None, None, None));
        assert_eq!((script("hant"), script("Zzzy")), (Some("Hant"), None));
        assert_eq!(
            (region("br"), region("419"), region("BU"), region("QQ")),
            (Some("BR"), Some("419"), Some("MM"), None)
        );
        for item in code_list::languages().items() {
            let primary = item.code.split('-').next().expect("has a first part");
            assert!(language(primary).is_some(), "{}", item.code);
        }
        for now in SUBTAGS.languages_now.values() {
            assert_eq!(language(now), Some(now.as_str()), "a replacement is not replaced again");
        }
    }
}
