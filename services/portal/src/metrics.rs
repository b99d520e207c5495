//! What the portal counts, and how Prometheus reads it. It names no caller and no record.

use crate::{
    process,
    state::{LogAlarm, LogStanding, PortalState, last},
};
use convenio_ledger::{
    counts::{COMMIT_BOUNDS_MICROS, Counts},
    rejection::Refusal,
    submission::{Answer, Role},
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds of the latency histogram, in microseconds.
const BUCKETS_MICROS: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];
/// Statuses 100 to 599.
const STATUSES: usize = 500;

/// Counters of one portal.
#[derive(Debug, Default)]
pub struct Metrics {
    accepted: AtomicU64,
    replayed: AtomicU64,
    refused: RwLock<BTreeMap<String, Arc<AtomicU64>>>,
    routes: RwLock<HashMap<String, Arc<RouteMetrics>>>,
    turned_away: AtomicU64,
    /// Connections that are open.
    pub(crate) connections: Gauge,
    /// Event streams that are open.
    pub(crate) streams: Gauge,
    /// Batches that are under way.
    pub(crate) batches: Gauge,
}

/// Something that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

/// Counts one in a [`Gauge`] for as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(PortalState, fn(&Metrics) -> &Gauge);

impl Counted {
    pub(crate) fn new(state: &PortalState, gauge: fn(&Metrics) -> &Gauge) -> Self {
        gauge(state.metrics()).0.fetch_add(1, Relaxed);
        Self(state.clone(), gauge)
    }
}

impl Gauge {
    /// How many there are now.
    pub(crate) fn count(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.1)(self.0.metrics()).0.fetch_sub(1, Relaxed);
    }
}

/// Requests of one route.
#[derive(Debug)]
struct RouteMetrics {
    statuses: [AtomicU64; STATUSES],
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    sum_micros: AtomicU64,
}

impl Default for RouteMetrics {
    fn default() -> Self {
        Self {
            statuses: [const { AtomicU64::new(0) }; STATUSES],
            buckets: Default::default(),
            sum_micros: AtomicU64::new(0),
        }
    }
}

impl Metrics {
    /// Counts a command by its outcome.
    pub(crate) fn command(&self, answer: &Answer) {
        match answer {
            Ok(accepted) if accepted.replay => {
                self.replayed.fetch_add(1, Relaxed);
            }
            Ok(_) => {
                self.accepted.fetch_add(1, Relaxed);
            }
            Err(Refusal::Rejected(rejection)) => self.refused(&rejection.code),
            Err(Refusal::Unavailable(unavailable)) => self.refused(unavailable.code()),
        }
    }

    /// Counts a connection for which there was no room.
    pub(crate) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Relaxed);
    }

    /// Counts a command that was refused, by the code of the reason.
    pub(crate) fn refused(&self, code: &str) {
        let known = self.refused.read().unwrap_or_else(PoisonError::into_inner).get(code).cloned();
        let counter = known.unwrap_or_else(|| {
            self.refused.write().unwrap_or_else(PoisonError::into_inner).entry(code.to_owned()).or_default().clone()
        });
        counter.fetch_add(1, Relaxed);
    }

    /// Counts an answer of a route, by its pattern as in the route table.
    pub(crate) fn request(&self, route: &str, status: u16, took: Duration) {
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        let counters = known.unwrap_or_else(|| {
            self.routes.write().unwrap_or_else(PoisonError::into_inner).entry(route.to_owned()).or_default().clone()
        });
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_MICROS.iter().position(|bound| micros <= *bound).unwrap_or(BUCKETS_MICROS.len());
        counters.buckets[bucket].fetch_add(1, Relaxed);
        counters.sum_micros.fetch_add(micros, Relaxed);
        if let Some(counter) = counters.statuses.get(usize::from(status.saturating_sub(100))) {
            counter.fetch_add(1, Relaxed);
        }
    }
}

/// Everything there is to count, in Prometheus' text format 0.0.4.
pub(crate) fn render(state: &PortalState) -> String {
    let mut out = String::with_capacity(16 << 10);
    ledger(&mut out, state);
    log(&mut out, &state.log_standing());
    publisher(&mut out, state);
    views(&mut out, state);
    commands(&mut out, state.metrics());
    requests(&mut out, state.metrics());
    for (name, kind, help, value) in process::readings() {
        single(&mut out, name, kind, help, value);
    }
    out
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    family(out, name, kind, help);
    let _ = writeln!(out, "{name} {value}");
}

