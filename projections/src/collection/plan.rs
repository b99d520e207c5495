//! How the records that fit a search are found, newest first: by its rarest word, and no further than somebody reads. Which of them
//! a reader may see is not known here.

use super::{
    index::FoundBy,
    list::ROWS_LIMIT,
    search::{Fit, Form, RecordWords, Search},
    words::WordList,
};
use crate::{QueryError, ReaderIdentity, document::tags::Field, store::Reader};
use rusqlite::{ToSql, params};

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
    fn of(reader: &Reader, scope: &Scope, form: &Form<'_>) -> rusqlite::Result<Self> {
        let marked = |word: &str| scope.marks.iter().map(|mark| format!("{mark}{word}")).collect::<Vec<_>>();
        let beginnings = match form {
            Form::Is(word) => {
                let mut statement = reader.statement("SELECT records FROM word WHERE word = ?1")?;
                let (words, mut records) = (marked(word), 0);
                for word in &words {
                    let mut rows = statement.query([word])?;
                    records += rows.next()?.map_or(Ok(0), |row| row.get::<_, i64>(0))?;
                }
                let each: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                return Ok(Self { words: Some(words), records, question: format!("({})", each.join(" OR ")) });
            }
            Form::Begins(beginnings) => beginnings.iter().flat_map(|beginning| marked(beginning)).collect::<Vec<_>>(),
        };
        let (mut words, mut seen, mut records) = (Vec::new(), 0, 0);
        let sql = "SELECT word, records FROM word WHERE word >= ?1 AND word < ?1 || char(0x10FFFF) LIMIT ?2";
        let mut statement = reader.statement(sql)?;
        for beginning in &beginnings {
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

/// Where the records to look at come from, beside the reader's own.
enum Source {
    /// From the index, by this question.
    Index(String),
    /// All records: what is asked for is in most of them.
    Records,
    /// There are none.
    Nowhere,
}

/// What stands before the words of each part of the index, from what most readers may find to what fewest may.
const MARKS: [char; 3] = [FoundBy::Everybody.mark(), FoundBy::Members.mark(), FoundBy::Few.mark()];

/// What one reader's search looks at: the parts of the index that are for everybody like it, and its own records.
#[derive(Default)]
pub(super) struct Scope {
    /// What stands before the words of those parts.
    marks: &'static [char],
    /// Records that few may see, this reader among them, newest first.
    own: Vec<i64>,
}

impl Scope {
    /// What a reader may find.
    pub(super) fn of(reader: &Reader, identity: &ReaderIdentity) -> Result<Self, QueryError> {
        if identity.admin_or_auditor {
            return Ok(Self { marks: &MARKS, own: Vec::new() });
        }
        if !identity.member {
            return Ok(Self { marks: &MARKS[..1], own: Vec::new() });
        }
        let mut own = Vec::new();
        let sql = "SELECT t.number FROM tag_name n JOIN tag t ON t.tag = n.tag JOIN record r ON r.number = t.number \
                   WHERE n.value = ?1 AND n.field = ?2 AND (r.visibility IS NULL OR r.visibility > 1) \
                   ORDER BY t.number DESC LIMIT ?3";
        let limit = i64::try_from(ROWS_LIMIT).unwrap_or(i64::MAX);
        let mut of_organisation = reader.statement(sql)?;
        for organisation in &identity.organisations {
            let asked = params![organisation.to_string(), Field::Organisation.word(), limit];
            for number in of_organisation.query_map(asked, |row| row.get(0))? {
                own.push(number?);
            }
        }
        if identity.reviewer {
            let sql = "SELECT number FROM record WHERE visibility = 3 ORDER BY number DESC LIMIT ?1";
            for number in reader.statement(sql)?.query_map([limit], |row| row.get(0))? {
                own.push(number?);
            }
        }
        own.sort_unstable_by(|one: &i64, other| other.cmp(one));
        own.dedup();
        Ok(Self { marks: &MARKS[..2], own })
    }
}

/// How the records that fit in one way are found.
pub(super) struct Plan<'a> {
    source: Source,
    scope: &'a Scope,
    /// At most about so many records fit.
    pub(super) records: i64,
}

impl<'a> Plan<'a> {
    /// Looks the words up; `None` where one of them is in no record.
    pub(super) fn new(
        reader: &Reader,
        scope: &'a Scope,
        search: &Search,
        fit: Fit,
    ) -> Result<Option<Self>, QueryError> {
        let mut meanings = Vec::new();
        for form in search.forms(fit) {
            let meaning = Meaning::of(reader, scope, &form)?;
            if meaning.records == 0 {
                let own = i64::try_from(scope.own.len()).unwrap_or(i64::MAX);
                let plan = Self { source: Source::Nowhere, scope, records: own };
                return Ok((own > 0).then_some(plan));
            }
            meanings.push(meaning);
        }
        meanings.sort_by_key(|meaning| meaning.records);
        let Some(rarest) = meanings.first() else { return Ok(None) };
        let own = i64::try_from(scope.own.len()).unwrap_or(i64::MAX);
        let records = rarest.records;
        let source = if rarest.words.is_none() && records <= GATHERED_LIMIT || records <= RARE {
            Source::Index(rarest.question.clone())
        } else {
            let lazy = meanings.iter().filter(|meaning| meaning.words.is_some());
            let questions: Vec<&str> = lazy.map(|meaning| &*meaning.question).collect();
            if questions.is_empty() { Source::Records } else { Source::Index(questions.join(" AND ")) }
        };
        Ok(Some(Self { source, scope, records: records.saturating_add(own) }))
    }

    /// Hands on the numbers and words of records that may fit, newest first, below `before`, until told to stop. The words say
    /// whether they do.
    pub(super) fn walk(
        &self,
        reader: &Reader,
        before: i64,
        mut take: impl FnMut(i64, WordList<'_>) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let mut words = RecordWords::new(reader)?;
        let mut own = self.scope.own.iter().copied().skip_while(|number| *number >= before).peekable();
        let (sql, question): (_, &dyn ToSql) = match &self.source {
            Source::Index(question) => {
                ("SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC", question)
            }
            // The records of few are looked at below, where they are the reader's.
            Source::Records if self.scope.marks.len() == 1 => {
                ("SELECT number FROM words WHERE found_by = ?1 AND number < ?2 ORDER BY number DESC", &0)
            }
            Source::Records => {
                let most: &dyn ToSql = if self.scope.marks.len() == 2 { &1 } else { &2 };
                ("SELECT number FROM words WHERE found_by <= ?1 AND number < ?2 ORDER BY number DESC", most)
            }
            Source::Nowhere => ("SELECT number FROM words LIMIT ?1 OFFSET max(?2, 0)", &0),
        };
        let mut statement = reader.statement(sql)?;
        let mut rows = statement.query(params![question, before])?;
        loop {
            let next: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
            while let Some(mine) = own.next_if(|mine| next.is_none_or(|next| *mine > next)) {
                if !words.of(mine, |words| take(mine, words))?? {
                    return Ok(());
                }
            }
            let Some(number) = next else { return Ok(()) };
            if !words.of(number, |words| take(number, words))?? {
                return Ok(());
            }
        }
    }
}
