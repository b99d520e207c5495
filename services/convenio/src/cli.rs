//! The command line: every verb, its flags and an example. What a verb does is in its own file.

use crate::{bench, client::Remote, config::ServeArguments, environment, logging, serve, verbs};
use clap::{Parser, Subcommand};

/// Convenio: an event-sourced ledger of cooperation between organisations.
#[derive(Parser, Debug)]
#[command(name = "convenio", version, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Runs a node: log, views, portal
    #[command(after_help = "Example:\n  convenio serve --sample --listen 127.0.0.1:8080")]
    Serve(ServeArguments),
    /// Sends commands (NDJSON, one a line) to a node and prints one result a line
    #[command(
        after_help = "Example:\n  convenio record commands.ndjson --token-file convenio-data-identity/admin-token"
    )]
    Record(verbs::record::RecordArguments),
    /// Prints events as CloudEvents, one a line
    #[command(after_help = "Example:\n  convenio events --from 0 --follow --type org.convenio.offer.published.v1")]
    Events(verbs::events::EventsArguments),
    /// Gives a grant and shows its token once; with --data at the machine, for a lost admin
    #[command(
        after_help = "Example:\n  convenio grant --organisation <uuid> --role recorder --office \"Cooperation office\"\n  \
                      convenio grant --data convenio-data --register \"Ministry of Health\" --kind ministry --role admin"
    )]
    Grant(verbs::grants::GrantArguments),
    /// Ends a grant
    #[command(after_help = "Example:\n  convenio revoke <grant uuid> --reason \"the office was closed\"")]
    Revoke(verbs::grants::RevokeArguments),
    /// Lists the grants that are in force
    #[command(after_help = "Example:\n  convenio grants --json")]
    Grants(verbs::grants::GrantsArguments),
    /// Says whether the ledger believes its clock; with --confirm that one which jumped is right
    #[command(after_help = "Example:\n  convenio clock --confirm")]
    Clock(verbs::clock::ClockArguments),
    /// Says where a node stands: role, head, views, tree
    #[command(after_help = "Example:\n  convenio status --node http://127.0.0.1:8080")]
    Status(verbs::status::StatusArguments),
    /// Rebuilds read models beside the live ones, then swaps
    #[command(after_help = "Example:\n  convenio rebuild board")]
    Rebuild(verbs::rebuild::RebuildArguments),
    /// Checks configuration, disk, clock and files, and says what to do about each finding
    #[command(after_help = "Example:\n  convenio doctor --data convenio-data")]
    Doctor(verbs::doctor::DoctorArguments),
    /// Moves a ledger from its data directory to Kafka, or from Kafka to a data directory
    #[command(
        after_help = "Examples:\n  convenio migrate --from convenio-data --to kafka://broker-1:9092,broker-2:9092/health\n  \
                      convenio migrate --from kafka://broker-1:9092/health --to convenio-data-2\n\nNo node of the ledger may run \
                      meanwhile. One that was interrupted goes on when it is run again."
    )]
    Migrate(verbs::migrate::MigrateArguments),
    /// Says that events are lost for good, so that the ledger goes on without them
    #[command(
        after_help = "Example:\n  convenio accept-loss --data convenio-data --events 1200\n\nA node refuses a journal with \
                            fewer events than it knew of. Restore a backup that has them, if there is one."
    )]
    AcceptLoss(verbs::accept_loss::AcceptLossArguments),
    /// Measures this machine: recording, rebuild, restart, reads, each beside its floor in the same run
    #[command(after_help = "Example:\n  convenio bench --json")]
    Bench(bench::BenchArguments),
}

/// How to reach a node, for the verbs that talk to one.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct NodeArguments {
    /// The node's address
    #[arg(long, env = "CONVENIO_NODE", value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = node)]
    pub(crate) node: String,
    /// File that holds the bearer token (or CONVENIO_TOKEN)
    #[arg(long, env = "CONVENIO_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<std::path::PathBuf>,
    /// Which organisation acts, where the grant covers several
    #[arg(long, env = "CONVENIO_ACTING_FOR", value_name = "UUID", value_parser = id)]
    pub(crate) acting_for: Option<uuid::Uuid>,
}

