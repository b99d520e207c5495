//! Full text: what is asked, and how well the words of a record fit it. In which order records are looked at is said in `plan`.

use super::{
    query::{SEARCH_CHARACTERS_LIMIT, SEARCH_WORDS_LIMIT},
    words::WordList,
};
use crate::{
    fold::{ACCENTED_MARK, TITLE_MARK, WRITTEN_MARK, accented_root, fold, root, words},
    store::Reader,
};
use rusqlite::CachedStatement;

/// A word of fewer letters is looked for whole, not as a beginning: half of all records would match.
const PREFIX_LETTERS: usize = 3;

/// How well a record fits: relevance is this first, and then the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Every word is in the title as it was typed, but for its case.
    TitleWritten,
    /// Every word is in the title with its accents, plurals aside.
    TitleAccented,
    /// Every word is in the title, accents and plurals aside.
    Title,
    /// Every word occurs as it was typed, accents aside.
    Exact,
    /// Every word occurs, accents and plurals aside.
    Whole,
    /// Every word occurs, or another that begins like it.
    Beginning,
}

impl Fit {
    /// The best first. Whatever fits one way fits every later way too.
    pub(super) const ALL: [Self; 6] =
        [Self::TitleWritten, Self::TitleAccented, Self::Title, Self::Exact, Self::Whole, Self::Beginning];

    /// Its place among the groups of a cursor.
    pub(super) fn group(self) -> u8 {
        self as u8
    }
}

/// A word that is asked for, in the forms in which records have it.
pub(super) enum Form<'a> {
    /// Just this.
    Is(&'a str),
    /// Whatever begins with one of these.
    Begins(&'a [String]),
}

struct Term {
    written: String,
    accented: String,
    folded: String,
    in_title: String,
    /// Behind the title mark.
    root: usize,
    /// None where the word is too short to be a beginning.
    beginnings: Vec<String>,
}

impl Term {
    fn new(written: &str) -> Self {
        let folded = fold(written);
        let word = &*folded;
        let root = root(word);
        let beginnings = match () {
            () if word.chars().count() < PREFIX_LETTERS => Vec::new(),
            // The root finds the whole word too, where it is its beginning.
            () if word.starts_with(&*root) => vec![root.to_string()],
            () => vec![root.to_string(), word.to_owned()],
        };
        let in_title = format!("{TITLE_MARK}{root}");
        let as_written = format!("{WRITTEN_MARK}{}", written.to_lowercase());
        let accented = format!("{ACCENTED_MARK}{}", accented_root(written));
        Self { written: as_written, accented, in_title, root: TITLE_MARK.len_utf8(), beginnings, folded }
    }

    fn form(&self, fit: Fit) -> Form<'_> {
        match fit {
            Fit::TitleWritten => Form::Is(&self.written),
            Fit::TitleAccented => Form::Is(&self.accented),
            Fit::Title => Form::Is(&self.in_title),
            Fit::Exact => Form::Is(&self.folded),
            Fit::Beginning if !self.beginnings.is_empty() => Form::Begins(&self.beginnings),
            Fit::Whole | Fit::Beginning => Form::Is(&self.in_title[self.root..]),
        }
    }

    fn is_in(&self, words: WordList<'_>, fit: Fit) -> bool {
        match self.form(fit) {
            Form::Is(word) => words.has(word),
            Form::Begins(beginnings) => beginnings.iter().any(|beginning| words.has_beginning(beginning)),
        }
    }
}

/// The words that are asked for; every one must be there.
pub(super) struct Search {
    terms: Vec<Term>,
}

impl Search {
    /// Reads `q`; `None` when it holds no word at all, which matches nothing.
    pub(super) fn new(q: &str) -> Option<Self> {
        let q: String = q.chars().take(SEARCH_CHARACTERS_LIMIT).collect();
        let mut terms: Vec<Term> = words(&q).take(SEARCH_WORDS_LIMIT).map(Term::new).collect();
        terms.sort_by(|one, other| one.written.cmp(&other.written));
        terms.dedup_by(|one, other| one.written == other.written);
        (!terms.is_empty()).then_some(Self { terms })
    }

    /// Each word as a record must have it to fit so well.
    pub(super) fn forms(&self, fit: Fit) -> impl Iterator<Item = Form<'_>> {
        self.terms.iter().map(move |term| term.form(fit))
    }

    fn fits(&self, words: WordList<'_>, fit: Fit) -> bool {
        self.terms.iter().all(|term| term.is_in(words, fit))
    }

    /// Whether this is the best way in which the words of a record fit.
    pub(super) fn fits_best(&self, words: WordList<'_>, fit: Fit) -> bool {
        self.fits(words, fit) && !Fit::ALL.into_iter().any(|better| better < fit && self.fits(words, better))
    }

    /// How well the words of a record fit; `None` when they do not.
    pub(super) fn fit(&self, words: WordList<'_>) -> Option<Fit> {
        Fit::ALL.into_iter().find(|fit| self.fits(words, *fit))
    }

    /// Whether a record fits at all.
    pub(super) fn matches(&self, words: WordList<'_>) -> bool {
        self.fits(words, Fit::Beginning)
    }
}

/// Looks up the words of records, one after the other.
pub(super) struct RecordWords<'a>(CachedStatement<'a>);

impl<'a> RecordWords<'a> {
    pub(super) fn new(reader: &'a Reader) -> rusqlite::Result<Self> {
        reader.statement("SELECT words FROM words WHERE number = ?1").map(Self)
    }

    /// What `look` says of the words of a record; of no words where it has none.
    pub(super) fn of<T>(&mut self, number: i64, look: impl FnOnce(WordList<'_>) -> T) -> rusqlite::Result<T> {
        let mut rows = self.0.query([number])?;
        match rows.next()? {
            Some(row) => Ok(look(WordList::from(row.get_ref(0)?.as_blob()?))),
            None => Ok(look(WordList::default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::words::WordBytes;

    fn fit(q: &str, words: &[&str]) -> Option<Fit> {
        let bytes = WordBytes::of(words.iter().copied());
        Search::new(q).expect("words").fit(bytes.list())
    }

    #[test]
    fn the_title_fits_best_then_whole_words_then_beginnings() {
        let words = ["agua", "limpia", "para", "riego", "±agua", "¶agua", "÷agua"];
        assert_eq!(fit("agua", &words), Some(Fit::TitleWritten));
        assert_eq!(fit("aguas", &words), Some(Fit::TitleAccented));
        assert_eq!(fit("águas", &words), Some(Fit::Title));
        assert_eq!(fit("agua riego", &words), Some(Fit::Exact));
        assert_eq!(fit("agua riegos", &words), Some(Fit::Whole));
        assert_eq!(fit("AGU limp", &words), Some(Fit::Beginning));
        assert_eq!(fit("ag", &words), None, "two letters are no beginning");
        assert_eq!(fit("agua riega", &words), None);
    }

    #[test]
    fn nothing_that_is_typed_is_an_operator() {
        assert_eq!(fit("agua\" OR NEAR(xyz)", &["agua"]), None);
        assert_eq!(fit("¶agua", &["agua"]), Some(Fit::Exact));
        assert!(Search::new(" \"* () ").is_none());
    }
}
