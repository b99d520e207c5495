//! What each organisation does in a record, and how far it vouches for that. It counts nothing.

use super::{Body, Document, State};
use convenio_events::{OrganisationId, RecordKind, codes::Attestation, time::PartialDate};

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

impl Document {
    /// What each organisation does in it, each pair once. An organisation's own record gives none.
    pub fn roles(&self) -> Vec<Role> {
        let mut roles: Vec<Role> = Vec::new();
        let mut add = |organisation, role, attestation| {
            let again = roles.iter().any(|one| one.organisation == organisation && one.role == role);
            if !again {
                roles.push(Role { organisation, role, attestation });
            }
        };
        let of = |list: &[super::Attested], organisation| {
            let found = list.iter().find(|one| one.organisation == organisation);
            Some(found.map_or(Attestation::Claimed, |one| one.attestation))
        };
        match &self.body {
            Body::Organisation(_) => {}
            Body::Listing(listing) => add(listing.organisation, "owner", Some(Attestation::Confirmed)),
            Body::Agreement(agreement) => {
                for party in &agreement.terms.parties {
                    let attestation = of(&agreement.attestations, party.organisation);
                    party.roles.iter().for_each(|role| add(party.organisation, role.word(), attestation));
                }
                if agreement.terms.parties.iter().all(|party| party.organisation != agreement.by) {
                    add(agreement.by, "registrar", None);
                }
            }
            Body::Learning(learning) => {
                for author in &learning.content.authors {
                    add(*author, "author", of(&learning.authorship, *author));
                }
                if !learning.content.authors.contains(&learning.by) {
                    add(learning.by, "registrar", None);
                }
                for screening in &learning.screenings {
                    add(screening.by, REVIEWER, None);
                }
            }
            Body::Convening(convening) => {
                for organiser in &convening.plan.organisers {
                    add(*organiser, "organiser", of(&convening.participation, *organiser));
                }
                for visit in &convening.visits {
                    add(visit.host, "host", of(&convening.participation, visit.host));
                }
                for one in &convening.participation {
                    if !convening.plan.organisers.contains(&one.organisation) {
                        add(one.organisation, "participant", Some(one.attestation));
                    }
                }
                if convening.participation.iter().all(|one| one.organisation != convening.by) {
                    add(convening.by, "registrar", None);
                }
            }
        }
        roles
    }

    /// When it begins or began and when it ends or ended, as exactly as known.
    pub fn span(&self) -> (Option<PartialDate>, Option<PartialDate>) {
        let day = |date: &convenio_events::time::Date| PartialDate::Day(date.0);
        match &self.body {
            Body::Organisation(_) => (None, None),
            Body::Listing(listing) => {
                (listing.terms.valid_from.as_ref().map(day), listing.terms.valid_through.as_ref().map(day))
            }
            Body::Agreement(agreement) => (
                agreement.effective_on.or(agreement.terms.effective_on).as_ref().map(day).or(agreement.concluded_on),
                agreement.ended_on.or(agreement.terms.ends_on.as_ref().map(day)),
            ),
            Body::Learning(learning) => (learning.content.occurred_on, learning.content.occurred_on),
            Body::Convening(convening) => {
                (Some(convening.plan.starts_on), convening.plan.ends_on.or(Some(convening.plan.starts_on)))
            }
        }
    }

    /// Whether it counts in an organisation's history: not while it is a draft among its parties, nor when it was given up, refused,
    /// or never published.
    pub fn is_history(&self) -> bool {
        match self.head.kind {
            RecordKind::Agreement => {
                let waits = matches!(self.head.state, State::Proposed | State::PartlySigned | State::Signed);
                !waits && !matches!(self.head.state, State::Drafted | State::Cancelled)
            }
            RecordKind::Learning => matches!(self.head.state, State::Published | State::Registered),
            RecordKind::Convening => self.head.state != State::Cancelled,
            RecordKind::Offer | RecordKind::Demand => true,
            RecordKind::Ledger | RecordKind::Access | RecordKind::Organisation => false,
        }
    }
}
