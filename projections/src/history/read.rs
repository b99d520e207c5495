//! Questions about an organisation's history. Records that the reader may not see are neither listed nor counted.

use super::query::{Affiliate, AttestedCount, Involvement, LIST_BYTES_LIMIT, LIST_LIMIT, Partner, Passport};
use crate::{
    QueryError, ReaderIdentity,
    document::REVIEWER,
    store::{
        Reader,
        codec::{circle_from, organisations_from, subject_bytes, subject_from},
    },
};
use convenio_events::{OrganisationId, Sequence, Subject, Timestamp, codes::Attestation};
use rusqlite::{OptionalExtension as _, params};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// An organisation's history as far as the reader may see its records; `None` when the organisation is not the reader's to see.
///
/// # Errors
/// [`QueryError`] when the view cannot be read.
pub fn passport(
    reader: &Reader,
    identity: &ReaderIdentity,
    organisation: OrganisationId,
) -> Result<Option<Passport>, QueryError> {
    let Some(name) = name_of(reader, identity, organisation)? else { return Ok(None) };
    let mut timeline = involvements(reader, identity, organisation)?;
    let mut counts: BTreeMap<&'static str, AttestedCount> = BTreeMap::new();
    for Found { involvement: one, .. } in &timeline {
        counts.entry(one.kind.plural()).or_default().add(one.attestation);
    }
    let partners = partners(reader, identity, organisation, &timeline)?;
    // The latest first: by when it began where that is known, else by when its readers learnt of it.
    timeline.sort_by(|one, other| {
        let updated = other.involvement.updated_sequence.cmp(&one.involvement.updated_sequence);
        other.sorted_by.cmp(&one.sorted_by).then(updated)
    });
    timeline.truncate(LIST_LIMIT);
    let timeline = with_titles(reader, timeline)?;
    Ok(Some(Passport {
        position: reader.position(),
        organisation,
        name,
        counts,
        timeline,
        partners,
        affiliates: affiliates(reader, identity, organisation)?,
    }))
}

impl AttestedCount {
    fn add(&mut self, attestation: Attestation) {
        match attestation {
            Attestation::Claimed => self.claimed += 1,
            Attestation::Confirmed => self.confirmed += 1,
            Attestation::Denied => self.denied += 1,
        }
    }

    fn all(self) -> u32 {
        self.claimed + self.confirmed + self.denied
    }
}

/// The titles of those that are listed, as far as they fit: all that an organisation takes part in may be too many.
fn with_titles(reader: &Reader, timeline: Vec<Found>) -> Result<Vec<Involvement>, QueryError> {
    let mut statement = reader.statement("SELECT title FROM record WHERE subject = ?1")?;
    let (mut titled, mut bytes) = (Vec::with_capacity(timeline.len()), 0);
    for Found { involvement: mut one, .. } in timeline {
        let subject = subject_bytes(Subject::new(one.kind, one.id));
        let title: Option<String> = statement.query_row([subject], |row| row.get(0))?;
        bytes += title.as_ref().map_or(0, String::len);
        if bytes > LIST_BYTES_LIMIT && !titled.is_empty() {
            break;
        }
        one.title = raw(title);
        titled.push(one);
    }
    Ok(titled)
}

fn raw(json: Option<String>) -> Option<Box<RawValue>> {
    RawValue::from_string(json?).ok()
}

/// The name of an organisation that the reader may see; the inner `None` where the name was erased.
fn name_of(
    reader: &Reader,
    identity: &ReaderIdentity,
    organisation: OrganisationId,
) -> Result<Option<Option<Box<RawValue>>>, QueryError> {
    let mut statement = reader.statement("SELECT visibility, organisations, title FROM record WHERE subject = ?1")?;
    let found = statement
        .query_row([subject_bytes(Subject::from(organisation))], |row| {
            let named = organisations_from(row.get_ref(1)?.as_blob()?);
            let seen = identity.may_see(circle_from(row.get(0)?), &named);
            Ok(if seen { Some(row.get::<_, Option<String>>(2)?) } else { None })
        })
        .optional()?
        .flatten();
    Ok(found.map(raw))
}

/// What the organisation takes part in.
struct Found {
    /// By what it is sorted: when it began where that is known, else when its readers learnt of it.
    sorted_by: String,
    /// Whether the reader sees all of that record.
    whole: bool,
    involvement: Involvement,
}

