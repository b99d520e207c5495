//! The program: it parses, runs, prints what went wrong once, and sets the exit code. What a verb does is in its own file.

mod backend;
mod bench;
mod cli;
mod client;
mod clock;
mod cluster;
mod config;
mod damage;
mod environment;
mod logging;
mod looking_through;
mod loss;
mod mark;
mod membership;
mod node;
mod publishing;
mod sample;
mod serve;
mod starting;
mod tree;
mod verbs;

use clap::Parser as _;
use std::{io::Write as _, process::ExitCode};

/// Many small blocks are made and freed by different threads; the system's allocator keeps much more of them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be written, the exit code says it.
            let _ = writeln!(std::io::stderr(), "convenio: {}", logging::printable(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}
