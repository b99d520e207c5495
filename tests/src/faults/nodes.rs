//! Brokers, whole nodes on them, and clients at work: what faults happen to. It breaks nothing itself.

use super::{
    figures::Happened,
    load::{Client, Load},
    proxy::{self, Cuts},
};
use crate::{
    Ledger, Server, User,
    kafka::Brokers,
    nodes::{copy_identity, identity_of, ports},
    server::{DEADLINE, Start},
};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};
use tokio::task::block_in_place;

/// The ledger's name on Kafka.
pub(super) const LEDGER: &str = "faults";
/// How long a read may take on a node that works.
const READ: Duration = Duration::from_secs(30);
/// How long it may take until commands are accepted again. Generous: the figures say how long it took.
const PATIENCE: Duration = Duration::from_secs(180);
/// The size of a small disk, for mount.
const SMALL_DISK: &str = "size=192m";

/// What there is before anything breaks.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where everything lies.
    pub folder: PathBuf,
    /// The program, where it is not the one that was built beside.
    pub program: Option<PathBuf>,
    /// One or three.
    pub brokers: usize,
    /// Two or more.
    pub nodes: usize,
    /// How many clients send; one more sends batches.
    pub clients: usize,
    /// How long each waits between two commands.
    pub pace: Duration,
    /// `KEY=VALUE` for the brokers.
    pub broker_settings: Vec<String>,
    /// `KEY=VALUE` for each node's `--kafka`.
    pub node_settings: Vec<String>,
    /// Whether each broker has a small disk of its own; only root can mount one.
    pub small_disks: bool,
    /// What the clients do and when something breaks.
    pub seed: u64,
}

/// A node: a program that may run.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) data: PathBuf,
    start: Start,
    pub(super) server: Option<Server>,
}

/// Everything that faults happen to.
#[derive(Debug)]
pub struct World {
    pub(super) load: Load,
    /// A client that does what a fault needs.
    pub(super) probe: Client,
    pub(super) probing: User,
    pub(super) nodes: Vec<Node>,
    pub(super) cuts: Cuts,
    pub(super) random: StdRng,
    pub(super) happened: Vec<Happened>,
    pub(super) brokers: Brokers,
    pub(super) disks: Vec<Disk>,
    setup: Setup,
    /// The way on which nodes come to the brokers.
    bootstrap: String,
}

