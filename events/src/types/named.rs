//! Who is named in a record: now, and ever. Written once, for whoever judges sight: views, streams, pages. Whether being named
//! lets an organisation see or act is not decided here.

use crate::{
    event::Event,
    ids::{AffiliationId, OrganisationId, RecordKind, Sequence},
    types::{Facts, access, agreement, convening, learning, listing, organisation},
};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// So many organisations are looked for one by one; among more, in a set.
const FEW: usize = 64;

/// The organisations that one record names, as its events made it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Named {
    /// For good: whoever made the record, and whoever took part in what was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    stay: Vec<OrganisationId>,
    /// As long as what the record says names them: parties of the terms, authors of the content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    content: Vec<OrganisationId>,
    /// Those who reviewed it: that they did is for those who work on the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    reviewers: Vec<OrganisationId>,
    /// What an organisation is said to belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ties: Vec<Tie>,
    /// Those who were named and no longer are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left: Vec<Left>,
}

/// An organisation that was named until an event left it out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Which.
    pub organisation: OrganisationId,
    /// The event that left it out: what it could see ends before it.
    pub until: Sequence,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Tie {
    affiliation: AffiliationId,
    with: OrganisationId,
    /// Whether the record's own organisation says so itself. What another claims of it gives that other no sight.
    own_word: bool,
}

/// What an event does to the list.
enum Naming<'a> {
    /// Nobody is named by it.
    Nobody,
    /// These are named for good.
    Stay(&'a [OrganisationId]),
    /// It begins the record: who made it, and whom what it says names.
    Begin(OrganisationId, Vec<OrganisationId>),
    /// What the record says is now this, and names these.
    Content(Vec<OrganisationId>),
    /// This one reviewed it.
    Review(OrganisationId),
    /// This one left it, whatever the record goes on saying.
    Leave(OrganisationId),
    /// An affiliation of the record's organisation.
    Tie(&'a organisation::Facts),
}

impl Named {
    /// A list of those who are named now, by which nothing can be learnt.
    pub fn of(organisations: Vec<OrganisationId>) -> Self {
        Self { stay: organisations, ..Self::default() }
    }

    /// Learns whom an event names, and whom it leaves out; true when the list changed.
    pub fn learn(&mut self, event: &Event) -> bool {
        let before = self.now();
        match naming(event) {
            Naming::Nobody => return false,
            Naming::Stay(organisations) => add(&mut self.stay, organisations),
            Naming::Begin(by, content) => {
                add(&mut self.stay, &[by]);
                self.content = content;
            }
            Naming::Content(organisations) => self.content = organisations,
            Naming::Review(by) => add(&mut self.reviewers, &[by]),
            Naming::Leave(by) => {
                self.stay.retain(|one| *one != by);
                self.content.retain(|one| *one != by);
            }
            Naming::Tie(facts) => self.tie(facts, event),
        }
        // Sets: of a network's thousand members, each would be looked for among all.
        let now: HashSet<OrganisationId> = self.now().into_iter().collect();
        self.left.retain(|left| !now.contains(&left.organisation));
        let gone = before.iter().filter(|one| !now.contains(one));
        self.left.extend(gone.map(|one| Left { organisation: *one, until: event.sequence }));
        true
    }

    /// Those who are named now: they see the record as it stands.
    pub fn now(&self) -> Vec<OrganisationId> {
        let mut all = self.openly();
        add(&mut all, &self.reviewers);
        all
    }

    /// Those who are named now, but for its reviewers.
    pub fn openly(&self) -> Vec<OrganisationId> {
        let mut all = self.stay.clone();
        add(&mut all, &self.content);
        let ties: Vec<_> = self.ties.iter().filter(|tie| tie.own_word).map(|tie| tie.with).collect();
        add(&mut all, &ties);
        all
    }

    /// About how many bytes the list takes.
    pub fn about_bytes(&self) -> usize {
        16 * (self.stay.len() + self.content.len() + self.reviewers.len()) + 40 * self.ties.len() + 24 * self.left.len()
    }

    /// Those who were named and no longer are: they see what it was until then.
    pub fn left(&self) -> &[Left] {
        &self.left
    }

    fn tie(&mut self, facts: &organisation::Facts, event: &Event) {
        let own = itself(event);
        match facts {
            organisation::Facts::AffiliationClaimed(facts) => {
                let own_word = own.is_some() && event.actor.organisation() == own;
                self.ties.push(Tie { affiliation: facts.affiliation, with: facts.with, own_word });
            }
            organisation::Facts::AffiliationConfirmed(facts) => {
                let meant = self.ties.iter_mut().filter(|tie| tie.affiliation == facts.affiliation);
                meant.for_each(|tie| tie.own_word |= Some(facts.by) == own);
            }
            organisation::Facts::AffiliationEnded(facts) => {
                self.ties.retain(|tie| tie.affiliation != facts.affiliation);
            }
            organisation::Facts::Registered(_)
            | organisation::Facts::Revised(_)
            | organisation::Facts::IdentifierAdded(_)
            | organisation::Facts::IdentifierWithdrawn(_)
            | organisation::Facts::SiteAdded(_)
            | organisation::Facts::SiteClosed(_)
            | organisation::Facts::Verified(_)
            | organisation::Facts::VerificationRevoked(_)
            | organisation::Facts::Suspended(_)
            | organisation::Facts::Reinstated(_) => {}
        }
    }
}

/// The organisation whose own record it is.
fn itself(event: &Event) -> Option<OrganisationId> {
    (event.subject.kind == RecordKind::Organisation).then(|| OrganisationId::new(event.subject.id))
}

fn add(list: &mut Vec<OrganisationId>, organisations: &[OrganisationId]) {
    if list.len() + organisations.len() > FEW {
        let mut known: HashSet<OrganisationId> = list.iter().copied().collect();
        list.extend(organisations.iter().filter(|organisation| known.insert(**organisation)));
        return;
    }
    for organisation in organisations {
        if !list.contains(organisation) {
            list.push(*organisation);
        }
    }
}

/// Whom an event names: every type of event has its line.
fn naming(event: &Event) -> Naming<'_> {
    match &event.facts {
        Facts::Ledger(_) | Facts::Record(_) => Naming::Nobody,
        Facts::Access(facts) => of_grant(facts),
        Facts::Organisation(facts) => of_organisation(facts, event),
        Facts::Listing(facts) => of_listing(facts),
        Facts::Agreement(facts) => of_agreement(facts),
        Facts::Learning(facts) => of_learning(facts),
        Facts::Convening(facts) => of_convening(facts),
    }
}

