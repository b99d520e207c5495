//! Learnings as a person sees them: what was learnt, who vouches for having written it, how far others looked at it.

use super::attesting::{Attested, attest_alone, claimed};
use super::head::{Head, Moment, State};
use super::parts::{Parts, is_empty};
use super::text::raw_text;
use convenio_events::{
    Event, LanguageMap, OrganisationId,
    codes::{LearningLevel, ScreeningOutcome},
    types::learning::{Content, Facts, ScreenedText},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What one reviewer found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Screening {
    /// The reviewer's organisation.
    pub by: OrganisationId,
    /// What came of it.
    pub outcome: ScreeningOutcome,
    /// Organisations that the reviewer is affiliated with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affiliations: Vec<OrganisationId>,
    /// What the reviewer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remarks: Option<LanguageMap>,
    /// The event that recorded it.
    pub recorded: Moment,
}

/// A learning.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Learning {
    /// Who registered or submitted it.
    pub by: OrganisationId,
    /// Whether it was published elsewhere and registered here.
    pub published_elsewhere: bool,
    /// What it is about.
    pub content: Content,
    /// What was learnt, in words.
    pub text: Option<Box<RawValue>>,
    /// How far it was reviewed, once published here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LearningLevel>,
    /// Which authors accept that they wrote it.
    pub authorship: Vec<Attested>,
    /// What reviewers found.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub screenings: Parts<Screening>,
    /// How many those are, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenings_count: Option<u64>,
    /// Who retracted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retracted_by: Option<OrganisationId>,
}

impl Learning {
    pub(super) fn begin(
        (by, content): (OrganisationId, &Content),
        published_elsewhere: bool,
        event: &Event,
    ) -> (Head, Self) {
        let state = if published_elsewhere { State::Registered } else { State::Submitted };
        let head = Head::new(event, state);
        let learning = Self {
            by,
            published_elsewhere,
            content: content.clone(),
            text: raw_text(event),
            level: None,
            authorship: claimed(content.authors.iter().copied(), event),
            screenings: Parts::default(),
            screenings_count: None,
            retracted_by: None,
        };
        (head, learning)
    }

    pub(super) fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Registered(facts) => {
                (*head, *self) = Self::begin((facts.by, &facts.content), true, event);
            }
            Facts::Submitted(facts) => {
                (*head, *self) = Self::begin((facts.by, &facts.content), false, event);
            }
            Facts::Screened(screened) => {
                head.enter(match screened.outcome {
                    ScreeningOutcome::Passed => State::Screened,
                    ScreeningOutcome::RevisionRequested => State::RevisionRequested,
                });
                self.screenings.push(Screening {
                    by: screened.by,
                    outcome: screened.outcome,
                    affiliations: screened.affiliations.clone(),
                    remarks: remarks(event),
                    recorded: event.into(),
                });
            }
            Facts::Revised(revised) => {
                head.enter(State::Submitted);
                self.content = revised.content.clone();
                self.text = raw_text(event);
                // Whoever accepted other words has not accepted these.
                self.authorship = claimed(revised.content.authors.iter().copied(), event);
            }
            Facts::Published(published) => {
                head.enter(State::Published);
                self.level = Some(published.level);
            }
            Facts::AuthorshipAccepted(accepted) => {
                attest_alone(&mut self.authorship, accepted.by, event);
            }
            Facts::Retracted(retracted) => {
                head.enter_because(State::Retracted, event);
                self.retracted_by = Some(retracted.by);
            }
        }
    }
}

fn remarks(event: &Event) -> Option<LanguageMap> {
    let text: ScreenedText = serde_json::from_str(event.text.as_deref()?).ok()?;
    text.remarks
}
