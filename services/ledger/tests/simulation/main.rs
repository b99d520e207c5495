//! A seeded simulation: two nodes on one log that fails in every allowed way, clients that quarrel and insist. No answer may
//! contradict the log. A seed that fails is printed; `CONVENIO_SEEDS=1000..5000` runs others than the usual ones.

mod clients;
mod faulty_log;
mod invariants;
mod nodes;

use clients::{Sent, client, register_all};
use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog, PAGE_EVENTS_LIMIT},
};
use faulty_log::Chance;
use nodes::{Nodes, Stores};
use std::{ops::Range, panic::AssertUnwindSafe, rc::Rc};
use tokio::task::LocalSet;

/// How many seeds the usual run tries.
const SEEDS: Range<u64> = 0..300;
/// How many clients quarrel, and how many commands each sends.
const CLIENTS: u64 = 6;
const COMMANDS: u64 = 12;

struct Ended {
    recorded: Vec<RecordedEvent>,
    sent: Vec<Sent>,
    stores: Vec<Stores>,
}

async fn run(chance: Chance) -> Ended {
    let nodes = Rc::new(Nodes::new(chance.clone()));
    // The opening is disturbed as well: what fails there is tried again by whoever is elected.
    nodes.start(0, Stores::default());
    nodes.start(1, Stores::default());
    chance.peace();
    nodes.elect(0).await;
    register_all(&nodes).await;
    chance.war();
    let disturbance = tokio::task::spawn_local({
        let nodes = nodes.clone();
        async move { nodes.disturb().await }
    });
    let shown = clients::Shown::default();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| tokio::task::spawn_local(client(nodes.clone(), shown.clone(), COMMANDS, number % 3 != 0)))
        .collect();
    // Long enough for most commands; what is still under way must come to an end in peace.
    tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    chance.peace();
    disturbance.await.expect("no node panicked");
    for node in 0..2 {
        let stores = nodes.crash(node).await.unwrap_or_default();
        nodes.start(node, stores);
    }
    nodes.elect(chance.below(2) as usize).await;
    let mut sent = Vec::new();
    for client in clients {
        sent.extend(client.await.expect("no client was told what is not so"));
    }
    nodes.settle().await;
    let recorded = nodes.log.read(Sequence::ZERO, PAGE_EVENTS_LIMIT).await.expect("memory reads");
    let mut stores = Vec::new();
    for node in 0..2 {
        stores.extend(nodes.crash(node).await);
    }
    Ended { recorded, sent, stores }
}

fn simulate(chance: Chance) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ended { recorded, sent, stores } =
        LocalSet::new().block_on(&runtime.expect("a runtime starts"), run(chance.clone()));
    let (events, commands) = invariants::of_the_log(&recorded);
    invariants::of_the_answers(&sent, &events, &commands);
    invariants::of_the_refusals(&sent, &events);
    for stores in &stores {
        invariants::of_the_stores(stores, &events, 1 + chance.below(20) as usize);
    }
}

/// Runs a seed; false, and why, when it fails.
fn holds(seed: u64) -> bool {
    let chance = Chance::new(seed);
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| simulate(chance.clone())));
    if ended.is_err() {
        eprintln!("seed {seed}: what happened before\n{}", chance.notes());
    }
    ended.is_ok()
}

fn seeds() -> Range<u64> {
    let Ok(asked) = std::env::var("CONVENIO_SEEDS") else { return SEEDS };
    let (from, to) = asked.split_once("..").expect("CONVENIO_SEEDS is FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

#[test]
fn no_answer_ever_contradicts_the_log() {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let failed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let mut own = seeds().filter(|seed| seed % threads == worker);
                    own.find(|seed| !holds(*seed))
                })
            })
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().expect("panics are caught")).min()
    });
    assert_eq!(failed, None, "run it alone with CONVENIO_SEEDS=N..N+1");
}
