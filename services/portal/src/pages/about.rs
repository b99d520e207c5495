//! What Convenio is, how to check it, and where programs find it.

use super::{
    frame::Frame,
    request::{Page, PageError, PageRequest},
};
use askama::Template;
use convenio_projections::ViewName;

#[derive(Template)]
#[template(path = "about.html")]
struct AboutPage {
    frame: Frame,
    source: String,
    public_url: String,
}

/// The page about the ledger itself.
pub(super) fn page(request: &PageRequest) -> Result<Page, PageError> {
    let position = *request.state.views.position(ViewName::Activity).borrow();
    let sequence = position.0.checked_sub(1).map(convenio_events::Sequence);
    let source = format!("urn:convenio:{}", request.state.ledger);
    let frame = Frame::new(request, request.say("nav-about"), "", sequence);
    Page::of(&AboutPage { frame, source, public_url: request.state.public_url.to_string() }, sequence)
}
