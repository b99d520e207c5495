//! The known names that a misspelt one may stand for, to be proposed to whoever wrote it. It corrects nothing.

/// A longer word is no slip of a name of ours.
const CHARACTERS_LIMIT: usize = 64;
/// The most names that are proposed.
const NAMES_LIMIT: usize = 3;

/// The known names that differ from a word in a few letters at most, the nearest of them; case aside.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let word: Vec<char> = word.chars().flat_map(char::to_lowercase).take(CHARACTERS_LIMIT + 1).collect();
    if word.len() > CHARACTERS_LIMIT {
        return Vec::new();
    }
    let far = (word.len() / 3).max(1);
    let near = |name: &'a str| {
        let letters: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
        // Names that differ more in length need not be compared.
        let distance = if letters.len().abs_diff(word.len()) > far { far + 1 } else { distance(&word, &letters) };
        (distance <= far).then_some((distance, name))
    };
    let mut found: Vec<(usize, &str)> = known.into_iter().filter_map(near).collect();
    found.sort_by_key(|(distance, _)| *distance);
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found.into_iter().take_while(|(distance, _)| *distance == best).take(NAMES_LIMIT).map(|(_, name)| name).collect()
}

/// How many letters are added, left out or replaced from one word to another (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, known) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != known);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_found_and_far_ones_are_not() {
        let known = ["publish-offer", "publish-demand", "pause-offer", "PE", "PY"];
        for (word, expected) in [
            ("publish-ofer", &["publish-offer"][..]),
            ("PUBLISH-OFFER", &["publish-offer"]),
            ("publishoffer", &["publish-offer"]),
            ("pe", &["PE"]),
            ("px", &["PE", "PY"]),
            ("fly-to-the-moon", &[]),
            ("", &[]),
            (&"p".repeat(1 << 20), &[]),
        ] {
            assert_eq!(nearest(word, known), expected, "{word:.20}");
        }
    }

    #[test]
    fn a_distance_is_how_many_letters_differ() {
        let letters = |word: &str| word.chars().collect::<Vec<char>>();
        for (one, other, expected) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("offer", "ofer", 1)] {
            assert_eq!(distance(&letters(one), &letters(other)), expected, "{one} {other}");
            assert_eq!(distance(&letters(other), &letters(one)), expected, "{other} {one}");
        }
    }
}
