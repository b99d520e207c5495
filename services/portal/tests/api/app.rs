//! A node under test and the users who call it. It asserts nothing about answers.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use convenio_events::{
    LedgerId, Sequence, Timestamp, codes::Purpose, commitment::token_digest, log::EventLog, memory_log::MemoryLog,
    schemas::SchemaLocation, time::TimeZone,
};
use convenio_ledger::{
    clock::{Clock, Reading},
    entropy::Entropy,
    genesis::Opening,
    memory_stores::{MemoryIndex, MemoryState},
    sequencer::{Parts, Sequencer, SnapshotCursor},
    stores::{EventIndex, StateStore},
    submission::Role,
};
use convenio_notary::TreeHead;
use convenio_portal::{Limits, LogStanding, Portal, PortalParts, PortalState, PublisherStanding, router};
use convenio_projections::{Settings, ViewName, Views};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;

/// A test that waits longer has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Whoever calls. Each has a token of 32 equal bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum User {
    /// Nobody that is known.
    Anonymous,
    /// The operator's first grant.
    Operator = 7,
    /// `admin` of the observatory.
    Admin = 1,
    /// `organisation-admin` of the NGO; may sign.
    Socios = 2,
    /// `signatory` of the ministry; may sign.
    Ministry = 3,
    /// `recorder` of the NGO and the ministry at once.
    Pair = 4,
    /// `recorder` of a university that takes part in nothing.
    University = 5,
    /// `reviewer` of the university, once a test grants that.
    Reviewer = 6,
    /// Has a token of the right form that nobody granted.
    Stranger = 9,
}

impl User {
    pub(crate) fn token(self) -> Option<String> {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        (self != Self::Anonymous).then(|| URL_SAFE_NO_PAD.encode([self as u8; 32]))
    }
}

pub(crate) const OBSERVATORY: u128 = 0x0b5;
pub(crate) const SOCIOS: u128 = 0x50c;
pub(crate) const MINISTRY: u128 = 0x313;
pub(crate) const UNIVERSITY: u128 = 0x041;

/// A node that serves.
pub(crate) struct App {
    pub(crate) router: Router,
    pub(crate) state: PortalState,
    pub(crate) shutdown: watch::Sender<bool>,
    pub(crate) clock: TestClock,
    /// Seconds since the node last saw the end of its log.
    pub(crate) unconfirmed: Arc<AtomicU64>,
    /// Whether nothing of the log can be believed.
    pub(crate) in_doubt: Arc<AtomicBool>,
    /// What the node says of events for integrators.
    pub(crate) publisher: Arc<Mutex<Option<PublisherStanding>>>,
    ids: Mutex<u128>,
    /// Where the files of the views are.
    pub(crate) folder: tempfile::TempDir,
    _elected: watch::Sender<u64>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.body.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
    /// `401 token-invalid`, `400 unknown-field@data`, `200`.
    pub(crate) fn said(&self) -> String {
        let status = self.status.as_u16();
        if self.header("content-type") != "application/problem+json" {
            return status.to_string();
        }
        let body = self.json();
        assert_eq!(body["status"], status, "{body}");
        let field = body["field"].as_str().map(|field| format!("@{field}")).unwrap_or_default();
        format!("{status} {}{field}", body["code"].as_str().expect("a code"))
    }
    /// Status, the headers that are part of the contract, and the body.
    pub(crate) fn in_full(&self) -> String {
        let names =
            ["content-type", "convenio-sequence", "idempotent-replay", "retry-after", "www-authenticate", "allow"];
        let headers: String = names
            .iter()
            .filter(|name| self.headers.contains_key(**name))
            .map(|name| format!("{name}: {}\n", self.header(name)))
            .collect();
        let pretty = |body: &str| match serde_json::from_str::<Value>(body) {
            Ok(value) => format!("{value:#}"),
            Err(_) => body.to_owned(),
        };
        format!("{}\n{headers}\n{}", self.status.as_u16(), pretty(&self.body))
    }
}

