//! Recording on Kafka: each figure beside a bare loop of librdkafka's transactions with batches of the same size. Its ledgers on
//! the brokers are named `bench-...` and are deleted at the end.

use super::{
    Bench, Served, commands, live,
    report::{Figure, quantile},
    spent::Spent,
    workload,
};
use crate::config;
use convenio_events::{RecordedEvent, Sequence, causes::with_causes, conformance::sample_event, log::EventLog as _};
use convenio_journal::{Access, Journal};
use convenio_kafka::{Address, KafkaLog, Settings, measuring};
use std::{
    cell::RefCell,
    collections::VecDeque,
    path::Path,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// How often it is looked how far a follower is: the resolution of its lag.
const LOOK: Duration = Duration::from_millis(1);

/// Where the benches' ledgers are.
struct Place<'a> {
    address: Address,
    properties: &'a [(String, String)],
    /// Those that were made.
    ledgers: RefCell<Vec<String>>,
}

impl Place<'_> {
    /// The name of a ledger that was not there before.
    fn new_ledger(&self) -> String {
        let ledger = format!("{}{}", measuring::LEDGERS, uuid::Uuid::new_v4());
        self.ledgers.borrow_mut().push(ledger.clone());
        ledger
    }

    /// Deletes them; what a broker refuses stays and is named.
    fn clear(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for ledger in self.ledgers.take() {
            if let Err(error) = runtime.block_on(measuring::delete(&self.settings("bench", &ledger)?)) {
                tracing::warn!(ledger, error = %with_causes(&error), "a bench's topics are still there");
            }
        }
        Ok(())
    }

    fn settings(&self, node: &str, ledger: &str) -> anyhow::Result<Settings> {
        let address = Address { ledger: ledger.to_owned(), ..self.address.clone() };
        let variables = config::properties_of(std::env::vars());
        Ok(Settings::new(address, node, variables.chain(self.properties.iter().cloned()))?)
    }
}

/// Everything that concerns a log on Kafka.
pub(super) fn all(bench: &mut Bench<'_>, log: &str, properties: &[(String, String)]) -> anyhow::Result<()> {
    let place = Place { address: log.parse()?, properties, ledgers: RefCell::default() };
    let outcome = figures(bench, &place);
    place.clear()?;
    outcome
}

fn figures(bench: &mut Bench<'_>, place: &Place<'_>) -> anyhow::Result<()> {
    let folder = bench.folder.join("kafka");
    std::fs::create_dir(&folder)?;
    let ledger = place.new_ledger();
    let served = Served::start_on(&folder, config::LogChoice::Kafka(Box::new(place.settings("bench", &ledger)?)))?;
    let recorder = served.runtime.block_on(workload::recorder(&served.node))?;
    lonely(bench, place, &served, &recorder)?;
    for (number, clients) in (1..).zip([64, 256]) {
        let name = format!("durable commands over HTTP, {clients} clients");
        let run = || Ok(commands::publish(&served, &recorder, number << 40, clients, bench.how_long)?.rate);
        let measured = Measured::of(&served, run)?;
        measured.add(bench, place, &served.runtime, &name, "commands/s")?;
    }
    let measured = Measured::of(&served, || commands::send_batches(&served, &recorder, 0, bench.how_long))?;
    measured.add(bench, place, &served.runtime, "NDJSON batch, end to end", "events/s")?;
    // Another node is another machine's work: it is there only while it is looked at.
    let follower = Follower::start(&served.runtime, place, &ledger, &bench.folder.join("follower"))?;
    let head = *served.node.log.head().borrow();
    served.runtime.block_on(follower.log.head().wait_for(|copied| *copied >= head))?;
    lag(bench, &served, &recorder, &follower)?;
    catching_up(bench, place, &served, &ledger)?;
    drop(follower);
    served.stop()
}

