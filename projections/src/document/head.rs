//! What every record shows, whatever its kind. States are those of the code lists; which follows which is not judged here.

use super::lists::first_page;
use crate::{Circle, standing::Standing};
use convenio_events::{
    AccessId, Event, OrganisationId, RecordKind, Sequence, StreamVersion, Timestamp, codes::Visibility,
    language_map::Line, sight::Openness, types::access::ReasonText,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An event's place and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Where in the ledger.
    pub sequence: Sequence,
    /// When the ledger learnt it.
    pub time: Timestamp,
}

impl Moment {
    /// Before everything.
    pub(crate) const FIRST: Self = Self { sequence: Sequence::ZERO, time: Timestamp::from_micros(0) };
}

impl From<&Event> for Moment {
    fn from(event: &Event) -> Self {
        Self { sequence: event.sequence, time: event.time }
    }
}

macro_rules! states {
    ($($variant:ident $word:literal),* $(,)?) => {
        /// The state of a record, of whatever kind (code list `states`).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum State { $(
            #[doc = concat!("`", $word, "`")]
            #[serde(rename = $word)]
            $variant,
        )* }
        impl State {
            /// Every state.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];
            /// The code.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}
states! {
    Open "open", Paused "paused", Withdrawn "withdrawn", Expired "expired", Fulfilled "fulfilled",
    Drafted "drafted", Proposed "proposed", PartlySigned "partly-signed", Signed "signed", Active "active",
    Suspended "suspended",
    Closing "closing", Completed "completed", Terminated "terminated", Cancelled "cancelled", Registered "registered",
    Submitted "submitted", Screened "screened", RevisionRequested "revision-requested", Published "published",
    Retracted "retracted", Announced "announced", Postponed "postponed", Held "held", Profile "profile",
}

/// What is known of a record that its JSON does not tell.
#[derive(Serialize, Deserialize)]
struct Beside {
    standing: Standing,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_shown: Option<(Moment, StreamVersion)>,
}

/// What every record shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// Which record.
    pub id: Uuid,
    /// Its kind.
    pub kind: RecordKind,
    /// Where it stands.
    pub state: State,
    /// Who may see it today; unknown = nobody but admins.
    pub visibility: Option<Visibility>,
    /// Who will see it once it is published; until then, those who work on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility_once_published: Option<Visibility>,
    /// The subject's version: what `If-Match` takes.
    #[serde(rename = "streamversion")]
    pub stream_version: StreamVersion,
    /// The event that made it.
    pub created: Moment,
    /// The event that changed it last.
    pub updated: Moment,
    /// Every organisation named in it now: those who see it where only parties may. It shows the first 200.
    #[serde(serialize_with = "first_page")]
    pub organisations: Vec<OrganisationId>,
    /// How many are named, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisations_count: Option<u64>,
    /// The grant under which it was made.
    #[serde(with = "crate::grant_reference")]
    pub grant: Option<AccessId>,
    /// Whether that grant is one under which a sample is recorded. The events of one record cannot say so: the view does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sample: bool,
    /// Why it came to its state, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Line>,
    /// Who may see what of it. It is kept beside the JSON of a record, which is for readers.
    #[serde(skip)]
    pub standing: Standing,
    /// The last event that is not for those alone who may see another record too, and the version that it made.
    #[serde(skip)]
    pub(crate) last_shown: Option<(Moment, StreamVersion)>,
}

impl Head {
    pub(super) fn new(event: &Event, state: State) -> Self {
        Self {
            id: event.subject.id,
            kind: event.subject.kind,
            state,
            visibility: None,
            visibility_once_published: None,
            stream_version: event.stream_version,
            created: event.into(),
            updated: event.into(),
            organisations: Vec::new(),
            organisations_count: None,
            grant: event.grant,
            sample: false,
            reason: None,
            standing: Standing::default(),
            last_shown: None,
        }
    }

    /// Those who may see it today.
    pub fn circle(&self) -> Option<Circle> {
        self.standing.openness.circle
    }

    /// When those learnt of it who see it today.
    pub(crate) fn told_created(&self) -> Moment {
        self.standing.told(self.created)
    }

    pub(super) fn enter(&mut self, state: State) {
        self.state = state;
        self.reason = None;
    }

    /// Enters a state for a reason that the event's text tells.
    pub(super) fn enter_because(&mut self, state: State, event: &Event) {
        self.state = state;
        self.reason = reason(event);
    }

    /// What is kept beside the JSON of a record, as JSON.
    pub(crate) fn kept_beside(&self) -> String {
        let beside = Beside { standing: self.standing.clone(), last_shown: self.last_shown };
        serde_json::to_string(&beside).expect("our types have string keys")
    }

    /// Takes back [`Self::kept_beside`], after the JSON was read.
    pub(crate) fn take_beside(&mut self, json: &str) -> Result<(), serde_json::Error> {
        let Beside { standing, last_shown } = serde_json::from_str(json)?;
        // The JSON shows only the first of them.
        self.organisations = standing.organisations();
        (self.standing, self.last_shown) = (standing, last_shown);
        Ok(())
    }

    /// The standing in [`Self::kept_beside`].
    pub(crate) fn standing_beside(json: &str) -> Result<Standing, serde_json::Error> {
        Ok(serde_json::from_str::<Beside>(json)?.standing)
    }

    /// The last event of which those learn when it happened who see the record but are not named in it.
    pub(crate) fn shown_sequence(&self) -> Sequence {
        self.last_shown.map_or(self.updated.sequence, |(moment, _)| moment.sequence)
    }

    /// The version that event made.
    pub(crate) fn shown_version(&self) -> StreamVersion {
        self.last_shown.map_or(self.stream_version, |(_, version)| version)
    }

    /// Learns what every event says, whatever it does to the record.
    pub(super) fn learn(&mut self, event: &Event) {
        self.stream_version = event.stream_version;
        self.updated = event.into();
        self.standing.learn(event);
        let Openness { circle, later } = self.standing.openness;
        (self.visibility, self.visibility_once_published) = (circle.map(Into::into), later.map(Into::into));
        self.organisations = self.standing.organisations();
        // That it is there is told where it is shown, whoever may read the event that made it.
        if !self.standing.is_aside(event) || event.stream_version == StreamVersion(0) {
            self.last_shown = Some((event.into(), event.stream_version));
        }
    }
}

fn reason(event: &Event) -> Option<Line> {
    let text: ReasonText = serde_json::from_str(event.text.as_deref()?).ok()?;
    Some(text.reason)
}
