//! The sending side: commands that arrive at a node which does not write go to the one that does, in their order. It never
//! sends one twice: what became of a request whose answer was lost, only the caller may find out, with the same command id.

use super::{
    ANSWER_BYTES_LIMIT, CHUNK_BYTES, CHUNK_LINES_LIMIT, Clocks, NodeUrl, PATH, REFUSED, Secret, clocks,
    signature::{self, SignedHead},
    wire,
};
use convenio_events::Sequence;
use convenio_kafka::{Announced, Following};
use convenio_ledger::{
    rejection::{Accepted, Refusal, Unavailable},
    submission::{Answer, Waiting},
};
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use std::{
    sync::{Arc, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};

/// How long the way to the writer may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request may take from its first byte to its last: then its outcome is not known.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(25);
/// Requests whose answers are on their way at a time.
const REQUESTS_LIMIT: usize = 8;
/// How long this node may take to copy what was accepted, until the caller hears that the outcome is not known.
const COPIED_WITHIN: Duration = Duration::from_secs(10);
/// How often a node that does not write looks whether the writer takes commands.
const LOOK: Duration = Duration::from_secs(2);

/// The most bytes of what a writer says that are told to operators.
const SAID_BYTES: usize = 300;

/// Whether commands that arrive here reach a writer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Forwarding {
    /// The writer is known, is a peer, and answered when it was last asked.
    pub(crate) reaches: bool,
    /// What somebody must look at.
    pub(crate) alarm: Option<String>,
    /// What the writer's clock said when it was last asked, and when that was.
    pub(crate) clock: Option<(SystemTime, Instant)>,
}

/// Sends commands on.
pub(crate) struct Forwarder {
    /// What this node calls itself.
    pub(crate) name: String,
    /// Where commands may go.
    pub(crate) peers: Vec<NodeUrl>,
    pub(crate) secret: Secret,
    pub(crate) following: watch::Receiver<Following>,
    /// How much of the log this node shows.
    pub(crate) shown: watch::Receiver<Sequence>,
    pub(crate) told: watch::Sender<Forwarding>,
    /// What the clocks of the other nodes say.
    pub(crate) clocks: watch::Sender<Clocks>,
    /// Where others reach this node.
    pub(crate) own: Option<NodeUrl>,
    /// The writer that has shown that it holds the secret: nothing but a question is sent to another.
    pub(crate) trusted: std::sync::Mutex<Option<Announced>>,
}

/// Where commands go now.
struct Writer {
    url: NodeUrl,
    announced: Announced,
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
        let others = self.peers.iter().filter(|peer| Some(*peer) != self.own.as_ref()).cloned().collect();
        // It ends with this value.
        let mut asking = JoinSet::new();
        asking.spawn(clocks::ask(client.clone(), others, self.secret.clone(), self.clocks.clone()));
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
    fn writer(&self) -> Result<Writer, Option<String>> {
        let following = self.following.borrow();
        let announced = following.writer.as_ref().filter(|writer| writer.node != self.name).ok_or(None)?;
        let Some(url) = announced.url.as_deref() else { return Err(None) };
        let peer = NodeUrl::parse(url).ok().filter(|url| self.peers.contains(url));
        peer.map(|url| Writer { url, announced: announced.clone() }).ok_or_else(|| {
            Some(format!(
                "the node {:?} announced itself as writer at {url:?}, which is no --peer of this node: nothing is sent there",
                announced.node
            ))
        })
    }

