//! What can be asked about grants and visibility, and the form of the answers.

use crate::{ReaderIdentity, document::Moment, sequence_cursor::SequenceCursor};
use convenio_events::{
    AccessId, OrganisationId, StreamVersion, Timestamp,
    codes::AccessRole,
    commitment::Digest,
    types::access::{RevocationCause, Scope},
};
use serde::Serialize;

/// A grant, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Which.
    pub id: AccessId,
    /// For whom it acts.
    pub scope: Scope,
    /// The organisations that it acts for today: those of the scope, or those registered as holders under a sample grant.
    pub organisations: Vec<OrganisationId>,
    /// What it allows.
    pub role: AccessRole,
    /// Whether it may sign agreements.
    pub may_sign: bool,
    /// Whether it acts on behalf of somebody else's organisation, under a mandate.
    pub on_behalf: bool,
    /// Digest of the mandate's document.
    pub mandate: Option<Digest>,
    /// The office that holds it.
    pub office: Option<String>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; for ever without.
    pub valid_through: Option<Timestamp>,
    /// Digest of the bearer token, where there is one. Not shown: whoever reads it still lacks the token, but needs it for nothing.
    #[serde(skip)]
    pub token_digest: Option<Digest>,
    /// The event that gave it, and its time.
    pub granted: Moment,
    /// The event that ended it, and its time.
    pub revoked: Option<Moment>,
    /// Why it ended.
    pub revocation_cause: Option<RevocationCause>,
    /// The grant's own version.
    #[serde(rename = "streamversion")]
    pub stream_version: StreamVersion,
}

impl Grant {
    /// Whether it was in force at an instant.
    pub fn is_in_force(&self, at: Timestamp) -> bool {
        self.valid_from <= at
            && self.valid_through.is_none_or(|through| at < through)
            && self.revoked.is_none_or(|revoked| at < revoked.time)
    }

    /// Its state at an instant: `active`, `not-yet-valid`, `expired` or `revoked` (code list `access-states`).
    pub fn state(&self, at: Timestamp) -> &'static str {
        if self.revoked.is_some_and(|revoked| revoked.time <= at) {
            "revoked"
        } else if at < self.valid_from {
            "not-yet-valid"
        } else if self.valid_through.is_some_and(|through| through <= at) {
            "expired"
        } else {
            "active"
        }
    }

    /// What its holder may see; it says nothing of whether the grant is in force.
    pub fn identity(&self) -> ReaderIdentity {
        // An admin is one of the whole ledger, for whichever organisation it acts; an auditor's scope is what its grant names.
        let of_the_ledger = !matches!(self.scope, Scope::Organisations { .. });
        let auditor = of_the_ledger && self.role == AccessRole::Auditor;
        ReaderIdentity {
            organisations: self.organisations.clone(),
            member: true,
            admin_or_auditor: auditor || self.role == AccessRole::Admin,
            reviewer: self.role == AccessRole::Reviewer,
        }
    }
}

/// Which grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantQuery {
    /// Only those that act for this organisation.
    pub organisation: Option<OrganisationId>,
    /// Only those in force at this instant.
    pub in_force_at: Option<Timestamp>,
    /// Only those given after this one: the last of the page before.
    pub cursor: Option<SequenceCursor>,
    /// At most this many, and at most 200.
    pub limit: usize,
}
