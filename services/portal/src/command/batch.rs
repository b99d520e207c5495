//! `POST /api/v1/commands`: many commands, one a line, answered in order. It reads on whether or not its answers are
//! read.

use super::{
    CORRELATION_ID, IDEMPOTENCY_KEY, acting_for, answer,
    encoding::Encoding,
    line::{Cut, Line, Lines},
    namesakes::Names,
    pace::{Pace, TooSlow},
    provide_token, require_type,
    spool::{End, Reading, Spool, Writing},
};
use crate::{
    authentication::Bearer,
    caller,
    limits::{BATCH_ANSWERS_TIMEOUT, BATCH_BYTES_LIMIT, BATCH_IN_FLIGHT_LIMIT, BATCH_LINES_LIMIT, BATCH_WRITE_TIMEOUT},
    metrics::{Counted, Metrics},
    problem::{Code, Problem},
    rate::Caller,
    slots::Slot,
    state::PortalState,
    token::{Token, bearer},
};
use axum::{
    body::{Body, BodyDataStream},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use convenio_events::{CommandId, OrganisationId};
use convenio_ledger::{
    authorise::Credential,
    rejection::{Refusal, Unavailable},
    submission::{Answer, Body as CommandBody, Submission},
};
use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};

/// Answers are handed on when there are so many bytes of them, or when the next one is not there yet.
pub(super) const CHUNK_BYTES: usize = 16 << 10;

pub(crate) async fn many(State(state): State<PortalState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match begin(&state, &parts).await {
        Ok((batch, encoding)) => batch.run(encoding.undo(body)),
        Err(problem) => problem.into_response(),
    }
}

/// Headers that say of one command what each line of a batch says of its own, and the member of the line that says it.
const OF_ONE_COMMAND: [(HeaderName, &str); 3] = [
    (HeaderName::from_static(IDEMPOTENCY_KEY), "id"),
    (HeaderName::from_static(CORRELATION_ID), "correlation_id"),
    (header::IF_MATCH, "expected_version"),
];

/// Refuses what would be for all lines or for none, and so says nothing that could be kept to.
fn require_no_headers_of_one(headers: &HeaderMap) -> Result<(), Problem> {
    let Some((name, member)) = OF_ONE_COMMAND.into_iter().find(|(name, _)| headers.contains_key(name)) else {
        return Ok(());
    };
    let detail = format!("it says this of one command; in a batch, each line has its own `{member}`");
    Err(Problem::from(Code::HeaderInvalid).field(name.as_str()).detail(detail))
}

async fn begin(state: &PortalState, parts: &Parts) -> Result<(Batch, Encoding), Problem> {
    let headers = &parts.headers;
    let encoding = Encoding::of(headers)?;
    require_type(headers, is_ndjson, Code::NdjsonRequired)?;
    crate::parameters::Parameters::parse(parts.uri.query())?.finish()?;
    require_no_headers_of_one(headers)?;
    let token = bearer(headers)?.ok_or(Code::TokenRequired)?;
    let acting_for = acting_for(headers)?;
    // Before a place is taken and anything is read.
    let bearer = state.authenticate(token).await.inspect_err(|problem| state.metrics().refused(problem.code()))?;
    let caller = match bearer {
        Bearer::Granted(member) => Caller::Member(member),
        Bearer::Unknown | Bearer::Unclear => caller::of(&parts.extensions),
    };
    let slot = state.batches().take(caller, 1).ok_or(Code::Overloaded)?;
    let counted = Counted::new(state, |metrics: &Metrics| &metrics.batches);
    let credential = Credential::Token(token);
    Ok((Batch { state: state.clone(), credential, acting_for, counted, slot }, encoding))
}

fn is_ndjson(essence: &str) -> bool {
    let names = ["application/x-ndjson", "application/ndjson", "application/jsonl"];
    names.iter().any(|name| essence.eq_ignore_ascii_case(name))
}

/// One batch under way.
struct Batch {
    state: PortalState,
    credential: Credential,
    acting_for: Option<OrganisationId>,
    counted: Counted,
    slot: Slot,
}

