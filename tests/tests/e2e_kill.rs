//! kill -9, a hundred times, under load: what was acknowledged is there exactly once, nothing is half-applied, and the views are
//! what a fresh rebuild makes of the log. Clients send again with the same ids; nothing else protects them.

use convenio_tests::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    folder,
    server::Start,
    users::{agreement, learning, listing},
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use uuid::Uuid;

/// How often the server is killed.
const KILLS: u64 = 110;
/// Clients that send one command after the other, and one more that sends batches.
const CLIENTS: usize = 6;
/// Commands of one batch.
const BATCH: usize = 40;
/// Acknowledgements after which it is killed at the latest.
const MOST_ACKNOWLEDGED: u64 = 120;

/// A client that knows what it wants next, and what it was told.
struct Client {
    user: User,
    other: Uuid,
    next: VecDeque<(Uuid, &'static str, Value)>,
    told: BTreeMap<Uuid, Value>,
}

impl Client {
    /// An offer, an agreement that takes of it, its proposal, a learning (two events), its revision (two events), and the end of the agreement.
    fn plan(&mut self) {
        let (own, offer, id) = (self.user.organisation, Uuid::new_v4(), Uuid::new_v4());
        let lesson = Uuid::new_v4();
        let end = json!({"id": id, "reason": "Fue una prueba."});
        let steps = [
            ("publish-offer", listing(offer, "Oferta")),
            ("draft-agreement", agreement(id, own, self.other, offer, "3")),
            ("propose-agreement", json!({"id": id})),
            ("submit-learning", learning(lesson, own, "Lección")),
            ("revise-offer", listing(offer, "Oferta revisada")),
            ("revise-learning", learning(lesson, own, "Lección revisada")),
            ("cancel-agreement", end),
        ];
        self.next.extend(steps.map(|(command, data)| (Uuid::new_v4(), command, data)));
    }

    /// Sends what is next until the server is gone, each command until it has an outcome.
    async fn work(&mut self, acknowledged: &AtomicU64) {
        loop {
            if self.next.is_empty() {
                self.plan();
            }
            let (id, command, data) = &self.next[0];
            let Ok(reply) = self.user.try_ask(self.user.command(*id, command).json(data)).await else { return };
            if reply.status == 503 {
                // It is stopping, or does not know: the same again.
                continue;
            }
            let told = reply.accepted();
            self.keep(told);
            self.next.pop_front();
            acknowledged.fetch_add(1, Relaxed);
        }
    }

    /// The same in batches: what the answer does not reach goes again.
    async fn work_in_batches(&mut self, acknowledged: &AtomicU64) {
        loop {
            while self.next.len() < BATCH {
                self.plan();
            }
            let lines = self
                .next
                .iter()
                .take(BATCH)
                .map(|(id, command, data)| format!("{}\n", json!({"command": command, "id": id, "data": data})));
            let request = self.user.request(reqwest::Method::POST, "/api/v1/commands");
            let request = request.header("Content-Type", "application/x-ndjson").body(lines.collect::<String>());
            let Ok(mut answer) = request.send().await else { return };
            let mut held = Vec::new();
            // What was answered before the connection broke counts: it was durable.
            while let Ok(Some(chunk)) = answer.chunk().await {
                held.extend_from_slice(&chunk);
            }
            for line in held.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
                let told: Value = serde_json::from_slice(line).expect("a whole line is JSON");
                if told["done"] == true || told["status"] == 503 {
                    break;
                }
                assert!(told["status"].as_u64().is_some_and(|status| status < 300), "refused: {told}");
                self.keep(told);
                self.next.pop_front();
                acknowledged.fetch_add(1, Relaxed);
            }
        }
    }

