//! A real broker for the tests of one file, and a new ledger on it for each test. It fakes nothing.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "every test file uses a part of it")]

pub mod child;
pub mod events;
pub mod proxy;
pub mod raw;

use convenio_events::{
    RecordedEvent, Sequence,
    log::{EventLog as _, OpenError, OpenedWriter},
};
use convenio_journal::{Access, Journal};
use convenio_kafka::{Address, KafkaLog, KafkaLogError, Settings};
use proxy::Proxy;
use std::{
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

/// How long anything that must come may take.
pub const SOON: Duration = Duration::from_secs(90);

/// The broker of this process.
struct Running {
    folder: PathBuf,
    bootstrap: String,
    /// Where there is one broker that asks for nothing.
    proxy: Option<Proxy>,
    /// Stops the broker and removes its folder when this process has ended, however it ended: its input ends then.
    _guard: Child,
}

static RUNNING: OnceLock<Running> = OnceLock::new();

/// A new ledger on the broker of this process.
pub struct Broker {
    running: &'static Running,
    ledger: String,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka")
}

/// What makes Java begin quickly: no test lives long enough for what it would do better later.
const QUICK_JAVA: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/// Runs the script that starts and stops brokers; returns what it printed.
pub fn kafka(arguments: &[&str]) -> String {
    let command = &mut Command::new(script());
    let output = command.args(arguments).env("CONVENIO_BROKER_JAVA", QUICK_JAVA).output().expect("the script runs");
    assert!(
        output.status.success(),
        "kafka {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

fn start(options: &[&str]) -> Running {
    let folder = tempfile::Builder::new().prefix("convenio-kafka-").tempdir().expect("a folder for the broker").keep();
    let path = folder.display().to_string();
    let guard = Command::new("sh")
        .args(["-c", r#"read -r _; "$0" kill "$1" all; "$0" stop "$1" --remove; rm -rf "$1""#])
        .args([script().as_os_str(), folder.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell starts");
    let proxied = !options.windows(2).any(|pair| pair == ["--brokers", "3"]) && !options.contains(&"--sasl-tls");
    if !proxied {
        let bootstrap = kafka(&[&["start", &path], options].concat());
        return Running { folder, bootstrap, proxy: None, _guard: guard };
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let bootstrap = kafka(&[&["start", &path, "--proxied", &port], options].concat());
    let led = std::fs::read_to_string(folder.join("node-1/proxied")).expect("it says where the proxy leads");
    let proxy = Proxy::start(listener, led.split_whitespace().nth(1).expect("the second address").to_owned());
    Running { folder, bootstrap, proxy: Some(proxy), _guard: guard }
}

impl Broker {
    /// One broker for all tests of this process; it ends with the process.
    pub fn shared() -> Self {
        Self::shared_with(&[])
    }

    /// The same, started with options of the script: all tests of a file give the same.
    pub fn shared_with(options: &[&str]) -> Self {
        Self { running: RUNNING.get_or_init(|| start(options)), ledger: uuid::Uuid::new_v4().to_string() }
    }

    /// Where `infra/deploy/kafka` finds the broker.
    pub fn folder(&self) -> &'static Path {
        &self.running.folder
    }

    /// Runs a command of the script about this broker.
    pub fn kafka(&self, command: &str, arguments: &[&str]) -> String {
        kafka(&[&[command, &self.running.folder.display().to_string()], arguments].concat())
    }

    /// The way to the broker that loses what a test tells it to.
    pub fn proxy(&self) -> &'static Proxy {
        self.running.proxy.as_ref().expect("there is one broker that asks for nothing")
    }

    pub fn bootstrap(&self) -> &'static str {
        &self.running.bootstrap
    }

    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    /// The name of a topic of the ledger.
    pub fn topic(&self, what: &str) -> String {
        format!("convenio.{}.{what}", self.ledger)
    }

    pub fn address(&self) -> Address {
        address(&self.running.bootstrap, &self.ledger)
    }

    /// How a node of this name speaks to it.
    pub fn settings(&self, node: &str) -> Settings {
        Settings::new(self.address(), node, []).expect("no properties")
    }

    /// The same, by way of the proxy.
    pub fn settings_by_proxy(&self, node: &str) -> Settings {
        self.settings_by_proxy_with(node, [])
    }

    /// The same, with properties of librdkafka.
    pub fn settings_by_proxy_with<const N: usize>(&self, node: &str, options: [(&str, &str); N]) -> Settings {
        let address = address(&self.proxy().address(), &self.ledger);
        let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Settings::new(address, node, options).expect("they are none of the program's own")
    }

    /// A node of the ledger with an empty folder.
    pub async fn node(&self, name: &str) -> Node {
        Node::open(self.settings(name)).await
    }
}

pub fn address(bootstrap: &str, ledger: &str) -> Address {
    format!("kafka://{bootstrap}/{ledger}").parse().expect("an address")
}

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

pub fn journal(data: &Path) -> Journal {
    Journal::open(data, Access::ReadWrite).expect("the journal opens")
}

/// A log and the folder of its journal.
pub struct Node {
    pub log: KafkaLog,
    pub settings: Settings,
    pub data: tempfile::TempDir,
}

impl Node {
    pub async fn open(settings: Settings) -> Self {
        Self::open_in(folder(), settings).await.expect("the log opens")
    }

    pub async fn open_in(data: tempfile::TempDir, settings: Settings) -> Result<Self, KafkaLogError> {
        let log = KafkaLog::open(settings.clone(), journal(data.path())).await?;
        Ok(Self { log, settings, data })
    }

    /// Ends it, as a program ends, and starts it again.
    pub async fn restart(self) -> Self {
        let Self { log, settings, data } = self;
        drop(log);
        Self::open_in(data, settings).await.expect("the log opens again")
    }

    /// Ends it and leaves its folder.
    pub fn stop(self) -> tempfile::TempDir {
        self.data
    }

    pub async fn writer(&self) -> OpenedWriter {
        self.log.open_writer().await.expect("the writer opens")
    }

    /// Waits until the copy is so long, and returns all of it.
    pub async fn all(&self, head: u64) -> Vec<RecordedEvent> {
        let mut heads = self.log.head();
        let reached = tokio::time::timeout(SOON, heads.wait_for(|now| now.0 >= head)).await;
        reached.unwrap_or_else(|_| panic!("the copy ends before {head}: {:?}", self.following())).expect("open");
        let mut events = Vec::new();
        loop {
            let page = self.log.read(Sequence(events.len() as u64), 10_000).await.expect("reads");
            if page.is_empty() {
                return events;
            }
            events.extend(page);
        }
    }

    pub fn following(&self) -> convenio_kafka::Following {
        self.log.following().borrow().clone()
    }

    /// Waits until the copy stands still for good, and returns why.
    pub async fn halted(&self) -> String {
        let mut following = self.log.following();
        let halted = tokio::time::timeout(SOON, following.wait_for(|now| now.halted.is_some())).await;
        let halted = halted.unwrap_or_else(|_| panic!("it goes on: {:?}", self.following())).expect("open");
        halted.halted.clone().expect("it says why")
    }

    /// Waits until the end of the topic has been seen after now.
    pub async fn confirmed(&self) {
        let asked = Instant::now();
        let mut following = self.log.following();
        let seen = following.wait_for(|now| now.halted.is_some() || now.confirmed.is_some_and(|at| at > asked));
        let seen = tokio::time::timeout(SOON, seen).await.expect("the end is seen again").expect("open");
        assert_eq!(seen.halted, None);
    }

    /// Opens the writer as soon as it can be.
    pub async fn eventually_writer(&self) -> OpenedWriter {
        let deadline = Instant::now() + SOON;
        loop {
            match self.log.open_writer().await {
                Ok(opened) => return opened,
                Err(OpenError::Unavailable(_)) if Instant::now() < deadline => {}
                Err(error) => panic!("the writer does not open: {error:?}"),
            }
        }
    }
}

/// Waits until something is so, for a while.
pub async fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !so() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
