//! Several nodes of one ledger on Kafka, each told of the others. It sends no commands.

use crate::{
    kafka::Brokers,
    server::{DEADLINE, Server, Start},
    users::User,
};
use serde_json::Value;
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// So many ports that were free a moment ago: nodes are told each other's address before they start.
///
/// # Panics
/// When the system has none.
pub fn ports(count: usize) -> Vec<u16> {
    let held: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
    held.iter().map(|held| held.local_addr().expect("it is bound").port()).collect()
}

/// The same, of a known number.
///
/// # Panics
/// When the system has none.
pub fn free_ports<const N: usize>() -> [u16; N] {
    ports(N).try_into().expect("as many as were asked for")
}

/// The identity directory beside a data directory.
pub fn identity_of(data: &Path) -> PathBuf {
    let mut identity = data.as_os_str().to_owned();
    identity.push("-identity");
    identity.into()
}

/// Gives a node the identity of its ledger: whoever runs nodes copies it.
///
/// # Panics
/// When a file cannot be copied.
pub fn copy_identity(from: &Path, data: &Path) {
    let to = identity_of(data);
    std::fs::create_dir(&to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("the first node's identity").filter_map(Result::ok) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("a file of it is copied");
    }
}

/// A node of the ledger `e2e` on these brokers, at a port of this machine, whose peers are at others.
pub fn node(data: &Path, brokers: &Brokers, name: &str, port: u16, peers: &[u16]) -> Start {
    let log = format!("kafka://{}/e2e", brokers.bootstrap);
    let listen = format!("127.0.0.1:{port}");
    let start = ["--log", &log, "--name", name, "--listen", &listen].into_iter().fold(Start::on(data), Start::with);
    peers.iter().fold(start, |start, peer| start.with("--peer").with(&format!("http://127.0.0.1:{peer}")))
}

/// Waits until a node's status is so, and returns it.
///
/// # Panics
/// When it does not come to be in time.
pub async fn until(server: &Server, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = status(server).await;
        // A node that has not read the grants yet takes an admin for somebody else, who is not told why.
        let shortened = status.to_string().contains("an admin is told more");
        if holds(&status) && !shortened {
            return status;
        }
        assert!(Instant::now() < deadline, "{what} does not come: {status:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A node's status as the first admin reads it, who is told why something is wrong; as anybody reads it where that token is good
/// no more.
async fn status(server: &Server) -> Value {
    if let Ok(token) = std::fs::read_to_string(server.identity().join("admin-token")) {
        let told = User::with_token(server, token.trim()).get("/api/v1/status").await;
        if told.status == 200 {
            return told.body;
        }
    }
    User::anonymous(server).get("/api/v1/status").await.accepted()
}
