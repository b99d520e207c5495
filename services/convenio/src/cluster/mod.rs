//! Commands between the nodes of a ledger: a node that does not write sends them on to the one that does, over one hop. It
//! decides nothing, and authenticates nobody but the other node.
//!
//! * `wire`: commands and answers as lines of JSON;
//! * `signature`: what shows that a node of the ledger sent a request, or gave an answer;
//! * `forward`: the sending side; `receive`: the other;
//! * `clocks`: what time it is at the others.
//!
//! A command travels with the digest of its bearer token, never with the token. The digest is a fact on the log, useless on
//! any other interface; whether it is good is decided by the writer when it decides the command, so that a grant counts from
//! the moment it is durable, also on a node that has not read it yet.

mod clocks;
mod forward;
mod receive;
mod signature;
mod wire;

pub(crate) use clocks::Clocks;
pub(crate) use forward::{Forwarder, Forwarding};
pub(crate) use receive::router;
pub(crate) use signature::Secret;

use anyhow::{Context as _, ensure};
use reqwest::Url;
use std::{net::IpAddr, time::Duration};

/// Where a writer takes commands from other nodes.
const PATH: &str = "/cluster/v1/commands";
/// The header of a refusal: nothing was done with any command of the request. What lacks it was said by somebody in between.
const REFUSED: &str = "convenio-refused";
/// The most lines of one request.
const CHUNK_LINES_LIMIT: usize = 1_000;
/// The bytes from which on a request takes no more lines.
const CHUNK_BYTES: usize = 1 << 20;
/// The most bytes of one request: a chunk and one line more, whose command was 1 MiB before it was encoded.
const REQUEST_BYTES_LIMIT: usize = 4 << 20;

/// How long the body of a request may take, from its head to its last byte: then it is refused.
const BODY_DEADLINE: Duration = Duration::from_secs(10);
/// Requests of other nodes that are received or answered at a time; what comes beyond is refused, and nothing is done.
const REQUESTS_UNDER_WAY_LIMIT: usize = 64;
/// The most bytes of an answer: beyond that the outcome is not known.
const ANSWER_BYTES_LIMIT: usize = 16 << 20;

/// Another node, or this one as others reach it: an origin, over HTTPS or on this machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NodeUrl(Url);

impl NodeUrl {
    /// # Errors
    /// Says what a node's address must be.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let url = Url::parse(text).with_context(|| format!("{text:?} is no address of a node"))?;
        let plain = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        ensure!(plain && url.has_host(), "{text:?} must be http(s)://host[:port] and nothing more");
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
        ensure!(
            url.scheme() == "https" || (url.scheme() == "http" && local),
            "{text:?}: commands go between nodes over https, or over http on one machine (loopback)"
        );
        Ok(Self(url))
    }

    /// As it is announced to other nodes.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    fn join(&self, path: &str) -> String {
        format!("{}{path}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::NodeUrl;

    #[test]
    fn commands_go_over_https_or_loopback_only() {
        for good in ["https://node-1.example:8443", "http://127.0.0.1:8081", "http://[::1]:8081/", "http://localhost:1"]
        {
            assert_eq!(
                NodeUrl::parse(good).map(|url| url.as_str().to_owned()).ok().as_deref(),
                Some(good.trim_end_matches('/'))
            );
        }
        for bad in ["http://node-1:8080", "http://10.0.0.1", "ftp://localhost", "https://a/b", "https://u@a", "a:1", ""]
        {
            assert!(NodeUrl::parse(bad).is_err(), "{bad}");
        }
    }
}
