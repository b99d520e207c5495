//! The page that stands where another one cannot, in the reader's language. It says nothing of internals.

use super::{
    frame::Frame,
    visit::{Trouble, Visit},
};
use askama::Template;
use axum::http::StatusCode;
use convenio_projections::QueryError;

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    status: u16,
    cause: String,
    board: String,
}

/// Its HTML.
pub(super) fn page(visit: &Visit, status: StatusCode, trouble: &Trouble) -> String {
    let title = visit.say(match status {
        StatusCode::NOT_FOUND => "trouble-not-found",
        StatusCode::BAD_REQUEST => "trouble-bad-request",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => "trouble-unavailable",
        _ => "trouble-error",
    });
    let cause = match trouble {
        Trouble::NotFound | Trouble::Moved(_) => visit.say("cause-not-found"),
        Trouble::NotUnderstood(cause) => visit.say(cause),
        Trouble::Late(_) => visit.say("cause-late"),
        Trouble::Views(QueryError::Refused { code, .. }) => {
            let key = format!("cause-{code}");
            visit.language.find(&key).unwrap_or_else(|| visit.language.say("cause-query")).into_owned()
        }
        Trouble::Views(QueryError::NotReady(_) | QueryError::Outdated(_) | QueryError::Overloaded(_)) => {
            visit.say("cause-unavailable")
        }
        Trouble::Views(error) if error.is_damage() => visit.say("cause-unavailable"),
        Trouble::Views(_) | Trouble::Template(_) => visit.say("cause-error"),
    };
    let frame = Frame::new(visit, title, "", None);
    let page = TroublePage { frame, status: status.as_u16(), cause, board: visit.at("/") };
    // A page that cannot be rendered has nothing better behind it than its bare status.
    page.render().unwrap_or_default()
}
