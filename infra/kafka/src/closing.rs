//! A topic that takes no events: a ledger is on its way into it, or has left it. Who moves a ledger is not decided here.
//!
//! Control messages say so in the topic itself, so that every node learns it, also one that is started years later:
//! `moving-in` before the first event, `moved-in` when the last has come and all was compared, `moved-out` behind the last.

use convenio_events::{LedgerId, Sequence};
use serde::{Deserialize, Serialize};
use std::fmt;

pub(crate) const MOVING_IN: &str = "moving-in";
pub(crate) const MOVED_IN: &str = "moved-in";
pub(crate) const MOVED_OUT: &str = "moved-out";

/// Why a topic takes no events.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Closed {
    /// What is in it is the beginning of a ledger whose truth is elsewhere.
    MovingIn {
        /// Which ledger.
        ledger: LedgerId,
        /// How many events it will have.
        events: Sequence,
    },
    /// The ledger goes on elsewhere.
    MovedOut {
        /// Which ledger.
        ledger: LedgerId,
        /// How many events it had.
        events: Sequence,
        /// What the place that it went to calls this move: another place is another ledger.
        ticket: String,
    },
}

impl Closed {
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::MovingIn { .. } => MOVING_IN,
            Self::MovedOut { .. } => MOVED_OUT,
        }
    }

    /// Takes note of a control message of any kind.
    pub(crate) fn hear(closed: &mut Option<Self>, kind: &[u8], value: &[u8]) -> Result<(), String> {
        if kind == MOVED_IN.as_bytes() {
            *closed = None;
        } else if kind == MOVING_IN.as_bytes() || kind == MOVED_OUT.as_bytes() {
            let why = serde_json::from_slice(value).map_err(|error| format!("why the topic is closed: {error}"))?;
            *closed = Some(why);
        }
        Ok(())
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MovingIn { ledger, events } => write!(
                f,
                "the ledger {ledger} of {events} events is being moved into it: run the same `convenio migrate` again, until it \
                 says that all is there"
            ),
            Self::MovedOut { ledger, events, .. } => write!(
                f,
                "the ledger {ledger} was moved out of it after {events} events: start a node on the data directory that it went to"
            ),
        }
    }
}