    fn is_trusted(&self, announced: &Announced) -> bool {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).as_ref() == Some(announced)
    }

    /// Remembers whether a writer has shown that it holds the secret. One of an earlier version signs nothing.
    fn trust(&self, announced: &Announced, is_node: bool) {
        let trusted = (is_node || !announced.signs_answers).then(|| announced.clone());
        *self.trusted.lock().unwrap_or_else(PoisonError::into_inner) = trusted;
    }

    /// Remembers what the clock of the node that writes says, which told it just now.
    fn clock_told(&self, time_ms: u64) {
        let told = SystemTime::UNIX_EPOCH + Duration::from_millis(time_ms);
        self.told.send_modify(|now| now.clock = Some((told, Instant::now())));
    }

    fn tell(&self, reaches: bool, alarm: Option<String>) {
        self.told.send_if_modified(|told| {
            if let Some(alarm) = alarm.as_ref().filter(|alarm| told.alarm.as_ref() != Some(alarm)) {
                tracing::error!(alarm, "commands cannot be forwarded");
            }
            let now = Forwarding { reaches, alarm, clock: told.clock };
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
        let writer = match self.writer() {
            Ok(writer) => writer,
            Err(alarm) => {
                self.tell(false, alarm);
                return refuse(waiting, Unavailable::NoWriter);
            }
        };
        if waiting.is_empty() || !self.is_trusted(&writer.announced) {
            self.ask(client, &writer).await;
        }
        if waiting.is_empty() {
            return;
        }
        if !self.is_trusted(&writer.announced) {
            return refuse(waiting, Unavailable::NoWriter);
        }
        let (head, sent) = match self.post(client, &writer, body, REQUEST_TIMEOUT).await {
            Ok(sent) => sent,
            Err(why) => return refuse(waiting, why),
        };
        if sent.status() == StatusCode::OK {
            self.tell(true, None);
            let whole = self.whole(sent, head, writer.announced.clone());
            let (replaced, shown) = (replaced(self.following.clone(), Some(writer.announced)), self.shown.clone());
            tokio::spawn(async move {
                let body = tokio::select! {
                    whole = whole => whole.unwrap_or_default().0,
                    () = replaced => Vec::new(),
                };
                hand_on(&body, waiting, shown).await;
                drop(permit);
            });
        } else {
            let said = self.refusal(&writer, &head, sent).await;
            refuse(waiting, said);
        }
    }

    /// Asks the writer whether it would take commands: a request without any.
    async fn ask(&self, client: &Client, writer: &Writer) {
        // Commands wait behind a question, which is therefore a short one.
        let Ok((head, answer)) = self.post(client, writer, Vec::new(), LOOK).await else { return };
        if answer.status() != StatusCode::OK {
            self.refusal(writer, &head, answer).await;
            return;
        }
        let whole = self.whole(answer, head, writer.announced.clone()).await;
        if let Some((_, Some(time_ms))) = whole {
            self.clock_told(time_ms);
        }
        self.trust(&writer.announced, whole.is_some());
        let alarm = (!self.is_trusted(&writer.announced))
            .then(|| format!("what answers at {} does not show that it is a node of this ledger", writer.url.as_str()));
        self.tell(alarm.is_none(), alarm);
    }

    /// Sends a request and waits for the head of its answer, or for another writer.
    async fn post(
        &self,
        client: &Client,
        writer: &Writer,
        body: Vec<u8>,
        within: Duration,
    ) -> Result<(SignedHead, Response), Unavailable> {
        let head = self.secret.sign(PATH, &body);
        let request = client.post(writer.url.join(PATH)).timeout(within);
        let request = request.header(signature::HEADER, &head.signature).header(signature::DIGEST_HEADER, &head.digest);
        let length = body.len();
        let request = request.header(reqwest::header::CONTENT_LENGTH, length).body(body);
        let sent = tokio::select! {
            sent = request.send() => sent,
            // One that hangs would be waited for until long after another has taken its place.
            () = replaced(self.following.clone(), Some(writer.announced.clone())) => {
                return Err(Unavailable::OutcomeUnknown);
            }
        };
        sent.map(|response| (head, response)).map_err(|error| {
            self.tell(false, None);
            tracing::debug!(error = &error as &dyn std::error::Error, "the writer gave no answer");
            // Where there is no connection nothing was sent.
            if error.is_connect() { Unavailable::NoWriter } else { Unavailable::OutcomeUnknown }
        })
    }

    /// What the lines of an answer are, where a node of the ledger gave them all, and its time; or one of an earlier version, that
    /// signs none and tells no time.
    fn whole(
        &self,
        answer: Response,
        head: SignedHead,
        writer: Announced,
    ) -> impl Future<Output = Option<(Vec<u8>, Option<u64>)>> + use<> {
        let secret = self.secret.clone();
        async move {
            let body = bounded(answer).await?;
            if !writer.signs_answers {
                return Some((body, None));
            }
            secret.open_answer(&head, body).map(|(body, time_ms)| (body, Some(time_ms)))
        }
    }

    /// What is left to say where a request was refused: that nothing was done only a node may say. A proxy in between says 503
    /// too, when the connection broke with the request behind it.
    async fn refusal(&self, writer: &Writer, head: &SignedHead, answer: Response) -> Unavailable {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let said = bounded(answer).await.unwrap_or_default();
        let code = headers.get(signature::ANSWER_HEADER).and_then(|code| code.to_str().ok());
        let time_ms = code.and_then(|code| self.secret.open_refusal(head, status.as_u16(), &said, code));
        let is_node = time_ms.is_some();
        time_ms.into_iter().for_each(|time_ms| self.clock_told(time_ms));
        self.trust(&writer.announced, is_node);
        let alarm = (status != StatusCode::SERVICE_UNAVAILABLE).then(|| {
            let said = String::from_utf8_lossy(&said[..said.len().min(SAID_BYTES)]);
            format!("the writer at {} refuses this node's requests: {status}: {said}", writer.url.as_str())
        });
        self.tell(false, alarm);
        let is_refused = headers.contains_key(REFUSED) && (is_node || !writer.announced.signs_answers);
        if is_refused { Unavailable::NoWriter } else { Unavailable::OutcomeUnknown }
    }
}

/// The body of an answer; nothing where it is too long or breaks off.
pub(super) async fn bounded(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.ok()? {
        if body.len() + chunk.len() > ANSWER_BYTES_LIMIT {
            tracing::error!("an answer of the writer is longer than {ANSWER_BYTES_LIMIT} bytes");
            return None;
        }
        body.extend_from_slice(&chunk);
    }
    Some(body)
}

/// Completes when another than this writer has announced itself, or begins to.
async fn replaced(mut following: watch::Receiver<Following>, writer: Option<Announced>) {
    if following.wait_for(|now| now.writer != writer).await.is_err() {
        // The log is being closed: whoever waits for an answer is told when it comes.
        std::future::pending().await
    }
}

/// Hands the answers on: a line for each command, in their order. What is missing is not known. Who hears that something was
/// accepted finds it here.
async fn hand_on(body: &[u8], waiting: Vec<Waiting>, mut shown: watch::Receiver<Sequence>) {
    let mut lines = body.split(|byte| *byte == b'\n');
    let unknown = || Err(Refusal::Unavailable(Unavailable::OutcomeUnknown));
    let answers: Vec<Answer> = waiting
        .iter()
        .map(|_| {
            let told = lines.next().and_then(|line| serde_json::from_slice::<wire::SentAnswer>(line).ok());
            told.map_or_else(unknown, wire::SentAnswer::answer)
        })
        .collect();
    let last = answers.iter().flatten().map(|Accepted { sequence, .. }| *sequence).max();
    if let Some(last) = last {
        // Who waits in vain is told below.
        let _ = tokio::time::timeout(COPIED_WITHIN, shown.wait_for(|shown| *shown > last)).await;
    }
    let shown = *shown.borrow();
    for (one, answer) in waiting.into_iter().zip(answers) {
        let is_hidden = answer.as_ref().is_ok_and(|accepted| accepted.sequence >= shown);
        one.end(if is_hidden { unknown() } else { answer });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn an_alarm_is_over_with_the_writer_that_it_was_about() {
        let announced = |node: &str, url: &str| {
            let (node, url) = (node.to_owned(), Some(url.to_owned()));
            Some(Announced { node, url, next_sequence: Sequence::ZERO, root: None, signs_answers: true })
        };
        let (writers, following) = watch::channel(Following::BEGIN);
        let (told, seen) = watch::channel(Forwarding::default());
        let folder = tempfile::tempdir().expect("a folder");
        let secret = Secret::open(None, folder.path()).expect("made");
        let peers = vec![NodeUrl::parse("http://127.0.0.1:1").expect("a node")];
        let (name, trusted, shown) = ("here".to_owned(), Mutex::default(), watch::channel(Sequence::ZERO).1);
        let (clocks, _) = watch::channel(Clocks::default());
        let forwarder = Forwarder { name, peers, secret, following, shown, told, clocks, own: None, trusted };
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