/// One client that waits for each answer, beside transactions of one event.
fn lonely(
    bench: &mut Bench<'_>,
    place: &Place<'_>,
    served: &Served,
    recorder: &workload::Recorder,
) -> anyhow::Result<()> {
    let measured = Measured::of(served, || {
        let seen = commands::publish(served, recorder, 5 << 40, 1, bench.how_long)?;
        Ok(seen.latencies)
    })?;
    let mut floor = measured.floor(place, &served.runtime, bench.how_long)?;
    let (mut alone, _) = measured.alone(bench, place, &served.runtime, (floor.len(), 1))?;
    let (ours, bare) = (quantile(&mut alone, 0.5) * 1e3, quantile(&mut floor, 0.5) * 1e3);
    bench.add(Figure::new("  the log alone, p50 (floor: bare transaction)", ours, "ms").beside(bare));
    let mut seen = measured.seen;
    for (name, q) in [("p50", 0.5), ("p99", 0.99), ("longest", 1.0)] {
        let (ours, bare) = (quantile(&mut seen, q) * 1e3, quantile(&mut floor, q) * 1e3);
        bench
            .add(Figure::new(format!("one lonely command, {name} (floor: bare transaction)"), ours, "ms").beside(bare));
    }
    Ok(())
}

/// What was seen while the node committed batches of this size.
struct Measured<T> {
    seen: T,
    spent: Spent,
    all: u64,
    events: u64,
    bytes: usize,
}

impl<T> Measured<T> {
    fn of(served: &Served, run: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Self> {
        let counts = served.node.ledger.counts();
        let now = || [&counts.batches, &counts.events, &counts.bytes].map(|counter| counter.load(Relaxed));
        let (before, spent) = (now(), Spent::now());
        let seen = run()?;
        let (after, spent) = (now(), spent.until_now());
        let [batches, events, bytes] = std::array::from_fn(|n| after[n] - before[n]);
        let mean = |sum: u64, of: u64| (sum as f64 / of.max(1) as f64).round();
        let (each, bytes) = (mean(events, batches).max(1.0) as u64, mean(bytes, events) as usize);
        Ok(Self { seen, spent, all: events, events: each, bytes })
    }

    /// Seconds of bare transactions of the same size, one after the other.
    fn floor(&self, place: &Place<'_>, runtime: &Runtime, how_long: Duration) -> anyhow::Result<Vec<f64>> {
        let settings = place.settings("bench", &place.new_ledger())?;
        let taken = runtime.block_on(measuring::bare_transactions(&settings, self.events, self.bytes, how_long))?;
        Ok(taken.iter().map(Duration::as_secs_f64).collect())
    }

    /// As many batches through the log as the sequencer has it, without HTTP, deciding, index and views: sealed, committed and
    /// read back. At most `under_way` at a time do not count yet. Seconds of each, and of all.
    fn alone(
        &self,
        bench: &Bench<'_>,
        place: &Place<'_>,
        runtime: &Runtime,
        (batches, under_way): (usize, usize),
    ) -> anyhow::Result<(Vec<f64>, f64)> {
        let folder = bench.folder.join("alone");
        std::fs::create_dir(&folder)?;
        let settings = place.settings("alone", &place.new_ledger())?;
        let bare = sample_event(0, 1).size();
        let event = |sequence| sample_event(sequence, self.bytes.saturating_sub(bare));
        let batches = (0..batches as u64).map(|n| (n * self.events..(n + 1) * self.events).map(event).collect());
        // Made ahead, so that making them is not measured.
        let batches: Vec<Arc<Vec<RecordedEvent>>> = batches.map(Arc::new).collect();
        let (taken, all) = runtime.block_on(async {
            let journal = Journal::open(&folder, Access::ReadWrite)?;
            let log = KafkaLog::open(settings, journal).await?;
            let mut writer = log.open_writer().await?.writer;
            anyhow::Ok(measuring::submit_all(&mut *writer, batches, under_way).await?)
        })?;
        std::fs::remove_dir_all(&folder)?;
        Ok((taken.iter().map(Duration::as_secs_f64).collect(), all.as_secs_f64()))
    }
}

impl Measured<f64> {
    fn add(
        self,
        bench: &mut Bench<'_>,
        place: &Place<'_>,
        runtime: &Runtime,
        name: &str,
        unit: &'static str,
    ) -> anyhow::Result<()> {
        let rate = |batches: usize, seconds: f64| (batches as u64 * self.events) as f64 / seconds;
        let floor = self.floor(place, runtime, bench.how_long)?;
        let (alone, seconds) = self.alone(bench, place, runtime, (floor.len(), measuring::UNDER_WAY))?;
        let (floor, alone) = (rate(floor.len(), floor.iter().sum()), rate(alone.len(), seconds));
        let name = format!("{name} (floor: bare, {} a transaction)", self.events);
        bench.add(Figure::new(name, self.seen, unit).beside(floor));
        let name = format!("  the log alone, {} a transaction (floor: bare)", self.events);
        bench.add(Figure::new(name, alone, "events/s").beside(floor));
        self.spent.add(bench, self.all as f64, "event");
        Ok(())
    }
}

/// A node's copy alone.
struct Follower {
    log: KafkaLog,
}

impl Follower {
    fn start(runtime: &Runtime, place: &Place<'_>, ledger: &str, folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir(folder)?;
        let journal = Journal::open(folder, Access::ReadWrite)?;
        let log = runtime.block_on(KafkaLog::open(place.settings("follower", ledger)?, journal))?;
        Ok(Self { log })
    }

