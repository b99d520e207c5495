//! Organisations: registered as holders or as profiles, described, placed, affiliated, vouched for. Claims and mergers are not here yet.

use chrono::NaiveDate;
use convenio_events::{
    AccessId, Actor, OrganisationId, RecordKind, Subject,
    codes::{AffiliationKind, Visibility},
    ids::{AffiliationId, SiteId},
    time::Date,
    types::organisation::{Facts, Registered, Standing},
    values::Identifier,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

mod affiliations;
mod commands;
mod standing;

pub use affiliations::{AffiliateOrganisation, ConfirmAffiliation, EndAffiliation};
pub use commands::{AddIdentifier, AddSite, CloseSite, RegisterOrganisation, ReviseOrganisation, WithdrawIdentifier};
pub use standing::{ReinstateOrganisation, RevokeVerification, SuspendOrganisation, VerifyOrganisation};

/// An organisation, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Organisation {
    /// Holder or profile.
    pub standing: Standing,
    /// Who registered it: a profile is revised by whoever did.
    pub registered_by: Actor,
    /// Under which grant: the sample's grant acts for what it registered.
    pub under: Option<AccessId>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Its identifiers in force.
    pub identifiers: BTreeSet<Identifier>,
    /// Its sites, true while open.
    pub sites: BTreeMap<SiteId, bool>,
    /// Its affiliations that have not ended.
    pub affiliations: BTreeMap<AffiliationId, Affiliation>,
    /// Whether somebody vouches for it.
    pub verification: Option<Verification>,
    /// Whether it may not act.
    pub suspended: bool,
}

/// How it belongs to another organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Affiliation {
    /// The other one.
    pub with: OrganisationId,
    /// How.
    pub kind: AffiliationKind,
    /// Who has confirmed it; both make it confirmed.
    pub confirmed_by: BTreeSet<OrganisationId>,
}

/// That somebody vouches for an organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// The last day on which it holds.
    pub valid_through: Option<Date>,
}

impl Organisation {
    /// An organisation as it was registered.
    pub fn registered(facts: &Registered, by: Actor, under: Option<AccessId>) -> Self {
        Self {
            standing: facts.standing,
            registered_by: by,
            under,
            visibility: facts.visibility,
            identifiers: facts.identifiers.iter().cloned().collect(),
            sites: BTreeMap::new(),
            affiliations: BTreeMap::new(),
            verification: None,
            suspended: false,
        }
    }

    /// The organisation after an event.
    pub fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Registered(_) | Facts::Revised(_) => {}
            Facts::IdentifierAdded(facts) => {
                self.identifiers.insert(facts.identifier.clone());
            }
            Facts::IdentifierWithdrawn(facts) => {
                self.identifiers.remove(&facts.identifier);
            }
            Facts::SiteAdded(facts) => {
                self.sites.insert(facts.site, true);
            }
            Facts::SiteClosed(facts) => {
                self.sites.insert(facts.site, false);
            }
            Facts::AffiliationClaimed(facts) => {
                let affiliation = Affiliation { with: facts.with, kind: facts.kind, confirmed_by: BTreeSet::new() };
                self.affiliations.insert(facts.affiliation, affiliation);
            }
            Facts::AffiliationConfirmed(facts) => {
                if let Some(affiliation) = self.affiliations.get_mut(&facts.affiliation) {
                    affiliation.confirmed_by.insert(facts.by);
                }
            }
            Facts::AffiliationEnded(facts) => {
                self.affiliations.remove(&facts.affiliation);
            }
            Facts::Verified(facts) => self.verification = Some(Verification { valid_through: facts.valid_through }),
            Facts::VerificationRevoked(_) => self.verification = None,
            Facts::Suspended(_) => self.suspended = true,
            Facts::Reinstated(_) => self.suspended = false,
        }
    }

    /// Whether somebody vouches for it on a day.
    pub fn is_verified(&self, today: NaiveDate) -> bool {
        self.verification.as_ref().is_some_and(|v| v.valid_through.is_none_or(|last| today <= last.0))
    }

    /// Whether it has this site, open.
    pub fn has_site(&self, site: SiteId) -> bool {
        self.sites.get(&site).copied().unwrap_or(false)
    }
}

/// The unique name of an identifier.
pub fn identifier_name(identifier: &Identifier) -> String {
    format!("identifier:{identifier}")
}

/// An organisation's subject.
fn subject(id: OrganisationId) -> Subject {
    Subject::new(RecordKind::Organisation, id.uuid())
}
