//! What every handler is given: the ledger, the log, the views, and who the node is. It holds no data of its own.

use crate::{
    answers::Answers,
    authentication::Authentication,
    contract::Documents,
    events::tail::Tail,
    limits::{
        BATCHES_EACH_LIMIT, BATCHES_LIMIT, BATCHES_OF_STRANGERS_LIMIT, EXPORTS_EACH_LIMIT, EXPORTS_LIMIT,
        EXPORTS_OF_STRANGERS_LIMIT, LOG_UNCONFIRMED_LIMIT, Limits, STREAMS_EACH_LIMIT, STREAMS_LIMIT,
        STREAMS_OF_STRANGERS_LIMIT,
    },
    metrics::Metrics,
    questions::{Questions, Turns},
    rate::RateLimiter,
    rebuild::Rebuilds,
    slots::{SlotLimits, Slots},
};
use convenio_events::{LedgerId, Sequence, Timestamp, log::EventLog, schemas::SchemaLocation};
use convenio_ledger::{stores::EventIndex, submission::Ledger};
use convenio_notary::TreeHead;
use convenio_projections::Views;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a node knows of the end of its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogStanding {
    /// `embedded` or `kafka`.
    pub kind: &'static str,
    /// How long ago the node last saw the end of the log; `None` before it has. Zero where the log is its own.
    pub confirmed_age: Option<Duration>,
    /// Why the node follows the log no more, in words for an operator.
    pub halted: Option<String>,
    /// Whether nothing of the log can be believed: it is then shown to nobody.
    pub in_doubt: bool,
    /// Why the node could not decide on what the log holds: it was written by a newer version, or cannot be indexed.
    pub illegible: Option<String>,
    /// The name of the node that writes, where others may and one has said so.
    pub writer: Option<String>,
    /// Whether commands that arrive here reach that node.
    pub forwards: bool,
    /// What is wrong with the way to it, in words for an operator.
    pub alarm: Option<String>,
    /// What else somebody must look at: the topics, the clock, the other nodes.
    pub alarms: Vec<LogAlarm>,
    /// Where this node publishes events for integrators, if it does.
    pub publisher: Option<PublisherStanding>,
}

/// Something about the log that somebody must look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogAlarm {
    /// What it is about: a name that stays.
    pub code: &'static str,
    /// What is wrong and what to do, in words for an operator.
    pub detail: String,
    /// Whether this node takes no commands while it lasts.
    pub forbids_writing: bool,
}

/// How far events are published in a topic for integrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublisherStanding {
    /// The event that is published next; `None` until that is known.
    pub next: Option<Sequence>,
    /// When the oldest event that waits was recorded, if one waits.
    pub oldest_waiting: Option<Timestamp>,
    /// What is wrong, in words for an operator.
    pub error: Option<String>,
    /// Whether somebody must do something: it is not tried again.
    pub halted: bool,
}

impl LogAlarm {
    /// All codes, so that each is told while it is not raised too.
    pub const CODES: [&'static str; 8] = [
        "hanging-transaction",
        "hanging-public-transaction",
        "topic-settings",
        "topic-shape",
        "topic-unreadable",
        "clock-differs",
        "node-name-taken",
        "foreign-control",
    ];
}

impl LogStanding {
    /// Of a log that only this node writes.
    pub const EMBEDDED: Self = Self {
        kind: "embedded",
        confirmed_age: Some(Duration::ZERO),
        halted: None,
        in_doubt: false,
        illegible: None,
        writer: None,
        forwards: false,
        alarm: None,
        alarms: Vec::new(),
        publisher: None,
    };

    /// Whether what the node shows of grants can be relied on: one may have been revoked beyond what it has seen.
    pub(crate) fn is_fresh(&self) -> bool {
        self.halted.is_none() && self.confirmed_age.is_some_and(|age| age < LOG_UNCONFIRMED_LIMIT)
    }
}

impl PublisherStanding {
    /// How many of so many events are not published; `None` where that is not known.
    pub(crate) fn lag(&self, head: Sequence) -> Option<u64> {
        self.next.map(|next| head.0.saturating_sub(next.0))
    }

