//! What is done to the ledger itself.

use crate::{
    context::{Context, Decision},
    rejection::Rejection,
};
use convenio_events::{
    NewEvent,
    types::ledger::{ClockConfirmed, Settings, SettingsChanged},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Changes the settings of the ledger.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ChangeSettings {
    /// All settings as they shall be.
    pub settings: Settings,
}

/// Says that a clock that jumped is right.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ConfirmClock {}

impl ChangeSettings {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let facts = SettingsChanged { settings: self.settings };
        Ok(Decision::one(NewEvent::new(context.world.ledger_id(), facts, None)))
    }
}

impl ConfirmClock {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let facts = ClockConfirmed { clock: context.now };
        Ok(Decision::one(NewEvent::new(context.world.ledger_id(), facts, None)))
    }
}
