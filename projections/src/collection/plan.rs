//! How the records that fit a search are found, newest first: by its rarest word, and no further than somebody reads. Which of them
//! a reader may see is not known here.

use super::{
    search::{Fit, Form, RecordWords, Search},
    words::WordList,
};
use crate::{QueryError, store::Reader};
use rusqlite::params;

/// A beginning of at most so many words is looked up in the index word by word, which costs nothing before it is read.
const WORDS_LIMIT: usize = 16;
/// A beginning of more words than this is taken to be in most records.
const WORDS_COUNTED: usize = 2_048;
/// A beginning with at most so many records is read from the index whole; it gathers all of them before it hands on one.
const GATHERED_LIMIT: i64 = 8_000;
/// Where the rarest word is so rare, other words are not looked for in the index: it would walk long lists for few records.
const RARE: i64 = 64;

/// The words of records that are meant by one word that is asked for.
struct Meaning {
    /// All of them, where they are few.
    words: Option<Vec<String>>,
    /// How many records have one; of two words in one record, both count.
    records: i64,
    /// What asks the index for all of them.
    question: String,
}

impl Meaning {
    fn of(reader: &Reader, form: &Form<'_>) -> rusqlite::Result<Self> {
        let beginnings = match form {
            Form::Is(word) => {
                let mut statement = reader.statement("SELECT records FROM word WHERE word = ?1")?;
                let mut rows = statement.query([word])?;
                let records = rows.next()?.map_or(Ok(0), |row| row.get(0))?;
                return Ok(Self { words: Some(vec![(*word).to_owned()]), records, question: format!("\"{word}\"") });
            }
            Form::Begins(beginnings) => *beginnings,
        };
        let (mut words, mut seen, mut records) = (Vec::new(), 0, 0);
        let sql = "SELECT word, records FROM word WHERE word >= ?1 AND word < ?1 || char(0x10FFFF) LIMIT ?2";
        let mut statement = reader.statement(sql)?;
        for beginning in beginnings {
            let mut rows = statement.query(params![beginning, i64::try_from(WORDS_COUNTED).unwrap_or(i64::MAX)])?;
            while let Some(row) = rows.next()? {
                seen += 1;
                records += row.get::<_, i64>(1)?;
                if words.len() < WORDS_LIMIT {
                    words.push(row.get::<_, String>(0)?);
                }
            }
        }
        if seen <= WORDS_LIMIT {
            let each: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
            return Ok(Self { question: format!("({})", each.join(" OR ")), words: Some(words), records });
        }
        let each: Vec<String> = beginnings.iter().map(|beginning| format!("\"{beginning}\"*")).collect();
        let records = if seen >= WORDS_COUNTED { i64::MAX } else { records };
        Ok(Self { words: None, records, question: format!("({})", each.join(" OR ")) })
    }
}

/// Where the records to look at come from.
enum Source {
    /// From the index, by this question.
    Index(String),
    /// All records: what is asked for is in most of them.
    Records,
}

/// How the records that fit in one way are found.
pub(super) struct Plan {
    source: Source,
    /// At most about so many records fit.
    pub(super) records: i64,
}

impl Plan {
    /// Looks the words up; `None` where one of them is in no record.
    pub(super) fn new(reader: &Reader, search: &Search, fit: Fit) -> Result<Option<Self>, QueryError> {
        let mut meanings = Vec::new();
        for form in search.forms(fit) {
            let meaning = Meaning::of(reader, &form)?;
            if meaning.records == 0 {
                return Ok(None);
            }
            meanings.push(meaning);
        }
        meanings.sort_by_key(|meaning| meaning.records);
        let Some(rarest) = meanings.first() else { return Ok(None) };
        let records = rarest.records;
        let source = if rarest.words.is_none() && records <= GATHERED_LIMIT || records <= RARE {
            Source::Index(rarest.question.clone())
        } else {
            let lazy = meanings.iter().filter(|meaning| meaning.words.is_some());
            let questions: Vec<&str> = lazy.map(|meaning| &*meaning.question).collect();
            if questions.is_empty() { Source::Records } else { Source::Index(questions.join(" AND ")) }
        };
        Ok(Some(Self { source, records }))
    }

    /// Hands on the numbers and words of records that may fit, newest first, below `before`, until told to stop. The words say
    /// whether they do.
    pub(super) fn walk(
        &self,
        reader: &Reader,
        before: i64,
        mut take: impl FnMut(i64, WordList<'_>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        match &self.source {
            Source::Index(question) => {
                let sql = "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC";
                let (mut statement, mut words) = (reader.statement(sql)?, RecordWords::new(reader)?);
                let mut rows = statement.query(params![question, before])?;
                while let Some(row) = rows.next()? {
                    let number = row.get(0)?;
                    if !words.of(number, |words| take(number, words))?? {
                        break;
                    }
                }
            }
            Source::Records => {
                let mut statement =
                    reader.statement("SELECT number, words FROM words WHERE number < ?1 ORDER BY number DESC")?;
                let mut rows = statement.query([before])?;
                while let Some(row) = rows.next()? {
                    if !take(row.get(0)?, WordList::from(row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?))? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}
