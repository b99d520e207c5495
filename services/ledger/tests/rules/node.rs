//! A node under test: the real sequencer over a log and stores in memory, with a clock that the test moves.

use convenio_events::{
    CommandId, Event, LedgerId, OrganisationId, RecordedEvent, Sequence, StreamVersion, Subject, Timestamp,
    codes::Purpose,
    commitment::token_digest,
    entry::Audience,
    log::{EventLog, PAGE_EVENTS_LIMIT},
    memory_log::MemoryLog,
    time::TimeZone,
    types::TYPE_PREFIX,
};
use convenio_ledger::{
    authorise::Credential,
    clock::{Clock, Reading},
    entropy::Entropy,
    genesis::Opening,
    memory_stores::{MemoryIndex, MemoryState},
    rejection::{Refusal, Rejection},
    sequencer::{Parts, Sequencer, SequencerError, SnapshotCursor},
    stores::{EventIndex, StateStore},
    submission::{Answer, Body, Ledger, Submission},
};
use serde_json::Value;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

/// The token of the operator's first grant.
pub(crate) const BOOTSTRAP_TOKEN: [u8; 32] = [7; 32];
/// Noon of the first day, in UTC; 7 o'clock in Lima, where the ledger's days end.
pub(crate) const NOON: &str = "2026-01-15T12:00:00.000000Z";

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<Hands>>);

#[derive(Clone, Copy, Debug)]
struct Hands {
    reading: Reading,
    is_set: bool,
    synchronised: bool,
}

impl TestClock {
    pub(crate) fn at(time: &str) -> Self {
        let reading = Reading { wall: time.parse().expect("a time"), since_boot: Duration::from_secs(1_000) };
        Self(Arc::new(Mutex::new(Hands { reading, is_set: true, synchronised: true })))
    }
    fn change(&self, change: impl FnOnce(&mut Hands)) {
        change(&mut self.0.lock().expect("no test panics while it holds the clock"));
    }
    /// Time passes.
    pub(crate) fn advance(&self, seconds: i64) {
        self.change(|hands| hands.reading.since_boot += Duration::from_secs(seconds.unsigned_abs()));
        self.jump(seconds);
    }
    /// Time passes until an instant.
    pub(crate) fn advance_to(&self, time: &str) {
        let now = self.0.lock().expect("no test panics while it holds the clock").reading.wall;
        self.advance((time.parse::<Timestamp>().expect("a time").micros() - now.micros()) / 1_000_000);
    }
    /// Only the wall clock moves.
    pub(crate) fn jump(&self, seconds: i64) {
        self.change(|hands| hands.reading.wall = hands.reading.wall.plus_seconds(seconds));
    }
    /// A machine's clock instead of one that somebody sets; it is guarded.
    pub(crate) fn real(self, synchronised: bool) -> Self {
        self.change(|hands| {
            hands.is_set = false;
            hands.synchronised = synchronised;
        });
        self
    }
}

impl Clock for TestClock {
    fn read(&mut self) -> Reading {
        self.0.lock().expect("no test panics while it holds the clock").reading
    }
    fn is_set(&self) -> bool {
        self.0.lock().expect("no test panics while it holds the clock").is_set
    }
    fn is_synchronised(&mut self) -> bool {
        self.0.lock().expect("no test panics while it holds the clock").synchronised
    }
}

/// What a node is started with, and started again with.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) index: Arc<dyn EventIndex>,
    pub(crate) clock: TestClock,
    pub(crate) opening: Option<Opening>,
    pub(crate) attempts: u32,
}

impl Setup {
    pub(crate) fn new() -> Self {
        Self {
            log: Arc::new(MemoryLog::default()),
            state: Arc::new(MemoryState::default()),
            index: Arc::new(MemoryIndex::default()),
            clock: TestClock::at(NOON),
            opening: Some(opening(Purpose::Test, false)),
            attempts: 25,
        }
    }
    pub(crate) fn start(&self) -> Node {
        let (elected, term) = watch::channel(1);
        let (sequencer, ledger) = Sequencer::new(Parts {
            log: self.log.clone(),
            state: self.state.clone(),
            snapshot: SnapshotCursor::default(),
            index: self.index.clone(),
            clock: Box::new(self.clock.clone()),
            entropy: Entropy::from_seed(1),
            attempts: self.attempts,
            counts: Arc::default(),
            elsewhere: None,
            opening: self.opening.clone(),
            elected: term,
        });
        Node { setup: self.clone(), ledger, elected, task: tokio::spawn(sequencer.run()) }
    }
}

pub(crate) fn opening(purpose: Purpose, sample: bool) -> Opening {
    Opening {
        ledger: LedgerId::new(Uuid::from_u128(0x1ed)),
        origin: "ledger.example.org/log".to_owned(),
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        time_zone: "America/Lima".parse::<TimeZone>().expect("a zone"),
        purpose,
        admin_token: token_digest(&BOOTSTRAP_TOKEN),
        sample,
    }
}

