//! Measures what each view costs an event of live traffic on a large ledger, by how many events come together: `cargo run --release
//! --example live_pages [OFFERS [GROUP]]`. A transaction costs what its pages cost, so small groups are dear. It compares nothing and fails nothing.

#![allow(clippy::print_stdout, missing_docs)]

#[path = "offers/mod.rs"]
mod offers;
#[path = "../tests/support/mod.rs"]
mod support;

use convenio_projections::ViewName;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use support::{Ledger, settle, start};

#[tokio::main]
async fn main() {
    let offers = std::env::args().nth(1).map_or(100_000, |offers| offers.parse().expect("a number"));
    let mut ledger = Ledger::open(1).await;
    offers::fill(&mut ledger, offers, 5).await;
    let folder = tempfile::tempdir().expect("a folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    let hour = Duration::from_secs(3_600);
    views.wait_for(&ViewName::ALL, ledger.head(), hour).await.expect("the views follow");
    println!("{} events are there; microseconds of processor an event, by thread", ledger.head());
    let mut n = offers * 5;
    for group in groups() {
        let (before, began, from) = (threads(), Instant::now(), ledger.head());
        // Offers that begin, and the four events that follow in each: the usual traffic of `convenio bench`.
        while began.elapsed() < Duration::from_secs(3) {
            for _ in 0..group {
                offers::tell(&mut ledger, n / 5, n % 5);
                n += 1;
            }
            ledger.commit().await;
            settle(&views, ledger.head()).await;
        }
        let events = (ledger.head().0 - from.0) as f64;
        let mut line = format!("{group:>5}: {:>6.0} events/s;", events / began.elapsed().as_secs_f64());
        for (name, spent) in threads() {
            let spent = (spent - before.get(&name).unwrap_or(&0.0)) / events;
            if spent >= 0.5 {
                line.push_str(&format!(" {name} {spent:.1}"));
            }
        }
        println!("{line}");
    }
    views.shutdown().await;
}

/// How many events come together: the second argument, or several.
fn groups() -> Vec<u64> {
    let all = || vec![1, 10, 25, 50, 100, 250, 1_000];
    std::env::args().nth(2).map_or_else(all, |group| vec![group.parse().expect("a number")])
}

/// Microseconds of processor that each thread of this process had so far (Linux), those of one name together.
fn threads() -> BTreeMap<String, f64> {
    let mut spent = BTreeMap::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file: &str| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        let nanoseconds = read("schedstat").split(' ').next().and_then(|first| first.parse::<f64>().ok());
        *spent.entry(read("comm").trim().to_owned()).or_insert(0.0) += nanoseconds.unwrap_or(0.0) / 1e3;
    }
    spent
}
