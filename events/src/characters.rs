//! Which characters a text of a command may hold: none that nobody sees, and none that turns the direction of what stands
//! around it. It knows ranges of scripts, and no words.
//!
//! Events that were recorded before hold what they hold: reading them does not ask this file.

use std::fmt;

/// Why a character may not stand where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It overrides or embeds a direction of writing (U+202A to U+202E, U+2066 to U+2069).
    Direction,
    /// Nobody sees it, and the script around it does not need it.
    Invisible,
    /// A separator of lines or paragraphs other than the line feed, or no character at all.
    Control,
}

/// The first character of a text that may not stand where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misplaced {
    /// Which.
    pub character: char,
    /// How many characters stand before it.
    pub at: usize,
    /// Why not.
    pub fault: Fault,
}

impl Misplaced {
    /// The stable code, kebab-case.
    pub const fn code(self) -> &'static str {
        match self.fault {
            Fault::Direction => "direction-control",
            Fault::Invisible => "invisible-character",
            Fault::Control => "control-character",
        }
    }
}
impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.fault {
            Fault::Direction => "a text does not turn its direction of writing; its language says it",
            Fault::Invisible => "a text has no character that nobody sees, but where its script needs one",
            Fault::Control => "a text has no control character but tab and line feed",
        };
        write!(f, "{rule}; character {} is U+{:04X}", self.at + 1, u32::from(self.character))
    }
}

/// Looks for a character that may not stand where it stands. `Ok` for nearly every text, after one look at its bytes.
///
/// # Errors
/// The first such character.
pub fn check(text: &str) -> Result<(), Misplaced> {
    if text.is_ascii() {
        return Ok(());
    }
    let rightwards = text.chars().any(is_right_to_left);
    let mut before = None;
    let mut rest = text.chars().enumerate().peekable();
    while let Some((at, character)) = rest.next() {
        let after = rest.peek().map(|(_, next)| *next);
        if let Some(fault) = fault(character, before, after, rightwards) {
            return Err(Misplaced { character, at, fault });
        }
        before = Some(character);
    }
    Ok(())
}

/// Whether a character turns the direction of what stands behind it. What older versions recorded may hold one: where it is
/// printed without markup around it, it is escaped.
pub const fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether anybody sees anything of a text.
pub fn is_visible(text: &str) -> bool {
    // U+2800 is the Braille cell without dots.
    text.chars().any(|c| !c.is_whitespace() && c != '\u{2800}' && fault(c, None, None, false).is_none())
}

fn fault(character: char, before: Option<char>, after: Option<char>, rightwards: bool) -> Option<Fault> {
    let beside = |fits: fn(char) -> bool| before.is_some_and(fits) || after.is_some_and(fits);
    let needed = match character {
        _ if turns_direction(character) => return Some(Fault::Direction),
        '\u{2028}' | '\u{2029}' | '\u{fdd0}'..='\u{fdef}' => return Some(Fault::Control),
        _ if u32::from(character) & 0xfffe == 0xfffe => return Some(Fault::Control),
        // Marks of direction, and the joiner of graphemes that Hebrew is pointed with.
        '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{34f}' => rightwards,
        '\u{200b}' => beside(breaks_without_spaces),
        '\u{200c}' => beside(joins),
        '\u{200d}' => beside(joins) || (before.is_some_and(is_pictograph) && after.is_some_and(is_pictograph)),
        '\u{180b}'..='\u{180f}' => beside(is_mongolian),
        '\u{fe00}'..='\u{fe0f}' => before.is_some_and(takes_a_variation),
        '\u{e0100}'..='\u{e01ef}' => before.is_some_and(is_ideograph),
        // Flags of subdivisions are spelt with tags behind a black flag.
        '\u{e0020}'..='\u{e007f}' => before.is_some_and(|c| matches!(c, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}')),
        // The Braille cell without dots is a space among Braille.
        '\u{2800}' => beside(|c| matches!(c, '\u{2801}'..='\u{28ff}')),
        // Soft hyphen, fillers of Hangul and Khmer, word joiner, invisible operators, byte order mark, annotations, formats
        // of music and shorthand, and what is left of the tags.
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2060}'..='\u{206f}' | '\u{3164}' => false,
        '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' => false,
        '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}' => false,
        _ => true,
    };
    if needed { None } else { Some(Fault::Invisible) }
}

