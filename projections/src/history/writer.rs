//! Folds what each organisation takes part in into rows. What a role means is the document's business.

use crate::{
    ApplyError, ViewName,
    document::{Body, Document},
    store::codec::{circle_number, organisations_bytes, subject_bytes},
    view::{Spec, View},
};
use convenio_events::{
    AccessId, Event, OrganisationId, StreamVersion, Subject,
    codes::Attestation,
    types::{
        Facts,
        access::{Facts as Access, Scope},
    },
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{HashMap, HashSet};

/// Records that are kept in memory between pages; beyond it the least recently changed half is read again when it is needed.
const RECORDS_KEPT: usize = 8_000;
/// The most bytes, about, that they take; beyond it as for [`RECORDS_KEPT`], before the page is over.
const KEPT_BYTES: usize = 16 << 20;

/// `number` is the sequence of the record's first event: ids come in no order, so that rows kept by them would each take a page.
/// `told_time` is when those learnt of it who see it today.
/// `involvement` says what an organisation does in a record, `affiliation` what organisations say of belonging together; `position`
/// keeps them in the order in which the record names them.
const TABLES: &str = "
CREATE TABLE record (
    number INTEGER PRIMARY KEY,
    subject BLOB NOT NULL UNIQUE,
    visibility INTEGER,
    organisations BLOB NOT NULL,
    standing TEXT NOT NULL,
    state TEXT NOT NULL,
    title TEXT,
    starts_on TEXT,
    ends_on TEXT,
    told_time INTEGER NOT NULL,
    updated_sequence INTEGER NOT NULL,
    shown_sequence INTEGER NOT NULL,
    sample INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE TABLE involvement (
    organisation BLOB NOT NULL,
    record INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role TEXT NOT NULL,
    attestation TEXT NOT NULL,
    PRIMARY KEY (organisation, record, position)
) WITHOUT ROWID;
CREATE INDEX involvement_record ON involvement (record);
CREATE TABLE affiliation (
    organisation BLOB NOT NULL,
    position INTEGER NOT NULL,
    other BLOB NOT NULL,
    kind TEXT NOT NULL,
    attestation TEXT NOT NULL,
    PRIMARY KEY (organisation, position)
) WITHOUT ROWID;
CREATE INDEX affiliation_other ON affiliation (other);
CREATE TABLE sample_grant (grant_id BLOB PRIMARY KEY) WITHOUT ROWID;
";

const DUMP: &[(&str, &str)] = &[
    ("record", "SELECT * FROM record ORDER BY number"),
    ("involvement", "SELECT * FROM involvement ORDER BY organisation, record, position"),
    ("affiliation", "SELECT * FROM affiliation ORDER BY organisation, position"),
    ("sample_grant", "SELECT * FROM sample_grant ORDER BY grant_id"),
];

/// The view of organisations' histories.
pub(crate) fn spec() -> Spec {
    Spec {
        name: ViewName::History,
        version: 9,
        tables: &[TABLES],
        indexes: "",
        make: || Box::new(Writer::default()),
        dump: DUMP,
    }
}

/// The fold.
#[derive(Default)]
struct Writer {
    records: HashMap<Subject, Kept>,
    /// About how many bytes they take.
    kept_bytes: usize,
    touched: Vec<Subject>,
    samples: Option<HashSet<AccessId>>,
}

struct Kept {
    document: Document,
    /// What the file has of it; `None` where that is not known, because the record was read again.
    stored: Option<Rows>,
    bytes: usize,
    touched: bool,
}

/// The rows of one record beside its own.
#[derive(PartialEq, Default)]
struct Rows {
    involvements: Vec<(OrganisationId, &'static str, Attestation)>,
    affiliations: Vec<(OrganisationId, &'static str, Attestation)>,
}

impl Writer {
    fn fold(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        let subject = event.subject;
        let known = match self.records.remove(&subject) {
            Some(kept) => Some(kept),
            // A record's first event needs no look at the file.
            None if event.stream_version == StreamVersion(0) => None,
            None => load(file, subject)?.map(|document| Kept { document, stored: None, bytes: 0, touched: false }),
        };
        let mut kept = match known {
            Some(mut kept) => {
                kept.document.apply(event)?;
                kept
            }
            None => {
                Kept { document: self.begin(file, event)?, stored: Some(Rows::default()), bytes: 0, touched: false }
            }
        };
        kept.document.leave_out_words();
        if !kept.touched {
            kept.touched = true;
            self.touched.push(subject);
        }
        self.kept_bytes = self.kept_bytes.saturating_sub(kept.bytes);
        kept.bytes = about_bytes(&kept.document);
        self.kept_bytes += kept.bytes;
        self.records.insert(subject, kept);
        if self.kept_bytes > KEPT_BYTES { self.flush(file) } else { Ok(()) }
    }

    fn begin(&mut self, file: &Connection, event: &Event) -> Result<Document, ApplyError> {
        let mut document = Document::begin(event)?;
        document.head.sample = match event.grant {
            Some(grant) => self.samples(file)?.contains(&grant),
            None => false,
        };
        Ok(document)
    }

    fn samples(&mut self, file: &Connection) -> rusqlite::Result<&mut HashSet<AccessId>> {
        match &mut self.samples {
            Some(samples) => Ok(samples),
            empty @ None => {
                let mut statement = file.prepare_cached("SELECT grant_id FROM sample_grant")?;
                let rows = statement.query_map([], |row| row.get::<_, uuid::Uuid>(0).map(AccessId::new))?;
                Ok(empty.insert(rows.collect::<Result<_, _>>()?))
            }
        }
    }

    fn write(&mut self, file: &Connection, subject: Subject) -> rusqlite::Result<()> {
        let kept = self.records.get_mut(&subject).expect("touched records are kept until they are written");
        write_record(file, subject, &kept.document)?;
        let rows = rows_of(&kept.document);
        if kept.stored.as_ref() != Some(&rows) {
            write_rows(file, subject, number(&kept.document), kept.stored.as_ref(), &rows)?;
        }
        kept.stored = Some(rows);
        kept.touched = false;
        Ok(())
    }
}

fn rows_of(document: &Document) -> Rows {
    let mut rows = Rows::default();
    if document.is_history() {
        let roles = document.roles().into_iter();
        rows.involvements = roles.filter_map(|role| Some((role.organisation, role.role, role.attestation?))).collect();
    }
    if let Body::Organisation(organisation) = &document.body {
        let affiliations = organisation.affiliations.iter();
        rows.affiliations = affiliations.map(|one| (one.with, one.kind.word(), one.attestation)).collect();
    }
    rows
}

fn write_record(file: &Connection, subject: Subject, document: &Document) -> rusqlite::Result<()> {
    let head = &document.head;
    let (starts_on, ends_on) = document.span();
    let sql = "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT (number) DO UPDATE SET \
               visibility = ?3, organisations = ?4, standing = ?5, state = ?6, title = ?7, starts_on = ?8, ends_on = ?9, \
               told_time = ?10, updated_sequence = ?11, shown_sequence = ?12, sample = ?13, document = ?14";
    file.prepare_cached(sql)?.execute(params![
        number(document),
        subject_bytes(subject),
        circle_number(head.circle()),
        organisations_bytes(&head.organisations),
        head.kept_beside(),
        head.state.word(),
        document.title().map(|title| title.get()),
        starts_on.map(|date| date.to_string()),
        ends_on.map(|date| date.to_string()),
        head.told_created().time.micros(),
        head.updated.sequence.0.cast_signed(),
        head.shown_sequence().0.cast_signed(),
        head.sample,
        document.to_json(),
    ])?;
    Ok(())
}

fn number(document: &Document) -> i64 {
    document.head.created.sequence.0.cast_signed()
}

/// Writes those rows that are not as the file has them; all of them where that is not known.
fn write_rows(
    file: &Connection,
    subject: Subject,
    record: i64,
    stored: Option<&Rows>,
    rows: &Rows,
) -> rusqlite::Result<()> {
    let none = Rows::default();
    if stored.is_none() {
        file.prepare_cached("DELETE FROM involvement WHERE record = ?1")?.execute([record])?;
        file.prepare_cached("DELETE FROM affiliation WHERE organisation = ?1")?.execute([subject.id])?;
    }
    let stored = stored.unwrap_or(&none);
    let mut delete =
        file.prepare_cached("DELETE FROM involvement WHERE organisation = ?1 AND record = ?2 AND position = ?3")?;
    let mut insert = file.prepare_cached("INSERT INTO involvement VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (position, before, now) in changed(&stored.involvements, &rows.involvements) {
        if let Some((organisation, ..)) = before {
            delete.execute(params![organisation.uuid(), record, position])?;
        }
        if let Some((organisation, role, attestation)) = now {
            insert.execute(params![organisation.uuid(), record, position, role, attestation.word()])?;
        }
    }
    let mut delete = file.prepare_cached("DELETE FROM affiliation WHERE organisation = ?1 AND position = ?2")?;
    let mut insert = file.prepare_cached("INSERT INTO affiliation VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (position, before, now) in changed(&stored.affiliations, &rows.affiliations) {
        if before.is_some() {
            delete.execute(params![subject.id, position])?;
        }
        if let Some((other, kind, attestation)) = now {
            insert.execute(params![subject.id, position, other.uuid(), kind, attestation.word()])?;
        }
    }
    Ok(())
}

/// The places at which two lists differ, with what each has there.
fn changed<'a, T: PartialEq>(
    before: &'a [T],
    now: &'a [T],
) -> impl Iterator<Item = (i64, Option<&'a T>, Option<&'a T>)> {
    let places = 0..before.len().max(now.len());
    let pairs = places.map(|place| (place, before.get(place), now.get(place)));
    pairs
        .filter(|(_, before, now)| before != now)
        .map(|(place, before, now)| (i64::try_from(place).unwrap_or(i64::MAX), before, now))
}

/// About how many bytes a record takes in memory.
fn about_bytes(document: &Document) -> usize {
    let title = document.title().map_or(0, |title| title.get().len());
    let lists = document.body.shown().about_bytes();
    1_024 + title + lists + 64 * document.head.organisations.len()
}

fn load(file: &Connection, subject: Subject) -> Result<Option<Document>, ApplyError> {
    let row: Option<(String, String)> = file
        .prepare_cached("SELECT document, standing FROM record WHERE subject = ?1")?
        .query_row([subject_bytes(subject)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((json, beside)) = row else { return Ok(None) };
    let mut document = Document::from_json(subject.kind, &json)?;
    document.head.take_beside(&beside)?;
    Ok(Some(document))
}

impl View for Writer {
    fn apply(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        match &event.facts {
            Facts::Access(Access::Granted(granted)) => {
                if granted.scope == Scope::Sample {
                    let grant = AccessId::new(event.subject.id);
                    self.samples(file)?.insert(grant);
                    file.prepare_cached("INSERT OR IGNORE INTO sample_grant VALUES (?1)")?.execute([grant.uuid()])?;
                }
                Ok(())
            }
            // Nobody takes part in these.
            Facts::Ledger(_) | Facts::Access(Access::Revoked(_)) => Ok(()),
            Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_)
            | Facts::Record(_) => {
                if ViewName::of_kind(event.subject.kind).is_some() {
                    self.fold(file, event)
                } else {
                    Ok(())
                }
            }
        }
    }

    fn flush(&mut self, file: &Connection) -> Result<(), ApplyError> {
        for subject in std::mem::take(&mut self.touched) {
            self.write(file, subject)?;
        }
        if self.records.len() > RECORDS_KEPT || self.kept_bytes > KEPT_BYTES {
            let sequence = |kept: &Kept| kept.document.head.updated.sequence;
            let mut ages: Vec<_> = self.records.values().map(|kept| (sequence(kept), kept.bytes)).collect();
            ages.sort_unstable_by_key(|(sequence, _)| std::cmp::Reverse(*sequence));
            let mut bytes = 0;
            let newest = ages.iter().take(RECORDS_KEPT / 2).take_while(|(_, size)| {
                bytes += size;
                bytes <= KEPT_BYTES / 2
            });
            let threshold = newest.last().map(|(sequence, _)| *sequence);
            self.records.retain(|_, kept| threshold.is_some_and(|threshold| sequence(kept) >= threshold));
            self.kept_bytes = self.records.values().map(|kept| kept.bytes).sum();
        }
        Ok(())
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}
