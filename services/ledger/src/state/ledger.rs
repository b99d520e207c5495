//! The ledger's own record: opening, settings, a confirmed clock. Keys and erasure are not here yet.

use super::{Begun, State};
use convenio_events::{
    LedgerId, OrganisationId, Subject, Timestamp,
    codes::Purpose,
    time::TimeZone,
    types::ledger::{Facts, Settings},
};
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

impl State for Ledger {
    type Facts = Facts;

    fn begin(facts: &Facts, _: Begun) -> Option<Self> {
        match facts {
            Facts::Opened(facts) => Some(Self {
                id: facts.ledger,
                time_zone: facts.time_zone,
                purpose: facts.purpose,
                settings: Settings::default(),
                clock_confirmed: None,
            }),
            Facts::SettingsChanged(_) | Facts::ClockConfirmed(_) => None,
        }
    }

    fn names(&self, _: Subject, _: OrganisationId) -> bool {
        false
    }

    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Opened(_) => {}
            Facts::SettingsChanged(facts) => self.settings = facts.settings.clone(),
            Facts::ClockConfirmed(facts) => self.clock_confirmed = Some(facts.clock),
        }
    }
}
