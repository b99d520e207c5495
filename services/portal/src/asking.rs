//! A read: who asks, what for, and which views answer. What is asked for is said in `read`, not here.

use crate::{
    caller,
    limits::WAIT_FOR_LIMIT,
    parameters::{Instant, Parameters, invalid},
    problem::{Code, Problem, internal},
    questions::{Turn, Unanswered},
    rate::Caller,
    state::{PortalState, last},
    token::bearer,
};
use axum::{
    body::{Body, Bytes},
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderName, HeaderValue, Uri, header, request::Parts},
    response::Response,
};
use chrono::NaiveDate;
use convenio_events::{Sequence, Timestamp, commitment::Digest, schemas::SchemaLocation};
use convenio_projections::{QueryError, Reader, ReaderIdentity, ViewName, access};
use serde::Serialize;

/// The header that says at which sequence an answer is true.
pub(crate) const CONVENIO_SEQUENCE: HeaderName = HeaderName::from_static("convenio-sequence");

/// A question as it came in.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Who is counted for it.
    pub(crate) caller: Caller,
    /// The bearer token's digest.
    pub(crate) token: Option<Digest>,
    /// What is in the query string, less what every question takes.
    pub(crate) parameters: Parameters,
    /// The values in the path, first to last.
    pub(crate) path: Vec<String>,
    /// The headers.
    pub(crate) headers: axum::http::HeaderMap,
    /// The address that was asked.
    pub(crate) uri: Uri,
    wait_for: Option<Sequence>,
}

impl FromRequestParts<PortalState> for Asked {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &PortalState) -> Result<Self, Problem> {
        let token = bearer(&parts.headers)?;
        let mut parameters = Parameters::parse(parts.uri.query())?;
        let wait_for = parameters.one("wait_for")?.map(Sequence);
        let path = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Code::PathUnknown)?;
        let path = path.iter().map(|(_, value)| value.to_owned()).collect();
        let caller = caller::of(&parts.extensions);
        Ok(Self {
            caller,
            token,
            parameters,
            path,
            headers: std::mem::take(&mut parts.headers),
            uri: parts.uri.clone(),
            wait_for,
        })
    }
}

impl Asked {
    /// The first value in the path, as what it must be; anything else is a record that is not there.
    pub(crate) fn id<T: std::str::FromStr>(&self) -> Result<T, Problem> {
        let text = self.path.first().map(String::as_str).unwrap_or_default();
        text.parse().map_err(|_| Code::RecordUnknown.into())
    }

    /// Refuses parameters that nobody looked at, then waits: nobody waits for a question that is refused.
    pub(crate) async fn ready(&mut self, state: &PortalState, views: &[ViewName]) -> Result<(), Problem> {
        std::mem::take(&mut self.parameters).finish()?;
        self.wait(state, views).await
    }

    /// Waits until the views have what the caller wants to see: the event of its sequence and all before.
    async fn wait(&self, state: &PortalState, views: &[ViewName]) -> Result<(), Problem> {
        let Some(sequence) = self.wait_for else { return Ok(()) };
        wait_for(state, views, sequence).await
    }

    /// As [`Self::ready`], for what can be asked of the past as well: which past, as a number of events. It is said by
    /// `as_of_sequence` (that event included) or `as_of` (a time).
    pub(crate) async fn ready_as_of(
        &mut self,
        state: &PortalState,
        views: &[ViewName],
    ) -> Result<Option<Sequence>, Problem> {
        let sequence: Option<u64> = self.parameters.one("as_of_sequence")?;
        let time = self.parameters.one("as_of")?.map(|Instant(time)| time);
        if sequence.is_some() && time.is_some() {
            return Err(invalid("as_of", "there is an as_of_sequence too"));
        }
        self.ready(state, views).await?;
        let position = match (sequence, time) {
            (None, None) => return Ok(None),
            (Some(sequence), _) => {
                let head = *state.log().head().borrow();
                if sequence >= head.0 {
                    return Err(invalid("as_of_sequence", format_args!("the ledger has {head} events")));
                }
                Sequence(sequence + 1)
            }
            (None, Some(time)) => {
                let now = state.ask(None, Reading::now).await?;
                if time > now {
                    return Err(invalid("as_of", format_args!("it lies in the future: the ledger's time is {now}")));
                }
                let index = state.index().clone();
                blocking(move || index.as_of(time).map_err(|error| internal(&error))).await?
            }
        };
        if let Some(sequence) = last(position) {
            wait_for(state, views, sequence).await?;
        }
        Ok(Some(position))
    }
}

