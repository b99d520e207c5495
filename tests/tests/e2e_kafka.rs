//! Two nodes on one real broker, under load: the writer is killed, stopped and woken up, told to end, and the broker restarted;
//! each time the other goes on, and in the end everything that was acknowledged is in the topic and in both nodes, once. The long
//! run, with three brokers and every fault, is `kafka-faults`; here is what fits into two minutes.

use convenio_tests::{
    faults::{Fault, Setup, World},
    folder,
};
use rand::Rng as _;
use std::time::{Duration, Instant};

/// In this order, so that a failure is soon understood: the moments are drawn.
const FAULTS: [Fault; 8] = [
    Fault::KillWriter,
    Fault::ForgeControl,
    Fault::KillAll,
    Fault::HandOver,
    Fault::StopWriter,
    Fault::KillWriter,
    Fault::RollingRestart,
    Fault::KillWriter,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_its_writer_whatever_becomes_of_that() {
    let (folder, seed) = (folder(), rand::rng().next_u64());
    println!("seed {seed}");
    let setup = Setup {
        folder: folder.path().to_owned(),
        program: None,
        brokers: 1,
        nodes: 2,
        clients: 3,
        pace: Duration::from_millis(80),
        broker_settings: vec!["group.min.session.timeout.ms=1000".to_owned()],
        // Shorter than stock brokers allow, and long enough for a machine that builds meanwhile.
        node_settings: vec!["session.timeout.ms=4000".to_owned()],
        small_disks: false,
        seed,
    };
    let began = Instant::now();
    let mut world = World::start(&setup).await;
    for fault in FAULTS {
        println!("after {:.1} s: {}", began.elapsed().as_secs_f32(), fault.word());
        world.strike(fault).await;
    }
    println!("after {:.1} s: checking", began.elapsed().as_secs_f32());
    let (figures, words) = world.finish().await;
    println!("{figures:#?}\n{}", words.join("\n"));
}