impl App {
    /// A ledger that was just opened.
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::default());
        let index: Arc<dyn EventIndex> = Arc::new(MemoryIndex::default());
        let state: Arc<dyn StateStore> = Arc::new(MemoryState::default());
        let (clock, folder) = (TestClock::default(), tempfile::tempdir().expect("a folder"));
        let (elected, term) = watch::channel(1);
        let (sequencer, ledger) = Sequencer::new(Parts {
            log: log.clone(),
            state,
            snapshot: SnapshotCursor::default(),
            index: index.clone(),
            clock: Box::new(clock.clone()),
            entropy: Entropy::from_seed(1),
            attempts: 25,
            counts: Arc::default(),
            elsewhere: None,
            opening: Some(opening()),
            elected: term,
        });
        tokio::spawn(sequencer.run());
        ledger.watch().wait_for(|standing| standing.role == Role::Writer).await.expect("it writes");
        let views = Views::start(Settings::new(folder.path()), log.clone()).await.expect("views");
        let unconfirmed = Arc::<AtomicU64>::default();
        let seen = unconfirmed.clone();
        let in_doubt = Arc::<AtomicBool>::default();
        let doubted = in_doubt.clone();
        let publisher = Arc::<Mutex<Option<PublisherStanding>>>::default();
        let publishing = publisher.clone();
        let (shutdown, stop) = watch::channel(false);
        let (_, root) = watch::channel(TreeHead::empty());
        let (told, ledger_id) = (clock.clone(), opening().ledger);
        let state = Portal::new(PortalParts {
            ledger,
            log,
            log_standing: Arc::new(move || LogStanding {
                confirmed_age: Some(Duration::from_secs(seen.load(Relaxed))),
                halted: doubted.load(Relaxed).then(|| "the log is not the one that was marked".to_owned()),
                in_doubt: doubted.load(Relaxed),
                publisher: publishing.lock().expect("nobody panics with it").clone(),
                ..LogStanding::EMBEDDED
            }),
            index,
            views,
            root,
            ledger_id,
            limits,
            node: "test".to_owned(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            schemas: SchemaLocation::below("http://127.0.0.1:8080"),
            clock: Arc::new(move || told.now()),
            shutdown: stop,
        });
        let app = Self {
            router: router(state.clone()),
            state,
            shutdown,
            clock,
            unconfirmed,
            in_doubt,
            publisher,
            ids: Mutex::new(0xc0_0000),
            folder,
            _elected: elected,
        };
        app.settle().await;
        app
    }

    /// A ledger in which everybody of [`User`] has what it needs.
    pub(crate) async fn with_cast() -> Self {
        let app = Self::new().await;
        let organisations = [OBSERVATORY, SOCIOS, MINISTRY, UNIVERSITY];
        let registered = organisations.map(|id| ("register-organisation", organisation(id)));
        let verified = [OBSERVATORY, SOCIOS, MINISTRY]
            .map(|id| ("verify-organisation", json!({"id": uuid(id), "method": "operator"})));
        let granted = [
            (User::Admin, "admin", vec![OBSERVATORY]),
            (User::Socios, "organisation-admin", vec![SOCIOS]),
            (User::Ministry, "signatory", vec![MINISTRY]),
            (User::Pair, "recorder", vec![SOCIOS, MINISTRY]),
            (User::University, "recorder", vec![UNIVERSITY]),
        ]
        .map(|(user, role, of)| ("grant-access", grant(user, role, &of)));
        for (command, data) in registered.into_iter().chain(verified).chain(granted) {
            app.accept(User::Operator, command, data).await;
        }
        app.settle().await;
        app
    }

    /// Waits until the views have everything that was recorded.
    pub(crate) async fn settle(&self) {
        let head = *self.state.log().head().borrow();
        self.state.views().wait_for(&ViewName::ALL, head, DEADLINE).await.expect("the views follow");
    }

    pub(crate) fn head(&self) -> Sequence {
        self.state.head_sequence().expect("it is open")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answering = async {
            let response = self.router.clone().oneshot(request).await.expect("infallible");
            let (parts, body) = response.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.expect("the answer is whole");
            Answer {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).expect("UTF-8"),
            }
        };
        tokio::time::timeout(DEADLINE, answering).await.expect("it answers in time")
    }

    pub(crate) async fn get(&self, user: User, path: &str) -> Answer {
        self.send(request(Method::GET, path, user, &[], Body::empty())).await
    }

    /// Sends a command under an id of its own.
    pub(crate) async fn command(&self, user: User, command: &str, data: Value) -> Answer {
        let id = self.next_id();
        self.command_with(user, command, &data.to_string(), &[("idempotency-key", &id)]).await
    }

    pub(crate) async fn command_with(&self, user: User, command: &str, data: &str, headers: &[(&str, &str)]) -> Answer {
        let path = format!("/api/v1/commands/{command}");
        let headers: Vec<_> =
            [("content-type", "application/json")].into_iter().chain(headers.iter().copied()).collect();
        self.send(request(Method::POST, &path, user, &headers, Body::from(data.to_owned()))).await
    }

    pub(crate) async fn accept(&self, user: User, command: &str, data: Value) -> Value {
        let answer = self.command(user, command, data).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{command}: {}", answer.body);
        answer.json()
    }

    pub(crate) async fn batch(&self, user: User, lines: impl Into<Body>) -> Answer {
        let headers = [("content-type", "application/x-ndjson")];
        self.send(request(Method::POST, "/api/v1/commands", user, &headers, lines.into())).await
    }

    pub(crate) fn next_id(&self) -> String {
        let mut ids = self.ids.lock().expect("no test panics with it");
        *ids += 1;
        uuid(*ids)
    }
}

