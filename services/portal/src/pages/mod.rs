//! The pages that people read: plain HTML that works without scripts, in each language that `locales/` has. It answers no
//! program: that is the JSON API.

mod about;
pub(crate) mod assets;
mod cards;
mod collections;
mod errors;
mod facets;
mod format;
mod frame;
mod kinds;
mod locale;
mod params;
mod parts;
mod record;
mod request;
mod search;
mod session;
mod snapshot;
#[cfg(test)]
mod tests;
mod trail;
mod words;

use crate::{
    questions::Questions,
    state::{Clock, PortalState},
};
use axum::{
    Router,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::NaiveDate;
use convenio_events::LedgerId;
use convenio_projections::Views;
use kinds::{KINDS, Kind};
use locale::Language;
use request::Build;
use std::{fmt, sync::Arc};

/// What pages are made from.
#[derive(Clone)]
struct PageState {
    views: Views,
    /// The turn that a page takes before it asks the views.
    questions: Questions,
    ledger: LedgerId,
    public_url: Arc<str>,
    /// What time it is, as the API tells it.
    clock: Clock,
    /// Tells this run of the program from others: another program may show the same data otherwise.
    started: Arc<str>,
}

impl PageState {
    /// The day on which a page is read: what it says of itself and what the API says are of one day.
    fn today(&self) -> NaiveDate {
        (self.clock)().to_utc().date_naive()
    }
}

impl fmt::Debug for PageState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PageState").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// The pages beside those of records, and what makes them.
const PAGES: [(&str, Build); 5] = [
    ("/", collections::page),
    ("/search", search::page),
    ("/activity", trail::activity),
    ("/audit", trail::audit),
    ("/about", about::page),
];

/// Every page behind its language, and what makes it.
fn pages() -> impl Iterator<Item = (String, Build)> {
    let of_kind = |kind: &Kind| {
        let plural = kind.kind.plural();
        [(format!("/{plural}"), collections::page as Build), (format!("/{plural}/{{id}}"), record::page as Build)]
    };
    let others = PAGES.map(|(path, build)| (path.to_owned(), build));
    others.into_iter().chain(KINDS.iter().flat_map(of_kind))
}

/// All pages.
pub fn router(state: PortalState) -> Router {
    routes(&PageState {
        views: state.views().clone(),
        questions: state.questions().clone(),
        ledger: state.ledger_id(),
        public_url: state.public_url().into(),
        clock: clock(state.clone()),
        started: format!("{:08x}", rand::random::<u32>()).into(),
    })
}

fn clock(state: PortalState) -> Clock {
    Arc::new(move || state.now())
}

fn routes(state: &PageState) -> Router {
    let mut router = Router::new().route("/", get(choose_language)).merge(assets::routes());
    for language in Language::all() {
        let code = language.code();
        for (path, build) in pages() {
            let state = state.clone();
            let page =
                move |uri: Uri, headers: HeaderMap| request::answer(state.clone(), language, uri, headers, build);
            router = router.route(&format!("/{code}{path}"), get(page));
        }
        let missing = {
            let state = state.clone();
            move |uri: Uri| request::not_found(state.clone(), language, uri)
        };
        let home = format!("/{code}/");
        router = router
            .route(&format!("/{code}"), get(move || moved(home.clone(), StatusCode::PERMANENT_REDIRECT)))
            .route(&format!("/{code}/{{*rest}}"), get(missing));
    }
    let state = state.clone();
    router.fallback(move |uri: Uri, headers: HeaderMap| request::not_found(state, preferred(&headers), uri))
}

fn preferred(headers: &HeaderMap) -> Language {
    Language::preferred(headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
}

/// The board in the language that the browser asks for.
async fn choose_language(headers: HeaderMap) -> Response {
    let home = format!("/{}/", preferred(&headers).code());
    let mut response = moved(home, StatusCode::TEMPORARY_REDIRECT).await;
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-language"));
    response
}

async fn moved(to: String, status: StatusCode) -> Response {
    (status, [(header::LOCATION, to)]).into_response()
}
