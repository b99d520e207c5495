//! What `doctor` finds about the machine: free disk, clock and address. It sets no clock.

use super::{Finding, files::Ledger};
use chrono::{DateTime, Datelike as _, Utc};
use convenio_events::codes::Purpose;
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
};

/// Below so many free bytes commands may soon be refused.
const FREE_BYTES_WARNING: u64 = 1 << 30;
/// Below so many they are about to be: the log writes that much ahead of itself.
const FREE_BYTES_ERROR: u64 = 128 << 20;
/// No ledger was opened before.
const FIRST_YEAR: i32 = 2024;
/// A clock this late is a clock that nobody set.
const LAST_YEAR: i32 = 2100;

pub(super) fn free_disk(data: &Path) -> Finding {
    // Before the first start the directory is not there: its disk is that of the one above.
    let mut ancestors = data.ancestors().map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
    let free = ancestors.find_map(|path| rustix::fs::statvfs(path).ok()).map(|disk| disk.f_bavail * disk.f_frsize);
    let advice = "make room, or move the data directory to a larger disk while no node runs on it";
    match free {
        None => Finding::warning("disk", "free space is not known", "see `df` for the disk of the data directory"),
        Some(free) if free < FREE_BYTES_ERROR => Finding::error("disk", format!("{} MiB free", free >> 20), advice),
        Some(free) if free < FREE_BYTES_WARNING => Finding::warning("disk", format!("{} MiB free", free >> 20), advice),
        Some(free) => Finding::ok("disk", format!("{} GiB free", free >> 30)),
    }
}

pub(super) fn clock(ledger: Option<&Ledger>) -> Vec<Finding> {
    let mut findings = vec![time(Utc::now(), ledger)];
    findings.push(match synchronised() {
        true => Finding::ok("clock-synchronised", "the operating system says that it is"),
        false => Finding::warning(
            "clock-synchronised",
            "nobody says that it is",
            "run systemd-timesyncd, chrony or ntpd: after a long stop timers wait for a clock that is known to be right",
        ),
    });
    findings.extend(set_clock(std::env::var_os("CONVENIO_CLOCK").is_some(), ledger));
    findings
}

fn time(now: DateTime<Utc>, ledger: Option<&Ledger>) -> Finding {
    let shown = now.format("%Y-%m-%d %H:%M:%S UTC");
    if !(FIRST_YEAR..LAST_YEAR).contains(&now.year()) {
        return Finding::error("clock", format!("it says {shown}"), "set the machine's clock before starting a node");
    }
    let last = ledger.and_then(|ledger| ledger.last_event).map(|time| time.to_utc());
    match last {
        Some(last) if last > now + chrono::Duration::minutes(5) => Finding::error(
            "clock",
            format!("it says {shown}, but the last event was recorded at {last}"),
            "find out which clock was wrong: the ledger's time never goes back, so new events get the later time",
        ),
        Some(last) if now - last > chrono::Duration::days(365) => Finding::warning(
            "clock",
            format!("it says {shown}, more than a year after the last event"),
            "if that is right, confirm it with the command confirm-clock after the start: until then commands are refused",
        ),
        _ => Finding::ok("clock", format!("it says {shown}")),
    }
}

/// What timesyncd leaves behind, or chrony's and ntpd's drift of a running daemon.
fn synchronised() -> bool {
    ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"]
        .iter()
        .any(|path| Path::new(path).exists())
}

fn set_clock(set: bool, ledger: Option<&Ledger>) -> Option<Finding> {
    let purpose = ledger.map(|ledger| ledger.purpose)?;
    (set && purpose == Purpose::Production).then(|| {
        let found = "CONVENIO_CLOCK is set, and this ledger's purpose is production";
        Finding::error(
            "clock-set",
            found,
            "unset CONVENIO_CLOCK: only a ledger whose purpose is test may have a clock that is set",
        )
    })
}

pub(super) fn listen_address(address: SocketAddr, running: bool) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) if running => Finding::ok("address", format!("{address} is free; the node that runs listens elsewhere")),
        Ok(_) => Finding::ok("address", format!("{address} is free")),
        Err(_) if running => Finding::ok("address", format!("{address} is in use, and a node runs on this data")),
        Err(error) => Finding::error(
            "address",
            format!("nothing can listen at {address}: {error}"),
            "stop what listens there, or choose another address with --listen",
        ),
    }
}
