//! From a topic into a data directory. The topic is closed for good before the directory becomes a log of its own: at no moment
//! can nodes go on at both.
//!
//! In this order; after a crash the same command goes on where it was:
//! 1. the directory becomes a copy of the topic, like that of any node (and may have been one);
//! 2. the fence is taken, the copy is complete up to it, and every event in it is looked at;
//! 3. the topic is closed (`moved-out`), with a ticket that lies in the directory: no other one is the ledger from now on. Had
//!    anybody written since the fence was taken, this would fail;
//! 4. the copy becomes a log of its own.

use super::{
    comparing::{Whole, ledger_of, look_at_all},
    ensure_nobody_runs,
    patience::{insist, wait_for_end},
};
use crate::verbs::output::Progress;
use anyhow::{Context as _, bail, ensure};
use convenio_events::Sequence;
use convenio_journal::{Access, JOURNAL_FILE, Journal, LOCK_FILE};
use convenio_kafka::{Closed, KafkaLog, Settings, topics};
use std::{
    fs::File,
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
};
use tokio::runtime::Handle;
use uuid::Uuid;

/// In the directory that a ledger moves to, as long as it moves.
const TICKET_FILE: &str = "moving-in";

/// Moves the ledger in a topic into a data directory.
pub(super) fn run(settings: &Settings, data: &Path, again: bool, runtime: &Handle) -> anyhow::Result<Whole> {
    let address = &settings.address;
    ensure_usable(data)?;
    ensure!(runtime.block_on(topics::is_there(settings))?, "there is no ledger at {address}");
    ensure_nobody_runs(settings)?;
    let journal = Journal::open(data, Access::ReadWrite)?;
    let ticket = Ticket::of(data)?;
    let opened = runtime.block_on(KafkaLog::open(settings.clone(), journal.clone()));
    let log = opened.with_context(|| format!("copying {address} into {}", data.display()))?;
    let mut progress = Progress::new("copying", None);
    let seen = wait_for_end(&log, Sequence::ZERO, &mut progress, || Ok(()))?;
    progress.finish(&format!("{} events are in {}", seen.head, data.display()));
    ensure!(seen.head > Sequence::ZERO, "there is no ledger at {address}: its topic is empty");
    let leaving = Leaving { settings, journal: &journal, ticket: &ticket, again };
    // What has to be compared is known only behind the fence; a broker that goes away in between begins it anew.
    let whole = insist(|| 0, || leaving.close(&log))?;
    drop(log);
    journal.open_mirror()?.become_log(whole.events)?;
    ticket.remove();
    Ok(whole)
}

/// A new directory, or one that holds a copy, or a journal without events.
fn ensure_usable(data: &Path) -> anyhow::Result<()> {
    let shown = data.display();
    if data.join(JOURNAL_FILE).is_file() {
        let journal = Journal::open(data, Access::ReadWrite)?;
        journal.open_mirror().map(drop).with_context(|| {
            format!("{shown} cannot take the ledger. If it is the one that was to be moved there, it is there: start a node on it")
        })?;
        return Ok(());
    }
    match std::fs::read_dir(data) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        read => {
            let mut read = read.with_context(|| format!("reading {shown}"))?;
            // The lock comes before the journal.
            let is_new = read.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK_FILE));
            ensure!(is_new, "{shown} is not empty, and holds no journal: name a new directory");
            Ok(())
        }
    }
}

struct Leaving<'a> {
    settings: &'a Settings,
    journal: &'a Journal,
    ticket: &'a Ticket,
    again: bool,
}

impl Leaving<'_> {
    /// Closes the topic, if that is not done.
    fn close(&self, log: &KafkaLog) -> anyhow::Result<Whole> {
        ensure_nobody_runs(self.settings)?;
        let mover = log.mover()?;
        let (head, address) = (mover.head(), &self.settings.address);
        match mover.closed() {
            Some(Closed::MovedOut { events, ticket, .. }) if ticket == self.ticket.text => {
                ensure!(events == head, "{address} was closed after {events} events, and holds {head}");
                return look_at_all(self.journal, None, head);
            }
            Some(closed @ Closed::MovedOut { .. }) if !self.again => bail!(
                "{address}: {closed}. Where that directory is lost for good, say --again; what was recorded in it is lost too"
            ),
            Some(closed @ Closed::MovingIn { .. }) => bail!("{address}: {closed}"),
            Some(Closed::MovedOut { .. }) | None => {}
        }
        let whole = look_at_all(self.journal, None, head)?;
        let ledger = ledger_of(self.journal)?.context("there is no event")?;
        mover.close(&Closed::MovedOut { ledger, events: head, ticket: self.ticket.text.clone() })?;
        Ok(whole)
    }
}

/// What the directory calls this move.
struct Ticket {
    path: PathBuf,
    text: String,
}

impl Ticket {
    /// The one in a directory, or a new one.
    fn of(data: &Path) -> anyhow::Result<Self> {
        let path = data.join(TICKET_FILE);
        let context = || format!("keeping {}", path.display());
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().parse::<Uuid>().is_ok() => {
                let text = text.trim().to_owned();
                return Ok(Self { path, text });
            }
            // One that was not written to its end has closed nothing.
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(context),
        }
        let text = Uuid::new_v4().to_string();
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            File::open(data)?.sync_all()
        };
        write().with_context(context)?;
        Ok(Self { path, text })
    }

    fn remove(&self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "{} is of no more use, and could not be removed", self.path.display());
        }
    }
}
