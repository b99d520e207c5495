//! Which other records an event names: whoever may not see those may not read it either. Who may see a record is decided elsewhere.

use super::{Facts, access, agreement, convening, learning, listing, organisation};
use crate::{LearningId, OrganisationId, Subject};
use std::collections::BTreeSet;

impl Facts {
    /// The records that the event names beside the one that it happens to, each once.
    pub fn named_records(&self) -> BTreeSet<Subject> {
        let mut named = BTreeSet::new();
        match self {
            // A ledger's own events and what happens to any record name no other.
            Self::Ledger(_) | Self::Record(_) => {}
            Self::Access(facts) => of_access(facts, &mut named),
            Self::Organisation(facts) => of_organisation(facts, &mut named),
            Self::Listing(facts) => of_listing(facts, &mut named),
            Self::Agreement(facts) => of_agreement(facts, &mut named),
            Self::Learning(facts) => of_learning(facts, &mut named),
            Self::Convening(facts) => of_convening(facts, &mut named),
        }
        named
    }
}

fn organisations<'a>(all: impl IntoIterator<Item = &'a OrganisationId>, named: &mut BTreeSet<Subject>) {
    named.extend(all.into_iter().map(|organisation| Subject::from(*organisation)));
}

fn of_access(facts: &access::Facts, named: &mut BTreeSet<Subject>) {
    match facts {
        access::Facts::Granted(granted) => match &granted.scope {
            access::Scope::Organisations { organisations: all } => organisations(all, named),
            access::Scope::Operator | access::Scope::Sample => {}
        },
        access::Facts::Revoked(_) => {}
    }
}

fn of_organisation(facts: &organisation::Facts, named: &mut BTreeSet<Subject>) {
    use organisation::Facts;
    match facts {
        Facts::AffiliationClaimed(facts) => organisations([&facts.with], named),
        Facts::AffiliationConfirmed(facts) => organisations([&facts.by], named),
        Facts::Registered(_)
        | Facts::Revised(_)
        | Facts::IdentifierAdded(_)
        | Facts::IdentifierWithdrawn(_)
        | Facts::SiteAdded(_)
        | Facts::SiteClosed(_)
        | Facts::AffiliationEnded(_)
        | Facts::Verified(_)
        | Facts::VerificationRevoked(_)
        | Facts::Suspended(_)
        | Facts::Reinstated(_) => {}
    }
}

fn of_listing(facts: &listing::Facts, named: &mut BTreeSet<Subject>) {
    use listing::Facts;
    let evidence = |terms: &listing::Terms, named: &mut BTreeSet<Subject>| {
        named.extend(terms.evidence.iter().map(|learning: &LearningId| Subject::from(*learning)));
    };
    match facts {
        Facts::Published(facts) => {
            organisations([&facts.organisation], named);
            evidence(&facts.terms, named);
        }
        Facts::Revised(facts) => evidence(&facts.terms, named),
        Facts::Fulfilled(facts) => named.extend(facts.agreement.map(Subject::from)),
        Facts::Reserved(facts) => drop(named.insert(facts.agreement.into())),
        Facts::Allocated(facts) => drop(named.insert(facts.agreement.into())),
        Facts::Released(facts) => drop(named.insert(facts.agreement.into())),
        Facts::Paused(_) | Facts::Resumed(_) | Facts::Withdrawn(_) | Facts::Expired(_) => {}
    }
}

fn terms(terms: &agreement::Terms, named: &mut BTreeSet<Subject>) {
    organisations(terms.parties.iter().map(|party| &party.organisation), named);
    organisations(terms.commitments.iter().flat_map(|one| [&one.provider, &one.receiver]), named);
    named.extend(terms.commitments.iter().filter_map(|one| one.source));
}

fn links(links: &agreement::Links, named: &mut BTreeSet<Subject>) {
    named.extend(links.listings.iter().copied());
    named.extend([links.parent, links.renews].into_iter().flatten().map(Subject::from));
    named.extend(links.convening.map(Subject::from));
}

fn of_agreement(facts: &agreement::Facts, named: &mut BTreeSet<Subject>) {
    use agreement::Facts;
    match facts {
        Facts::Drafted(facts) => {
            organisations([&facts.by], named);
            terms(&facts.terms, named);
            links(&facts.links, named);
        }
        Facts::Registered(facts) => {
            organisations([&facts.by], named);
            terms(&facts.terms, named);
            links(&facts.links, named);
        }
        Facts::Revised(facts) => terms(&facts.terms, named),
        Facts::Signed(facts) => organisations([&facts.by], named),
        Facts::Refused(facts) => organisations([&facts.by], named),
        Facts::Completed(facts) => organisations([&facts.by], named),
        Facts::Terminated(facts) => organisations([&facts.by], named),
        Facts::Suspended(facts) => organisations([&facts.by], named),
        Facts::Resumed(facts) => organisations([&facts.by], named),
        Facts::Cancelled(facts) => organisations([&facts.by], named),
        Facts::Confirmed(facts) => organisations([&facts.by], named),
        Facts::Denied(facts) => organisations([&facts.by], named),
        Facts::Left(facts) => organisations([&facts.by], named),
        Facts::Proposed(_) | Facts::ProposalWithdrawn(_) | Facts::Activated(_) | Facts::EndReached(_) => {}
    }
}

fn content(content: &learning::Content, named: &mut BTreeSet<Subject>) {
    organisations(&content.authors, named);
    named.extend(content.links.iter().copied());
}

fn of_learning(facts: &learning::Facts, named: &mut BTreeSet<Subject>) {
    use learning::Facts;
    match facts {
        Facts::Registered(facts) => {
            organisations([&facts.by], named);
            content(&facts.content, named);
        }
        Facts::Submitted(facts) => {
            organisations([&facts.by], named);
            content(&facts.content, named);
        }
        Facts::Revised(facts) => {
            organisations([&facts.by], named);
            content(&facts.content, named);
        }
        Facts::Screened(facts) => {
            organisations([&facts.by], named);
            organisations(&facts.affiliations, named);
        }
        Facts::AuthorshipAccepted(facts) => organisations([&facts.by], named),
        Facts::Retracted(facts) => organisations([&facts.by], named),
        Facts::Published(_) => {}
    }
}

fn of_convening(facts: &convening::Facts, named: &mut BTreeSet<Subject>) {
    use convening::Facts;
    let plan = |plan: &convening::Plan, named: &mut BTreeSet<Subject>| {
        organisations(plan.organisers.iter().chain(&plan.participants), named);
    };
    match facts {
        Facts::Announced(facts) => {
            organisations([&facts.by], named);
            plan(&facts.plan, named);
        }
        Facts::Registered(facts) => {
            organisations([&facts.by], named);
            plan(&facts.plan, named);
        }
        Facts::SessionRecorded(facts) => organisations(&facts.organisations, named),
        Facts::VisitRecorded(facts) => organisations([&facts.host], named),
        Facts::ParticipationConfirmed(facts) => organisations([&facts.by], named),
        Facts::Postponed(_) | Facts::Held(_) | Facts::Cancelled(_) => {}
    }
}
