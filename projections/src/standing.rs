//! Who may see a record today, and which of its events: the one rule for lists, records, histories, trails and streams. It holds
//! no rows and no documents.

use crate::document::Moment;
use convenio_events::{
    Event, OrganisationId, Sequence,
    entry::Audience,
    sight::{Circle, Named, Openness, ReaderIdentity},
    types::Facts,
};
use serde::{Deserialize, Serialize};

/// Who may see a record, as its events made it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Those who may see it today beside the organisations that it names.
    #[serde(flatten)]
    pub openness: Openness,
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
        let about = event.about();
        let opened = self.openness.learn(about.opening);
        if self.since.last().is_none_or(|last| last.circle != self.openness.circle) {
            self.since.push(Since { at: event.into(), circle: self.openness.circle });
        }
        self.named.learn(&about.naming, event.sequence) | opened
    }

    /// One that is all that its columns say.
    pub(crate) fn without_past(circle: Option<Circle>, organisations: Vec<OrganisationId>) -> Self {
        let openness = Openness { circle, later: None };
        Self { openness, since: vec![Since { at: Moment::FIRST, circle }], named: Named::of(organisations) }
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
        if reader.may_see(self.openness.circle, &[]) {
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
            () if seen(then) && seen(self.openness.circle) => Sight::Whole,
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
            && (event.about().because_of.is_some() || open && !matches!(event.facts, Facts::Record(_)))
    }

    /// When those learnt of an event who see the record today: where it was for fewer, when it became theirs to see.
    pub(crate) fn told(&self, moment: Moment) -> Moment {
        let mut told = moment;
        let later = self.since.iter().skip_while(|since| since.at.sequence <= moment.sequence);
        let then = self.since.iter().take_while(|since| since.at.sequence <= moment.sequence).last();
        if then.is_some_and(|then| rank(then.circle) > rank(self.openness.circle))
            && let Some(opened) = later.into_iter().find(|since| rank(since.circle) <= rank(self.openness.circle))
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
