//! `convenio clock`: says whether the ledger believes its clock, and confirms one that jumped. It sets no clock.

use crate::{
    cli::NodeArguments,
    verbs::{
        offline::{OfflineArguments, send},
        output,
    },
};
use anyhow::ensure;
use serde_json::{Value, json};

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct ClockArguments {
    /// Says that the machine's clock is right now: commands go on, and what is due by it runs
    #[arg(long)]
    confirm: bool,
    /// Prints the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArguments,
    #[command(flatten)]
    node: NodeArguments,
}

/// Runs the verb.
pub(crate) async fn run(arguments: ClockArguments) -> anyhow::Result<()> {
    if !arguments.confirm {
        ensure!(!arguments.offline.is_asked_for(), "without a node the clock can only be confirmed: say --confirm");
        let status = arguments.node.remote()?.get("/api/v1/status").await?;
        return told(&status, arguments.json);
    }
    let answer = send(&[("confirm-clock", json!({}))], &arguments.offline, &arguments.node).await?;
    if arguments.json {
        return output::json_document(&answer);
    }
    let sequence = &answer["sequence"];
    Ok(output::line(&format!(
        "The clock is confirmed (event {}).",
        sequence.as_str().map_or_else(|| sequence.to_string(), str::to_owned)
    ))?)
}

fn told(status: &Value, as_json: bool) -> anyhow::Result<()> {
    let (jumped, held) = (status["clock_jumped"] == true, status["timers_held"] == true);
    if as_json {
        return output::json_document(&json!({"clock_jumped": jumped, "timers_held": held}));
    }
    let line = match (jumped, held) {
        (true, _) => {
            "The clock jumped, or nothing was recorded for a year: commands are refused until it is confirmed."
        }
        (false, true) => "Timers are held back until the clock is known to be right.",
        (false, false) => "The ledger believes its clock.",
    };
    Ok(output::line(line)?)
}
