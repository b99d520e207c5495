//! Questions about what happened. What a reader may not see today is left out before anything is counted.

use super::{
    query::{AuditItem, FeedItem, PAGE_BYTES_LIMIT, PAGE_LIMIT, TrailPage, TrailQuery},
    writer::{actor_bytes, actor_from},
};
use crate::{
    QueryError, ReaderIdentity,
    sequence_cursor::SequenceCursor,
    standing::{Face, Sight, Standing},
    standings::{self, standing_from},
    store::{
        Reader,
        codec::{subject_bytes, subject_from},
    },
};
use convenio_events::{
    AccessId, CommandId, EventId, Sequence, StreamVersion, Subject, Timestamp, entry::Audience, types::TYPE_PREFIX,
};
use rusqlite::{OptionalExtension as _, Row, ToSql, types::Value};
use serde_json::value::RawValue;

/// The most rows that one question looks at: a page may then be short, and its `next_cursor` goes on from about there ([`goes_on`]).
const ROWS_LIMIT: usize = 20_000;
/// Where a page stopped at rows that it does not show, its `next_cursor` is a multiple of this. It is less than [`ROWS_LIMIT`], so that
/// each page gets on.
const CURSOR_STEP: u64 = 4_096;
const COLUMNS: &str = "e.sequence, e.event_id, e.time, e.type, r.subject, e.because_of, e.stream_version, e.actor, e.grant_id, \
    e.command_id, e.audience, s.grant_id IS NOT NULL, r.visibility, r.organisations, r.has_past, r.standing, r.title";
/// The records' own rows, and the sample grants.
const JOINED: &str = "JOIN subject r ON r.number = e.record LEFT JOIN sample_grant s ON s.grant_id = e.grant_id";
/// What an event's record is found by.
const BY_SUBJECT: &str = "e.record = (SELECT number FROM subject WHERE subject = ?2)";

/// The activity feed: what happened on records that the reader may see today.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn feed(reader: &Reader, identity: &ReaderIdentity, query: &TrailQuery) -> Result<TrailPage<FeedItem>, QueryError> {
    page(reader, identity, query, |row| FeedItem {
        sequence: row.sequence,
        time: row.time,
        r#type: row.type_name(),
        subject: row.subject,
        kind: row.subject.kind,
        title: row.title(identity),
        actor: actor_from(row.actor),
        sample: row.sample,
    })
}

/// The audit trail: who recorded what, when, under which grant.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn audit(
    reader: &Reader,
    identity: &ReaderIdentity,
    query: &TrailQuery,
) -> Result<TrailPage<AuditItem>, QueryError> {
    page(reader, identity, query, |row| AuditItem {
        sequence: row.sequence,
        id: row.id,
        time: row.time,
        r#type: row.type_name(),
        subject: row.subject,
        stream_version: row.stream_version,
        actor: actor_from(row.actor),
        grant: row.grant,
        command_id: row.command_id,
        audience: row.audience,
        sample: row.sample,
    })
}

/// The sequences of a subject's events below `before`, oldest first, at most `limit`: what an as-of reads from the log.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sequences(
    reader: &Reader,
    subject: Subject,
    before: Sequence,
    limit: usize,
) -> Result<Vec<Sequence>, QueryError> {
    let sql =
        format!("SELECT e.sequence FROM event e WHERE e.sequence < ?1 AND {BY_SUBJECT} ORDER BY e.sequence LIMIT ?3");
    let mut statement = reader.statement(&sql)?;
    let before = i64::try_from(before.0).unwrap_or(i64::MAX);
    let parameters = rusqlite::params![before, subject_bytes(subject), i64::try_from(limit).unwrap_or(i64::MAX)];
    let rows = statement.query_map(parameters, |row| row.get::<_, i64>(0))?;
    rows.map(|row| Ok(Sequence(row?.cast_unsigned()))).collect()
}

/// How many events had been recorded before an instant: the position as of that time.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn position_at(reader: &Reader, time: Timestamp) -> Result<Sequence, QueryError> {
    // Times never decrease along the log: the last event at or before the instant is found by halving.
    let mut at = reader.statement("SELECT time FROM event WHERE sequence = ?1")?;
    let (mut low, mut high) = (0, reader.position().0);
    while low < high {
        let middle = low + (high - low) / 2;
        let recorded: i64 = at.query_row([middle.cast_signed()], |row| row.get(0))?;
        if recorded <= time.micros() { low = middle + 1 } else { high = middle }
    }
    Ok(Sequence(low))
}

/// When the event of this sequence was recorded; `None` where the view does not have it yet.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn time_of(reader: &Reader, sequence: Sequence) -> Result<Option<Timestamp>, QueryError> {
    let mut at = reader.statement("SELECT time FROM event WHERE sequence = ?1")?;
    let found = at.query_row([sequence.0.cast_signed()], |row| row.get(0)).optional()?;
    Ok(found.map(Timestamp::from_micros))
}

