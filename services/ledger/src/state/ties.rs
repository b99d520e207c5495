//! How two organisations belong together, and what each says that nobody has confirmed. What may be said is decided with the
//! organisation.

use convenio_events::{OrganisationId, codes::AffiliationKind, ids::AffiliationId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The affiliations of one organisation with one other that have not ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ties(pub(crate) BTreeMap<AffiliationId, Tie>);

/// One affiliation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tie {
    /// How it belongs.
    pub kind: AffiliationKind,
    /// Who said so; the operator is nobody.
    pub claimed_by: Option<OrganisationId>,
    /// Who has confirmed it; both make it confirmed.
    pub confirmed_by: BTreeSet<OrganisationId>,
}

/// What an organisation says that nobody else has confirmed: of itself, and of others, also where it took that back.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Claims {
    pub(crate) of_itself: BTreeSet<AffiliationId>,
    pub(crate) of_others: BTreeSet<(OrganisationId, AffiliationId)>,
}

impl Claims {
    /// How many affiliations it claims on its own record.
    pub fn of_itself(&self) -> usize {
        self.of_itself.len()
    }
    /// How many it claims on the records of others, over the whole ledger.
    pub fn of_others(&self) -> usize {
        self.of_others.len()
    }
}
