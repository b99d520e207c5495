//! How organisations belong together: a row for each two of them, and one for what each says that nobody has confirmed, so
//! that no organisation's state grows with what others say of it. What may be said is decided with the organisation.

use super::{Aggregate, Folded, Slot, World};
use crate::state::{
    Kept as _,
    ties::{Claims, Tie, Ties},
};
use convenio_events::{
    OrganisationId, RecordKind, Sequence, StreamVersion, Subject, codes::AffiliationKind, ids::AffiliationId,
    types::organisation,
};
use std::{collections::BTreeSet, sync::Arc};
use uuid::Uuid;

/// The key of a row. No record of anybody's has it: no command makes a record of the ledger's own kind.
fn key(of: OrganisationId, what: &str) -> Subject {
    Subject::new(RecordKind::Ledger, Uuid::new_v5(&of.uuid(), what.as_bytes()))
}
fn ties_key(of: OrganisationId, with: OrganisationId) -> Subject {
    key(of, &format!("ties {with}"))
}
fn affiliation_name(of: OrganisationId, affiliation: AffiliationId) -> String {
    format!("affiliation:{of}:{affiliation}")
}

impl World {
    /// With whom an affiliation of an organisation is, and what it is, while it has not ended.
    pub fn affiliation(&self, of: OrganisationId, id: AffiliationId) -> Option<(OrganisationId, Tie)> {
        let with = OrganisationId::new(self.holder(&affiliation_name(of, id))?);
        Some((with, self.ties(of, with)?.0.get(&id)?.clone()))
    }
    /// Whether an organisation is affiliated with another in this way, confirmed or not.
    pub fn is_affiliated(&self, of: OrganisationId, with: OrganisationId, kind: AffiliationKind) -> bool {
        self.ties(of, with).is_some_and(|ties| ties.0.values().any(|tie| tie.kind == kind))
    }
    /// Whether an organisation says itself that it is affiliated with another: what others claim of it gives nobody sight of it.
    pub fn is_tied_by_its_word(&self, of: OrganisationId, with: OrganisationId) -> bool {
        self.ties(of, with)
            .is_some_and(|ties| ties.0.values().any(|tie| tie.claimed_by == Some(of) || tie.confirmed_by.contains(&of)))
    }
    /// What an organisation claims.
    pub fn claims(&self, by: OrganisationId) -> Arc<Claims> {
        self.aggregate(key(by, "claims")).and_then(Claims::of).unwrap_or_default()
    }

    fn ties(&self, of: OrganisationId, with: OrganisationId) -> Option<Arc<Ties>> {
        Ties::of(self.aggregate(ties_key(of, with))?)
    }

    /// What an event on an organisation changes of how it belongs to others. Folding the same events again, in their order,
    /// changes nothing: the rows may be newer than the event.
    pub(super) fn fold_ties(&mut self, event: &Folded<'_>, facts: &organisation::Facts) {
        let (of, sequence) = (OrganisationId::new(event.subject.id), event.sequence);
        match facts {
            organisation::Facts::AffiliationClaimed(facts) => {
                let claimed_by = event.actor.organisation();
                let tie = Tie { kind: facts.kind, claimed_by, confirmed_by: BTreeSet::new() };
                let id = facts.affiliation;
                self.set_name(affiliation_name(of, id), Some(facts.with.uuid()), sequence);
                self.change_ties(of, facts.with, sequence, |ties| drop(ties.0.insert(id, tie)));
                self.change_claims(claimed_by, sequence, |claims, by| {
                    if by == of {
                        claims.of_itself.insert(id)
                    } else {
                        claims.of_others.insert((of, id))
                    };
                });
            }
            organisation::Facts::AffiliationConfirmed(facts) => {
                let (id, by) = (facts.affiliation, facts.by);
                let Some((with, tie)) = self.affiliation(of, id) else { return };
                self.change_ties(of, with, sequence, |ties| {
                    if let Some(tie) = ties.0.get_mut(&id) {
                        tie.confirmed_by.insert(by);
                    }
                });
                if tie.claimed_by != Some(by) {
                    self.close_claim(tie.claimed_by, of, id, sequence);
                }
            }
            organisation::Facts::AffiliationEnded(facts) => {
                let id = facts.affiliation;
                let Some((with, tie)) = self.affiliation(of, id) else { return };
                self.set_name(affiliation_name(of, id), None, sequence);
                self.change_ties(of, with, sequence, |ties| drop(ties.0.remove(&id)));
                // Whoever claims something of another and takes it back has moved the other's record all the same.
                let by = event.actor.organisation();
                let taken_back = by.is_some() && by == tie.claimed_by && by != Some(of);
                if !taken_back {
                    self.close_claim(tie.claimed_by, of, id, sequence);
                }
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

    fn close_claim(&mut self, by: Option<OrganisationId>, of: OrganisationId, id: AffiliationId, sequence: Sequence) {
        self.change_claims(by, sequence, |claims, _| {
            claims.of_itself.remove(&id);
            claims.of_others.remove(&(of, id));
        });
    }

    fn change_ties(
        &mut self,
        of: OrganisationId,
        with: OrganisationId,
        sequence: Sequence,
        change: impl FnOnce(&mut Ties),
    ) {
        let row = self.row(ties_key(of, with), sequence, || Aggregate::Ties(Arc::default()));
        if let Aggregate::Ties(ties) = row {
            change(Arc::make_mut(ties));
        }
    }

    fn change_claims(
        &mut self,
        by: Option<OrganisationId>,
        sequence: Sequence,
        change: impl FnOnce(&mut Claims, OrganisationId),
    ) {
        let Some(by) = by else { return };
        let row = self.row(key(by, "claims"), sequence, || Aggregate::Claims(Arc::default()));
        if let Aggregate::Claims(claims) = row {
            change(Arc::make_mut(claims), by);
        }
    }

    /// A row beside the records, to be changed; it has no version of its own.
    fn row(&mut self, key: Subject, sequence: Sequence, new: impl FnOnce() -> Aggregate) -> &mut Aggregate {
        // Brings it into memory, if it is there.
        let _ = self.version(key);
        self.dirty.insert(key);
        let slots = self.slots.get_mut().entry(key);
        let slot = slots.or_insert_with(|| Slot::new(StreamVersion(0), sequence, new()));
        slot.last = sequence;
        &mut slot.aggregate
    }
}
