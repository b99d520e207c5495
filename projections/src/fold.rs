//! Words as search compares them: without accents and case, and without the plurals of Spanish, Portuguese, French and English.
//! It is light on purpose: a wrong stem finds too much, and never too little, because the whole word is indexed beside it.

/// The most characters of one word that are looked at.
const WORD_CHARACTERS_LIMIT: usize = 40;

/// A word without accents, in lower case; other scripts pass unchanged.
pub fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    fold_into(word, &mut folded);
    folded
}

/// Adds [`fold`] of a word to a text.
pub(crate) fn fold_into(word: &str, folded: &mut String) {
    for character in word.chars().take(WORD_CHARACTERS_LIMIT) {
        if character.is_ascii() {
            folded.push(character.to_ascii_lowercase());
            continue;
        }
        for lower in character.to_lowercase() {
            match lower {
                // Combining marks: what decomposed text carries behind its letters.
                '\u{300}'..='\u{36f}' => {}
                'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ª' | 'ạ' | 'ả' | 'ấ' | 'ầ' => folded.push('a'),
                'ç' | 'ć' | 'č' | 'ĉ' | 'ċ' => folded.push('c'),
                'ð' | 'ď' | 'đ' => folded.push('d'),
                'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' | 'ẽ' | 'ẹ' => folded.push('e'),
                'ĝ' | 'ğ' | 'ġ' | 'ģ' => folded.push('g'),
                'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => folded.push('i'),
                'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => folded.push('l'),
                'ñ' | 'ń' | 'ņ' | 'ň' => folded.push('n'),
                'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'º' | 'ọ' => folded.push('o'),
                'ŕ' | 'ŗ' | 'ř' => folded.push('r'),
                'ś' | 'ŝ' | 'ş' | 'š' => folded.push('s'),
                'ţ' | 'ť' | 'ŧ' => folded.push('t'),
                'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => folded.push('u'),
                'ý' | 'ÿ' | 'ỹ' => folded.push('y'),
                'ź' | 'ż' | 'ž' => folded.push('z'),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ß' => folded.push_str("ss"),
                other => folded.push(other),
            }
        }
    }
}

/// The singular of a folded word, as far as its ending tells; the word itself where it does not.
pub(crate) fn stem(folded: &str) -> &str {
    let rules: &[(&str, usize, usize)] = &[
        // ending, letters cut, letters that must be left
        ("iones", 2, 3), // es: vacunaciones -> vacunacion
        ("enes", 2, 3),  // es: imagenes -> imagen
        ("ores", 2, 3),  // es, pt: trabajadores -> trabajador
        ("ades", 2, 3),  // es: comunidades -> comunidad
        ("eres", 2, 3),  // es: mujeres -> mujer; fr: infirmieres
        ("ses", 2, 4),   // es: paises -> pais
    ];
    let cut = |letters: usize| &folded[..folded.len() - letters];
    if !folded.is_ascii() || folded.len() < 4 || !folded.ends_with('s') && !folded.ends_with('x') {
        return folded;
    }
    for (ending, letters, left) in rules {
        if folded.ends_with(ending) && folded.len() >= letters + left {
            return cut(*letters);
        }
    }
    match () {
        // fr: reseaux, regionaux stay close enough to their singular's beginning.
        () if folded.ends_with("aux") && folded.len() > 5 => cut(2),
        () if folded.ends_with("eux") || folded.ends_with('x') => folded,
        () if folded.ends_with("ss") || folded.ends_with("us") || folded.ends_with("is") => folded,
        () => cut(1),
    }
}

/// A folded word's singular where cutting the ending is not enough: pt -ções/-ães/-ões, en -ies, pt -ais/-eis.
fn rewritten(folded: &str) -> Option<String> {
    let swap = |ending: &str, by: &str| {
        let root = folded.strip_suffix(ending)?;
        (root.len() >= 2 && folded.is_ascii()).then(|| format!("{root}{by}"))
    };
    swap("oes", "ao")
        .or_else(|| swap("aes", "ao"))
        .or_else(|| swap("ies", "y"))
        .or_else(|| swap("ais", "al"))
        .or_else(|| swap("eis", "el"))
}

