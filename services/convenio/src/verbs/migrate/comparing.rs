//! Looks at every event of a ledger that moves: that each opens its entry, and is the same here and there. It repairs nothing.

use crate::verbs::output::Progress;
use anyhow::{Context as _, bail, ensure};
use convenio_events::{Event, LedgerId, RecordedEvent, Sequence, entry::Entry};
use convenio_journal::Journal;
use convenio_notary::{CompactRange, Hash, leaf_hash};

/// So many events are looked at at a time.
pub(super) const PAGE: usize = 5_000;

/// A ledger that was looked at from the first event to the last.
pub(super) struct Whole {
    pub(super) ledger: LedgerId,
    pub(super) events: Sequence,
    /// The root of the tree over all entries.
    pub(super) root: Hash,
}

pub(super) use crate::loss::ledger_of;

/// Reads every event below `events`, and the same of `copy` where there is one: byte for byte, salts and texts too.
pub(super) fn look_at_all(journal: &Journal, copy: Option<&Journal>, events: Sequence) -> anyhow::Result<Whole> {
    let mut progress = Progress::new("comparing", Some(events.0));
    let (mut tree, mut next) = (CompactRange::new(), Sequence::ZERO);
    let ledger = ledger_of(journal)?.context("there is no event")?;
    while next < events {
        let page = page(journal, next, events)?;
        for event in &page {
            let entry = checked(event)?;
            ensure!(
                entry.ledger == ledger,
                "event {} is of the ledger {}, not of {ledger}",
                event.sequence,
                entry.ledger
            );
            tree.append(leaf_hash(event.entry.as_bytes()));
        }
        if let Some(copy) = copy {
            same(&page, copy)?;
        }
        next = Sequence(next.0 + page.len() as u64);
        progress.set(next.0, None);
    }
    progress.finish(&format!("{events} events were compared"));
    Ok(Whole { ledger, events, root: tree.root() })
}

/// Whether each event opens its entry.
pub(super) fn ensure_sound(page: &[RecordedEvent]) -> anyhow::Result<()> {
    page.iter().try_for_each(|event| checked(event).map(drop))
}

fn checked(event: &RecordedEvent) -> anyhow::Result<Entry> {
    Event::check_commitments(event).context("the ledger is damaged: restore a backup, or ask `convenio doctor`")
}

/// The next events, none beyond the end that is looked at.
pub(super) fn page(journal: &Journal, next: Sequence, end: Sequence) -> anyhow::Result<Vec<RecordedEvent>> {
    let left = usize::try_from(end.0 - next.0).unwrap_or(PAGE);
    let page = journal.read_sync(next, PAGE.min(left))?;
    ensure!(!page.is_empty(), "{} ends before event {next}", journal.path().display());
    Ok(page)
}

fn same(page: &[RecordedEvent], copy: &Journal) -> anyhow::Result<()> {
    let mut rest = page;
    while let Some(first) = rest.first() {
        // Pages are bounded by bytes as well.
        let copied = copy.read_sync(first.sequence, rest.len())?;
        ensure!(!copied.is_empty(), "event {} is not in the copy", first.sequence);
        for (event, copied) in rest.iter().zip(&copied) {
            if event != copied {
                bail!("event {} is another one in the copy: {}", event.sequence, difference(event, copied));
            }
        }
        rest = &rest[copied.len()..];
    }
    Ok(())
}

fn difference(event: &RecordedEvent, copied: &RecordedEvent) -> &'static str {
    if event.entry != copied.entry {
        "its entry"
    } else if event.record != copied.record || event.record_salt != copied.record_salt {
        "its record"
    } else {
        "its text"
    }
}
