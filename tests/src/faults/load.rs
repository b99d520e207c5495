//! Clients that send commands to any node until each has an outcome, always with the same id. They believe no node to be the
//! writer, and never send faster than people would.

use crate::{
    User,
    users::{agreement, learning, listing},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// How long a client waits for one node until it asks another. The outcome is open then, as always.
const ATTEMPT: Duration = Duration::from_secs(2);
/// How long a client waits until it asks the next node.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(20);
/// Commands of one batch.
const BATCH: usize = 20;
/// One of so many commands is sent once more after its outcome, anywhere.
const AGAIN: u32 = 10;

/// A command that was accepted for the first time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepted {
    pub(super) sent: Instant,
    pub(super) at: Instant,
    /// The sequence of its last event.
    pub(super) sequence: u64,
}

/// What each client was told, by command id: subject, sequence and events; and what it had sent.
pub(super) type Told = BTreeMap<Uuid, Value>;

#[derive(Debug)]
struct Shared {
    /// Where each node answers, or did.
    urls: Mutex<Vec<String>>,
    stop: AtomicBool,
    pause: AtomicBool,
    /// The number of a node that nobody asks.
    shunned: AtomicUsize,
    accepted: Mutex<Vec<Accepted>>,
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    working: Vec<JoinHandle<Client>>,
    actors: Vec<String>,
}

impl Load {
    /// Begins, with a client for each user; the last one sends batches.
    pub(super) fn start(users: &[User], other: Uuid, pace: Duration, seed: u64, urls: Vec<String>) -> Self {
        let shared = Arc::new(Shared {
            urls: Mutex::new(urls),
            stop: AtomicBool::new(false),
            pause: AtomicBool::new(false),
            shunned: AtomicUsize::new(usize::MAX),
            accepted: Mutex::default(),
        });
        let actors = users.iter().map(|user| format!("organisation/{}", user.organisation)).collect();
        let working = users.iter().enumerate().map(|(number, user)| {
            let mut client = Client::new(user, other, shared.clone(), seed.wrapping_add(number as u64));
            let in_batches = number + 1 == users.len();
            tokio::spawn(async move {
                client.work(pace, in_batches).await;
                client
            })
        });
        Self { working: working.collect(), shared: shared.clone(), actors }
    }

    /// A client of the same ledger that does only what it is told.
    pub(super) fn client(&self, user: &User) -> Client {
        Client::new(user, Uuid::nil(), self.shared.clone(), 0)
    }

    /// Says where a node answers.
    pub(super) fn node_is_at(&self, number: usize, url: &str) {
        url.clone_into(&mut self.shared.urls.lock().expect("nobody panics while holding this")[number]);
    }

    /// Lets the clients do nothing for a while, or go on.
    pub(super) fn pause(&self, pause: bool) {
        self.shared.pause.store(pause, Relaxed);
    }

    /// Lets the clients ask any node but this one, or any.
    pub(super) fn shun(&self, node: Option<usize>) {
        self.shared.shunned.store(node.unwrap_or(usize::MAX), Relaxed);
    }

    /// How many commands were accepted.
    pub(super) fn count(&self) -> usize {
        self.accepted(|accepted| accepted.len())
    }

    /// What was accepted so far, in the order in which clients heard of it.
    pub(super) fn accepted<T>(&self, look: impl FnOnce(&[Accepted]) -> T) -> T {
        look(&self.shared.accepted.lock().expect("nobody panics while holding this"))
    }

    /// Fails when a client was told something wrong.
    ///
    /// # Panics
    /// Then.
    pub(super) fn all_is_well(&self) {
        assert!(!self.working.iter().any(JoinHandle::is_finished), "a client was told something wrong");
    }

    /// Ends it when each client has the outcome of what it sent. Returns what was told, and who sent.
    pub(super) async fn end(self) -> (Told, Vec<String>, Vec<Accepted>) {
        self.shared.stop.store(true, Relaxed);
        let mut told = Told::new();
        for client in self.working {
            told.extend(client.await.expect("no client is told anything wrong").told);
        }
        let accepted = std::mem::take(&mut *self.shared.accepted.lock().expect("nobody panics while holding this"));
        (told, self.actors, accepted)
    }
}

/// A client that knows what it wants next, and what it was told.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    user: User,
    other: Uuid,
    next: VecDeque<(Uuid, &'static str, Value)>,
    /// Those of them that were sent in a batch already and have no outcome.
    sent_before: HashSet<Uuid>,
    pub(super) told: Told,
    /// The number of the node that it asks.
    at: usize,
    random: StdRng,
    shared: Arc<Shared>,
}

impl Client {
    fn new(user: &User, other: Uuid, shared: Arc<Shared>, seed: u64) -> Self {
        let (next, told, random) = (VecDeque::new(), Told::new(), StdRng::seed_from_u64(seed));
        let sent_before = HashSet::new();
        Self { http: reqwest::Client::new(), user: user.clone(), other, next, sent_before, told, at: 0, random, shared }
    }

    /// An offer, an agreement that takes of it, its proposal, a learning (two events), its revision (two events), and the end of the agreement.
    fn plan(&mut self) {
        let (own, offer, id) = (self.user.organisation, Uuid::new_v4(), Uuid::new_v4());
        let lesson = Uuid::new_v4();
        let steps = [
            ("publish-offer", listing(offer, "Oferta")),
            ("draft-agreement", agreement(id, own, self.other, offer, "3")),
            ("propose-agreement", json!({"id": id})),
            ("submit-learning", learning(lesson, own, "Lección")),
            ("revise-offer", listing(offer, "Oferta revisada")),
            ("revise-learning", learning(lesson, own, "Lección revisada")),
            ("cancel-agreement", json!({"id": id, "reason": "Fue una prueba."})),
        ];
        self.next.extend(steps.map(|(command, data)| (Uuid::new_v4(), command, data)));
    }

