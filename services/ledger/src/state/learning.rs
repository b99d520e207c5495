//! A learning: who wrote it, who of them accepts that, and how far it is on its way to be published.

use super::{Begun, State};
use convenio_events::{OrganisationId, Subject, codes::ScreeningOutcome, types::learning::Facts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a learning stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// It was published elsewhere.
    Registered,
    /// It waits for screening or publication.
    Submitted,
    /// A reviewer asked for changes.
    RevisionRequested,
    /// It was changed after a reviewer had looked at it, and waits for another look.
    Revised,
    /// A reviewer passed it.
    Screened,
    /// It is published here.
    Published,
    /// An author took it back.
    Retracted,
}

/// A learning, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Learning {
    /// Who brought it.
    pub by: OrganisationId,
    /// Who wrote it.
    pub authors: BTreeSet<OrganisationId>,
    /// Who has accepted to be an author.
    pub accepted: BTreeSet<OrganisationId>,
    /// What it came from.
    pub links: BTreeSet<Subject>,
    /// Where it stands.
    pub status: Status,
}

impl State for Learning {
    type Facts = Facts;

    fn begin(facts: &Facts, _: Begun) -> Option<Self> {
        let (by, content, status) = match facts {
            Facts::Registered(facts) => (facts.by, &facts.content, Status::Registered),
            Facts::Submitted(facts) => (facts.by, &facts.content, Status::Submitted),
            Facts::Screened(_)
            | Facts::Published(_)
            | Facts::AuthorshipAccepted(_)
            | Facts::Retracted(_)
            | Facts::Revised(_) => return None,
        };
        let authors = content.authors.iter().copied().collect();
        let links = content.links.iter().copied().collect();
        Some(Self { by, authors, accepted: BTreeSet::new(), links, status })
    }

    fn evolve(&mut self, facts: &Facts) {
        match facts {
            Facts::Registered(_) | Facts::Submitted(_) => {}
            Facts::Screened(facts) => {
                self.status = match facts.outcome {
                    ScreeningOutcome::Passed => Status::Screened,
                    ScreeningOutcome::RevisionRequested => Status::RevisionRequested,
                }
            }
            Facts::Revised(facts) => {
                self.authors = facts.content.authors.iter().copied().collect();
                self.links = facts.content.links.iter().copied().collect();
                // They accepted other words.
                self.accepted.clear();
                if self.status != Status::Submitted {
                    self.status = Status::Revised;
                }
            }
            Facts::Published(_) => self.status = Status::Published,
            Facts::AuthorshipAccepted(facts) => {
                self.accepted.insert(facts.by);
            }
            Facts::Retracted(_) => {
                self.status = Status::Retracted;
            }
        }
    }

    fn names(&self, _: Subject, organisation: OrganisationId) -> bool {
        self.by == organisation || self.authors.contains(&organisation)
    }

    fn named_by_content(&self) -> Vec<OrganisationId> {
        self.authors.iter().copied().collect()
    }
}

impl Learning {
    /// Whether it waits to be published here.
    pub const fn is_unpublished(&self) -> bool {
        match self.status {
            Status::Submitted | Status::RevisionRequested | Status::Revised | Status::Screened => true,
            Status::Registered | Status::Published | Status::Retracted => false,
        }
    }
}
