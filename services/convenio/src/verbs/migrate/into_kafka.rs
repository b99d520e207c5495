//! From a data directory into a topic. The topic is closed until every event in it was compared, and by then the data directory
//! is a copy that nobody writes to: at no moment can a node go on at both.
//!
//! In this order; after a crash the same command goes on where it was:
//! 1. the topic is closed (`moving-in`), and the events are appended behind what an earlier attempt left;
//! 2. a copy of the topic, in a folder beside the data, is compared with the journal, event for event;
//! 3. the journal becomes a copy of the topic, read as far as that copy was: no embedded node starts on it any more;
//! 4. the topic is opened (`moved-in`).

use super::{
    comparing::{Whole, ensure_sound, ledger_of, look_at_all, page},
    ensure_nobody_runs,
    patience::{Seen, insist, wait_for_end},
};
use crate::verbs::output::Progress;
use anyhow::{Context as _, bail, ensure};
use convenio_events::{LedgerId, Sequence, log::EventLog as _};
use convenio_journal::{Access, JOURNAL_FILE, Journal, JournalError, LOCK_FILE};
use convenio_kafka::{Closed, KafkaLog, Settings, topics};
use std::{
    cell::Cell,
    path::{Path, PathBuf},
};
use tokio::runtime::Handle;

/// Moves the ledger in a data directory into a topic; `again` also one whose own topic is lost, from a node's copy of it.
pub(super) fn run(data: &Path, settings: &Settings, again: bool, runtime: &Handle) -> anyhow::Result<Whole> {
    ensure!(data.join(JOURNAL_FILE).is_file(), "there is no ledger in {}: name its data directory", data.display());
    let source = Journal::open(data, Access::ReadWrite)?;
    let mut became_log = false;
    let held = match source.hold() {
        // Whoever asks says that nobody else has more than this copy.
        Err(JournalError::Copy { .. }) if again && !runtime.block_on(topics::is_there(settings))? => {
            let copy = source.open_mirror()?;
            let events = copy.next();
            copy.become_log(events)?;
            became_log = true;
            source.hold()?
        }
        // Its last step is still to be done, or was done.
        Err(JournalError::Copy { .. }) => {
            open_topic(&source, settings, runtime)?;
            return look_at_all(&source, None, source.refresh()?);
        }
        held => held?,
    };
    let scratch = Scratch::beside(data, &settings.address.ledger)?;
    let events = held.head();
    let ledger = ledger_of(&source)?;
    let ledger = ledger.with_context(|| format!("the ledger in {} has no events yet", data.display()))?;
    let copy = Journal::open(&scratch.0, Access::ReadWrite)?;
    let moving = Moving { settings, source: &source, copy: &copy, ledger, events };
    let stays = || {
        let (data, copy) = (data.display(), scratch.0.display());
        let is =
            if became_log { "is a log of its own now: run the same again, and no node on it" } else { "is as it was" };
        format!("{data} {is} (what was read back is in {copy}, and may be removed)")
    };
    moving.copy_all(runtime).with_context(stays)?;
    let whole = look_at_all(&source, Some(&copy), events).with_context(|| {
        format!("{}: remove that and run the same again; if it says the same then, move to another topic", stays())
    })?;
    let cursor = copy.open_mirror()?.cursor().context("the copy does not say how far it was read")?.to_owned();
    drop(copy);
    scratch.remove();
    held.become_copy(&cursor)?;
    open_topic(&source, settings, runtime)?;
    Ok(whole)
}

/// One ledger on its way.
struct Moving<'a> {
    settings: &'a Settings,
    source: &'a Journal,
    /// What the topic holds.
    copy: &'a Journal,
    ledger: LedgerId,
    events: Sequence,
}

