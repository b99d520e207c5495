//! `convenio grant`, `revoke` and `grants`: through a node, or with `--data` at the machine. Which grants are allowed is for
//! the ledger to decide.

use crate::{
    cli::{NodeArguments, grant_id, id},
    verbs::{
        offline::{OfflineArguments, send},
        output,
    },
};
use anyhow::Context as _;
use convenio_portal::Token;
use serde_json::{Value, json};
use std::{
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use uuid::Uuid;

/// Grants of one page.
const PAGE_GRANTS: usize = 200;

/// Whom to register first: a ledger in which no organisation can act has nobody to give a grant to.
#[derive(clap::Args, Debug)]
struct NewcomerArguments {
    /// Registers an organisation of this name as a holder first, and gives it the grant
    #[arg(long, value_name = "NAME", requires = "data", requires = "kind", conflicts_with = "organisation")]
    register: Option<String>,
    /// Its kind: ministry, other-public-body, ngo, academic, civil-society, multilateral, ...
    #[arg(long, requires = "register")]
    kind: Option<String>,
    /// Where its seat is, as ISO 3166 says it
    #[arg(long, value_name = "CODE", requires = "register")]
    place: Option<String>,
    /// The language of its name
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
}

impl NewcomerArguments {
    /// The command that registers it, if there is one to register.
    fn registration(&self, id: Uuid) -> Option<(&'static str, Value)> {
        let name = self.register.as_ref()?;
        let mut profile = json!({ "kind": self.kind });
        if let Some(place) = &self.place {
            profile["place"] = place.as_str().into();
        }
        let name = json!({"original": self.language, "texts": { (self.language.as_str()): name }});
        let data = json!({"id": id, "standing": "holder", "profile": profile, "text": {"name": name}});
        Some(("register-organisation", data))
    }
}

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct GrantArguments {
    /// The organisation that it acts for; several times for several
    #[arg(long, value_name = "UUID", required_unless_present = "register", value_parser = id)]
    organisation: Vec<Uuid>,
    #[command(flatten)]
    newcomer: NewcomerArguments,
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
    #[arg(value_parser = grant_id)]
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
    #[arg(long, value_name = "UUID", value_parser = id)]
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
    let (secret, id, newcomer) = (Token::random(), Uuid::new_v4(), Uuid::new_v4());
    let token = secret.reveal();
    let registration = arguments.newcomer.registration(newcomer);
    let organisations = if registration.is_some() { vec![newcomer] } else { arguments.organisation };
    let mut data = json!({
        "id": id,
        "organisations": organisations,
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
    let registers = registration.is_some();
    let commands: Vec<_> = registration.into_iter().chain([("grant-access", data)]).collect();
    let mut answer = send(&commands, &arguments.offline, &arguments.node).await?;
    if registers && arguments.json {
        answer["organisation"] = newcomer.to_string().into();
    } else if registers {
        output::line(&format!("Organisation {newcomer}"))?;
    }
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

/// A file that only its owner reads. An empty one is what a try before this left that was refused.
fn create_secret(path: &Path) -> anyhow::Result<(std::fs::File, &Path)> {
    let mut options = std::fs::OpenOptions::new();
    let empty = std::fs::symlink_metadata(path).is_ok_and(|known| known.is_file() && known.len() == 0);
    if empty {
        std::fs::remove_file(path).with_context(|| format!("removing the empty file {}", path.display()))?;
    }
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    Ok((file.with_context(|| format!("making the new file {} for the token", path.display()))?, path))
}

/// Ends a grant.
pub(crate) async fn revoke(arguments: RevokeArguments) -> anyhow::Result<()> {
    let mut data = json!({ "id": arguments.grant });
    if let Some(reason) = &arguments.reason {
        data["reason"] = reason.as_str().into();
    }
    let answer = send(&[("revoke-access", data)], &arguments.offline, &arguments.node).await?;
    if arguments.json {
        return output::json_document(&answer);
    }
    Ok(output::line(&format!("Grant {} is revoked.", arguments.grant))?)
}

/// Lists the grants that the caller may see.
pub(crate) async fn list(arguments: GrantsArguments) -> anyhow::Result<()> {
    let remote = arguments.node.remote()?;
    let (mut items, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let mut path = format!("/api/v1/grants?limit={PAGE_GRANTS}");
        if let Some(organisation) = arguments.organisation {
            path.push_str(&format!("&organisation={organisation}"));
        }
        if let Some(cursor) = &cursor {
            path.push_str(&format!("&cursor={cursor}"));
        }
        let mut page = remote.get(&path).await?;
        items.append(page["items"].as_array_mut().context("the node's answer has no items")?);
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
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
