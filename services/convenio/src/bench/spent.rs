//! Where the processors' time goes: what the kernel counted for each thread of this process, clients included. Of other processes,
//! such as brokers, it knows nothing.

use super::{Bench, report::Figure};
use std::collections::BTreeMap;

/// Threads that took less of an event than this, in microseconds, are told together.
const LITTLE: f64 = 1.0;

/// Microseconds of processor by the name of threads; those of one name together.
pub(super) struct Spent(BTreeMap<String, f64>);

impl Spent {
    /// What was spent so far (Linux; nothing elsewhere).
    pub(super) fn now() -> Self {
        let mut spent = BTreeMap::new();
        for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
            let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let nanoseconds = read("schedstat").split(' ').next().and_then(|first| first.parse::<f64>().ok());
            *spent.entry(read("comm").trim().to_owned()).or_insert(0.0) += nanoseconds.unwrap_or(0.0) / 1e3;
        }
        Self(spent)
    }

    /// What was spent since then. A thread that has ended meanwhile is not counted.
    #[must_use]
    pub(super) fn until_now(&self) -> Self {
        let mut since = Self::now();
        for (name, spent) in &mut since.0 {
            *spent -= self.0.get(name).unwrap_or(&0.0);
        }
        since
    }

    /// Adds it as figures for one of `what` each, the dearest first.
    pub(super) fn add(&self, bench: &mut Bench<'_>, count: f64, what: &'static str) {
        let mut each: Vec<_> = self.0.iter().map(|(name, spent)| (name.as_str(), spent / count.max(1.0))).collect();
        each.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        let (much, little): (Vec<_>, Vec<_>) = each.into_iter().partition(|(_, spent)| *spent >= LITTLE);
        let rest = ("all others", little.iter().map(|(_, spent)| spent).sum());
        for (name, spent) in much.into_iter().chain([rest]) {
            bench.add(Figure::new(format!("  processor for each {what}: {name}"), spent, "us"));
        }
    }
}
