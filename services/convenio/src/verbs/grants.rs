//! `convenio grant`, `revoke` and `grants`: through a node, or with `--data` at the machine, under the data lock, as the
//! operator. Which grants are allowed is for the ledger to decide.

use crate::{cli::NodeArguments, config::ServeArguments, node::Node, verbs::output};
use anyhow::{Context as _, bail, ensure};
use convenio_events::CommandId;
use convenio_journal::{Access, JOURNAL_FILE, Journal};
use convenio_ledger::{
    authorise::Credential,
    rejection::Refusal,
    submission::{Body, Submission},
};
use convenio_portal::Token;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Grants of one page.
const PAGE_GRANTS: usize = 200;

/// Where to act without a node: for an operator who has lost every admin's token.
#[derive(clap::Args, Clone, Debug)]
struct OfflineArguments {
    /// Acts as the operator on this data directory instead of asking a node; no node may run on it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The identity directory of --data [default: DATA-identity]
    #[arg(long, value_name = "DIR", requires = "data")]
    identity: Option<PathBuf>,
}

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantArguments {
    /// The organisation that it acts for; several times for several
    #[arg(long, value_name = "UUID", required = true)]
    organisation: Vec<Uuid>,
    /// admin, organisation-admin, recorder, signatory, facilitator, reviewer, auditor or integrator
    #[arg(long)]
    role: String,
    /// The office that holds it; never a person
    #[arg(long)]
    office: Option<String>,
    /// It may sign agreements
    #[arg(long)]
    may_sign: bool,
    /// It acts on behalf of somebody else's organisation; needs --mandate
    #[arg(long, requires = "mandate")]
    on_behalf: bool,
    /// SHA-256 of the mandate's document, in base64
    #[arg(long, value_name = "DIGEST")]
    mandate: Option<String>,
    /// From when (RFC 3339); now without
    #[arg(long, value_name = "TIME")]
    valid_from: Option<String>,
    /// Until when (RFC 3339)
    #[arg(long, value_name = "TIME")]
    valid_through: Option<String>,
    /// Writes the token to this new file (mode 0600) instead of showing it
    #[arg(long, value_name = "FILE")]
    write_token: Option<PathBuf>,
    /// Prints the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArguments,
    #[command(flatten)]
    node: NodeArguments,
}

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RevokeArguments {
    /// Which grant
    grant: Uuid,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Prints the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    offline: OfflineArguments,
    #[command(flatten)]
    node: NodeArguments,
}

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantsArguments {
    /// Only grants that act for this organisation
    #[arg(long, value_name = "UUID")]
    organisation: Option<Uuid>,
    /// Also those that are over or not valid yet
    #[arg(long)]
    all: bool,
    /// Prints the grants as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArguments,
}

/// Gives a grant. The token is made here and only its digest is sent: an answer that is lost loses nothing.
pub(crate) async fn grant(arguments: GrantArguments) -> anyhow::Result<()> {
    let (secret, id) = (Token::random(), Uuid::new_v4());
    let token = secret.reveal();
    let mut data = json!({
        "id": id,
        "organisations": arguments.organisation,
        "role": arguments.role,
        "may_sign": arguments.may_sign,
        "on_behalf": arguments.on_behalf,
        "token_digest": secret.digest(),
    });
    let optional = [
        ("office", &arguments.office),
        ("mandate", &arguments.mandate),
        ("valid_from", &arguments.valid_from),
        ("valid_through", &arguments.valid_through),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            data[name] = value.as_str().into();
        }
    }
    // Before anything is recorded: a token that cannot be kept would be lost.
    let file = arguments.write_token.as_deref().map(create_secret).transpose()?;
    let mut answer = send("grant-access", &data, &arguments.offline, &arguments.node).await?;
    if let Some((mut file, path)) = file {
        writeln!(file, "{token}")
            .and_then(|()| file.sync_all())
            .with_context(|| format!("writing {}", path.display()))?;
        if arguments.json {
            return output::json_document(&answer);
        }
        return Ok(output::line(&format!("Grant {id}; its token is in {}", path.display()))?);
    }
    if arguments.json {
        answer["token"] = token.into();
        return output::json_document(&answer);
    }
    output::line(&format!("Grant {id}"))?;
    output::line(&format!("Token {token}"))?;
    output::line(
        "It is shown this once. Whoever has it acts under this grant: keep it in a file that others cannot read.",
    )?;
    Ok(())
}

