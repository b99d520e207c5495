//! Measures what strangers cost a real node and its members, each kind from one address and from many, and all at once. It asserts
//! nothing: `e2e_strangers` does.
//!
//!     cargo build --release -p convenio && cargo run --release -p convenio-tests --bin strangers

#![allow(clippy::print_stdout, reason = "it prints a table")]

use clap::Parser;
use convenio_tests::{
    Ledger, User, folder,
    server::Start,
    strangers::{Kind, Member, Stranger, Strangers, Work, addresses, memory_back, memory_mib, record_large_learnings},
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Strangers at a node, and what they cost.
#[derive(Parser, Debug)]
struct Arguments {
    /// Seconds for each row
    #[arg(long, default_value_t = 40)]
    seconds: u64,
    /// Connections of each kind
    #[arg(long, default_value_t = 1_000)]
    connections: usize,
    /// Addresses that they come from, where they come from many
    #[arg(long, default_value_t = 40)]
    addresses: usize,
    /// Large learnings that the lists hold
    #[arg(long, default_value_t = 60)]
    learnings: usize,
    /// Another program than the one that was built
    #[arg(long)]
    program: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(Arguments::parse()));
    Ok(())
}

async fn run(arguments: Arguments) {
    let folder = folder();
    let mut start = Start::on(&folder.path().join("data"));
    if let Some(program) = &arguments.program {
        start = start.program(program);
    }
    let ledger = Ledger::new(start.run().expect("it starts"));
    let member = ledger.organisation("Instituto", "PE").await;
    record_large_learnings(&member, arguments.learnings).await;
    let anybody = User::anonymous(&ledger.server);
    println!(
        "{:<32}{:>10}{:>8}{:>10}{:>10}{:>9}{:>9}{:>9}",
        "strangers", "requests", "failed", "p50 ms", "p99 ms", "MiB", "most", "after"
    );
    row(&arguments, &ledger, &member, &anybody, "none", &[]).await;
    let many = addresses(arguments.addresses);
    let share = |kind, from: &[std::net::Ipv4Addr], connections: usize| -> Vec<Stranger> {
        let each = (connections / from.len()).max(1);
        from.iter().map(|&from| Stranger { kind, from, connections: each }).collect()
    };
    let count = |kind| if kind == Kind::MadeUpTokens { 8 } else { arguments.connections };
    for kind in Kind::ALL {
        for (words, from) in [("one address", &many[..1]), ("many", &many[..])] {
            let name = format!("{}, {words}", kind.name());
            row(&arguments, &ledger, &member, &anybody, &name, &share(kind, from, count(kind))).await;
        }
    }
    let all: Vec<Stranger> = Kind::ALL.iter().flat_map(|&kind| share(kind, &many, count(kind) / 2)).collect();
    row(&arguments, &ledger, &member, &anybody, "all at once", &all).await;
    row(&arguments, &ledger, &member, &anybody, "none again", &[]).await;
}

async fn row(
    arguments: &Arguments,
    ledger: &Ledger,
    member: &User,
    anybody: &User,
    name: &str,
    strangers: &[Stranger],
) {
    let node: SocketAddr = ledger.server.url.trim_start_matches("http://").parse().expect("an address");
    let before = memory_mib(anybody).await;
    let at_work = Strangers::at(node, strangers);
    let (fresh_of, server) = (member.clone(), ledger.server.url.clone());
    let working = Member::works(member, move || fresh_of.anew(&server));
    let mut most = before;
    for _ in 0..arguments.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The old program leaves probes unanswered too.
        let asked = tokio::time::timeout(Duration::from_secs(5), memory_mib(anybody)).await;
        most = most.max(asked.unwrap_or(most));
    }
    let work: Work = working.stop().await;
    at_work.stop().await;
    let after = memory_back(anybody, before + before / 4, Duration::from_secs(60)).await;
    let millis = |percent| work.within(percent).as_secs_f64() * 1e3;
    println!(
        "{name:<32}{:>10}{:>8}{:>10.1}{:>10.1}{before:>9}{most:>9}{after:>9}",
        work.took.len(),
        work.failed.len(),
        millis(50),
        millis(99)
    );
    if let Some(failed) = work.failed.first() {
        println!("    such as: {failed}");
    }
}
