//! A real broker for the tests of one file, and a new ledger on it for each test. It fakes nothing.

#![allow(dead_code, missing_docs, unreachable_pub)]

use convenio_journal::{Access, Journal};
use convenio_kafka::{Address, Settings};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// A broker that ends with this process.
pub struct Broker {
    bootstrap: String,
    ledger: String,
    _folder: Option<tempfile::TempDir>,
}

static FOLDER: OnceLock<(PathBuf, String)> = OnceLock::new();

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka")
}

/// Runs the script that starts and stops brokers; returns what it printed.
pub fn kafka(arguments: &[&str]) -> String {
    let output = Command::new(script()).args(arguments).output().expect("the script runs");
    assert!(
        output.status.success(),
        "kafka {arguments:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

impl Broker {
    /// One broker for all tests of this process; it ends with the process.
    pub fn shared() -> Self {
        let (_, bootstrap) = FOLDER.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a folder for the broker").keep();
            let path = folder.display().to_string();
            let bootstrap = kafka(&["start", &path, "--stop-with", &std::process::id().to_string()]);
            (folder, bootstrap)
        });
        Self { bootstrap: bootstrap.clone(), ledger: uuid::Uuid::new_v4().to_string(), _folder: None }
    }

    pub fn folder() -> PathBuf {
        FOLDER.get().expect("it was started").0.clone()
    }

    pub fn address(&self) -> Address {
        format!("kafka://{}/{}", self.bootstrap, self.ledger).parse().expect("an address")
    }

    /// How a node of this name speaks to it.
    pub fn settings(&self, node: &str) -> Settings {
        Settings::new(self.address(), node, []).expect("no properties")
    }
}

pub fn journal(data: &Path) -> Journal {
    Journal::open(data, Access::ReadWrite).expect("an empty folder")
}
