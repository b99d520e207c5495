//! The sending side: commands that arrive at a node which does not write go to the one that does, in their order. It never
//! sends one twice: what became of a request whose answer was lost, only the caller may find out, with the same command id.

use super::{CHUNK_BYTES, CHUNK_LINES_LIMIT, NodeUrl, PATH, REFUSED, Secret, signature, wire};
use convenio_kafka::{Announced, Following};
use convenio_ledger::{
    rejection::{Refusal, Unavailable},
    submission::Waiting,
};
use reqwest::{Client, StatusCode, redirect::Policy};
use std::{sync::Arc, time::Duration};
use tokio::sync::{Semaphore, mpsc, watch};

/// How long the way to the writer may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request may take from its first byte to its last: then its outcome is not known.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(25);
/// Requests whose answers are on their way at a time.
const REQUESTS_LIMIT: usize = 8;
/// How often a node that does not write looks whether the writer takes commands.
const LOOK: Duration = Duration::from_secs(2);

/// Whether commands that arrive here reach a writer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Forwarding {
    /// The writer is known, is a peer, and answered when it was last asked.
    pub(crate) reaches: bool,
    /// What somebody must look at.
    pub(crate) alarm: Option<String>,
}

/// Sends commands on.
pub(crate) struct Forwarder {
    /// What this node calls itself.
    pub(crate) name: String,
    /// Where commands may go.
    pub(crate) peers: Vec<NodeUrl>,
    pub(crate) secret: Secret,
    pub(crate) following: watch::Receiver<Following>,
    pub(crate) told: watch::Sender<Forwarding>,
}

/// Commands of one request.
#[derive(Default)]
struct Chunk {
    body: Vec<u8>,
    waiting: Vec<Waiting>,
}

impl Chunk {
    /// Adds a command where no node's own rights are needed.
    fn push(&mut self, waiting: Waiting) {
        let Some(command) = wire::SentCommand::new(&waiting.submission) else {
            return waiting.end(Err(Refusal::Unavailable(Unavailable::NoWriter)));
        };
        serde_json::to_writer(&mut self.body, &command).expect("our types have string keys");
        self.body.push(b'\n');
        self.waiting.push(waiting);
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < CHUNK_LINES_LIMIT && self.body.len() < CHUNK_BYTES
    }
}

fn refuse(waiting: Vec<Waiting>, why: Unavailable) {
    for one in waiting {
        one.end(Err(Refusal::Unavailable(why)));
    }
}

