//! Whether the log has lost events that this node knew: by its identity, by what is derived from the log, by the views. It repairs
//! nothing: an event that somebody was told of is not given out again without a word.

use crate::config::{Config, LogChoice};
use anyhow::{Context as _, ensure};
use convenio_events::{LedgerId, Sequence, entry::Entry};
use convenio_journal::{JOURNAL_FILE, Journal};
use convenio_notary::{Identity, OpenedLedger};

/// Something that knew how many events the ledger had.
struct Witness {
    name: String,
    ledger: LedgerId,
    events: Sequence,
}

/// Which ledger a journal holds; `None` while it is empty.
pub(crate) fn ledger_of(journal: &Journal) -> anyhow::Result<Option<LedgerId>> {
    let first = journal.read_sync(Sequence::ZERO, 1)?;
    let Some(first) = first.first() else { return Ok(None) };
    Ok(Some(Entry::parse(&first.entry).context("the first event of the ledger")?.ledger))
}

/// Refuses where there is no journal at all, and the identity has opened its ledger on one: before an empty one is made.
pub(crate) fn refuse_missing(config: &Config) -> anyhow::Result<()> {
    let journal = config.data.join(JOURNAL_FILE);
    // One that may not be looked at is not one that is missing.
    let there = journal.try_exists().with_context(|| format!("looking for the journal {}", journal.display()))?;
    if !matches!(config.log, LogChoice::Embedded) || there {
        return Ok(());
    }
    let Some(opened) = OpenedLedger::read(&config.identity)? else { return Ok(()) };
    opened.require(0).with_context(|| {
        format!(
            "there is no journal {}, and the identity in {} has opened its ledger: an identity opens one ledger once. Bring the \
             journal back, or name the --data or the --log where it is; for a new ledger name a new --identity and a new --data",
            journal.display(),
            config.identity.display(),
        )
    })
}

/// Refuses a journal that is another ledger's than the identity, or shorter than anything beside it has seen.
pub(crate) fn refuse(journal: &Journal, config: &Config, identity: &Identity) -> anyhow::Result<()> {
    let ledger = LedgerId::new(identity.ledger());
    let head = journal.refresh()?;
    if let Some(found) = ledger_of(journal)? {
        ensure!(
            found == ledger,
            "the identity in {} is of the ledger {ledger}, and the log is of {found}: copy the identity of a node of this ledger",
            config.identity.display(),
        );
    }
    // What a crash of the machine takes from a copy is copied again.
    if journal.is_copy()? {
        return Ok(());
    }
    let witnesses = derived(config).into_iter().chain(identity.opened().map(|opened| marked(opened, config)));
    let ours = witnesses.filter(|witness| witness.ledger == ledger);
    let Some(last) = ours.max_by_key(|witness| witness.events).filter(|last| last.events > head) else { return Ok(()) };
    anyhow::bail!("{}", lost(journal, head, &last, config))
}

/// What the identity directory says; a ledger that was opened has one event at least.
fn marked(opened: &OpenedLedger, config: &Config) -> Witness {
    let events = Sequence(opened.reach().size().max(1));
    Witness { name: config.identity.display().to_string(), ledger: LedgerId::new(opened.ledger()), events }
}

fn derived(config: &Config) -> Vec<Witness> {
    // What is not the entry of an event says nothing of a ledger; and a number that its entry does not bear out is damage.
    let witness = |name: String, events: Sequence, entry: &str, is_last: bool| {
        let entry = Entry::parse(entry).ok()?;
        let fits = !is_last || entry.sequence.next() == events;
        fits.then_some(Witness { name, ledger: entry.ledger, events })
    };
    let files = convenio_journal::reach(&config.data).into_iter();
    let files = files
        .filter_map(|it| witness(config.data.join(it.file).display().to_string(), it.events, &it.last_entry, true));
    let folder = config.data.join("views");
    let views = convenio_projections::reach(&folder).into_iter();
    let views =
        views.filter_map(|it| witness(folder.join(&it.file).display().to_string(), it.events, &it.entry, it.is_last));
    files.chain(views).collect()
}

fn lost(journal: &Journal, head: Sequence, last: &Witness, config: &Config) -> String {
    let (data, path) = (config.data.display(), journal.path().display());
    let missing = last.events.0 - head.0;
    let accept = match head.0 {
        0 => "An identity opens one ledger once: for a new ledger name a new --identity and a new --data".to_owned(),
        events => format!(
            "If they are lost for good, `convenio accept-loss --data {data} --events {events}` says so, and their sequences are \
             given to other events"
        ),
    };
    format!(
        "the journal {path} has {head} events, and {} has seen {} of this ledger: {missing} acknowledged events are missing, and \
         nothing is recorded until they are back. Bring back {path}-wal if it was removed or left behind, or restore a backup that \
         has them. {accept}",
        last.name, last.events,
    )
}