fn of_grant(facts: &access::Facts) -> Naming<'_> {
    match facts {
        access::Facts::Granted(granted) => match &granted.scope {
            access::Scope::Organisations { organisations } => Naming::Stay(organisations),
            access::Scope::Operator | access::Scope::Sample => Naming::Nobody,
        },
        access::Facts::Revoked(_) => Naming::Nobody,
    }
}

fn of_organisation<'a>(facts: &'a organisation::Facts, event: &Event) -> Naming<'a> {
    use organisation::Facts as F;
    match facts {
        // Whoever registered a profile may see and mend it, whatever its visibility.
        F::Registered(_) => {
            let registrar = event.actor.organisation().into_iter().collect();
            itself(event).map_or(Naming::Nobody, |itself| Naming::Begin(itself, registrar))
        }
        F::AffiliationClaimed(_) | F::AffiliationConfirmed(_) | F::AffiliationEnded(_) => Naming::Tie(facts),
        F::Revised(_)
        | F::IdentifierAdded(_)
        | F::IdentifierWithdrawn(_)
        | F::SiteAdded(_)
        | F::SiteClosed(_)
        | F::Verified(_)
        | F::VerificationRevoked(_)
        | F::Suspended(_)
        | F::Reinstated(_) => Naming::Nobody,
    }
}

fn of_listing(facts: &listing::Facts) -> Naming<'_> {
    use listing::Facts as F;
    match facts {
        F::Published(facts) => Naming::Begin(facts.organisation, Vec::new()),
        F::Revised(_)
        | F::Paused(_)
        | F::Resumed(_)
        | F::Withdrawn(_)
        | F::Expired(_)
        | F::Fulfilled(_)
        | F::Reserved(_)
        | F::Allocated(_)
        | F::Released(_) => Naming::Nobody,
    }
}

fn of_agreement(facts: &agreement::Facts) -> Naming<'_> {
    use agreement::Facts as F;
    match facts {
        F::Drafted(facts) => Naming::Begin(facts.by, in_terms(&facts.terms)),
        F::Registered(facts) => Naming::Begin(facts.by, in_terms(&facts.terms)),
        F::Revised(facts) => Naming::Content(in_terms(&facts.terms)),
        F::Left(facts) => Naming::Leave(facts.by),
        F::Proposed(_)
        | F::Signed(_)
        | F::Refused(_)
        | F::ProposalWithdrawn(_)
        | F::Activated(_)
        | F::EndReached(_)
        | F::Completed(_)
        | F::Terminated(_)
        | F::Suspended(_)
        | F::Resumed(_)
        | F::Cancelled(_)
        | F::Confirmed(_)
        | F::Denied(_) => Naming::Nobody,
    }
}

fn in_terms(terms: &agreement::Terms) -> Vec<OrganisationId> {
    let parties = terms.parties.iter().map(|party| party.organisation);
    parties.chain(terms.commitments.iter().flat_map(|one| [one.provider, one.receiver])).collect()
}

fn of_learning(facts: &learning::Facts) -> Naming<'_> {
    use learning::Facts as F;
    match facts {
        F::Registered(facts) => Naming::Begin(facts.by, facts.content.authors.clone()),
        F::Submitted(facts) => Naming::Begin(facts.by, facts.content.authors.clone()),
        F::Revised(facts) => Naming::Content(facts.content.authors.clone()),
        F::Screened(facts) => Naming::Review(facts.by),
        F::Published(_) | F::AuthorshipAccepted(_) | F::Retracted(_) => Naming::Nobody,
    }
}

fn of_convening(facts: &convening::Facts) -> Naming<'_> {
    use convening::Facts as F;
    let planned = |plan: &convening::Plan| plan.organisers.iter().chain(&plan.participants).copied().collect();
    match facts {
        F::Announced(facts) => Naming::Begin(facts.by, planned(&facts.plan)),
        F::Registered(facts) => Naming::Begin(facts.by, planned(&facts.plan)),
        F::SessionRecorded(facts) => Naming::Stay(&facts.organisations),
        F::VisitRecorded(facts) => Naming::Stay(std::slice::from_ref(&facts.host)),
        F::ParticipationConfirmed(_) | F::Postponed(_) | F::Held(_) | F::Cancelled(_) => Naming::Nobody,
    }
}
