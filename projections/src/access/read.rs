//! Questions about grants and visibility.

use super::query::{Grant, GrantQuery};
use crate::{
    QueryError, ReaderIdentity,
    document::Moment,
    sequence_cursor::SequenceCursor,
    standing::{Sight, Standing},
    standings,
    store::{Reader, codec::subject_bytes},
};
use convenio_events::{
    AccessId, Event, OrganisationId, Sequence, StreamVersion, Subject, Timestamp,
    commitment::Digest,
    entry::Audience,
    types::{Facts, access::Scope, record::Facts as Record},
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, types::Type};
use uuid::Uuid;

/// The most grants of one page.
const PAGE_LIMIT: usize = 200;
const SELECT: &str = "SELECT g.grant_id, g.sequence, g.time, g.scope, g.role, g.may_sign, g.on_behalf, g.mandate, g.office, \
    g.valid_from, g.valid_through, g.token_digest, g.stream_version, g.revoked_sequence, g.revoked_time, g.cause \
    FROM access_grant g WHERE ";

/// The grant that a token belongs to, in force or not: look at [`Grant::is_in_force`].
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grant_by_token(reader: &Reader, token: &Digest) -> Result<Option<Grant>, QueryError> {
    // A token's digest is given once; were it given again, the last grant counts.
    Ok(read_grants(reader, "g.token_digest = ?1 ORDER BY g.sequence DESC LIMIT 1", [token.0])?.pop())
}

/// A grant, by its id, whoever asks.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grant(reader: &Reader, id: AccessId) -> Result<Option<Grant>, QueryError> {
    Ok(read_grants(reader, "g.grant_id = ?1", [id.uuid()])?.pop())
}

/// Grants that the reader may see, in the order in which they were given.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn grants(reader: &Reader, identity: &ReaderIdentity, query: &GrantQuery) -> Result<Vec<Grant>, QueryError> {
    let limit = query.limit.clamp(1, PAGE_LIMIT);
    let mut found = Vec::new();
    let mut after = query.cursor.map_or(-1, |SequenceCursor(after)| i64::try_from(after.0).unwrap_or(i64::MAX));
    while found.len() < limit {
        let grants = match query.organisation {
            Some(organisation) => {
                let clause = "g.sequence > ?1 AND g.grant_id IN (SELECT grant_id FROM grant_organisation WHERE organisation = ?2) \
                              ORDER BY g.sequence LIMIT 200";
                read_grants(reader, clause, (after, organisation.uuid()))?
            }
            None => read_grants(reader, "g.sequence > ?1 ORDER BY g.sequence LIMIT 200", [after])?,
        };
        let Some(last) = grants.last() else { break };
        after = last.granted.sequence.0.cast_signed();
        let visible = |grant: &Grant| identity.admin_or_auditor || identity.is_one_of(&grant.organisations);
        let asked = |grant: &Grant| query.in_force_at.is_none_or(|at| grant.is_in_force(at));
        found.extend(grants.into_iter().filter(|grant| visible(grant) && asked(grant)));
    }
    found.truncate(limit);
    Ok(found)
}

/// Who may see a record today; `None` for one that is not there (which nobody may see).
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn standing(reader: &Reader, subject: Subject) -> Result<Option<Standing>, QueryError> {
    standings::read(reader, &subject_bytes(subject))
}

/// Whether a record was hidden from somebody by an event at or after `position`: what a view shows that stands there may be more
/// than its reader may see today.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn hidden_since(reader: &Reader, position: Sequence) -> Result<bool, QueryError> {
    let mut statement = reader.statement("SELECT 1 FROM hidden WHERE sequence >= ?1 LIMIT 1")?;
    Ok(statement.exists([position.0.cast_signed()])?)
}

/// How much of an event the reader may read today: of a public one everything, of a restricted one what it may see of the record it
/// happened to, and of the one because of which it happened, where it names nothing that is hidden from the reader: that is for the
/// record's own organisations. What hides a record is told to those who saw it, but not in words.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sight(reader: &Reader, identity: &ReaderIdentity, event: &Event) -> Result<Sight, QueryError> {
    let hides = matches!(&event.facts, Facts::Record(Record::VisibilityChanged(changed)) if changed.narrows());
    let public = event.audience == Audience::Public;
    if identity.admin_or_auditor || public && !hides {
        return Ok(Sight::Whole);
    }
    let mut sight = Sight::Whole;
    for subject in [Some(event.subject), event.about().because_of].into_iter().flatten() {
        let standing = standing(reader, subject)?.unwrap_or_default();
        sight = sight.min(standing.sight(identity, event.sequence));
    }
    sight = sight.min(of_named(reader, identity, event)?);
    Ok(if public { sight.max(Sight::WithoutText) } else { sight })
}

