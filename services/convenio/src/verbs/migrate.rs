//! `convenio migrate`: moves a ledger from its data directory into a topic, and back. It moves the log alone: the identity stays
//! where it is, and everything else is derived anew.

mod comparing;
mod into_kafka;
mod out_of_kafka;
mod patience;

use crate::{
    cluster::Secret,
    config::{identity_beside, kafka_settings, property},
    verbs::output,
};
use anyhow::Context as _;
use clap::{CommandFactory as _, error::ErrorKind};
use comparing::Whole;
use convenio_kafka::{Address, AddressError, Settings};
use serde_json::json;
use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};
use tokio::runtime::Handle;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct MigrateArguments {
    /// Where the ledger is: its data directory, or `kafka://host:port[,host:port]/<ledger>`
    #[arg(long, value_name = "PLACE")]
    from: Place,
    /// Where it shall be: an empty topic, or a new data directory
    #[arg(long, value_name = "PLACE")]
    to: Place,
    /// A property of librdkafka, such as sasl.password.file=/run/secrets/kafka; also CONVENIO_KAFKA_SASL_PASSWORD_FILE
    #[arg(long = "kafka", value_name = "NAME=VALUE", value_parser = property)]
    kafka_properties: Vec<(String, String)>,
    /// Reads properties from this file instead of convenio.toml
    #[arg(long, env = "CONVENIO_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the place that the ledger had gone to is lost for good: out of Kafka once more, or into another cluster from a
    /// node's copy. What was recorded there and is not here is lost too, and if it is not, there are two ledgers from now on
    #[arg(long)]
    again: bool,
    /// File with the secret that the ledger's nodes share [default: cluster-secret in the identity beside the directory]
    #[arg(long, env = "CONVENIO_CLUSTER_SECRET_FILE", value_name = "FILE")]
    cluster_secret_file: Option<PathBuf>,
    /// Prints the result as JSON
    #[arg(long)]
    json: bool,
}

/// Where a ledger is or shall be.
#[derive(Clone, Debug)]
enum Place {
    Directory(PathBuf),
    Kafka(Address),
}

impl FromStr for Place {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.contains("://") { text.parse().map(Self::Kafka) } else { Ok(Self::Directory(text.into())) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Kafka(address) => address.fmt(f),
        }
    }
}

/// Runs the verb.
pub(crate) async fn run(arguments: MigrateArguments) -> anyhow::Result<()> {
    let MigrateArguments { from, to, kafka_properties, config, again, cluster_secret_file, json } = arguments;
    let settings = |address: &Address, data: &Path| {
        let settings = kafka_settings(address.clone(), "migrate", kafka_properties.clone(), config.as_deref())?;
        if let Some(secret) = Secret::existing(cluster_secret_file.as_deref(), &identity_beside(data))? {
            settings.authority.hold(secret.bytes());
        }
        anyhow::Ok(settings)
    };
    let runtime = Handle::current();
    let work: Box<dyn FnOnce() -> anyhow::Result<Whole> + Send> = match (&from, &to) {
        (Place::Directory(data), Place::Kafka(address)) => {
            let (data, settings) = (data.clone(), settings(address, data)?);
            Box::new(move || into_kafka::run(&data, &settings, again, &runtime))
        }
        (Place::Kafka(address), Place::Directory(data)) => {
            let (data, settings) = (data.clone(), settings(address, data)?);
            Box::new(move || out_of_kafka::run(&settings, &data, again, &runtime))
        }
        _ => {
            usage("a ledger moves from a data directory to kafka://..., or back: one of --from and --to is an address")
        }
    };
    let moved = tokio::select! {
        moved = tokio::task::spawn_blocking(work) => moved.context("the migration panicked")??,
        _ = tokio::signal::ctrl_c() => {
            // Whatever is under way may end anywhere, as if it were killed; nothing is waited for.
            eprintln!("convenio: interrupted: run the same command again to go on");
            std::process::exit(1);
        }
    };
    tell(&moved, &from, &to, json)
}

/// Wrong usage that clap cannot see.
fn usage(what: &str) -> ! {
    crate::cli::Arguments::command().error(ErrorKind::ArgumentConflict, what).exit()
}

fn tell(moved: &Whole, from: &Place, to: &Place, as_json: bool) -> anyhow::Result<()> {
    let (ledger, events, root) = (moved.ledger, moved.events, moved.root.to_base64());
    if as_json {
        let (from, to) = (from.to_string(), to.to_string());
        return output::json_document(
            &json!({"ledger": ledger, "events": events, "root": root, "from": from, "to": to}),
        );
    }
    output::line(&format!("The ledger {ledger} is at {to} now: {events} events, root {root}."))?;
    output::line(&match (from, to) {
        (Place::Directory(data), Place::Kafka(_)) => format!(
            "{0} is a copy of it from now on: `convenio serve --data {0} --log {to}` goes on there.",
            data.display()
        ),
        _ => format!(
            "Nobody can write to {from} any more: `convenio serve --data {to}` goes on, with the identity that a node of the \
             ledger had."
        ),
    })?;
    Ok(())
}

/// A node that runs would fence us, and be fenced, and lose commands over it.
fn ensure_nobody_runs(settings: &Settings) -> anyhow::Result<()> {
    let running = convenio_kafka::running_nodes(settings)?;
    anyhow::ensure!(
        running.is_empty(),
        "a node runs on the ledger at {} ({}): stop every node first. One that was killed counts for some seconds more",
        settings.address,
        running.join(", ")
    );
    Ok(())
}
