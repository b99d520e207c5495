//! One record as of the past: its events from the log, folded. Today's visibility decides who sees it.

use crate::{
    asking::{Reading, blocking},
    limits::FOLD_BYTES_LIMIT,
    problem::{Code, Problem, internal},
    state::PortalState,
};
use convenio_events::{Event, RecordedEvent, Sequence, StreamVersion, Subject, commitment::Digest, log::ReadError};
use convenio_projections::{
    ReaderIdentity, ViewName,
    access::{self, Face, Standing},
    document::{Document, FOLD_LIMIT},
};

/// Sequences of one record that are looked up at a time: a record has more only where it was changed for years.
const LOOK_UP_EVENTS: usize = 10_000;
/// The most events of one record that are read from the log at a time: their bytes are looked at in between.
const PAGE_EVENTS: usize = 64;

/// A record as its first so many events of the ledger left it, as far as its reader may see that today: what was for fewer then is
/// not shown to more now.
///
/// # Errors
/// 404 `record-unknown` when it was not there then or is not the reader's to see, 422 `history-too-long`.
pub async fn document(
    state: &PortalState,
    token: Option<Digest>,
    subject: Subject,
    position: Sequence,
) -> Result<Document, Problem> {
    let seen = state.ask(token, move |reading| Seen::of(reading, subject)).await?;
    let _turn = state.log_turn(token).await?;
    let Page { events: mut recorded, whole } =
        events(state, subject, StreamVersion(0), FOLD_LIMIT + 1, FOLD_BYTES_LIMIT).await?;
    let beyond = recorded.last().is_some_and(|last| last.sequence >= position);
    recorded.retain(|event| event.sequence < position);
    if !whole && !beyond {
        return Err(Code::HistoryTooLong.into());
    }
    blocking(move || seen.show(&recorded, position)).await
}

/// What today's visibility lets a reader see of one record.
struct Seen {
    identity: ReaderIdentity,
    standing: Standing,
    sample_grants: Vec<convenio_events::AccessId>,
}

impl Seen {
    fn of(reading: &mut Reading, subject: Subject) -> Result<Self, Problem> {
        let view = reading.view(ViewName::Access)?;
        let standing = access::standing(&view, subject)?.ok_or(Code::RecordUnknown)?;
        if standing.face(&reading.identity) == Face::Hidden {
            return Err(Code::RecordUnknown.into());
        }
        let identity = reading.identity.clone();
        Ok(Self { identity, standing, sample_grants: access::sample_grants(&view)? })
    }

    fn show(&self, recorded: &[RecordedEvent], position: Sequence) -> Result<Document, Problem> {
        let decoded: Result<Vec<Event>, _> = recorded.iter().map(Event::decode).collect();
        let decoded = decoded.map_err(|error| internal(&error))?;
        let read = Document::as_read_by(&decoded, &self.identity, &self.standing, position);
        let mut shown = read.map_err(|error| internal(&error))?.ok_or(Code::RecordUnknown)?;
        shown.keep_first_pages();
        shown.head.sample = shown.head.grant.is_some_and(|grant| self.sample_grants.contains(&grant));
        Ok(shown)
    }
}

/// Some events of a record, oldest first.
pub(crate) struct Page {
    pub(crate) events: Vec<RecordedEvent>,
    /// Whether these are all that there were.
    pub(crate) whole: bool,
}

/// A record's events from a version on, at most `limit`, until they have so many bytes; one at least, where there is one.
///
/// # Errors
/// 503 when the log cannot be read.
pub(crate) async fn events(
    state: &PortalState,
    subject: Subject,
    from: StreamVersion,
    limit: usize,
    bytes: usize,
) -> Result<Page, Problem> {
    let index = state.index().clone();
    let sequences = blocking(move || index.subject(subject, from, limit).map_err(|error| internal(&error))).await?;
    let (events, whole) = named(state, &sequences, bytes).await?;
    Ok(Page { whole: whole && events.len() < limit, events })
}

/// A record's events from a sequence of the ledger on, at most `limit`, until they have so many bytes; oldest first.
///
/// # Errors
/// 503 when the log cannot be read.
pub(crate) async fn events_from(
    state: &PortalState,
    subject: Subject,
    from: Sequence,
    limit: usize,
    bytes: usize,
) -> Result<Page, Problem> {
    let index = state.index().clone();
    let look_up = move || {
        let (mut version, mut found) = (StreamVersion(0), Vec::new());
        loop {
            let page = index.subject(subject, version, LOOK_UP_EVENTS).map_err(|error| internal(&error))?;
            version = StreamVersion(version.0 + page.len() as u64);
            let (whole, room) = (page.len() == LOOK_UP_EVENTS, limit - found.len());
            found.extend(page.into_iter().filter(|sequence| *sequence >= from).take(room));
            if !whole || found.len() == limit {
                return Ok(found);
            }
        }
    };
    let (events, whole) = named(state, &blocking(look_up).await?, bytes).await?;
    Ok(Page { whole: whole && events.len() < limit, events })
}

/// Events by their sequences, which ascend, until they have so many bytes, and whether these are all of them.
async fn named(
    state: &PortalState,
    sequences: &[Sequence],
    bytes: usize,
) -> Result<(Vec<RecordedEvent>, bool), Problem> {
    let (mut events, mut size) = (Vec::new(), 0);
    for run in sequences.chunk_by(|a, b| a.next() == *b) {
        let (mut next, end) = (run[0], run[0].0 + run.len() as u64);
        while next.0 < end {
            let left = usize::try_from(end - next.0).unwrap_or(usize::MAX);
            if size >= bytes {
                return Ok((events, false));
            }
            let page = read(state, next, left.min(PAGE_EVENTS)).await?;
            // The index is written behind the log: what it names is there.
            let Some(last) = page.last() else { return Err(Code::LogUnavailable.into()) };
            next = last.sequence.next();
            size += page.iter().map(RecordedEvent::size).sum::<usize>();
            events.extend(page);
        }
    }
    Ok((events, true))
}

/// A page of the log.
///
/// # Errors
/// 503 when it cannot be read.
pub(crate) async fn read(state: &PortalState, from: Sequence, limit: usize) -> Result<Vec<RecordedEvent>, Problem> {
    state.log().read(from, limit).await.map_err(|error| match error {
        ReadError::Unavailable(_) => {
            internal(&error);
            Code::LogUnavailable.into()
        }
        ReadError::Damaged { .. } => internal(&error),
    })
}
