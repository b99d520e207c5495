//! What each organisation does in a record, and how far it vouches for that. It counts nothing.

use super::{Attested, Document, body::Span};
use convenio_events::{OrganisationId, codes::Attestation};

/// The role of whoever reviewed a learning: it shows to those alone who work on it.
pub(crate) const REVIEWER: &str = "reviewer";

/// The roles that organisations have beside those of parties to an agreement.
pub const ROLES_BESIDE_PARTIES: [&str; 7] =
    ["owner", "author", "organiser", "participant", "host", REVIEWER, "registrar"];

/// One thing that one organisation does in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Who.
    pub organisation: OrganisationId,
    /// A role in an agreement, or `owner`, `author`, `organiser`, `participant`, `host`, `reviewer`, `registrar`.
    pub role: &'static str,
    /// How far that is vouched for; nothing of whoever records or reviews what others do: that makes nobody a party, in no count.
    pub attestation: Option<Attestation>,
}

/// The roles in one record, each once.
#[derive(Default)]
pub(crate) struct Roles(Vec<Role>);

impl Roles {
    /// Adds what an organisation does, unless it is there.
    pub(super) fn add(
        &mut self,
        organisation: OrganisationId,
        role: &'static str,
        attestation: impl Into<Option<Attestation>>,
    ) {
        let again = self.0.iter().any(|one| one.organisation == organisation && one.role == role);
        if !again {
            self.0.push(Role { organisation, role, attestation: attestation.into() });
        }
    }
}

/// How far an organisation vouches for its part, by what each says.
pub(super) fn attestation_of(list: &[Attested], organisation: OrganisationId) -> Attestation {
    let found = list.iter().find(|one| one.organisation == organisation);
    found.map_or(Attestation::Claimed, |one| one.attestation)
}

impl Document {
    /// What each organisation does in it, each pair once. An organisation's own record gives none.
    pub fn roles(&self) -> Vec<Role> {
        let mut roles = Roles::default();
        self.body.shown().add_roles(&mut roles);
        roles.0
    }

    /// When it begins or began and when it ends or ended, as exactly as known.
    pub fn span(&self) -> Span {
        self.body.shown().span()
    }

    /// Whether it counts in an organisation's history: not while it is a draft among its parties, nor when it was given up, refused,
    /// or never published.
    pub fn is_history(&self) -> bool {
        self.body.shown().is_history(self.head.state)
    }
}
