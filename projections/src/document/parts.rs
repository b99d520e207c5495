//! The lists of a record that grow with its life: sites, sessions, reservations, ... A record shows the first page of each and says
//! how many there are; where all of them are kept is a view's business.

use super::{Affiliation, Attested, Reservation, Screening, Session, Site, Visit};
use convenio_events::Sequence;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned};
use std::ops::{Deref, DerefMut};
use uuid::Uuid;

/// The most items of a list that a record shows; the others are asked for page by page.
pub const PART_PAGE_LIMIT: usize = 200;
/// The most bytes of words, about, of a list that a record shows; an item that has more is shown alone.
pub const PART_PAGE_BYTES_LIMIT: usize = 256 << 10;

/// A list that grows with the life of its record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PartKind {
    /// Sites of an organisation.
    Sites,
    /// Affiliations of an organisation.
    Affiliations,
    /// What agreements hold of an offer or a demand.
    Reservations,
    /// Who says that it took part in a convening.
    Participation,
    /// What was held at a convening.
    Sessions,
    /// What was visited at a convening.
    Visits,
    /// What reviewers found in a learning.
    Screenings,
}

impl PartKind {
    /// The name of the list in the record's JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sites => "sites",
            Self::Affiliations => "affiliations",
            Self::Reservations => "reservations",
            Self::Participation => "participation",
            Self::Sessions => "sessions",
            Self::Visits => "visits",
            Self::Screenings => "screenings",
        }
    }
}

/// An item of such a list.
pub trait Part: Serialize {
    /// What tells it from the others of its list.
    fn key(&self) -> Uuid;
    /// About how many bytes its words have.
    fn words(&self) -> usize {
        0
    }
    /// Leaves its words out.
    fn leave_out_words(&mut self) {}
    /// Whether only those may see it who see everything of the record.
    fn is_restricted(&self) -> bool {
        false
    }
    /// Takes the words that an older form of it has and it has left out.
    fn take_words(&mut self, _older: Self)
    where
        Self: Sized,
    {
    }
}

impl Part for Site {
    fn key(&self) -> Uuid {
        self.id.uuid()
    }
    fn words(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.get().len())
    }
    fn leave_out_words(&mut self) {
        self.text = None;
    }
    fn take_words(&mut self, older: Self) {
        if self.text.is_none() {
            self.text = older.text;
        }
    }
}

impl Part for Affiliation {
    fn key(&self) -> Uuid {
        self.id.uuid()
    }
}

impl Part for Reservation {
    fn key(&self) -> Uuid {
        self.agreement.uuid()
    }
    fn is_restricted(&self) -> bool {
        self.restricted
    }
}

impl Part for Attested {
    fn key(&self) -> Uuid {
        self.organisation.uuid()
    }
}

impl Part for Session {
    fn key(&self) -> Uuid {
        self.id.uuid()
    }
    fn words(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.get().len()) + 40 * self.organisations.len()
    }
    fn leave_out_words(&mut self) {
        self.text = None;
        self.organisations = Vec::new();
    }
}

impl Part for Visit {
    fn key(&self) -> Uuid {
        self.id.uuid()
    }
    fn words(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.get().len())
    }
    fn leave_out_words(&mut self) {
        self.text = None;
    }
}

impl Part for Screening {
    fn key(&self) -> Uuid {
        key_of_event(self.recorded.sequence)
    }
    fn is_restricted(&self) -> bool {
        true
    }
    fn words(&self) -> usize {
        let remarks = self.remarks.iter().flat_map(|remarks| remarks.texts());
        remarks.map(|(_, text)| text.len()).sum::<usize>() + 40 * self.affiliations.len()
    }
    fn leave_out_words(&mut self) {
        self.remarks = None;
        self.affiliations = Vec::new();
    }
}

/// The key of what has no id but the event that recorded it.
pub(super) fn key_of_event(sequence: Sequence) -> Uuid {
    Uuid::from_u128(sequence.0.into())
}

/// The items of a list. What is beyond the first page keeps no words, and is not in the record's JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Parts<T> {
    items: Vec<T>,
    /// How many are on the first page.
    shown: usize,
    /// What their words take.
    bytes: usize,
    /// Whether the first page is full.
    full: bool,
}

impl<T> Default for Parts<T> {
    fn default() -> Self {
        Self { items: Vec::new(), shown: 0, bytes: 0, full: false }
    }
}

