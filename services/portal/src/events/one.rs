//! `GET /api/v1/events/<id or sequence>`: one event, the entry that its leaf hashes, and what opens the entry's
//! commitments.

use super::render::Eyes;
use crate::{
    asking::{Asked, blocking, json, json_bytes, wait_for},
    problem::{Code, Problem, internal},
    read::past,
    state::PortalState,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{EventId, RecordedEvent, Sequence};
use convenio_notary::leaf_hash;
use convenio_projections::{ViewName, access::Sight};
use serde::Serialize;
use serde_json::value::RawValue;
use std::str::FromStr;

#[derive(Serialize)]
struct Told<'a> {
    event: &'a RawValue,
    /// The bytes that the leaf hashes.
    entry: &'a str,
    leaf_hash: String,
    /// What opens the commitments, for those who may read the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    disclosure: Option<Disclosure<'a>>,
}

#[derive(Serialize)]
struct Disclosure<'a> {
    sequence: Sequence,
    record: &'a str,
    record_salt: String,
    text: Option<&'a str>,
    text_salt: Option<String>,
}

pub(crate) async fn event(State(state): State<PortalState>, asked: Asked) -> Response {
    find(&state, asked).await.unwrap_or_else(IntoResponse::into_response)
}

/// `GET /api/v1/events/<id or sequence>/data`: the event's `data` as it is, and nothing else: what `dataref` names.
pub(crate) async fn data(State(state): State<PortalState>, asked: Asked) -> Response {
    find_data(&state, asked).await.unwrap_or_else(IntoResponse::into_response)
}

async fn find_data(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    let (event, _) = look_up(state, &mut asked).await?;
    state
        .ask(asked.token, move |reading| {
            let eyes = Eyes::open(reading)?;
            if eyes.position() <= event.sequence {
                return Err(Code::NotReady.into());
            }
            // What the reader may not read has no data for it.
            let data = eyes.seen(&event, eyes.sight(&event)?)?.data().ok_or(Code::EventUnknown)?;
            Ok(json_bytes(reading.sequence(), data))
        })
        .await
}

/// How a path names an event.
enum EventName {
    Sequence(Sequence),
    Id(EventId),
}

impl FromStr for EventName {
    type Err = Problem;
    fn from_str(text: &str) -> Result<Self, Problem> {
        let id = || text.parse().map(Self::Id).map_err(|_| Code::EventUnknown.into());
        text.parse().map(|sequence| Self::Sequence(Sequence(sequence))).or_else(|_: std::num::ParseIntError| id())
    }
}

/// The event that the path names, and whether it does so by its id.
async fn look_up(state: &PortalState, asked: &mut Asked) -> Result<(RecordedEvent, bool), Problem> {
    let name: EventName = asked.path.first().map(String::as_str).unwrap_or_default().parse()?;
    asked.ready(state, &[ViewName::Access]).await?;
    let (sequence, by_id) = match name {
        EventName::Sequence(sequence) => (Some(sequence), false),
        EventName::Id(id) => {
            let index = state.index().clone();
            (blocking(move || index.event(id).map_err(|error| internal(&error))).await?, true)
        }
    };
    let sequence = sequence.ok_or(Code::EventUnknown)?;
    let mut page = past::read(state, sequence, 1).await?;
    let event = page.pop().ok_or(Code::EventUnknown)?;
    // Who was just told that it is recorded asks at once; who may read it is known a moment later.
    wait_for(state, &[], sequence).await?;
    Ok((event, by_id))
}

async fn find(state: &PortalState, mut asked: Asked) -> Result<Response, Problem> {
    let (event, by_id) = look_up(state, &mut asked).await?;
    state
        .ask(asked.token, move |reading| {
            let eyes = Eyes::open(reading)?;
            if eyes.position() <= event.sequence {
                return Err(Code::NotReady.into());
            }
            let sight = eyes.sight(&event)?;
            // A real id that the reader may not know must not be told apart from one that does not exist.
            if by_id && sight == Sight::Withheld {
                return Err(Code::EventUnknown.into());
            }
            tell(&eyes, &event, sight).map(|told| told(reading.sequence()))
        })
        .await
}

fn tell(
    eyes: &Eyes,
    event: &RecordedEvent,
    sight: Sight,
) -> Result<impl FnOnce(Option<Sequence>) -> Response, Problem> {
    let mut out = Vec::new();
    eyes.write_seen(&mut out, event, sight)?;
    let shown = serde_json::from_slice::<Box<RawValue>>(&out).map_err(|error| internal(&error))?;
    let whole = sight == Sight::Whole;
    let disclosure = (sight != Sight::Withheld).then(|| Disclosure {
        sequence: event.sequence,
        record: &event.record,
        record_salt: event.record_salt.to_string(),
        text: event.text.as_deref().filter(|_| whole),
        text_salt: event.text_salt.filter(|_| whole).map(|salt| salt.to_string()),
    });
    let leaf_hash = leaf_hash(event.entry.as_bytes()).to_base64();
    let body = serde_json::to_value(Told { event: &shown, entry: &event.entry, leaf_hash, disclosure });
    let body = body.map_err(|error| internal(&error))?;
    Ok(move |sequence| json(sequence, &body))
}
