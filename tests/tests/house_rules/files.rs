//! Which files belong to the project, and their texts. It does not judge them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every manifest of the workspace, its root included.
pub(crate) fn manifests() -> Vec<(PathBuf, toml::Table)> {
    let manifests: Vec<_> = text_files()
        .into_iter()
        .filter(|(path, _)| path.file_name().is_some_and(|name| name == "Cargo.toml"))
        .map(|(path, text)| {
            let manifest = text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            (path, manifest)
        })
        .collect();
    assert!(manifests.len() > 1, "found only the manifest of the workspace");
    manifests
}

pub(crate) fn rust_files() -> BTreeMap<PathBuf, String> {
    text_files().into_iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

/// Every file of the project that is UTF-8, by its path below the root.
pub(crate) fn text_files() -> BTreeMap<PathBuf, String> {
    let paths = files_git_knows().unwrap_or_else(files_found_by_walking);
    let read = |path: PathBuf| std::fs::read_to_string(root().join(&path)).ok().map(|text| (path, text));
    paths.into_iter().filter_map(read).collect()
}

/// Tracked files and those that are about to be; none when this is no checkout, or git is not there.
fn files_git_knows() -> Option<Vec<PathBuf>> {
    let listing = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").arg("-C").arg(root()).args(listing).output().ok()?;
    let names = String::from_utf8(output.stdout).ok()?;
    let files: Vec<_> = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from).collect();
    (output.status.success() && !files.is_empty()).then_some(files)
}

/// The same for an unpacked archive: all below the root but what building and running leave there.
fn files_found_by_walking() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries.map(|entry| entry.expect("a folder of the project can be listed")) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let left_behind = name == "target" || name == ".git" || name.starts_with("convenio-data");
            let path = entry.path();
            if path.is_dir() && !left_behind {
                folders.push(path);
            } else if path.is_file() {
                found.push(path.strip_prefix(root()).expect("found below the root").to_owned());
            }
        }
    }
    found
}

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate of tests lies below the root").to_owned()
}

#[test]
fn walking_finds_what_git_knows() {
    let walked: BTreeSet<_> = files_found_by_walking().into_iter().collect();
    let tracked = [Path::new("Cargo.toml"), Path::new("tests/tests/house_rules/main.rs"), Path::new("deny.toml")];
    assert!(tracked.iter().all(|path| walked.contains(*path)));
    assert!(walked.iter().all(|path| !path.starts_with("target")));
}
