//! The ledger's own record: opening, settings, a confirmed clock. Keys and erasure are not here yet.

use crate::{
    context::{Context, Decision},
    rejection::Rejection,
};
use convenio_events::{
    LedgerId, NewEvent, Timestamp,
    codes::Purpose,
    time::TimeZone,
    types::ledger::{ClockConfirmed, Facts, Opened, Settings, SettingsChanged},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What decisions need to know of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ledger {
    /// Which.
    pub id: LedgerId,
    /// Where civil dates end unless a record says otherwise.
    pub time_zone: TimeZone,
    /// Production or test.
    pub purpose: Purpose,
    /// What an admin set.
    pub settings: Settings,
    /// The latest clock that an operator confirmed.
    pub clock_confirmed: Option<Timestamp>,
}

impl Ledger {
    /// The ledger as it was opened.
    pub fn opened(facts: &Opened) -> Self {
        Self {
            id: facts.ledger,
            time_zone: facts.time_zone,
            purpose: facts.purpose,
            settings: Settings::default(),
            clock_confirmed: None,
        }
    }

    /// The ledger after an event.
    pub fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Opened(_) => {}
            Facts::SettingsChanged(facts) => self.settings = facts.settings.clone(),
            Facts::ClockConfirmed(facts) => self.clock_confirmed = Some(facts.clock),
        }
    }
}

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
