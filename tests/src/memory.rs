//! The memory of a running node, watched from outside: a node that takes more than it may is killed, as a machine with no more would.
//! What the kernel can take back (the files' pages in its cache) does not count.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Watches one process until it is dropped.
#[derive(Debug)]
pub struct MemoryWatch {
    most_kib: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MemoryWatch {
    /// Kills the process once it has more than so many MiB of its own.
    pub fn kill_beyond(process: u32, limit_mib: u64) -> Self {
        let (most_kib, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (most, stopped) = (most_kib.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                let Some(kib) = own_kib(process) else { return };
                if most.fetch_max(kib, Relaxed).max(kib) > limit_mib << 10 {
                    // Where it is gone already there is nothing to kill.
                    let _ = Command::new("kill").args(["-s", "KILL", &process.to_string()]).status();
                    return;
                }
                std::thread::sleep(LOOK);
            }
        });
        Self { most_kib, stop, thread: Some(thread) }
    }

    /// The most that it had so far, in MiB.
    pub fn most_mib(&self) -> u64 {
        self.most_kib.load(Relaxed) >> 10
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // It does nothing that can panic; and if, the test has its own say.
            let _ = thread.join();
        }
    }
}

/// What a process has in memory that is in no file.
fn own_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.split_whitespace().next()?.parse().ok()
}
