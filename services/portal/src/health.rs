//! How the node is doing: for orchestrators, for Prometheus and for people. It shows nothing of any record.

use crate::{
    asking::{Asked, Reading, blocking, json},
    metrics,
    parameters::invalid,
    problem::{Code, Problem},
    state::{PortalState, PublisherStanding},
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use convenio_events::codes::AccessRole;
use convenio_ledger::submission::Role;
use convenio_projections::{Activity, ViewStatus};
use serde_json::json;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    Json(json!({"status": "alive"})).into_response()
}

/// `GET /readyz`: it can answer reads, or with `?for=commands` take commands.
pub(crate) async fn ready(State(state): State<PortalState>, mut asked: Asked) -> Response {
    let purpose = asked.parameters.one::<String>("for").and_then(|purpose| asked.parameters.finish().map(|()| purpose));
    let readiness = match purpose {
        Err(problem) => Err(problem),
        Ok(None) => for_reads(&state),
        Ok(Some(purpose)) if purpose == "reads" => for_reads(&state),
        Ok(Some(purpose)) if purpose == "commands" => for_commands(&state),
        Ok(Some(_)) => Err(invalid("for", "it must be one of: reads, commands")),
    };
    match readiness {
        Ok(()) => Json(json!({"status": "ready"})).into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// A view that stopped at an event can still be read; one that is being made, or lacks what was recorded long ago, cannot be relied
/// on, nor can a log that is damaged or followed no more.
fn for_reads(state: &PortalState) -> Result<(), Problem> {
    if state.log_standing().halted.is_some() {
        return Err(Problem::from(Code::NotReady).detail(HALTED));
    }
    let not_ready = |status: &ViewStatus| match status.activity {
        Activity::Building | Activity::Closed => true,
        Activity::CatchingUp => !state.views().is_whole(status.view),
        Activity::Live | Activity::Blocked { .. } | Activity::Stopped { .. } => false,
    };
    match state.views().statuses().iter().find(|status| not_ready(status)) {
        None => Ok(()),
        Some(status) => {
            Err(Problem::from(Code::NotReady).detail(format!("the view {} does not have all yet", status.view)))
        }
    }
}

fn for_commands(state: &PortalState) -> Result<(), Problem> {
    let standing = state.ledger().standing();
    match standing.role {
        // It gives its seat up in a moment, and nothing of what it would accept can be seen.
        Role::Writer if state.log_standing().alarms.iter().any(|alarm| alarm.forbids_writing) => {
            Err(convenio_ledger::rejection::Unavailable::NoWriter.into())
        }
        Role::Writer if standing.clock_jumped => Err(convenio_ledger::rejection::Unavailable::ClockJumped.into()),
        Role::Writer => Ok(()),
        Role::Follower if state.log_standing().forwards => Ok(()),
        Role::Starting if standing.cannot_write => Err(convenio_ledger::rejection::Unavailable::LogUnwritable.into()),
        Role::Starting | Role::Follower | Role::Stopped => {
            let problem = Problem::from(convenio_ledger::rejection::Unavailable::NoWriter);
            Err(if state.log_standing().halted.is_some() { problem.detail(HALTED) } else { problem })
        }
    }
}

/// `GET /metrics`.
pub(crate) async fn metrics(State(state): State<PortalState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::render(&state)).into_response()
}

/// What stands in place of words for operators, which may name hosts and files, before those who are none.
const FOR_ADMINS: &str = "an admin is told more";
/// What probes say of a node whose log is damaged or followed no more: they are anybody's to ask.
pub(crate) const HALTED: &str =
    "the node has halted: its log is damaged, or followed no more. The status tells an admin why";

/// `GET /api/v1/status`: role, head, tree, and each view's position, lag and liveness. What names hosts is for admins.
pub(crate) async fn status(State(state): State<PortalState>, asked: Asked) -> Response {
    match reads_as_admin(&state, asked).await {
        Ok(admin) => json(state.head_sequence(), &standing(&state, admin)),
        Err(problem) => problem.into_response(),
    }
}

/// Whether an admin asks, by what is known: an operator needs the answer most where the views do not follow.
async fn reads_as_admin(state: &PortalState, asked: Asked) -> Result<bool, Problem> {
    asked.parameters.finish()?;
    let Some(token) = asked.token else { return Ok(false) };
    let state = state.clone();
    let role =
        blocking(move || Ok(Reading::begin_by_what_is_known(&state, Some(token))?.grant.map(|grant| grant.role)));
    match role.await {
        Ok(role) => Ok(role == Some(AccessRole::Admin)),
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => Err(problem),
        // The view of grants cannot be read, and the rest is told all the same.
        Err(_) => Ok(false),
    }
}

fn standing(state: &PortalState, admin: bool) -> serde_json::Value {
    let (standing, root, mut log) = (state.ledger().standing(), state.root(), state.log_standing());
    let mut views: Vec<_> = state.views().statuses().iter().map(view).collect();
    if !admin {
        let shorten = |words: &mut Option<String>| *words = words.take().map(|_| FOR_ADMINS.to_owned());
        [&mut log.halted, &mut log.illegible, &mut log.alarm].into_iter().for_each(shorten);
        log.publisher.iter_mut().for_each(|publisher| shorten(&mut publisher.error));
        log.writer = None;
        views
            .iter_mut()
            .filter(|view| view["message"].is_string())
            .for_each(|view| view["message"] = FOR_ADMINS.into());
    }
    json!({
        "node": admin.then(|| state.node()),
        "ledger": state.ledger_id(),
        "source": convenio_events::cloud_event::source(state.ledger_id()),
        "version": env!("CARGO_PKG_VERSION"),
        "role": role(standing.role),
        "log": {
            "kind": log.kind,
            "confirmed_age_ms": log.confirmed_age.map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            "halted": log.halted,
            "illegible": log.illegible,
            "writer": log.writer,
            "forwards": log.forwards,
            "alarm": log.alarm,
            "alarms": log.alarms.iter().map(|alarm| json!({"code": alarm.code, "detail": if admin { alarm.detail.as_str() } else { FOR_ADMINS }})).collect::<Vec<_>>(),
            "publisher": log.publisher.as_ref().map(|publisher| publishing(state, publisher)),
        },
        "head_sequence": state.head_sequence(),
        "clock_jumped": standing.clock_jumped,
        "timers_held": standing.timers_held,
        "tree": {"size": root.size(), "root": root.root().to_base64()},
        "views": views,
    })
}

/// How far events for integrators are published, and how long the oldest that waits has been waiting.
fn publishing(state: &PortalState, publisher: &PublisherStanding) -> serde_json::Value {
    json!({
        "next_sequence": publisher.next,
        "lag": publisher.lag(*state.log().head().borrow()),
        "oldest_waiting_age_ms": publisher.oldest_waiting.map(|_| publisher.waiting(state.now()).as_millis()),
        "error": publisher.error,
        "halted": publisher.halted,
    })
}

fn view(status: &ViewStatus) -> serde_json::Value {
    let mut value = serde_json::to_value(status).expect("our types have string keys");
    value["alive"] = status.is_alive().into();
    value["sequence"] = crate::state::last(status.position).map(|sequence| sequence.0).into();
    value
}

/// The word for what a node does now.
pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::Starting => "starting",
        Role::Writer => "writer",
        Role::Follower => "follower",
        Role::Stopped => "stopped",
    }
}
