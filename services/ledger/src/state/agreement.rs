//! Agreements: their states, signatures and what they hold of offers and demands. Contributions and amendments are not here yet.

use super::{Begun, State};
use convenio_events::{
    NewEvent, OrganisationId, Subject, Timestamp,
    codes::{Attestation, PartyRole},
    commitment::Digest,
    time::{Date, TimeZone},
    types::agreement::{Activated, EndReached, Facts, Terms},
};
use serde::{Deserialize, Serialize};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// Where an agreement stands; each state carries only what is true in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Status {
    /// The parties work on its terms.
    Drafted,
    /// It waits for signatures.
    Proposed {
        /// Who has signed, and when.
        signed: BTreeMap<OrganisationId, Date>,
    },
    /// It is in force.
    Active,
    /// It is on hold.
    Suspended,
    /// Its last day is over.
    Closing,
    /// Everything was done.
    Completed,
    /// It was ended early.
    Terminated,
    /// It was given up before it was active.
    Cancelled,
    /// It was concluded elsewhere.
    Registered,
}

/// An agreement, as far as decisions read it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// Who drafted or registered it.
    pub by: OrganisationId,
    /// Where it stands.
    pub status: Status,
    /// What it says.
    pub terms: Terms,
    /// Digest of the whole terms.
    pub terms_digest: Digest,
    /// Whether nothing has happened to it since it was drafted, but that its visibility was changed.
    pub untouched: bool,
    /// Who has signed the terms as they are.
    pub signed: BTreeSet<OrganisationId>,
    /// What organisations say for themselves beside signing: that it is so, or that it is not. Who says nothing is not here.
    pub says: BTreeMap<OrganisationId, Attestation>,
    /// Who was named and left it before it was active: it acts no more, and is not named again.
    pub left: BTreeSet<OrganisationId>,
}

impl State for Agreement {
    type Facts = Facts;

    fn begin(facts: &Facts, _: Begun) -> Option<Self> {
        let (by, terms, terms_digest, status) = match facts {
            Facts::Drafted(it) => (it.by, &it.terms, it.terms_digest, Status::Drafted),
            Facts::Registered(it) => (it.by, &it.terms, it.terms_digest, Status::Registered),
            Facts::Revised(_)
            | Facts::Proposed(_)
            | Facts::Signed(_)
            | Facts::Refused(_)
            | Facts::ProposalWithdrawn(_)
            | Facts::Activated(_)
            | Facts::EndReached(_)
            | Facts::Completed(_)
            | Facts::Terminated(_)
            | Facts::Suspended(_)
            | Facts::Resumed(_)
            | Facts::Cancelled(_)
            | Facts::Confirmed(_)
            | Facts::Denied(_)
            | Facts::Left(_) => return None,
        };
        let says_so = matches!(facts, Facts::Registered(it) if it.says_so);
        Some(Self {
            by,
            status,
            terms: terms.clone(),
            terms_digest,
            untouched: true,
            signed: BTreeSet::new(),
            says: says_so.then_some((by, Attestation::Confirmed)).into_iter().collect(),
            left: BTreeSet::new(),
        })
    }

    fn evolve(&mut self, facts: &Facts) {
        self.untouched = false;
        match facts {
            Facts::Drafted(_) | Facts::Registered(_) => {}
            Facts::Revised(facts) => {
                self.terms = facts.terms.clone();
                self.terms_digest = facts.terms_digest;
                self.become_draft();
                let terms = &self.terms;
                self.says.retain(|by, _| terms.parties.iter().any(|party| party.organisation == *by));
            }
            Facts::Proposed(_) => self.status = Status::Proposed { signed: BTreeMap::new() },
            Facts::Signed(facts) => {
                if let Status::Proposed { signed } = &mut self.status {
                    signed.insert(facts.by, facts.on);
                }
                self.signed.insert(facts.by);
                self.says.remove(&facts.by);
            }
            Facts::Refused(_) | Facts::ProposalWithdrawn(_) => self.become_draft(),
            Facts::Left(facts) => {
                self.left.insert(facts.by);
                self.become_draft();
            }
            Facts::Activated(_) | Facts::Resumed(_) => self.status = Status::Active,
            Facts::EndReached(_) => self.status = Status::Closing,
            Facts::Completed(_) => self.status = Status::Completed,
            Facts::Terminated(_) => self.status = Status::Terminated,
            Facts::Suspended(_) => self.status = Status::Suspended,
            Facts::Cancelled(_) => self.status = Status::Cancelled,
            Facts::Confirmed(facts) => drop(self.says.insert(facts.by, Attestation::Confirmed)),
            Facts::Denied(facts) => drop(self.says.insert(facts.by, Attestation::Denied)),
        }
    }

    fn names(&self, _: Subject, organisation: OrganisationId) -> bool {
        let named = || self.terms.organisations().any(|named| *named == organisation);
        (self.by == organisation || named()) && !self.left.contains(&organisation)
    }

    fn named_by_content(&self) -> Vec<OrganisationId> {
        self.terms.organisations().copied().collect()
    }