/// The form under which a folded word is looked for.
pub(crate) fn root(folded: &str) -> std::borrow::Cow<'_, str> {
    match rewritten(folded) {
        Some(root) => root.into(),
        None => stem(folded).into(),
    }
}

/// The words of a text: runs of letters and digits, with combining marks.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && !('\u{300}'..='\u{36f}').contains(&character))
        .filter(|word| !word.is_empty())
}

/// What stands before the roots of the words of titles in the index. No word begins with a mark, for none of them is a letter.
pub(crate) const TITLE_MARK: char = '¶';
/// What stands before the words of titles as they are written, but for their case.
pub(crate) const WRITTEN_MARK: char = '±';
/// What stands before those words' roots with their accents.
pub(crate) const ACCENTED_MARK: char = '÷';

/// The root of a word as it is written: as much of it as its folded root is long.
pub(crate) fn accented_root(written: &str) -> String {
    let (lower, folded) = (written.to_lowercase(), fold(written));
    let root = root(&folded);
    if folded.starts_with(&*root) && lower.chars().count() == folded.chars().count() {
        lower.chars().take(root.chars().count()).collect()
    } else {
        lower
    }
}

/// A text as titles are sorted: folded words with one space between them.
pub(crate) fn sort_key(text: &str) -> String {
    let mut key = String::new();
    for word in words(text).take(12) {
        if !key.is_empty() {
            key.push(' ');
        }
        fold_into(word, &mut key);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_finds(asked: &str, written: &str) {
        // As it is indexed: whole, and its root.
        let whole: Vec<String> = words(written).map(fold).collect();
        let indexed: Vec<String> = whole.iter().flat_map(|word| [root(word).into_owned(), word.clone()]).collect();
        let folded = fold(asked);
        let root = root(&folded);
        let found = indexed.iter().any(|word| word.starts_with(&*root) || word.starts_with(&*folded));
        assert!(found, "{asked} ({root}) in {written} ({indexed:?})");
    }

    #[test]
    fn plurals_and_accents_of_four_languages_find_each_other() {
        let pairs = [
            ("vacunacion", "vacunación"),
            ("vacunación", "vacunaciones"),
            ("vacunaciones", "vacunación"),
            ("formações", "formação"),
            ("formação", "formações"),
            ("formacao", "formações"),
            ("mães", "mãe"),
            ("hospitais", "hospital"),
            ("mujer", "mujeres"),
            ("mujeres", "mujer"),
            ("países", "país"),
            ("pais", "países"),
            ("comunidades", "comunidad"),
            ("communities", "community"),
            ("community", "communities"),
            ("réseaux", "réseau"),
            ("reseau", "réseaux"),
            ("formations", "formation"),
            ("santé", "sante"),
            ("NIÑOS", "niño"),
            ("trabalhadores", "trabalhador"),
            ("laboratories", "laboratory"),
            ("vacu", "vacunación"),
            ("saúde", "sau\u{301}de"),
            ("œuvre", "oeuvre"),
            ("tuberculosis", "tuberculosis"),
        ];
        for (asked, written) in pairs {
            check_finds(asked, written);
        }
    }

    #[test]
    fn other_scripts_pass_unchanged() {
        assert_eq!(fold("Здоровье"), "здоровье");
        assert_eq!(stem("здоровьеs"), "здоровьеs");
        assert_eq!(words("a, b-c\u{301}d\n7").collect::<Vec<_>>(), ["a", "b", "c\u{301}d", "7"]);
    }

    #[test]
    fn a_sort_key_has_no_case_and_no_accents() {
        assert_eq!(sort_key("  Élan: Árbol "), "elan arbol");
    }
}
