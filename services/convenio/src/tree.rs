//! The Merkle tree over the log, as far as its root: every entry's leaf, in order. Signing it is not done here yet.

use convenio_events::{
    Sequence,
    log::{EventLog, PAGE_EVENTS_LIMIT, follow},
};
use convenio_notary::{CompactRange, TreeHead, leaf_hash};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The least time between two pages that are not full: a root is wanted now and then, not at every event.
const PACE: Duration = Duration::from_millis(10);

/// Follows the log and publishes size and root after each page, until the log is closed or nobody listens.
pub(crate) async fn run(log: Arc<dyn EventLog>, root: watch::Sender<TreeHead>) -> anyhow::Result<()> {
    let mut range = CompactRange::new();
    let mut follower = follow(log, Sequence::ZERO);
    loop {
        let page = tokio::select! {
            page = follower.next_page(PAGE_EVENTS_LIMIT) => page?,
            () = root.closed() => return Ok(()),
        };
        let Some(page) = page else { return Ok(()) };
        for event in &page {
            range.append(leaf_hash(event.entry.as_bytes()));
        }
        root.send_replace(range.head());
        if page.len() < PAGE_EVENTS_LIMIT {
            tokio::time::sleep(PACE).await;
        }
    }
}
