//! Who may see a record today, and which of its events: the one rule for lists, records, histories, trails and streams. It holds
//! no rows and no documents.

use crate::{Circle, ReaderIdentity, document::Moment};
use convenio_events::{
    AgreementId, Event, OrganisationId, Sequence, Subject,
    codes::Visibility,
    entry::Audience,
    types::{Facts, agreement, convening, learning, listing, named::Named, organisation, record},
};
use serde::{Deserialize, Serialize};

/// Who may see a record, as its events made it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Those who may see it today; unknown = nobody but admins and auditors.
    pub circle: Option<Circle>,
    /// Of a learning that is not published yet, those who will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    later: Option<Circle>,
    /// Who might see it from which event on, where that changed; the first is its first event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    since: Vec<Since>,
    /// The organisations that it names, and named.
    #[serde(default)]
    named: Named,
}

/// From this event on, these might see the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    at: Moment,
    circle: Option<Circle>,
}

/// How much of an event somebody may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sight {
    /// Nothing: it is withheld.
    Withheld,
    /// What happened, and to which record, but no words: it hid the record from this reader.
    WithoutText,
    /// All of it.
    Whole,
}

/// As what a reader finds a record in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// With everything in it.
    Whole,
    /// Without what is for those who are named in it.
    Shown,
    /// It was shown to the reader once, and is not any more since this event.
    Gone(Sequence),
    /// Never.
    Hidden,
}

impl Standing {
    /// Learns what an event says of who may see its subject; true when that changed.
    pub(crate) fn learn(&mut self, event: &Event) -> bool {
        let before = (self.circle, self.later);
        match &event.facts {
            Facts::Learning(learning::Facts::Submitted(facts)) => {
                (self.circle, self.later) = (Some(Circle::Review), Some(facts.visibility.into()));
            }
            // What was never published does not appear by being taken back.
            Facts::Learning(learning::Facts::Retracted(_)) => {
                if self.later.take().is_some() {
                    self.circle = Some(Circle::Parties);
                }
            }
            Facts::Learning(learning::Facts::Published(_)) => self.circle = self.later.take().or(self.circle),
            Facts::Record(record::Facts::VisibilityChanged(facts)) if self.later.is_some() => {
                self.later = Some(facts.to.into());
            }
            _ => self.circle = visibility(event).map(Circle::from).or(self.circle),
        }
        if self.since.last().is_none_or(|last| last.circle != self.circle) {
            self.since.push(Since { at: event.into(), circle: self.circle });
        }
        self.named.learn(event) | (before != (self.circle, self.later))
    }

    /// One that is all that its columns say.
    pub(crate) fn without_past(circle: Option<Circle>, organisations: Vec<OrganisationId>) -> Self {
        Self { circle, later: None, since: vec![Since { at: Moment::FIRST, circle }], named: Named::of(organisations) }
    }

    /// The organisations that are named in it now.
    pub fn organisations(&self) -> Vec<OrganisationId> {
        self.named.now()
    }

    /// Those of them that whoever sees the record may know of.
    pub(crate) fn openly_named(&self) -> Vec<OrganisationId> {
        self.named.openly()
    }

    /// Whether this reader may see the record as it stands.
    pub fn lets(&self, reader: &ReaderIdentity) -> bool {
        matches!(self.face(reader), Face::Whole | Face::Shown)
    }

    /// As what the reader finds it in lists.
    pub fn face(&self, reader: &ReaderIdentity) -> Face {
        if reader.admin_or_auditor || reader.is_one_of(&self.named.now()) {
            return Face::Whole;
        }
        if reader.may_see(self.circle, &[]) {
            return Face::Shown;
        }
        let left = self.left(reader);
        let hidden = self.since.windows(2).rev().find_map(|pair| {
            let hides = reader.may_see(pair[0].circle, &[]) && !reader.may_see(pair[1].circle, &[]);
            hides.then_some(pair[1].at.sequence)
        });
        left.max(hidden).map_or(Face::Hidden, Face::Gone)
    }

    /// Whether the reader was named in it when this event was recorded, or is now: it then sees all that the event made of it.
    pub fn is_whole_at(&self, reader: &ReaderIdentity, sequence: Sequence) -> bool {
        reader.admin_or_auditor
            || reader.is_one_of(&self.named.now())
            || self.left(reader).is_some_and(|until| sequence < until)
    }

    /// Whether the reader was named in it and no longer is: it sees what the record was until then.
    pub fn was_named(&self, reader: &ReaderIdentity) -> bool {
        self.left(reader).is_some()
    }

    /// How much the reader may read of an event that happened to this record. What was for some when it was recorded does not
    /// become everybody's when the record does; and what hides the record is told to those who saw it.
    pub fn sight(&self, reader: &ReaderIdentity, sequence: Sequence) -> Sight {
        if self.is_whole_at(reader, sequence) {
            return Sight::Whole;
        }
        let mut before = None;
        let mut then = None;
        for since in self.since.iter().take_while(|since| since.at.sequence <= sequence) {
            before = if since.at.sequence == sequence { then } else { since.circle };
            then = since.circle;
        }
        let seen = |circle| reader.may_see(circle, &[]);
        match () {
            () if seen(then) && seen(self.circle) => Sight::Whole,
            () if seen(before) && !seen(then) => Sight::WithoutText,
            () => Sight::Withheld,
        }
    }

