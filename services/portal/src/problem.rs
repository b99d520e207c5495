//! Every error body: RFC 9457 problem details with a stable code. Failures of the system say nothing of its inside.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use convenio_events::CommandId;
use convenio_ledger::rejection::{Class, Reason, Refusal, Rejection, Unavailable};
use convenio_projections::{NotACursor, QueryError};
use serde::Serialize;
use std::borrow::Cow;

/// Seconds after which a caller may try again when the node could not answer.
const RETRY_SECONDS: u32 = 1;
/// The most characters of a detail or a field: both may repeat what was sent, which may be a megabyte.
const CHARACTERS_LIMIT: usize = 1_000;
/// Seconds after which a grant may be told once more that an identifier is in use; the ledger counts them.
const GUESS_RETRY_SECONDS: u32 = 36;

/// Why there is no better answer. Boxed: it is the rare case of every result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Details>);

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Details {
    /// Where the code is explained: a path on this node.
    r#type: String,
    title: Cow<'static, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    code: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<CommandId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_sequence: Option<u64>,
    #[serde(skip)]
    retry_seconds: Option<u32>,
    /// Whether a view was read that may be damaged.
    #[serde(skip)]
    damage: bool,
}

macro_rules! problems {
    ($($name:ident $code:literal $status:ident $title:literal;)*) => {
        /// Problems that come before the ledger is asked, or that are not the ledger's.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Code { $(#[doc = $title] $name,)* }
        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The stable code, kebab-case.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            /// The HTTP status.
            pub const fn status(self) -> StatusCode { match self { $(Self::$name => StatusCode::$status,)* } }
            /// What it means, in a few words.
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title,)* } }
        }
    };
}
problems! {
    ParameterInvalid "parameter-invalid" BAD_REQUEST "a parameter does not have the form that it must have";
    FilterValueUnknown "filter-value-unknown" BAD_REQUEST "the filter's list does not hold this value";
    ParameterUnknown "parameter-unknown" BAD_REQUEST "there is no such parameter here";
    QueryTooLong "query-too-long" BAD_REQUEST "the query string is too long";
    HeaderInvalid "header-invalid" BAD_REQUEST "a header does not have the form that it must have";
    EncodingUnsupported "encoding-unsupported" UNSUPPORTED_MEDIA_TYPE "a body is sent as it is, or with Content-Encoding: gzip";
    BodyUnreadable "body-unreadable" BAD_REQUEST "the body ended early or could not be read";
    NotUtf8 "not-utf8" BAD_REQUEST "the body is not UTF-8";
    BodyTooSlow "body-too-slow" REQUEST_TIMEOUT "the body comes too slowly, or takes too long";
    AnswersUnread "answers-unread" REQUEST_TIMEOUT "the answers of the batch are not read; the rest of it was not read either";
    LineInvalid "line-invalid" BAD_REQUEST "a line is not a command with its id";
    TokenRequired "token-required" UNAUTHORIZED "a bearer token is required";
    TokenInvalid "token-invalid" UNAUTHORIZED "the token is not known, was revoked, or is not valid now";
    RoleRequired "role-required" FORBIDDEN "the grant's role does not allow this";
    PathUnknown "path-unknown" NOT_FOUND "there is nothing under this path";
    RecordUnknown "record-unknown" NOT_FOUND "there is no such record, or it is not yours to see";
    EventUnknown "event-unknown" NOT_FOUND "there is no such event";
    SchemaUnknown "schema-unknown" NOT_FOUND "there is no such event type";
    ListUnknown "list-unknown" NOT_FOUND "there is no such code list";
    PositionAhead "position-ahead" CONFLICT "events are asked for from beyond the end of the log";
    MethodNotAllowed "method-not-allowed" METHOD_NOT_ALLOWED "the path does not take this method";
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE "the body is too large";
    BatchTooLarge "batch-too-large" PAYLOAD_TOO_LARGE "the batch has too many bytes or lines; the rest of it was not read";
    LineTooLong "line-too-long" PAYLOAD_TOO_LARGE "a line is too long";
    HistoryTooLong "history-too-long" UNPROCESSABLE_ENTITY "the record has more events than can be folded for a read of the past";
    JsonRequired "json-required" UNSUPPORTED_MEDIA_TYPE "the body must be application/json";
    NdjsonRequired "ndjson-required" UNSUPPORTED_MEDIA_TYPE "the body must be application/x-ndjson (application/ndjson and application/jsonl are the same)";
    TooManyRequests "too-many-requests" TOO_MANY_REQUESTS "this caller asks too often";
    Internal "internal" INTERNAL_SERVER_ERROR "the node failed to answer; the fault is in its logs";
    Overloaded "overloaded" SERVICE_UNAVAILABLE "the node has as much to do as it takes";
    NotReady "not-ready" SERVICE_UNAVAILABLE "the node is not ready for this yet";
    TooSlow "too-slow" SERVICE_UNAVAILABLE "the answer took too long";
    LogUnavailable "log-unavailable" SERVICE_UNAVAILABLE "the log cannot be read now";
    NotYetVisible "not-yet-visible" GATEWAY_TIMEOUT "what was asked for is not visible yet";
}

/// Codes finer than `parameter-invalid`, with the rule: `rule` then says the general one.
pub(crate) const QUERY_CODES: &[(&str, &str)] = &[
    ("as-of-without-search", "the past is listed without search and facets"),
    ("cursor-invalid", "a cursor is the next_cursor of the same question, unchanged"),
    ("too-many-values", "a filter is within its limit of values"),
    ("wrong-view", "records of this kind are in another view"),
];