/// Waits until views have an event and all before, as if the caller had asked for it, and so has the view that knows who may see
/// what.
pub(crate) async fn wait_for(state: &PortalState, views: &[ViewName], sequence: Sequence) -> Result<(), Problem> {
    let position = Sequence(sequence.0.saturating_add(1));
    let late = |late: convenio_projections::NotYetVisible| Problem::from(Code::NotYetVisible).detail(late.to_string());
    state.views().wait_for(views, position, WAIT_FOR_LIMIT).await.map_err(late)?;
    state.views().wait_for(&[ViewName::Access], position, WAIT_FOR_LIMIT).await.map_err(late)
}

/// Runs what blocks on a thread for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(internal(&error)),
    }
}

/// One reader at work: who it is, and how far the views are that it has opened.
#[derive(Debug)]
pub struct Reading {
    state: PortalState,
    /// What the reader may see.
    pub identity: ReaderIdentity,
    /// The grant of its token.
    pub grant: Option<access::Grant>,
    least: Option<Sequence>,
    /// The view that was opened last: what goes wrong goes wrong there.
    opened: ViewName,
}

impl Reading {
    /// Authenticates a reader by the access view. Blocks: for a thread that may.
    ///
    /// # Errors
    /// 401 `token-invalid`; 503 `not-ready` where view or node do not follow the log, since a grant that is shown may have
    /// been revoked; what the view cannot answer.
    pub fn begin(state: &PortalState, token: Option<Digest>) -> Result<Self, Problem> {
        if token.is_some() && !state.views().status(ViewName::Access).is_current() {
            return Err(Problem::from(Code::NotReady).detail("the view of grants does not follow the log now"));
        }
        if token.is_some() && !state.log_standing().is_fresh() {
            return Err(Problem::from(Code::NotReady).detail("this node has not seen the end of the log for a while"));
        }
        let mut reading = Self::of_nobody(state);
        if let Some(token) = token {
            let view = reading.view(ViewName::Access)?;
            let grant = reading.grant_of(&view, &token)?.ok_or(Code::TokenInvalid)?;
            reading.authenticate(grant);
        }
        Ok(reading)
    }

    /// The same, also where a grant may have been revoked since: for what mends the view of grants.
    pub(crate) fn begin_by_what_is_known(state: &PortalState, token: Option<Digest>) -> Result<Self, Problem> {
        let mut reading = Self::of_nobody(state);
        if let Some(token) = token {
            let view = state.views().read_grants_as_they_are()?;
            let whole = state.views().is_whole(ViewName::Access);
            let grant = reading.grant_of(&view, &token)?;
            reading.authenticate(grant.ok_or(if whole { Code::TokenInvalid } else { Code::NotReady })?);
        }
        Ok(reading)
    }

    fn of_nobody(state: &PortalState) -> Self {
        Self {
            state: state.clone(),
            identity: ReaderIdentity::default(),
            grant: None,
            least: None,
            opened: ViewName::Access,
        }
    }

    fn grant_of(&self, view: &Reader, token: &Digest) -> Result<Option<access::Grant>, Problem> {
        let now = self.state.now().max(access::time(view)?);
        let found = access::grant_by_token(view, token)?;
        if found.is_none() && self.state.member(*token).is_some() {
            // It was found before, and a grant that is over stays there.
            return Err(QueryError::Damaged("a grant that was there is not any more").into());
        }
        Ok(found.filter(|grant| grant.is_in_force(now)))
    }

    fn authenticate(&mut self, grant: access::Grant) {
        self.identity = grant.identity();
        self.grant = Some(grant);
    }

    /// The ledger's time: the clock's, and never before the last event's, so that a clock that was set back brings no grant to
    /// life again.
    ///
    /// # Errors
    /// What the view of grants cannot answer.
    pub fn now(&mut self) -> Result<Timestamp, Problem> {
        let recorded = access::time(&self.view(ViewName::Access)?)?;
        Ok(self.state.now().max(recorded))
    }