    /// Whether an event is for those alone who may see another record too, because of which it happened or which it names: whoever
    /// sees only this one does not learn when it happened.
    pub(crate) fn is_aside(&self, event: &Event) -> bool {
        let then = self.since.iter().take_while(|since| since.at.sequence <= event.sequence).last();
        let open = then.is_some_and(|then| then.circle == Some(Circle::Public));
        event.audience == Audience::Restricted
            && (because_of(event).is_some() || open && !matches!(event.facts, Facts::Record(_)))
    }

    /// When those learnt of an event who see the record today: where it was for fewer, when it became theirs to see.
    pub(crate) fn told(&self, moment: Moment) -> Moment {
        let mut told = moment;
        let later = self.since.iter().skip_while(|since| since.at.sequence <= moment.sequence);
        let then = self.since.iter().take_while(|since| since.at.sequence <= moment.sequence).last();
        if then.is_some_and(|then| rank(then.circle) > rank(self.circle))
            && let Some(opened) = later.into_iter().find(|since| rank(since.circle) <= rank(self.circle))
        {
            told = opened.at;
        }
        told
    }

    /// How many might see it at its widest, the fewer the more.
    pub(crate) fn widest(&self) -> u8 {
        self.since.iter().map(|since| rank(since.circle)).min().unwrap_or(u8::MAX)
    }

    /// The events that hid it from somebody: they take it out of lists.
    pub(crate) fn hidings(&self) -> Vec<Sequence> {
        let narrowed = self.since.windows(2).filter(|pair| rank(pair[1].circle) > rank(pair[0].circle));
        let left = self.named.left().iter().map(|left| left.until);
        narrowed.map(|pair| pair[1].at.sequence).chain(left).collect()
    }

    /// About how many bytes it takes.
    pub(crate) fn about_bytes(&self) -> usize {
        32 * self.since.len() + self.named.about_bytes()
    }

    /// Whether it is more than its circle and the organisations that are named now.
    pub(crate) fn has_past(&self) -> bool {
        self.since.len() > 1 || !self.named.left().is_empty()
    }

    fn left(&self, reader: &ReaderIdentity) -> Option<Sequence> {
        let left = self.named.left().iter().filter(|left| reader.organisations.contains(&left.organisation));
        left.map(|left| left.until).max()
    }
}

/// From everybody to nobody.
const fn rank(circle: Option<Circle>) -> u8 {
    match circle {
        Some(Circle::Public) => 0,
        Some(Circle::Members) => 1,
        Some(Circle::Review) => 2,
        Some(Circle::Parties) => 3,
        None => 4,
    }
}

/// The record because of which something happened to another one: whoever may not see it may not see that either.
pub(crate) fn because_of(event: &Event) -> Option<Subject> {
    let agreement = |id: AgreementId| Some(Subject::from(id));
    match &event.facts {
        Facts::Listing(facts) => match facts {
            listing::Facts::Reserved(facts) => agreement(facts.agreement),
            listing::Facts::Allocated(facts) => agreement(facts.agreement),
            listing::Facts::Released(facts) => agreement(facts.agreement),
            listing::Facts::Fulfilled(facts) => facts.agreement.and_then(agreement),
            listing::Facts::Published(_)
            | listing::Facts::Revised(_)
            | listing::Facts::Paused(_)
            | listing::Facts::Resumed(_)
            | listing::Facts::Withdrawn(_)
            | listing::Facts::Expired(_) => None,
        },
        Facts::Ledger(_)
        | Facts::Access(_)
        | Facts::Organisation(_)
        | Facts::Agreement(_)
        | Facts::Learning(_)
        | Facts::Convening(_)
        | Facts::Record(_) => None,
    }
}

/// The visibility that an event gives its record.
fn visibility(event: &Event) -> Option<Visibility> {
    match &event.facts {
        // Events of the ledger itself are always public; who may act for whom is for those it is about.
        Facts::Ledger(_) => Some(Visibility::Public),
        Facts::Access(_) => Some(Visibility::Parties),
        Facts::Record(record::Facts::VisibilityChanged(facts)) => Some(facts.to),
        Facts::Organisation(organisation::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Listing(listing::Facts::Published(facts)) => Some(facts.visibility),
        Facts::Agreement(agreement::Facts::Drafted(facts)) => Some(facts.visibility),
        Facts::Agreement(agreement::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Learning(learning::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Convening(convening::Facts::Announced(facts)) => Some(facts.visibility),
        Facts::Convening(convening::Facts::Registered(facts)) => Some(facts.visibility),
        Facts::Organisation(_) | Facts::Listing(_) | Facts::Agreement(_) | Facts::Learning(_) | Facts::Convening(_) => {
            None
        }
    }
}
