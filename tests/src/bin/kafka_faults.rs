//! The long fault run of a ledger on Apache Kafka: real brokers, whole nodes, clients that send again, and everything that breaks
//! in a seeded order; then a checker reads from outside, and a table says how long each fault was felt. It fakes nothing.
//!
//! It ends with 0 where all was as it must be, with 2 where something took longer than it may, and with another code where
//! something was wrong.

#![allow(clippy::print_stdout, reason = "it is a program whose output is read")]

use clap::Parser;
use convenio_tests::faults::{self, Fault, Figure, Plan, Setup, World};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// Breaks a ledger on Kafka in every way that there is, under load, and checks what is left.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// Brokers: 1 or 3.
    #[arg(long, default_value_t = 3, value_parser = one_or_three)]
    brokers: usize,
    /// Nodes of the ledger.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..))]
    nodes: u8,
    /// How often the writer is killed, on stock brokers.
    #[arg(long, default_value_t = 50)]
    kills: usize,
    /// How often the writer is killed on brokers that allow short sessions.
    #[arg(long, default_value_t = 20)]
    short_kills: usize,
    /// How often the writer is told to end.
    #[arg(long, default_value_t = 20)]
    hand_overs: usize,
    /// How often each other fault happens.
    #[arg(long, default_value_t = 3)]
    times: usize,
    /// Only this fault; repeatable.
    #[arg(long, value_name = "FAULT")]
    only: Vec<Fault>,
    /// What is drawn: the order, the moments, what clients do.
    #[arg(long)]
    seed: Option<u64>,
    /// Clients that send commands; one more sends batches.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Milliseconds between two commands of a client.
    #[arg(long, default_value_t = 20, value_name = "MS")]
    pace: u64,
    /// The program under test, instead of the one that was built beside this one.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where everything lies, and stays; without it, a folder that is deleted.
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Prints the figures as JSON, one line each, instead of the table.
    #[arg(long)]
    json: bool,
}

fn one_or_three(text: &str) -> Result<usize, &'static str> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("1 or 3"),
    }
}

/// Brokers that are set up in one way, and the faults on them.
struct Stage {
    name: &'static str,
    broker_settings: &'static [&'static str],
    node_settings: &'static [&'static str],
    kill_budget: Duration,
    counts: Vec<(Fault, usize)>,
}

/// What a hand-over may take.
const HAND_OVER_BUDGET: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(|| rand::rng().next_u64());
    eprintln!("seed {seed}");
    let temporary = convenio_tests::folder();
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    tokio::select! {
        lines = run(&options, seed, &folder) => print(&lines, options.json),
        // What was started ends with the future.
        () = told_to_end() => ExitCode::from(130),
    }
}

async fn told_to_end() {
    let mut terminate = signal(SignalKind::terminate()).expect("a process can be told to end");
    tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
}

async fn run(options: &Options, seed: u64, folder: &Path) -> Vec<Figure> {
    let can_mount = faults::can_mount(folder);
    if let Err(why) = &can_mount {
        eprintln!("skipped: {}, for no disk can be mounted here: {why}", Fault::FullDisk.word());
    }
    let mut lines = Vec::new();
    for mut stage in stages(options) {
        stage.counts.retain(|(fault, count)| *count > 0 && (*fault != Fault::FullDisk || can_mount.is_ok()));
        if !stage.counts.is_empty() {
            lines.extend(run_stage(options, seed, &folder.join(stage.name), &stage).await);
        }
    }
    lines
}

fn stages(options: &Options) -> [Stage; 2] {
    let wanted = |fault: Fault, count: usize| {
        (fault, if options.only.is_empty() || options.only.contains(&fault) { count } else { 0 })
    };
    let count = |fault| {
        if fault == Fault::KillWriter {
            options.kills
        } else if fault == Fault::HandOver {
            options.hand_overs
        } else {
            options.times
        }
    };
    let counts = Fault::ALL.map(|fault| wanted(fault, count(fault)));
    [
        Stage {
            name: "stock",
            // What Apache Kafka has by default, and the script that starts brokers has not.
            broker_settings: &["group.initial.rebalance.delay.ms=3000"],
            node_settings: &[],
            kill_budget: Duration::from_secs(10),
            counts: counts.to_vec(),
        },
        Stage {
            name: "short-sessions",
            broker_settings: &["group.min.session.timeout.ms=1000"],
            node_settings: &["session.timeout.ms=2000"],
            kill_budget: Duration::from_secs(4),
            counts: vec![wanted(Fault::KillWriter, options.short_kills)],
        },
    ]
}

async fn run_stage(options: &Options, seed: u64, folder: &Path, stage: &Stage) -> Vec<Figure> {
    let began = Instant::now();
    let owned = |settings: &[&str]| settings.iter().map(|&setting| setting.to_owned()).collect();
    let setup = Setup {
        folder: folder.to_owned(),
        program: options.program.clone(),
        brokers: options.brokers,
        nodes: usize::from(options.nodes),
        clients: options.clients,
        pace: Duration::from_millis(options.pace),
        broker_settings: owned(stage.broker_settings),
        node_settings: owned(stage.node_settings),
        small_disks: stage.counts.iter().any(|(fault, _)| *fault == Fault::FullDisk),
        seed,
    };
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let Plan(faults) = Plan::draw(&stage.counts, &mut StdRng::seed_from_u64(seed));
    let mut world = World::start(&setup).await;
    for (number, fault) in faults.iter().enumerate() {
        eprintln!(
            "{:>5} s  {}: {} of {}, {}",
            began.elapsed().as_secs(),
            stage.name,
            number + 1,
            faults.len(),
            fault.word()
        );
        world.strike(*fault).await;
    }
    eprintln!("{:>5} s  {}: checking", began.elapsed().as_secs(), stage.name);
    let (figures, words) = world.finish().await;
    words.iter().for_each(|words| eprintln!("{words}"));
    eprintln!("{:>5} s  {}: all is as it must be", began.elapsed().as_secs(), stage.name);
    let brokers = format!("{} {}", options.brokers, stage.name);
    figures.lines(&brokers, |fault| {
        let kill = (fault == Fault::KillWriter).then_some(stage.kill_budget);
        kill.or((fault == Fault::HandOver).then_some(HAND_OVER_BUDGET))
    })
}

fn print(lines: &[Figure], json: bool) -> ExitCode {
    if json {
        lines.iter().for_each(|line| println!("{}", serde_json::to_string(line).expect("text and numbers")));
    } else {
        println!(
            "{:<18} {:<16} {:<40} {:>5} {:>9} {:>9} {:>9}",
            "brokers", "fault", "", "times", "median", "worst", "budget"
        );
        for line in lines {
            let budget = line.budget_s.map(|budget| format!("{budget:.1} s")).unwrap_or_default();
            let over = if line.is_over() { "  OVER" } else { "" };
            println!(
                "{:<18} {:<16} {:<40} {:>5} {:>7.2} s {:>7.2} s {budget:>9}{over}",
                line.brokers, line.fault, line.what, line.times, line.median_s, line.worst_s
            );
        }
    }
    if lines.iter().any(Figure::is_over) { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
