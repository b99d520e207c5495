//! Who may act for which organisation. People's logins are not here: they live in an erasable table outside the log.

use crate::{
    codes::{AccessRole, Visibility},
    commitment::Digest,
    ids::{OrganisationId, Subject},
    language_map::Line,
    limits::{ITEMS_LIMIT, Office},
    time::Timestamp,
    types::{
        about::{About, Happened, Naming, Opening, mention},
        event_types,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// For whom a grant acts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Scope {
    /// The operator of the ledger.
    Operator,
    /// The operator, and the organisations that were registered as holders under this very grant.
    Sample,
    /// Organisations that are here.
    Organisations {
        /// Which; at least one.
        #[schemars(length(max = ITEMS_LIMIT))]
        organisations: Vec<OrganisationId>,
    },
}

/// A grant was given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Granted {
    /// Digest of the mandate's document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Digest>,
    /// Whether it may sign agreements.
    pub may_sign: bool,
    /// Whether it acts on behalf of somebody else's organisation, under a mandate.
    pub on_behalf: bool,
    /// What it allows.
    pub role: AccessRole,
    /// For whom it acts.
    pub scope: Scope,
    /// Digest of the bearer token, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<Digest>,
    /// From when.
    pub valid_from: Timestamp,
    /// Until when; for ever without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Timestamp>,
}

/// Who holds a grant: an office, never a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GrantedText {
    /// The office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Office>")]
    pub office: Option<Line>,
}

/// Why a grant ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RevocationCause {
    /// Somebody with the right to revoked it.
    Revoked,
    /// The bootstrap grant ends when a real admin first acts.
    BootstrapOver,
    /// The sample was recorded.
    SampleRecorded,
}

/// A grant was ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Revoked {
    /// Why.
    pub cause: RevocationCause,
}

/// Why, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReasonText {
    /// The reason.
    pub reason: Line,
}

event_types! { Access {
    "granted.v1" Granted, GrantedText;
    "revoked.v1" Revoked, ReasonText;
} }

impl Scope {
    /// The organisations for which it acts, where it names them.
    pub fn organisations(&self) -> &[OrganisationId] {
        match self {
            Self::Organisations { organisations } => organisations,
            Self::Operator | Self::Sample => &[],
        }
    }
}

impl Facts {
    /// Who may act for whom is for those it is about.
    pub(crate) fn about(&self, _: Happened) -> About {
        let opening = Opening::To(Visibility::Parties);
        match self {
            Self::Granted(granted) => match granted.scope.organisations() {
                [] => About { opening, ..About::NOTHING },
                named => About { opening, naming: Naming::Stay(named.to_vec()), ..About::NOTHING },
            },
            Self::Revoked(_) => About { opening, ..About::NOTHING },
        }
    }

    pub(crate) fn mention(&self, named: &mut BTreeSet<Subject>) {
        match self {
            Self::Granted(granted) => mention(granted.scope.organisations(), named),
            Self::Revoked(_) => {}
        }
    }
}
