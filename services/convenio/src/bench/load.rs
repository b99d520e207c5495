//! Closed-loop HTTP clients, as light as they can be: prepared bytes out, status and length in. They share the cores with the server.

use anyhow::{Context as _, bail};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A POST or GET as bytes.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: bench\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// What a run of clients saw.
pub(crate) struct Seen {
    /// Answers per second.
    pub(crate) rate: f64,
    /// How long each took, in seconds.
    pub(crate) latencies: Vec<f64>,
}

/// Runs `clients` against a server for a while; `make` makes request number `n`. Any answer but 2xx ends it with an error.
pub(crate) fn run(
    address: SocketAddr,
    clients: usize,
    how_long: Duration,
    make: impl Fn(u64) -> Vec<u8> + Send + Sync + 'static,
) -> anyhow::Result<Seen> {
    let make = Arc::new(make);
    let next = Arc::new(AtomicU64::new(0));
    let run = move || -> anyhow::Result<Seen> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let began = Instant::now();
            let until = began + how_long;
            let tasks: Vec<_> =
                (0..clients).map(|_| tokio::spawn(client(address, until, make.clone(), next.clone()))).collect();
            let mut latencies = Vec::new();
            for task in tasks {
                latencies.extend(task.await??);
            }
            Ok(Seen { rate: latencies.len() as f64 / began.elapsed().as_secs_f64(), latencies })
        })
    };
    std::thread::spawn(run).join().map_err(|_| anyhow::anyhow!("the clients panicked"))?
}

async fn client(
    address: SocketAddr,
    until: Instant,
    make: Arc<impl Fn(u64) -> Vec<u8>>,
    next: Arc<AtomicU64>,
) -> anyhow::Result<Vec<f64>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 * 1024];
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let bytes = make(next.fetch_add(1, Ordering::Relaxed));
        let began = Instant::now();
        stream.write_all(&bytes).await?;
        answer(&mut stream, &mut buffer).await?;
        latencies.push(began.elapsed().as_secs_f64());
    }
    Ok(latencies)
}

async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        filled += read;
        let Some(end) = find(&buffer[..filled], b"\r\n\r\n") else { continue };
        let head = std::str::from_utf8(&buffer[..end]).context("the head of an answer")?;
        let length = content_length(head)?;
        if filled < end + 4 + length {
            continue;
        }
        if head.as_bytes().get(9) != Some(&b'2') {
            bail!("the server answered {}", String::from_utf8_lossy(&buffer[..filled]));
        }
        return Ok(());
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn content_length(head: &str) -> anyhow::Result<usize> {
    let line = head.lines().find(|line| line.len() > 15 && line[..15].eq_ignore_ascii_case("content-length:"));
    line.map_or(Ok(0), |line| Ok(line[15..].trim().parse()?))
}
