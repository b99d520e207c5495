//! A record as each reader sees it: what is for those who are named in it is left out for everybody else, and so is when it
//! happened. Who may see it at all is said in `standing`.

use super::Document;
use crate::{
    ApplyError, ReaderIdentity,
    standing::{Face, Sight, Standing},
};
use convenio_events::{Event, Sequence};

impl Document {
    /// What those see who may see the record but are not named in it; `None` when there is nothing to leave out.
    ///
    /// They see the record as it stands. What was for fewer before they could see it is not told: no remarks of its review, and of
    /// what it holds nothing is older than its opening to them. Version and time are those of the last event that they may read.
    pub fn without_secrets(&self) -> Option<Self> {
        let head = &self.head;
        let secret = self.body.shown().has_secrets();
        let last = head.last_shown.unwrap_or((head.updated, head.stream_version));
        let aside = last.1 != head.stream_version;
        let created = head.told_created();
        if !secret && !aside && created == head.created {
            return None;
        }
        let mut shown = self.clone();
        shown.body.shown_mut().leave_out_secrets();
        (shown.head.updated, shown.head.stream_version) = last;
        shown.head.created = created;
        shown.head.organisations = head.standing.openly_named();
        shown.body.shown_mut().tell_moments(&mut |moment| *moment = head.standing.told(*moment));
        shown.count_parts();
        Some(shown)
    }

    /// The record as this reader may see it; `None` when it may not.
    pub fn seen_by(&self, reader: &ReaderIdentity) -> Option<Self> {
        match self.head.standing.face(reader) {
            Face::Whole => Some(self.clone()),
            Face::Shown => Some(self.without_secrets().unwrap_or_else(|| self.clone())),
            Face::Gone(_) | Face::Hidden => None,
        }
    }

    /// The record as the last of these events left it that this reader may read today; `None` where it may read none. They are
    /// all of one record, without gaps; `today` is who may see it now, whatever came after them.
    ///
    /// # Errors
    /// [`ApplyError::Contradiction`] when they do not follow from each other.
    pub fn as_read_by(
        events: &[Event],
        reader: &ReaderIdentity,
        today: &Standing,
        before: Sequence,
    ) -> Result<Option<Self>, ApplyError> {
        let past = || events.iter().take_while(|event| event.sequence < before);
        let Some(last) = past().filter(|event| Self::is_made_for(event, reader, today)).last() else { return Ok(None) };
        let document = Self::fold(past().take_while(|event| event.sequence <= last.sequence))?;
        Ok(document.map(|document| document.as_shown_to(reader, today)))
    }

    /// Whether the version that an event makes is one that this reader may read today.
    pub fn is_made_for(event: &Event, reader: &ReaderIdentity, today: &Standing) -> bool {
        let whole = today.is_whole_at(reader, event.sequence);
        whole || today.sight(reader, event.sequence) == Sight::Whole && !today.is_aside(event)
    }

    /// A version that is made for this reader, as it may read it today.
    #[must_use]
    pub fn as_shown_to(self, reader: &ReaderIdentity, today: &Standing) -> Self {
        let whole = today.is_whole_at(reader, self.head.updated.sequence);
        if whole { self } else { self.without_secrets().unwrap_or(self) }
    }
}
