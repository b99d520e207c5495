//! The way to a node over HTTP, for the verbs that talk to one. A secret comes from a file or a variable, never from the command line.

use crate::cli::NodeArguments;
use anyhow::{Context as _, bail};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;

/// A node somewhere.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    client: Client,
    base: String,
    token: Option<String>,
    acting_for: Option<uuid::Uuid>,
}

impl Remote {
    /// From what the command line and the environment say.
    pub(crate) fn new(arguments: &NodeArguments) -> anyhow::Result<Self> {
        let token = match &arguments.token_file {
            Some(path) => Some(
                std::fs::read_to_string(path).with_context(|| format!("reading the token from {}", path.display()))?,
            ),
            None => std::env::var("CONVENIO_TOKEN").ok(),
        };
        Ok(Self {
            client: Client::new(),
            base: arguments.node.trim_end_matches('/').to_owned(),
            token: token.map(|token| token.trim().to_owned()),
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

    /// Sends a request and refuses any answer that is a problem, saying its code and detail.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.with_context(|| format!("asking the node at {}", self.base))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Value = response.json().await.unwrap_or_default();
        let said = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        bail!("the node answered {status} {}: {} {}", said("code"), said("title"), said("detail"))
    }

    /// Reads a JSON document.
    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        Ok(self.send(self.request(Method::GET, path)).await?.json().await?)
    }
}
