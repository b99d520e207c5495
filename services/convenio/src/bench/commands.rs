//! Recording: one command's processor time, durable commands over HTTP, and NDJSON batches.

use super::{
    Bench, Served, floor, load,
    report::{Figure, quantile},
    runtime, serve,
    spent::Spent,
    workload,
};
use convenio_events::{
    RecordedEvent, Sequence,
    log::{AppendError, EventLog, LogWriter, OpenError, OpenedWriter, ReadError},
};
use convenio_ledger::{
    clock::{Clock, Reading},
    entropy::Entropy,
    genesis::Opening,
    memory_stores::{MemoryIndex, MemoryState},
    sequencer::{Parts, Sequencer, SnapshotCursor},
};
use std::{
    sync::{Arc, mpsc::sync_channel},
    time::{Duration, Instant},
};
use tokio::sync::watch;

struct StillClock(convenio_events::Timestamp);

impl Clock for StillClock {
    fn read(&mut self) -> Reading {
        Reading { wall: self.0, since_boot: Duration::ZERO }
    }
    fn is_synchronised(&mut self) -> bool {
        true
    }
}

/// A log that keeps nothing: what remains is the work of deciding.
#[derive(Clone)]
struct Nowhere(watch::Sender<Sequence>);

impl Default for Nowhere {
    fn default() -> Self {
        Self(watch::Sender::new(Sequence::ZERO))
    }
}

#[async_trait::async_trait]
impl EventLog for Nowhere {
    async fn open_writer(&self) -> Result<OpenedWriter, OpenError> {
        Ok(OpenedWriter { writer: Box::new(self.clone()), head: Sequence::ZERO })
    }
    async fn read(&self, _from: Sequence, _limit: usize) -> Result<Vec<RecordedEvent>, ReadError> {
        Ok(Vec::new())
    }
    fn head(&self) -> watch::Receiver<Sequence> {
        self.0.subscribe()
    }
}

#[async_trait::async_trait]
impl LogWriter for Nowhere {
    async fn append(&mut self, batch: Arc<Vec<RecordedEvent>>) -> Result<(), AppendError> {
        if let Some(last) = batch.last() {
            self.0.send_replace(last.sequence.next());
        }
        Ok(())
    }
}

/// Decide, evolve and encode one command, on one core, with a log that keeps nothing; the queue between is included.
pub(super) fn decide(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    const COMMANDS: u64 = 200_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let seconds = runtime.block_on(async {
        let (_, elected) = tokio::sync::watch::channel(1);
        let token = [7; 32];
        let (sequencer, ledger) = Sequencer::new(Parts {
            log: Arc::new(Nowhere::default()),
            state: Arc::new(MemoryState::default()),
            snapshot: SnapshotCursor::default(),
            index: Arc::new(MemoryIndex::default()),
            clock: Box::new(StillClock(chrono::Utc::now().into())),
            entropy: Entropy::from_seed(1),
            attempts: 25,
            counts: Arc::default(),
            elsewhere: None,
            opening: Some(Opening {
                ledger: convenio_events::LedgerId::new(uuid::Uuid::from_u128(1)),
                origin: "bench.invalid/log".to_owned(),
                key: "bench".to_owned(),
                time_zone: convenio_events::time::TimeZone::UTC,
                purpose: convenio_events::codes::Purpose::Production,
                admin_token: convenio_events::commitment::token_digest(&token),
                sample: false,
            }),
            elected,
        });
        let running = tokio::spawn(sequencer.run());
        let recorder = workload::recorder_of(&ledger).await?;
        let mut spent = 0.0;
        for chunk in (0..COMMANDS).step_by(8_192) {
            // Parsing is the caller's work and is not counted here.
            let ready: Vec<_> = (chunk..(chunk + 8_192).min(COMMANDS))
                .map(|n| {
                    let (name, data) = workload::command(n);
                    recorder.submission(workload::command_id(n), name, &data)
                })
                .collect();
            let began = Instant::now();
            let mut last = None;
            for submission in ready {
                last = Some(ledger.enqueue(submission).map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?);
            }
            if let Some(last) = last {
                last.await?.map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
            }
            spent += began.elapsed().as_secs_f64();
        }
        drop(ledger);
        running.await??;
        anyhow::Ok(spent)
    })?;
    bench.add(Figure::new("decide, evolve, encode one command (one core)", seconds * 1e6 / COMMANDS as f64, "us"));
    Ok(())
}

