//! Any aggregate, what begins it and what an event makes of it. Each record's own fold is with the record.

use super::{Claims, Folded, Ties, World};
use crate::{
    access::Access,
    agreement::Agreement,
    convening::Convening,
    learning::Learning,
    ledger::Ledger,
    listing::{Hold, Listing},
    organisation::Organisation,
};
use convenio_events::{
    ConveningId, OrganisationId, Subject,
    codes::Visibility,
    types::{Facts, access, organisation, record},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Any aggregate. Cheap to clone.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Aggregate {
    /// The ledger itself.
    Ledger(Arc<Ledger>),
    /// A grant.
    Access(Arc<Access>),
    /// An organisation.
    Organisation(Arc<Organisation>),
    /// An offer or a demand.
    Listing(Arc<Listing>),
    /// An agreement.
    Agreement(Arc<Agreement>),
    /// A learning.
    Learning(Arc<Learning>),
    /// A convening.
    Convening(Arc<Convening>),
    /// How one organisation belongs to one other. It is no record: nobody sees or names it.
    Ties(Arc<Ties>),
    /// What an organisation claims that nobody has confirmed. It is no record: nobody sees or names it.
    Claims(Arc<Claims>),
    /// What an agreement holds of an offer or a demand. It is no record: nobody sees or names it.
    Hold(Arc<Hold>),
}

impl Aggregate {
    /// Who may see it now, and whether an organisation is named in it: where only its parties may see it, those do.
    pub(crate) fn standing(&self, subject: Subject, organisation: OrganisationId, world: &World) -> (Visibility, bool) {
        match self {
            Self::Ties(_) | Self::Claims(_) | Self::Hold(_) => (Visibility::Parties, false),
            Self::Ledger(_) => (Visibility::Public, false),
            Self::Access(access) => {
                let named = matches!(
                    &access.granted.scope,
                    access::Scope::Organisations { organisations } if organisations.contains(&organisation)
                );
                (Visibility::Parties, named)
            }
            Self::Organisation(it) => {
                let itself = subject.id == organisation.uuid() || it.registered_by.organisation() == Some(organisation);
                // Where the organisation says so itself: what others claim of it gives them no sight.
                let affiliated = || world.is_tied_by_its_word(OrganisationId::new(subject.id), organisation);
                (it.visibility, itself || affiliated())
            }
            Self::Listing(listing) => (listing.visibility, listing.organisation == organisation),
            Self::Agreement(agreement) => {
                (agreement.visibility, agreement.is_by(organisation) || agreement.has_party(organisation))
            }
            Self::Learning(learning) => {
                (learning.visible_to(), learning.by == organisation || learning.authors.contains(&organisation))
            }
            Self::Convening(convening) => {
                let named =
                    || convening.names(organisation) || world.took_part(ConveningId::new(subject.id), organisation);
                (convening.visibility, convening.by == organisation || named())
            }
        }
    }
}

impl Aggregate {
    /// Who may see it now: what names it is told to nobody else.
    pub(crate) fn visibility(&self) -> Visibility {
        match self {
            Self::Ledger(_) => Visibility::Public,
            Self::Access(_) | Self::Ties(_) | Self::Claims(_) | Self::Hold(_) => Visibility::Parties,
            Self::Organisation(organisation) => organisation.visibility,
            Self::Listing(listing) => listing.visibility,
            Self::Agreement(agreement) => agreement.visibility,
            Self::Learning(learning) => learning.visible_to(),
            Self::Convening(convening) => convening.visibility,
        }
    }
}

/// The aggregate that a subject's first event makes.
pub(super) fn begin(event: &Folded<'_>) -> Option<Aggregate> {
    match event.facts {
        Facts::Ledger(convenio_events::types::ledger::Facts::Opened(facts)) => {
            Some(Aggregate::Ledger(Arc::new(Ledger::opened(facts))))
        }
        Facts::Access(access::Facts::Granted(facts)) => {
            Some(Aggregate::Access(Arc::new(Access::granted(facts, event.actor))))
        }
        Facts::Organisation(organisation::Facts::Registered(facts)) => {
            Some(Aggregate::Organisation(Arc::new(Organisation::registered(facts, event.actor, event.grant))))
        }
        Facts::Listing(convenio_events::types::listing::Facts::Published(facts)) => {
            Some(Aggregate::Listing(Arc::new(Listing::published(facts))))
        }
        Facts::Agreement(facts) => Agreement::begin(facts).map(|agreement| Aggregate::Agreement(Arc::new(agreement))),
        Facts::Learning(facts) => Learning::begin(facts).map(|learning| Aggregate::Learning(Arc::new(learning))),
        Facts::Convening(facts) => Convening::begin(facts).map(|convening| Aggregate::Convening(Arc::new(convening))),
        _ => None,
    }
}

/// The aggregate after an event.
pub(super) fn evolve(aggregate: &mut Aggregate, facts: &Facts) {
    match (aggregate, facts) {
        (Aggregate::Ledger(ledger), Facts::Ledger(facts)) => Arc::make_mut(ledger).evolve(facts),
        (Aggregate::Access(access), Facts::Access(facts)) => Arc::make_mut(access).evolve(facts),
        (Aggregate::Organisation(organisation), Facts::Organisation(facts)) => {
            Arc::make_mut(organisation).evolve(facts)
        }
        (Aggregate::Listing(listing), Facts::Listing(facts)) => Arc::make_mut(listing).evolve(facts),
        (Aggregate::Agreement(agreement), Facts::Agreement(facts)) => Arc::make_mut(agreement).evolve(facts),
        (Aggregate::Learning(learning), Facts::Learning(facts)) => Arc::make_mut(learning).evolve(facts),
        (Aggregate::Convening(convening), Facts::Convening(facts)) => Arc::make_mut(convening).evolve(facts),
        (aggregate, Facts::Record(record::Facts::VisibilityChanged(facts))) => set_visibility(aggregate, facts.to),
        // A type of one record on the subject of another cannot be decided, and a fold does not judge.
        _ => {}
    }
}

fn set_visibility(aggregate: &mut Aggregate, to: Visibility) {
    match aggregate {
        Aggregate::Ledger(_)
        | Aggregate::Access(_)
        | Aggregate::Ties(_)
        | Aggregate::Claims(_)
        | Aggregate::Hold(_) => {}
        Aggregate::Organisation(organisation) => Arc::make_mut(organisation).visibility = to,
        Aggregate::Listing(listing) => Arc::make_mut(listing).visibility = to,
        Aggregate::Agreement(agreement) => Arc::make_mut(agreement).visibility = to,
        Aggregate::Learning(learning) => Arc::make_mut(learning).visibility = to,
        Aggregate::Convening(convening) => Arc::make_mut(convening).visibility = to,
    }
}
