//! Learnings as a person sees them: what was learnt, who vouches for having written it, how far others looked at it.

use super::{
    attesting::{Attested, attest_alone, claimed},
    body::{EachList, RecordBody, Shown, Span},
    head::{Head, Moment, State},
    involvement::{REVIEWER, Roles, attestation_of},
    parts::{List, PartKind, Parts, is_empty, key_of_event},
    tags::{Field, Tags},
    text::raw_text,
};
use convenio_events::{
    Event, LanguageMap, OrganisationId, Subject,
    codes::{LearningLevel, ScreeningOutcome},
    types::learning::{Content, Facts, ScreenedText},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

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

impl RecordBody for Learning {
    type Facts = Facts;
    const LISTS: &'static [PartKind] = &[PartKind::Screenings];

    fn begin(facts: &Facts, event: &Event) -> Option<(Head, Self)> {
        let (by, content, published_elsewhere) = match facts {
            Facts::Registered(facts) => (facts.by, &facts.content, true),
            Facts::Submitted(facts) => (facts.by, &facts.content, false),
            Facts::Screened(_)
            | Facts::Revised(_)
            | Facts::Published(_)
            | Facts::AuthorshipAccepted(_)
            | Facts::Retracted(_) => return None,
        };
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
        Some((head, learning))
    }

    fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Registered(_) | Facts::Submitted(_) => {}
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

    fn touched(&self, facts: &Facts, event: &Event) -> Vec<(PartKind, Uuid)> {
        match facts {
            Facts::Screened(_) => vec![(PartKind::Screenings, key_of_event(event.sequence))],
            Facts::Registered(_)
            | Facts::Submitted(_)
            | Facts::Revised(_)
            | Facts::Published(_)
            | Facts::AuthorshipAccepted(_)
            | Facts::Retracted(_) => Vec::new(),
        }
    }
}

impl Shown for Learning {
    fn text(&self) -> Option<&RawValue> {
        self.text.as_deref()
    }

    fn text_mut(&mut self) -> &mut Option<Box<RawValue>> {
        &mut self.text
    }

    fn add_roles(&self, roles: &mut Roles) {
        for author in &self.content.authors {
            roles.add(*author, "author", attestation_of(&self.authorship, *author));
        }
        if !self.content.authors.contains(&self.by) {
            roles.add(self.by, "registrar", None);
        }
        for screening in &self.screenings {
            roles.add(screening.by, REVIEWER, None);
        }
    }

    fn span(&self) -> Span {
        (self.content.occurred_on, self.content.occurred_on)
    }

    fn is_history(&self, state: State) -> bool {
        matches!(state, State::Published | State::Registered)
    }

    fn add_tags(&self, _: &Head, tags: &mut Tags) {
        tags.add(Field::Type, self.content.kind.word());
        tags.themes(&self.content.themes);
        tags.places(&self.content.places);
        tags.languages(&self.content.languages);
        tags.origins(&self.content.links);
        self.level.iter().for_each(|level| tags.add(Field::Level, level.word()));
    }

    fn list(&self, kind: PartKind) -> Option<&dyn List> {
        (kind == PartKind::Screenings).then_some(&self.screenings)
    }

    fn each_list(&mut self, change: &mut EachList<'_>) {
        change(PartKind::Screenings, &mut self.screenings, &mut self.screenings_count);
    }

    /// What reviewers found is for those who work on it.
    fn has_secrets(&self) -> bool {
        !self.screenings.is_empty()
    }

    fn leave_out_secrets(&mut self) {
        self.screenings = Parts::default();
    }

    fn tell_moments(&mut self, tell: &mut dyn FnMut(&mut Moment)) {
        self.authorship.iter_mut().for_each(|one| tell(&mut one.since));
    }

    fn retain_links(&mut self, keep: &mut dyn FnMut(Subject) -> bool) {
        self.content.links.retain(|link| keep(*link));
    }

    fn about_bytes(&self) -> usize {
        100 * (self.screenings.len() + self.content.authors.len())
    }
}

fn remarks(event: &Event) -> Option<LanguageMap> {
    let text: ScreenedText = serde_json::from_str(event.text.as_deref()?).ok()?;
    text.remarks
}