    async fn work(&mut self, pace: Duration, in_batches: bool) {
        while !self.shared.stop.load(Relaxed) {
            while self.next.len() < BATCH {
                self.plan();
            }
            if in_batches {
                self.settle_batch().await;
            } else {
                let (id, command, data) = self.next.pop_front().expect("it has plans");
                let reply = self.settle(id, command, &data).await;
                assert!(reply.0.is_success(), "refused: {}", reply.1);
                if self.random.random_range(0..AGAIN) == 0 {
                    self.elsewhere();
                    let reply = self.settle(id, command, &data).await;
                    assert_eq!(reply.0, StatusCode::OK, "nothing is recorded twice: {}", reply.1);
                }
            }
            // Not to wait for anything: what is measured is the ledger, and not how busy this machine is.
            tokio::time::sleep(pace).await;
            while self.shared.pause.load(Relaxed) && !self.shared.stop.load(Relaxed) {
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
        }
    }

    /// Turns to another node.
    fn elsewhere(&mut self) {
        let nodes = self.shared.urls.lock().expect("nobody panics while holding this").len();
        self.at = (self.at + self.random.random_range(1..nodes)) % nodes;
    }

    fn url(&mut self) -> String {
        while self.at == self.shared.shunned.load(Relaxed) {
            self.elsewhere();
        }
        self.shared.urls.lock().expect("nobody panics while holding this")[self.at].clone()
    }

    /// Sends a command anywhere until it has an outcome.
    pub(super) async fn settle(&mut self, id: Uuid, command: &str, data: &Value) -> (StatusCode, Value) {
        loop {
            let (sent, url) = (Instant::now(), self.url());
            let outcome = ask(&self.http, &url, &self.user, (id, command, data), ATTEMPT).await;
            match outcome {
                Some((status, told)) if status != StatusCode::SERVICE_UNAVAILABLE => {
                    if status.is_success() {
                        self.keep(sent, status == StatusCode::CREATED, &told, data);
                    }
                    return (status, told);
                }
                // A node that is gone, is no writer, or does not know: the same again, at another.
                Some(_) | None => self.elsewhere(),
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
    }

    /// Sends the next commands as lines until each has an outcome: what an answer does not reach goes again.
    async fn settle_batch(&mut self) {
        let mut left = BATCH;
        while left > 0 {
            let settled = self.batch(left).await;
            left -= settled;
            if settled == 0 {
                self.elsewhere();
                tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            }
        }
    }

    async fn batch(&mut self, count: usize) -> usize {
        let (sent, url) = (Instant::now(), format!("{}/api/v1/commands", self.url()));
        let sent_before = std::mem::take(&mut self.sent_before);
        self.sent_before = self.next.iter().take(count).map(|(id, ..)| *id).collect();
        let lines = self.next.iter().take(count);
        let lines =
            lines.map(|(id, command, data)| format!("{}\n", json!({"command": command, "id": id, "data": data})));
        let request = self.http.post(url).bearer_auth(self.user.token.as_deref().expect("it has a token"));
        let request = request.header("Content-Type", "application/x-ndjson").body(lines.collect::<String>());
        let Ok(mut answer) = request.timeout(ATTEMPT).send().await else { return 0 };
        if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
            return 0;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap_or_default());
        let mut held = Vec::new();
        // What was answered before the connection broke counts: it was durable.
        while let Ok(Some(chunk)) = answer.chunk().await {
            held.extend_from_slice(&chunk);
        }
        let mut settled = 0;
        for line in held.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let told: Value = serde_json::from_slice(line).expect("a whole line is JSON");
            if told["done"] == true || told["status"] == 503 {
                break;
            }
            let (id, _, data) = self.next.pop_front().expect("it was sent");
            self.sent_before.remove(&id);
            settled += 1;
            if told["status"].as_u64().is_some_and(|status| status < 300) {
                self.keep(sent, told["status"] == 201, &told, &data);
            } else {
                // A line without an outcome stops no other: what came behind it may have been recorded, and speak against it now.
                // It is then not recorded: the log is compared with what was told.
                assert!(sent_before.contains(&id), "refused: {told}");
            }
        }
        settled
    }

    /// The first answer and every replay say the same.
    fn keep(&mut self, sent: Instant, new: bool, told: &Value, data: &Value) {
        let id = told["command_id"].as_str().and_then(|id| id.parse().ok()).expect("an answer names its command");
        let content = json!({
            "subject": told["subject"], "sequence": told["sequence"], "events": told["events"], "sent": data,
        });
        let before = self.told.insert(id, content.clone());
        assert!(before.is_none_or(|before| before == content), "a replay says what the first answer said");
        if new {
            let sequence = told["sequence"].as_u64().expect("an answer says its sequence");
            let accepted = Accepted { sent, at: Instant::now(), sequence };
            self.shared.accepted.lock().expect("nobody panics while holding this").push(accepted);
        }
    }
}

/// Sends a command once; no answer is `None`.
pub(super) async fn ask(
    http: &reqwest::Client,
    url: &str,
    user: &User,
    (id, command, data): (Uuid, &str, &Value),
    within: Duration,
) -> Option<(StatusCode, Value)> {
    let request = http.post(format!("{url}/api/v1/commands/{command}"));
    let request = request.bearer_auth(user.token.as_deref().expect("it has a token"));
    let request = request.header("Idempotency-Key", id.to_string()).json(data).timeout(within);
    let answer = request.send().await.ok()?;
    let status = answer.status();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        assert!(answer.headers().contains_key("retry-after"), "a 503 says when to come again: {:?}", answer.headers());
    }
    // One that ends in the middle is none.
    Some((status, answer.json().await.ok()?))
}
