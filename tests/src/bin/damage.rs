//! The long form of the damaged files: round after round of a file of a small ledger that is damaged, between runs and while a node
//! runs on it. It ends with another code than 0 at the first outcome that is neither a refusal nor the same.

#![allow(clippy::print_stdout, reason = "it is a program whose output is read")]

use clap::Parser;
use convenio_tests::damage::{Outcome, Template};
use rand::{SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, process::ExitCode};

/// Damages the files of a ledger in every way that there is, and checks what comes of it.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// How many files are damaged.
    #[arg(long, default_value_t = 300)]
    rounds: u64,
    /// What is drawn: the file, the fault, the moment. Round n of a seed is always the same.
    #[arg(long)]
    seed: Option<u64>,
    /// Begins at this round.
    #[arg(long, default_value_t = 0)]
    from: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    let folder = convenio_tests::folder();
    let (stopped, killed) = (folder.path().join("stopped"), folder.path().join("killed"));
    std::fs::create_dir(&stopped)?;
    std::fs::create_dir(&killed)?;
    let templates = [Template::make(&stopped, false).await?, Template::make(&killed, true).await?];
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let mut wrong = 0;
    for round in options.from..options.from + options.rounds {
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(round));
        let template = usize::from(round % 3 == 0);
        match templates[template].round(folder.path(), &mut random).await {
            Ok((outcome, what)) => {
                println!("{round:5} {outcome:?}: {what}");
                if outcome != Outcome::Skipped {
                    *outcomes.entry(format!("{outcome:?}")).or_default() += 1;
                }
            }
            Err(error) => {
                wrong += 1;
                println!("{round:5} WRONG: {error:#}");
            }
        }
    }
    println!("seed {seed}: {outcomes:?}, {wrong} wrong");
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
