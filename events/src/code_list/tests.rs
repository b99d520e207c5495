//! What the embedded lists promise. Whether a label is the best word is for its readers, not for these tests.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::codes;
use std::collections::HashSet;

/// Every list with every entry, so that a failing check can name both.
fn entries() -> impl Iterator<Item = (&'static str, &'static Code)> {
    all().flat_map(|list| list.items().iter().map(|item| (list.name.as_str(), item)))
}

fn codes_of(name: &str) -> Vec<&'static str> {
    list(name).unwrap().items().iter().map(|item| item.code.as_str()).collect()
}

fn label(list_name: &str, code: &str, tag: &str) -> &'static str {
    list(list_name).unwrap().get(code).unwrap().labels.in_language(tag)
}

#[test]
fn every_file_parses_under_its_own_name() {
    for (name, text) in FILES {
        let file: ListFile = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file.list, *name);
        assert_eq!(file.version.len(), "2026-11-01".len(), "{name}");
        assert!(!file.source.is_empty() && !file.items.is_empty(), "{name}");
    }
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/data")).unwrap();
    let mut on_disk: Vec<String> =
        folder.map(|file| file.unwrap().file_name().to_str().unwrap().replace(".json", "")).collect();
    on_disk.sort();
    assert_eq!(on_disk, FILES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[test]
fn lists_are_in_alphabetical_order_and_found_by_name() {
    assert!(FILES.is_sorted_by(|a, b| a.0 < b.0));
    for (name, _) in FILES {
        assert_eq!(list(name).unwrap().name, *name);
    }
    assert!(list("continents").is_none());
}

#[test]
fn one_item_a_line() {
    for (name, text) in FILES {
        let items = list(name).unwrap().items().len();
        assert_eq!(text.lines().filter(|line| line.starts_with("{\"code\":")).count(), items, "{name}");
    }
}

#[test]
fn codes_are_unique_in_their_list() {
    for list in all() {
        let codes: HashSet<&str> = list.items().iter().map(|item| item.code.as_str()).collect();
        assert_eq!(codes.len(), list.items().len(), "{}", list.name);
    }
}

#[test]
fn every_code_has_four_clean_labels_in_sentence_case() {
    for (list, item) in entries() {
        let Labels { en, es, pt, fr } = &item.labels;
        for text in [en, es, pt, fr] {
            assert!(!text.is_empty() && text.trim() == text && !text.contains("  "), "{list} {}: {text:?}", item.code);
            let first = text.chars().next().unwrap();
            assert!(!first.is_lowercase(), "{list} {}: {text:?}", item.code);
            assert!(!text.contains(char::is_control) && !text.contains('\u{fffd}'), "{list} {}: {text:?}", item.code);
        }
    }
}

#[test]
fn replacements_exist_and_only_withdrawn_codes_have_them() {
    for (name, item) in entries() {
        let Some(next) = &item.replaced_by else {
            continue;
        };
        assert!(list(name).unwrap().get(next).is_some(), "{name} {}: {next}", item.code);
        assert!(item.is_withdrawn() && *next != item.code, "{name} {}", item.code);
    }
}

#[test]
fn following_replacements_ends() {
    for (name, item) in entries() {
        let mut current = item;
        for _ in 0..10 {
            let Some(next) = &current.replaced_by else {
                break;
            };
            current = list(name).unwrap().get(next).unwrap();
        }
        assert!(current.replaced_by.is_none(), "{name} {}", item.code);
    }
}

#[test]
fn dates_of_withdrawal_are_partial_dates() {
    for (list, item) in entries() {
        let Some(date) = &item.withdrawn else {
            continue;
        };
        let parts: Vec<u32> = date.split('-').map(|part| part.parse().unwrap()).collect();
        assert!(matches!(date.len(), 4 | 7 | 10) && (1970..2027).contains(&parts[0]), "{list} {}", item.code);
        assert!(parts.get(1).is_none_or(|month| (1..=12).contains(month)), "{list} {}", item.code);
        assert!(parts.get(2).is_none_or(|day| (1..=31).contains(day)), "{list} {}", item.code);
    }
}

#[test]
fn groups_have_labels_where_a_list_names_them() {
    for (members, groups) in [("sdg-targets", "sdg-goals"), ("dac-purposes", "dac-categories")] {
        for item in list(members).unwrap().items() {
            let group = item.group.as_deref().unwrap();
            assert!(list(groups).unwrap().get(group).is_some(), "{members} {}", item.code);
        }
    }
}

#[test]
fn codes_have_the_form_of_their_list() {
    let upper = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    assert!(countries().items().iter().all(|item| item.code.len() == 2 && upper(&item.code)));
    assert!(currencies().items().iter().all(|item| item.code.len() == 3 && upper(&item.code)));
    assert!(dac_purposes().items().iter().all(|item| item.code.len() == 5 && digits(&item.code)));
    assert!(languages().items().iter().all(|item| item.code.len() <= 7 && item.code.is_ascii()));
}

#[test]
fn current_countries_are_those_of_iso_3166_1_and_the_one_iati_adds() {
    let current = countries().items().iter().filter(|item| !item.is_withdrawn());
    assert_eq!(current.clone().count(), 249 + 1);
    assert_eq!(current.filter(|item| item.group.is_some()).map(|item| &item.code).collect::<Vec<_>>(), ["XK"]);
}

#[test]
fn all_169_targets_are_there() {
    assert_eq!(sdg_targets().items().len(), 169);
    assert_eq!(list("sdg-goals").unwrap().items().len(), 17);
}

#[test]
fn known_facts() {
    assert_eq!(label("countries", "PE", "es-PE"), "Perú");
    assert_eq!(label("countries", "HT", "fr"), "Haïti");
    assert_eq!(label("countries", "BR", "pt-BR"), "Brasil");
    assert_eq!(label("sdg-targets", "3.8", "es"), "Cobertura universal de salud");
    assert_eq!(label("dac-purposes", "12220", "en"), "Basic health care");
    assert_eq!(label("currencies", "PEN", "fr"), "Sol péruvien");
    assert_eq!(label("languages", "qu", "pt"), "Quíchua");
    assert_eq!(label("mechanisms", "accompaniment", "es"), "Acompañamiento");
    assert_eq!(label("offer-states", "open", "es"), "Abierta");
    assert_eq!(label("agreement-states", "active", "fr"), "En vigueur");
    assert_eq!(licences().get("CC-BY-NC-SA-3.0-IGO").unwrap().group.as_deref(), Some("non-commercial"));
}

#[test]
fn withdrawn_codes_are_kept_and_flagged() {
    let check = |list: &CodeList, code: &str, withdrawn: &str, next: Option<&str>| {
        let item = list.get(code).unwrap();
        assert_eq!((item.withdrawn.as_deref(), item.replaced_by.as_deref()), (Some(withdrawn), next), "{code}");
    };
    check(countries(), "AN", "2010-12-15", None);
    check(countries(), "SU", "1992-08-30", None);
    check(countries(), "ZR", "1997-07-14", Some("CD"));
    check(currencies(), "HRK", "2023-01", Some("EUR"));
    check(currencies(), "ANG", "2025-03", Some("XCG"));
    check(dac_purposes(), "74010", "2017-12-31", Some("43060"));
    check(languages(), "iw", "1989-01-01", Some("he"));
    assert!(!dac_purposes().get("12340").unwrap().is_withdrawn());
    assert!(!dac_purposes().get("16064").unwrap().is_withdrawn());
}

#[test]
fn an_unknown_language_falls_back_to_english_and_an_unknown_code_to_itself() {
    let peru = &countries().get("PE").unwrap().labels;
    assert_eq!(peru.in_language("PT"), "Peru");
    assert_eq!(peru.in_language("fr_CA"), "Pérou");
    assert_eq!(peru.in_language("qu"), "Peru");
    assert_eq!(peru.in_language(""), "Peru");
    assert_eq!(countries().label("ZZ", "es"), "ZZ");
    assert_eq!(countries().get("pe"), None);
}

/// The enums that rules read and the lists that pages label must not drift apart.
#[test]
fn every_closed_list_of_the_rules_has_its_labels() {
    macro_rules! check {
        ($($name:literal $of_rules:ident),* $(,)?) => { $({
            let of_rules: Vec<&str> = codes::$of_rules::ALL.iter().map(|code| code.word()).collect();
            assert_eq!(codes_of($name), of_rules, $name);
        })* };
    }
    check![
        "access-roles" AccessRole,
        "affiliation-kinds" AffiliationKind,
        "attestations" Attestation,
        "convening-formats" ConveningFormat,
        "cost-bearers" CostBearer,
        "cost-items" CostItem,
        "directions" Direction,
        "facility-kinds" FacilityKind,
        "instruments" Instrument,
        "learning-kinds" LearningKind,
        "learning-levels" LearningLevel,
        "mechanisms" Mechanism,
        "modalities" Modality,
        "organisation-kinds" OrganisationKind,
        "purposes" Purpose,
        "renewals" Renewal,
        "screening-outcomes" ScreeningOutcome,
        "session-kinds" SessionKind,
        "signature-methods" SignatureMethod,
        "urgency" Urgency,
        "verification-methods" VerificationMethod,
        "visibilities" Visibility,
    ];
}

#[test]
fn roles_of_parties_are_those_of_the_rules_and_a_group_of_the_roles_in_records() {
    let in_group = |group: &str| {
        let all = list("roles").unwrap().items().iter();
        all.filter(|role| role.group.as_deref() == Some(group)).map(|role| role.code.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(in_group("agreement"), codes::PartyRole::ALL.iter().map(|role| role.word()).collect::<Vec<_>>());
    assert_eq!(in_group("agreement").len() + in_group("record").len(), codes_of("roles").len());
}

#[test]
fn units_in_kind_are_those_of_the_rules() {
    assert_eq!(codes_of("units"), crate::values::UNITS_IN_KIND);
}

#[test]
fn every_language_is_one_that_a_text_may_be_in() {
    for item in languages().items() {
        assert!(item.code.parse::<crate::language_map::LanguageTag>().is_ok(), "{}", item.code);
    }
}

#[test]
fn every_kind_of_record_has_a_label() {
    for kind in crate::RecordKind::ALL {
        assert!(list("record-kinds").unwrap().get(kind.word()).is_some(), "{kind}");
    }
}

#[test]
fn states_of_one_kind_of_record_are_states() {
    for list_of_one in
        ["offer", "demand", "organisation", "agreement", "learning", "convening", "contribution", "introduction"]
    {
        for item in list(&format!("{list_of_one}-states")).unwrap().items() {
            assert!(list("states").unwrap().get(&item.code).is_some(), "{list_of_one} {}", item.code);
        }
    }
}
