//! Which items of its lists an event touches, and a record's lists as a view stores and shows them. What an item is, is said in
//! `parts`.

use super::{
    Body, Document,
    parts::{PART_PAGE_LIMIT, PartKind, StoredPart, key_of_event},
};
use convenio_events::{
    Event, OrganisationId,
    types::{Facts, convening, learning, listing, organisation},
};
use serde::{Serialize as _, Serializer};
use uuid::Uuid;

/// The items that an event names: it adds, changes or takes them away.
fn touched(event: &Event) -> Vec<(PartKind, Uuid)> {
    use PartKind::{Affiliations, Participation, Reservations, Screenings, Sessions, Sites, Visits};
    let takes_part = |organisation: &OrganisationId| (Participation, organisation.uuid());
    let plan = |by: &OrganisationId, plan: &convening::Plan| {
        plan.organisers.iter().chain(&plan.participants).chain([by]).map(takes_part).collect()
    };
    match &event.facts {
        Facts::Organisation(facts) => match facts {
            organisation::Facts::SiteAdded(facts) => vec![(Sites, facts.site.uuid())],
            organisation::Facts::SiteClosed(facts) => vec![(Sites, facts.site.uuid())],
            organisation::Facts::AffiliationClaimed(facts) => vec![(Affiliations, facts.affiliation.uuid())],
            organisation::Facts::AffiliationConfirmed(facts) => vec![(Affiliations, facts.affiliation.uuid())],
            organisation::Facts::AffiliationEnded(facts) => vec![(Affiliations, facts.affiliation.uuid())],
            organisation::Facts::Registered(_)
            | organisation::Facts::Revised(_)
            | organisation::Facts::IdentifierAdded(_)
            | organisation::Facts::IdentifierWithdrawn(_)
            | organisation::Facts::Verified(_)
            | organisation::Facts::VerificationRevoked(_)
            | organisation::Facts::Suspended(_)
            | organisation::Facts::Reinstated(_) => Vec::new(),
        },
        Facts::Listing(facts) => match facts {
            listing::Facts::Reserved(facts) => vec![(Reservations, facts.agreement.uuid())],
            listing::Facts::Allocated(facts) => vec![(Reservations, facts.agreement.uuid())],
            listing::Facts::Released(facts) => vec![(Reservations, facts.agreement.uuid())],
            listing::Facts::Published(_)
            | listing::Facts::Revised(_)
            | listing::Facts::Paused(_)
            | listing::Facts::Resumed(_)
            | listing::Facts::Withdrawn(_)
            | listing::Facts::Expired(_)
            | listing::Facts::Fulfilled(_) => Vec::new(),
        },
        Facts::Learning(learning::Facts::Screened(_)) => vec![(Screenings, key_of_event(event.sequence))],
        Facts::Convening(facts) => match facts {
            convening::Facts::Announced(facts) => plan(&facts.by, &facts.plan),
            convening::Facts::Registered(facts) => plan(&facts.by, &facts.plan),
            convening::Facts::ParticipationConfirmed(facts) => vec![takes_part(&facts.by)],
            convening::Facts::SessionRecorded(facts) => {
                let organisations = facts.organisations.iter().map(takes_part);
                [(Sessions, facts.session.uuid())].into_iter().chain(organisations).collect()
            }
            convening::Facts::VisitRecorded(facts) => vec![(Visits, facts.visit.uuid()), takes_part(&facts.host)],
            convening::Facts::Postponed(_) | convening::Facts::Held(_) | convening::Facts::Cancelled(_) => Vec::new(),
        },
        Facts::Ledger(_) | Facts::Access(_) | Facts::Record(_) | Facts::Agreement(_) | Facts::Learning(_) => Vec::new(),
    }
}

impl Document {
    /// The items that an event touches, with those that it changes because of what others said before.
    pub(crate) fn touched(&self, event: &Event) -> Vec<(PartKind, Uuid)> {
        let mut touched = touched(event);
        if let (Body::Convening(body), Facts::Convening(_)) = (&self.body, &event.facts) {
            let now = body.participation.iter().filter(|one| one.since.sequence == event.sequence);
            touched.extend(now.map(|one| (PartKind::Participation, one.organisation.uuid())));
        }
        touched
    }

    /// An item of one of its lists; `older` is how it is stored so far.
    pub(crate) fn part(
        &self,
        kind: PartKind,
        key: Uuid,
        older: Option<&str>,
    ) -> serde_json::Result<Option<StoredPart>> {
        match (&self.body, kind) {
            (Body::Organisation(body), PartKind::Sites) => body.sites.find(key, older),
            (Body::Organisation(body), PartKind::Affiliations) => body.affiliations.find(key, older),
            (Body::Listing(body), PartKind::Reservations) => body.reservations.find(key, older),
            (Body::Convening(body), PartKind::Participation) => body.participation.find(key, older),
            (Body::Convening(body), PartKind::Sessions) => body.sessions.find(key, older),
            (Body::Convening(body), PartKind::Visits) => body.visits.find(key, older),
            (Body::Learning(body), PartKind::Screenings) => body.screenings.find(key, older),
            (_, _) => Ok(None),
        }
    }

