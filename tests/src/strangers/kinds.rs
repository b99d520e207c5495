//! Each kind of stranger: what it sends, and what it leaves unread. It counts what the node ended.

use rand::RngExt as _;
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// How a stranger wears a node out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Opens connections and says nothing.
    Idle,
    /// Sends a request's head a byte at a time.
    HalfHead,
    /// Begins batches with made-up tokens, and sends a byte now and then.
    SlowBody,
    /// Asks for long lists and reads nothing of them.
    SlowReader,
    /// Opens event streams and reads nothing.
    Stream,
    /// Asks again and again, each time with another token that nobody was given.
    MadeUpTokens,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::HalfHead, Self::SlowBody, Self::SlowReader, Self::Stream, Self::MadeUpTokens];

    /// Its name in a table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle connections",
            Self::HalfHead => "half heads",
            Self::SlowBody => "slow bodies, made-up tokens",
            Self::SlowReader => "lists that are not read",
            Self::Stream => "streams that are not read",
            Self::MadeUpTokens => "requests with made-up tokens",
        }
    }
}

/// So many connections of a kind from an address.
#[derive(Clone, Copy, Debug)]
pub struct Stranger {
    /// What they do.
    pub kind: Kind,
    /// Where they come from.
    pub from: Ipv4Addr,
    /// How many.
    pub connections: usize,
}

/// Strangers at work.
#[derive(Debug)]
pub struct Strangers {
    /// Connections that the node ended, or did not take in, of each kind.
    ended: Arc<[AtomicUsize; Kind::ALL.len()]>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Strangers {
    /// Sends them; each connection is opened once, except by those who ask again and again.
    pub fn at(node: SocketAddr, strangers: &[Stranger]) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut all = Self { ended: Arc::default(), stop, tasks: JoinSet::new() };
        for stranger in strangers.iter().flat_map(|stranger| std::iter::repeat_n(*stranger, stranger.connections)) {
            let (ended, mut stopped) = (all.ended.clone(), stopped.clone());
            all.tasks.spawn(async move {
                let act = async {
                    loop {
                        if let Ok(mut stream) = connect(node, stranger.from).await {
                            // It goes on until the node ends it.
                            let _ = act(stranger.kind, &mut stream).await;
                        }
                        ended[stranger.kind as usize].fetch_add(1, Relaxed);
                        if stranger.kind != Kind::MadeUpTokens {
                            return;
                        }
                    }
                };
                tokio::select! { () = act => {}, _ = stopped.wait_for(|stop| *stop) => {} }
            });
        }
        all
    }

    /// How many connections of a kind the node has ended.
    pub fn ended(&self, kind: Kind) -> usize {
        self.ended[kind as usize].load(Relaxed)
    }

    /// Takes them away.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn connect(node: SocketAddr, from: Ipv4Addr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    // Whoever does not read has no room for what was not read.
    socket.set_recv_buffer_size(4_096)?;
    socket.connect(node).await
}

/// A token of the right form.
fn token() -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = rand::rng();
    let mut token: String = (0..42).map(|_| char::from(LETTERS[random.random_range(0..LETTERS.len())])).collect();
    // The last character holds two bits that are no part of 32 bytes.
    token.push('A');
    token
}

/// Does what the kind does, until the node ends the connection.
async fn act(kind: Kind, stream: &mut TcpStream) -> std::io::Result<()> {
    match kind {
        Kind::Idle => until_ended(stream).await,
        Kind::HalfHead => {
            stream.write_all(b"GET /api/v1/offers HTTP/1.1\r\nhost: node\r\nx-slow: ").await?;
            drip(stream, Duration::from_secs(2)).await
        }
        Kind::SlowBody => {
            let head = format!(
                "POST /api/v1/commands HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {}\r\n\
                 content-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n",
                token()
            );
            stream.write_all(head.as_bytes()).await?;
            loop {
                stream.write_all(b"1\r\n \r\n").await?;
                pause_or_end(stream, Duration::from_secs(10)).await?;
            }
        }
        Kind::SlowReader => {
            stream.write_all(b"GET /api/v1/learnings?limit=200 HTTP/1.1\r\nhost: node\r\n\r\n").await?;
            until_cut(stream).await
        }
        Kind::Stream => {
            let head = b"GET /api/v1/events?from=0 HTTP/1.1\r\nhost: node\r\naccept: text/event-stream\r\n\r\n";
            stream.write_all(head).await?;
            until_cut(stream).await
        }
        Kind::MadeUpTokens => loop {
            let head =
                format!("GET /api/v1/offers HTTP/1.1\r\nhost: node\r\nauthorization: Bearer {}\r\n\r\n", token());
            stream.write_all(head.as_bytes()).await?;
            let mut answer = [0; 4_096];
            if stream.read(&mut answer).await? == 0 {
                return Ok(());
            }
        },
    }
}

/// Reads what comes, until nothing more does.
async fn until_ended(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut bytes = [0; 1_024];
    while stream.read(&mut bytes).await? > 0 {}
    Ok(())
}

/// Reads nothing, until the connection is reset.
async fn until_cut(stream: &mut TcpStream) -> std::io::Result<()> {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
    }
}

async fn drip(stream: &mut TcpStream, every: Duration) -> std::io::Result<()> {
    loop {
        pause_or_end(stream, every).await?;
        stream.write_all(b"a").await?;
    }
}

/// Waits; an error where the node ended the connection meanwhile.
async fn pause_or_end(stream: &mut TcpStream, pause: Duration) -> std::io::Result<()> {
    match tokio::time::timeout(pause, until_ended(stream)).await {
        Ok(ended) => ended.and(Err(std::io::ErrorKind::ConnectionReset.into())),
        Err(_) => Ok(()),
    }
}