    /// The first answer and every replay say the same.
    fn keep(&mut self, told: Value) {
        let id = told["command_id"].as_str().and_then(|id| id.parse().ok()).expect("an answer names its command");
        let content = json!({"subject": told["subject"], "sequence": told["sequence"], "events": told["events"]});
        let before = self.told.insert(id, content.clone());
        assert!(before.is_none_or(|before| before == content), "a replay says what the first answer said");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_hundred_kills() {
    let seed = rand::rng().next_u64();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let folder = folder();
    let data = folder.path().join("data");
    let mut clients = clients(&data).await;
    for kill in 0..KILLS {
        if kill % 10 == 9 {
            // Also while it starts, at any step of recovery.
            let server = Start::on(&data).launch();
            // The moment is what is drawn: there is nothing to wait for.
            tokio::time::sleep(Duration::from_millis(random.random_range(0..150))).await;
            server.kill();
            continue;
        }
        let server = Server::start(&data);
        let enough = random.random_range(1..=MOST_ACKNOWLEDGED);
        clients = load_and_kill(server, clients, enough).await;
        check_last_answers(&data, &clients);
    }
    println!("{}", settle(&data, clients).await);
}

async fn clients(data: &Path) -> Vec<Client> {
    let ledger = Ledger::new(Server::start(data));
    let other = ledger.organisation("Otra", "BO").await.organisation;
    let mut clients = Vec::new();
    for number in 0..=CLIENTS {
        let user = ledger.organisation(&format!("Cliente {number}"), "PE").await;
        clients.push(Client { user, other, next: VecDeque::new(), told: BTreeMap::new() });
    }
    clients
}

async fn load_and_kill(server: Server, clients: Vec<Client>, enough: u64) -> Vec<Client> {
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut working = Vec::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        client.user = client.user.at(&server);
        let acknowledged = acknowledged.clone();
        working.push(tokio::spawn(async move {
            if number == CLIENTS {
                client.work_in_batches(&acknowledged).await
            } else {
                client.work(&acknowledged).await
            }
            client
        }));
    }
    while acknowledged.load(Relaxed) < enough {
        assert!(!working.iter().all(tokio::task::JoinHandle::is_finished), "clients work; it said:\n{}", server.said());
        tokio::task::yield_now().await;
    }
    server.kill();
    let mut clients = Vec::new();
    for client in working {
        clients.push(client.await.expect("no client is told anything wrong"));
    }
    clients
}

/// After each kill, before anything recovers: the last answer of each client is in the file.
fn check_last_answers(data: &Path, clients: &[Client]) {
    let journal = rusqlite::Connection::open(data.join("journal.db")).expect("the journal can be opened by anyone");
    for told in clients.iter().filter_map(|client| client.told.values().max_by_key(|told| told["sequence"].as_u64())) {
        for event in told["events"].as_array().expect("events") {
            let sequence = event["sequence"].as_i64().expect("a sequence");
            let query = "SELECT record FROM log WHERE sequence = ?1";
            let record = journal.query_row(query, [sequence], |row| row.get::<_, String>(0)).expect("it is there");
            let record: Value = serde_json::from_str(&record).expect("a record is JSON");
            assert_eq!(record["id"], event["id"]);
        }
    }
}

/// One more start: what was open is settled, and then everything is looked at.
async fn settle(data: &Path, mut clients: Vec<Client>) -> String {
    let server = Server::start(data);
    let acknowledged = AtomicU64::new(0);
    for client in &mut clients {
        client.user = client.user.at(&server);
        while let Some((id, command, data)) = client.next.pop_front() {
            let told = client.user.send_as(id, command, &data).await.accepted();
            client.keep(told);
            acknowledged.fetch_add(1, Relaxed);
        }
        // The ids are remembered, also those of commands that a crash followed at once.
        for id in client.told.keys().copied().take(25).collect::<Vec<_>>() {
            let reply = client.user.send_as(id, "pause-offer", &json!({"id": Uuid::nil()})).await;
            reply.refused(422, "command-id-reused");
        }
    }
    let status = clients[0].user.get("/api/v1/status").await.accepted();
    assert!(server.stop().success());
    let audit = Audit::of(data);
    assert_eq!(status["tree"]["root"], audit.root, "the root that it tells is that of the file");
    assert_eq!(status["tree"]["size"], audit.events.len());
    let commands = audit.commands();
    let mut of_clients = 0;
    for client in &clients {
        for (id, told) in &client.told {
            let recorded = commands.get(&id.to_string()).unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
            let told = told["events"].as_array().expect("events");
            assert_eq!(recorded.len(), told.len(), "{id} is whole and there once");
            for (recorded, told) in recorded.iter().zip(told) {
                assert_eq!((&recorded.record["id"], &recorded.record["type"]), (&told["id"], &told["type"]));
                assert_eq!(told["sequence"], recorded.sequence);
            }
        }
        of_clients += client.told.len();
    }
    let owners: Vec<_> = clients.iter().map(|client| format!("organisation/{}", client.user.organisation)).collect();
    let recorded = commands.values().filter(|events| owners.iter().any(|owner| events[0].record["actor"] == **owner));
    assert_eq!(recorded.count(), of_clients, "nothing is there that nobody was told of");
    views_agree_with_a_fresh_rebuild(data).await;
    format!("{} events, {of_clients} commands, {KILLS} kills", audit.events.len())
}
