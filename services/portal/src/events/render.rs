//! Events as CloudEvents JSON, each as its reader may see it: shown, or withheld. A filter matches no withheld event.

use crate::{
    asking::Reading,
    parameters::Parameters,
    problem::{Problem, internal},
    read::trail::SubjectReference,
    state::PortalState,
};
use convenio_events::{
    Event, RecordedEvent, Subject, cloud_event,
    entry::{Audience, Entry},
    record::RawRecord,
    schemas::SchemaLocation,
    types::TYPE_PREFIX,
};
use convenio_projections::{
    Reader, ReaderIdentity, ViewName,
    access::{self, Sight},
};
use serde::Serialize as _;
use std::str::FromStr;

/// The last committed event, as a number.
pub(crate) fn head_sequence(state: &PortalState) -> Option<u64> {
    state.head_sequence().map(|sequence| sequence.0)
}

/// Event types: one by its full name, or all that begin so, where the name ends with `.*`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TypePattern {
    Full(String),
    /// With the dot at its end.
    Beginning(String),
}

impl TypePattern {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Full(full) => full == name,
            Self::Beginning(beginning) => name.starts_with(beginning.as_str()),
        }
    }

    /// What names that it matches begin with.
    pub(crate) fn beginning(self) -> String {
        let (Self::Full(text) | Self::Beginning(text)) = self;
        text
    }
}

impl FromStr for TypePattern {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Types that this node does not know yet may come with the next version: only what can never be a type is refused.
        match text.strip_suffix('*') {
            _ if !text.starts_with(TYPE_PREFIX) => Err(TYPE_RULE),
            Some(beginning) if beginning.ends_with('.') && !beginning.contains('*') => {
                Ok(Self::Beginning(beginning.to_owned()))
            }
            None if !text.contains('*') => Ok(Self::Full(text.to_owned())),
            Some(_) | None => Err(TYPE_RULE),
        }
    }
}

/// What a type parameter takes.
const TYPE_RULE: &str =
    "it must be a full type name such as org.convenio.offer.published.v1, or a beginning such as org.convenio.offer.*";

/// Which events are asked for; all without.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    types: Vec<TypePattern>,
    pub(crate) subject: Option<Subject>,
}

impl Filter {
    /// Reads `type` (several) and `subject`.
    pub(crate) fn read(parameters: &mut Parameters) -> Result<Self, Problem> {
        let subject = parameters.one("subject")?.map(|SubjectReference(subject)| subject);
        Ok(Self { types: parameters.list("type")?, subject })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.types.is_empty() && self.subject.is_none()
    }

    /// Whether an event is asked for.
    pub(crate) fn matches(&self, event: &RecordedEvent) -> Result<bool, Problem> {
        if self.is_empty() {
            return Ok(true);
        }
        let raw = RawRecord::parse(&event.record).map_err(|error| internal(&error))?;
        let subject = self.subject.is_none_or(|subject| subject == raw.subject);
        Ok(subject && (self.types.is_empty() || self.types.iter().any(|pattern| pattern.matches(raw.r#type))))
    }
}

/// What one reader may read, by the access view at one position.
#[derive(Debug)]
pub(crate) struct Eyes {
    access: Reader,
    identity: ReaderIdentity,
    schemas: SchemaLocation,
}

impl Eyes {
    pub(crate) fn open(reading: &mut Reading) -> Result<Self, Problem> {
        let schemas = reading.schemas().clone();
        Ok(Self { access: reading.view(ViewName::Access)?, identity: reading.identity.clone(), schemas })
    }

    /// How many events the view has folded: beyond that nobody knows who may read what.
    pub(crate) fn position(&self) -> convenio_events::Sequence {
        self.access.position()
    }

    /// How much of it the reader may read today. What this program cannot judge it does not show.
    pub(crate) fn sight(&self, event: &RecordedEvent) -> Result<Sight, Problem> {
        let Ok(decoded) = Event::decode(event) else {
            // A type of a newer program: the entry says whom it is for.
            let entry = Entry::parse(&event.entry).map_err(|error| internal(&error))?;
            return Ok(if entry.audience == Audience::Public { Sight::Whole } else { Sight::Withheld });
        };
        Ok(access::sight(&self.access, &self.identity, &decoded)?)
    }

    /// Writes an event's JSON if the filter lets it through; says whether it did.
    pub(crate) fn write(&self, out: &mut Vec<u8>, event: &RecordedEvent, filter: &Filter) -> Result<bool, Problem> {
        if !filter.matches(event)? {
            return Ok(false);
        }
        let sight = self.sight(event)?;
        if sight == Sight::Withheld && !filter.is_empty() {
            return Ok(false);
        }
        self.write_seen(out, event, sight)?;
        Ok(true)
    }

    /// Writes an event's JSON as somebody with that much sight sees it.
    pub(crate) fn write_seen(&self, out: &mut Vec<u8>, event: &RecordedEvent, sight: Sight) -> Result<(), Problem> {
        write_json(out, &self.seen(event, sight)?);
        Ok(())
    }

    /// An event as somebody with that much sight sees it.
    pub(crate) fn seen<'a>(
        &self,
        event: &'a RecordedEvent,
        sight: Sight,
    ) -> Result<cloud_event::CloudEvent<'a>, Problem> {
        let shown = || cloud_event::shown(event, &self.schemas).map_err(|error| internal(&error));
        match sight {
            Sight::Whole => shown(),
            Sight::WithoutText => Ok(shown()?.without_text()),
            Sight::Withheld => {
                let entry = Entry::parse(&event.entry).map_err(|error| internal(&error))?;
                Ok(cloud_event::withheld(&entry))
            }
        }
    }
}

fn write_json(out: &mut Vec<u8>, event: &cloud_event::CloudEvent<'_>) {
    event
        .serialize(&mut serde_json::Serializer::new(out))
        .expect("our types have string keys, and a Vec takes everything");
}

/// A JSON object with a list of events, written as they come.
#[derive(Debug)]
pub(crate) struct Rendering {
    out: Vec<u8>,
    eyes: Eyes,
    any: bool,
}

impl Rendering {
    pub(crate) fn begin(reading: &mut Reading) -> Result<Self, Problem> {
        Ok(Self { out: br#"{"events":["#.to_vec(), eyes: Eyes::open(reading)?, any: false })
    }

    /// How large it is so far.
    pub(crate) fn bytes(&self) -> usize {
        self.out.len()
    }

    pub(crate) fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// Adds an event if the filter lets it through; says whether it did.
    pub(crate) fn push(&mut self, event: &RecordedEvent, filter: &Filter) -> Result<bool, Problem> {
        let before = self.out.len();
        if self.any {
            self.out.push(b',');
        }
        let written = self.eyes.write(&mut self.out, event, filter)?;
        if !written {
            self.out.truncate(before);
        }
        self.any |= written;
        Ok(written)
    }

    /// Adds an event if it may be read: where all are known to be of one record, a withheld one would tell that it is
    /// too.
    pub(crate) fn push_if_readable(&mut self, event: &RecordedEvent) -> Result<(), Problem> {
        if self.eyes.sight(event)? != Sight::Withheld {
            self.push(event, &Filter::default())?;
        }
        Ok(())
    }

    /// Ends the list, and adds numbers.
    pub(crate) fn finish(mut self, numbers: &[(&str, Option<u64>)]) -> Vec<u8> {
        self.out.push(b']');
        for (name, number) in numbers {
            let number = number.map_or_else(|| "null".to_owned(), |number| number.to_string());
            self.out.extend_from_slice(format!(",\"{name}\":{number}").as_bytes());
        }
        self.out.push(b'}');
        self.out
    }
}
