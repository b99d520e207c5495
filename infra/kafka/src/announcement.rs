//! What writers say of themselves in the log's topic: who begins, and where it is reached once it is ready. It decides nothing.

use convenio_events::Sequence;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

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
}

impl Announcement {
    pub(crate) fn of(&self, node: &str, next_sequence: Sequence) -> Announced {
        let root = self.root_at.as_ref().and_then(|root_at| root_at(next_sequence));
        Announced { node: node.to_owned(), url: self.url.clone(), next_sequence, root }
    }
}

impl fmt::Debug for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcement").field("url", &self.url).finish_non_exhaustive()
    }
}
