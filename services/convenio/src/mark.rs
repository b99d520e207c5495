//! Keeps the identity's mark of how far the log reaches, behind the tree, and signs the ledger's first event. It signs nothing else,
//! and no answer waits for it but the first.

use convenio_events::{Sequence, log::EventLog};
use convenio_notary::{CompactRange, Identity, TreeHead, leaf_hash};
use std::time::Duration;
use tokio::sync::watch;

/// The least time between two marks: each is a file that is synced. What a journal has lost beyond the last one is seen by what is
/// derived from it.
const PERIOD: Duration = Duration::from_secs(5);

/// Marks that the ledger is open, before anybody is answered.
pub(crate) fn open(identity: &mut Identity) -> anyhow::Result<()> {
    Ok(identity.mark_opened(TreeHead::empty())?)
}

/// Signs the tree of the ledger's first event, once: the mark is one file, and an identity without it would open a second ledger. No
/// loss that an operator may accept takes the first event, so that this signature never contradicts what is signed later.
pub(crate) async fn sign_first(identity: &mut Identity, log: &dyn EventLog) -> anyhow::Result<()> {
    if identity.latest_head().head().size() > 0 {
        return Ok(());
    }
    let mut tree = CompactRange::new();
    for first in log.read(Sequence::ZERO, 1).await? {
        tree.append(leaf_hash(first.entry.as_bytes()));
    }
    identity.sign_head(tree.head())?;
    Ok(())
}

/// Marks the tree as it grows, until it ends; then once more.
pub(crate) async fn keep(mut identity: Identity, mut tree: watch::Receiver<TreeHead>) -> anyhow::Result<()> {
    loop {
        let marked = identity.opened().map_or(0, |opened| opened.reach().size());
        let grown = tree.wait_for(|head| head.size() > marked).await.map(|head| *head);
        match grown {
            Ok(head) => mark(&mut identity, head),
            Err(_) => break,
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = ended(&mut tree) => break,
        }
    }
    let last = *tree.borrow();
    mark(&mut identity, last);
    Ok(())
}

/// A mark that cannot be written now (a full disk) is written at the next turn: the one before still holds.
fn mark(identity: &mut Identity, head: TreeHead) {
    if let Err(error) = identity.mark_opened(head) {
        tracing::error!(error = &error as &dyn std::error::Error, "it was not marked how far the log reaches");
    }
}

/// Completes when the tree has ended.
async fn ended(tree: &mut watch::Receiver<TreeHead>) {
    while tree.changed().await.is_ok() {}
}
