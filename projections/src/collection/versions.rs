//! The versions of a record, each stored as what changed. What changes a record is not known here.
//!
//! A version differs from the one whose number is its own without the lowest bit: the 6th from the 4th, the 7th from the 6th,
//! the 8th from the first. So a record of `n` versions takes room for its events and not for their square, and any version is
//! made of at most as many differences as `n` has bits.

use super::{
    difference::{apply, difference, is_whole},
    rows::{Kept, span},
};
use crate::{ApplyError, QueryError, store::Reader, store::codec::tags_bytes};
use rusqlite::{Connection, OptionalExtension as _, params};

/// The most tags that a version's own row has; those of a record with more are kept as from where to where it had each.
const TAGS_LIMIT: usize = 128;

/// A version that others may differ from.
pub(super) struct Step {
    version: u64,
    from: i64,
    pub(super) json: String,
}

/// A version that waits to be written.
pub(super) struct Version {
    pub(super) from: i64,
    number: i64,
    pub(super) to: Option<i64>,
    stream_version: u64,
    starts_on: Option<String>,
    ends_on: Option<String>,
    /// `None` where they are in `tag_span`.
    tags: Option<Vec<u8>>,
    base: Option<i64>,
    full: String,
    shown: Option<String>,
    spans: Vec<Span>,
    /// Whether it is one of those that are not for everybody who sees the record.
    pub(super) aside: bool,
    /// Where it ends for those who are not told of these.
    pub(super) shown_to: Option<i64>,
}

/// A tag that a record has from a version on, or has no more.
struct Span {
    tag: u32,
    begins: bool,
}

impl Version {
    /// About how many bytes it takes until it is written.
    pub(super) fn bytes(&self) -> usize {
        self.full.len() + self.shown.as_ref().map_or(0, String::len) + self.tags.as_ref().map_or(0, Vec::len) + 128
    }
}

/// The number of the version that a version differs from.
const fn base_of(version: u64) -> u64 {
    version & version.wrapping_sub(1)
}

/// What the record's latest event made of it. `before` are the tags that it had.
pub(super) fn version(file: &Connection, kept: &mut Kept, before: &[u32]) -> Result<Version, ApplyError> {
    let head = &kept.document.head;
    let (version, from) = (head.stream_version.0, head.updated.sequence.0.cast_signed());
    let full = kept.document.to_json();
    let shown = kept.document.without_secrets().map(|shown| difference(&full, &shown.to_json()));
    if kept.path.is_empty() && version > 0 {
        kept.path = load_path(file, latest(file, kept.number)?)?;
    }
    kept.path.retain(|step| step.version <= base_of(version));
    let base = kept.path.last().filter(|step| version > 0 && step.version == base_of(version));
    let changed = base.map(|base| difference(&base.json, &full)).filter(|changed| changed.len() < full.len());
    let (starts_on, ends_on) = span(&kept.document);
    let spans = spans(kept.spans, before, &kept.tags);
    kept.spans |= !spans.is_empty();
    let made = Version {
        from,
        number: kept.number,
        to: None,
        stream_version: version,
        starts_on,
        ends_on,
        tags: (!kept.spans).then(|| tags_bytes(&kept.tags)),
        base: base.map(|base| base.from),
        full: changed.unwrap_or_else(|| full.clone()),
        shown,
        spans,
        aside: kept.document.head.shown_sequence() != kept.document.head.updated.sequence,
        shown_to: None,
    };
    kept.bytes = 2 * full.len() + 16 * kept.document.head.organisations.len();
    kept.path.push(Step { version, from, json: full });
    Ok(made)
}

/// Which tags begin and end with a version: all begin with the first one that has too many for its row.
fn spans(already: bool, before: &[u32], now: &[u32]) -> Vec<Span> {
    if !already && now.len() <= TAGS_LIMIT {
        return Vec::new();
    }
    let before = if already { before } else { &[] };
    let gone = before.iter().filter(|tag| now.binary_search(tag).is_err()).map(|tag| Span { tag: *tag, begins: false });
    let new = now.iter().filter(|tag| before.binary_search(tag).is_err()).map(|tag| Span { tag: *tag, begins: true });
    gone.chain(new).collect()
}

