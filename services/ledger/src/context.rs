//! What a decision may read besides the command: who acts, when, and the true present. Time and new ids arrive as data.

use crate::{
    rejection::{Reason, Rejection, require},
    state::learning,
    world::{Aggregate, Sight, World},
};
use chrono::NaiveDate;
use convenio_events::{
    AccessId, Actor, NewEvent, OrganisationId, Subject, Timestamp,
    codes::AccessRole,
    commitment::{Digest, Salt},
    sight::ReaderIdentity,
    time::TimeZone,
    types::access::Scope,
};
use uuid::Uuid;

/// Who acts, under which grant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acting {
    /// Who.
    pub actor: Actor,
    /// The grant; the clock and offline verbs have none.
    pub grant: Option<AccessId>,
    /// What the grant allows.
    pub role: AccessRole,
    /// Whether the grant may sign.
    pub may_sign: bool,
    /// Whether it acts on behalf of another's organisation.
    pub on_behalf: bool,
    /// Digest of the mandate.
    pub mandate: Option<Digest>,
    /// Whether the grant is the sample's.
    pub sample: bool,
}

impl Acting {
    /// The operator at the machine, with every right and no grant.
    pub const fn operator() -> Self {
        Self {
            actor: Actor::Operator,
            grant: None,
            role: AccessRole::Admin,
            may_sign: false,
            on_behalf: false,
            mandate: None,
            sample: false,
        }
    }
}

/// Everything that a decision reads besides its command.
pub struct Context<'a> {
    /// The true present, earlier commands of the same batch included.
    pub world: &'a World,
    /// The ledger's time.
    pub now: Timestamp,
    /// Who acts.
    pub acting: &'a Acting,
    /// The id of what is created, unless the caller chose one: UUIDv5(acting organisation, command id).
    pub new_id: Uuid,
    /// Fresh random bytes for a terms digest.
    pub salt: Salt,
}

impl Context<'_> {
    /// The organisation that acts.
    ///
    /// # Errors
    /// `organisation-required` when the operator acts.
    pub fn organisation(&self) -> Result<OrganisationId, Rejection> {
        self.acting.actor.organisation().ok_or_else(|| Reason::OrganisationRequired.into())
    }

    /// Today's date in a record's zone, the ledger's without.
    pub fn today(&self, zone: Option<TimeZone>) -> NaiveDate {
        self.now.date_in(zone.unwrap_or_else(|| self.world.time_zone()))
    }

    /// True when `owner` acts.
    pub fn owns(&self, owner: OrganisationId) -> bool {
        self.acting.actor.organisation() == Some(owner)
    }

    /// True when the grant acts for `organisation`, whether or not that one acts now.
    pub fn covers(&self, organisation: OrganisationId) -> bool {
        let access = self.acting.grant.and_then(|grant| self.world.access(grant));
        let named = access.is_some_and(
            |access| matches!(&access.granted.scope, Scope::Organisations { organisations } if organisations.contains(&organisation)),
        );
        named || self.owns(organisation)
    }

    /// Whether the caller may see a record that is there. One that it may not see does not exist for it: no refusal may tell
    /// the two apart.
    pub fn sees(&self, subject: Subject) -> bool {
        self.world.sight(&self.reader(), subject) == Sight::Now
    }

    /// The caller as a reader: a grant reads for all organisations that it names.
    fn reader(&self) -> ReaderIdentity {
        let access = self.acting.grant.and_then(|grant| self.world.access(grant));
        let mut organisations = access.map(|access| access.granted.scope.organisations().to_vec()).unwrap_or_default();
        organisations.extend(self.acting.actor.organisation());
        ReaderIdentity {
            organisations,
            member: true,
            admin_or_auditor: self.acting.role == AccessRole::Admin,
            reviewer: self.acting.role == AccessRole::Reviewer,
        }
    }

    /// Refuses a record that is not there, or not the caller's to see. Whoever was left out of it knows it, and learns nothing of
    /// what became of it.
    ///
    /// # Errors
    /// `record-unknown`, `not-party`.
    pub fn require_seen(&self, subject: Subject) -> Result<(), Rejection> {
        match self.world.sight(&self.reader(), subject) {
            Sight::Now => Ok(()),
            Sight::Once => Err(Reason::NotParty.into()),
            Sight::Never => Err(Reason::RecordUnknown.into()),
        }
    }

    /// Refuses to cite what was taken back: a learning that was retracted, an agreement that a party denies.
    ///
    /// # Errors
    /// `not-citable`, naming `field`.
    pub fn require_citable(&self, subject: Subject, field: &str) -> Result<(), Rejection> {
        let citable = match self.world.aggregate(subject) {
            Some(Aggregate::Learning(learning)) => learning.status != learning::Status::Retracted,
            Some(Aggregate::Agreement(agreement)) => !agreement.is_denied(),
            Some(
                Aggregate::Ledger(_)
                | Aggregate::Access(_)
                | Aggregate::Organisation(_)
                | Aggregate::Listing(_)
                | Aggregate::Hold(_)
                | Aggregate::Ties(_)
                | Aggregate::Claims(_)
                | Aggregate::Convening(_),
            )
            | None => true,
        };
        require(citable, Reason::NotCitable)
            .map_err(|rejection| rejection.field(field).detail(format!("{subject} was retracted or denied")))
    }

    /// Refuses anybody but `owner`; whether the caller may see the record was asked before.
    ///
    /// # Errors
    /// `not-owner`.
    pub fn require_owner(&self, owner: OrganisationId) -> Result<(), Rejection> {
        require(self.owns(owner), Reason::NotOwner)
    }

    /// Refuses to create what exists.
    ///
    /// # Errors
    /// `id-exists`.
    pub fn require_new(&self, subject: Subject) -> Result<(), Rejection> {
        require(self.world.version(subject).is_none(), Reason::IdExists).map_err(|rejection| rejection.field("id"))
    }

    /// Refuses an organisation that is not here, or not the caller's to see.
    ///
    /// # Errors
    /// `organisation-unknown`, naming `field`.
    pub fn require_organisation(&self, id: OrganisationId, field: &str) -> Result<(), Rejection> {
        require(self.sees(id.into()), Reason::OrganisationUnknown)
            .map_err(|rejection| rejection.field(field).detail(format!("there is no organisation {id}")))
    }

    /// Refuses an organisation that nobody vouches for today.
    ///
    /// # Errors
    /// `verification-required`.
    pub fn require_verified(&self, id: OrganisationId) -> Result<(), Rejection> {
        let verified =
            self.world.organisation(id).is_some_and(|organisation| organisation.is_verified(self.today(None)));
        require(verified, Reason::VerificationRequired)
    }
}

/// What a command leads to: events that are recorded together, the first of them on the command's own subject.
#[derive(Clone, PartialEq, Debug)]
pub struct Decision {
    /// The record that the command is about.
    pub subject: Subject,
    /// What happens, in order; never empty.
    pub events: Vec<NewEvent>,
}

impl Decision {
    /// A decision with one event.
    pub fn one(event: NewEvent) -> Self {
        Self { subject: event.subject, events: vec![event] }
    }
}
