//! `convenio bench`: each figure beside its raw floor in the same run. It measures this machine; it asserts nothing.

mod commands;
mod floor;
mod kafka;
mod live;
mod load;
mod reading;
mod report;
mod restart;
mod spent;
mod views;
mod workload;

use crate::{
    config::{Config, LogChoice},
    node::Node,
    verbs::output,
};
use anyhow::Context as _;
use convenio_events::{codes::Purpose, time::TimeZone};
use convenio_kafka::Texts;
use convenio_portal::door::{self, DoorLimits};
use report::{Figure, table_line};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::runtime::Runtime;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct BenchArguments {
    /// Only benches whose name contains this: commands, batch, views, restart, reads, tree
    #[arg(long, value_name = "WORD")]
    only: Option<String>,
    /// Seconds for each figure that is a rate
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Events of the ledger that is restarted, rebuilt and read
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Measures a log on Kafka instead, in ledgers of its own there: `kafka://host:port[,host:port]/<any name>`
    #[arg(long, value_name = "LOG")]
    log: Option<String>,
    /// A property of librdkafka for it, such as sasl.password.file=/run/secrets/kafka
    #[arg(long = "kafka", value_name = "NAME=VALUE", value_parser = crate::config::property)]
    kafka_properties: Vec<(String, String)>,
    /// Where its files go; removed afterwards [default: a new folder in the current directory]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Prints a JSON list instead of a table
    #[arg(long)]
    json: bool,
}

/// What every bench is given.
pub(super) struct Bench<'a> {
    pub(super) folder: &'a Path,
    pub(super) how_long: Duration,
    pub(super) events: u64,
    json: bool,
    figures: Vec<Figure>,
}

impl Bench<'_> {
    pub(super) fn add(&mut self, figure: Figure) {
        if !self.json {
            // Shown as soon as it is known; a reader that went away changes nothing.
            let _ = output::line(&table_line(&figure));
        }
        self.figures.push(figure);
    }
}

/// Runs the verb.
pub(crate) fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let folder = arguments.folder.clone().unwrap_or_else(|| format!("convenio-bench-{}", std::process::id()).into());
    std::fs::create_dir(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let mut bench = Bench {
        folder: &folder,
        how_long: Duration::from_secs_f64(arguments.seconds),
        events: arguments.events,
        json: arguments.json,
        figures: Vec::new(),
    };
    let result = match &arguments.log {
        Some(log) => kafka::all(&mut bench, log, &arguments.kafka_properties),
        None => run_all(&mut bench, arguments.only.as_deref()),
    };
    std::fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
    result?;
    if arguments.json {
        output::json_document(&serde_json::to_value(&bench.figures)?)?;
    }
    Ok(())
}

type Part = fn(&mut Bench<'_>) -> anyhow::Result<()>;

fn run_all(bench: &mut Bench<'_>, only: Option<&str>) -> anyhow::Result<()> {
    let parts: [(&str, Part); 4] = [
        ("decide", commands::decide),
        ("commands", commands::over_http),
        ("batch", commands::batches),
        // One large ledger is filled once and then restarted, rebuilt and read.
        ("restart views reads tree memory", restart::large_ledger),
    ];
    for (name, part) in parts.iter().filter(|(name, _)| only.is_none_or(|only| name.contains(only))) {
        part(bench).with_context(|| format!("the bench {name}"))?;
    }
    Ok(())
}

/// A node on files of its own, served on a free port of loopback by a runtime of its own.
pub(super) struct Served {
    pub(super) node: Node,
    pub(super) address: SocketAddr,
    pub(super) runtime: Runtime,
    server: tokio::task::JoinHandle<()>,
}

pub(super) fn config(folder: &Path) -> Config {
    config_on(folder, LogChoice::Embedded)
}

pub(super) fn config_on(folder: &Path, log: LogChoice) -> Config {
    Config {
        log,
        events_text: Texts::Inline,
        name: "bench".to_owned(),
        data: folder.join("data"),
        identity: folder.join("identity"),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        public_url: None,
        advertise: None,
        peers: Vec::new(),
        cluster_secret: None,
        purpose: Purpose::Production,
        time_zone: TimeZone::UTC,
        rate: 0,
        trusted_proxies: Vec::new(),
        sample: false,
    }
}

pub(super) fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Serves a floor's router on a free port until the handle is aborted.
pub(super) fn serve(
    runtime: &Runtime,
    router: axum::Router,
) -> anyhow::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))?;
    let address = listener.local_addr()?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = runtime.spawn(async move {
        // It ends when the bench does.
        let _ = axum::serve(listener, service).await;
    });
    Ok((address, server))
}

impl Served {
    pub(super) fn start(folder: &Path) -> anyhow::Result<Self> {
        Self::start_on(folder, LogChoice::Embedded)
    }

    pub(super) fn start_on(folder: &Path, log: LogChoice) -> anyhow::Result<Self> {
        let runtime = runtime()?;
        let config = config_on(folder, log);
        let node = runtime.block_on(Node::start(&config, &crate::starting::Stage::default()))?;
        let portal = node.portal(&config, "http://bench.invalid", convenio_portal::door::CONNECTIONS_LIMIT);
        let listener = runtime.block_on(tokio::net::TcpListener::bind(config.listen))?;
        let address = listener.local_addr()?;
        let router = convenio_portal::router(portal.clone());
        let server = runtime.spawn(door::serve(listener, router, portal, DoorLimits::default()));
        Ok(Self { node, address, runtime, server })
    }

    pub(super) fn stop(self) -> anyhow::Result<()> {
        let Self { node, runtime, server, .. } = self;
        server.abort();
        // The clients have closed their connections, and each connection's handle to the ledger goes with it.
        runtime.block_on(node.stop())?;
        runtime.shutdown_timeout(Duration::from_secs(5));
        Ok(())
    }
}
