//! What is done to the ledger itself.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::Rejection,
};
use convenio_events::{
    NewEvent, RecordKind,
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

impl CommandData for ChangeSettings {
    const NAME: &'static str = "change-settings";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Ledger;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{"settings": {"agreements_public": true}}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let facts = SettingsChanged { settings: self.settings };
        Ok(Decision::one(NewEvent::new(context.world.ledger_id(), facts, None)))
    }
}

impl CommandData for ConfirmClock {
    const NAME: &'static str = "confirm-clock";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Ledger;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let facts = ClockConfirmed { clock: context.now };
        Ok(Decision::one(NewEvent::new(context.world.ledger_id(), facts, None)))
    }
}
