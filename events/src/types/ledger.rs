//! What happens to the ledger itself. Signing keys of later rotations, erasures and holds are not here yet.

use crate::{
    codes::{Purpose, Visibility},
    ids::{LedgerId, Subject},
    time::{TimeZone, Timestamp},
    types::{
        NoText,
        about::{About, Happened, Opening},
        event_types,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The ledger was opened: sequence 0, never changed, tells ledgers apart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// The first key, as a C2SP signed-note verifier key line.
    pub key: String,
    /// Which ledger.
    pub ledger: LedgerId,
    /// Name of the log in its checkpoints and of its first key (C2SP tlog-checkpoint).
    pub origin: String,
    /// Only a test ledger's clock can be set.
    pub purpose: Purpose,
    /// `urn:convenio:<ledger uuid>`, for ever.
    pub source: String,
    /// Where civil dates end when a record does not say.
    pub time_zone: TimeZone,
}

/// What an admin may set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// Whether agreements must be public once active.
    #[serde(default)]
    pub agreements_public: bool,
}

/// The settings were changed to these.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SettingsChanged {
    /// All settings as they are now.
    pub settings: Settings,
}

/// An operator confirmed that a clock that jumped is right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClockConfirmed {
    /// What the clock said when it was confirmed.
    pub clock: Timestamp,
}

event_types! { Ledger {
    "opened.v1" Opened, NoText;
    "settings-changed.v1" SettingsChanged, NoText;
    "clock-confirmed.v1" ClockConfirmed, NoText;
} }

impl Facts {
    /// Events of the ledger itself are always public.
    pub(crate) fn about(&self, _: Happened) -> About {
        match self {
            Self::Opened(_) | Self::SettingsChanged(_) | Self::ClockConfirmed(_) => {
                About { opening: Opening::To(Visibility::Public), ..About::NOTHING }
            }
        }
    }

    pub(crate) fn mention(&self, _: &mut BTreeSet<Subject>) {
        match self {
            Self::Opened(_) | Self::SettingsChanged(_) | Self::ClockConfirmed(_) => {}
        }
    }
}
