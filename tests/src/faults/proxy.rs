//! A way to a broker on which a node can be cut off: nothing goes through until the cut is mended, and then everything that was
//! held back does, late, as on a network that comes back. It loses and changes no byte.

use std::{
    collections::HashMap,
    io,
    net::TcpListener,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};

/// Where the name of a client begins in its first request: behind the size, the request's number and version, and the
/// correlation id (<https://kafka.apache.org/protocol>, request header).
const CLIENT_AT: usize = 12;
/// How much is carried at a time, in bytes.
const CHUNK: usize = 64 << 10;

/// Which clients are cut off, by the name that they tell brokers.
#[derive(Clone, Debug, Default)]
pub(super) struct Cuts(Arc<Mutex<HashMap<String, watch::Sender<bool>>>>);

impl Cuts {
    /// Cuts a client off, or lets it through again.
    pub(super) fn set(&self, client: &str, cut: bool) {
        self.of(client).send_replace(cut);
    }

    fn of(&self, client: &str) -> watch::Sender<bool> {
        let mut cuts = self.0.lock().expect("nobody panics while holding this");
        cuts.entry(client.to_owned()).or_insert_with(|| watch::Sender::new(false)).clone()
    }
}

/// Carries connections from `listener` to a broker, for as long as the runtime lives.
pub(super) fn serve(listener: TcpListener, broker: String, cuts: Cuts) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (broker, cuts) = (broker.clone(), cuts.clone());
            // A connection that breaks is closed on both sides, and that is all there is to say of it.
            tokio::spawn(async move { drop(carry(client, &broker, &cuts).await) });
        }
    });
    Ok(())
}

async fn carry(mut client: TcpStream, broker: &str, cuts: &Cuts) -> io::Result<()> {
    client.set_nodelay(true)?;
    let (name, first) = first_request(&mut client).await?;
    let cut = cuts.of(&name);
    through(&mut cut.subscribe()).await;
    let mut broker = TcpStream::connect(broker).await?;
    broker.set_nodelay(true)?;
    broker.write_all(&first).await?;
    let (from_client, to_client) = client.split();
    let (from_broker, to_broker) = broker.split();
    tokio::try_join!(pump(from_client, to_broker, cut.subscribe()), pump(from_broker, to_client, cut.subscribe()))?;
    Ok(())
}

/// The name of a client, and what was read to know it.
async fn first_request(client: &mut TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = vec![0; CLIENT_AT + 2];
    client.read_exact(&mut read).await?;
    let length = u16::from_be_bytes([read[CLIENT_AT], read[CLIENT_AT + 1]]);
    read.resize(read.len() + usize::from(length), 0);
    client.read_exact(&mut read[CLIENT_AT + 2..]).await?;
    Ok((String::from_utf8_lossy(&read[CLIENT_AT + 2..]).into_owned(), read))
}

async fn through(cut: &mut watch::Receiver<bool>) {
    // Whoever may cut lives as long as the proxy.
    let _ = cut.wait_for(|cut| !*cut).await;
}

async fn pump(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    mut cut: watch::Receiver<bool>,
) -> io::Result<()> {
    let mut held = vec![0; CHUNK];
    loop {
        let count = from.read(&mut held).await?;
        through(&mut cut).await;
        if count == 0 {
            // The other direction ends by the same.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&held[..count]).await?;
    }
}
