//! What an event says of its record, whatever else it says: who may see it, whom it names, because of what it happened, which other
//! records it mentions, and whether it gives the title. Each record's file answers for its own events, one line for each type of
//! event. What these answers mean is said in [`crate::sight`].

use crate::{
    codes::Visibility,
    ids::{Actor, AffiliationId, OrganisationId, Subject},
};
use std::collections::BTreeSet;

/// What one event says.
#[derive(Clone, Debug)]
pub struct About {
    /// Who may see the record from now on.
    pub opening: Opening,
    /// Whom the record names from now on.
    pub naming: Naming,
    /// The record because of which it happened: whoever may not see that one may not see that it did.
    pub because_of: Option<Subject>,
    /// Whether its text gives the record's title.
    pub titled: bool,
}

impl About {
    /// An event that says nothing of the kind.
    pub const NOTHING: Self =
        Self { opening: Opening::Unchanged, naming: Naming::Nobody, because_of: None, titled: false };

    /// One that happened because of another record.
    pub(super) fn because_of(record: impl Into<Subject>) -> Self {
        Self { because_of: Some(record.into()), ..Self::NOTHING }
    }
}

/// What an event says of who may see its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// What they may is as before.
    Unchanged,
    /// These may.
    To(Visibility),
    /// Whoever reviews it, until it is published; then these.
    InReview(Visibility),
    /// It is published: those for whom it was meant.
    Published,
    /// It was taken back. What was never published does not appear by that.
    TakenBack,
}

/// What an event says of the organisations that its record names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Naming {
    /// They are as before.
    Nobody,
    /// These are named for good.
    Stay(Vec<OrganisationId>),
    /// It begins the record: who made it, and whom what it says names.
    Begin(OrganisationId, Vec<OrganisationId>),
    /// What the record says is now this, and names these.
    Content(Vec<OrganisationId>),
    /// This one reviewed it.
    Review(OrganisationId),
    /// This one left it, whatever the record goes on saying.
    Leave(OrganisationId),
    /// The organisation is said to belong to another, by its own word or by somebody else's.
    Tie {
        /// Which affiliation.
        affiliation: AffiliationId,
        /// With whom.
        with: OrganisationId,
        /// Whether the record's own organisation says so.
        own_word: bool,
    },
    /// The record's own organisation says so, too.
    Confirm(AffiliationId),
    /// It belongs there no more.
    Untie(AffiliationId),
}

/// An event beside its facts: what it happened to, and who did it.
#[derive(Clone, Copy, Debug)]
pub struct Happened {
    /// The record.
    pub subject: Subject,
    /// Who did it.
    pub actor: Actor,
}

/// Adds organisations to the records that an event names.
pub(super) fn mention<'a>(all: impl IntoIterator<Item = &'a OrganisationId>, named: &mut BTreeSet<Subject>) {
    named.extend(all.into_iter().map(|organisation| Subject::from(*organisation)));
}
