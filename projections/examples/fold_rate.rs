//! Measures how fast the views fold and answer, over a story in memory: `cargo run --release --example fold_rate [EVENTS]`. It
//! compares nothing and fails nothing.

#![allow(clippy::print_stdout, missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use convenio_events::{Event, RecordKind, Subject, log::EventLog as _};
use convenio_projections::{
    ReaderIdentity, RebuildProgress, ViewName, Views,
    collection::{ListQuery, list, record},
};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};
use support::{Ledger, cpu_seconds, settle, start, story::Story};

#[tokio::main]
async fn main() {
    let events = std::env::args().nth(1).and_then(|events| events.parse().ok()).unwrap_or(200_000);
    let mut ledger = Ledger::open(1).await;
    Story::new(99).tell(&mut ledger, events);
    ledger.commit().await;
    let head = ledger.head().0 as f64;
    println!("{} events", ledger.head());
    decode_floor(&ledger).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let views = start(folder.path(), &ledger.log, 4_000).await;
    settle(&views, ledger.head()).await;
    let rate = head / started.elapsed().as_secs_f64();
    println!("all views catch up: {rate:.0} events/s, {:.1} us of CPU an event", (cpu_seconds() - cpu) * 1e6 / head);
    for view in ViewName::ALL {
        let (started, cpu) = (Instant::now(), cpu_seconds());
        let end = views.rebuild(view).expect("nothing under way").finished().await;
        assert!(matches!(end, RebuildProgress::Done { .. }), "{end:?}");
        let rate = head / started.elapsed().as_secs_f64();
        println!("rebuild {view}: {rate:.0} events/s, {:.1} us of CPU an event", (cpu_seconds() - cpu) * 1e6 / head);
    }
    for entry in std::fs::read_dir(folder.path()).expect("folder").flatten() {
        let size = entry.metadata().map_or(0, |meta| meta.len());
        println!("  {} {} KiB", entry.file_name().to_string_lossy(), size / 1024);
    }
    reads(&views, &ledger).await;
    latency(&views, &mut ledger).await;
    views.shutdown().await;
}

async fn decode_floor(ledger: &Ledger) {
    let started = Instant::now();
    let mut decoded = 0_usize;
    let mut from = convenio_events::Sequence::ZERO;
    loop {
        let page = ledger.log.read(from, 10_000).await.expect("memory");
        let Some(last) = page.last() else { break };
        from = last.sequence.next();
        decoded += page.iter().filter(|one| Event::decode(one).is_ok()).count();
    }
    println!("floor, read and decode on one thread: {:.0} events/s", decoded as f64 / started.elapsed().as_secs_f64());
}

async fn reads(views: &Views, ledger: &Ledger) {
    let mut subjects: Vec<Subject> = ledger.events().await.iter().map(|event| event.subject).collect();
    subjects.retain(|subject| matches!(subject.kind, RecordKind::Offer | RecordKind::Demand));
    let anonymous = ReaderIdentity::default();
    let next = AtomicU64::new(0);
    measure("one record", views, |views, identity| {
        let at = next.fetch_add(7919, Ordering::Relaxed) as usize % subjects.len();
        let reader = views.read(ViewName::Board).expect("reads");
        record(&reader, identity, subjects[at]).expect("answers");
    });
    let words = ["vacunacion", "formações", "réseaux", "community", "hospitais", "cancer"];
    let asked = |change: &dyn Fn(&mut ListQuery)| {
        let mut query = ListQuery::new(RecordKind::Offer);
        query.limit = 20;
        change(&mut query);
        query
    };
    let run = |views: &Views, identity: &ReaderIdentity, query: &ListQuery| {
        let reader = views.read(ViewName::Board).expect("reads");
        let page = list(&reader, identity, query).expect("answers");
        assert!(!page.items.is_empty());
    };
    let at = AtomicU64::new(0);
    let word = || words[at.fetch_add(1, Ordering::Relaxed) as usize % words.len()];
    measure("board page", views, |views, who| run(views, who, &asked(&|_| {})));
    measure("board search", views, |views, who| run(views, who, &asked(&|query| query.q = Some(word().to_owned()))));
    measure("board search with total", views, |views, who| {
        run(views, who, &asked(&|query| (query.q, query.total) = (Some(word().to_owned()), true)));
    });
    measure("board by country and theme", views, |views, who| {
        run(
            views,
            who,
            &asked(&|query| {
                query.filters.countries = vec!["PE".to_owned()];
                query.filters.themes = vec!["sdg:3.8".to_owned()];
            }),
        );
    });
    measure("facets of a search", views, |views, who| {
        run(views, who, &asked(&|query| (query.q, query.facets) = (Some(word().to_owned()), true)));
    });
    measure("facets of the whole board", views, |views, who| run(views, who, &asked(&|query| query.facets = true)));
    let _ = anonymous;
}

fn measure(name: &str, views: &Views, question: impl Fn(&Views, &ReaderIdentity) + Sync) {
    let (count, deadline) = (AtomicU64::new(0), Instant::now() + Duration::from_secs(2));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let identity = ReaderIdentity::default();
                while Instant::now() < deadline {
                    question(views, &identity);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} per second on two threads");
}

async fn latency(views: &Views, ledger: &mut Ledger) {
    let mut story = Story::new(5);
    let mut waits = Vec::new();
    for _ in 0..600 {
        let tick = Instant::now() + Duration::from_millis(5);
        let until = ledger.head().0 + 25;
        story.tell(ledger, until);
        let recorded = Instant::now();
        ledger.commit().await;
        settle(views, ledger.head()).await;
        waits.push(recorded.elapsed());
        tokio::time::sleep_until(tick.into()).await;
    }
    waits.sort_unstable();
    let at = |share: f64| waits[(waits.len() as f64 * share) as usize - 1];
    println!(
        "recorded -> visible in all views, 25 events every 5 ms: p50 {:?}, p99 {:?}, max {:?}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
