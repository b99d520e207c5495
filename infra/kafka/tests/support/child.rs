//! The test binary once more, as a node of its own that can be killed or stopped. It decides nothing: a test tells it what to do.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc,
};

use super::SOON;

/// A process that runs one `#[test]` of this file, and ends with the value.
pub struct ChildNode {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl ChildNode {
    /// Runs a test of this binary with words in its environment.
    pub fn start(test: &str, words: &[(&str, &str)]) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", test, "--nocapture"])
            .envs(words.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the test runs itself");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take().expect("piped");
        Self { child, input, lines }
    }

    /// Waits for a line that begins so, and returns the rest of it.
    pub fn says(&self, beginning: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(SOON);
            let line = line.unwrap_or_else(|error| panic!("the child never said {beginning}: {error}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Sends it a line.
    pub fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("it reads");
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }

    /// SIGSTOP or SIGCONT.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }
}

impl Drop for ChildNode {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