impl Problem {
    fn new(code: impl Into<Cow<'static, str>>, status: StatusCode, title: &'static str) -> Self {
        let code = code.into();
        Self(Box::new(Details {
            r#type: format!("/docs#{code}"),
            title: title.into(),
            status: status.as_u16(),
            detail: None,
            code,
            field: None,
            rule: None,
            command_id: None,
            head_sequence: None,
            retry_seconds: None,
            damage: false,
        }))
    }
    /// Names the field, parameter or header that it is about.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(short(field.into()));
        self
    }
    /// Says it with the values at hand.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(short(detail.into()));
        self
    }
    /// Names the command that it answers.
    #[must_use]
    pub fn command(mut self, id: CommandId) -> Self {
        self.0.command_id = Some(id);
        self
    }
    /// Says where the log ends.
    #[must_use]
    pub fn head_sequence(mut self, head: Option<u64>) -> Self {
        self.0.head_sequence = head;
        self
    }
    /// Says after how many seconds to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_seconds = Some(seconds);
        self
    }
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }
    /// Whether a view was read that may be damaged.
    pub(crate) fn is_of_damage(&self) -> bool {
        self.0.damage
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        let problem = Self::new(code.code(), code.status(), code.title());
        let again = matches!(code.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT);
        if again { problem.retry_after(RETRY_SECONDS) } else { problem }
    }
}

/// As much of a text as a problem repeats.
fn short(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(CHARACTERS_LIMIT) {
        text.truncate(end);
        text.push('\u{2026}');
        text.shrink_to_fit();
    }
    text
}

/// The status of a reason: its class, except that a path names the command.
pub(crate) const fn status_of(class: Class) -> StatusCode {
    match class {
        Class::NotUnderstood => StatusCode::BAD_REQUEST,
        Class::NotAuthenticated => StatusCode::UNAUTHORIZED,
        Class::NotAllowed => StatusCode::FORBIDDEN,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Conflict => StatusCode::CONFLICT,
        Class::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Class::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Class::TooOften => StatusCode::TOO_MANY_REQUESTS,
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let Rejection { reason, code, field, detail } = rejection;
        // A code finer than the reason's is a rule that a value breaks; the reason then says what kind of thing is
        // wrong.
        let rule = (code != reason.code()).then(|| Cow::Borrowed(reason.code()));
        let mut problem = Self::new(code, status_of(reason.class()), reason.title());
        (problem.0.field, problem.0.detail, problem.0.rule) = (field.map(short), detail.map(short), rule);
        if reason.class() == Class::TooOften { problem.retry_after(GUESS_RETRY_SECONDS) } else { problem }
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Rejection::from(reason).into()
    }
}

impl From<Unavailable> for Problem {
    fn from(unavailable: Unavailable) -> Self {
        Self::new(unavailable.code(), StatusCode::SERVICE_UNAVAILABLE, unavailable.title()).retry_after(RETRY_SECONDS)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => rejection.into(),
            Refusal::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::NotReady(_) => Code::NotReady.into(),
            QueryError::Outdated(_) => Self::from(Code::NotReady).detail(error.to_string()),
            // It is made anew: what is damaged tells nothing.
            error @ (QueryError::Store(_) | QueryError::Row(_) | QueryError::Damaged(_)) if error.is_damage() => {
                internal(&error);
                let mut problem = Self::from(Code::NotReady);
                problem.0.damage = true;
                problem
            }
            QueryError::Overloaded(_) => Code::Overloaded.into(),
            QueryError::Refused { code, rule } => {
                let problem = Self::new(code, StatusCode::BAD_REQUEST, Code::ParameterInvalid.title()).detail(rule);
                match code {
                    "cursor-invalid" => problem.field("cursor"),
                    "as-of-without-search" => problem.field("as_of"),
                    _ => problem,
                }
            }
            error @ (QueryError::Store(_) | QueryError::Row(_) | QueryError::Damaged(_)) => internal(&error),
        }
    }
}

impl From<NotACursor> for Problem {
    fn from(error: NotACursor) -> Self {
        QueryError::Refused { code: "cursor-invalid", rule: error.to_string() }.into()
    }
}

/// What a caller is told of a fault of ours; the chain goes to the log.
pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Problem {
    let chain: Vec<String> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    tracing::error!(error = chain.join(": "), "a request failed");
    Code::Internal.into()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).expect("our types have string keys");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.0.code == Code::EncodingUnsupported.code() {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if self.0.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"convenio\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_repeats_no_more_than_a_person_reads() {
        let long = "\u{e1}".repeat(1 << 20);
        let rejection = Rejection::from(Reason::UnknownCommand).field(long.clone()).detail(long.clone());
        let problems = [Problem::from(Code::ParameterUnknown).field(long.clone()).detail(long), rejection.into()];
        for Problem(problem) in problems {
            for text in [problem.field, problem.detail] {
                let text = text.expect("it was given");
                assert_eq!((text.chars().count(), text.chars().next_back()), (CHARACTERS_LIMIT + 1, Some('\u{2026}')));
            }
        }
        let whole = "x".repeat(CHARACTERS_LIMIT);
        assert_eq!(Problem::from(Code::ParameterUnknown).field(whole.clone()).0.field, Some(whole));
    }
}
