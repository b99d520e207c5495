//! The real program as a test runs it: started on a data directory of the test's own, found by the address it prints, killed
//! when the test is over. It knows nothing of what is recorded.

use crate::users::Session;
use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

/// A start, a stop or an answer that takes longer is a failure. Generous: tests share two cores with builds.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// The program that was built beside the tests.
///
/// # Panics
/// When it was not built: `cargo build -p convenio`.
pub fn program() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    // target/<profile>/deps/<test>, or target/<profile>/<program>
    let mut beside = own.ancestors().skip(1).take(2).map(|folder| folder.join("convenio"));
    let built = beside.find(|built| built.is_file());
    built.unwrap_or_else(|| panic!("no program beside {}: `cargo build -p convenio` in its profile", own.display()))
}

/// A command line of the program, with nothing of the caller's own settings.
pub fn convenio<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program());
    without_settings(&mut command);
    command.args(arguments);
    command
}

fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CONVENIO_")) {
        command.env_remove(name);
    }
}

/// Runs a verb to its end.
///
/// # Panics
/// When it cannot be run.
pub fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    convenio(arguments).stdin(Stdio::null()).output().expect("the program can be run")
}

/// How a server ended that was to run.
#[derive(Debug)]
pub struct Failure {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub said: String,
}

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Start {
    data: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    wrapper: Vec<String>,
    program: Option<PathBuf>,
    log: PathBuf,
}

impl Start {
    /// On a data directory, which need not be there.
    pub fn on(data: &Path) -> Self {
        let mut log = data.as_os_str().to_owned();
        log.push(".log");
        Self {
            data: data.to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            wrapper: Vec::new(),
            program: None,
            log: log.into(),
        }
    }
    /// With another flag.
    #[must_use]
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }
    /// With a variable in its environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
    /// Through another program, which is given the command line.
    #[must_use]
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// With its standard error in this file, and not beside the data.
    #[must_use]
    pub fn log(mut self, log: &Path) -> Self {
        log.clone_into(&mut self.log);
        self
    }
    /// Another program than the one that was built: a copy for users who cannot reach it, or one that somebody names.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    fn command(&self) -> Command {
        let mut line = self.wrapper.clone();
        line.push(self.program.clone().unwrap_or_else(program).to_string_lossy().into_owned());
        line.extend(["serve", "--rate", "0"].map(str::to_owned));
        if !self.arguments.iter().any(|argument| argument == "--listen") {
            line.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
        }
        line.push("--data".to_owned());
        line.push(self.data.to_string_lossy().into_owned());
        line.extend(self.arguments.iter().cloned());
        let mut command = Command::new(&line[0]);
        without_settings(&mut command);
        command.args(&line[1..]).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// [`Failure`] when it ends before that.
    ///
    /// # Panics
    /// When it does neither in time.
    pub fn run(&self) -> Result<Server, Failure> {
        let mut server = self.launch();
        match server.address() {
            Some(url) => {
                let deadline = Instant::now() + DEADLINE;
                while Instant::now() < deadline && makes_views(&url) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                server.url = url;
                Ok(server)
            }
            None => {
                let code = server.wait().code();
                Err(Failure { code, said: server.said() })
            }
        }
    }

    /// Starts it and does not wait for anything: for tests that end it while it starts.
    ///
    /// # Panics
    /// When the program cannot be run.
    pub fn launch(&self) -> Server {
        let log = self.log.clone();
        let errors =
            File::options().create(true).append(true).open(&log).expect("a log beside the data can be written");
        let said_before = errors.metadata().map(|data| data.len()).unwrap_or(0);
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("the program can be run");
        let output = child.stdout.take().expect("its output is piped");
        let (sender, lines) = channel();
        let printed = Arc::new(Mutex::new(Vec::new()));
        let keeping = printed.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                keeping.lock().expect("no test panics while it holds this").push(line.clone());
                // The test may not listen any more; the pipe is read all the same.
                let _ = sender.send(line);
            }
        });
        Server {
            child,
            url: String::new(),
            data: self.data.clone(),
            lines,
            printed,
            log,
            said_before,
            session: Session::default(),
        }
    }
}

/// Whether a node says that a view of it does not have all yet. It answers before that where views are made for long.
fn makes_views(url: &str) -> bool {
    let host = url.trim_start_matches("http://");
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains("does not have all yet"))
}

/// A running server; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it answers.
    pub url: String,
    data: PathBuf,
    lines: Receiver<String>,
    printed: Arc<Mutex<Vec<String>>>,
    log: PathBuf,
    said_before: u64,
    /// What its users were told.
    pub(crate) session: Session,
}

impl Server {
    /// Starts one on a data directory.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(data: &Path) -> Self {
        Start::on(data).run().expect("it starts")
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The id of its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The first admin token.
    ///
    /// # Panics
    /// When the file is not there.
    pub fn admin_token(&self) -> String {
        let file = self.identity().join("admin-token");
        std::fs::read_to_string(file).expect("the first start writes the token").trim().to_owned()
    }

    /// The identity directory.
    pub fn identity(&self) -> PathBuf {
        let mut name = self.data.as_os_str().to_owned();
        name.push("-identity");
        name.into()
    }

    /// Waits for a line that contains something; false when the server ends first.
    ///
    /// # Panics
    /// When neither happens in time.
    pub fn wait_for_line(&self, part: &str) -> bool {
        self.find_line(part).is_some()
    }

    fn find_line(&self, part: &str) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(part) => return Some(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => panic!("no line with {part:?} in time; it said:\n{}", self.said()),
            }
        }
    }

    fn address(&self) -> Option<String> {
        let line = self.find_line("answers at ")?;
        line.split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
    }

    /// What it printed so far.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn printed(&self) -> Vec<String> {
        self.printed.lock().expect("no test panics while it holds this").clone()
    }

    /// What it wrote to standard error since this start.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.said_before).unwrap_or(0).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }

    /// Whether it still runs.
    ///
    /// # Panics
    /// When the operating system cannot say.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked about").is_none()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked about") {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end; it said:\n{}", self.said());
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// kill -9.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// SIGTERM, and waits until it has stopped.
    ///
    /// # Panics
    /// When it does not stop in time.
    pub fn stop(mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    /// Sends it a signal: `TERM`, `STOP`, `CONT`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill can be run");
        assert!(sent.success(), "SIG{name} was sent");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the server on {} said:\n{}", self.data.display(), self.said());
        }
    }
}