const fn is_right_to_left(c: char) -> bool {
    // U+061C is a mark of direction itself.
    matches!(c, '\u{590}'..='\u{61b}' | '\u{61d}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
        || matches!(c, '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Scripts whose letters join or stack, so that the joiners mean something in them.
const fn joins(c: char) -> bool {
    match c {
        // Arabic, Syriac, Thaana, N'Ko, Mandaic, and the presentation forms of Arabic.
        '\u{600}'..='\u{8ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => c != '\u{61c}',
        // Devanagari to Sinhala; Tibetan, Myanmar, Khmer, Mongolian; Limbu to Lepcha; Vedic signs.
        '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1700}'..='\u{18af}' => true,
        '\u{1900}'..='\u{1c7f}' | '\u{1cd0}'..='\u{1cff}' | '\u{a800}'..='\u{a8ff}' => true,
        '\u{a900}'..='\u{aadf}' | '\u{abc0}'..='\u{abff}' => true,
        // Manichaean to Sogdian and Hanifi Rohingya, Brahmi to Soyombo, Adlam.
        '\u{10ac0}'..='\u{10fff}' | '\u{11000}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}' => true,
        _ => false,
    }
}

/// Scripts that mark the end of a word by a space that has no width.
const fn breaks_without_spaces(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{fff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{1950}'..='\u{19ff}')
        || matches!(c, '\u{1a20}'..='\u{1b7f}' | '\u{a980}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}')
}

const fn is_mongolian(c: char) -> bool {
    matches!(c, '\u{1800}'..='\u{180a}' | '\u{1810}'..='\u{18af}')
}

const fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Signs that are drawn as pictures, what may stand behind one, and the keycap.
const fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{a9}' | '\u{ae}' | '\u{2190}'..='\u{2bff}' | '\u{20e3}' | '\u{3030}' | '\u{303d}' | '\u{3297}')
        || matches!(c, '\u{3299}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{e007f}')
}

/// Signs of which there are several drawings: pictures and their like, digits of keycaps, ideographs, and scripts that say so.
const fn takes_a_variation(c: char) -> bool {
    let picture = is_pictograph(c) && c != '\u{fe0f}';
    let symbol = matches!(c, '#' | '*' | '0'..='9' | '\u{203c}' | '\u{2049}' | '\u{2000}'..='\u{200a}' | '\u{2100}'..='\u{218f}');
    picture || symbol || is_ideograph(c) || is_mongolian(c) || (joins(c) && !is_mongolian(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scripts_and_pictures_need_is_kept() {
        for text in [
            "Ministerio de Salud",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "ශ්\u{200d}රී ලංකා",
            "សុខ\u{200b}ភាព",
            "👩🏽\u{200d}⚕\u{fe0f} 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 1\u{fe0f}\u{20e3} ☎\u{fe0e}",
            "משרד הבריאות (PAHO\u{200e})",
            "葛\u{e0100}城市",
            "ᠮᠣᠩᠭᠣᠯ\u{180e}ᠠ",
            "\u{280f}\u{2801}\u{2800}\u{2813}\u{2815}",
            "e\u{301}\u{323} Diné Bikéyah \u{fffd}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
            assert!(is_visible(text), "{text}");
        }
    }

    #[test]
    fn what_nobody_sees_and_what_turns_the_direction_is_found_where_it_stands() {
        for (text, code, at) in [
            ("שלום \u{202e}abc", "direction-control", 5),
            ("a\u{2066}b\u{2069}é", "direction-control", 1),
            ("Salud\u{200b}", "invisible-character", 5),
            ("Sal\u{200c}ud", "invisible-character", 3),
            ("Sal\u{200d}ud", "invisible-character", 3),
            ("PAHO\u{200e}", "invisible-character", 4),
            ("\u{feff}PAHO", "invisible-character", 0),
            ("PA\u{ad}HO", "invisible-character", 2),
            ("PAHO\u{2060}", "invisible-character", 4),
            ("PAHO\u{fe0f}", "invisible-character", 4),
            ("PAHO\u{3164}", "invisible-character", 4),
            ("PAHO\u{e0041}", "invisible-character", 4),
            ("PAHO\u{e0100}", "invisible-character", 4),
            ("PAHO\u{34f}", "invisible-character", 4),
            ("PA\u{2800}HO", "invisible-character", 2),
            ("one\u{2028}two", "control-character", 3),
            ("one\u{ffff}", "control-character", 3),
        ] {
            let misplaced = check(text).expect_err(text);
            assert_eq!((misplaced.code(), misplaced.at), (code, at), "{text:?}");
        }
    }

    #[test]
    fn what_looks_empty_is_not_visible() {
        for text in ["", " \n", "\u{3000}", "\u{2800}", "\u{200b}\u{feff}", "\u{3164}\u{ffa0}", "\u{202e}"] {
            assert!(!is_visible(text), "{text:?}");
        }
    }
}
