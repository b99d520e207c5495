//! `convenio rebuild`: makes read models anew beside the live ones, and waits until they are swapped in. Which views there are
//! the node says.

use crate::{
    cli::NodeArguments,
    client::Remote,
    verbs::output::{self, Progress},
};
use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// How often the node is asked how far it is.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RebuildArguments {
    /// Which view; all of them, one after the other, without
    view: Option<String>,
    /// Prints how each rebuild ended as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArguments,
}

/// Runs the verb.
pub(crate) async fn run(arguments: RebuildArguments) -> anyhow::Result<()> {
    let remote = arguments.node.remote()?;
    let views = match arguments.view {
        Some(view) => vec![view],
        None => views(&remote).await?,
    };
    let mut ended = Vec::new();
    for view in views {
        let progress = rebuild(&remote, &view).await?;
        if arguments.json {
            let mut progress = progress;
            progress["view"] = view.into();
            ended.push(progress);
        } else {
            output::line(&format!("{view}: rebuilt from {} events in {} ms", progress["folded"], progress["took_ms"]))?;
        }
    }
    if arguments.json { output::json_document(&json!(ended)) } else { Ok(()) }
}

async fn views(remote: &Remote) -> anyhow::Result<Vec<String>> {
    let status = remote.get("/api/v1/status").await?;
    let views = status["views"].as_array().context("the node does not say which views it has")?;
    Ok(views.iter().filter_map(|view| view["view"].as_str()).map(str::to_owned).collect())
}

async fn rebuild(remote: &Remote, view: &str) -> anyhow::Result<Value> {
    let path = format!("/api/v1/views/{}/rebuild", super::events::encoded(view));
    remote.send(remote.request(Method::POST, &path)).await.with_context(|| format!("rebuilding {view}"))?;
    let mut shown = Progress::new(&format!("rebuilding {view}"), Some(0));
    let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
    loop {
        let progress = remote.get(&path).await?;
        match progress["state"].as_str() {
            Some("folding") => shown.set(progress["done"].as_u64().unwrap_or(0), progress["of"].as_u64()),
            Some("done") => {
                shown.finish("");
                return Ok(progress);
            }
            Some("cancelled") => bail!("the rebuild of {view} was cancelled; the live files are as they were"),
            _ => bail!("the rebuild of {view} failed: {}", progress["message"].as_str().unwrap_or("no reason given")),
        }
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            _ = &mut interrupted => {
                remote.send(remote.request(Method::DELETE, &path)).await.context("cancelling the rebuild")?;
                bail!("interrupted: the rebuild of {view} is cancelled; the live files are as they were");
            }
        }
    }
}
