//! A record without its words, but its title: what a view keeps that shows what organisations do in it. It tells nobody of
//! the rest.

use super::{Document, text::title};
use serde_json::value::RawValue;

impl Document {
    /// Leaves out what is in words, but the title, and shows all of its lists.
    pub(crate) fn leave_out_words(&mut self) {
        self.head.reason = None;
        let body = self.body.shown_mut();
        leave_title(body.text_mut());
        body.each_list(&mut |_, list, _| list.show_all_without_words());
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