/// What the organisation takes part in.
fn involvements(
    reader: &Reader,
    identity: &ReaderIdentity,
    organisation: OrganisationId,
) -> Result<Vec<Found>, QueryError> {
    let sql = "SELECT r.subject, i.role, i.attestation, r.visibility, r.organisations, r.state, r.starts_on, r.ends_on, \
               r.told_time, r.updated_sequence, r.sample, r.shown_sequence FROM involvement i JOIN record r ON r.number = i.record \
               WHERE i.organisation = ?1 ORDER BY i.record, i.position";
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([organisation.uuid()])?;
    let mut found: Vec<Found> = Vec::new();
    while let Some(row) = rows.next()? {
        let Some(subject) = subject_from(&row.get::<_, Vec<u8>>(0)?) else { continue };
        let (role, attestation): (String, String) = (row.get(1)?, row.get(2)?);
        let named = organisations_from(&row.get::<_, Vec<u8>>(4)?);
        let whole = identity.admin_or_auditor || identity.is_one_of(&named);
        // That somebody reviewed a record is for those who work on it.
        if role == REVIEWER && !whole {
            continue;
        }
        let same = |last: &&mut Found| (last.involvement.kind, last.involvement.id) == (subject.kind, subject.id);
        if let Some(last) = found.last_mut().filter(same) {
            last.involvement.roles.push(role);
            continue;
        }
        if !identity.may_see(circle_from(row.get(3)?), &named) {
            continue;
        }
        let starts_on: Option<String> = row.get(6)?;
        let learnt = Timestamp::from_micros(row.get(8)?).to_string();
        let involvement = Involvement {
            kind: subject.kind,
            id: subject.id,
            title: None,
            state: row.get(5)?,
            roles: vec![role],
            attestation: attestation.parse().unwrap_or(Attestation::Claimed),
            starts_on: starts_on.clone(),
            ends_on: row.get(7)?,
            updated_sequence: Sequence(row.get::<_, i64>(if whole { 9 } else { 11 })?.cast_unsigned()),
            sample: row.get(10)?,
        };
        found.push(Found { sorted_by: starts_on.unwrap_or(learnt), whole, involvement });
    }
    Ok(found)
}

fn partners(
    reader: &Reader,
    identity: &ReaderIdentity,
    own: OrganisationId,
    timeline: &[Found],
) -> Result<Vec<Partner>, QueryError> {
    let mut records: HashMap<OrganisationId, AttestedCount> = HashMap::new();
    let sql = "SELECT organisation, attestation FROM involvement WHERE record = (SELECT number FROM record WHERE subject = ?1) \
               AND (role <> ?2 OR ?3) GROUP BY organisation ORDER BY organisation";
    let mut statement = reader.statement(sql)?;
    for Found { whole, involvement: one, .. } in timeline {
        let subject = subject_bytes(Subject::new(one.kind, one.id));
        let mut rows = statement.query(params![subject, REVIEWER, whole])?;
        while let Some(row) = rows.next()? {
            let (other, attestation): (Uuid, String) = (row.get(0)?, row.get(1)?);
            let other = OrganisationId::new(other);
            if other != own {
                let theirs = attestation.parse().unwrap_or(Attestation::Claimed);
                records.entry(other).or_default().add(both(one.attestation, theirs));
            }
        }
    }
    let mut records: Vec<_> = records.into_iter().collect();
    records.sort_by_key(|(other, count)| (std::cmp::Reverse(count.all()), *other));
    let (mut partners, mut bytes) = (Vec::new(), 0);
    for (organisation, records) in records {
        if partners.len() == LIST_LIMIT || bytes > LIST_BYTES_LIMIT {
            break;
        }
        // A partner that the reader may not see is not named either.
        if let Some(name) = name_of(reader, identity, organisation)? {
            bytes += name.as_ref().map_or(0, |name| name.get().len());
            partners.push(Partner { organisation, name, records });
        }
    }
    Ok(partners)
}

/// What two organisations together vouch for.
fn both(one: Attestation, other: Attestation) -> Attestation {
    match (one, other) {
        (Attestation::Denied, _) | (_, Attestation::Denied) => Attestation::Denied,
        (Attestation::Confirmed, Attestation::Confirmed) => Attestation::Confirmed,
        (Attestation::Claimed, _) | (_, Attestation::Claimed) => Attestation::Claimed,
    }
}

fn affiliates(reader: &Reader, identity: &ReaderIdentity, own: OrganisationId) -> Result<Vec<Affiliate>, QueryError> {
    let sql = "SELECT other, kind, attestation, 0 FROM affiliation WHERE organisation = ?1 \
               UNION ALL SELECT organisation, kind, attestation, 1 FROM affiliation WHERE other = ?1 ORDER BY 4, 1, 2";
    let mut statement = reader.statement(sql)?;
    let mut rows = statement.query([own.uuid()])?;
    let (mut affiliates, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if affiliates.len() == LIST_LIMIT || bytes > LIST_BYTES_LIMIT {
            break;
        }
        let organisation = OrganisationId::new(row.get(0)?);
        if let Some(name) = name_of(reader, identity, organisation)? {
            bytes += name.as_ref().map_or(0, |name| name.get().len());
            let attestation: String = row.get(2)?;
            affiliates.push(Affiliate {
                organisation,
                name,
                kind: row.get(1)?,
                inward: row.get(3)?,
                attestation: attestation.parse().unwrap_or(Attestation::Claimed),
            });
        }
    }
    Ok(affiliates)
}
