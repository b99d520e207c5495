//! The kinds of record that have pages: one line each, and one trait for what each shows. What a kind shows is said in its own file
//! below `record`.

use super::{
    cards::Filling,
    parts::Mark,
    record::{Presenter, Shown},
    snapshot::Snapshot,
};
use convenio_events::RecordKind;
use convenio_projections::{
    QueryError,
    document::{Body, Document, Head},
};

/// What a kind of record shows.
pub(super) trait RecordPage {
    /// What it shows in a list.
    fn fill(&self, card: Filling<'_>, document: &Document) -> Result<(), QueryError>;

    /// What it is marked with beside its state, in lists and on its page.
    fn marks(&self, snapshot: &Snapshot) -> Vec<Mark>;

    /// What its page shows.
    fn show(&self, presenter: &Presenter<'_>, head: &Head) -> Result<Shown, QueryError>;
}

/// What shows a record.
pub(super) fn page_of(body: &Body) -> &dyn RecordPage {
    match body {
        Body::Listing(listing) => &**listing,
        Body::Agreement(agreement) => &**agreement,
        Body::Learning(learning) => &**learning,
        Body::Convening(convening) => &**convening,
        Body::Organisation(organisation) => &**organisation,
    }
}

/// A kind of record with a list and pages of its own.
pub(super) struct Kind {
    /// Which.
    pub(super) kind: RecordKind,
    /// What its list is called.
    pub(super) heading: &'static str,
    /// What its list is for.
    pub(super) lead: &'static str,
    /// Whether every page leads to its list; offers and demands are reached by the board.
    pub(super) in_navigation: bool,
}

impl Kind {
    const fn new(kind: RecordKind, heading: &'static str, lead: &'static str, in_navigation: bool) -> Self {
        Self { kind, heading, lead, in_navigation }
    }

    /// The kind whose list is asked for.
    pub(super) fn of(kind: RecordKind) -> Option<&'static Self> {
        KINDS.iter().find(|one| one.kind == kind)
    }
}

/// All of them, in the order in which they are shown.
pub(super) const KINDS: [Kind; 6] = [
    Kind::new(RecordKind::Offer, "heading-offers", "lead-offers", false),
    Kind::new(RecordKind::Demand, "heading-demands", "lead-demands", false),
    Kind::new(RecordKind::Organisation, "nav-organisations", "lead-organisations", true),
    Kind::new(RecordKind::Agreement, "nav-agreements", "lead-agreements", true),
    Kind::new(RecordKind::Learning, "nav-learnings", "lead-learnings", true),
    Kind::new(RecordKind::Convening, "nav-convenings", "lead-convenings", true),
];