    fn head(&self) -> Sequence {
        *self.log.head().borrow()
    }
}

/// From an event in the writer's journal to the same in another node's, under load.
fn lag(
    bench: &mut Bench<'_>,
    served: &Served,
    recorder: &workload::Recorder,
    follower: &Follower,
) -> anyhow::Result<()> {
    let head = served.node.log.head();
    let until = Instant::now() + bench.how_long;
    let mut seconds = std::thread::scope(|scope| {
        let load = scope.spawn(|| commands::publish(served, recorder, 7 << 40, 64, bench.how_long));
        let (mut waiting, mut seconds): (VecDeque<(Sequence, Instant)>, Vec<f64>) = (VecDeque::new(), Vec::new());
        while Instant::now() < until || !waiting.is_empty() {
            let now = *head.borrow();
            if waiting.back().is_none_or(|(last, _)| *last < now) && Instant::now() < until {
                waiting.push_back((now, Instant::now()));
            }
            let copied = follower.head();
            while let Some((_, at)) = waiting.pop_front_if(|(sequence, _)| *sequence <= copied) {
                seconds.push(at.elapsed().as_secs_f64());
            }
            std::thread::sleep(LOOK);
        }
        load.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
        anyhow::Ok(seconds)
    })?;
    let p99 = quantile(&mut seconds, 0.99) * 1e3;
    bench.add(Figure::new("a follower's lag behind the writer, p99 at 64 clients", p99, "ms"));
    Ok(())
}

/// A node with an empty folder, until it has everything.
fn catching_up(bench: &mut Bench<'_>, place: &Place<'_>, served: &Served, ledger: &str) -> anyhow::Result<()> {
    let events = *served.node.log.head().borrow();
    // What the first node still has to fold would take the newcomer's processors.
    while live::least_position(served) < events {
        std::thread::sleep(LOOK);
    }
    let began = Instant::now();
    let newcomer = Follower::start(&served.runtime, place, ledger, &bench.folder.join("newcomer"))?;
    let mut head = newcomer.log.head();
    let first = *served.runtime.block_on(head.wait_for(|head| *head > Sequence::ZERO))?;
    let (opened, copying) = (began.elapsed(), Instant::now());
    served.runtime.block_on(head.wait_for(|head| *head >= events))?;
    let rate = (events.0 - first.0) as f64 / copying.elapsed().as_secs_f64();
    bench.add(Figure::new("a new node, until it has copied the first events", opened.as_secs_f64(), "s"));
    bench.add(Figure::new(format!("  from then on, until it has copied {events}"), rate, "events/s"));
    Ok(())
}