impl Forwarder {
    /// Runs until nobody can send commands any more.
    pub(crate) async fn run(self, mut queue: mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
        // No proxy: commands go to the node that is named. No redirect: one hop.
        let client = Client::builder().connect_timeout(CONNECT_TIMEOUT);
        let client = client.redirect(Policy::none()).no_proxy().build()?;
        let requests = Arc::new(Semaphore::new(REQUESTS_LIMIT));
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let first = tokio::select! {
                biased;
                first = queue.recv() => first,
                // A request without commands asks whether the writer would take some.
                _ = looks.tick() => {
                    self.send(&client, Chunk::default(), &requests).await;
                    continue;
                }
            };
            let Some(first) = first else { return Ok(()) };
            let mut chunk = Chunk::default();
            chunk.push(first);
            while chunk.has_room()
                && let Ok(next) = queue.try_recv()
            {
                chunk.push(next);
            }
            if !chunk.waiting.is_empty() {
                self.send(&client, chunk, &requests).await;
            }
        }
    }

    /// The writer, where it announced itself as a node that is known here; else what somebody must look at, if anything.
    fn writer(&self) -> Result<(NodeUrl, Option<Announced>), Option<String>> {
        let following = self.following.borrow();
        let announced = following.writer.as_ref().filter(|writer| writer.node != self.name).ok_or(None)?;
        let Some(url) = announced.url.as_deref() else { return Err(None) };
        let peer = NodeUrl::parse(url).ok().filter(|url| self.peers.contains(url));
        peer.map(|url| (url, following.writer.clone())).ok_or_else(|| {
            Some(format!(
                "the node {:?} announced itself as writer at {url:?}, which is no --peer of this node: nothing is sent there",
                announced.node
            ))
        })
    }

    fn tell(&self, reaches: bool, alarm: Option<String>) {
        self.told.send_if_modified(|told| {
            if let Some(alarm) = alarm.as_ref().filter(|alarm| told.alarm.as_ref() != Some(alarm)) {
                tracing::error!(alarm, "commands cannot be forwarded");
            }
            let now = Forwarding { reaches, alarm };
            let changed = *told != now;
            *told = now;
            changed
        });
    }

    /// Sends a chunk; returns when the writer has all of it in its queue, so that the next one comes after it.
    async fn send(&self, client: &Client, chunk: Chunk, requests: &Arc<Semaphore>) {
        let Chunk { body, waiting } = chunk;
        let permit = requests.clone().acquire_owned().await.expect("it is never closed");
        // After the permit: by then another may be the writer.
        let (writer, announced) = match self.writer() {
            Ok(writer) => writer,
            Err(alarm) => {
                self.tell(false, alarm);
                return refuse(waiting, Unavailable::NoWriter);
            }
        };
        let signature = self.secret.sign(PATH, &body);
        // Commands wait behind a question, which is therefore a short one.
        let within = if waiting.is_empty() { LOOK } else { REQUEST_TIMEOUT };
        let request = client.post(writer.join(PATH)).header(signature::HEADER, signature).timeout(within);
        let sent = tokio::select! {
            sent = request.body(body).send() => sent,
            // One that hangs would be waited for until long after another has taken its place.
            () = replaced(self.following.clone(), announced.clone()) => {
                return refuse(waiting, Unavailable::OutcomeUnknown);
            }
        };
        let response = match sent {
            Ok(response) => response,
            // Nothing was sent.
            Err(error) if error.is_connect() => {
                self.tell(false, None);
                tracing::debug!(error = &error as &dyn std::error::Error, "the writer is not reached");
                return refuse(waiting, Unavailable::NoWriter);
            }
            Err(error) => {
                self.tell(false, None);
                tracing::warn!(error = &error as &dyn std::error::Error, "the writer gave no answer");
                return refuse(waiting, Unavailable::OutcomeUnknown);
            }
        };
        // A proxy in between says 503 too, when the connection broke with the request behind it.
        let is_refused = response.headers().contains_key(REFUSED);
        let why = if is_refused { Unavailable::NoWriter } else { Unavailable::OutcomeUnknown };
        match response.status() {
            StatusCode::OK => {
                self.tell(true, None);
                let replaced = replaced(self.following.clone(), announced);
                tokio::spawn(async move {
                    let body = tokio::select! {
                        body = response.bytes() => body.unwrap_or_default(),
                        () = replaced => axum::body::Bytes::new(),
                    };
                    answer(&body, waiting);
                    drop(permit);
                });
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                self.tell(false, None);
                refuse(waiting, why);
            }
            status => {
                let said = response.text().await.unwrap_or_default();
                let alarm = format!("the writer at {} refuses this node's requests: {status}: {said}", writer.as_str());
                self.tell(false, Some(alarm));
                refuse(waiting, why);
            }
        }
    }
}

/// Completes when another than this writer has announced itself, or begins to.
async fn replaced(mut following: watch::Receiver<Following>, writer: Option<Announced>) {
    if following.wait_for(|now| now.writer != writer).await.is_err() {
        // The log is being closed: whoever waits for an answer is told when it comes.
        std::future::pending().await
    }
}

/// Hands the answers on: a line for each command, in their order. What is missing is not known.
fn answer(body: &[u8], waiting: Vec<Waiting>) {
    let mut lines = body.split(|byte| *byte == b'\n');
    for one in waiting {
        let told = lines.next().and_then(|line| serde_json::from_slice::<wire::SentAnswer>(line).ok());
        let unknown = || Err(Refusal::Unavailable(Unavailable::OutcomeUnknown));
        one.end(told.map_or_else(unknown, wire::SentAnswer::answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use convenio_events::Sequence;

    #[tokio::test]
    async fn an_alarm_is_over_with_the_writer_that_it_was_about() {
        let announced = |node: &str, url: &str| {
            let (node, url) = (node.to_owned(), Some(url.to_owned()));
            Some(Announced { node, url, next_sequence: Sequence::ZERO, root: None })
        };
        let start = Following { offset: 0, confirmed: None, halted: None, closed: None, writer: None };
        let (writers, following) = watch::channel(start);
        let (told, seen) = watch::channel(Forwarding::default());
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(None, folder.path()).expect("made");
        let peers = vec![NodeUrl::parse("http://127.0.0.1:1").expect("a node")];
        let forwarder = Forwarder { name: "here".to_owned(), peers, secret, following, told };
        let (client, requests) = (Client::new(), Arc::new(Semaphore::new(1)));
        for (writer, is_alarm) in [
            (announced("there", "http://127.0.0.1:2"), true),
            (None, false),
            (announced("there", "http://192.0.2.1"), true),
            (announced("here", "http://127.0.0.1:3"), false),
        ] {
            writers.send_modify(|following| following.writer.clone_from(&writer));
            forwarder.send(&client, Chunk::default(), &requests).await;
            assert_eq!(seen.borrow().alarm.is_some(), is_alarm, "{writer:?}");
            assert!(!seen.borrow().reaches);
        }
    }
}
