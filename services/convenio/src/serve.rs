//! `convenio serve`: a node that listens, until it is told to stop. What it serves is the portal's business.

use crate::{
    config::Config,
    membership,
    node::Node,
    sample,
    starting::{self, Stage},
};
use anyhow::Context as _;
use convenio_portal::door::{self, DoorLimits};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::{io::Write as _, time::Duration};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
};

/// How long requests that are under way may take after the signal to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(20);

/// A line that the first token may send, for whoever has a new ledger before them.
const FIRST_COMMAND: &str = r#"{"command":"register-organisation","data":{"standing":"holder","profile":{"kind":"ngo"},"text":{"name":{"texts":{"en":"Example NGO"}}}}}"#;

/// Runs a node until SIGINT or SIGTERM.
pub(crate) async fn serve(mut config: Config) -> anyhow::Result<()> {
    // The address comes first: a node that cannot be reached shall not make keys.
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("listening on {}: stop what listens there, or choose another address with --listen", config.listen)
    })?;
    let address = listener.local_addr()?;
    config.advertise = config.advertise.or_else(|| membership::default_url(address));
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    // Before anybody is told the address: a signal that nobody listens for would end the process at once.
    let mut signals = signals()?;
    let stage = Stage::default();
    let limits = DoorLimits { trusted_proxies: config.trusted_proxies.clone(), ..DoorLimits::default() };
    let limits = limits.within_open_files(open_files());
    let start = Node::start(&config, &stage);
    let node = starting::opened(&listener, &stage, limits.clone(), start, &mut signals).await?;
    if node.new {
        let path = config.identity.join("admin-token");
        say(format_args!("A new ledger was opened: {}", node.ledger_id));
        say(format_args!(
            "The first admin token is in {} (good for 24 hours, or until a real admin acts).",
            path.display()
        ));
    }
    let portal = node.portal(&config, &public_url, limits.connections);
    // Beside the portal and its limits: the callers behind it were counted where they came in.
    let router = node.cluster().into_iter().fold(convenio_portal::router(portal.clone()), axum::Router::merge);
    let mut server = Box::pin(door::serve(listener, router, portal, limits));
    let mut stopping = Box::pin(shutdown_after_signal(&node, signals));
    let mut told = false;
    let mut recording = Box::pin(sample::play(&node));
    let mut failed = watch_ledger(&node);
    say(format_args!("Convenio answers at {public_url} (data in {})", config.data.display()));
    if node.new && !config.sample {
        let token = config.identity.join("admin-token");
        say(format_args!("Nothing is recorded yet. Register organisations and give them grants with that token:"));
        say(format_args!("  convenio record FILE --node http://{address} --token-file {}", token.display()));
        say(format_args!("A line of FILE is {FIRST_COMMAND}"));
        say(format_args!("{public_url}/docs has every command with an example."));
    }
    let mut recorded = false;
    let result = loop {
        tokio::select! {
            () = &mut server => break Ok(()),
            () = &mut stopping, if !told => told = true,
            result = &mut recording, if !recorded => {
                recorded = true;
                // A sample that is not taken up spoils nothing; the next start goes on with it.
                match result {
                    Ok(Some(count)) => say(format_args!("The sample is recorded: {count} commands.")),
                    Ok(None) => {}
                    Err(error) => tracing::error!(error = format!("{error:#}"), "the sample could not be recorded"),
                }
            }
            () = &mut failed => {
                node.announce_shutdown();
                break Err(anyhow::anyhow!("the ledger can record no more"));
            }
        }
    };
    // They hold handles to the ledger, which ends when the last one is gone.
    drop((server, recording));
    let stopped = node.stop().await;
    result.and(stopped)
}

/// How many files this process may open, after asking for as many as it may have: shells often give fewer than that.
fn open_files() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where it is refused, what was given before holds.
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

/// Completes when the sequencer has ended by itself.
fn watch_ledger(node: &Node) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    let mut standing = node.ledger.watch();
    Box::pin(async move {
        let _ = standing.wait_for(|standing| standing.role == convenio_ledger::submission::Role::Stopped).await;
    })
}

/// Waits for the signal, tells streams to end, and sees that draining ends as well.
fn shutdown_after_signal(
    node: &Node,
    [mut interrupt, mut terminate]: [Signal; 2],
) -> impl Future<Output = ()> + Send + use<> {
    let announce = node.shutdown_handle();
    async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        tracing::info!("stopping");
        announce.send_replace(true);
        tokio::spawn(async {
            tokio::time::sleep(DRAIN_LIMIT).await;
            tracing::warn!("requests still under way after {DRAIN_LIMIT:?}: ending all the same");
            std::process::exit(1);
        });
    }
}

fn signals() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?])
}

/// Prints a line for whoever started it. A node goes on when nobody reads it any more, or the disk that it goes to is full.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