/// Writes versions that waited.
pub(super) fn write(file: &Connection, versions: &mut Vec<Version>) -> rusqlite::Result<()> {
    let mut insert = file.prepare_cached("INSERT INTO version VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    let mut document = file.prepare_cached("INSERT INTO document VALUES (?1, ?2, ?3, ?4, ?5)")?;
    let mut begin = file.prepare_cached("INSERT INTO tag_span VALUES (?1, ?2, ?3, NULL)")?;
    let mut end = file.prepare_cached(
        "UPDATE tag_span SET to_sequence = ?3 WHERE number = ?1 AND tag = ?2 AND to_sequence IS NULL",
    )?;
    for one in versions.drain(..) {
        let version = one.stream_version.cast_signed();
        insert.execute(params![
            one.from,
            one.number,
            one.to,
            version,
            one.starts_on,
            one.ends_on,
            one.tags,
            one.aside,
            one.shown_to
        ])?;
        document.execute(params![one.from, version, one.base, one.full, one.shown])?;
        for span in one.spans {
            let statement = if span.begins { &mut begin } else { &mut end };
            statement.execute(params![one.number, span.tag, one.from])?;
        }
    }
    Ok(())
}

/// The record as it stands, where that is not its first version.
pub(super) fn write_current(file: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    let Some(step) = kept.path.last() else { return Ok(()) };
    let shown = kept.document.without_secrets().map(|shown| shown.to_json());
    if step.version == 0 && shown.is_none() {
        return Ok(());
    }
    let mut write = file.prepare_cached("INSERT OR REPLACE INTO current VALUES (?1, ?2, ?3)")?;
    match shown {
        Some(shown) => write.execute(params![kept.number, shown, step.json])?,
        None => write.execute(params![kept.number, step.json, None::<&str>])?,
    };
    Ok(())
}

fn latest(file: &Connection, number: i64) -> rusqlite::Result<i64> {
    file.prepare_cached("SELECT updated_sequence FROM record WHERE number = ?1")?.query_row([number], |row| row.get(0))
}

struct Row {
    version: u64,
    from: i64,
    base: Option<i64>,
    full: String,
}

fn row(file: &Connection, from: i64) -> rusqlite::Result<Option<Row>> {
    let sql = "SELECT version, base, full FROM document WHERE from_sequence = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Row { version: row.get::<_, i64>(0)?.cast_unsigned(), from, base: row.get(1)?, full: row.get(2)? })
    };
    file.prepare_cached(sql)?.query_row([from], read).optional()
}

/// The version that the event of this sequence made, and those that it was made from, back to the first one.
pub(super) fn load_path(file: &Connection, from: i64) -> Result<Vec<Step>, ApplyError> {
    let mut rows = Vec::new();
    let mut next = Some(from);
    while let Some(from) = next {
        let row = row(file, from)?.ok_or(ApplyError::Damaged("a version is missing"))?;
        // Bases are older: where one is not, following them would not end.
        if row.base.is_some_and(|base| base >= from) {
            return Err(ApplyError::Damaged("a version differs from a later one"));
        }
        next = row.base;
        rows.push(row);
    }
    let mut path: Vec<Step> = Vec::with_capacity(rows.len());
    for Row { version, from, full, .. } in rows.into_iter().rev() {
        let json = made(path.last().map(|step| &*step.json), full)
            .ok_or(ApplyError::Damaged("a version does not differ from its base as stored"))?;
        path.push(Step { version, from, json });
    }
    Ok(path)
}

fn made(base: Option<&str>, stored: String) -> Option<String> {
    if is_whole(&stored) { Some(stored) } else { apply(base?, &stored) }
}

/// The JSON of the version that the event of this sequence made: with everything, and, where they see less, as others see it.
pub(super) fn json(reader: &Reader, from: i64) -> Result<(String, Option<String>), QueryError> {
    let file = reader.connection();
    let damaged = || QueryError::Damaged("a version cannot be made from what is stored of it");
    let (mut rows, mut next) = (Vec::new(), Some(from));
    while let Some(from) = next {
        let row = row(file, from)?.ok_or_else(damaged)?;
        if row.base.is_some_and(|base| base >= from) {
            return Err(damaged());
        }
        next = row.base.filter(|_| !is_whole(&row.full));
        rows.push(row.full);
    }
    let mut full: Option<String> = None;
    for stored in rows.into_iter().rev() {
        full = Some(made(full.as_deref(), stored).ok_or_else(damaged)?);
    }
    let full = full.ok_or_else(damaged)?;
    let shown: Option<String> = file
        .prepare_cached("SELECT shown FROM document WHERE from_sequence = ?1")?
        .query_row([from], |row| row.get(0))?;
    let shown = shown.map(|shown| apply(&full, &shown).ok_or_else(damaged)).transpose()?;
    Ok((full, shown))
}
