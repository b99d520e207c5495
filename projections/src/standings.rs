//! The standings of all records in one file, and what each record is called: for views that show more than one kind. Who may see
//! what by them is said in `standing`.

use crate::{
    ApplyError, QueryError,
    standing::Standing,
    store::{
        Reader,
        codec::{circle_from, circle_number, organisations_bytes, organisations_from, subject_bytes},
    },
};
use convenio_events::{Event, StreamVersion, Subject};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{HashMap, hash_map::Entry};

/// Subjects that are kept in memory between pages; beyond it all are read again when they are needed.
const SUBJECTS_KEPT: usize = 20_000;
/// The most bytes, about, that they take; beyond it as for [`SUBJECTS_KEPT`], before the page is over.
const KEPT_BYTES: usize = 16 << 20;

/// `number` is the sequence of the subject's first event. Ids come in no order: what is kept by number is written where the last
/// rows were, and only one narrow index takes a page for each id. `standing` is all of it; the columns before it are what most
/// questions need, and `has_past` says where they are not enough.
pub(crate) const TABLE: &str = "
CREATE TABLE subject (
    number INTEGER PRIMARY KEY,
    subject BLOB NOT NULL UNIQUE,
    visibility INTEGER,
    organisations BLOB NOT NULL,
    has_past INTEGER NOT NULL,
    standing TEXT NOT NULL,
    title TEXT
);
";
pub(crate) const DUMP: (&str, &str) = ("subject", "SELECT * FROM subject ORDER BY number");

const WRITE: &str = "INSERT INTO subject (number, subject, visibility, organisations, has_past, standing, title) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (number) DO UPDATE SET \
    visibility = ?3, organisations = ?4, has_past = ?5, standing = ?6, title = ?7";

/// The standings of one file, as its writer knows them.
#[derive(Default)]
pub(crate) struct Standings {
    kept: HashMap<Subject, Kept>,
    touched: Vec<Subject>,
    /// About how many bytes `kept` takes beside its fixed part.
    bytes: usize,
    /// The events since the last page that hid a record from somebody.
    hidden: Vec<i64>,
}

pub(crate) struct Kept {
    /// The sequence of the subject's first event.
    pub(crate) number: i64,
    pub(crate) standing: Standing,
    title: Option<Box<str>>,
    touched: bool,
}

impl Standings {
    /// Learns what an event says of its subject, and gives what is known after it.
    pub(crate) fn learn(&mut self, file: &Connection, event: &Event, titles: bool) -> Result<&Kept, ApplyError> {
        let subject = event.subject;
        if self.bytes > KEPT_BYTES {
            self.write(file)?;
        }
        // A subject's first event needs no look at the file.
        let new = event.stream_version == StreamVersion(0);
        let kept = match self.kept.entry(subject) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(empty) if new => empty.insert(Kept::new(event)),
            Entry::Vacant(empty) => {
                let missing = || ApplyError::Contradiction(format!("{subject} has no first event"));
                let kept = load(file, subject)?.ok_or_else(missing)?;
                self.bytes += kept.bytes();
                empty.insert(kept)
            }
        };
        let bytes = kept.bytes();
        let mut changed = kept.standing.learn(event) || new;
        if kept.standing.hidings().contains(&event.sequence) {
            self.hidden.push(event.sequence.0.cast_signed());
        }
        if titles && let Some(title) = title(event) {
            kept.title = title;
            changed = true;
        }
        if changed && !kept.touched {
            kept.touched = true;
            self.touched.push(subject);
        }
        self.bytes += kept.bytes().saturating_sub(bytes);
        Ok(kept)
    }

    /// The events of this page that hid a record, in order.
    pub(crate) fn take_hidden(&mut self) -> Vec<i64> {
        std::mem::take(&mut self.hidden)
    }

    pub(crate) fn flush(&mut self, file: &Connection) -> Result<(), ApplyError> {
        self.hidden.clear();
        self.write(file)
    }

    fn write(&mut self, file: &Connection) -> Result<(), ApplyError> {
        let mut write = file.prepare_cached(WRITE)?;
        for subject in self.touched.drain(..) {
            let Some(kept) = self.kept.get_mut(&subject) else { continue };
            kept.touched = false;
            write.execute(params![
                kept.number,
                subject_bytes(subject),
                circle_number(kept.standing.openness.circle),
                organisations_bytes(&kept.standing.organisations()),
                kept.standing.has_past(),
                serde_json::to_string(&kept.standing)?,
                kept.title
            ])?;
        }
        if self.kept.len() > SUBJECTS_KEPT || self.bytes > KEPT_BYTES {
            self.kept.clear();
            self.bytes = 0;
        }
        Ok(())
    }
}

impl Kept {
    fn new(event: &Event) -> Self {
        let number = event.sequence.0.cast_signed();
        Self { number, standing: Standing::default(), title: None, touched: false }
    }

    fn bytes(&self) -> usize {
        self.standing.about_bytes() + self.title.as_ref().map_or(0, |title| title.len())
    }
}

fn load(file: &Connection, subject: Subject) -> Result<Option<Kept>, ApplyError> {
    let sql = "SELECT number, standing, title FROM subject WHERE subject = ?1";
    let found = file.prepare_cached(sql)?.query_row([subject_bytes(subject)], |row| {
        Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, Option<String>>(2)?))
    });
    let Some((number, standing, title)) = found.optional()? else { return Ok(None) };
    let standing = serde_json::from_str(&standing)?;
    Ok(Some(Kept { number, standing, title: title.map(Into::into), touched: false }))
}

/// The standing in a row, from its columns `visibility`, `organisations`, `has_past` and `standing` on.
pub(crate) fn standing_from(row: &Row<'_>, at: usize) -> rusqlite::Result<Standing> {
    if row.get(at + 2)? {
        let json = row.get_ref(at + 3)?.as_str()?;
        let wrong = |error| rusqlite::Error::FromSqlConversionFailure(at + 3, rusqlite::types::Type::Text, error);
        return serde_json::from_str(json).map_err(|error| wrong(Box::new(error)));
    }
    let organisations = organisations_from(row.get_ref(at + 1)?.as_blob()?);
    Ok(Standing::without_past(circle_from(row.get(at)?), organisations))
}

/// A subject's standing.
pub(crate) fn read(reader: &Reader, subject: &[u8]) -> Result<Option<Standing>, QueryError> {
    let sql = "SELECT visibility, organisations, has_past, standing FROM subject WHERE subject = ?1";
    let mut statement = reader.statement(sql)?;
    Ok(statement.query_row([subject], |row| standing_from(row, 0)).optional()?)
}

/// The title that an event gives its record: `Some(None)` where it took it away by being erased.
fn title(event: &Event) -> Option<Option<Box<str>>> {
    event.about().titled.then(|| event.text.as_deref().and_then(title_in).map(Into::into))
}

fn title_in(text: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Titled<'a> {
        #[serde(borrow, default)]
        title: Option<&'a RawValue>,
        #[serde(borrow, default)]
        name: Option<&'a RawValue>,
        #[serde(borrow, default)]
        terms: Option<&'a RawValue>,
    }
    let titled: Titled<'_> = serde_json::from_str(text).ok()?;
    match (titled.title.or(titled.name), titled.terms) {
        (Some(title), _) => Some(title.get()),
        (None, Some(terms)) => title_in(terms.get()),
        (None, None) => None,
    }
}