impl Moving<'_> {
    /// Appends what the topic lacks, and waits until all of it was read back.
    fn copy_all(&self, runtime: &Handle) -> anyhow::Result<()> {
        let opened = runtime.block_on(KafkaLog::open(self.settings.clone(), self.copy.clone()));
        let log = opened.with_context(|| format!("opening {}", self.settings.address))?;
        let mut progress = Progress::new("reading what the topic holds", None);
        let seen = wait_for_end(&log, Sequence::ZERO, &mut progress, || self.compare(Sequence(1)))?;
        progress.finish("");
        self.judge(&seen)?;
        let mut progress = Progress::new("copying", Some(self.events.0));
        let position = Cell::new(seen.head.0);
        insist(
            || position.get() + log.head().borrow().0,
            || {
                self.append(&log, |next| {
                    position.set(next.0);
                    progress.set(next.0, None);
                })
            },
        )?;
        wait_for_end(&log, self.events, &mut progress, || Ok(()))?;
        progress.finish(&format!("{} events are in the topic", self.events));
        Ok(())
    }

    /// Whether the topic may take the ledger, or the rest of it.
    fn judge(&self, seen: &Seen) -> anyhow::Result<()> {
        let (address, head) = (&self.settings.address, seen.head);
        match &seen.closed {
            None if head == Sequence::ZERO => {}
            None => bail!(
                "{address} holds the ledger already, with {head} events, and nodes may have added to it: name another"
            ),
            Some(Closed::MovingIn { ledger, .. }) if *ledger == self.ledger => {}
            Some(Closed::MovingIn { ledger, .. }) => {
                bail!("another ledger is on its way into {address} ({ledger}): name another after the brokers")
            }
            Some(closed @ Closed::MovedOut { .. }) => {
                bail!(
                    "{address} cannot be used again ({closed}): name another after the brokers, or delete its topics first"
                )
            }
        }
        let begun = "what is in the topic is not the beginning of the ledger";
        ensure!(head <= self.events, "{begun}: it has {head} events, and the journal {}", self.events);
        self.compare(head)
    }

    /// Whether the last event below `head` is the journal's.
    fn compare(&self, head: Sequence) -> anyhow::Result<()> {
        let Some(last) = head.0.checked_sub(1).map(Sequence) else { return Ok(()) };
        let event =
            |journal: &Journal| anyhow::Ok(journal.read_sync(last, 1)?.first().map(|event| event.entry.clone()));
        if event(self.source)? == event(self.copy)? {
            return Ok(());
        }
        let holds = ledger_of(self.copy)?;
        match holds.filter(|ledger| *ledger != self.ledger) {
            Some(other) => bail!(
                "{} holds another ledger ({other}, and not {}): name another after the brokers",
                self.settings.address,
                self.ledger
            ),
            None => bail!(
                "event {last} at {} is another one than in the journal: name another ledger after the brokers, or delete the \
                 topics first",
                self.settings.address
            ),
        }
    }

    /// Takes the fence, closes the topic, and appends what is missing.
    fn append(&self, log: &KafkaLog, mut reached: impl FnMut(Sequence)) -> anyhow::Result<()> {
        ensure_nobody_runs(self.settings)?;
        let mover = log.mover()?;
        self.judge(&Seen { head: mover.head(), closed: mover.closed() })?;
        let closed = Closed::MovingIn { ledger: self.ledger, events: self.events };
        if mover.closed().as_ref() != Some(&closed) {
            mover.close(&closed)?;
        }
        let mut next = mover.head();
        while next < self.events {
            let page = page(self.source, next, self.events)?;
            // No node would copy what does not open its entry.
            ensure_sound(&page)?;
            mover.append(&page)?;
            next = Sequence(next.0 + page.len() as u64);
            reached(next);
        }
        Ok(())
    }
}

/// The last step, on a journal that is a copy of the topic by now.
fn open_topic(source: &Journal, settings: &Settings, runtime: &Handle) -> anyhow::Result<()> {
    let (path, address) = (source.path().display(), &settings.address);
    let context = || {
        format!(
            "{path} is a copy of a log by now. Where {address} is that log, run the same again, so that nodes may write to it"
        )
    };
    ensure!(
        runtime.block_on(topics::is_there(settings))?,
        "{}: there is no ledger at {address}. Where the log that it copies is lost for good, --again moves what the copy has",
        context()
    );
    let log = runtime.block_on(KafkaLog::open(settings.clone(), source.clone())).with_context(context)?;
    let mut progress = Progress::new("reading what the topic holds", None);
    wait_for_end(&log, Sequence::ZERO, &mut progress, || Ok(())).with_context(context)?;
    progress.finish("");
    let following = log.following();
    insist(
        || 0,
        || {
            let Some(closed) = following.borrow().closed.clone() else { return Ok(()) };
            let Closed::MovingIn { events, .. } = closed else { bail!("{path} stays what it is: {closed}") };
            ensure_nobody_runs(settings)?;
            let mover = log.mover()?;
            let found = mover.head();
            ensure!(
                found == events,
                "{path} is a copy of {found} events, and {events} shall come: name what they come from"
            );
            Ok(mover.open(events)?)
        },
    )
}

/// The folder of a copy that nobody needs when the ledger has moved.
struct Scratch(PathBuf);

impl Scratch {
    /// `<data>-migration-<ledger>`: what was read of another topic is another copy.
    fn beside(data: &Path, ledger: &str) -> anyhow::Result<Self> {
        let mut name = data.canonicalize().with_context(|| format!("finding {}", data.display()))?.into_os_string();
        name.push(format!("-migration-{ledger}"));
        Ok(Self(name.into()))
    }

    /// Removes it, and nothing that somebody else put there.
    fn remove(&self) {
        for name in [JOURNAL_FILE, "journal.db-wal", "journal.db-shm", LOCK_FILE] {
            // Not all of them are there; what cannot be removed keeps the folder.
            let _ = std::fs::remove_file(self.0.join(name));
        }
        if let Err(error) = std::fs::remove_dir(&self.0) {
            tracing::warn!(%error, "{} is of no more use, and could not be removed", self.0.display());
        }
    }
}
