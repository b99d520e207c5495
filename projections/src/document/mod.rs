//! What a person sees of one record: a pure fold of its events, and the JSON that the API returns. It reads no other record.

mod agreement;
mod attesting;
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
mod text;

pub use agreement::{Agreement, Signature};
pub use attesting::Attested;
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
use convenio_events::{
    Event, RecordKind, StreamVersion,
    types::{self, Facts},
};
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

/// What a record's kind shows.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// An organisation.
    Organisation(Box<Organisation>),
    /// An offer or a demand.
    Listing(Box<Listing>),
    /// An agreement.
    Agreement(Box<Agreement>),
    /// A learning.
    Learning(Box<Learning>),
    /// A convening.
    Convening(Box<Convening>),
}

impl Document {
    /// Makes it what it is on a day: a verification whose last day is over has expired, though no event says so. Says whether that
    /// changed it.
    pub fn turn_to(&mut self, today: NaiveDate) -> bool {
        match &mut self.body {
            Body::Organisation(organisation) => {
                let turned = organisation.verification.clone().on(today);
                let changed = turned != organisation.verification;
                organisation.verification = turned;
                changed
            }
            Body::Listing(_) | Body::Agreement(_) | Body::Learning(_) | Body::Convening(_) => false,
        }
    }

    /// The record after its first event.
    ///
    /// # Errors
    /// [`ApplyError::Contradiction`] when the event is not one by which a record begins.
    pub fn begin(event: &Event) -> Result<Self, ApplyError> {
        use types::{
            agreement::Facts as A, convening::Facts as C, learning::Facts as L, listing::Facts as O,
            organisation::Facts as G,
        };
        let (head, body) = match &event.facts {
            Facts::Organisation(G::Registered(facts)) => boxed(Organisation::begin(facts, event), Body::Organisation),
            Facts::Listing(O::Published(facts)) => boxed(Listing::begin(facts, event), Body::Listing),
            Facts::Agreement(A::Drafted(facts)) => boxed(Agreement::begin_draft(facts, event), Body::Agreement),
            Facts::Agreement(A::Registered(facts)) => boxed(Agreement::begin_registered(facts, event), Body::Agreement),
            Facts::Learning(L::Registered(facts)) => {
                boxed(Learning::begin((facts.by, &facts.content), true, event), Body::Learning)
            }
            Facts::Learning(L::Submitted(facts)) => {
                boxed(Learning::begin((facts.by, &facts.content), false, event), Body::Learning)
            }
            Facts::Convening(C::Announced(facts)) => {
                boxed(Convening::begin((facts.by, &facts.plan), false, event), Body::Convening)
            }
            Facts::Convening(C::Registered(facts)) => {
                boxed(Convening::begin((facts.by, &facts.plan), true, event), Body::Convening)
            }
            Facts::Ledger(_)
            | Facts::Access(_)
            | Facts::Record(_)
            | Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_) => {
                return Err(ApplyError::Contradiction(format!(
                    "{} does not begin with {}",
                    event.subject,
                    event.type_name()
                )));
            }
        };
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
        match (body, &event.facts) {
            (Body::Organisation(body), Facts::Organisation(facts)) => body.apply(head, facts, event),
            (Body::Listing(body), Facts::Listing(facts)) => body.apply(head, facts, event),
            (Body::Agreement(body), Facts::Agreement(facts)) => body.apply(head, facts, event),
            (Body::Learning(body), Facts::Learning(facts)) => body.apply(head, facts, event),
            (Body::Convening(body), Facts::Convening(facts)) => body.apply(head, facts, event),
            // Who may see it is learnt from every event alike.
            (_, Facts::Record(types::record::Facts::VisibilityChanged(_))) => {}
            (
                Body::Organisation(_) | Body::Listing(_) | Body::Agreement(_) | Body::Learning(_) | Body::Convening(_),
                facts,
            ) => {
                let what = format!("{} cannot happen to {}", facts.suffix(), event.subject);
                return Err(ApplyError::Contradiction(what));
            }
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
        let body = match kind {
            RecordKind::Organisation => Body::Organisation(serde_json::from_str(json)?),
            RecordKind::Offer | RecordKind::Demand => Body::Listing(serde_json::from_str(json)?),
            RecordKind::Agreement => Body::Agreement(serde_json::from_str(json)?),
            RecordKind::Learning => Body::Learning(serde_json::from_str(json)?),
            RecordKind::Convening => Body::Convening(serde_json::from_str(json)?),
            RecordKind::Ledger | RecordKind::Access => {
                return Err(serde::de::Error::custom("no document has this kind"));
            }
        };
        Ok(Self { head, body })
    }

    /// Title, summary and all else in words, as recorded; `None` when it was erased.
    pub fn text(&self) -> Option<&RawValue> {
        match &self.body {
            Body::Organisation(body) => body.text.as_deref(),
            Body::Listing(body) => body.text.as_deref(),
            Body::Agreement(body) => body.text.as_deref(),
            Body::Learning(body) => body.text.as_deref(),
            Body::Convening(body) => body.text.as_deref(),
        }
    }

    /// Its title or name, a language map.
    pub fn title(&self) -> Option<&RawValue> {
        text::title(self.text()?)
    }
}

fn boxed<T>((head, body): (Head, T), variant: impl FnOnce(Box<T>) -> Body) -> (Head, Body) {
    (head, variant(Box::new(body)))
}
