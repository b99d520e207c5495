//! Reads over HTTP, and the Merkle tree: as fast as the entries can be hashed.

use super::{Bench, Served, config, floor, load, report::Figure, runtime, serve};
use convenio_events::Sequence;
use convenio_journal::{Access, Journal};
use convenio_notary::{CompactRange, leaf_hash};
use sha2::{Digest as _, Sha256};
use std::{path::Path, time::Instant};

/// Words of the recorded texts that need no escape in a URL, and one that is spelt without its accent.
const SEARCHED: [&str; 11] = [
    "vacunacion",
    "community",
    "health",
    "accompaniment",
    "tuberculosis",
    "rural",
    "clinic",
    "hospital",
    "mental",
    "district",
    "training",
];

/// One record, a board with search, a board with facet counts, from 16 clients.
pub(super) fn reads(bench: &mut Bench<'_>, served: &Served) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let (address, server) = serve(&runtime, floor::empty_router())?;
    let empty = load::run(address, 16, bench.how_long, |_| load::request("GET", "/api/v1/offers", "", ""))?.rate;
    server.abort();
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    let offers = bench.events / 5;
    type Path = fn(u64, u64) -> String;
    let kinds: [(&str, Path); 3] = [
        ("one record", |n, offers| format!("/api/v1/offers/{}", super::workload::offer_id(n * 7919 % offers))),
        // Two words that many offers have, each pair another question.
        ("board with search", |n, _| {
            let word = |n: u64| SEARCHED[(n % SEARCHED.len() as u64) as usize];
            format!("/api/v1/offers?q={}%20{}&limit=20", word(n * 7919), word(n / 7))
        }),
        ("board with facet counts", |n, _| {
            format!("/api/v1/offers?facets=true&limit=20&country={}", ["PE", "MX", "HT", "BR"][(n % 4) as usize])
        }),
    ];
    for (name, path) in kinds {
        let seen =
            load::run(served.address, 16, bench.how_long, move |n| load::request("GET", &path(n, offers), "", ""))?;
        bench.add(Figure::new(format!("reads: {name} (floor: empty handler)"), seen.rate, "reads/s").beside(empty));
    }
    Ok(())
}

/// Leaves and root over every entry, beside SHA-256 of the same bytes.
pub(super) fn tree(bench: &mut Bench<'_>, folder: &Path) -> anyhow::Result<()> {
    let journal = Journal::open(&config(folder).data, Access::ReadOnly)?;
    let entries: Vec<Box<str>> =
        journal.read_sync(Sequence::ZERO, 10_000)?.into_iter().map(|event| event.entry).collect();
    let rounds = (bench.events as usize / entries.len().max(1)).max(1);
    let count = (rounds * entries.len()) as f64;
    let began = Instant::now();
    let mut hash = Sha256::new();
    for _ in 0..rounds {
        for entry in &entries {
            hash.update(entry.as_bytes());
            let _ = std::hint::black_box(hash.finalize_reset());
        }
    }
    let floor = count / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let mut range = CompactRange::new();
    for _ in 0..rounds {
        for entry in &entries {
            range.append(leaf_hash(entry.as_bytes()));
        }
    }
    std::hint::black_box(range.root());
    let rate = count / began.elapsed().as_secs_f64();
    bench.add(Figure::new("notary follows (floor: SHA-256 of the entries)", rate, "entries/s").beside(floor));
    Ok(())
}