    /// The day of that, for what has a last day.
    ///
    /// # Errors
    /// What the view of grants cannot answer.
    pub(crate) fn today(&mut self) -> Result<NaiveDate, Problem> {
        Ok(self.now()?.to_utc().date_naive())
    }

    /// Opens a view.
    ///
    /// # Errors
    /// What the view cannot answer.
    pub fn view(&mut self, view: ViewName) -> Result<Reader, Problem> {
        self.opened = view;
        let reader = self.state.views().read(view)?;
        let position = reader.position();
        self.least = Some(self.least.map_or(position, |least| least.min(position)));
        Ok(reader)
    }

    /// Where the schemas of events are named.
    pub(crate) fn schemas(&self) -> &SchemaLocation {
        self.state.schemas()
    }

    /// The last event that all opened views had folded.
    pub fn sequence(&self) -> Option<Sequence> {
        self.least.and_then(last)
    }
}

impl PortalState {
    /// Waits for a place among those who read events from the log for an answer: what they have read is held until it is made.
    ///
    /// # Errors
    /// 503 `overloaded` where none becomes free in time.
    pub(crate) async fn log_turn(&self, token: Option<Digest>) -> Result<Turn, Problem> {
        let member = token.is_some_and(|token| self.member(token).is_some());
        self.log_turns().turn(member).await
    }

    /// Asks a question of the views, as whoever has the token, on a thread that may block.
    ///
    /// # Errors
    /// 401 `token-invalid`; 503 `not-ready`; those of the question.
    pub async fn ask<T: Send + 'static>(
        &self,
        token: Option<Digest>,
        question: impl FnOnce(&mut Reading) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let member = token.is_some_and(|token| self.member(token).is_some());
        if token.is_some() && !(member && self.views().is_whole(ViewName::Access)) {
            self.grants_are_read().await?;
        }
        self.ask_in_turn(member, token, question).await
    }

    /// The same at once, among members or among strangers.
    ///
    /// # Errors
    /// As for [`Self::ask`].
    pub(crate) async fn ask_in_turn<T: Send + 'static>(
        &self,
        member: bool,
        token: Option<Digest>,
        question: impl FnOnce(&mut Reading) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let state = self.clone();
        let answered = self.questions().answer(member, move || {
            let mut opened = ViewName::Access;
            let answer = Reading::begin(&state, token).and_then(|mut reading| {
                let answer = question(&mut reading);
                opened = reading.opened;
                answer
            });
            if answer.as_ref().is_err_and(Problem::is_of_damage) {
                state.views().suspect(opened);
            }
            answer
        });
        match answered.await {
            Ok(answer) => answer,
            Err(Unanswered::Overloaded) => Err(Code::Overloaded.into()),
            Err(Unanswered::Panicked(error)) => Err(internal(&error)),
        }
    }
}

/// A JSON answer that is true at a sequence.
pub(crate) fn json(sequence: Option<Sequence>, body: &impl Serialize) -> Response {
    json_bytes(sequence, serde_json::to_vec(body).expect("our types have string keys"))
}

/// The same, for a body that is JSON already.
pub(crate) fn json_bytes(sequence: Option<Sequence>, body: impl Into<Bytes>) -> Response {
    typed(sequence, HeaderValue::from_static("application/json"), Body::from(body.into()))
}

/// Where a list goes on: `Link` with `rel="next"` (RFC 8288), the same address with one parameter set.
pub(crate) fn with_next(mut response: Response, uri: &Uri, name: &str, value: Option<&str>) -> Response {
    let Some(value) = value else { return response };
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(uri.query().unwrap_or_default()).unwrap_or_default();
    let others = pairs.into_iter().filter(|(known, _)| known != name);
    let all: Vec<_> = others.chain([(name.to_owned(), value.to_owned())]).collect();
    let query = serde_urlencoded::to_string(&all).expect("pairs of texts can always be written");
    if let Ok(link) = HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// An answer of any type that is true at a sequence. What a reader sees depends on its token, so no cache may share it
/// unasked.
pub(crate) fn typed(sequence: Option<Sequence>, content_type: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("authorization, accept"));
    if let Some(sequence) = sequence {
        headers.insert(CONVENIO_SEQUENCE, sequence.0.into());
    }
    response
}