/// Durable commands over HTTP from closed-loop clients, beside a bare file and an empty handler.
pub(super) fn over_http(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for clients in [1, 16, 64] {
        let folder = bench.folder.join(format!("commands-{clients}"));
        std::fs::create_dir(&folder)?;
        let (file, mut file_latencies) = floor::append(&folder, clients, bench.how_long)?;
        let empty = empty_handler(bench, clients)?;
        let served = Served::start(&folder)?;
        let recorder = served.runtime.block_on(workload::recorder(&served.node))?;
        let spent = Spent::now();
        let mut seen = publish(&served, &recorder, 0, clients, bench.how_long)?;
        let spent = spent.until_now();
        served.stop()?;
        bench.add(
            Figure::new(
                format!("durable commands over HTTP, {clients} clients (floor: bare file)"),
                seen.rate,
                "commands/s",
            )
            .beside(file),
        );
        bench.add(
            Figure::new(format!("  the same (floor: empty handler), {clients} clients"), seen.rate, "commands/s")
                .beside(empty),
        );
        let p99 = quantile(&mut seen.latencies, 0.99) * 1e3;
        let floor_p99 = quantile(&mut file_latencies, 0.99) * 1e3;
        bench.add(
            Figure::new(format!("  p99 of a command, {clients} clients (floor: bare file)"), p99, "ms")
                .beside(floor_p99),
        );
        if clients == 64 {
            spent.add(bench, seen.latencies.len() as f64, "command");
        }
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(())
}

/// Closed-loop clients that publish offers, from number `from` on.
pub(super) fn publish(
    served: &Served,
    recorder: &workload::Recorder,
    from: u64,
    clients: usize,
    how_long: Duration,
) -> anyhow::Result<load::Seen> {
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", recorder.token);
    load::run(served.address, clients, how_long, move |n| {
        let n = from + n;
        let headers = format!("{headers}Idempotency-Key: {}\r\n", workload::command_id(n));
        load::request("POST", "/api/v1/commands/publish-offer", &headers, &workload::publish(n))
    })
}

fn empty_handler(bench: &Bench<'_>, clients: usize) -> anyhow::Result<f64> {
    let runtime = runtime()?;
    let (address, server) = serve(&runtime, floor::empty_router())?;
    let seen = load::run(address, clients, bench.how_long, |n| {
        load::request("POST", "/api/v1/commands/publish-offer", "", &workload::publish(n))
    })?;
    server.abort();
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(seen.rate)
}

/// NDJSON batches end to end, beside appends of as many events to a bare file.
pub(super) fn batches(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let folder = bench.folder.join("batches");
    std::fs::create_dir(&folder)?;
    let file = floor::append_batches(&folder, 1_000, bench.how_long)?;
    let served = Served::start(&folder)?;
    let recorder = served.runtime.block_on(workload::recorder(&served.node))?;
    let (spent, before) = (Spent::now(), served.node.log.head().borrow().0);
    let rate = send_batches(&served, &recorder, 0, bench.how_long)?;
    let (spent, events) = (spent.until_now(), served.node.log.head().borrow().0 - before);
    bench.add(Figure::new("NDJSON batch, end to end (floor: bare file, 1,000 a sync)", rate, "events/s").beside(file));
    spent.add(bench, events as f64, "event");
    served.stop()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Sends batches one after the other, from command number `next` on; events per second. Each is made while the one before is
/// recorded, as a client's own data would be there.
pub(super) fn send_batches(
    served: &Served,
    recorder: &workload::Recorder,
    next: u64,
    how_long: Duration,
) -> anyhow::Result<f64> {
    const LINES: u64 = 20_000;
    let client = runtime()?;
    let url = format!("http://{}/api/v1/commands", served.address);
    let (sender, bodies) = sync_channel::<String>(0);
    let writing = std::thread::spawn(move || {
        // Until nobody takes another.
        (0..)
            .map(|batch| next + batch * LINES)
            .try_for_each(|from| sender.send((from..from + LINES).map(line).collect()))
    });
    let mut body = bodies.recv()?;
    let (began, mut sent) = (Instant::now(), 0);
    while began.elapsed() < how_long {
        let answer = client.block_on(async {
            let request = reqwest::Client::new().post(&url).bearer_auth(&recorder.token);
            let request = request.header("Content-Type", "application/x-ndjson").body(body);
            anyhow::Ok(request.send().await?.error_for_status()?.text().await?)
        })?;
        let last = answer.lines().last().unwrap_or_default();
        anyhow::ensure!(last.contains(&format!("\"accepted\":{LINES}")), "a batch was not accepted whole: {last}");
        sent += LINES;
        body = bodies.recv()?;
    }
    let rate = sent as f64 / began.elapsed().as_secs_f64();
    drop(bodies);
    // It ends with the error that nobody takes its last one.
    let _ = writing.join();
    Ok(rate)
}

fn line(n: u64) -> String {
    let (name, data) = workload::command(n);
    format!("{{\"command\":\"{name}\",\"id\":\"{}\",\"data\":{data}}}\n", workload::command_id(n))
}
