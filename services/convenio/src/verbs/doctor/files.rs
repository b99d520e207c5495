//! What `doctor` finds in the data and identity directories. It opens everything for reading only.

use super::Finding;
use crate::{config::Config, loss};
use convenio_events::{Event, LedgerId, Sequence, Timestamp, codes::Purpose, types::Facts, types::ledger};
use convenio_journal::{Access, JOURNAL_FILE, Journal, JournalError, LOCK_FILE, Options};
use convenio_notary::{CompactRange, OpenedLedger, TreeHead, leaf_hash};
use rustix::fs::{FlockOperation, flock};
use std::{fs::File, io::ErrorKind, os::unix::fs::PermissionsExt as _, path::Path};

/// What the journal says of its ledger.
pub(super) struct Ledger {
    pub(super) id: LedgerId,
    pub(super) purpose: Purpose,
    pub(super) events: Sequence,
    pub(super) last_event: Option<Timestamp>,
}

/// Whether a process holds the data directory.
pub(super) fn is_running(data: &Path) -> bool {
    let Ok(file) = File::open(data.join(LOCK_FILE)) else { return false };
    // A shared lock for a moment: the writer's is exclusive.
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

pub(super) fn directory(data: &Path, running: bool) -> Finding {
    let shown = data.display();
    if !data.exists() {
        let advice = "`convenio serve` makes it; if there should be a ledger, name its directory with --data";
        return Finding::warning("data", format!("{shown} is not there yet"), advice);
    }
    match rustix::fs::access(
        data,
        rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK,
    ) {
        Ok(()) if running => Finding::ok("data", format!("{shown}; a node runs on it")),
        Ok(()) => Finding::ok("data", format!("{shown}; no node runs on it")),
        Err(error) => Finding::error(
            "data",
            format!("{shown} cannot be written: {error}"),
            "run as its owner, give the directory to the user that serves, or mount the disk for writing",
        ),
    }
}

/// Looks at the journal; adds findings, and says what ledger is in it.
pub(super) fn journal(config: &Config, quick: bool, findings: &mut Vec<Finding>) -> Option<Ledger> {
    let data = &config.data;
    if let Err(lost) = loss::refuse_missing(config) {
        findings.push(Finding::error("journal", format!("{lost:#}"), RESTORE));
    }
    if !data.join(JOURNAL_FILE).exists() {
        return None;
    }
    let options = Options { checked: true, ..Options::default() };
    let journal = match Journal::open_with(data, Access::ReadOnly, options) {
        Ok(journal) => journal,
        Err(error) => {
            findings.push(broken(error));
            return None;
        }
    };
    let events = *convenio_events::log::EventLog::head(&journal).borrow();
    if !quick {
        findings.push(match journal.check_pages() {
            Ok(()) => Finding::ok("journal-pages", "every page is whole"),
            Err(error) => broken(error),
        });
    }
    let opened = OpenedLedger::read(&config.identity).ok().flatten();
    if let Some(Err(lost)) = opened.map(|opened| opened.require(events.0)) {
        findings.push(Finding::error("journal", format!("events are missing: {lost}"), RESTORE));
    }
    match read_all(&journal, events, quick, opened.map(|opened| *opened.reach())) {
        Ok(None) => {
            let advice = "nothing to do: the next start takes the first one up again";
            findings.push(Finding::warning("journal", "it has no events", advice));
            None
        }
        Ok(Some(ledger)) => {
            let found = format!("ledger {}, {} events, {}", ledger.id, ledger.events, ledger.purpose);
            findings.push(Finding::ok("journal", found));
            Some(ledger)
        }
        Err(error) => {
            findings.push(Finding::error("journal", error, RESTORE));
            None
        }
    }
}

const RESTORE: &str =
    "stop the node, keep a copy of the directory as it is, and restore the journal from a backup or a mirror";

fn broken(error: JournalError) -> Finding {
    let advice = match &error {
        JournalError::Newer { .. } => "use the program that wrote it, or a newer one",
        JournalError::NotAJournal { .. } => "name the right directory with --data, or move that file away",
        JournalError::InUse { .. } => "stop the node that runs on it",
        JournalError::Copy { .. } | JournalError::NoCopy { .. } => "name the --log or the --data that belong together",
        JournalError::Damaged { .. } => RESTORE,
        JournalError::Missing { .. } | JournalError::Unavailable { .. } => {
            "close other programs that hold the file (an open sqlite3 shell), and check rights and disk"
        }
    };
    Finding::error("journal", format!("{:#}", anyhow::Error::from(error)), advice)
}

/// Every event is there, in its place, and opens its entry; their tree is the one that the identity marked.
fn read_all(
    journal: &Journal,
    events: Sequence,
    quick: bool,
    marked: Option<TreeHead>,
) -> Result<Option<Ledger>, String> {
    let said = |error: &dyn std::error::Error| format!("{error}");
    let event = |sequence: Sequence| {
        let page = journal.read_sync(sequence, 1).map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        page.first().map(|event| Event::decode(event).map_err(|error| said(&error))).transpose()
    };
    let Some(first) = event(Sequence::ZERO)? else { return Ok(None) };
    let Facts::Ledger(ledger::Facts::Opened(opened)) = &first.facts else {
        return Err("its first event does not open a ledger".to_owned());
    };
    if !quick {
        let (mut tree, mut differs) = (CompactRange::new(), false);
        let walk = journal.for_each_event(Sequence::ZERO, |event| {
            tree.append(leaf_hash(event.entry.as_bytes()));
            differs |= marked.is_some_and(|marked| marked.size() == tree.size() && marked != tree.head());
            std::ops::ControlFlow::Continue(())
        });
        walk.map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        if differs {
            return Err(
                "its entries are not those over which the identity marked a root: one of them was changed".to_owned()
            );
        }
    }
    let last = events.0.checked_sub(1).map(|last| event(Sequence(last))).transpose()?.flatten();
    let last_event = last.map(|event| event.time);
    Ok(Some(Ledger { id: opened.ledger, purpose: opened.purpose, events, last_event }))
}

/// Files that may be deleted: they are only asked whether they can be read.
pub(super) fn derived(data: &Path, ledger: Option<&Ledger>) -> Vec<Finding> {
    if ledger.is_none() {
        return Vec::new();
    }
    let file = |name: &'static str| match File::open(data.join(name)) {
        Ok(_) => Finding::ok("derived", format!("{name} is there")),
        Err(error) if error.kind() == ErrorKind::NotFound => Finding::warning(
            "derived",
            format!("{name} is missing"),
            "nothing to do: the next start makes it from the journal",
        ),
        Err(error) => Finding::error(
            "derived",
            format!("{name} cannot be read: {error}"),
            "delete it while no node runs, or give it to the user that serves",
        ),
    };
    let views = data.join("views");
    let views = if views.is_dir() {
        Finding::ok("derived", "views is there")
    } else {
        Finding::warning("derived", "views is missing", "nothing to do: the next start makes it from the journal")
    };
    vec![file("index.db"), file("state.db"), views]
}

