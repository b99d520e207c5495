//! Runs the verb, and reads journals as anybody can. It knows nothing of what is right.

use convenio_tests::server::{DEADLINE, convenio};
use rusqlite::{Connection, OpenFlags};
use std::{
    path::Path,
    process::{Child, Output, Stdio},
    time::{Duration, Instant},
};

/// `convenio migrate --from FROM --to TO` with more flags.
pub(crate) fn migrate(from: &str, to: &str, flags: &[&str]) -> Output {
    let mut command = convenio(["migrate", "--from", from, "--to", to].iter().chain(flags));
    // The identity of the nodes that ran lies beside one of the directories, as it does where somebody operates them.
    let folders = [from, to].map(|place| Path::new(place).parent().filter(|_| !place.contains("://")));
    let entries = folders.into_iter().flatten().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let secrets = entries.filter_map(Result::ok).map(|entry| entry.path().join("cluster-secret"));
    if let Some(secret) = secrets.filter(|secret| secret.is_file()).min() {
        command.arg("--cluster-secret-file").arg(secret);
    }
    command.stdin(Stdio::null()).output().expect("the program can be run")
}

/// The same, left running.
pub(crate) fn migrating(from: &str, to: &str) -> Running {
    let mut command = convenio(["migrate", "--from", from, "--to", to]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Running(command.spawn().expect("the program can be run"))
}

/// A migration under way; killed when it is dropped.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child can be asked about").is_some()
    }

    /// kill -9 once something is so; false when it had ended before.
    pub(crate) fn kill_when(mut self, so: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while !so() {
            if self.has_ended() {
                return false;
            }
            assert!(Instant::now() < deadline, "it neither ends nor gets there");
            std::thread::park_timeout(Duration::from_millis(1));
        }
        !self.has_ended()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let deadline = Instant::now() + DEADLINE;
        while !self.has_ended() {
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let pipes = (self.0.stdout.take().expect("piped"), self.0.stderr.take().expect("piped"));
        std::io::Read::read_to_end(&mut { pipes.0 }, &mut stdout).expect("read");
        std::io::Read::read_to_end(&mut { pipes.1 }, &mut stderr).expect("read");
        let status = self.0.try_wait().expect("asked").expect("it has ended");
        Output { status, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[track_caller]
pub(crate) fn succeeded(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("it prints UTF-8")
}

#[track_caller]
pub(crate) fn refused(output: &Output, saying: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in saying {
        assert!(said.contains(words), "not {words:?}: {said}");
    }
}

pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

pub(crate) fn database(data: &Path) -> Connection {
    Connection::open(data.join("journal.db")).expect("anyone can open the journal")
}

fn reading(data: &Path) -> Option<Connection> {
    Connection::open_with_flags(data.join("journal.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).ok()
}

/// A number that a query finds; 0 where there is no journal yet.
pub(crate) fn number(data: &Path, query: &str) -> i64 {
    reading(data).and_then(|connection| connection.query_row(query, [], |row| row.get(0)).ok()).unwrap_or(0)
}

/// Whether a journal says of itself that it is a copy.
pub(crate) fn is_copy(data: &Path) -> bool {
    number(data, "SELECT count(*) FROM sqlite_schema WHERE name = 'mirror'") == 1
}

/// How many events a journal has.
pub(crate) fn count(data: &Path) -> i64 {
    number(data, "SELECT count(*) FROM log")
}

/// Everything in a journal, as bytes.
pub(crate) fn rows(data: &Path) -> Vec<Vec<Option<Vec<u8>>>> {
    let connection = reading(data).expect("the journal is there");
    let columns =
        "CAST(sequence AS BLOB), CAST(entry AS BLOB), CAST(record AS BLOB), record_salt, CAST(text AS BLOB), text_salt";
    let mut statement =
        connection.prepare(&format!("SELECT {columns} FROM log ORDER BY sequence")).expect("the table is there");
    let rows = statement.query_map([], |row| (0..6).map(|column| row.get(column)).collect());
    rows.expect("it can be read").collect::<Result<_, _>>().expect("bytes")
}
