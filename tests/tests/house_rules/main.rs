//! The house rules that a machine can check, over every file of the project: which crate may see which, how long a
//! file may get, what may not be written. It does not repeat what rustfmt, clippy and cargo-deny already say.

mod files;
mod texts;
mod watching;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use files::{manifests, root, rust_files, text_files};
use texts::{first_line_with, is_test_file, names_absolute_path, relative_links, without_test_modules};

/// Longest Rust file, in lines: one concept fits in 400, and a margin spares a split in the middle of a change.
const MAX_RUST_LINES: usize = 450;

/// Which of our crates each crate may depend on, for its code and its tests alike: arrows point down. A crate that
/// is not listed fails the test, so that a new one is placed on purpose.
const ARROWS: &[(&str, &[&str])] = &[
    ("convenio-events", &[]),
    ("convenio-notary", &["convenio-events"]),
    ("convenio-ledger", &["convenio-events", "convenio-notary"]),
    ("convenio-pages", &[]),
    ("convenio-projections", &["convenio-events", "convenio-pages"]),
    ("convenio-journal", ADAPTER_SEES),
    // Each node keeps a copy of the topic in a journal.
    ("convenio-kafka", &["convenio-events", "convenio-journal"]),
    ("convenio-portal", &["convenio-events", "convenio-ledger", "convenio-notary", "convenio-projections"]),
    ("convenio", EVERYTHING),
    ("convenio-tests", EVERYTHING),
];

/// What anything below `infra/` may see: the contract that it fulfils and the crates that define what it stores.
const ADAPTER_SEES: &[&str] = &["convenio-events", "convenio-ledger", "convenio-notary", "convenio-pages"];
const EVERYTHING: &[&str] = &["*"];

#[test]
fn arrows_point_down() {
    let mut wrong = String::new();
    for (path, manifest) in manifests() {
        let Some(name) = manifest.get("package").and_then(|package| package["name"].as_str()) else {
            continue;
        };
        let Some((_, allowed)) = ARROWS.iter().find(|(crate_name, _)| *crate_name == name) else {
            writeln!(wrong, "{}: {name} has no place in ARROWS", path.display()).expect("writing to a string");
            continue;
        };
        for dependency in our_dependencies(&manifest) {
            if !allowed.contains(&"*") && !allowed.contains(&dependency.as_str()) {
                writeln!(wrong, "{}: {name} may not see {dependency}", path.display()).expect("writing to a string");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_crate_takes_its_lints_from_the_workspace() {
    let without: Vec<_> = manifests()
        .into_iter()
        .filter(|(_, manifest)| manifest.contains_key("package"))
        .filter(|(_, manifest)| {
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) != Some(true)
        })
        .map(|(path, _)| path)
        .collect();
    assert!(without.is_empty(), "no `[lints] workspace = true`: {without:?}");
}

#[test]
fn every_rust_file_begins_by_saying_what_it_is_for() {
    check_rust_files(|text| {
        let first = text.lines().next().unwrap_or_default();
        (!first.starts_with("//! ")).then(|| format!("line 1 is `{first}`, not `//! ...`"))
    });
}

#[test]
fn no_rust_file_is_too_long() {
    check_rust_files(|text| {
        let lines = text.lines().count();
        (lines > MAX_RUST_LINES).then(|| format!("{lines} lines, {MAX_RUST_LINES} are allowed: split it by concept"))
    });
}

#[test]
fn nothing_is_left_to_do_and_no_test_is_ignored() {
    // Taken apart, so that this file passes its own test.
    let forbidden = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ig", "nore")];
    check_rust_files(|text| first_line_with(text, &forbidden));
}

#[test]
fn code_outside_tests_never_unwraps() {
    let forbidden = [concat!(".unw", "rap()")];
    let mut wrong = String::new();
    for (path, text) in rust_files() {
        if is_test_file(&path) {
            continue;
        }
        if let Some(complaint) = first_line_with(&without_test_modules(&text), &forbidden) {
            writeln!(wrong, "{}: {complaint}", path.display()).expect("writing to a string");
        }
    }
    assert!(wrong.is_empty(), "say why it holds with `expect`, or return an error:\n{wrong}");
}

#[test]
fn no_file_names_a_registry_host_or_a_path_of_one_machine() {
    // Taken apart, so that this file passes its own test.
    let hosts = [
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted.org"),
        concat!("registry.", "npmjs"),
        concat!("proxy.", "golang"),
        concat!("deb.", "debian"),
        concat!("repo.", "maven"),
    ];
    let paths = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    let mut wrong = String::new();
    // Cargo.lock is cargo's own writing and names the default registry's index.
    for (path, text) in text_files().into_iter().filter(|(path, _)| path != Path::new("Cargo.lock")) {
        for (number, line) in text.lines().enumerate() {
            let host = hosts.iter().find(|host| line.contains(**host));
            let machine = paths.iter().find(|absolute| names_absolute_path(line, absolute));
            if let Some(word) = host.or(machine) {
                writeln!(wrong, "{}:{}: {word}", path.display(), number + 1).expect("writing to a string");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_data_file_is_valid_json() {
    let mut wrong = String::new();
    for (path, text) in text_files() {
        let documents: Vec<&str> = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => vec![&text],
            Some("ndjson") => text.lines().collect(),
            _ => continue,
        };
        for (number, document) in documents.into_iter().enumerate() {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(document) {
                writeln!(wrong, "{} (document {}): {error}", path.display(), number + 1).expect("writing to a string");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn links_between_our_documents_lead_somewhere() {
    let mut wrong = String::new();
    for (path, text) in text_files() {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for link in relative_links(&text) {
            let folder = path.parent().expect("a file has a folder, at least an empty one");
            if !root().join(folder).join(&link).exists() {
                writeln!(wrong, "{}: {link}", path.display()).expect("writing to a string");
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// Runs `complaint` over every Rust file and fails with all that it says.
fn check_rust_files(complaint: impl Fn(&str) -> Option<String>) {
    let files = rust_files();
    assert!(files.len() > 1, "found hardly any Rust files below {}", root().display());
    let mut wrong = String::new();
    for (path, text) in files {
        if let Some(said) = complaint(&text) {
            writeln!(wrong, "{}: {said}", path.display()).expect("writing to a string");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The names of our own crates among a manifest's dependencies of every kind, for every target.
fn our_dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if matches!(key.as_str(), "dependencies" | "dev-dependencies" | "build-dependencies") {
            let names = table.iter().map(|(name, said)| said.get("package").and_then(|p| p.as_str()).unwrap_or(name));
            found.extend(names.filter(|name| *name == "convenio" || name.starts_with("convenio-")).map(str::to_owned));
        } else if key == "target" {
            found.extend(table.values().filter_map(toml::Value::as_table).flat_map(our_dependencies));
        }
    }
    found
}
