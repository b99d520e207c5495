//! Two nodes on one log: elected, deposed without being told, crashed with or without their derived stores.

use crate::faulty_log::{Chance, FaultyLog, Fence};
use convenio_events::{LedgerId, Timestamp, codes::Purpose, commitment::Digest, memory_log::MemoryLog, time::TimeZone};
use convenio_ledger::{
    clock::{Clock, Reading},
    entropy::Entropy,
    genesis::Opening,
    memory_stores::{MemoryIndex, MemoryState},
    sequencer::{Parts, Sequencer, SequencerError, SnapshotCursor},
    snapshotter,
    submission::Ledger,
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use uuid::Uuid;

/// The clock of one node: it runs as fast as the simulation, and not quite with the other's.
struct NodeClock {
    began: Instant,
    ahead_seconds: i64,
}

impl Clock for NodeClock {
    fn read(&mut self) -> Reading {
        let since_boot = self.began.elapsed();
        let micros = i64::try_from(since_boot.as_micros()).expect("a simulation is short");
        // Noon of 15 January 2026.
        let wall = Timestamp::from_micros(1_768_478_400_000_000 + micros).plus_seconds(self.ahead_seconds);
        Reading { wall, since_boot }
    }
    fn is_set(&self) -> bool {
        true
    }
    fn is_synchronised(&mut self) -> bool {
        true
    }
}

/// What a node keeps over a crash, if it does.
#[derive(Clone, Default)]
pub(crate) struct Stores {
    pub(crate) state: Arc<MemoryState>,
    pub(crate) index: Arc<MemoryIndex>,
}

struct Running {
    ledger: Ledger,
    sequencer: JoinHandle<Result<(), SequencerError>>,
    snapshotter: JoinHandle<()>,
    stores: Stores,
}

/// Both nodes, and who of them was elected.
pub(crate) struct Nodes {
    pub(crate) log: MemoryLog,
    pub(crate) chance: Chance,
    began: Instant,
    elected: [watch::Sender<u64>; 2],
    running: [Mutex<Option<Running>>; 2],
    term: Mutex<u64>,
    fence: Fence,
}

impl Nodes {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            log: MemoryLog::default(),
            chance,
            began: Instant::now(),
            elected: [watch::channel(0).0, watch::channel(0).0],
            running: [Mutex::new(None), Mutex::new(None)],
            term: Mutex::new(0),
            fence: Fence::default(),
        }
    }

    pub(crate) fn start(&self, node: usize, stores: Stores) {
        let log = FaultyLog {
            log: self.log.clone(),
            chance: self.chance.clone(),
            node,
            fence: self.fence.clone(),
            read_lag_ms: 0,
        };
        let snapshot = SnapshotCursor::default();
        let (sequencer, ledger) = Sequencer::new(Parts {
            log: Arc::new(log.clone()),
            state: stores.state.clone(),
            snapshot: snapshot.clone(),
            index: stores.index.clone(),
            clock: Box::new(NodeClock { began: self.began, ahead_seconds: node as i64 * 3 }),
            entropy: Entropy::from_seed(self.chance.below(u64::MAX)),
            attempts: 25,
            counts: Arc::default(),
            elsewhere: None,
            opening: Some(opening()),
            elected: self.elected[node].subscribe(),
        });
        let lagging = FaultyLog { read_lag_ms: 1 + self.chance.below(500), ..log };
        let state = stores.state.clone();
        let snapshotter = tokio::spawn(async move {
            // It ends when the log cannot be read; the ledger goes on, and a restart begins it anew.
            drop(snapshotter::run(Arc::new(lagging), state, snapshot, std::future::pending()).await);
        });
        let running = Running { ledger, sequencer: tokio::spawn(sequencer.run()), snapshotter, stores };
        *self.running[node].lock().expect("no panic here") = Some(running);
    }

    /// The handle of a node that runs.
    pub(crate) fn ledger(&self, node: usize) -> Option<Ledger> {
        self.running[node].lock().expect("no panic here").as_ref().map(|running| running.ledger.clone())
    }

    /// Everything of a node but the log is gone, and its stores unless they are taken up again. A panic comes to light.
    pub(crate) async fn crash(&self, node: usize) -> Option<Stores> {
        let running = self.running[node].lock().expect("no panic here").take()?;
        self.chance.note(format_args!("node {node} crashes"));
        running.snapshotter.abort();
        running.sequencer.abort();
        for ended in [running.sequencer.await.map(drop), running.snapshotter.await] {
            assert!(ended.is_ok() || ended.is_err_and(|error| error.is_cancelled()), "a node panicked");
        }
        Some(running.stores)
    }

    /// Elects a node anew; whoever was elected learns of it later.
    pub(crate) async fn elect(&self, node: usize) {
        let term = {
            let mut term = self.term.lock().expect("no panic here");
            *term += 1;
            *term
        };
        self.chance.note(format_args!("node {node} is elected in term {term}"));
        self.elected[node].send_replace(term);
        self.chance.pause(if self.chance.is_peace() { 0 } else { 300 }).await;
        let other = &self.elected[1 - node];
        if *other.borrow() < term {
            self.chance.note(format_args!("node {} learns that it was deposed", 1 - node));
            other.send_replace(0);
        }
    }

    /// Who may write; whoever else believes to be elected may refuse on what was true before.
    pub(crate) fn fence(&self) -> (u64, usize) {
        *self.fence.lock().expect("no panic here")
    }

    /// Elections and crashes until there is peace.
    pub(crate) async fn disturb(&self) {
        while !self.chance.is_peace() {
            self.chance.pause(600).await;
            let node = self.chance.below(2) as usize;
            match self.chance.below(3) {
                0 => self.elect(node).await,
                1 => {
                    let stores = self.crash(node).await.unwrap_or_default();
                    self.chance.pause(300).await;
                    // The snapshot and the index are deleted together or one alone.
                    let Stores { state, index } = stores;
                    self.start(
                        node,
                        match self.chance.below(4) {
                            0 => Stores::default(),
                            1 => Stores { index, ..Stores::default() },
                            2 => Stores { state, ..Stores::default() },
                            _ => Stores { state, index },
                        },
                    );
                }
                _ => {
                    // Some give up after failing again and again: a supervisor starts them anew.
                    let ended = |running: &Option<Running>| running.as_ref().is_some_and(|r| r.sequencer.is_finished());
                    let ended = ended(&self.running[node].lock().expect("no panic here"));
                    if ended {
                        let stores = self.crash(node).await.unwrap_or_default();
                        self.start(node, stores);
                    }
                }
            }
        }
    }

    /// Waits until the snapshot of a node has folded everything, or as long as it would take.
    pub(crate) async fn settle(&self) {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
}

fn opening() -> Opening {
    Opening {
        ledger: LedgerId::new(Uuid::from_u128(0x51)),
        origin: "ledger.example.org/log".to_owned(),
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        time_zone: TimeZone::UTC,
        purpose: Purpose::Test,
        admin_token: Digest([9; 32]),
        sample: false,
    }
}
