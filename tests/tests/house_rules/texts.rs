//! What the house rules look for in a text. It parses no Rust: it relies on how rustfmt lays a file out.

use std::path::Path;

pub(crate) fn first_line_with(text: &str, forbidden: &[&str]) -> Option<String> {
    text.lines().enumerate().find_map(|(number, line)| {
        let word = forbidden.iter().find(|word| line.contains(**word))?;
        Some(format!("line {}: {word}", number + 1))
    })
}

/// Whether `line` holds `absolute` as the beginning of a path, not as the middle of an address or a longer path.
pub(crate) fn names_absolute_path(line: &str, absolute: &str) -> bool {
    line.match_indices(absolute).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|character| !character.is_alphanumeric() && !"./-_~}".contains(character))
    })
}

/// Blanks every `#[cfg(test)] mod ... { ... }`, line by line, so that numbers stay true. Relies on rustfmt: the
/// module's closing brace stands in the column of the attribute.
pub(crate) fn without_test_modules(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let indent = &line[..line.len() - line.trim_start().len()];
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        kept.push('\n');
        for inside in lines.by_ref() {
            kept.push('\n');
            let at_our_column = inside.len() - inside.trim_start().len() == indent.len();
            if at_our_column && (inside.ends_with(';') || inside.ends_with('}')) {
                break;
            }
        }
    }
    kept
}

/// Files that hold nothing but tests: integration tests, benches, and modules that are compiled for tests alone.
pub(crate) fn is_test_file(path: &Path) -> bool {
    let named_for_tests = path.file_stem().is_some_and(|stem| {
        let stem = stem.to_string_lossy();
        stem == "tests" || stem.ends_with("_tests")
    });
    named_for_tests || path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "benches")
}

/// Links of a Markdown text that lead to a file of ours, without the part after `#`.
pub(crate) fn relative_links(markdown: &str) -> Vec<String> {
    markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|link| link.split('#').next().unwrap_or_default())
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_test_module_is_left_out_and_what_follows_it_is_not() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    b();\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
    assert_eq!(without_test_modules(text), "fn a() {}\n\n\n\n\nfn c() {}\n\n\nfn d() {}\n");
}

#[test]
fn the_middle_of_an_address_is_no_absolute_path() {
    let absolute = concat!("/ro", "ot/");
    assert!(names_absolute_path(&format!("open {absolute}x"), absolute));
    assert!(names_absolute_path(&format!("\"{absolute}x\""), absolute));
    assert!(!names_absolute_path(&format!("https://example.org{absolute}x"), absolute));
}