/// One row of the trail.
struct Trail {
    sequence: Sequence,
    id: EventId,
    time: Timestamp,
    suffix: String,
    subject: Subject,
    standing: Standing,
    title: Option<String>,
    because_of: Option<Vec<u8>>,
    stream_version: StreamVersion,
    actor: [u8; 16],
    grant: Option<AccessId>,
    command_id: CommandId,
    audience: Audience,
    sample: bool,
}

impl Trail {
    fn type_name(&self) -> String {
        format!("{TYPE_PREFIX}{}.{}", self.subject.kind, self.suffix)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let subject = subject_from(row.get_ref(4)?.as_blob()?).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(Self {
            sequence: Sequence(row.get::<_, i64>(0)?.cast_unsigned()),
            id: EventId::new(row.get(1)?),
            time: Timestamp::from_micros(row.get(2)?),
            suffix: row.get(3)?,
            subject,
            standing: standing_from(row, 12)?,
            title: row.get(16)?,
            because_of: row.get(5)?,
            stream_version: StreamVersion(row.get::<_, i64>(6)?.cast_unsigned()),
            actor: row.get(7)?,
            grant: row.get::<_, Option<uuid::Uuid>>(8)?.map(AccessId::new),
            command_id: CommandId::new(row.get(9)?),
            audience: if row.get::<_, i64>(10)? == 0 { Audience::Public } else { Audience::Restricted },
            sample: row.get(11)?,
        })
    }

    /// Whether the reader may read of it: what happened on a record that it may see, or hid one that it saw.
    fn is_seen(&self, reader: &Reader, identity: &ReaderIdentity) -> Result<bool, QueryError> {
        let sight = self.standing.sight(identity, self.sequence);
        // What was recorded for everybody is shown with its record.
        let public = self.audience == Audience::Public && self.standing.lets(identity);
        if sight == Sight::Withheld && !public {
            return Ok(false);
        }
        match (&self.because_of, self.audience) {
            (Some(other), Audience::Restricted) if !identity.admin_or_auditor => {
                let other = standings::read(reader, other)?.unwrap_or_default();
                Ok(other.sight(identity, self.sequence) != Sight::Withheld)
            }
            _ => Ok(true),
        }
    }

    /// The record's title or name today, for those who may see it today.
    fn title(&self, identity: &ReaderIdentity) -> Option<Box<RawValue>> {
        let title = self.title.clone().filter(|_| self.standing.lets(identity))?;
        RawValue::from_string(title).ok()
    }

    fn is_asked_for(&self, query: &TrailQuery) -> bool {
        let kind = query.kinds.is_empty() || query.kinds.contains(&self.subject.kind);
        let subject = query.subject.is_none_or(|subject| subject == self.subject);
        let actor = query.actor.is_none_or(|actor| actor_bytes(actor) == self.actor);
        let grant = query.grant.is_none_or(|grant| Some(grant) == self.grant);
        let of_type = query.event_type.as_ref().is_none_or(|wanted| self.type_name().starts_with(&**wanted));
        kind && subject && actor && grant && of_type
    }
}

fn page<T>(
    reader: &Reader,
    identity: &ReaderIdentity,
    query: &TrailQuery,
    item: impl Fn(Trail) -> T,
) -> Result<TrailPage<T>, QueryError> {
    let limit = query.limit.clamp(1, PAGE_LIMIT);
    let mut page = TrailPage { position: reader.position(), items: Vec::new(), next_cursor: None };
    if let Some(subject) = query.subject
        && standings::read(reader, &subject_bytes(subject))?.is_some_and(|record| record.face(identity) == Face::Hidden)
    {
        // Where the page ends, and how long it takes, would tell that there is such a record.
        return Ok(page);
    }
    let before = query.cursor.map_or(i64::MAX, |SequenceCursor(before)| i64::try_from(before.0).unwrap_or(i64::MAX));
    let Way { sql, found_by } = way(query);
    let mut parameters: Vec<&dyn ToSql> = vec![&before];
    parameters.extend(found_by.iter().map(|value| value as &dyn ToSql));
    let mut statement = reader.statement(&sql)?;
    let mut rows = statement.query(&*parameters)?;
    let (mut looked_at, mut last, mut shown, mut bytes) = (0, None, None, 0);
    while let Some(row) = rows.next()? {
        if looked_at == ROWS_LIMIT {
            page.next_cursor = last.map(|last| SequenceCursor(goes_on(last, shown, query.cursor)));
            break;
        }
        let row = Trail::read(row)?;
        looked_at += 1;
        let sequence = row.sequence;
        if row.is_asked_for(query) && row.is_seen(reader, identity)? {
            // There is a next page only where the reader sees something on it: rows that it may not see tell nothing.
            bytes += row.title.as_ref().map_or(0, String::len);
            if page.items.len() == limit || (bytes > PAGE_BYTES_LIMIT && !page.items.is_empty()) {
                page.next_cursor = shown.map(SequenceCursor);
                break;
            }
            page.items.push(item(row));
            shown = Some(sequence);
        }
        last = Some(sequence);
    }
    Ok(page)
}

