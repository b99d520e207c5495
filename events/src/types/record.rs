//! What can happen to any record. The rules of consent are not here.

use crate::{
    codes::Visibility,
    types::{access::ReasonText, event_types},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may see the record was changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct VisibilityChanged {
    /// Who might until now.
    pub from: Visibility,
    /// Who may from now on.
    pub to: Visibility,
}

event_types! { Record {
    "visibility-changed.v1" VisibilityChanged, ReasonText;
} }
