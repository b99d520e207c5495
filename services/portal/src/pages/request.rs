//! From a request to a page and back: what a page is given, how it answers, and what stands there when it cannot. It knows no
//! page.

use super::{PageState, errors, locale::Language, params::Params, session};
use crate::{limits::WAIT_FOR_LIMIT, questions::Unanswered, state::last};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Response, StatusCode, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::NaiveDate;
use convenio_events::Sequence;
use convenio_projections::{NotYetVisible, QueryError, ReaderIdentity, ViewName};
use sha2::{Digest as _, Sha256};

/// Pages run no script, load nothing from elsewhere and are shown in no frame.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// How long a browser should wait when the views are not there yet, in seconds.
const RETRY_AFTER: &str = "5";
/// Bytes of a digest that tell addresses apart in tags.
const TAG_BYTES: usize = 9;

/// Somebody who wants to see a page.
#[derive(Clone, Debug)]
pub(super) struct PageRequest {
    pub(super) state: PageState,
    pub(super) language: Language,
    /// The path behind the language: `/offers/<id>`.
    pub(super) path: String,
    /// What stands behind the `?`, as it came.
    pub(super) raw_query: String,
    pub(super) params: Params,
    /// Who is reading.
    pub(super) identity: ReaderIdentity,
    /// The day on which it is read, for what has a last day.
    pub(super) today: NaiveDate,
}

impl PageRequest {
    /// A path of ours in the reader's language.
    pub(super) fn at(&self, path: &str) -> String {
        format!("/{}{path}", self.language.code())
    }

    /// This page's own path, without what stands behind the `?`.
    pub(super) fn own_path(&self) -> String {
        self.at(&self.path)
    }

    /// A part of the path: 0 is the collection, 1 the record.
    pub(super) fn segment(&self, at: usize) -> &str {
        self.path.split('/').nth(at + 1).unwrap_or_default()
    }

    /// A text of the pages.
    pub(super) fn say(&self, key: &'static str) -> String {
        self.language.say(key).into_owned()
    }
}

/// A page that is done.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) html: String,
    /// The sequence that it is true at; `None` in an empty ledger.
    pub(super) sequence: Option<Sequence>,
}

