//! What a person sees of one record: a pure fold of its events, and the JSON that the API returns. It reads no other record.

mod agreement;
mod attesting;
mod body;
mod brief;
mod convening;
mod head;
mod involvement;
mod learning;
mod links;
mod listing;
mod lists;
mod organisation;
mod parts;
mod shown;
pub(crate) mod tags;
mod text;

pub use agreement::{Agreement, Signature};
pub use attesting::Attested;
pub(crate) use body::Words;
pub use body::{Body, Span};
pub use convening::{Convening, Session, Visit};
pub use head::{Head, Moment, State};
pub(crate) use involvement::REVIEWER;
pub use involvement::{ROLES_BESIDE_PARTIES, Role};
pub use learning::{Learning, Screening};
pub use listing::{CommitmentLevel, Listing, Remaining, Reservation, ReservationState};
pub use organisation::{Affiliation, Organisation, Site, Verification, Vouched};
pub use parts::{PART_PAGE_BYTES_LIMIT, PART_PAGE_LIMIT, Part, PartKind, Parts};

use crate::ApplyError;
use chrono::NaiveDate;
use convenio_events::{Event, RecordKind, StreamVersion};
use serde::Serialize;
use serde_json::value::RawValue;

/// The most events that are folded for one record as of the past.
pub const FOLD_LIMIT: usize = 10_000;

/// A record as it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// What every record shows.
    #[serde(flatten)]
    pub head: Head,
    /// What its kind shows beside that.
    #[serde(flatten)]
    pub body: Body,
}

impl Document {
    /// Makes it what it is on a day: a verification whose last day is over has expired, though no event says so. Says whether that
    /// changed it.
    pub fn turn_to(&mut self, today: NaiveDate) -> bool {
        self.body.shown_mut().turn_to(today)
    }

    /// The record after its first event.
    ///
    /// # Errors
    /// [`ApplyError::Contradiction`] when the event is not one by which a record begins.
    pub fn begin(event: &Event) -> Result<Self, ApplyError> {
        let (head, body) = Body::begin(event).ok_or_else(|| {
            ApplyError::Contradiction(format!("{} does not begin with {}", event.subject, event.type_name()))
        })?;
        if event.stream_version != StreamVersion(0) {
            let version = event.stream_version;
            return Err(ApplyError::Contradiction(format!("{} begins at version {version}", event.subject)));
        }
        let mut document = Self { head, body };
        document.head.learn(event);
        document.count_parts();
        Ok(document)
    }

    /// The record after one more event.
    ///
    /// # Errors
    /// [`ApplyError::Contradiction`] when the event is another record's, another version's, or of another kind.
    pub fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        let Self { head, body } = self;
        let (standing, last_shown) = (std::mem::take(&mut head.standing), head.last_shown);
        if (event.subject.kind, event.subject.id) != (head.kind, head.id)
            || event.stream_version.0 != head.stream_version.0 + 1
        {
            let (subject, version) = (event.subject, event.stream_version);
            return Err(ApplyError::Contradiction(format!(
                "version {version} of {subject} follows {}",
                head.stream_version
            )));
        }
        if !body.apply(head, event) {
            let what = format!("{} cannot happen to {}", event.facts.suffix(), event.subject);
            return Err(ApplyError::Contradiction(what));
        }
        (head.standing, head.last_shown) = (standing, last_shown);
        head.learn(event);
        self.count_parts();
        Ok(())
    }

    /// The record that these events make, oldest first; `None` without events. All must be of one record, without gaps.
    ///
    /// # Errors
    /// [`ApplyError::Contradiction`] when they do not follow from each other.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Option<Self>, ApplyError> {
        let mut events = events.into_iter();
        let Some(first) = events.next() else { return Ok(None) };
        let mut document = Self::begin(first)?;
        document.leave_out_words_beyond_pages();
        for event in events {
            document.apply(event)?;
            document.leave_out_words_beyond_pages();
        }
        Ok(Some(document))
    }

    /// Its JSON, with everything in it.
    pub fn to_json(&self) -> String {
        // Most are about this long: growing from nothing would copy each of them several times.
        let mut json = Vec::with_capacity(2048);
        serde_json::to_writer(&mut json, self).expect("our types have string keys");
        String::from_utf8(json).expect("JSON is UTF-8")
    }

    /// Reads the JSON of a record with everything in it.
    pub fn from_json(kind: RecordKind, json: &str) -> Result<Self, serde_json::Error> {
        // Twice over the same text: reading flattened fields in one go would copy every value first.
        let head = serde_json::from_str(json)?;
        let unknown = || Err(serde::de::Error::custom("no document has this kind"));
        let body = Body::from_json(kind, json).unwrap_or_else(unknown)?;
        Ok(Self { head, body })
    }

    /// Title, summary and all else in words, as recorded; `None` when it was erased.
    pub fn text(&self) -> Option<&RawValue> {
        self.body.shown().text()
    }

    /// Its title or name, a language map.
    pub fn title(&self) -> Option<&RawValue> {
        text::title(self.text()?)
    }
}
