//! How a ledger begins: `LedgerOpened` at sequence 0 and the operator's first grant at 1, in one batch. It makes no keys.

use convenio_events::{
    AccessId, LedgerId, NewEvent, Timestamp,
    cloud_event::source,
    codes::{AccessRole, Purpose},
    commitment::Digest,
    time::TimeZone,
    types::{
        access::{Granted, Scope},
        ledger::Opened,
    },
};
use uuid::Uuid;

/// How long the operator's first token is good for, unless a real admin acts before.
pub const BOOTSTRAP_SECONDS: i64 = 86_400;

/// What a new ledger is opened with.
#[derive(Clone, Debug)]
pub struct Opening {
    /// Its id, fixed in the identity directory before anything is recorded.
    pub ledger: LedgerId,
    /// Name of the log in its checkpoints.
    pub origin: String,
    /// The first key, as a verifier key line.
    pub key: String,
    /// Where civil dates end unless a record says otherwise.
    pub time_zone: TimeZone,
    /// Production or test.
    pub purpose: Purpose,
    /// Digest of the first admin token.
    pub admin_token: Digest,
    /// Whether the sample shall be recorded, under a grant of its own that has no token.
    pub sample: bool,
}

impl Opening {
    /// The command id under which the ledger is opened, always the same: a crash cannot open it twice.
    pub fn command_id(&self) -> Uuid {
        Uuid::new_v5(&self.ledger.uuid(), b"open-ledger")
    }

    /// The first events of the ledger.
    pub fn events(&self, now: Timestamp) -> Vec<NewEvent> {
        let opened = Opened {
            ledger: self.ledger,
            source: source(self.ledger),
            origin: self.origin.clone(),
            time_zone: self.time_zone,
            key: self.key.clone(),
            purpose: self.purpose,
        };
        let mut events = vec![NewEvent::new(self.ledger, opened, None)];
        let bootstrap = AccessId::new(Uuid::new_v5(&self.ledger.uuid(), b"grant admin"));
        events.push(grant(bootstrap, Scope::Operator, Some(self.admin_token), now));
        if self.sample {
            events.push(grant(sample_grant(self.ledger), Scope::Sample, None, now));
        }
        events
    }
}

/// The grant under which a ledger's sample is recorded, always the same: a crash cannot give a second.
pub fn sample_grant(ledger: LedgerId) -> AccessId {
    AccessId::new(Uuid::new_v5(&ledger.uuid(), b"grant sample"))
}

fn grant(id: AccessId, scope: Scope, token_digest: Option<Digest>, now: Timestamp) -> NewEvent {
    let granted = Granted {
        valid_through: (scope == Scope::Operator).then(|| now.plus_seconds(BOOTSTRAP_SECONDS)),
        may_sign: scope == Scope::Sample,
        scope,
        role: AccessRole::Admin,
        on_behalf: false,
        mandate: None,
        valid_from: now,
        token_digest,
    };
    NewEvent::new(id, granted, None)
}
