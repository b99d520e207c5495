//! What Convenio is, how to check it, and where programs find it.

use super::{
    frame::Frame,
    visit::{Page, Trouble, Visit},
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
pub(super) fn page(visit: &Visit) -> Result<Page, Trouble> {
    let position = *visit.state.views.position(ViewName::Activity).borrow();
    let sequence = position.0.checked_sub(1).map(convenio_events::Sequence);
    let source = format!("urn:convenio:{}", visit.state.ledger);
    let frame = Frame::new(visit, visit.say("nav-about"), "", sequence);
    Page::of(&AboutPage { frame, source, public_url: visit.state.public_url.to_string() }, sequence)
}