impl World {
    /// Starts brokers, nodes and clients.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(setup: &Setup) -> Self {
        let cuts = Cuts::default();
        let (brokers, disks, bootstrap) = block_in_place(|| brokers(setup, &cuts));
        let ports = ports(setup.nodes);
        let mut nodes: Vec<_> = (0..setup.nodes).map(|number| node(setup, &bootstrap, &ports, number)).collect();
        let first = block_in_place(|| nodes[0].start.run()).expect("the first node opens the ledger");
        let ledger = Ledger::new(first);
        let identity = ledger.server.identity();
        nodes[1..].iter().for_each(|node| copy_identity(&identity, &node.data));
        let other = ledger.organisation("Otra", "BO").await.organisation;
        let mut users = Vec::new();
        for number in 0..=setup.clients {
            users.push(ledger.organisation(&format!("Cliente {number}"), "PE").await);
        }
        let probing = ledger.organisation("Sonda", "PE").await;
        nodes[0].server = Some(ledger.server);
        let url = nodes[0].url();
        let load = Load::start(&users, other, setup.pace, setup.seed, vec![url; setup.nodes]);
        let probe = load.client(&probing);
        let random = StdRng::seed_from_u64(setup.seed);
        let mut world = Self {
            load,
            probe,
            probing,
            nodes,
            cuts,
            random,
            happened: Vec::new(),
            brokers,
            disks,
            setup: setup.clone(),
            bootstrap,
        };
        for number in 1..setup.nodes {
            world.run_node(number);
        }
        world
    }

    /// A node that begins now, with nothing but the ledger's identity.
    pub(super) async fn fresh(&self) -> Node {
        let number = self.nodes.len();
        let ports: Vec<_> = self.nodes.iter().map(|node| node.port()).chain(ports(1)).collect();
        let mut node = node(&self.setup, &self.bootstrap, &ports, number);
        copy_identity(&identity_of(&self.nodes[0].data), &node.data);
        let started = block_in_place(|| node.start.run());
        node.server = Some(started.unwrap_or_else(|failure| panic!("a new node does not start: {}", failure.said)));
        node
    }

    /// Starts a node that does not run.
    pub(super) fn run_node(&mut self, number: usize) {
        self.run_node_as(number, Start::clone);
    }

    /// The same, started in another way.
    pub(super) fn run_node_as(&mut self, number: usize, way: impl Fn(&Start) -> Start) {
        let node = &mut self.nodes[number];
        let server = block_in_place(|| way(&node.start).run());
        node.server = Some(server.unwrap_or_else(|failure| panic!("{} does not start: {}", node.name, failure.said)));
        self.load.node_is_at(number, &self.nodes[number].url());
    }

    /// Takes a node's process, so that it ends.
    pub(super) fn take(&mut self, number: usize) -> Server {
        self.nodes[number].server.take().expect("it runs")
    }

    /// Waits until exactly one node says that it writes, and returns its number.
    pub(super) async fn writer(&self) -> usize {
        let deadline = Instant::now() + DEADLINE;
        loop {
            self.load.all_is_well();
            let roles = self.roles().await;
            let writers: Vec<_> = (0..roles.len()).filter(|number| roles[*number] == "writer").collect();
            if let [writer] = writers[..] {
                return writer;
            }
            assert!(Instant::now() < deadline, "not one writer: {roles:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What each node says of itself; nothing for one that does not answer.
    pub(super) async fn roles(&self) -> Vec<String> {
        let mut roles = Vec::new();
        for node in &self.nodes {
            let status = node.status(Duration::from_secs(2)).await.unwrap_or_default();
            roles.push(status["role"].as_str().unwrap_or_default().to_owned());
        }
        roles
    }

    /// Waits until a command is accepted that was sent after a moment.
    pub(super) async fn accepted_after(&self, moment: Instant) {
        let deadline = Instant::now() + PATIENCE;
        while !self.load.accepted(|accepted| accepted.iter().rev().take(100).any(|accepted| accepted.sent >= moment)) {
            self.load.all_is_well();
            if Instant::now() > deadline {
                panic!("nothing is accepted any more; the nodes say: {:?}", self.roles().await);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where everything of the run lies.
    pub(super) fn folder(&self) -> &Path {
        &self.setup.folder
    }

    /// Calls the script of the brokers.
    pub(super) fn kafka(&self, verb: &str, arguments: &[&str]) -> String {
        block_in_place(|| self.brokers.call(verb, arguments))
    }
}

impl Node {
    /// Whether it raises an alarm of this kind.
    pub(super) async fn raises(&self, code: &str) -> bool {
        let status = self.status(DEADLINE).await.unwrap_or_default();
        status["log"]["alarms"].as_array().is_some_and(|alarms| alarms.iter().any(|alarm| alarm["code"] == code))
    }

    /// Where it answers.
    pub(super) fn url(&self) -> String {
        self.server.as_ref().expect("it runs").url.clone()
    }

    fn port(&self) -> u16 {
        self.url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("it answers at a port")
    }

    /// How it calls itself at brokers.
    pub(super) fn client_id(&self) -> String {
        format!("convenio-{}", self.name)
    }

    /// What it says of itself; nothing where it does not answer.
    pub(super) async fn status(&self, within: Duration) -> Option<Value> {
        let (status, body) = self.get("/api/v1/status", within).await?;
        (status == 200).then_some(body)
    }

    /// Reads what anybody may read; nothing where it does not answer.
    pub(super) async fn get(&self, path: &str, within: Duration) -> Option<(u16, Value)> {
        let user = User::anonymous(self.server.as_ref()?);
        let reply = user.try_ask(user.request(reqwest::Method::GET, path).timeout(within)).await.ok()?;
        if reply.status == 503 {
            assert!(reply.headers.contains_key("retry-after"), "a 503 says when to come again: {}", reply.text);
        }
        Some((reply.status.as_u16(), reply.body))
    }

    /// Whether it says at one of its probes that it is ready.
    pub(super) async fn is_ready(&self, probe: &str) -> bool {
        self.get(probe, DEADLINE).await.is_some_and(|(status, _)| status == 200)
    }

    /// Public reads go on, whatever has happened elsewhere.
    pub(super) async fn can_be_read(&self) {
        let read = self.get("/api/v1/offers?limit=5", READ).await;
        assert_eq!(read.map(|(status, _)| status), Some(200), "people go on reading at {}", self.name);
    }
}

fn node(setup: &Setup, bootstrap: &str, ports: &[u16], number: usize) -> Node {
    let name = format!("node-{}", number + 1);
    let data = setup.folder.join(&name);
    let mut start = Start::on(&data).with("--log").with(&format!("kafka://{bootstrap}/{LEDGER}"));
    start = start.with("--name").with(&name).with("--listen").with(&format!("127.0.0.1:{}", ports[number]));
    for (_, port) in ports.iter().enumerate().filter(|(other, _)| *other != number) {
        start = start.with("--peer").with(&format!("http://127.0.0.1:{port}"));
    }
    for setting in &setup.node_settings {
        start = start.with("--kafka").with(setting);
    }
    if let Some(program) = &setup.program {
        start = start.program(program);
    }
    Node { name, data, start, server: None }
}

/// Brokers, and the way on which nodes come to them.
fn brokers(setup: &Setup, cuts: &Cuts) -> (Brokers, Vec<Disk>, String) {
    let folder = setup.folder.join("brokers");
    let homes: Vec<_> = (1..=setup.brokers).map(|number| folder.join(format!("node-{number}"))).collect();
    let disks = homes.iter().filter(|_| setup.small_disks).map(|home| Disk::mount(&home.join("data")));
    let disks: Vec<_> = disks.map(|disk| disk.expect("it was tried before")).collect();
    // The ports are held while the brokers, which tell clients of them, begin.
    let listeners: Vec<_> =
        homes.iter().map(|_| TcpListener::bind("127.0.0.1:0").expect("there is a free port")).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().expect("bound")).collect();
    let ports: Vec<_> = addresses.iter().map(|address| address.port().to_string()).collect();
    let (ports, count) = (ports.join(","), setup.brokers.to_string());
    let mut options = vec!["--brokers", &count, "--proxied", &ports];
    setup.broker_settings.iter().for_each(|setting| options.extend(["--set", setting]));
    let brokers = Brokers::start(&folder, &options);
    for (listener, home) in listeners.into_iter().zip(&homes) {
        let led = std::fs::read_to_string(home.join("proxied")).expect("it says where the way leads");
        let broker = led.split_whitespace().nth(1).expect("the second address").to_owned();
        proxy::serve(listener, broker, cuts.clone()).expect("the way opens");
    }
    let bootstrap: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    (brokers, disks, bootstrap.join(","))
}

/// A small disk, unmounted with the value.
#[derive(Debug)]
pub(super) struct Disk(PathBuf);

impl Disk {
    /// Mounts one.
    ///
    /// # Errors
    /// Why that is not allowed.
    pub(super) fn mount(place: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(place).map_err(|error| error.to_string())?;
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SMALL_DISK, "tmpfs"]).arg(place).output();
        match mounted {
            Ok(output) if output.status.success() => Ok(Self(place.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no room on it.
    pub(super) fn fill(&self) {
        use std::io::Write as _;
        let mut filler = std::fs::File::create(self.filler()).expect("there is room for a name");
        for size in [1 << 20, 4096, 1] {
            while filler.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Makes room.
    pub(super) fn empty(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever holds a file there keeps it; the place is free.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Whether a small disk can be mounted here.
///
/// # Errors
/// Why not.
pub fn can_mount(folder: &Path) -> Result<(), String> {
    Disk::mount(&folder.join("disk")).map(drop)
}