impl NodeArguments {
    /// The way to the node.
    pub(crate) fn remote(&self) -> anyhow::Result<Remote> {
        Remote::new(self)
    }
}

/// The address of a node, as far as it can be told from the text.
fn node(text: &str) -> Result<String, String> {
    let address = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
    match address {
        Some((_, rest)) if !rest.is_empty() && !rest.starts_with('/') => Ok(text.to_owned()),
        Some(_) | None => Err("it must be an address that begins with http:// or https:// and names a host, such as \
                               http://127.0.0.1:8080"
            .to_owned()),
    }
}

/// The id of a record.
pub(crate) fn id(text: &str) -> Result<uuid::Uuid, String> {
    text.parse().map_err(|_| "it must be a UUID, such as 018f4e2a-0000-7000-8000-000000000001".to_owned())
}

/// The id of a grant, with or without what it is called by in records.
pub(crate) fn grant_id(text: &str) -> Result<uuid::Uuid, String> {
    let rule = "it must be the id of a grant, such as 018f4e2a-0000-7000-8000-000000000001: convenio grants lists them";
    text.strip_prefix("access/").unwrap_or(text).parse().map_err(|_| rule.to_owned())
}

/// Runs a verb.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<()> {
    logging::start()?;
    // By name alone: a value need not be text.
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    environment::misspelt(names).iter().for_each(|what| tracing::warn!("{what}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.verb {
        Verb::Serve(arguments) => runtime.block_on(serve::serve(arguments.resolve()?)),
        Verb::Record(arguments) => runtime.block_on(verbs::record::run(arguments)),
        Verb::Events(arguments) => runtime.block_on(verbs::events::run(arguments)),
        Verb::Grant(arguments) => runtime.block_on(verbs::grants::grant(arguments)),
        Verb::Revoke(arguments) => runtime.block_on(verbs::grants::revoke(arguments)),
        Verb::Grants(arguments) => runtime.block_on(verbs::grants::list(arguments)),
        Verb::Clock(arguments) => runtime.block_on(verbs::clock::run(arguments)),
        Verb::Status(arguments) => runtime.block_on(verbs::status::run(arguments)),
        Verb::Rebuild(arguments) => runtime.block_on(verbs::rebuild::run(arguments)),
        Verb::Doctor(arguments) => verbs::doctor::run(&arguments),
        Verb::Migrate(arguments) => runtime.block_on(verbs::migrate::run(arguments)),
        Verb::AcceptLoss(arguments) => verbs::accept_loss::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(words: &[&str], expected: &[&str]) {
        let told = Arguments::try_parse_from(words).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(expected.iter().all(|word| told.contains(word)), "{words:?}: {told}");
        assert_eq!(told.is_empty(), expected.is_empty(), "{words:?}: {told}");
    }

    #[test]
    fn a_wrong_value_is_told_with_what_would_be_right() {
        let id = "018f4e2a-0000-7000-8000-000000000001";
        check(&["convenio", "revoke", "foo"], &["foo", "id of a grant, such as 018f4e2a-", "convenio grants"]);
        for wrong in ["localhost:8080", "ftp://localhost", "http://", "http:///x", ""] {
            let expected = [wrong, "--node", "http://", "https://", "such as http://127.0.0.1:8080"];
            check(&["convenio", "status", "--node", wrong], &expected);
        }
        check(
            &["convenio", "grant", "--role", "recorder", "--organisation", "x"],
            &["--organisation", "such as 018f4e2a-"],
        );
        check(&["convenio", "grants", "--organisation", "x"], &["--organisation", "such as 018f4e2a-"]);
        check(&["convenio", "grants", "--acting-for", "x"], &["--acting-for", "such as 018f4e2a-"]);
        check(&["convenio", "revoke", id, "--node", "https://convenio.example"], &[]);
        check(&["convenio", "revoke", &format!("access/{id}")], &[]);
    }
}
