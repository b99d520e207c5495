//! A record without its words, but its title: what a view keeps that shows what organisations do in it. It tells nobody of
//! the rest.

use super::{Body, Document, text::title};
use serde_json::value::RawValue;

impl Document {
    /// Leaves out what is in words, but the title, and shows all of its lists.
    pub(crate) fn leave_out_words(&mut self) {
        self.head.reason = None;
        match &mut self.body {
            Body::Organisation(body) => {
                leave_title(&mut body.text);
                body.sites.iter_mut().for_each(|site| site.text = None);
                body.sites.show_all();
                body.affiliations.show_all();
            }
            Body::Listing(body) => {
                leave_title(&mut body.text);
                body.reservations.show_all();
            }
            Body::Agreement(body) => leave_title(&mut body.text),
            Body::Learning(body) => {
                leave_title(&mut body.text);
                body.screenings.iter_mut().for_each(|screening| screening.remarks = None);
                body.screenings.show_all();
            }
            Body::Convening(body) => {
                leave_title(&mut body.text);
                body.sessions.iter_mut().for_each(|session| session.text = None);
                body.visits.iter_mut().for_each(|visit| visit.text = None);
                body.sessions.show_all();
                body.visits.show_all();
                body.participation.show_all();
            }
        }
    }
}

fn leave_title(text: &mut Option<Box<RawValue>>) {
    let Some(words) = text.as_deref() else { return };
    let brief = match title(words) {
        Some(title) => format!("{{\"title\":{}}}", title.get()),
        None => "{}".to_owned(),
    };
    if brief.len() < words.get().len() {
        *text = RawValue::from_string(brief).ok();
    }
}