/// A restricted event that names a record which the reader may not see is not the reader's, unless the record that it happened to names
/// the reader: that tells it as much.
fn of_named(reader: &Reader, identity: &ReaderIdentity, event: &Event) -> Result<Sight, QueryError> {
    if standing(reader, event.subject)?.is_some_and(|record| record.is_whole_at(identity, event.sequence)) {
        return Ok(Sight::Whole);
    }
    for named in event.facts.named_records().into_iter().filter(|named| *named != event.subject) {
        if !standing(reader, named)?.is_some_and(|standing| standing.lets(identity)) {
            return Ok(Sight::Withheld);
        }
    }
    Ok(Sight::Whole)
}

/// The time of the last event that was folded: the ledger's time is never before it, whatever a clock says.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn time(reader: &Reader) -> Result<Timestamp, QueryError> {
    let time = reader.statement("SELECT time FROM ledger_time")?.query_row([], |row| row.get(0)).optional()?;
    Ok(Timestamp::from_micros(time.unwrap_or_default()))
}

/// The grants under which a sample was recorded.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn sample_grants(reader: &Reader) -> Result<Vec<AccessId>, QueryError> {
    Ok(samples_in(reader.connection())?)
}

pub(super) fn samples_in(file: &Connection) -> rusqlite::Result<Vec<AccessId>> {
    let mut statement = file.prepare_cached("SELECT grant_id FROM access_grant WHERE scope = ?1 ORDER BY sequence")?;
    let sample = serde_json::to_string(&Scope::Sample).expect("a scope is JSON");
    let rows = statement.query_map([sample], |row| row.get::<_, Uuid>(0).map(AccessId::new))?;
    rows.collect()
}

fn read_grants(reader: &Reader, clause: &str, parameters: impl Params) -> Result<Vec<Grant>, QueryError> {
    let mut statement = reader.statement(&format!("{SELECT}{clause}"))?;
    let mut grants = statement.query_map(parameters, read_grant)?.collect::<Result<Vec<_>, _>>()?;
    let mut organisations =
        reader.statement("SELECT organisation FROM grant_organisation WHERE grant_id = ?1 ORDER BY organisation")?;
    for grant in &mut grants {
        let rows = organisations.query_map([grant.id.uuid()], |row| row.get::<_, Uuid>(0).map(OrganisationId::new))?;
        grant.organisations = rows.collect::<Result<_, _>>()?;
    }
    Ok(grants)
}

fn read_grant(row: &Row<'_>) -> rusqlite::Result<Grant> {
    let time = |at: usize| row.get(at).map(Timestamp::from_micros);
    let sequence = |number: i64| Sequence(number.cast_unsigned());
    let digest = |at: usize| row.get::<_, Option<[u8; 32]>>(at).map(|bytes| bytes.map(Digest));
    let revoked: (Option<i64>, Option<i64>) = (row.get(13)?, row.get(14)?);
    let (scope, role): (String, String) = (row.get(3)?, row.get(4)?);
    let cause: Option<String> = row.get(15)?;
    Ok(Grant {
        id: AccessId::new(row.get(0)?),
        scope: parse(3, &scope)?,
        organisations: Vec::new(),
        role: parse(4, &format!("\"{role}\""))?,
        may_sign: row.get(5)?,
        on_behalf: row.get(6)?,
        mandate: digest(7)?,
        office: row.get(8)?,
        valid_from: time(9)?,
        valid_through: row.get::<_, Option<i64>>(10)?.map(Timestamp::from_micros),
        token_digest: digest(11)?,
        granted: Moment { sequence: sequence(row.get(1)?), time: time(2)? },
        revoked: revoked
            .0
            .zip(revoked.1)
            .map(|(at, micros)| Moment { sequence: sequence(at), time: Timestamp::from_micros(micros) }),
        revocation_cause: cause.map(|cause| parse(15, &format!("\"{cause}\""))).transpose()?,
        stream_version: StreamVersion(row.get::<_, i64>(12)?.cast_unsigned()),
    })
}

fn parse<T: serde::de::DeserializeOwned>(column: usize, json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