/// Where to go on after the last row that was looked at. The row may be of an event that the reader may not see, and its exact place is
/// not told: some rows are looked at again that were not shown, and none that was.
fn goes_on(last: Sequence, shown: Option<Sequence>, asked: Option<SequenceCursor>) -> Sequence {
    let about = Sequence(last.0.checked_next_multiple_of(CURSOR_STEP).unwrap_or(last.0));
    let before = shown.or(asked.map(|SequenceCursor(before)| before));
    before.map_or(about, |before| about.min(before))
}

/// How the rows are gone through, newest first. What else is asked for is looked at row by row.
struct Way {
    sql: String,
    /// What they are found by: `?2`.
    found_by: Option<Value>,
}

fn way(query: &TrailQuery) -> Way {
    // An index gives the rows in the order of `position`: rows that had to be sorted would all be read for each page.
    let way = |rows, position, found_by: Option<(&str, &[u8])>| Way {
        sql: format!(
            "SELECT {COLUMNS} FROM {rows} {JOINED} WHERE {position} < ?1 {} ORDER BY {position} DESC",
            found_by.map_or_else(String::new, |(key, _)| format!("AND {key}"))
        ),
        found_by: found_by.map(|(_, value)| Value::Blob(value.to_vec())),
    };
    let events = |found_by| way("event e", "e.sequence", found_by);
    match query {
        TrailQuery { organisation: Some(organisation), .. } => way(
            "about a JOIN event e ON e.sequence = a.sequence",
            "a.sequence",
            Some(("a.organisation = ?2", organisation.uuid().as_bytes())),
        ),
        TrailQuery { subject: Some(subject), .. } => events(Some((BY_SUBJECT, &subject_bytes(*subject)))),
        TrailQuery { grant: Some(grant), .. } => events(Some(("e.grant_id = ?2", grant.uuid().as_bytes()))),
        TrailQuery { actor: Some(actor), .. } => events(Some(("e.actor = ?2", &actor_bytes(*actor)))),
        _ => events(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_events::{Actor, OrganisationId};
    use rusqlite::Connection;
    use uuid::Uuid;

    #[test]
    fn where_a_page_goes_on_is_no_place_of_a_hidden_event() {
        let at = |number| Some(Sequence(number));
        for (last, shown, asked, expected) in [
            (10_000, None, None, 12_288),
            (12_288, None, None, 12_288),
            (10_000, at(40_000), at(50_000), 12_288),
            // Nothing is shown twice, and no page goes back.
            (10_000, at(10_007), at(50_000), 10_007),
            (10_000, at(10_000), None, 10_000),
            (10_000, None, at(12_000), 12_000),
            (0, None, None, 0),
            (u64::MAX, None, None, u64::MAX),
        ] {
            let next = goes_on(Sequence(last), shown, asked.map(SequenceCursor));
            assert_eq!(next, Sequence(expected), "{last} {shown:?} {asked:?}");
        }
    }

    #[test]
    fn no_trail_is_sorted_for_a_page() {
        let file = Connection::open_in_memory().expect("memory");
        let spec = super::super::writer::spec();
        spec.tables.iter().chain([&spec.indexes]).for_each(|sql| file.execute_batch(sql).expect("the view's own"));
        let organisation = OrganisationId::new(Uuid::from_u128(1));
        let queries = [
            TrailQuery::default(),
            TrailQuery { organisation: Some(organisation), ..TrailQuery::default() },
            TrailQuery { subject: Some(organisation.into()), ..TrailQuery::default() },
            TrailQuery { grant: Some(AccessId::new(Uuid::from_u128(2))), ..TrailQuery::default() },
            TrailQuery { actor: Some(Actor::Organisation(organisation)), ..TrailQuery::default() },
        ];
        for query in queries {
            let explain = format!("EXPLAIN QUERY PLAN {}", way(&query).sql);
            let mut plan = file.prepare(&explain).expect("it is SQL");
            let steps = plan.raw_query().mapped(|row| row.get::<_, String>(3));
            let steps: Vec<_> = steps.map(|step| step.expect("words")).collect();
            assert!(steps.iter().all(|step| !step.contains("TEMP B-TREE")), "{query:?}: {steps:?}");
        }
    }
}