    /// How long the oldest event that waits has been waiting; zero where none does.
    pub(crate) fn waiting(&self, now: Timestamp) -> Duration {
        let micros = self.oldest_waiting.map_or(0, |oldest| now.micros() - oldest.micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Says how the log stands now.
pub type LogWatch = Arc<dyn Fn() -> LogStanding + Send + Sync>;

/// What a portal is made of.
pub struct PortalParts {
    /// Where commands go.
    pub ledger: Ledger,
    /// What was recorded.
    pub log: Arc<dyn EventLog>,
    /// How the log stands.
    pub log_standing: LogWatch,
    /// Look-ups in it by event, subject and time.
    pub index: Arc<dyn EventIndex>,
    /// The read models.
    pub views: Views,
    /// Size and root of the Merkle tree over what was recorded.
    pub root: watch::Receiver<TreeHead>,
    /// Which ledger.
    pub ledger_id: LedgerId,
    /// What the node calls itself.
    pub node: String,
    /// Where the outside world reaches it, without a slash at the end.
    pub public_url: String,
    /// Where the schemas of events are named.
    pub schemas: SchemaLocation,
    /// What an operator may set.
    pub limits: Limits,
    /// The ledger's clock: what grants are in force is told by it.
    pub clock: Clock,
    /// True once the node shuts down: streams and batches then end.
    pub shutdown: watch::Receiver<bool>,
}

impl std::fmt::Debug for PortalParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PortalParts")
            .field("node", &self.node)
            .field("public_url", &self.public_url)
            .finish_non_exhaustive()
    }
}

/// A portal before it serves.
#[derive(Debug)]
pub struct Portal;

impl Portal {
    /// What handlers share.
    #[expect(clippy::new_ret_no_self, reason = "the state is the portal; this names where it begins")]
    pub fn new(parts: PortalParts) -> PortalState {
        let (rate, connections) = (parts.limits.rate.map(RateLimiter::new), parts.limits.connections);
        let shared = Shared {
            parts,
            metrics: Metrics::default(),
            documents: Documents::default(),
            rate,
            batches: Slots::new(SlotLimits {
                all: BATCHES_LIMIT,
                strangers: BATCHES_OF_STRANGERS_LIMIT,
                each: BATCHES_EACH_LIMIT,
            }),
            streams: Slots::new(streams_within(connections)),
            exports: Slots::new(SlotLimits {
                all: EXPORTS_LIMIT,
                strangers: EXPORTS_OF_STRANGERS_LIMIT,
                each: EXPORTS_EACH_LIMIT,
            }),
            answers: Answers::default(),
            questions: Questions::default(),
            log_turns: Turns::of_processors(),
            tail: Tail::default(),
            authentication: Authentication::default(),
            rebuilds: Rebuilds::default(),
            latest: AtomicI64::new(i64::MIN),
        };
        PortalState { shared: Arc::new(shared) }
    }
}

/// How many streams there may be of so many connections.
fn streams_within(connections: Option<usize>) -> SlotLimits {
    let connections = connections.unwrap_or(usize::MAX);
    SlotLimits {
        all: STREAMS_LIMIT.min(connections / 2),
        strangers: STREAMS_OF_STRANGERS_LIMIT.min(connections / 5 * 2),
        each: STREAMS_EACH_LIMIT,
    }
}

/// What every handler is given; cheap to clone.
#[derive(Clone, Debug)]
pub struct PortalState {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    parts: PortalParts,
    metrics: Metrics,
    documents: Documents,
    rate: Option<RateLimiter>,
    batches: Slots,
    streams: Slots,
    exports: Slots,
    answers: Answers,
    questions: Questions,
    log_turns: Turns,
    tail: Tail,
    authentication: Authentication,
    rebuilds: Rebuilds,
    /// The latest time that the clock told, in microseconds.
    latest: AtomicI64,
}

impl PortalState {
    /// Where commands go.
    pub fn ledger(&self) -> &Ledger {
        &self.shared.parts.ledger
    }
    /// What was recorded.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.shared.parts.log
    }
    /// How the log stands now.
    pub fn log_standing(&self) -> LogStanding {
        (self.shared.parts.log_standing)()
    }
    /// Look-ups in the log by event, subject and time.
    pub fn index(&self) -> &Arc<dyn EventIndex> {
        &self.shared.parts.index
    }
    /// The read models.
    pub fn views(&self) -> &Views {
        &self.shared.parts.views
    }
    /// Size and root of the Merkle tree over what was recorded, as it is now.
    pub fn root(&self) -> TreeHead {
        *self.shared.parts.root.borrow()
    }
    /// Which ledger.
    pub fn ledger_id(&self) -> LedgerId {
        self.shared.parts.ledger_id
    }
    /// What the node calls itself.
    pub fn node(&self) -> &str {
        &self.shared.parts.node
    }
    /// Where the outside world reaches it, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.shared.parts.public_url
    }
    /// Where the schemas of events are named.
    pub fn schemas(&self) -> &SchemaLocation {
        &self.shared.parts.schemas
    }
    /// The last committed event; `None` in an empty ledger.
    pub fn head_sequence(&self) -> Option<Sequence> {
        last(*self.log().head().borrow())
    }
    /// What time the ledger's clock tells; never before what it told already.
    pub fn now(&self) -> Timestamp {
        let told = (self.shared.parts.clock)().micros();
        Timestamp::from_micros(self.shared.latest.fetch_max(told, Ordering::Relaxed).max(told))
    }
    /// What was counted.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }
    /// True once the node shuts down.
    pub fn shutdown(&self) -> watch::Receiver<bool> {
        self.shared.parts.shutdown.clone()
    }
    pub(crate) fn documents(&self) -> &Documents {
        &self.shared.documents
    }
    pub(crate) fn rate(&self) -> Option<&RateLimiter> {
        self.shared.rate.as_ref()
    }
    pub(crate) fn batches(&self) -> &Slots {
        &self.shared.batches
    }
    pub(crate) fn exports(&self) -> &Slots {
        &self.shared.exports
    }
    pub(crate) fn answers(&self) -> &Answers {
        &self.shared.answers
    }
    pub(crate) fn questions(&self) -> &Questions {
        &self.shared.questions
    }
    /// Places for those who have events of the log in memory.
    pub(crate) fn log_turns(&self) -> &Turns {
        &self.shared.log_turns
    }
    pub(crate) fn tail(&self) -> &Tail {
        &self.shared.tail
    }
    pub(crate) fn authentication(&self) -> &Authentication {
        &self.shared.authentication
    }
    /// Where proxies are that may name their clients.
    pub(crate) fn proxies(&self) -> &[ipnet::IpNet] {
        &self.shared.parts.limits.trusted_proxies
    }
    pub(crate) fn rebuilds(&self) -> &Rebuilds {
        &self.shared.rebuilds
    }
    pub(crate) fn streams(&self) -> &Slots {
        &self.shared.streams
    }
}

/// The last of so many events: positions count, sequences name.
pub(crate) fn last(position: Sequence) -> Option<Sequence> {
    position.0.checked_sub(1).map(Sequence)
}
