//! `convenio accept-loss`: an operator's word that events are lost for good, so that the ledger goes on without them. It recovers
//! nothing, and opens no second ledger.

use crate::{config::identity_beside, loss::ledger_of, verbs::output};
use anyhow::{Context as _, ensure};
use convenio_events::{Event, Sequence};
use convenio_journal::{Access, INDEX_FILE, JOURNAL_FILE, Journal, STATE_FILE};
use convenio_notary::{CompactRange, Identity, TreeHead, leaf_hash};
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Events that are read at a time.
const PAGE: usize = 5_000;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct AcceptLossArguments {
    /// The data directory; no node may run on it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The identity directory [default: DATA-identity]
    #[arg(long, value_name = "DIR")]
    identity: Option<PathBuf>,
    /// How many events the journal has: those that came after them are lost, and their sequences go to other events
    #[arg(long, value_name = "N")]
    events: u64,
}

/// Runs the verb.
pub(crate) fn run(arguments: &AcceptLossArguments) -> anyhow::Result<()> {
    let AcceptLossArguments { data, identity, events } = arguments;
    let directory = identity.clone().unwrap_or_else(|| identity_beside(data));
    ensure!(data.join(JOURNAL_FILE).is_file(), "there is no ledger in {}", data.display());
    let mut identity = Identity::open(&directory)?;
    let journal = Journal::open(data, Access::ReadWrite)?;
    // Whoever writes is kept out until the mark is there.
    let held = if journal.is_copy()? { None } else { Some(journal.hold()?) };
    let head = journal.refresh()?;
    ensure!(
        head > Sequence::ZERO,
        "the ledger in {} has no events left: an identity opens one ledger once. For a new ledger name a new --identity and a new --data",
        data.display()
    );
    ensure!(
        head.0 == *events,
        "the journal has {head} events, not {events}: nothing was changed. Say how many there are"
    );
    let found = ledger_of(&journal)?.context("there is no event")?;
    ensure!(
        found.uuid() == identity.ledger(),
        "the identity in {} is of the ledger {}, and the journal of {found}",
        directory.display(),
        identity.ledger()
    );
    let signed = identity.latest_head().head().size();
    ensure!(
        signed <= head.0,
        "a head over {signed} events was signed, and the journal has {head}: whoever has that signature can prove the loss. Restore a \
         backup that has them, or open a new ledger with a new --identity"
    );
    let tree = tree(&journal, head)?;
    // 1. What has seen more goes. A crash after it leaves the mark, which still refuses.
    remove_derived(data)?;
    // 2. The mark. From here on the journal is the ledger.
    let known = identity.opened().map_or(0, |opened| opened.reach().size());
    identity.accept_loss(tree)?;
    drop(held);
    let more = if known > head.0 { format!("; {} more were known", known - head.0) } else { String::new() };
    Ok(output::line(&format!("The ledger {found} goes on with the {head} events of its journal{more}."))?)
}

/// The tree over a journal whose events all open their entries.
fn tree(journal: &Journal, head: Sequence) -> anyhow::Result<TreeHead> {
    let mut tree = CompactRange::new();
    while tree.size() < head.0 {
        let page = journal.read_sync(Sequence(tree.size()), PAGE)?;
        ensure!(!page.is_empty(), "the journal ends before its head");
        for event in &page {
            Event::check_commitments(event).context("the journal is damaged: restore a backup")?;
            tree.append(leaf_hash(event.entry.as_bytes()));
        }
    }
    Ok(tree.head())
}

/// Deletes what is derived from the log: it was made of events that are gone, and is made anew at the next start.
fn remove_derived(data: &Path) -> anyhow::Result<()> {
    let gone = |removed: std::io::Result<()>, path: &Path| match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("deleting {}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    };
    for file in
        [INDEX_FILE, STATE_FILE].into_iter().flat_map(|file| ["", "-wal", "-shm"].map(|end| format!("{file}{end}")))
    {
        let path = data.join(file);
        gone(std::fs::remove_file(&path), &path)?;
    }
    let views = data.join("views");
    gone(std::fs::remove_dir_all(&views), &views)
}
