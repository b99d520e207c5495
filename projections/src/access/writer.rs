//! Folds grants, and who may see which record, into rows. Whether a grant is in force is a question of time: it is asked when read.

use crate::{
    ApplyError, ViewName,
    standings::{self, Standings},
    view::{Spec, View},
};
use convenio_events::{
    AccessId, Event,
    types::{
        Facts,
        access::{Facts as Access, Granted, GrantedText, Revoked, Scope},
        organisation::{Facts as Organisation, Standing as OrganisationStanding},
    },
};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// `hidden` has the events that hid a record from somebody who saw it; `ledger_time` one row, the time of the last event.
const TABLES: &str = "
CREATE TABLE access_grant (
    grant_id BLOB PRIMARY KEY,
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    scope TEXT NOT NULL,
    role TEXT NOT NULL,
    may_sign INTEGER NOT NULL,
    on_behalf INTEGER NOT NULL,
    mandate BLOB,
    office TEXT,
    valid_from INTEGER NOT NULL,
    valid_through INTEGER,
    token_digest BLOB,
    stream_version INTEGER NOT NULL,
    revoked_sequence INTEGER,
    revoked_time INTEGER,
    cause TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX access_grant_sequence ON access_grant (sequence);
CREATE INDEX access_grant_token ON access_grant (token_digest);
CREATE TABLE grant_organisation (organisation BLOB NOT NULL, grant_id BLOB NOT NULL, PRIMARY KEY (organisation, grant_id)) WITHOUT ROWID;
CREATE INDEX grant_organisation_grant ON grant_organisation (grant_id);
CREATE TABLE hidden (sequence INTEGER PRIMARY KEY);
CREATE TABLE ledger_time (only_row INTEGER PRIMARY KEY CHECK (only_row = 0), time INTEGER NOT NULL);
";

const DUMP: &[(&str, &str)] = &[
    ("access_grant", "SELECT * FROM access_grant ORDER BY sequence"),
    ("grant_organisation", "SELECT * FROM grant_organisation ORDER BY organisation, grant_id"),
    ("hidden", "SELECT * FROM hidden ORDER BY sequence"),
    ("ledger_time", "SELECT * FROM ledger_time"),
    standings::DUMP,
];

/// The view of grants and visibility.
pub(crate) fn spec() -> Spec {
    Spec {
        name: ViewName::Access,
        version: 5,
        tables: &[TABLES, standings::TABLE],
        indexes: "",
        make: || Box::new(Writer::default()),
        dump: DUMP,
    }
}

/// The fold.
#[derive(Default)]
struct Writer {
    standings: Standings,
    samples: Option<HashSet<AccessId>>,
    /// Of the last event since the last page.
    time: Option<i64>,
}

impl Writer {
    fn samples(&mut self, file: &Connection) -> Result<&mut HashSet<AccessId>, ApplyError> {
        match &mut self.samples {
            Some(samples) => Ok(samples),
            empty @ None => Ok(empty.insert(super::read::samples_in(file)?.into_iter().collect())),
        }
    }

    fn granted(&mut self, file: &Connection, granted: &Granted, event: &Event) -> Result<(), ApplyError> {
        let grant = AccessId::new(event.subject.id);
        let office = event.text.as_deref().and_then(|text| serde_json::from_str::<GrantedText>(text).ok()?.office);
        let sql = "INSERT OR REPLACE INTO access_grant VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, NULL, NULL, NULL)";
        file.prepare_cached(sql)?.execute(params![
            grant.uuid(),
            event.sequence.0.cast_signed(),
            event.time.micros(),
            serde_json::to_string(&granted.scope)?,
            granted.role.word(),
            granted.may_sign,
            granted.on_behalf,
            granted.mandate.map(|mandate| mandate.0),
            office.map(|office| office.as_str().to_owned()),
            granted.valid_from.micros(),
            granted.valid_through.map(|through| through.micros()),
            granted.token_digest.map(|digest| digest.0),
            event.stream_version.0.cast_signed(),
        ])?;
        match &granted.scope {
            Scope::Operator => {}
            Scope::Sample => {
                self.samples(file)?.insert(grant);
            }
            Scope::Organisations { organisations } => {
                for organisation in organisations {
                    acts_for(file, organisation.uuid(), grant)?;
                }
            }
        }
        Ok(())
    }
}

fn acts_for(file: &Connection, organisation: uuid::Uuid, grant: AccessId) -> rusqlite::Result<()> {
    let mut insert = file.prepare_cached("INSERT OR IGNORE INTO grant_organisation VALUES (?1, ?2)")?;
    insert.execute(params![organisation, grant.uuid()]).map(|_| ())
}

fn revoked(file: &Connection, revoked: &Revoked, event: &Event) -> Result<(), ApplyError> {
    let cause = serde_json::to_value(revoked.cause)?;
    let sql = "UPDATE access_grant SET revoked_sequence = ?2, revoked_time = ?3, cause = ?4, stream_version = ?5 WHERE grant_id = ?1";
    let changed = file.prepare_cached(sql)?.execute(params![
        event.subject.id,
        event.sequence.0.cast_signed(),
        event.time.micros(),
        cause.as_str(),
        event.stream_version.0.cast_signed(),
    ])?;
    if changed == 1 { Ok(()) } else { Err(ApplyError::Contradiction(format!("{} was never granted", event.subject))) }
}

impl View for Writer {
    fn apply(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        self.standings.learn(file, event, false)?;
        self.time = Some(event.time.micros());
        match &event.facts {
            Facts::Access(Access::Granted(granted)) => self.granted(file, granted, event),
            Facts::Access(Access::Revoked(facts)) => revoked(file, facts, event),
            Facts::Organisation(Organisation::Registered(registered)) => {
                if let (OrganisationStanding::Holder, Some(grant)) = (registered.standing, event.grant)
                    && self.samples(file)?.contains(&grant)
                {
                    acts_for(file, event.subject.id, grant)?;
                }
                Ok(())
            }
            // Only who may see the record, which was learnt above.
            Facts::Ledger(_)
            | Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_)
            | Facts::Record(_) => Ok(()),
        }
    }

    fn flush(&mut self, file: &Connection) -> Result<(), ApplyError> {
        let mut hidden = file.prepare_cached("INSERT INTO hidden VALUES (?1)")?;
        self.standings.take_hidden().iter().try_for_each(|sequence| hidden.execute([sequence]).map(|_| ()))?;
        if let Some(time) = self.time.take() {
            file.prepare_cached("INSERT OR REPLACE INTO ledger_time VALUES (0, ?1)")?.execute([time])?;
        }
        self.standings.flush(file)
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}
