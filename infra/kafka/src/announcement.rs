//! What writers say of themselves in the log's topic: who begins, and where it is reached once it is ready. It decides nothing.

use convenio_events::Sequence;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The kind of the message that ends the history of every earlier writer.
pub(crate) const STARTED: &str = "writer-started";
/// The kind of the message with which a writer begins to take commands; its value is an [`Announced`].
pub(crate) const READY: &str = "writer-ready";

/// The writer as it announced itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Announced {
    /// Its name.
    pub node: String,
    /// Where other nodes reach it, if they may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How many events there were before it.
    pub next_sequence: Sequence,
    /// The Merkle tree's root over these (RFC 6962), standard padded base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Whether it signs what it answers other nodes. One of an earlier version does not say so, and does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signs_answers: bool,
}

/// Tells the root over the first so many entries of this node's copy as [`Announced::root`], `None` where it is not known in
/// time. It may block.
pub type RootAt = Arc<dyn Fn(Sequence) -> Option<String> + Send + Sync>;

/// What this node says of itself whenever it begins to write.
#[derive(Clone, Default)]
pub struct Announcement {
    /// Where other nodes reach it.
    pub url: Option<String>,
    /// How its tree's root is found.
    pub root_at: Option<RootAt>,
    /// The clock by which it would record; `None` where that is set by somebody, and so compared with nothing.
    pub wall_clock: Option<WallClock>,
}

/// Tells the time by which a node would record.
pub type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// How far a node's clock may be from the brokers' and the other nodes': with more it does not write.
const CLOCK_DIFFERENCE_LIMIT: Duration = Duration::from_secs(300);

/// What is wrong where two clocks differ by more than that.
pub fn clock_difference(ours: SystemTime, theirs: SystemTime, whose: &str) -> Option<String> {
    let (way, difference) = match ours.duration_since(theirs) {
        Ok(ahead) => ("ahead of", ahead),
        Err(behind) => ("behind", behind.duration()),
    };
    (difference > CLOCK_DIFFERENCE_LIMIT).then(|| {
        format!(
            "this node's clock is {} s {way} {whose}, and may differ by {} s: it writes nothing. See which of the two is right",
            difference.as_secs(),
            CLOCK_DIFFERENCE_LIMIT.as_secs()
        )
    })
}

impl Announcement {
    pub(crate) fn of(&self, node: &str, next_sequence: Sequence) -> Announced {
        let root = self.root_at.as_ref().and_then(|root_at| root_at(next_sequence));
        Announced { node: node.to_owned(), url: self.url.clone(), next_sequence, root, signs_answers: true }
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_may_differ_by_five_minutes_either_way() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(clock_difference(at(1_000), at(700), "that of x"), None);
        assert_eq!(clock_difference(at(700), at(1_000), "that of x"), None);
        let ahead = clock_difference(at(8_200), at(1_000), "that of x").expect("two hours");
        assert!(ahead.contains("7200 s ahead of that of x"), "{ahead}");
        let behind = clock_difference(at(1_000), at(1_301), "that of x").expect("too much");
        assert!(behind.contains("301 s behind that of x"), "{behind}");
    }
}
