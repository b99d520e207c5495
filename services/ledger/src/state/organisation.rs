//! Organisations: registered as holders or as profiles, described, placed, affiliated, vouched for. Claims and mergers are not here yet.

use super::{Begun, State};
use chrono::NaiveDate;
use convenio_events::{
    AccessId, Actor, OrganisationId, Subject,
    ids::SiteId,
    time::Date,
    types::organisation::{Facts, Standing},
    values::Identifier,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// An organisation, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Organisation {
    /// Holder or profile.
    pub standing: Standing,
    /// Who registered it: a profile is revised by whoever did.
    pub registered_by: Actor,
    /// Under which grant: the sample's grant acts for what it registered.
    pub under: Option<AccessId>,
    /// Its identifiers in force.
    pub identifiers: BTreeSet<Identifier>,
    /// Its open sites. Those that were closed, and how it belongs to others, are rows of their own beside it.
    pub sites: BTreeSet<SiteId>,
    /// Whether somebody vouches for it.
    pub verification: Option<Verification>,
    /// Whether it may not act.
    pub suspended: bool,
}

/// That somebody vouches for an organisation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verification {
    /// The last day on which it holds.
    pub valid_through: Option<Date>,
}

impl State for Organisation {
    type Facts = Facts;

    fn begin(facts: &Facts, begun: Begun) -> Option<Self> {
        let Facts::Registered(facts) = facts else { return None };
        Some(Self {
            standing: facts.standing,
            registered_by: begun.by,
            under: begun.under,
            identifiers: facts.identifiers.iter().cloned().collect(),
            sites: BTreeSet::new(),
            verification: None,
            suspended: false,
        })
    }

    fn names(&self, subject: Subject, organisation: OrganisationId) -> bool {
        subject.id == organisation.uuid() || self.registered_by.organisation() == Some(organisation)
    }

    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Registered(_)
            | Facts::Revised(_)
            | Facts::AffiliationClaimed(_)
            | Facts::AffiliationConfirmed(_)
            | Facts::AffiliationEnded(_) => {}
            Facts::IdentifierAdded(facts) => {
                self.identifiers.insert(facts.identifier.clone());
            }
            Facts::IdentifierWithdrawn(facts) => {
                self.identifiers.remove(&facts.identifier);
            }
            Facts::SiteAdded(facts) => {
                self.sites.insert(facts.site);
            }
            Facts::SiteClosed(facts) => {
                self.sites.remove(&facts.site);
            }
            Facts::Verified(facts) => self.verification = Some(Verification { valid_through: facts.valid_through }),
            Facts::VerificationRevoked(_) => self.verification = None,
            Facts::Suspended(_) => self.suspended = true,
            Facts::Reinstated(_) => self.suspended = false,
        }
    }
}

impl Organisation {
    /// Whether somebody vouches for it on a day.
    pub fn is_verified(&self, today: NaiveDate) -> bool {
        self.verification.as_ref().is_some_and(|v| v.valid_through.is_none_or(|last| today <= last.0))
    }

    /// The last day of its verification, where that ends.
    pub fn is_verified_until(&self) -> Option<Date> {
        self.verification.as_ref().and_then(|verification| verification.valid_through)
    }

    /// Whether it has this site, open.
    pub fn has_site(&self, site: SiteId) -> bool {
        self.sites.contains(&site)
    }
}

/// The names that an identifier takes: one without regard to case, and its own spelling where that is another.
pub fn identifier_names(identifier: &Identifier) -> impl Iterator<Item = String> {
    let folded = identifier.folded();
    let own = (folded != identifier.as_str()).then(|| format!("identifier:{identifier}"));
    std::iter::once(format!("identifier:{folded}")).chain(own)
}

/// The name of a site, which it keeps when it is closed: no other site of the organisation has its id.
pub fn site_name(organisation: Uuid, site: SiteId) -> String {
    format!("site:{organisation}:{site}")
}