fn ledger(out: &mut String, state: &PortalState) {
    let standing = state.ledger().standing();
    commits(out, state.ledger().counts());
    let head = *state.log().head().borrow();
    single(out, "convenio_log_events_total", "counter", "Events committed to the log.", head.0);
    single(out, "convenio_tree_leaves", "gauge", "Leaves of the Merkle tree.", state.root().size());
    single(out, "convenio_subjects_held", "gauge", "Subjects that the write model holds in memory.", standing.held);
    single(
        out,
        "convenio_clock_jumped",
        "gauge",
        "1 while commands wait for the clock to be confirmed.",
        u8::from(standing.clock_jumped),
    );
    single(out, "convenio_timers_held", "gauge", "1 while timers are held back.", u8::from(standing.timers_held));
    family(out, "convenio_role", "gauge", "1 for what the node does now.");
    for (role, word) in [
        (Role::Starting, "starting"),
        (Role::Writer, "writer"),
        (Role::Follower, "follower"),
        (Role::Stopped, "stopped"),
    ] {
        let _ = writeln!(out, "convenio_role{{role=\"{word}\"}} {}", u8::from(standing.role == role));
    }
}

/// What the writer's commits cost, and how they went wrong.
fn commits(out: &mut String, counts: &Counts) {
    let total = |counter: &AtomicU64| counter.load(Relaxed);
    single(out, "convenio_batches_total", "counter", "Batches committed to the log.", total(&counts.batches));
    let name = "convenio_batch_events_total";
    single(out, name, "counter", "Events in batches that this node committed.", total(&counts.events));
    let name = "convenio_batch_bytes_total";
    single(out, name, "counter", "Bytes of these events.", total(&counts.bytes));
    let name = "convenio_fences_total";
    single(
        out,
        name,
        "counter",
        "How often this node ceased to write because another took over.",
        total(&counts.fences),
    );
    let name = "convenio_outcomes_unknown_total";
    single(
        out,
        name,
        "counter",
        "Batches of which the log did not say whether they were written.",
        total(&counts.unknowns),
    );
    let name = "convenio_commit_duration_seconds";
    family(out, name, "histogram", "How long the log took to commit a batch.");
    histogram(out, name, "", &COMMIT_BOUNDS_MICROS, &counts.commits, &counts.commit_micros);
}

/// How the log stands, seen from this node.
fn log(out: &mut String, log: &LogStanding) {
    let confirmed = log.confirmed_age.map_or_else(|| "+Inf".to_owned(), |age| age.as_secs_f64().to_string());
    let name = "convenio_log_confirmed_age_seconds";
    single(out, name, "gauge", "How long ago the end of the log was seen; +Inf for never.", confirmed);
    let name = "convenio_log_halted";
    single(out, name, "gauge", "1 when the node follows the log no more.", u8::from(log.halted.is_some()));
    let name = "convenio_log_illegible";
    single(
        out,
        name,
        "gauge",
        "1 when the log was written by a newer version, or cannot be indexed.",
        u8::from(log.illegible.is_some()),
    );
    let name = "convenio_forwards";
    single(out, name, "gauge", "1 while commands that arrive here reach the node that writes.", u8::from(log.forwards));
    let name = "convenio_forwarding_alarm";
    single(out, name, "gauge", "1 while something is wrong with the way to that node.", u8::from(log.alarm.is_some()));
    family(out, "convenio_log_alarm", "gauge", "1 while somebody must look at this of the log.");
    for code in LogAlarm::CODES {
        let raised = u8::from(log.alarms.iter().any(|alarm| alarm.code == code));
        let _ = writeln!(out, "convenio_log_alarm{{code=\"{code}\"}} {raised}");
    }
}

