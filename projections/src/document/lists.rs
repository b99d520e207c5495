//! A record's lists that grow with its life, as a view stores and shows them. What an item is, is said in `parts`.

use super::{
    Document,
    parts::{PART_PAGE_LIMIT, PartKind, StoredPart},
};
use convenio_events::{Event, OrganisationId};
use serde::{Serialize as _, Serializer};
use uuid::Uuid;

impl Document {
    /// The items of its lists that an event adds, changes or takes away.
    pub(crate) fn touched(&self, event: &Event) -> Vec<(PartKind, Uuid)> {
        self.body.touched(event)
    }

    /// An item of one of its lists; `older` is how it is stored so far.
    pub(crate) fn part(
        &self,
        kind: PartKind,
        key: Uuid,
        older: Option<&str>,
    ) -> serde_json::Result<Option<StoredPart>> {
        self.body.shown().list(kind).map_or(Ok(None), |list| list.find(key, older))
    }

    /// The lists of which its JSON has the first page only.
    pub(crate) fn longer_lists(&mut self) -> Vec<PartKind> {
        let mut longer = Vec::new();
        self.body.shown_mut().each_list(&mut |kind, _, count| longer.extend(count.map(|_| kind)));
        longer
    }

    /// How many items of a list its first page has.
    pub(crate) fn shown(&self, kind: PartKind) -> usize {
        self.body.shown().list(kind).map_or(0, |list| list.shown())
    }

    /// Puts an item behind those that a list has already.
    pub(crate) fn restore(&mut self, kind: PartKind, json: &str) -> serde_json::Result<()> {
        let mut restored = Ok(());
        self.body.shown_mut().each_list(&mut |one, list, _| {
            if one == kind {
                restored = list.restore(json);
            }
        });
        restored
    }

    /// Says of each list how many items it has, where the first page does not hold all.
    pub(super) fn count_parts(&mut self) {
        self.head.organisations_count = more_than_a_page(self.head.organisations.len());
        self.body.shown_mut().each_list(&mut |_, list, count| *count = list.count_if_more());
    }

    /// Forgets what is beyond the first pages: for who shows it and folds nothing more into it.
    pub fn keep_first_pages(&mut self) {
        self.head.organisations.truncate(PART_PAGE_LIMIT);
        self.body.shown_mut().each_list(&mut |_, list, _| list.keep_page());
    }

    /// Leaves out the words of what is on no first page: whoever folds a record needs them no more.
    pub fn leave_out_words_beyond_pages(&mut self) {
        self.body.shown_mut().each_list(&mut |_, list, _| list.leave_out_words_beyond());
    }
}

/// How many organisations a record names, where that are more than it shows.
fn more_than_a_page(organisations: usize) -> Option<u64> {
    (organisations > PART_PAGE_LIMIT).then_some(organisations as u64)
}

/// Serialises the organisations that a record shows.
pub(super) fn first_page<S: Serializer>(organisations: &[OrganisationId], serializer: S) -> Result<S::Ok, S::Error> {
    organisations[..organisations.len().min(PART_PAGE_LIMIT)].serialize(serializer)
}