fn create_secret(path: &Path) -> anyhow::Result<(std::fs::File, &Path)> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    Ok((file.with_context(|| format!("making {} for the token", path.display()))?, path))
}

/// Ends a grant.
pub(crate) async fn revoke(arguments: RevokeArguments) -> anyhow::Result<()> {
    let mut data = json!({ "id": arguments.grant });
    if let Some(reason) = &arguments.reason {
        data["reason"] = reason.as_str().into();
    }
    let answer = send("revoke-access", &data, &arguments.offline, &arguments.node).await?;
    if arguments.json {
        return output::json_document(&answer);
    }
    Ok(output::line(&format!("Grant {} is revoked.", arguments.grant))?)
}

async fn send(command: &str, data: &Value, offline: &OfflineArguments, node: &NodeArguments) -> anyhow::Result<Value> {
    match &offline.data {
        Some(path) => send_offline(command, data, path, offline.identity.clone()).await,
        None => {
            let remote = node.remote()?;
            let request = remote.request(Method::POST, &format!("/api/v1/commands/{command}"));
            let request = request.header("Idempotency-Key", Uuid::new_v4().to_string()).json(data);
            Ok(remote.send(request).await?.json().await?)
        }
    }
}

async fn send_offline(command: &str, data: &Value, path: &Path, identity: Option<PathBuf>) -> anyhow::Result<Value> {
    // A name that was written wrong shall not open a new ledger.
    ensure!(path.join(JOURNAL_FILE).is_file(), "there is no ledger in {}", path.display());
    let journal = Journal::open(path, Access::ReadOnly)?;
    ensure!(journal.refresh()?.0 > 0, "the ledger in {} has no events yet: start a node on it first", path.display());
    drop(journal);
    let body =
        Body::parse(command, data.to_string().as_bytes(), None).map_err(|why| anyhow::anyhow!("refused: {why}"))?;
    let arguments = ServeArguments { data: Some(path.to_owned()), identity, ..ServeArguments::default() };
    let node = Node::start(&arguments.resolve()?).await?;
    let submission = Submission {
        credential: Credential::Operator,
        acting_for: None,
        id: CommandId::new(Uuid::new_v4()),
        correlation_id: None,
        expected_version: None,
        body: Ok(body),
    };
    let answer = node.ledger.submit(submission).await;
    node.stop().await?;
    match answer {
        Ok(accepted) => Ok(json!({
            "subject": accepted.subject,
            "sequence": accepted.sequence,
            "streamversion": accepted.stream_version,
            "command_id": accepted.command_id,
        })),
        Err(Refusal::Rejected(why)) => bail!("refused: {why}"),
        Err(Refusal::Unavailable(why)) => bail!("{}: {}", why.code(), why.title()),
    }
}

/// Lists the grants that the caller may see.
pub(crate) async fn list(arguments: GrantsArguments) -> anyhow::Result<()> {
    let remote = arguments.node.remote()?;
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let mut path = format!("/api/v1/grants?limit={PAGE_GRANTS}");
        if let Some(organisation) = arguments.organisation {
            path.push_str(&format!("&organisation={organisation}"));
        }
        if let Some(after) = after {
            path.push_str(&format!("&after={after}"));
        }
        let mut page = remote.get(&path).await?;
        items.append(page["items"].as_array_mut().context("the node's answer has no items")?);
        after = page["next_after"].as_u64();
        if after.is_none() {
            break;
        }
    }
    if !arguments.all {
        items.retain(|grant| grant["state"] == "active");
    }
    if arguments.json {
        return output::json_document(&json!({ "items": items }));
    }
    for grant in &items {
        output::line(&described(grant))?;
    }
    Ok(())
}

fn described(grant: &Value) -> String {
    let text = |name: &str| grant[name].as_str().unwrap_or_default();
    let organisations: Vec<_> =
        grant["organisations"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let scope = if organisations.is_empty() { grant["scope"]["kind"].as_str().unwrap_or_default() } else { "" };
    let signs = if grant["may_sign"] == true { " may sign" } else { "" };
    let through = grant["valid_through"].as_str().map(|through| format!(" through {through}")).unwrap_or_default();
    let acting = organisations.join(",");
    format!(
        "{} {} {scope}{acting}{signs} {} from {}{through}",
        text("id"),
        text("role"),
        text("office"),
        text("valid_from")
    )
}
