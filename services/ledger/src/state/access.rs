//! A grant: who may act for which organisation, until when.

use super::{Begun, State};
use convenio_events::{
    Actor, OrganisationId, Subject, Timestamp,
    commitment::Digest,
    types::access::{Facts, Granted, Scope},
};
use serde::{Deserialize, Serialize};

/// A grant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Access {
    /// What was granted.
    pub granted: Granted,
    /// Whether it was ended.
    pub revoked: bool,
    /// Who gave it.
    pub by: Actor,
}

impl State for Access {
    type Facts = Facts;

    fn begin(facts: &Facts, begun: Begun) -> Option<Self> {
        match facts {
            Facts::Granted(granted) => Some(Self { granted: granted.clone(), revoked: false, by: begun.by }),
            Facts::Revoked(_) => None,
        }
    }

    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Granted(_) => {}
            Facts::Revoked(_) => self.revoked = true,
        }
    }

    fn names(&self, _: Subject, organisation: OrganisationId) -> bool {
        self.granted.scope.organisations().contains(&organisation)
    }
}

impl Access {
    /// Whether it can be used at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        !self.revoked && self.granted.valid_from <= now && self.granted.valid_through.is_none_or(|end| now < end)
    }

    /// The name under which its token is found.
    pub fn token_name(&self) -> Option<String> {
        self.granted.token_digest.as_ref().map(token_name)
    }

    /// True for the operator's bootstrap grant: it ends when a real admin first acts.
    pub fn is_bootstrap(&self) -> bool {
        self.granted.scope == Scope::Operator && !self.revoked
    }
}

/// The unique name of a token.
pub fn token_name(digest: &Digest) -> String {
    format!("token:{digest}")
}