/// A line whose answer is due.
struct Due {
    line: u64,
    id: Option<CommandId>,
    token: Option<Token>,
    names: Names,
    outcome: Outcome,
}

enum Outcome {
    Waiting(oneshot::Receiver<Answer>),
    Known(Problem),
}

/// Why no more lines are read.
enum Stop {
    /// The client sent everything.
    Finished,
    /// It did not, or the node shuts down: the answers end without a last line.
    Cut,
}

impl Batch {
    fn run(self, body: Body) -> Response {
        let Self { state, credential, acting_for, counted, slot } = self;
        let (due, next_due) = mpsc::channel(BATCH_IN_FLIGHT_LIMIT);
        let spool = Spool::default();
        let answers = spool.clone();
        let reader = LineReader { state: state.clone(), credential, acting_for, due, answers, line: 0 };
        let reading = tokio::spawn(reader.run(body.into_data_stream()));
        let answers = spool.clone();
        tokio::spawn(async move {
            // However this task ends, the client does not wait for more.
            let _writing = Writing(answers.clone());
            answer_all(&state, next_due, reading, &answers).await;
            drop((counted, slot));
        });
        let stream = futures::stream::unfold(Reading(spool), |reading| async {
            match reading.0.take().await {
                Ok(chunk) => Some((Ok(chunk), reading)),
                Err(End::Closed) => None,
                Err(End::Abandoned) => Some((Err(std::io::Error::from(std::io::ErrorKind::TimedOut)), reading)),
            }
        });
        let mut response = Response::new(Body::from_stream(stream));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Reads lines and sends them on, as fast as the ledger takes them.
struct LineReader {
    state: PortalState,
    credential: Credential,
    acting_for: Option<OrganisationId>,
    due: mpsc::Sender<Due>,
    /// Where its answers wait to be read.
    answers: Spool,
    line: u64,
}

impl LineReader {
    async fn run(mut self, mut body: BodyDataStream) -> Stop {
        let mut shutdown = self.state.shutdown();
        let (mut lines, mut bytes, mut pace) = (Lines::default(), 0_usize, Pace::new());
        loop {
            let next = tokio::select! {
                next = pace.wait(body.next()) => next,
                _ = shutdown.wait_for(|down| *down) => return Stop::Cut,
            };
            let chunk = match next {
                Ok(Some(Ok(chunk))) => chunk,
                Ok(None) => break,
                // What came of a line that was cut off is no line. Who is gone is not told, but nobody else is told that it is done.
                Ok(Some(Err(_))) => return self.refuse_rest(Code::BodyUnreadable).await,
                Err(TooSlow) => return self.refuse_rest(Code::BodyTooSlow).await,
            };
            bytes += chunk.len();
            if bytes > BATCH_BYTES_LIMIT {
                return self.refuse_rest(Code::BatchTooLarge).await;
            }
            if pace.came(chunk.len()).is_err() {
                return self.refuse_rest(Code::BodyTooSlow).await;
            }
            lines.push(&chunk);
            while let Some(cut) = lines.next() {
                let room = tokio::select! {
                    room = self.answers.room(BATCH_ANSWERS_TIMEOUT) => room,
                    _ = shutdown.wait_for(|down| *down) => return Stop::Cut,
                };
                if !room {
                    return self.refuse_rest(Code::AnswersUnread).await;
                }
                if self.take(cut).await.is_err() {
                    return Stop::Cut;
                }
            }
        }
        if let Some(cut) = lines.rest()
            && self.take(cut).await.is_err()
        {
            return Stop::Cut;
        }
        Stop::Finished
    }

    async fn refuse_rest(&mut self, why: Code) -> Stop {
        self.line += 1;
        // The answering task lives as long as this one; if it does not, there is nobody to tell.
        let _ = self.refuse(None, why.into()).await;
        Stop::Cut
    }

    /// Sends one line on; an error when the batch is over.
    async fn take(&mut self, cut: Cut) -> Result<(), ()> {
        if self.line == BATCH_LINES_LIMIT {
            self.refuse_rest(Code::BatchTooLarge).await;
            return Err(());
        }
        self.line += 1;
        let bytes = match cut {
            Cut::Line(bytes) => bytes,
            Cut::TooLong => return self.refuse(None, Code::LineTooLong.into()).await,
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(());
        }
        match Line::parse(&bytes) {
            Ok(line) => self.submit(&line).await,
            Err((id, problem)) => self.refuse(id, problem).await,
        }
    }

    async fn submit(&self, line: &Line<'_>) -> Result<(), ()> {
        let acting_for = match line.acting_for() {
            Ok(acting_for) => acting_for.or(self.acting_for),
            Err(problem) => return self.refuse(Some(line.id), problem).await,
        };
        let mut body = CommandBody::parse(&line.command, line.data.get().as_bytes(), line.expected_version);
        let token = body.as_mut().ok().and_then(provide_token);
        let names = Names::of(body.as_ref().ok(), self.credential);
        let submission = Submission {
            credential: self.credential,
            acting_for,
            id: line.id,
            correlation_id: line.correlation_id,
            expected_version: line.expected_version,
            body,
        };
        self.state.views().keep_pace().await;
        // Room for the answer comes first: so many commands of one batch wait, and no more.
        let room = self.due.reserve().await.map_err(|_| ())?;
        let outcome = match self.state.ledger().enqueue_when_free(submission).await {
            Ok(answer) => Outcome::Waiting(answer),
            Err(refusal) => {
                self.state.metrics().command(&Err(refusal.clone()));
                Outcome::Known(refusal.into())
            }
        };
        room.send(Due { line: self.line, id: Some(line.id), token, names, outcome });
        Ok(())
    }

    async fn refuse(&self, id: Option<CommandId>, problem: Problem) -> Result<(), ()> {
        let (names, outcome) = (Names::default(), Outcome::Known(problem));
        let due = Due { line: self.line, id, token: None, names, outcome };
        self.due.send(due).await.map_err(|_| ())
    }
}

async fn answer_all(
    state: &PortalState,
    mut next_due: mpsc::Receiver<Due>,
    reading: tokio::task::JoinHandle<Stop>,
    spool: &Spool,
) {
    let (mut out, mut accepted, mut refused) = (Vec::with_capacity(CHUNK_BYTES), 0, 0);
    loop {
        let due = match next_due.try_recv() {
            Ok(due) => due,
            Err(_) => {
                flush(&mut out, spool, 1);
                let Some(due) = next_due.recv().await else { break };
                due
            }
        };
        if answer_one(state, due, &mut out, spool).await {
            accepted += 1
        } else {
            refused += 1
        }
        flush(&mut out, spool, CHUNK_BYTES);
    }
    if matches!(reading.await, Ok(Stop::Finished)) {
        answer::last_line(&mut out, accepted, refused);
    }
    flush(&mut out, spool, 1);
    spool.close(BATCH_WRITE_TIMEOUT).await;
}

/// Writes the answer to one line, and says whether it was accepted.
async fn answer_one(state: &PortalState, due: Due, out: &mut Vec<u8>, spool: &Spool) -> bool {
    let Due { line, id, token, names, outcome } = due;
    let mut waiting = match outcome {
        Outcome::Waiting(waiting) => waiting,
        Outcome::Known(problem) => {
            answer::refused_line(out, line, id, &problem);
            return false;
        }
    };
    let answer = match waiting.try_recv() {
        Ok(answer) => answer,
        Err(_) => {
            flush(out, spool, 1);
            waiting.await.unwrap_or(Err(Refusal::Unavailable(Unavailable::OutcomeUnknown)))
        }
    };
    state.metrics().command(&answer);
    match answer {
        Ok(accepted) => {
            // A batch does not wait for the view: its next lines would.
            let others = names.others(state, &accepted, false).await;
            answer::accepted_line(out, line, &accepted, token.as_ref(), &others);
        }
        Err(refusal) => {
            answer::refused_line(out, line, id, &refusal.into());
            return false;
        }
    }
    true
}

fn flush(out: &mut Vec<u8>, spool: &Spool, least: usize) {
    if out.len() >= least {
        spool.write(std::mem::replace(out, Vec::with_capacity(CHUNK_BYTES)));
    }
}
