//! How fast batches are committed, beside a bare transaction loop of librdkafka with the same messages, and how fast a new node
//! copies them. A tuning bench: it asserts nothing.
//!
//! `cargo run --release -p convenio-kafka --example transactions -- <bootstrap servers> [seconds for each size] [size]`
#![allow(clippy::print_stdout)]

use convenio_events::{RecordedEvent, Sequence, log::EventLog as _};
use convenio_journal::{Access, Journal};
use convenio_kafka::{Address, KafkaLog, Settings, measuring};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZES: [u64; 5] = [1, 32, 109, 450, 2_000];
/// How many batches do not count yet when the next is handed over, that one included.
const UNDER_WAY: [usize; 2] = [1, measuring::UNDER_WAY];
/// With it, an event's message has about 900 bytes.
const TEXT_BYTES: usize = 200;

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let bootstrap = arguments.next().ok_or("which bootstrap servers?")?;
    let seconds = arguments.next().map_or(Ok(5), |seconds| seconds.parse())?;
    let lasts = Duration::from_secs(seconds);
    let only = arguments.next().map(|size| size.parse::<u64>()).transpose()?;
    let mut events = 0;
    let settings = settings(&bootstrap)?;
    let data = tempfile::tempdir()?;
    let began = Instant::now();
    let log = KafkaLog::open(settings.clone(), Journal::open(data.path(), Access::ReadWrite)?).await?;
    let opened = began.elapsed();
    let mut writer = log.open_writer().await?.writer;
    println!("opened in {opened:.1?}, writer in {:.1?}", began.elapsed() - opened);
    println!("{:>6}  {:>22}  {:>38}", "batch", "", "a batch takes: p50, p99, max");
    for size in SIZES.into_iter().filter(|size| only.is_none_or(|only| only == *size)) {
        let floor = bare(&bootstrap, size, lasts).await?;
        floor.print("bare transactions", size);
        for under_way in UNDER_WAY {
            let batches: Vec<_> =
                (0..floor.taken.len() as u64).map(|n| batch(events + n * size..events + (n + 1) * size)).collect();
            events += batches.len() as u64 * size;
            let (taken, spent) = measuring::submit_all(&mut *writer, batches, under_way).await?;
            let ours = Figures { taken, spent };
            ours.print(&format!("{under_way} under way"), size);
            println!("{size:>6}  {:>22}  {:>37.0} %", "of the floor", 100.0 * ours.rate(size) / floor.rate(size));
        }
    }
    drop((writer, log));
    copy(settings.clone(), events).await?;
    Ok(measuring::delete(&settings).await?)
}

fn settings(bootstrap: &str) -> Outcome<Settings> {
    let ledger = format!("{}{}", measuring::LEDGERS, uuid::Uuid::new_v4());
    let address: Address = format!("kafka://{bootstrap}/{ledger}").parse()?;
    Ok(Settings::new(address, "bench", [])?)
}

fn batch(range: std::ops::Range<u64>) -> Arc<Vec<RecordedEvent>> {
    Arc::new(range.map(|sequence| convenio_events::conformance::sample_event(sequence, TEXT_BYTES)).collect())
}

/// How long each batch took.
struct Figures {
    taken: Vec<Duration>,
    spent: Duration,
}

impl Figures {
    fn rate(&self, size: u64) -> f64 {
        (self.taken.len() as u64 * size) as f64 / self.spent.as_secs_f64()
    }

    fn print(&self, what: &str, size: u64) {
        let mut taken = self.taken.clone();
        taken.sort_unstable();
        let at = |part: usize| taken.get(taken.len() * part / 100).copied().unwrap_or_default();
        let max = taken.last().copied().unwrap_or_default();
        let stalls = taken.iter().filter(|taken| **taken >= Duration::from_millis(100)).count();
        println!(
            "{size:>6}  {what:>22}  {:>9.0} events/s  {:>8.1?} {:>8.1?} {:>8.1?}  {stalls} of {} took 100 ms or more",
            self.rate(size),
            at(50),
            at(99),
            max,
            taken.len()
        );
    }
}

/// The same bytes to topics of the same kind, one transaction for each batch, with nothing of ours in between.
async fn bare(bootstrap: &str, size: u64, lasts: Duration) -> Outcome<Figures> {
    let bytes = batch(0..1).iter().map(RecordedEvent::size).sum::<usize>() + 100;
    let settings = settings(bootstrap)?;
    let taken = measuring::bare_transactions(&settings, size, bytes, lasts).await?;
    measuring::delete(&settings).await?;
    Ok(Figures { spent: taken.iter().sum(), taken })
}

/// A node with an empty folder, until it has everything.
async fn copy(settings: Settings, events: u64) -> Outcome<()> {
    let data = tempfile::tempdir()?;
    let began = Instant::now();
    let log = KafkaLog::open(settings, Journal::open(data.path(), Access::ReadWrite)?).await?;
    let mut head = log.head();
    head.wait_for(|head| *head > Sequence::ZERO).await?;
    let first = Instant::now();
    let from = head.borrow().0;
    head.wait_for(|head| head.0 >= events).await?;
    let rate = (events - from) as f64 / first.elapsed().as_secs_f64();
    println!("a new node copied {events} events in {:.1?}: {rate:.0} events/s after the first", began.elapsed());
    Ok(())
}
