//! Floors: the same bytes appended to a bare file with one fdatasync per drained batch, and an empty HTTP handler.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::{Duration, Instant},
};

/// What one command of the benches leaves in the log: entry, record and text.
pub(crate) const EVENT_BYTES: usize = 1_400;

type Waiting = SyncSender<()>;

/// Closed-loop clients that append to a bare file: appends per second and the latencies in seconds.
pub(crate) fn append(folder: &Path, clients: usize, how_long: Duration) -> anyhow::Result<(f64, Vec<f64>)> {
    let file = File::create(folder.join("floor"))?;
    let (queue, inbox) = sync_channel::<Waiting>(1_024);
    let writer = std::thread::spawn(move || write(file, &inbox));
    let until = Instant::now() + how_long;
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let queue = queue.clone();
            std::thread::spawn(move || client(&queue, until))
        })
        .collect();
    drop(queue);
    let began = Instant::now();
    let mut latencies = Vec::new();
    for thread in threads {
        latencies.extend(thread.join().map_err(|_| anyhow::anyhow!("a client of the floor panicked"))?);
    }
    let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
    writer.join().map_err(|_| anyhow::anyhow!("the writer of the floor panicked"))??;
    Ok((rate, latencies))
}

fn client(queue: &SyncSender<Waiting>, until: Instant) -> Vec<f64> {
    let (done, answer) = sync_channel(1);
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        if queue.send(done.clone()).is_err() || answer.recv().is_err() {
            break;
        }
        latencies.push(began.elapsed().as_secs_f64());
    }
    latencies
}

fn write(mut file: File, inbox: &Receiver<Waiting>) -> std::io::Result<()> {
    let event = vec![b'x'; EVENT_BYTES];
    let mut bytes = Vec::new();
    let mut waiting = Vec::new();
    while let Ok(first) = inbox.recv() {
        waiting.push(first);
        waiting.extend(inbox.try_iter());
        bytes.clear();
        for _ in &waiting {
            bytes.extend_from_slice(&event);
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        for done in waiting.drain(..) {
            let _ = done.send(());
        }
    }
    Ok(())
}

/// Appends of `batch` events each, one after the other: events per second.
pub(crate) fn append_batches(folder: &Path, batch: usize, how_long: Duration) -> anyhow::Result<f64> {
    let mut file = File::create(folder.join("floor"))?;
    let bytes = vec![b'x'; EVENT_BYTES * batch];
    let (began, mut events) = (Instant::now(), 0);
    while began.elapsed() < how_long {
        file.write_all(&bytes)?;
        file.sync_data()?;
        events += batch;
    }
    Ok(events as f64 / began.elapsed().as_secs_f64())
}

/// A router whose one handler reads its body and answers 201 with nothing.
pub(crate) fn empty_router() -> axum::Router {
    async fn empty(_body: axum::body::Bytes) -> axum::http::StatusCode {
        axum::http::StatusCode::CREATED
    }
    axum::Router::new().route("/{*path}", axum::routing::any(empty))
}
