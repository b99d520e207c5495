//! Commands of an operator: through a node, or with `--data` at the machine, under the data lock, with the operator's own right.
//! It gives nobody a right that the ledger's rules do not give the operator, and all that it does is in the log.

use crate::{
    cli::NodeArguments,
    config::{Config, LogChoice, ServeArguments},
    node::Node,
};
use anyhow::{Context as _, bail, ensure};
use convenio_events::CommandId;
use convenio_journal::{Access, JOURNAL_FILE, Journal};
use convenio_ledger::{
    authorise::Credential,
    rejection::Refusal,
    submission::{Body, Submission},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Where to act without a node: for an operator who has lost every admin's token.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct OfflineArguments {
    /// Acts as the operator on this data directory instead of asking a node; no node may run on it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The identity directory of --data [default: DATA-identity]
    #[arg(long, value_name = "DIR", requires = "data")]
    identity: Option<PathBuf>,
}

impl OfflineArguments {
    /// Whether no node is asked.
    pub(crate) const fn is_asked_for(&self) -> bool {
        self.data.is_some()
    }
}

/// Sends commands in order, each only when the one before it was accepted, and gives the answer to the last.
pub(crate) async fn send(
    commands: &[(&str, Value)],
    offline: &OfflineArguments,
    node: &NodeArguments,
) -> anyhow::Result<Value> {
    if let Some(path) = &offline.data {
        return send_offline(commands, path, offline.identity.clone()).await;
    }
    let (remote, mut last) = (node.remote()?, Value::Null);
    for (command, data) in commands {
        let request = remote.request(Method::POST, &format!("/api/v1/commands/{command}"));
        let request = request.header("Idempotency-Key", Uuid::new_v4().to_string()).json(data);
        last = remote.send(request).await?.json().await?;
    }
    Ok(last)
}

async fn send_offline(commands: &[(&str, Value)], path: &Path, identity: Option<PathBuf>) -> anyhow::Result<Value> {
    // A name that was written wrong shall not open a new ledger.
    ensure!(path.join(JOURNAL_FILE).is_file(), "there is no ledger in {}", path.display());
    let journal = Journal::open(path, Access::ReadOnly)?;
    ensure!(journal.refresh()?.0 > 0, "the ledger in {} has no events yet: start a node on it first", path.display());
    drop(journal);
    // All of them before any is sent: what one cannot read shall not leave the others done.
    let read = |(command, data): &(&str, Value)| Body::parse(command, data.to_string().as_bytes(), None);
    let bodies: Vec<_> =
        commands.iter().map(read).collect::<Result<_, _>>().map_err(|why| anyhow::anyhow!("refused: {why}"))?;
    let arguments = ServeArguments { data: Some(path.to_owned()), identity, ..ServeArguments::default() };
    // Whatever log a file in this folder names: it is this directory that is written.
    let config = Config { log: LogChoice::Embedded, ..arguments.resolve()? };
    let node = Node::start(&config, &crate::starting::Stage::default()).await?;
    let answer = submit(&node, bodies).await;
    node.stop().await?;
    answer
}

async fn submit(node: &Node, bodies: Vec<Body>) -> anyhow::Result<Value> {
    let mut last = None;
    for body in bodies {
        let submission = Submission {
            credential: Credential::Operator,
            acting_for: None,
            id: CommandId::new(Uuid::new_v4()),
            correlation_id: None,
            expected_version: None,
            body: Ok(body),
        };
        last = Some(match node.ledger.submit(submission).await {
            Ok(accepted) => json!({
                "subject": accepted.subject,
                "sequence": accepted.sequence,
                "streamversion": accepted.stream_version,
                "command_id": accepted.command_id,
            }),
            Err(Refusal::Rejected(why)) => bail!("refused: {why}"),
            Err(Refusal::Unavailable(why)) => bail!("{}: {}", why.code(), why.title()),
        });
    }
    last.context("there was no command to send")
}