    /// When the clock must look at it again: its first day begins, or its last day is over.
    fn due(&self, ledger_zone: TimeZone) -> Option<Timestamp> {
        let zone = self.zone(ledger_zone);
        match self.status {
            Status::Proposed { .. } => {
                let day_before = self.effective_on()?.0.pred_opt()?;
                Some(Date(day_before).end_in(zone))
            }
            Status::Active => self.terms.ends_on.map(|last| last.end_in(zone)),
            Status::Drafted
            | Status::Suspended
            | Status::Closing
            | Status::Completed
            | Status::Terminated
            | Status::Cancelled
            | Status::Registered => None,
        }
    }

    /// What the clock records when it is due, on the agreement itself; what it holds is settled by `allocations`.
    fn tick(&self, subject: Subject) -> Option<NewEvent> {
        match self.status {
            Status::Proposed { .. } => {
                let effective_on = self.effective_on()?;
                Some(NewEvent::new(subject, Activated { effective_on }, None))
            }
            Status::Active => {
                let ends_on = self.terms.ends_on?;
                Some(NewEvent::new(subject, EndReached { ends_on }, None))
            }
            Status::Drafted
            | Status::Suspended
            | Status::Closing
            | Status::Completed
            | Status::Terminated
            | Status::Cancelled
            | Status::Registered => None,
        }
    }
}

impl Agreement {
    /// What was signed and confirmed was another state of it; whoever denies it goes on doing so.
    fn become_draft(&mut self) {
        self.status = Status::Drafted;
        self.signed.clear();
        self.says.retain(|_, says| *says == Attestation::Denied);
    }

    /// Whether an organisation is one of its parties, and has not left it.
    pub fn has_party(&self, organisation: OrganisationId) -> bool {
        self.names_party(organisation) && !self.left.contains(&organisation)
    }

    /// Whether its terms name an organisation as a party, whether or not that one has left.
    pub fn names_party(&self, organisation: OrganisationId) -> bool {
        self.terms.parties.iter().any(|party| party.organisation == organisation)
    }

    /// Whether an organisation drafted or registered it and has not left it: a drafter that is no party brokers.
    pub fn is_by(&self, organisation: OrganisationId) -> bool {
        self.by == organisation && !self.left.contains(&organisation)
    }

    /// Whether an organisation is one of those that must sign: nobody else binds it.
    pub fn is_signed_by(&self, organisation: OrganisationId) -> bool {
        self.signers().contains(&organisation)
    }

    /// Whether a party that is bound by it says that it is not so. Whoever only brokers or looks on speaks for its own part.
    pub fn is_denied(&self) -> bool {
        let denying = self.says.iter().filter(|(_, says)| **says == Attestation::Denied);
        let bound = self.signers();
        denying.into_iter().any(|(organisation, _)| bound.contains(organisation))
    }

    /// Whether an organisation is a party that is bound or does more than broker and look on.
    pub fn has_principal(&self, organisation: OrganisationId) -> bool {
        let aside = |role: &PartyRole| matches!(role, PartyRole::Facilitator | PartyRole::Observer);
        let mut own = self.terms.parties.iter().filter(|party| party.organisation == organisation);
        let named = own.any(|party| party.signs || !party.roles.iter().all(aside));
        named && !self.left.contains(&organisation)
    }

    /// Whether an organisation is a party that brokers.
    pub fn has_facilitator(&self, organisation: OrganisationId) -> bool {
        let mut own = self.terms.parties.iter().filter(|party| party.organisation == organisation);
        own.any(|party| party.roles.contains(&PartyRole::Facilitator)) && !self.left.contains(&organisation)
    }

    /// The organisations that must sign.
    pub fn signers(&self) -> BTreeSet<OrganisationId> {
        self.terms.signers()
    }

    fn zone(&self, ledger_zone: TimeZone) -> TimeZone {
        self.terms.time_zone.unwrap_or(ledger_zone)
    }

    /// The first day, once every party has signed: the one in the terms, else that of the last signature.
    pub fn effective_on(&self) -> Option<Date> {
        let Status::Proposed { signed } = &self.status else { return None };
        let all = self.signers().iter().all(|signer| signed.contains_key(signer));
        if all { self.terms.effective_on.or_else(|| signed.values().max().copied()) } else { None }
    }

    /// Where it stands once what is due is done: the clock may be late, and time is over all the same.
    pub fn status_at(&self, now: Timestamp, ledger_zone: TimeZone) -> Cow<'_, Status> {
        let due = self.due(ledger_zone).is_some_and(|due| due <= now);
        match self.status {
            Status::Proposed { .. } if due => Cow::Owned(Status::Active),
            Status::Active if due => Cow::Owned(Status::Closing),
            Status::Proposed { .. }
            | Status::Active
            | Status::Drafted
            | Status::Suspended
            | Status::Closing
            | Status::Completed
            | Status::Terminated
            | Status::Cancelled
            | Status::Registered => Cow::Borrowed(&self.status),
        }
    }

    /// The offers and demands that its commitments take from.
    pub fn sources(&self) -> BTreeSet<Subject> {
        self.terms.sources()
    }
}
