//! The other records that one points to, organisations aside: who is named in a record is part of it, what it came from and rests
//! on may be hidden from its readers.

use super::Document;
use convenio_events::Subject;

impl Document {
    /// Leaves out links to records that `keep` does not keep; true when one was left out.
    pub fn retain_links(&mut self, keep: &mut impl FnMut(Subject) -> bool) -> bool {
        let mut cut = false;
        self.body.shown_mut().retain_links(&mut |subject| {
            let kept = keep(subject);
            cut |= !kept;
            kept
        });
        cut
    }
}

/// Leaves out a link that is not to be kept.
pub(super) fn retain<T: Copy + Into<Subject>>(link: &mut Option<T>, keep: &mut dyn FnMut(Subject) -> bool) {
    link.take_if(|link| !keep((*link).into()));
}
