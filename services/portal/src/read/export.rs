//! All of a collection as lines, true at one sequence from the first line to the last.

use super::{links::Links, today};
use crate::{
    asking::{Asked, typed},
    problem::{Code, Problem},
    slots::Slot,
    state::{PortalState, last},
};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::HeaderValue,
    response::{IntoResponse, Response},
};
use convenio_events::{RecordKind, Sequence, commitment::Digest};
use convenio_projections::{
    ViewName,
    collection::{self, ListQuery, PAGE_LIMIT, Sort},
};

/// `GET /api/v1/export/<collection>`.
pub(crate) async fn export(
    State(state): State<PortalState>,
    asked: Asked,
    kind: RecordKind,
    view: ViewName,
) -> Response {
    begin(state, asked, kind, view).await.unwrap_or_else(IntoResponse::into_response)
}

async fn begin(state: PortalState, mut asked: Asked, kind: RecordKind, view: ViewName) -> Result<Response, Problem> {
    let as_of = asked.ready_as_of(&state, &[view]).await?;
    let token = asked.token;
    let slot = state.exports().take(asked.caller, 1).ok_or(Code::Overloaded)?;
    let now = state
        .ask(token, move |reading| {
            reading.view(view)?;
            reading.sequence().ok_or_else(|| Code::NotReady.into())
        })
        .await?;
    let position = as_of.unwrap_or(now.next());
    let export = Export {
        state,
        token,
        kind,
        view,
        position,
        past: as_of.is_some(),
        cursor: None,
        items: 0,
        over: false,
        _slot: slot,
    };
    let lines =
        futures::stream::unfold(export, |export| async { if export.over { None } else { Some(export.next().await) } });
    Ok(typed(last(position), HeaderValue::from_static("application/x-ndjson"), Body::from_stream(lines)))
}

struct Export {
    state: PortalState,
    token: Option<Digest>,
    kind: RecordKind,
    view: ViewName,
    position: Sequence,
    /// Whether it is of the past.
    past: bool,
    cursor: Option<String>,
    items: u64,
    over: bool,
    _slot: Slot,
}

/// What cuts an export short: the connection ends without the last line.
type Cut = std::io::Error;

impl Export {
    async fn next(mut self) -> (Result<Bytes, Cut>, Self) {
        let lines = self.page().await.map_err(|problem| {
            self.over = true;
            Cut::other(problem.code().to_owned())
        });
        (lines, self)
    }

    async fn page(&mut self) -> Result<Bytes, Problem> {
        if *self.state.shutdown().borrow() {
            return Err(Code::NotReady.into());
        }
        let query = ListQuery {
            sort: Sort::Updated,
            limit: PAGE_LIMIT,
            cursor: self.cursor.take(),
            as_of: Some(self.position),
            ..ListQuery::new(self.kind)
        };
        let (view, past) = (self.view, self.past);
        let ask = move |reading: &mut crate::asking::Reading| {
            let mut page = collection::list(&reading.view(view)?, &reading.identity, &query)?;
            let mut links = Links::begin(reading)?;
            page.items.iter_mut().try_for_each(|item| links.tell_item(item))?;
            if !past {
                let day = reading.today()?;
                page.items.iter_mut().try_for_each(|item| today::turn(item, day))?;
            }
            Ok(page)
        };
        let page = self.state.ask(self.token, ask).await?;
        let mut lines = Vec::new();
        for item in &page.items {
            lines.extend_from_slice(item.document.get().as_bytes());
            lines.push(b'\n');
        }
        self.items += page.items.len() as u64;
        self.cursor = page.next_cursor;
        if self.cursor.is_none() {
            self.over = true;
            let sequence = last(self.position).map(|sequence| sequence.0);
            let done = serde_json::json!({"done": true, "items": self.items, "sequence": sequence});
            lines.extend_from_slice(done.to_string().as_bytes());
            lines.push(b'\n');
        }
        Ok(lines.into())
    }
}
