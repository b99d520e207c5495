//! Real brokers for tests, by the script that readers of the README use too. It fakes nothing.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Brokers that end with this value, and with this process at the latest.
#[derive(Debug)]
pub struct Brokers {
    folder: PathBuf,
    /// `host:port`, separated by commas.
    pub bootstrap: String,
}

/// What makes Java begin quickly: no test lives long enough for what it would do better later.
const QUICK_JAVA: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

fn script(arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/deploy/kafka");
    Command::new(script).args(arguments).env("CONVENIO_BROKER_JAVA", QUICK_JAVA).output().expect("the script runs")
}

impl Brokers {
    /// Starts brokers in a folder and waits until they are ready.
    ///
    /// # Panics
    /// When they do not start.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let (place, process) = (folder.display().to_string(), std::process::id().to_string());
        let started = script(&[&["start", &place, "--stop-with", &process], options].concat());
        let said = String::from_utf8_lossy(&started.stderr);
        assert!(started.status.success(), "the brokers do not start:\n{said}");
        let bootstrap = String::from_utf8_lossy(&started.stdout).trim().to_owned();
        Self { folder: folder.to_owned(), bootstrap }
    }

    /// Calls the script: `kill`, `restart`, `pause`, `tool` and so on, on these brokers.
    ///
    /// # Panics
    /// When it fails.
    pub fn call(&self, verb: &str, arguments: &[&str]) -> String {
        let place = self.folder.display().to_string();
        let output = script(&[&[verb, &place], arguments].concat());
        assert!(output.status.success(), "kafka {verb}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        let place = self.folder.display().to_string();
        // They end with this process in any case.
        let _ = script(&["stop", &place, "--remove"]);
    }
}
