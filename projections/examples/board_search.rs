//! Measures full text on a large board, in this process and on two threads: `cargo run --release --example board_search [OFFERS
//! [EVENTS_EACH]]`. Its offers have the words of `convenio bench`. It compares nothing and fails nothing.

#![allow(clippy::print_stdout, missing_docs)]

#[path = "offers/mod.rs"]
mod offers;
#[path = "../tests/support/mod.rs"]
mod support;

use convenio_events::RecordKind;
use convenio_projections::{
    ReaderIdentity, RebuildProgress, ViewName, Views,
    collection::{ListQuery, Sort, list},
};
use offers::{WORDS, fill};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use support::{Ledger, cpu_seconds, start};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let (offers, each) = (arguments.next().unwrap_or(200_000), arguments.next().unwrap_or(5));
    let mut ledger = Ledger::open(1).await;
    fill(&mut ledger, offers, each).await;
    let head = ledger.head();
    let folder = tempfile::tempdir().expect("a folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    let hour = Duration::from_secs(3_600);
    views.wait_for(&ViewName::ALL, head, hour).await.expect("the views follow");
    for _ in 0..2 {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let end = views.rebuild(ViewName::Board).expect("nothing under way").finished().await;
        assert!(matches!(end, RebuildProgress::Done { .. }), "{end:?}");
        let rate = head.0 as f64 / started.elapsed().as_secs_f64();
        let cpu = (cpu_seconds() - cpu) * 1e6 / head.0 as f64;
        println!("rebuild board, {head} events: {rate:.0} events/s, {cpu:.1} us of CPU an event");
    }
    for entry in std::fs::read_dir(folder.path()).expect("folder").flatten() {
        let size = entry.metadata().map_or(0, |meta| meta.len());
        println!("  {} {} KiB", entry.file_name().to_string_lossy(), size / 1024);
    }
    questions(&views);
    views.shutdown().await;
}

fn questions(views: &Views) {
    measure("no search", views, |_, _| {});
    measure("as convenio bench asks", views, |n, query| query.q = Some(format!("vacunacion {}", n * 7919 % 1000)));
    let fixed = [
        "vacunacion",
        "vacunacion training",
        "vac",
        "vac tra",
        "formacion atencion primaria saude materna",
        "vacunacion 1000",
        "vacunacion 10001",
        "vacunacion 100012",
        "vacunacion 1000123",
        "vacunacion 137",
        "vacunacion 13700",
        "vacunacion nothing",
        "137 138",
    ];
    for q in fixed {
        measure(q, views, |_, query| query.q = Some(q.to_owned()));
    }
    measure("one number of 200k", views, |n, query| query.q = Some((n * 7919 % 200_000).to_string()));
    for (name, sort) in Sort::WORDS {
        measure(&format!("vacunacion, {name}"), views, |_, query| {
            (query.q, query.sort) = (Some("vacunacion".to_owned()), sort);
        });
    }
    measure("vacunacion mental in PE, sdg:3.3", views, |_, query| {
        query.q = Some("vacunacion mental".to_owned());
        query.filters.countries = vec!["PE".to_owned()];
        query.filters.themes = vec!["sdg:3.3".to_owned()];
    });
    let count = |n: u64| Some(format!("{} {}", WORDS[(n % 24) as usize], WORDS[(n / 24 % 24) as usize]));
    measure("total of two words", views, |n, query| (query.q, query.total) = (count(n), true));
    measure("facets of two words", views, |n, query| (query.q, query.facets) = (count(n), true));
}

fn measure(name: &str, views: &Views, change: impl Fn(u64, &mut ListQuery) + Sync) {
    let wanted = std::env::var("ONLY").unwrap_or_default();
    if !wanted.is_empty() && !name.contains(&wanted) {
        return;
    }
    let (count, found) = (AtomicU64::new(0), AtomicU64::new(0));
    let (started, deadline) = (Instant::now(), Instant::now() + Duration::from_secs(2));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let identity = ReaderIdentity::default();
                while Instant::now() < deadline {
                    let mut query = ListQuery::new(RecordKind::Offer);
                    query.limit = 20;
                    change(count.fetch_add(1, Ordering::Relaxed), &mut query);
                    let reader = views.read(ViewName::Board).expect("reads");
                    let page = list(&reader, &identity, &query).expect("answers");
                    found.fetch_add(page.items.len() as u64, Ordering::Relaxed);
                }
            });
        }
    });
    let count = count.load(Ordering::Relaxed) as f64;
    let (rate, items) = (count / started.elapsed().as_secs_f64(), found.load(Ordering::Relaxed) as f64 / count);
    println!("{name}: {rate:.0} per second on two threads, {items:.1} items each");
}
