//! The other records that one points to, organisations aside: who is named in a record is part of it, what it came from and rests
//! on may be hidden from its readers.

use super::{Agreement, Body, Document, Learning, Listing};
use convenio_events::Subject;

impl Document {
    /// Leaves out links to records that `keep` does not keep; true when one was left out.
    pub fn retain_links(&mut self, keep: &mut impl FnMut(Subject) -> bool) -> bool {
        let mut cut = false;
        let mut keep = |subject: Subject| {
            let kept = keep(subject);
            cut |= !kept;
            kept
        };
        match &mut self.body {
            Body::Listing(listing) => of_listing(listing, &mut keep),
            Body::Agreement(agreement) => of_agreement(agreement, &mut keep),
            Body::Learning(learning) => of_learning(learning, &mut keep),
            Body::Organisation(_) | Body::Convening(_) => {}
        }
        cut
    }
}

fn of_listing(listing: &mut Listing, keep: &mut impl FnMut(Subject) -> bool) {
    listing.terms.evidence.retain(|learning| keep(Subject::from(*learning)));
    retain(&mut listing.fulfilled_by, keep);
}

fn of_agreement(agreement: &mut Agreement, keep: &mut impl FnMut(Subject) -> bool) {
    let Agreement { terms, links, .. } = agreement;
    links.listings.retain(|listing| keep(*listing));
    retain(&mut links.parent, keep);
    retain(&mut links.renews, keep);
    retain(&mut links.convening, keep);
    terms.commitments.iter_mut().for_each(|commitment| retain(&mut commitment.source, keep));
}

fn of_learning(learning: &mut Learning, keep: &mut impl FnMut(Subject) -> bool) {
    learning.content.links.retain(|link| keep(*link));
}

fn retain<T: Copy + Into<Subject>>(link: &mut Option<T>, keep: &mut impl FnMut(Subject) -> bool) {
    link.take_if(|link| !keep((*link).into()));
}