impl Page {
    /// Fills in a template.
    pub(super) fn of(template: &impl askama::Template, sequence: Option<Sequence>) -> Result<Self, PageError> {
        Ok(Self { html: template.render().map_err(PageError::Template)?, sequence })
    }
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// There is none, or it is not the reader's to see.
    #[error("there is no such page")]
    NotFound,
    /// The address asks for something that cannot be asked; the key of the text that says what.
    #[error("the address is not understood: {0}")]
    NotUnderstood(&'static str),
    /// It is at another address.
    #[error("the page is at {0}")]
    Moved(String),
    /// What the reader wants to see has not arrived in the views.
    #[error("the views do not have yet what is waited for")]
    Late(#[from] NotYetVisible),
    /// The views cannot answer.
    #[error("the views cannot answer")]
    Views(#[from] QueryError),
    /// A template could not be filled in.
    #[error("a page cannot be put together")]
    Template(#[source] askama::Error),
}

/// How a page is made; it may block.
pub(super) type Build = fn(&PageRequest) -> Result<Page, PageError>;

/// Answers a request with a page.
pub(super) async fn answer(
    state: PageState,
    language: Language,
    uri: Uri,
    headers: HeaderMap,
    build: Build,
) -> Response<Body> {
    let today = state.today();
    let seen = session::seen(&state, &headers);
    if let Some(seen) = seen
        && let Err(late) = session::wait(&state, seen).await
    {
        let (Ok(request) | Err((request, _))) = begin(state.clone(), language, &uri, today);
        return with_cookie(trouble_page(request, PageError::Late(late)).await, session::forget(&state));
    }
    let tag = entity_tag(&state, today, &uri);
    let waits = uri.query().is_some_and(|query| query.contains("wait_for="));
    if !waits && headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return not_modified(&state, language, tag);
    }
    let visited = begin(state.clone(), language, &uri, today);
    let request = match visited {
        Ok(request) => request,
        Err((request, trouble)) => return trouble_page(request, trouble).await,
    };
    if let Err(trouble) = wait(&request).await {
        return trouble_page(request, trouble).await;
    }
    let builder = request.clone();
    let built = match state.questions.answer(false, move || build(&builder)).await {
        Ok(built) => built,
        Err(Unanswered::Overloaded) => Err(PageError::Views(QueryError::Overloaded(ViewName::Board))),
        Err(Unanswered::Panicked(error)) => std::panic::resume_unwind(error.into_panic()),
    };
    match built {
        Ok(page) => {
            let newer = page.sequence.filter(|sequence| seen.is_none_or(|seen| *sequence > seen));
            let cookie = newer.and_then(|sequence| session::keep(&state, sequence));
            with_cookie(finish(StatusCode::OK, language, page.sequence, Some(tag), page.html.into()), cookie)
        }
        Err(trouble) => trouble_page(request, trouble).await,
    }
}

fn with_cookie(mut response: Response<Body>, cookie: Option<HeaderValue>) -> Response<Body> {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Answers with the page that says that there is none.
pub(super) async fn not_found(state: PageState, language: Language, uri: Uri) -> Response<Body> {
    let (Ok(request) | Err((request, _))) = begin(state.clone(), language, &uri, state.today());
    let tidy = request.path.trim_end_matches('/');
    let trouble = if tidy.len() < request.path.len() && !tidy.is_empty() {
        PageError::Moved(request.at(tidy))
    } else {
        PageError::NotFound
    };
    trouble_page(request, trouble).await
}

#[expect(clippy::result_large_err, reason = "what was understood so far is needed for the page that says what was not")]
fn begin(
    state: PageState,
    language: Language,
    uri: &Uri,
    today: NaiveDate,
) -> Result<PageRequest, (PageRequest, PageError)> {
    let own = uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(language.code()));
    let path = own.filter(|path| path.starts_with('/')).unwrap_or("/");
    let raw_query = uri.query().unwrap_or_default();
    let mut request = PageRequest {
        state,
        language,
        path: path.to_owned(),
        raw_query: raw_query.to_owned(),
        params: Params::default(),
        identity: ReaderIdentity::default(),
        today,
    };
    match Params::parse(raw_query) {
        Ok(params) => request.params = params,
        Err(trouble) => {
            request.raw_query.clear();
            return Err((request, trouble));
        }
    }
    Ok(request)
}

/// Waits until the views have what the reader knows to be recorded: `?wait_for=<sequence>`.
async fn wait(request: &PageRequest) -> Result<(), PageError> {
    if let Some(sequence) = request.params.parsed::<u64>("wait_for", "cause-as-of")? {
        let position = Sequence(sequence.saturating_add(1));
        request.state.views.wait_for(&ViewName::ALL, position, WAIT_FOR_LIMIT).await?;
    }
    Ok(())
}

async fn trouble_page(request: PageRequest, trouble: PageError) -> Response<Body> {
    let language = request.language;
    if let PageError::Moved(to) = &trouble {
        let mut response = finish(StatusCode::PERMANENT_REDIRECT, language, None, None, Body::empty());
        if let Ok(to) = HeaderValue::from_str(to) {
            response.headers_mut().insert(header::LOCATION, to);
        }
        return response;
    }
    let status = status_of(&trouble);
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(path = request.path, error = &trouble as &dyn std::error::Error, "a page cannot be shown");
    }
    let html = errors::page(&request, status, &trouble);
    let mut response = finish(status, language, None, None, html.into());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    response
}

fn status_of(trouble: &PageError) -> StatusCode {
    match trouble {
        PageError::NotFound => StatusCode::NOT_FOUND,
        PageError::NotUnderstood(_) | PageError::Views(QueryError::Refused { .. }) => StatusCode::BAD_REQUEST,
        PageError::Late(_) => StatusCode::GATEWAY_TIMEOUT,
        PageError::Moved(_) => StatusCode::PERMANENT_REDIRECT,
        PageError::Views(QueryError::NotReady(_) | QueryError::Outdated(_) | QueryError::Overloaded(_)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        PageError::Views(error) if error.is_damage() => StatusCode::SERVICE_UNAVAILABLE,
        PageError::Views(_) | PageError::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Changes whenever any view, the day or the program does: what a page shows depends on nothing else. It is that of one address, so
/// that nobody has the tag of a page that there is not.
fn entity_tag(state: &PageState, today: NaiveDate, uri: &Uri) -> String {
    use std::fmt::Write as _;
    let address = URL_SAFE_NO_PAD.encode(&Sha256::digest(uri.to_string())[..TAG_BYTES]);
    let mut tag = format!("W/\"{}-{}-{address}", state.started, today.format("%y%m%d"));
    for view in ViewName::ALL {
        let position = *state.views.position(view).borrow();
        write!(tag, "-{}", position.0).expect("writing to a string");
    }
    tag.push('"');
    tag
}

/// What a reader who has the page is told in place of it (RFC 9110 15.4.5): what it would be told with it, less what describes its
/// bytes.
fn not_modified(state: &PageState, language: Language, tag: String) -> Response<Body> {
    // No view is behind this one, and so no page shows less.
    let least = ViewName::ALL.into_iter().map(|view| *state.views.position(view).borrow()).min();
    let sequence = least.and_then(last);
    let mut response = finish(StatusCode::NOT_MODIFIED, language, sequence, Some(tag), Body::empty());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    headers.remove(header::CONTENT_LANGUAGE);
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn finish(
    status: StatusCode,
    language: Language,
    sequence: Option<Sequence>,
    tag: Option<String>,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.code()));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let keep = if tag.is_some() { "no-cache" } else { "no-store" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(&tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(sequence) = sequence {
        headers.insert("convenio-sequence", HeaderValue::from(sequence.0));
    }
    response
}
