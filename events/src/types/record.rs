//! What can happen to any record. The rules of consent are not here.

use crate::{
    codes::Visibility,
    ids::Subject,
    types::{
        about::{About, Happened, Opening},
        access::ReasonText,
        event_types,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who may see the record was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VisibilityChanged {
    /// Who might until now.
    pub from: Visibility,
    /// Who may from now on.
    pub to: Visibility,
}

impl VisibilityChanged {
    /// Whether it hides the record from somebody who saw it. Those are told so, that they stop showing their copies: which record,
    /// and who may see it now, and nothing in words.
    pub const fn narrows(&self) -> bool {
        match (self.from, self.to) {
            (Visibility::Public, Visibility::Members | Visibility::Parties) => true,
            (Visibility::Members, Visibility::Parties) => true,
            (Visibility::Public, Visibility::Public)
            | (Visibility::Members, Visibility::Public | Visibility::Members)
            | (Visibility::Parties, Visibility::Public | Visibility::Members | Visibility::Parties) => false,
        }
    }
}

event_types! { Record {
    "visibility-changed.v1" VisibilityChanged, ReasonText;
} }

impl Facts {
    pub(crate) fn about(&self, _: Happened) -> About {
        match self {
            Self::VisibilityChanged(facts) => About { opening: Opening::To(facts.to), ..About::NOTHING },
        }
    }

    pub(crate) fn mention(&self, _: &mut BTreeSet<Subject>) {
        match self {
            Self::VisibilityChanged(_) => {}
        }
    }
}
