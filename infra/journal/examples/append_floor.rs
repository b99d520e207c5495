//! How fast batches are appended, beside the same bytes appended to a bare file. A tuning bench: it asserts nothing.
//!
//! `cargo run --release -p convenio-journal --example append_floor [folder]`
#![allow(clippy::print_stdout)]

use convenio_events::{
    RecordedEvent, Sequence,
    conformance::sample_event,
    log::{EventLog as _, LogWriter},
};
use convenio_journal::{Access, Journal};
use std::{
    fs::File,
    io::Write as _,
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// With record, entry and salts, a row of about 1.1 KB.
const TEXT_BYTES: usize = 230;
/// (events in a batch, batches)
const SHAPES: [(usize, usize); 5] = [(1, 4_000), (16, 3_000), (64, 3_000), (1_000, 400), (5_000, 120)];

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let folder = Path::new(&folder).join(format!("append-floor-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = run(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn run(folder: &Path) -> Outcome {
    println!("bytes of a row: {}", sample_event(1_000_000, TEXT_BYTES).size());
    println!("  batch | what    |  events/s |  p50 us |  p99 us | worst us | of the floor");
    let journal = Journal::open(folder, Access::ReadWrite)?;
    let mut writer = journal.open_writer().await?.writer;
    let mut next = 0;
    for (events, batches) in SHAPES {
        let floor = Times::new(events, append_bare(folder, events, batches)?);
        floor.print("file", None);
        let log = append(&mut *writer, &mut next, events, batches).await?;
        Times::new(events, log).print("journal", Some(floor.rate));
        let wal = folder.join("journal.db-wal").metadata()?.len() >> 20;
        println!("        | WAL {wal} MiB");
    }
    beside_readers(&journal, &mut *writer, &mut next).await?;
    let wal = folder.join("journal.db-wal").metadata()?.len() >> 20;
    println!("        | WAL {wal} MiB");
    scan(&journal, next)
}

/// Two threads that read all of the log, over and over: what readers cost, and whether the WAL still starts over.
async fn beside_readers(journal: &Journal, writer: &mut dyn LogWriter, next: &mut u64) -> Outcome {
    let stop = Arc::new(AtomicBool::new(false));
    let reader = || {
        let (journal, stop) = (journal.clone(), stop.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let read = journal.for_each_event(Sequence::ZERO, |_| {
                    if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                });
                read.expect("the journal can be read");
            }
        })
    };
    let readers = [reader(), reader()];
    let times = append(writer, next, 64, 6_000).await?;
    stop.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().map_err(|_| "a reader has failed")?;
    }
    Times::new(64, times).print("+ scans", None);
    Ok(())
}

fn batch(from: u64, events: usize) -> Vec<RecordedEvent> {
    (from..).take(events).map(|sequence| sample_event(sequence, TEXT_BYTES)).collect()
}

fn append_bare(folder: &Path, events: usize, batches: usize) -> std::io::Result<Vec<Duration>> {
    let path = folder.join("floor");
    let mut file = File::options().create(true).append(true).open(&path)?;
    let bytes = batch(0, events).iter().map(RecordedEvent::size).sum();
    let bytes = vec![b'x'; bytes];
    let mut times = Vec::with_capacity(batches);
    for _ in 0..batches {
        let began = Instant::now();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}

async fn append(
    writer: &mut dyn LogWriter,
    next: &mut u64,
    events: usize,
    batches: usize,
) -> Result<Vec<Duration>, Box<dyn std::error::Error>> {
    let mut times = Vec::with_capacity(batches);
    for _ in 0..batches {
        let batch = Arc::new(batch(*next, events));
        *next += events as u64;
        let began = Instant::now();
        writer.append(batch).await?;
        times.push(began.elapsed());
    }
    Ok(times)
}

fn scan(journal: &Journal, events: u64) -> Outcome {
    let rate = |began: Instant| events as f64 / began.elapsed().as_secs_f64();
    let mut bytes = 0;
    let began = Instant::now();
    journal.for_each_event(Sequence::ZERO, |event| {
        bytes += event.entry.len() + event.record.len() + event.text.map_or(0, str::len) + 64;
        ControlFlow::Continue(())
    })?;
    let mib = bytes >> 20;
    println!("for_each_event: {:.0} events/s ({events} events, {mib} MiB)", rate(began));
    let began = Instant::now();
    journal.for_each_entry(Sequence::ZERO, |_, entry| {
        bytes += entry.len();
        ControlFlow::Continue(())
    })?;
    println!("for_each_entry: {:.0} events/s", rate(began));
    let began = Instant::now();
    let mut from = Sequence::ZERO;
    while let Some(last) = journal.read_sync(from, 5_000)?.last() {
        from = last.sequence.next();
    }
    println!("read_sync by 5000: {:.0} events/s", rate(began));
    Ok(())
}

struct Times {
    events: usize,
    rate: f64,
    sorted: Vec<Duration>,
}

impl Times {
    fn new(events: usize, mut sorted: Vec<Duration>) -> Self {
        let rate = (events * sorted.len()) as f64 / sorted.iter().sum::<Duration>().as_secs_f64();
        sorted.sort_unstable();
        Self { events, rate, sorted }
    }

    fn print(&self, what: &str, floor: Option<f64>) {
        let micros = |share: f64| {
            let place = ((self.sorted.len() - 1) as f64 * share) as usize;
            self.sorted.get(place).map_or(0, Duration::as_micros)
        };
        let share = floor.map_or(String::new(), |floor| format!("{:.2}", self.rate / floor));
        println!(
            "{:7} | {what:7} | {:9.0} | {:7} | {:7} | {:8} | {share}",
            self.events,
            self.rate,
            micros(0.5),
            micros(0.99),
            micros(1.0),
        );
    }
}
