//! Folds every event into one row of the trail. It keeps no facts and no text but the records' present titles.

use crate::{
    ApplyError, ViewName,
    standings::{self, Standings},
    store::codec::subject_bytes,
    view::{Spec, View},
};
use convenio_events::{
    Actor, Event, OrganisationId,
    entry::Audience,
    sight::Named,
    types::{
        Facts,
        access::{Facts as Access, Scope},
    },
};
use rusqlite::{Connection, params};

/// An event of a record that names more organisations than this is found by those that the event itself names, and by who did
/// it: rows for all of them would be as many as the square of what a record that grows for ever names.
const ABOUT_LIMIT: usize = 50;

/// `record` is the number of the subject; `because_of` is the record on account of which it happened; `about` finds what concerns an
/// organisation.
const TABLES: &str = "
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    event_id BLOB NOT NULL,
    time INTEGER NOT NULL,
    type TEXT NOT NULL,
    record INTEGER NOT NULL,
    because_of BLOB,
    stream_version INTEGER NOT NULL,
    actor BLOB NOT NULL,
    grant_id BLOB,
    command_id BLOB NOT NULL,
    audience INTEGER NOT NULL
);
CREATE TABLE about (organisation BLOB NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (organisation, sequence)) WITHOUT ROWID;
CREATE TABLE sample_grant (grant_id BLOB PRIMARY KEY) WITHOUT ROWID;
";

const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS event_record ON event (record, sequence);
CREATE INDEX IF NOT EXISTS event_actor ON event (actor, sequence);
CREATE INDEX IF NOT EXISTS event_grant ON event (grant_id, sequence);
";

const DUMP: &[(&str, &str)] = &[
    ("event", "SELECT * FROM event ORDER BY sequence"),
    ("about", "SELECT * FROM about ORDER BY organisation, sequence"),
    ("sample_grant", "SELECT * FROM sample_grant ORDER BY grant_id"),
    standings::DUMP,
];

/// The view of what happened.
pub(crate) fn spec() -> Spec {
    Spec {
        name: ViewName::Activity,
        version: 6,
        tables: &[TABLES, standings::TABLE],
        indexes: INDEXES,
        make: || Box::new(Writer::default()),
        dump: DUMP,
    }
}

/// An actor in a column: an organisation's UUID, or the fixed one of a system actor.
pub(super) fn actor_bytes(actor: Actor) -> [u8; 16] {
    actor.scope().into_bytes()
}

/// Reads [`actor_bytes`].
pub(super) fn actor_from(bytes: [u8; 16]) -> Actor {
    [Actor::Clock, Actor::Operator]
        .into_iter()
        .find(|system| actor_bytes(*system) == bytes)
        .unwrap_or_else(|| Actor::Organisation(OrganisationId::new(uuid::Uuid::from_bytes(bytes))))
}

/// Those whom an event itself names, whoever its record names beside them.
fn named_by(event: &Event) -> Vec<OrganisationId> {
    let mut named = Named::default();
    named.learn(&event.about().naming, event.sequence);
    named.now()
}

/// The fold.
#[derive(Default)]
struct Writer {
    standings: Standings,
    about: Vec<([u8; 16], i64)>,
}

impl View for Writer {
    fn apply(&mut self, file: &Connection, event: &Event) -> Result<(), ApplyError> {
        let sequence = event.sequence.0.cast_signed();
        let record = self.standings.learn(file, event, true)?;
        let actor = event.actor.organisation();
        // That somebody reviewed a record is found by those alone who see its review.
        let mut about = match event.audience {
            Audience::Public => record.standing.openly_named(),
            Audience::Restricted => record.standing.organisations(),
        };
        if about.len() > ABOUT_LIMIT {
            let named = named_by(event);
            about.retain(|organisation| named.contains(organisation));
        }
        about.extend(actor);
        about.sort_unstable();
        about.dedup();
        self.about.extend(about.iter().map(|organisation| (organisation.uuid().into_bytes(), sequence)));
        let record = record.number;
        let insert = "INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
        file.prepare_cached(insert)?.execute(params![
            sequence,
            event.id.uuid(),
            event.time.micros(),
            event.facts.suffix(),
            record,
            event.about().because_of.map(subject_bytes),
            event.stream_version.0.cast_signed(),
            actor_bytes(event.actor),
            event.grant.map(convenio_events::Id::uuid),
            event.command_id.uuid(),
            i64::from(event.audience == Audience::Restricted),
        ])?;
        match &event.facts {
            Facts::Access(Access::Granted(granted)) => {
                if granted.scope == Scope::Sample {
                    file.prepare_cached("INSERT OR IGNORE INTO sample_grant VALUES (?1)")?
                        .execute([event.subject.id])?;
                }
            }
            // The row above is all there is to them.
            Facts::Access(Access::Revoked(_))
            | Facts::Ledger(_)
            | Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_)
            | Facts::Record(_) => {}
        }
        Ok(())
    }

    fn flush(&mut self, file: &Connection) -> Result<(), ApplyError> {
        // In the table's own order: each of its pages is then touched once.
        self.about.sort_unstable();
        let mut insert = file.prepare_cached("INSERT INTO about VALUES (?1, ?2)")?;
        for (organisation, sequence) in self.about.drain(..) {
            insert.execute(params![organisation, sequence])?;
        }
        self.standings.flush(file)
    }

    fn forget(&mut self) {
        *self = Self::default();
    }
}
