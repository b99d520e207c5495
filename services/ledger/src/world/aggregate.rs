//! Any aggregate, what begins it and what an event makes of it. Each record's own fold is with the record.

use super::{Claims, Folded, Ties};
use crate::{
    access::Access,
    agreement::Agreement,
    convening::Convening,
    learning::Learning,
    ledger::Ledger,
    listing::{Hold, Listing},
    organisation::Organisation,
};
use convenio_events::types::{Facts, access, organisation};
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
        // A type of one record on the subject of another cannot be decided, and a fold does not judge.
        _ => {}
    }
}
