//! Who may see a record, as the write model knows it: the answer of [`convenio_events::sight`], without a list of names that would grow
//! with the life of the record.

use super::{Aggregate, Folded, World};
use convenio_events::{
    ConveningId, OrganisationId, Subject,
    sight::{Openness, ReaderIdentity},
    types::about::{Happened, Naming},
};

/// What somebody may see of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sight {
    /// The record as it is.
    Now,
    /// What it was while it named them.
    Once,
    /// Nothing, or there is no such record.
    Never,
}

/// The row of an organisation that reviewed a record.
fn reviewed(subject: Subject, organisation: OrganisationId) -> String {
    format!("reviewed:{subject}:{organisation}")
}

/// The row of an organisation that a record named once.
fn named_once(subject: Subject, organisation: OrganisationId) -> String {
    format!("named:{subject}:{organisation}")
}

impl World {
    /// Who may see a record beside those whom it names; `None` where there is no such record.
    pub fn openness(&self, subject: Subject) -> Option<Openness> {
        self.slot(subject, |slot| Some(slot.openness))
    }

    /// What somebody may see of a record.
    pub fn sight(&self, reader: &ReaderIdentity, subject: Subject) -> Sight {
        let Some(openness) = self.openness(subject) else { return Sight::Never };
        let any = |is: &dyn Fn(OrganisationId) -> bool| reader.organisations.iter().copied().any(is);
        if reader.may_see(openness.circle, &[]) || any(&|organisation| self.names(subject, organisation)) {
            Sight::Now
        } else if any(&|organisation| self.holder(&named_once(subject, organisation)).is_some()) {
            Sight::Once
        } else {
            Sight::Never
        }
    }

    /// Whether a record names an organisation as it is: its state does, or a row beside it.
    fn names(&self, subject: Subject, organisation: OrganisationId) -> bool {
        let by_its_state = |aggregate: Aggregate| aggregate.names(subject, organisation);
        self.aggregate(subject).is_some_and(by_its_state)
            || self.holder(&reviewed(subject, organisation)).is_some()
            // Where the organisation says so itself: what others claim of it gives them no sight.
            || self.is_tied_by_its_word(OrganisationId::new(subject.id), organisation)
            || self.took_part(ConveningId::new(subject.id), organisation)
    }

    /// Keeps whom an event leaves out, or names without the record's state saying so. Before it is folded.
    pub(super) fn fold_named(&mut self, event: &Folded<'_>) {
        let about = event.facts.about(Happened { subject: event.subject, actor: event.actor });
        let named = match about.naming {
            // The state of the record, or a row of its own, says so.
            Naming::Nobody | Naming::Begin(..) | Naming::Stay(_) | Naming::Tie { .. } | Naming::Confirm(_) => return,
            Naming::Review(by) => {
                return self.set_name(reviewed(event.subject, by), Some(event.subject.id), event.sequence);
            }
            Naming::Leave(by) => vec![by],
            Naming::Content(now) => {
                let before =
                    self.aggregate(event.subject).map(|aggregate| aggregate.named_by_content()).unwrap_or_default();
                before.into_iter().filter(|one| !now.contains(one)).collect()
            }
            Naming::Untie(affiliation) => {
                let tie = self.affiliation(OrganisationId::new(event.subject.id), affiliation);
                tie.map(|(with, _)| with).into_iter().filter(|with| self.names(event.subject, *with)).collect()
            }
        };
        for organisation in named {
            self.set_name(named_once(event.subject, organisation), Some(event.subject.id), event.sequence);
        }
    }
}
