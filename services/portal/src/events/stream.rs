//! The live event stream (server-sent events): what is there, then what comes. It remembers no client: `Last-Event-ID`
//! says all.

use super::{
    page::{ahead, begin_at},
    render::{Eyes, Filter, head_sequence},
    tail::{Chunk, gather},
};
use crate::{
    answers::Holding,
    asking::{Asked, typed},
    limits::{ANSWER_BYTES_FREE, STREAM_LIFETIME, STREAM_POSITION_INTERVAL, STREAM_RETRY},
    metrics::{Counted, Metrics},
    negotiate::prefers,
    parameters::StartAt,
    problem::{Code, Problem},
    rate::Caller,
    slots::Slot,
    state::{PortalState, last},
};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use convenio_events::{Sequence, commitment::Digest};
use convenio_projections::ViewName;
use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, Interval},
};

/// Opens the stream after checking that the caller is who it says.
pub(super) async fn open(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    let from = asked.parameters.one("from")?.unwrap_or(StartAt::Sequence(0));
    let last_seen = last_event_id(&asked.headers)?;
    let filter = Filter::read(&mut asked.parameters)?;
    asked.ready(state, &[ViewName::Access]).await?;
    let next = match last_seen {
        Some(last) if Some(last) > head_sequence(state) => return Err(ahead(state, last)),
        Some(last) => Sequence(last.saturating_add(1)),
        None => begin_at(state, from)?,
    };
    let Some(slot) = state.streams().take(asked.caller, 1) else {
        return Ok(come_again(&Code::Overloaded.into(), STREAM_RETRY));
    };
    let sequence = state.ask(asked.token, |reading| Eyes::open(reading).map(|_| reading.sequence())).await?;
    let mut positions = tokio::time::interval(STREAM_POSITION_INTERVAL);
    positions.reset();
    let stream = Stream {
        state: state.clone(),
        token: asked.token,
        filter,
        next,
        catches_up_at: Some(*state.log().head().borrow()),
        positions,
        ends_at: Instant::now() + STREAM_LIFETIME,
        known: state.views().position(ViewName::Access),
        shutdown: state.shutdown(),
        caller: asked.caller,
        holding: None,
        _slot: slot,
        _counted: Counted::new(state, |metrics: &Metrics| &metrics.streams),
    };
    let chunks = futures::stream::unfold(stream, |mut stream| async {
        let chunk = stream.next_chunk().await?;
        Some((Ok::<Bytes, std::convert::Infallible>(chunk), stream))
    });
    let body = Body::from_stream(futures::StreamExt::boxed(chunks));
    let mut response = typed(sequence, HeaderValue::from_static("text/event-stream"), body);
    // Proxies that gather answers before they pass them on would hold events back.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Whether a request asks for the live stream.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    prefers(headers, "text/event-stream", "application/json")
}

/// A stream that says when to come again, and ends: a browser's `EventSource` takes any status but 200 for the end, for good.
pub(crate) fn come_again(problem: &Problem, after: Duration) -> Response {
    let after = after.max(STREAM_RETRY);
    let data = serde_json::json!({"code": problem.code(), "retry_ms": after.as_millis()});
    let body = format!("retry: {}\nevent: come-again\ndata: {data}\n\n", after.as_millis());
    let mut response = typed(None, HeaderValue::from_static("text/event-stream"), Body::from(body));
    response.headers_mut().insert(header::RETRY_AFTER, after.as_secs().into());
    response
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    let invalid =
        || Problem::from(Code::HeaderInvalid).field("last-event-id").detail("it is the sequence of the last event");
    parsed.map(Some).ok_or_else(invalid)
}

struct Stream {
    state: PortalState,
    token: Option<Digest>,
    filter: Filter,
    next: Sequence,
    /// Up to here the stream must have told everything before it says that it caught up: the end of the log when it was opened, which
    /// the view of what may be read need not have reached.
    catches_up_at: Option<Sequence>,
    positions: Interval,
    ends_at: Instant,
    known: watch::Receiver<Sequence>,
    shutdown: watch::Receiver<bool>,
    caller: Caller,
    /// The memory that the last events hold until they are taken.
    holding: Option<Holding>,
    _slot: Slot,
    _counted: Counted,
}

/// What happened while a stream waited.
enum Turn {
    More,
    TellPosition,
    End,
}

impl Stream {
    /// The next bytes; `None` ends the stream, and the client comes again with its last id.
    async fn next_chunk(&mut self) -> Option<Bytes> {
        loop {
            if self.catches_up_at.take_if(|end| self.next >= *end).is_some() {
                // What came since is told next: nothing is missing up to where the stream is.
                return Some(self.tell("caught-up", self.looked()));
            }
            match self.turn().await {
                Turn::End => return None,
                Turn::TellPosition => return Some(self.tell("position", head_sequence(&self.state))),
                Turn::More => {
                    if self.catches_up_at.is_none() {
                        gather(&self.state).await;
                    }
                    // A fault, or a grant that ended, ends the stream: coming again, the client is told which.
                    let chunk = self.read().await.ok()?;
                    if !chunk.is_empty() {
                        return Some(chunk);
                    }
                }
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        let next = self.next;
        tokio::select! {
            biased;
            _ = self.shutdown.wait_for(|down| *down) => Turn::End,
            () = tokio::time::sleep_until(self.ends_at) => Turn::End,
            _ = self.positions.tick() => Turn::TellPosition,
            more = self.known.wait_for(|known| *known > next) => if more.is_ok() { Turn::More } else { Turn::End },
        }
    }

    /// The last sequence that it looked at.
    fn looked(&self) -> Option<u64> {
        last(self.next).map(|sequence| sequence.0)
    }

    /// Where the stream stands: its id is the last sequence looked at.
    fn tell(&self, event: &str, head: Option<u64>) -> Bytes {
        let looked = self.looked();
        let data = serde_json::json!({"sequence": looked, "head_sequence": head});
        let id = looked.map(|looked| format!("id: {looked}\n")).unwrap_or_default();
        format!("{id}event: {event}\ndata: {data}\n\n").into()
    }

    /// Reads on; empty when nothing that it looked at is asked for.
    async fn read(&mut self) -> Result<Bytes, Problem> {
        self.holding = None;
        let Chunk { bytes, next, .. } = if self.token.is_none() && self.filter.is_empty() {
            self.state.tail().read(&self.state, self.next).await?
        } else {
            let _turn = self.state.tail().turn().await;
            Chunk::read(&self.state, self.token, self.next, &self.filter).await?
        };
        if bytes.len() > ANSWER_BYTES_FREE {
            let room = self.state.answers().hold(self.caller, bytes.len(), None);
            self.holding = Some(room.ok_or(Code::Overloaded)?);
        }
        self.next = next;
        Ok(bytes)
    }
}