/// The lines of one histogram of durations; `labels` end with a comma where there are any.
fn histogram(out: &mut String, name: &str, labels: &str, bounds: &[u64], counts: &[AtomicU64], micros: &AtomicU64) {
    let mut sum = 0;
    for (bound, count) in bounds.iter().zip(counts) {
        sum += count.load(Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
        let bound = *bound as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{{labels}le=\"{bound}\"}} {sum}");
    }
    sum += counts.last().map_or(0, |count| count.load(Relaxed));
    let _ = writeln!(out, "{name}_bucket{{{labels}le=\"+Inf\"}} {sum}");
    #[expect(clippy::cast_precision_loss, reason = "a sum of durations is read as a rate")]
    let total = micros.load(Relaxed) as f64 / 1e6;
    let labels = labels.trim_end_matches(',');
    let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let _ = writeln!(out, "{name}_sum{braced} {total}\n{name}_count{braced} {sum}");
}

/// Only the node that writes publishes.
fn publisher(out: &mut String, state: &PortalState) {
    let Some(publisher) = state.log_standing().publisher else { return };
    let failing = u8::from(publisher.error.is_some());
    single(out, "convenio_publisher_failing", "gauge", "1 while events for integrators cannot be published.", failing);
    let name = "convenio_publisher_lag_seconds";
    let waiting = publisher.waiting(state.now()).as_secs_f64();
    single(out, name, "gauge", "How long the oldest event has waited that is not published; 0 for none.", waiting);
    if let (Some(next), Some(lag)) = (publisher.next, publisher.lag(*state.log().head().borrow())) {
        single(out, "convenio_publisher_position", "gauge", "How many events are published for integrators.", next.0);
        single(out, "convenio_publisher_lag_events", "gauge", "Committed events that are not published.", lag);
    }
}

fn views(out: &mut String, state: &PortalState) {
    let statuses = state.views().statuses();
    family(out, "convenio_view_sequence", "gauge", "The last event that a view has folded; -1 for none.");
    for status in &statuses {
        let sequence = last(status.position).map_or(-1, |sequence| sequence.0.cast_signed());
        let _ = writeln!(out, "convenio_view_sequence{{view=\"{}\"}} {sequence}", status.view);
    }
    family(out, "convenio_view_lag_events", "gauge", "Committed events that a view has not folded.");
    for status in &statuses {
        let _ = writeln!(out, "convenio_view_lag_events{{view=\"{}\"}} {}", status.view, status.lag);
    }
    family(out, "convenio_view_alive", "gauge", "1 while a view's thread moves and has not stopped.");
    for status in &statuses {
        let _ = writeln!(out, "convenio_view_alive{{view=\"{}\"}} {}", status.view, u8::from(status.is_alive()));
    }
    family(out, "convenio_view_damages_total", "counter", "How often a view's file was found damaged and made anew.");
    for status in &statuses {
        let _ = writeln!(out, "convenio_view_damages_total{{view=\"{}\"}} {}", status.view, status.damages);
    }
}

fn commands(out: &mut String, metrics: &Metrics) {
    family(out, "convenio_commands_total", "counter", "Commands answered, by outcome.");
    let _ = writeln!(out, "convenio_commands_total{{outcome=\"accepted\"}} {}", metrics.accepted.load(Relaxed));
    let _ = writeln!(out, "convenio_commands_total{{outcome=\"replayed\"}} {}", metrics.replayed.load(Relaxed));
    for (code, count) in metrics.refused.read().unwrap_or_else(PoisonError::into_inner).iter() {
        let count = count.load(Relaxed);
        let _ = writeln!(out, "convenio_commands_total{{outcome=\"refused\",code=\"{code}\"}} {count}");
    }
    single(out, "convenio_streams_open", "gauge", "Event streams that are open.", metrics.streams.0.load(Relaxed));
    let name = "convenio_connections_open";
    single(out, name, "gauge", "Connections that are open.", metrics.connections.0.load(Relaxed));
    let (name, turned_away) = ("convenio_connections_refused_total", metrics.turned_away.load(Relaxed));
    single(out, name, "counter", "Connections for which there was no room.", turned_away);
    single(out, "convenio_batches_open", "gauge", "Batches that are under way.", metrics.batches.0.load(Relaxed));
}

fn requests(out: &mut String, metrics: &Metrics) {
    let routes: BTreeMap<String, Arc<RouteMetrics>> = metrics
        .routes
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    family(out, "convenio_http_requests_total", "counter", "Answers, by route and status.");
    for (route, counters) in &routes {
        for (status, count) in (100..).zip(&counters.statuses) {
            let count = count.load(Relaxed);
            if count > 0 {
                let _ = writeln!(out, "convenio_http_requests_total{{route=\"{route}\",status=\"{status}\"}} {count}");
            }
        }
    }
    let name = "convenio_http_request_duration_seconds";
    family(out, name, "histogram", "Time until an answer began.");
    for (route, counters) in &routes {
        let labels = format!("route=\"{route}\",");
        histogram(out, name, &labels, &BUCKETS_MICROS, &counters.buckets, &counters.sum_micros);
    }
}
