//! What event streams read, by turns, so that many of them cost little more than one. Who may follow, and how, is said in
//! `stream`.

use super::render::{Eyes, Filter};
use crate::{
    asking::{Reading, blocking},
    limits::{EVENT_SCAN_LIMIT, STREAM_CHUNK_BYTES, STREAM_GATHER, STREAM_PAGE_EVENTS, STREAM_READS_LIMIT},
    problem::Problem,
    read::past,
    state::PortalState,
};
use axum::body::Bytes;
use convenio_events::{Sequence, commitment::Digest};
use convenio_projections::ViewName;
use std::{fmt::Write as _, time::Duration};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

/// How long streams wait at most for more events before they read.
const GATHER_LIMIT: Duration = Duration::from_millis(200);

/// Events as a stream sends them.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    from: Sequence,
    /// From where the stream reads on.
    pub(super) next: Sequence,
    /// How far the view was by which they are shown: what may be read changes with it.
    known: Sequence,
}

/// The turns of all streams, and what strangers who ask for everything were given last: a thousand of them read it once.
#[derive(Debug)]
pub(crate) struct Tail {
    turns: Semaphore,
    last: Mutex<Option<Chunk>>,
}

impl Default for Tail {
    fn default() -> Self {
        Self { turns: Semaphore::new(STREAM_READS_LIMIT), last: Mutex::default() }
    }
}

impl Tail {
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    /// Everything that everybody may read, from a sequence on.
    pub(super) async fn read(&self, state: &PortalState, from: Sequence) -> Result<Chunk, Problem> {
        let mut last = self.last.lock().await;
        let known = *state.views().position(ViewName::Access).borrow();
        if let Some(chunk) = last.as_ref().filter(|chunk| chunk.from == from && chunk.known == known) {
            return Ok(chunk.clone());
        }
        let chunk = Chunk::read(state, None, from, &Filter::default()).await?;
        *last = Some(chunk.clone());
        Ok(chunk)
    }
}

/// Waits a little for more events, the longer the more streams there are.
pub(super) async fn gather(state: &PortalState) {
    let streams = u32::try_from(state.metrics().streams.count()).unwrap_or(0);
    let pause = (STREAM_GATHER * streams).min(GATHER_LIMIT);
    if pause >= Duration::from_millis(2) {
        tokio::time::sleep(pause).await;
    }
}

impl Chunk {
    /// Reads events from a sequence on; no bytes when none of those that it looked at is asked for.
    pub(super) async fn read(
        state: &PortalState,
        token: Option<Digest>,
        from: Sequence,
        filter: &Filter,
    ) -> Result<Self, Problem> {
        let limit = if filter.is_empty() { STREAM_PAGE_EVENTS } else { EVENT_SCAN_LIMIT };
        let events = past::read(state, from, limit).await?;
        let (state, filter) = (state.clone(), filter.clone());
        blocking(move || {
            let eyes = Eyes::open(&mut Reading::begin(&state, token)?)?;
            let (known, mut next, mut out, mut line) = (eyes.position(), from, Vec::new(), String::new());
            for event in events.iter().filter(|event| event.sequence < known) {
                if out.len() >= STREAM_CHUNK_BYTES {
                    break;
                }
                let before = out.len();
                line.clear();
                // Writing to a string cannot fail.
                let _ = write!(line, "id: {}\ndata: ", event.sequence);
                out.extend_from_slice(line.as_bytes());
                if eyes.write(&mut out, event, &filter)? {
                    out.extend_from_slice(b"\n\n");
                } else {
                    out.truncate(before);
                }
                next = event.sequence.next();
            }
            out.shrink_to_fit();
            Ok(Self { bytes: out.into(), from, next, known })
        })
        .await
    }
}
