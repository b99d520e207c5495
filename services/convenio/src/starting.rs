//! A node that has not opened its ledger yet: it answers why, and ends as soon as it is told to. What it waits for is not decided
//! here.

use convenio_portal::door::{self, DoorLimits};
use std::time::Duration;
use tokio::{net::TcpListener, signal::unix::Signal, sync::watch};

/// How long what was begun may take to be given up, before the process ends all the same.
const GIVE_UP: Duration = Duration::from_secs(2);

/// What a node waits for, in words for whoever asks it.
#[derive(Clone, Debug)]
pub(crate) struct Stage(watch::Sender<String>);

impl Default for Stage {
    fn default() -> Self {
        Self(watch::Sender::new("the node starts".to_owned()))
    }
}

impl Stage {
    /// Says what is waited for from here on.
    pub(crate) fn enter(&self, what: &str) {
        tracing::info!(what, "starting");
        self.0.send_replace(what.to_owned());
    }
}

/// Waits for a node to start, and answers meanwhile. A signal ends the process: nothing was acknowledged that could be lost.
pub(crate) async fn opened<T>(
    listener: &TcpListener,
    stage: &Stage,
    limits: DoorLimits,
    start: impl Future<Output = anyhow::Result<T>>,
    [interrupt, terminate]: &mut [Signal; 2],
) -> anyhow::Result<T> {
    let router = convenio_portal::starting(stage.0.subscribe());
    // The same socket: who has connected is answered by the one or the other.
    let socket = std::net::TcpListener::from(rustix::io::dup(listener)?);
    let meanwhile = TcpListener::from_std(socket)?;
    let (stop, stopped) = watch::channel(false);
    // It ends by itself when it is told to: each connection with the answer that it waits for.
    tokio::spawn(door::serve_uncounted(meanwhile, router, stopped, limits));
    let mut start = Box::pin(start);
    tokio::select! {
        biased;
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        opened = &mut start => {
            stop.send_replace(true);
            return opened;
        }
    }
    tracing::info!("stopping before the ledger is open");
    std::thread::spawn(|| {
        std::thread::sleep(GIVE_UP);
        std::process::exit(0);
    });
    drop(start);
    std::process::exit(0)
}