pub(crate) fn request(method: Method, path: &str, user: User, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "127.0.0.1:8080");
    if let Some(token) = user.token() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(body).expect("a request")
}

fn opening() -> Opening {
    Opening {
        ledger: LedgerId::new(Uuid::from_u128(0x1ed)),
        origin: "ledger.example.org/log".to_owned(),
        key: "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".to_owned(),
        time_zone: "America/Lima".parse::<TimeZone>().expect("a zone"),
        purpose: Purpose::Test,
        admin_token: token_digest(&[User::Operator as u8; 32]),
        sample: false,
    }
}

pub(crate) fn uuid(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}
pub(crate) fn text(text: &str) -> Value {
    json!({"original": "en", "texts": {"en": text}})
}
fn organisation(id: u128) -> Value {
    let name = match id {
        OBSERVATORY => "Example Observatory",
        SOCIOS => "Example NGO",
        MINISTRY => "Example Ministry",
        _ => "Example University",
    };
    json!({"id": uuid(id), "standing": "holder", "profile": {"kind": "ngo", "place": "PE"}, "text": {"name": text(name)}})
}
pub(crate) fn grant(user: User, role: &str, organisations: &[u128]) -> Value {
    json!({
        "id": uuid(0x6000 + user as u128),
        "organisations": organisations.iter().map(|id| uuid(*id)).collect::<Vec<_>>(),
        "role": role,
        "may_sign": matches!(user, User::Socios | User::Ministry),
        "token_digest": token_digest(&[user as u8; 32]),
    })
}
/// An offer or a demand of 10 expert-days.
pub(crate) fn listing(id: u128, title: &str) -> Value {
    json!({
        "id": uuid(id),
        "terms": {
            "themes": ["sdg:3.3"], "mechanisms": ["training"], "places": ["PE"],
            "quantity": {"amount": "10", "unit": "expert-days"}, "valid_through": "2026-03-31",
        },
        "text": {"title": text(title)},
    })
}
/// A bilateral agreement of the NGO and the ministry.
pub(crate) fn agreement(id: u128) -> Value {
    json!({
        "id": uuid(id),
        "terms": {
            "instrument": "mou", "modality": "bilateral", "direction": "south-south",
            "parties": [
                {"organisation": uuid(SOCIOS), "roles": ["offering"], "side": "pih", "signs": true},
                {"organisation": uuid(MINISTRY), "roles": ["requesting"], "side": "PE", "signs": true},
            ],
        },
        "text": {"title": text("A memorandum")},
    })
}

/// A clock that a test moves.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<Reading>>);

impl Default for TestClock {
    fn default() -> Self {
        let wall: Timestamp = "2026-01-15T12:00:00.000000Z".parse().expect("a time");
        Self(Arc::new(Mutex::new(Reading { wall, since_boot: Duration::from_secs(1_000) })))
    }
}

impl TestClock {
    pub(crate) fn now(&self) -> Timestamp {
        self.0.lock().expect("no test panics with it").wall
    }
    pub(crate) fn advance(&self, seconds: i64) {
        let mut reading = self.0.lock().expect("no test panics with it");
        reading.wall = reading.wall.plus_seconds(seconds);
        reading.since_boot += Duration::from_secs(seconds.unsigned_abs());
    }
    /// The wall clock alone: as when somebody sets it.
    pub(crate) fn jump(&self, seconds: i64) {
        let mut reading = self.0.lock().expect("no test panics with it");
        reading.wall = reading.wall.plus_seconds(seconds);
    }
}

impl Clock for TestClock {
    fn read(&mut self) -> Reading {
        *self.0.lock().expect("no test panics with it")
    }
    fn is_synchronised(&mut self) -> bool {
        true
    }
}