impl<T: Part> Parts<T> {
    /// Adds an item.
    pub fn push(&mut self, item: T) {
        self.items.push(item);
        self.turn_page();
    }

    /// Keeps those items for which this is true.
    pub fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let before = self.items.len();
        self.items.retain(keep);
        if self.items.len() < before {
            // What has words never goes: whoever comes onto the page now has lost none.
            (self.shown, self.bytes, self.full) = (0, 0, false);
            self.turn_page();
        }
    }

    /// Puts onto the first page what still fits.
    fn turn_page(&mut self) {
        while !self.full && self.shown < self.items.len() {
            let bytes = self.bytes + self.items[self.shown].words();
            self.full = self.shown == PART_PAGE_LIMIT || (self.shown > 0 && bytes > PART_PAGE_BYTES_LIMIT);
            if !self.full {
                (self.shown, self.bytes) = (self.shown + 1, bytes);
            }
        }
    }

    /// The first page.
    pub fn page(&self) -> &[T] {
        &self.items[..self.shown]
    }
}

/// A list whatever its items are.
pub(crate) trait List {
    /// An item as it is stored; `older` is how it is stored so far.
    fn find(&self, key: Uuid, older: Option<&str>) -> serde_json::Result<Option<StoredPart>>;
    /// How many items the first page has.
    fn shown(&self) -> usize;
    /// How many items there are, where the first page does not hold all.
    fn count_if_more(&self) -> Option<u64>;
    /// Puts an item behind those that are there, without its words.
    fn restore(&mut self, json: &str) -> serde_json::Result<()>;
    /// Forgets what is beyond the first page.
    fn keep_page(&mut self);
    /// Leaves out the words of what is not on the first page: only the last item can have any.
    fn leave_out_words_beyond(&mut self);
    /// Leaves out all words and shows all items: for who keeps a record and shows it to nobody.
    fn show_all_without_words(&mut self);
}

impl<T: Part + Clone + DeserializeOwned> List for Parts<T> {
    fn shown(&self) -> usize {
        self.shown
    }

    fn count_if_more(&self) -> Option<u64> {
        (self.items.len() > self.shown).then_some(self.items.len() as u64)
    }

    fn restore(&mut self, json: &str) -> serde_json::Result<()> {
        self.items.push(serde_json::from_str(json)?);
        self.full = true;
        self.leave_out_words_beyond();
        Ok(())
    }

    fn keep_page(&mut self) {
        self.items.truncate(self.shown);
    }

    fn leave_out_words_beyond(&mut self) {
        let last = self.items.len();
        if last > self.shown {
            self.items[last - 1].leave_out_words();
        }
    }

    fn show_all_without_words(&mut self) {
        self.items.iter_mut().for_each(Part::leave_out_words);
        (self.shown, self.full) = (self.items.len(), false);
    }

    fn find(&self, key: Uuid, older: Option<&str>) -> serde_json::Result<Option<StoredPart>> {
        // What changes is most often among the last.
        let Some(at) = self.items.iter().rposition(|item| item.key() == key) else { return Ok(None) };
        let mut item = self.items[at].clone();
        if let (Some(older), true) = (older, at >= self.shown) {
            item.take_words(serde_json::from_str(older)?);
        }
        let json = serde_json::to_string(&item).expect("our types have string keys");
        Ok(Some(StoredPart { json, restricted: item.is_restricted() }))
    }
}

impl<T> Deref for Parts<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> DerefMut for Parts<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<'a, T> IntoIterator for &'a Parts<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;
    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<T: Part> FromIterator<T> for Parts<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut parts = Self { items: items.into_iter().collect(), ..Self::default() };
        parts.turn_page();
        parts
    }
}

impl<T: Serialize> Serialize for Parts<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.items[..self.shown].serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Part> Deserialize<'de> for Parts<T> {
    /// What a record's JSON has is its first page, whatever it takes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items = Vec::<T>::deserialize(deserializer)?;
        let bytes = items.iter().map(Part::words).sum();
        Ok(Self { shown: items.len(), bytes, full: false, items })
    }
}

/// An item as it is stored.
pub(crate) struct StoredPart {
    /// Its JSON.
    pub(crate) json: String,
    /// Whether only those may see it who see everything of the record.
    pub(crate) restricted: bool,
}

/// Whether a list has no item to show.
pub(super) fn is_empty<T>(parts: &Parts<T>) -> bool {
    parts.items.is_empty()
}
