//! The page that stands where another one cannot, in the reader's language. It says nothing of internals.

use super::{
    frame::Frame,
    request::{PageError, PageRequest},
};
use askama::Template;
use axum::http::StatusCode;
use convenio_projections::QueryError;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    status: u16,
    cause: String,
    board: String,
}

/// Its HTML.
pub(super) fn page(request: &PageRequest, status: StatusCode, trouble: &PageError) -> String {
    let title = request.say(match status {
        StatusCode::NOT_FOUND => "trouble-not-found",
        StatusCode::BAD_REQUEST => "trouble-bad-request",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "trouble-unavailable",
        _ => "trouble-error",
    });
    let cause = match trouble {
        PageError::NotFound | PageError::Moved(_) => request.say("cause-not-found"),
        PageError::NotUnderstood(cause) => request.say(cause),
        PageError::Late(_) => request.say("cause-late"),
        PageError::Views(QueryError::Refused { code, .. }) => {
            let key = format!("cause-{code}");
            request.language.find(&key).unwrap_or_else(|| request.language.say("cause-query")).into_owned()
        }
        PageError::Views(QueryError::NotReady(_) | QueryError::Outdated(_) | QueryError::Overloaded(_)) => {
            request.say("cause-unavailable")
        }
        PageError::Views(error) if error.is_damage() => request.say("cause-unavailable"),
        PageError::Views(_) | PageError::Template(_) => request.say("cause-error"),
    };
    let frame = Frame::new(request, title, "", None);
    let page = ErrorPage { frame, status: status.as_u16(), cause, board: request.at("/") };
    // A page that cannot be rendered has nothing better behind it than its bare status.
    page.render().unwrap_or_default()
}
