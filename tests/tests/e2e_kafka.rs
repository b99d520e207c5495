//! Two nodes on one real broker: the writer is killed under load, the other goes on, and in the end both hold the same history,
//! with everything in it that was acknowledged, once. Clients send again with the same ids; nothing else protects them.

use convenio_tests::{
    Audit, Ledger, Server, User,
    audit::views_agree_with_a_fresh_rebuild,
    folder,
    kafka::Brokers,
    server::{DEADLINE, Start},
    users::listing,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How often the writer is killed.
const KILLS: usize = 3;
/// Clients that send one command after the other.
const CLIENTS: usize = 4;
/// Acknowledgements between two kills.
const ENOUGH: u64 = 150;

fn node(data: &Path, brokers: &Brokers, name: &str) -> Start {
    let start = Start::on(data).with("--log").with(&format!("kafka://{}/e2e", brokers.bootstrap));
    start.with("--name").with(name)
}

/// All nodes of a ledger hold the same key: whoever runs them copies it.
fn copy_identity(from: &Path, data: &Path) {
    let mut to = data.as_os_str().to_owned();
    to.push("-identity");
    std::fs::create_dir(&to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("the first node's identity").filter_map(Result::ok) {
        let to = Path::new(&to).join(entry.file_name());
        std::fs::copy(entry.path(), &to).expect("a file of it is copied");
    }
}

async fn role(server: &Server) -> String {
    let status = User::anonymous(server).get("/api/v1/status").await.accepted();
    status["role"].as_str().expect("a role").to_owned()
}

/// The one of the nodes that writes.
async fn writer(nodes: &[Server]) -> usize {
    let deadline = Instant::now() + DEADLINE;
    loop {
        for (number, server) in nodes.iter().enumerate() {
            if role(server).await == "writer" {
                return number;
            }
        }
        assert!(Instant::now() < deadline, "nobody writes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What clients know together: where they are heard, and what they were told.
struct World {
    /// Where whoever wrote last answers.
    url: Mutex<Vec<String>>,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

/// Publishes and revises offers, each command until it has an outcome, at whichever node takes it.
async fn work(user: User, world: Arc<World>) -> BTreeMap<Uuid, Value> {
    let (client, token) = (reqwest::Client::new(), user.token.clone().expect("a token"));
    let mut told = BTreeMap::new();
    let mut offer = Uuid::nil();
    for step in 0_u64.. {
        let id = Uuid::new_v4();
        let command = if step % 3 == 0 { "publish-offer" } else { "revise-offer" };
        if step % 3 == 0 {
            offer = Uuid::new_v4();
        }
        let data = listing(offer, &format!("Oferta {step}"));
        for attempt in 0.. {
            if world.stop.load(Relaxed) {
                return told;
            }
            let urls = world.url.lock().expect("nobody panics with it").clone();
            let url = format!("{}/api/v1/commands/{command}", urls[attempt % urls.len()]);
            let request = client.post(url).bearer_auth(&token).header("Idempotency-Key", id.to_string()).json(&data);
            // A node that is gone, is no writer, or does not know: the same again, at the other.
            let answer = request.timeout(Duration::from_secs(10)).send().await;
            match answer {
                Ok(answer) if answer.status().is_success() => {
                    let answer: Value = answer.json().await.expect("a whole answer");
                    told.insert(id, json!({"subject": answer["subject"], "sequence": answer["sequence"], "events": answer["events"]}));
                    world.acknowledged.fetch_add(1, Relaxed);
                    break;
                }
                Ok(answer) => assert_eq!(answer.status(), 503, "{}", answer.text().await.unwrap_or_default()),
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_node_goes_on_when_the_writer_is_killed() {
    let folder = folder();
    let brokers = Brokers::start(&folder.path().join("broker"), &[]);
    let places = ["a", "b"].map(|name| (name, folder.path().join(name)));
    let ledger = Ledger::new(node(&places[0].1, &brokers, "a").run().expect("the first node opens the ledger"));
    copy_identity(&ledger.server.identity(), &places[1].1);
    let mut users = Vec::new();
    for number in 0..CLIENTS {
        users.push(ledger.organisation(&format!("Cliente {number}"), "PE").await);
    }
    let second = node(&places[1].1, &brokers, "b").run().expect("the second node follows");
    assert_eq!(role(&second).await, "follower");
    let refused = users[0].at(&second).send("publish-offer", &listing(Uuid::new_v4(), "Oferta")).await;
    refused.refused(503, "no-writer");
    let mut nodes = vec![ledger.server, second];

    let urls = nodes.iter().map(|node| node.url.clone()).collect();
    let world =
        Arc::new(World { url: Mutex::new(urls), stop: AtomicBool::new(false), acknowledged: AtomicU64::new(0) });
    let clients: Vec<_> = users.iter().map(|user| tokio::spawn(work(user.clone(), world.clone()))).collect();
    let mut took = Vec::new();
    for _ in 0..KILLS {
        let from = world.acknowledged.load(Relaxed);
        wait_for(&world, from + ENOUGH, &clients).await;
        let dying = writer(&nodes).await;
        nodes.swap_remove(dying).kill();
        let (killed, before) = (Instant::now(), world.acknowledged.load(Relaxed));
        // People go on reading at the other one.
        assert_eq!(User::anonymous(&nodes[0]).get("/api/v1/offers?limit=5").await.status, 200);
        wait_for(&world, before + 1, &clients).await;
        took.push(killed.elapsed());
        let alive = nodes[0].data().to_owned();
        let (name, data) = places.iter().find(|(_, data)| *data != alive).expect("two places");
        nodes.push(node(data, &brokers, name).run().expect("the killed one comes back and follows"));
        *world.url.lock().expect("nobody panics with it") = nodes.iter().map(|node| node.url.clone()).collect();
    }
    println!("from kill -9 to the first command of the successor: {took:?}");
    world.stop.store(true, Relaxed);
    let mut told = BTreeMap::new();
    for client in clients {
        told.extend(client.await.expect("no client is told anything wrong"));
    }
    check(nodes, &told).await;
}

async fn wait_for<T>(world: &World, acknowledged: u64, clients: &[tokio::task::JoinHandle<T>]) {
    let deadline = Instant::now() + DEADLINE;
    while world.acknowledged.load(Relaxed) < acknowledged {
        assert!(!clients.iter().any(tokio::task::JoinHandle::is_finished), "clients work");
        assert!(Instant::now() < deadline, "nothing is acknowledged");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Both nodes hold the same, and all of what was told, once.
async fn check(nodes: Vec<Server>, told: &BTreeMap<Uuid, Value>) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let mut trees = Vec::new();
        for node in &nodes {
            trees.push(User::anonymous(node).get("/api/v1/status").await.accepted()["tree"].clone());
        }
        if trees[0] == trees[1] {
            break;
        }
        assert!(Instant::now() < deadline, "the nodes do not come to agree: {trees:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let places: Vec<_> = nodes.iter().map(|node| node.data().to_owned()).collect();
    for node in nodes {
        assert!(node.stop().success(), "it stops as it should");
    }
    let audits: Vec<_> = places.iter().map(|data| Audit::of(data)).collect();
    assert_eq!(audits[0].root, audits[1].root);
    let commands = audits[0].commands();
    for (id, told) in told {
        let recorded = commands.get(&id.to_string()).unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
        let told = told["events"].as_array().expect("events");
        assert_eq!(recorded.len(), told.len(), "{id} is whole and there once");
        for (recorded, told) in recorded.iter().zip(told) {
            assert_eq!((&recorded.record["id"], &told["sequence"]), (&told["id"], &json!(recorded.sequence)));
        }
    }
    for data in &places {
        views_agree_with_a_fresh_rebuild(data).await;
    }
}