/// A node that runs.
pub(crate) struct Node {
    pub(crate) setup: Setup,
    pub(crate) ledger: Ledger,
    pub(crate) elected: watch::Sender<u64>,
    task: JoinHandle<Result<(), SequencerError>>,
}

/// A command on its way, with what most tests leave out.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) credential: Credential,
    pub(crate) acting_for: Option<OrganisationId>,
    pub(crate) id: CommandId,
    pub(crate) version: Option<u64>,
    pub(crate) command: String,
    pub(crate) data: Vec<u8>,
}

impl Call {
    pub(crate) fn new(credential: Credential, command: &str, data: &Value) -> Self {
        let id = CommandId::new(Uuid::new_v4());
        Self {
            credential,
            acting_for: None,
            id,
            version: None,
            command: command.to_owned(),
            data: data.to_string().into(),
        }
    }
    pub(crate) fn under(self, id: u128) -> Self {
        Self { id: CommandId::new(Uuid::from_u128(id)), ..self }
    }
    pub(crate) fn expecting(self, version: u64) -> Self {
        Self { version: Some(version), ..self }
    }
    pub(crate) fn acting_for(self, organisation: u128) -> Self {
        Self { acting_for: Some(OrganisationId::new(Uuid::from_u128(organisation))), ..self }
    }
    pub(crate) fn submission(&self) -> Submission {
        let version = self.version.map(StreamVersion);
        Submission {
            credential: self.credential,
            acting_for: self.acting_for,
            id: self.id,
            correlation_id: None,
            expected_version: version,
            body: Body::parse(&self.command, &self.data, version),
        }
    }
}

impl Node {
    /// Sends a command and says what became of it, in words.
    pub(crate) async fn send(&self, call: Call) -> String {
        self.say(self.answer(&call).await).await
    }
    pub(crate) async fn answer(&self, call: &Call) -> Answer {
        self.ledger.submit(call.submission()).await
    }

    /// Accepted: the events, the restricted ones in parentheses. Refused: `code` or `code@field`.
    pub(crate) async fn say(&self, answer: Answer) -> String {
        match answer {
            Ok(accepted) => {
                let first = accepted.sequence;
                let recorded = self.setup.log.read(first, accepted.events.len()).await.expect("reads");
                recorded.iter().map(in_words).collect::<Vec<_>>().join(" ")
            }
            Err(Refusal::Rejected(Rejection { code, field: Some(field), .. })) => format!("{code}@{field}"),
            Err(Refusal::Rejected(Rejection { code, field: None, .. })) => code.into_owned(),
            Err(Refusal::Unavailable(why)) => why.code().to_owned(),
        }
    }

    /// Every event from a position on.
    pub(crate) async fn events(&self, from: u64) -> Vec<Event> {
        let page = self.setup.log.read(Sequence(from), PAGE_EVENTS_LIMIT).await.expect("reads");
        page.iter().map(|recorded| Event::decode(recorded).expect("decodes")).collect()
    }
    /// How many events there are.
    pub(crate) fn head(&self) -> u64 {
        self.setup.log.head().borrow().0
    }
    /// What happened from a position on, in words.
    pub(crate) async fn since(&self, from: u64) -> String {
        let page = self.setup.log.read(Sequence(from), PAGE_EVENTS_LIMIT).await.expect("reads");
        page.iter().map(in_words).collect::<Vec<_>>().join(" ")
    }
    /// Lets the idle timers run, which they do once a minute.
    pub(crate) async fn idle(&self) {
        tokio::time::sleep(Duration::from_secs(121)).await;
    }
    /// The events of a subject.
    pub(crate) async fn history(&self, subject: Subject) -> Vec<Event> {
        let mut events = Vec::new();
        for at in self.setup.index.subject(subject, StreamVersion(0), usize::MAX).expect("is indexed") {
            let recorded = self.setup.log.read(at, 1).await.expect("reads").remove(0);
            events.push(Event::decode(&recorded).expect("decodes"));
        }
        events
    }
    /// The version of a subject's last event.
    pub(crate) async fn version(&self, subject: &str) -> u64 {
        let subject: Subject = subject.parse().expect("a subject");
        self.history(subject).await.last().expect("it is there").stream_version.0
    }

    /// Stops it, as when the program ends.
    pub(crate) async fn stop(self) -> Result<Setup, SequencerError> {
        drop(self.ledger);
        drop(self.elected);
        self.task.await.expect("does not panic").map(|()| self.setup)
    }
}

/// `offer.published`, or `(offer.published)` where not everybody may read it.
pub(crate) fn in_words(recorded: &RecordedEvent) -> String {
    let event = Event::decode(recorded).expect("decodes");
    Event::check_commitments(recorded).expect("opens its entry");
    let name = event.type_name();
    let name =
        name.strip_prefix(TYPE_PREFIX).expect("one of ours").rsplit_once(".v").expect("has a version").0.to_owned();
    match event.audience {
        Audience::Public => name,
        Audience::Restricted => format!("({name})"),
    }
}
