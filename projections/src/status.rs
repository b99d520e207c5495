//! How far each view is, whether it still moves, and why it stopped: two signals and a message. It decides nothing.

use crate::name::ViewName;
use convenio_events::Sequence;
use serde::Serialize;
use std::time::Duration;

/// What a view is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Activity {
    /// Its file is being made; it cannot be read yet.
    Building,
    /// It reads what was recorded before it started, and cannot be read until it has that.
    CatchingUp,
    /// It follows the log.
    Live,
    /// Its file cannot be written just now, as on a full disk. It is tried again every few seconds, and can be read meanwhile.
    Blocked {
        /// Why, in words for an operator.
        message: String,
    },
    /// An event could not be folded. What was folded before it can still be read; the other views go on.
    Stopped {
        /// The event at which it stands.
        sequence: Sequence,
        /// Why, in words for an operator.
        message: String,
    },
    /// The runner was shut down.
    Closed,
}

/// How a view is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewStatus {
    /// Which view.
    pub view: ViewName,
    /// The version of its fold.
    pub version: u32,
    /// How many events it has folded.
    pub position: Sequence,
    /// How many committed events it has not folded yet.
    pub lag: u64,
    /// What it does.
    #[serde(flatten)]
    pub activity: Activity,
    /// How long ago its thread last gave a sign of life, in milliseconds; it does so at least every five seconds unless it hangs.
    pub heartbeat_age_ms: u64,
    /// How long ago it last folded an event, in milliseconds; `None` when it has not since the start.
    pub progress_age_ms: Option<u64>,
    /// How often its file was found damaged since the start, the start included, and made anew.
    #[serde(skip_serializing_if = "is_zero")]
    pub damages: u64,
    /// How far a rebuild beside the live file is, where one is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rebuild: Option<RebuildProgress>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// When views that follow the log are further behind than this, those who record are asked to wait: some seconds' work.
pub(crate) const LAG_LIMIT: u64 = 50_000;
/// A thread that gave no sign of life for so long is taken to hang.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_secs(15);

impl ViewStatus {
    /// Whether what it shows is at most seconds old: it follows the log closely and nothing keeps it from doing so.
    pub fn is_current(&self) -> bool {
        self.is_alive() && !matches!(self.activity, Activity::Blocked { .. }) && self.lag <= LAG_LIMIT
    }

    /// Whether its thread still moves: it gives signs of life and did not stop.
    pub fn is_alive(&self) -> bool {
        !matches!(self.activity, Activity::Stopped { .. } | Activity::Closed)
            && u128::from(self.heartbeat_age_ms) < HEARTBEAT_LIMIT.as_millis()
    }
}

/// How far a rebuild is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum RebuildProgress {
    /// It folds.
    Folding {
        /// Events folded into the new file.
        done: u64,
        /// Committed events.
        of: u64,
    },
    /// The new file is live.
    Done {
        /// Events folded into the new file.
        folded: u64,
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// It was cancelled; the live file is as it was.
    Cancelled,
    /// It failed; the live file is as it was.
    Failed {
        /// Why, in words for an operator.
        message: String,
    },
}

impl RebuildProgress {
    /// Whether it is over, in whatever way.
    pub fn is_over(&self) -> bool {
        !matches!(self, Self::Folding { .. })
    }
}