    /// The lists of which its JSON has the first page only.
    pub(crate) fn longer_lists(&self) -> Vec<PartKind> {
        let lists = match &self.body {
            Body::Organisation(body) => {
                vec![(PartKind::Sites, body.sites_count), (PartKind::Affiliations, body.affiliations_count)]
            }
            Body::Listing(body) => vec![(PartKind::Reservations, body.reservations_count)],
            Body::Convening(body) => vec![
                (PartKind::Participation, body.participation_count),
                (PartKind::Sessions, body.sessions_count),
                (PartKind::Visits, body.visits_count),
            ],
            Body::Learning(body) => vec![(PartKind::Screenings, body.screenings_count)],
            Body::Agreement(_) => Vec::new(),
        };
        lists.into_iter().filter_map(|(kind, count)| count.map(|_| kind)).collect()
    }

    /// How many items of a list its first page has.
    pub(crate) fn shown(&self, kind: PartKind) -> usize {
        match (&self.body, kind) {
            (Body::Organisation(body), PartKind::Sites) => body.sites.page().len(),
            (Body::Organisation(body), PartKind::Affiliations) => body.affiliations.page().len(),
            (Body::Listing(body), PartKind::Reservations) => body.reservations.page().len(),
            (Body::Convening(body), PartKind::Participation) => body.participation.page().len(),
            (Body::Convening(body), PartKind::Sessions) => body.sessions.page().len(),
            (Body::Convening(body), PartKind::Visits) => body.visits.page().len(),
            (Body::Learning(body), PartKind::Screenings) => body.screenings.page().len(),
            (_, _) => 0,
        }
    }

    /// Puts an item behind those that a list has already.
    pub(crate) fn restore(&mut self, kind: PartKind, json: &str) -> serde_json::Result<()> {
        match (&mut self.body, kind) {
            (Body::Organisation(body), PartKind::Sites) => body.sites.restore(serde_json::from_str(json)?),
            (Body::Organisation(body), PartKind::Affiliations) => {
                body.affiliations.restore(serde_json::from_str(json)?)
            }
            (Body::Listing(body), PartKind::Reservations) => body.reservations.restore(serde_json::from_str(json)?),
            (Body::Convening(body), PartKind::Participation) => body.participation.restore(serde_json::from_str(json)?),
            (Body::Convening(body), PartKind::Sessions) => body.sessions.restore(serde_json::from_str(json)?),
            (Body::Convening(body), PartKind::Visits) => body.visits.restore(serde_json::from_str(json)?),
            (Body::Learning(body), PartKind::Screenings) => body.screenings.restore(serde_json::from_str(json)?),
            (_, _) => {}
        }
        Ok(())
    }

    /// Says of each list how many items it has, where the first page does not hold all.
    pub(super) fn count_parts(&mut self) {
        self.head.organisations_count = more_than_a_page(self.head.organisations.len());
        match &mut self.body {
            Body::Organisation(body) => {
                body.sites_count = body.sites.count_if_more();
                body.affiliations_count = body.affiliations.count_if_more();
            }
            Body::Listing(body) => body.reservations_count = body.reservations.count_if_more(),
            Body::Convening(body) => {
                body.participation_count = body.participation.count_if_more();
                body.sessions_count = body.sessions.count_if_more();
                body.visits_count = body.visits.count_if_more();
            }
            Body::Learning(body) => body.screenings_count = body.screenings.count_if_more(),
            Body::Agreement(_) => {}
        }
    }

    /// Forgets what is beyond the first pages: for who shows it and folds nothing more into it.
    pub fn keep_first_pages(&mut self) {
        self.head.organisations.truncate(PART_PAGE_LIMIT);
        match &mut self.body {
            Body::Organisation(body) => {
                body.sites.keep_page();
                body.affiliations.keep_page();
            }
            Body::Listing(body) => body.reservations.keep_page(),
            Body::Convening(body) => {
                body.participation.keep_page();
                body.sessions.keep_page();
                body.visits.keep_page();
            }
            Body::Learning(body) => body.screenings.keep_page(),
            Body::Agreement(_) => {}
        }
    }

    /// Leaves out the words of what is on no first page: whoever folds a record needs them no more.
    pub fn leave_out_words_beyond_pages(&mut self) {
        match &mut self.body {
            Body::Organisation(body) => body.sites.leave_out_words_beyond(),
            Body::Convening(body) => {
                body.sessions.leave_out_words_beyond();
                body.visits.leave_out_words_beyond();
            }
            Body::Learning(body) => body.screenings.leave_out_words_beyond(),
            Body::Listing(_) | Body::Agreement(_) => {}
        }
    }
}

/// How many organisations a record names, where that are more than it shows.
fn more_than_a_page(organisations: usize) -> Option<u64> {
    (organisations > PART_PAGE_LIMIT).then_some(organisations as u64)
}

/// Serialises the organisations that a record shows.
pub(super) fn first_page<S: Serializer>(organisations: &[OrganisationId], serializer: S) -> Result<S::Ok, S::Error> {
    organisations[..organisations.len().min(PART_PAGE_LIMIT)].serialize(serializer)
}
