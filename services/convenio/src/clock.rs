//! The machine's clocks, and the one that a test sets. Whether a clock may be believed is decided by the ledger's guard.

use anyhow::{Context as _, bail};
use convenio_events::Timestamp;
use convenio_kafka::WallClock;
use convenio_ledger::clock::{Clock, Reading};
use rustix::time::{ClockId, clock_gettime};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Wall clock and time since boot, from the operating system.
#[derive(Debug)]
pub(crate) struct SystemClock;

/// Where systemd-timesyncd says that the clock is synchronised.
const SYNCHRONISED: &str = "/run/systemd/timesync/synchronized";

fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Clock for SystemClock {
    fn read(&mut self) -> Reading {
        Reading { wall: chrono::Utc::now().into(), since_boot: since_boot() }
    }
    fn is_synchronised(&mut self) -> bool {
        std::path::Path::new(SYNCHRONISED).exists()
    }
}

/// A clock that says what a file says (`CONVENIO_CLOCK=file:PATH`); for test ledgers only.
#[derive(Debug)]
pub(crate) struct FileClock {
    path: PathBuf,
    last: Timestamp,
}

impl FileClock {
    fn new(path: PathBuf) -> anyhow::Result<Self> {
        let last = read(&path).with_context(|| format!("reading the clock from {}", path.display()))?;
        Ok(Self { path, last })
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Timestamp> {
    Ok(std::fs::read_to_string(path)?.trim().parse()?)
}

impl Clock for FileClock {
    fn read(&mut self) -> Reading {
        // While the file is being replaced the clock stands still.
        self.last = read(&self.path).unwrap_or(self.last);
        Reading { wall: self.last, since_boot: since_boot() }
    }
    fn is_set(&self) -> bool {
        true
    }
    fn is_synchronised(&mut self) -> bool {
        true
    }
}

/// The clock that the environment asks for.
pub(crate) fn from_environment() -> anyhow::Result<Box<dyn Clock>> {
    match std::env::var("CONVENIO_CLOCK") {
        Err(_) => Ok(Box::new(SystemClock)),
        Ok(value) => match value.strip_prefix("file:") {
            Some(path) => Ok(Box::new(FileClock::new(path.into())?)),
            None => bail!("CONVENIO_CLOCK must be file:PATH"),
        },
    }
}

/// The clock that must agree with those of brokers and other nodes: none where somebody sets it.
pub(crate) fn compared() -> anyhow::Result<Option<WallClock>> {
    Ok((!from_environment()?.is_set()).then(|| -> WallClock { Arc::new(SystemTime::now) }))
}
