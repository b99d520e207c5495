//! The way to a node over HTTP, for the verbs that talk to one. A secret comes from a file or a variable, never from the
//! command line.

use crate::cli::NodeArguments;
use anyhow::{Context as _, bail};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::{fmt, time::Duration};

/// Longest wait for a connection to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence in the middle of an answer; an event stream says where it is more often than this.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A node somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    client: Client,
    base: String,
    token: Option<String>,
    acting_for: Option<uuid::Uuid>,
}

/// What a node says where it does not do what it was asked (RFC 9457).
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    status: u16,
    code: String,
    title: String,
    detail: Option<String>,
    field: Option<String>,
}

impl Problem {
    async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let problem: Self = response.json().await.unwrap_or_default();
        Self { status, ..problem }
    }

    /// Whether the same request may succeed later: nothing was decided, or nobody knows.
    pub(crate) fn may_pass(&self) -> bool {
        let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        later.iter().any(|status| status.as_u16() == self.status) && self.code != "clock-jumped"
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the node answered {}", self.status)?;
        for said in [Some(&self.code), self.field.as_ref(), self.detail.as_ref().or(Some(&self.title))] {
            if let Some(said) = said.filter(|said| !said.is_empty()) {
                write!(f, ": {said}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

impl Remote {
    /// From what the command line and the environment say.
    pub(crate) fn new(arguments: &NodeArguments) -> anyhow::Result<Self> {
        let token = match &arguments.token_file {
            Some(path) => Some(
                std::fs::read_to_string(path).with_context(|| format!("reading the token from {}", path.display()))?,
            ),
            None => std::env::var("CONVENIO_TOKEN").ok(),
        };
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build()?;
        Ok(Self {
            client,
            base: arguments.node.trim_end_matches('/').to_owned(),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            acting_for: arguments.acting_for,
        })
    }

    /// A request to a path of the node, with the token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(organisation) = self.acting_for {
            request = request.header("Convenio-Acting-For", format!("organisation/{organisation}"));
        }
        request
    }

    /// Sends a request and refuses any answer that is a problem, with its code and detail ([`Problem`]).
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.with_context(|| format!("asking the node at {}", self.base))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let rejected = matches!(response.status(), StatusCode::UNAUTHORIZED);
        let problem = Problem::read(response).await;
        if rejected && self.token.is_none() {
            bail!("{problem} (name the file that holds your token with --token-file, or set CONVENIO_TOKEN)");
        }
        Err(problem.into())
    }

    /// Reads a JSON document.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.send(self.request(Method::GET, path)).await?.json().await?)
    }

    /// The id of the node's ledger.
    pub(crate) async fn ledger_id(&self) -> anyhow::Result<uuid::Uuid> {
        let status = self.get("/api/v1/status").await?;
        let id = status.get("ledger").and_then(Value::as_str).context("the node does not say which ledger it keeps")?;
        id.parse().context("the node's ledger has an id that is no UUID")
    }
}

/// Whether it was a node that said so.
pub(crate) fn answered(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| !problem.code.is_empty())
}

/// Whether an error may pass: the node was not reached, the answer broke off, or the node said so.
pub(crate) fn may_pass(error: &anyhow::Error) -> bool {
    match error.downcast_ref::<Problem>() {
        Some(problem) => problem.may_pass(),
        None => error.chain().any(<dyn std::error::Error>::is::<reqwest::Error>),
    }
}