pub(super) fn identity(identity: &Path, data: &Path, ledger: Option<&Ledger>) -> Vec<Finding> {
    const CHECK: &str = "identity";
    let shown = identity.display();
    if !identity.is_dir() {
        return vec![match ledger {
            None => Finding::ok(CHECK, format!("{shown} is not there yet; the first start makes it")),
            Some(_) => Finding::error(
                CHECK,
                format!("{shown} is missing, but the journal has events that its key signs for"),
                "bring that directory back, or name it with --identity; a new key cannot sign for this ledger",
            ),
        }];
    }
    let mut findings = Vec::new();
    let mode = |path: &Path| path.metadata().map(|data| data.permissions().mode() & 0o777);
    let mut guard = |path: &Path, allowed: u32| match mode(path) {
        Ok(mode) if mode & !allowed != 0 => findings.push(Finding::error(
            CHECK,
            format!("{} has mode {mode:04o}: others can reach the key", path.display()),
            format!("chmod {allowed:04o} {}", path.display()),
        )),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => findings.push(Finding::error(
            CHECK,
            format!("{} cannot be read: {error}", path.display()),
            "run as its owner, or give it to the user that serves",
        )),
    };
    guard(identity, 0o700);
    guard(&identity.join("key"), 0o600);
    guard(&identity.join("admin-token"), 0o600);
    findings.extend(ledger.and_then(|ledger| belongs(identity, ledger)));
    if data
        .canonicalize()
        .ok()
        .zip(identity.canonicalize().ok())
        .is_some_and(|(data, identity)| identity.starts_with(data))
    {
        let found = format!("{shown} is inside the data directory");
        findings.push(Finding::error(CHECK, found, "move it out: backups of the data must not hold keys"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{shown}; only its owner can read it")));
    }
    findings
}

/// Whether the identity is that of the ledger.
fn belongs(identity: &Path, ledger: &Ledger) -> Option<Finding> {
    let advice = "bring the directory that belongs to this ledger back, or name it with --identity";
    for name in ["ledger-uuid", "key", "signed-heads"] {
        if !identity.join(name).is_file() {
            return Some(Finding::error("identity", format!("{} is missing", identity.join(name).display()), advice));
        }
    }
    let found = std::fs::read_to_string(identity.join("ledger-uuid")).unwrap_or_default();
    (found.trim() != ledger.id.to_string()).then(|| {
        let found = format!("{} is of ledger {}, the journal of {}", identity.display(), found.trim(), ledger.id);
        Finding::error("identity", found, advice)
    })
}
