//! Organisations as a person sees them: who they are, where, how they belong together, who vouches for them.

use super::{
    body::{EachList, RecordBody, Shown, Span, Words},
    head::{Head, Moment, State},
    involvement::Roles,
    parts::{List, PartKind, Parts, is_empty},
    tags::{Field, Tags, through},
    text::raw_text,
};
use chrono::NaiveDate;
use convenio_events::{
    Actor, Event, OrganisationId, SiteId,
    codes::{AffiliationKind, Attestation, VerificationMethod},
    commitment::Digest,
    ids::AffiliationId,
    time::Date,
    types::organisation::{Facts, Profile, Standing},
    values::{Identifier, Place},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// A site of the organisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    /// Its id within the organisation.
    pub id: SiteId,
    /// Where it is.
    pub place: Place,
    /// Its name.
    pub text: Option<Box<RawValue>>,
    /// Whether it was closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
}

/// That the organisation belongs to another one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Affiliation {
    /// Its id within the organisation.
    pub id: AffiliationId,
    /// The other organisation.
    pub with: OrganisationId,
    /// How it belongs.
    pub kind: AffiliationKind,
    /// Claimed until both confirmed.
    pub attestation: Attestation,
    /// Who confirmed.
    #[serde(default)]
    pub confirmed_by: Vec<OrganisationId>,
}

/// That somebody vouches for an organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vouched {
    /// How it was checked.
    pub method: VerificationMethod,
    /// Digest of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// The last day on which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Date>,
    /// True where the first organisation of a ledger verified itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_itself: bool,
    /// Who vouches.
    pub by: Actor,
    /// The event that recorded it.
    pub since: Moment,
}

/// Whether somebody vouches for the organisation (code list `verification-states`). Events make none expire, time does: whoever shows
/// one asks for that of a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Verification {
    /// Nobody does.
    Unverified,
    /// Somebody does.
    Verified(Vouched),
    /// Somebody did, through a day that is over.
    Expired(Vouched),
    /// Somebody did, and took it back.
    Revoked {
        /// The event that recorded it.
        since: Moment,
    },
}

impl Verification {
    /// What it is on a day.
    #[must_use]
    pub fn on(self, today: NaiveDate) -> Self {
        match self {
            Self::Verified(vouched) | Self::Expired(vouched) => {
                let over = vouched.valid_through.is_some_and(|last| last.0 < today);
                if over { Self::Expired(vouched) } else { Self::Verified(vouched) }
            }
            Self::Unverified | Self::Revoked { .. } => self,
        }
    }

    /// Its code of the list `verification-states`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Verified(_) => "verified",
            Self::Expired(_) => "expired",
            Self::Revoked { .. } => "revoked",
        }
    }
}

/// An organisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Organisation {
    /// Whether it can act.
    pub standing: Standing,
    /// What it is.
    pub profile: Profile,
    /// Identifiers that others gave it.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Name, description, office, website.
    pub text: Option<Box<RawValue>>,
    /// Its sites.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub sites: Parts<Site>,
    /// How many sites it has, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sites_count: Option<u64>,
    /// To which others it belongs.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub affiliations: Parts<Affiliation>,
    /// How many those are, where that are more than it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub affiliations_count: Option<u64>,
    /// Who vouches for it.
    pub verification: Verification,
}

impl RecordBody for Organisation {
    type Facts = Facts;
    const LISTS: &'static [PartKind] = &[PartKind::Sites, PartKind::Affiliations];

    fn begin(facts: &Facts, event: &Event) -> Option<(Head, Self)> {
        let Facts::Registered(facts) = facts else { return None };
        let head = Head::new(event, usual_state(facts.standing));
        let organisation = Self {
            standing: facts.standing,
            profile: facts.profile.clone(),
            identifiers: facts.identifiers.clone(),
            text: raw_text(event),
            sites: Parts::default(),
            sites_count: None,
            affiliations: Parts::default(),
            affiliations_count: None,
            verification: Verification::Unverified,
        };
        Some((head, organisation))
    }

    fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Registered(_) => {}
            Facts::Revised(revised) => {
                self.profile = revised.profile.clone();
                self.text = raw_text(event);
            }
            Facts::IdentifierAdded(added) => self.identifiers.push(added.identifier.clone()),
            Facts::IdentifierWithdrawn(gone) => self.identifiers.retain(|one| *one != gone.identifier),
            Facts::SiteAdded(added) => {
                let place = added.place.clone();
                self.sites.push(Site { id: added.site, place, text: raw_text(event), closed: false });
            }
            Facts::SiteClosed(closed) => {
                self.sites.iter_mut().filter(|site| site.id == closed.site).for_each(|site| site.closed = true);
            }
            Facts::AffiliationClaimed(claimed) => {
                self.affiliations.push(Affiliation {
                    id: claimed.affiliation,
                    with: claimed.with,
                    kind: claimed.kind,
                    attestation: Attestation::Claimed,
                    confirmed_by: Vec::new(),
                });
                // Whoever claims its own affiliation confirms it thereby.
                event.actor.organisation().into_iter().for_each(|by| self.confirm(claimed.affiliation, by, head.id));
            }
            Facts::AffiliationConfirmed(confirmed) => self.confirm(confirmed.affiliation, confirmed.by, head.id),
            Facts::AffiliationEnded(ended) => self.affiliations.retain(|one| one.id != ended.affiliation),
            Facts::Verified(verified) => {
                self.verification = Verification::Verified(Vouched {
                    method: verified.method,
                    evidence: verified.evidence,
                    valid_through: verified.valid_through,
                    by_itself: verified.by_itself,
                    by: event.actor,
                    since: event.into(),
                });
            }
            Facts::VerificationRevoked(_) => self.verification = Verification::Revoked { since: event.into() },
            Facts::Suspended(_) => head.enter_because(State::Suspended, event),
            Facts::Reinstated(_) => head.enter_because(usual_state(self.standing), event),
        }
    }

    fn touched(&self, facts: &Facts, _: &Event) -> Vec<(PartKind, Uuid)> {
        match facts {
            Facts::SiteAdded(facts) => vec![(PartKind::Sites, facts.site.uuid())],
            Facts::SiteClosed(facts) => vec![(PartKind::Sites, facts.site.uuid())],
            Facts::AffiliationClaimed(facts) => vec![(PartKind::Affiliations, facts.affiliation.uuid())],
            Facts::AffiliationConfirmed(facts) => vec![(PartKind::Affiliations, facts.affiliation.uuid())],
            Facts::AffiliationEnded(facts) => vec![(PartKind::Affiliations, facts.affiliation.uuid())],
            Facts::Registered(_)
            | Facts::Revised(_)
            | Facts::IdentifierAdded(_)
            | Facts::IdentifierWithdrawn(_)
            | Facts::Verified(_)
            | Facts::VerificationRevoked(_)
            | Facts::Suspended(_)
            | Facts::Reinstated(_) => Vec::new(),
        }
    }
}

impl Shown for Organisation {
    fn text(&self) -> Option<&RawValue> {
        self.text.as_deref()
    }

    fn text_mut(&mut self) -> &mut Option<Box<RawValue>> {
        &mut self.text
    }

    fn more_words<'a>(&'a self, hand_on: &mut dyn FnMut(Words<'a>)) {
        self.identifiers.iter().for_each(|identifier| hand_on(Words::Plain(identifier.as_str())));
        self.sites.page().iter().filter_map(|site| site.text.as_deref()).for_each(|text| hand_on(Words::Json(text)));
    }

    fn add_roles(&self, _: &mut Roles) {}

    fn span(&self) -> Span {
        (None, None)
    }

    fn is_history(&self, _: State) -> bool {
        false
    }

    fn add_tags(&self, head: &Head, tags: &mut Tags) {
        tags.add(Field::Type, self.profile.kind.word());
        tags.places(&self.profile.place);
        tags.places(self.sites.iter().filter(|site| !site.closed).map(|site| &site.place));
        tags.languages(&self.profile.languages);
        tags.add(Field::Organisation, OrganisationId::new(head.id).to_string());
        let last_day = match &self.verification {
            Verification::Verified(vouched) | Verification::Expired(vouched) => vouched.valid_through,
            Verification::Unverified | Verification::Revoked { .. } => None,
        };
        match last_day {
            Some(last_day) => tags.add(Field::VerifiedThrough, through(last_day.0)),
            None => tags.add(Field::Verification, self.verification.word()),
        }
        // What others say of it, and what it says itself.
        let attestation = match self.standing {
            Standing::Holder => Attestation::Confirmed,
            Standing::Profile => Attestation::Claimed,
        };
        tags.add(Field::Attestation, attestation.word());
    }

    fn list(&self, kind: PartKind) -> Option<&dyn List> {
        match kind {
            PartKind::Sites => Some(&self.sites),
            PartKind::Affiliations => Some(&self.affiliations),
            PartKind::Reservations
            | PartKind::Participation
            | PartKind::Sessions
            | PartKind::Visits
            | PartKind::Screenings => None,
        }
    }

    fn each_list(&mut self, change: &mut EachList<'_>) {
        change(PartKind::Sites, &mut self.sites, &mut self.sites_count);
        change(PartKind::Affiliations, &mut self.affiliations, &mut self.affiliations_count);
    }

    /// A verification whose last day is over has expired, though no event says so.
    fn turn_to(&mut self, today: NaiveDate) -> bool {
        let turned = self.verification.clone().on(today);
        let changed = turned != self.verification;
        self.verification = turned;
        changed
    }

    fn tell_moments(&mut self, tell: &mut dyn FnMut(&mut Moment)) {
        match &mut self.verification {
            Verification::Unverified => {}
            Verification::Verified(vouched) | Verification::Expired(vouched) => tell(&mut vouched.since),
            Verification::Revoked { since } => tell(since),
        }
    }

    fn about_bytes(&self) -> usize {
        160 * (self.sites.len() + self.affiliations.len() + self.identifiers.len())
    }
}

impl Organisation {
    fn confirm(&mut self, affiliation: AffiliationId, by: OrganisationId, own: uuid::Uuid) {
        let own = OrganisationId::new(own);
        for one in self.affiliations.iter_mut().filter(|one| one.id == affiliation) {
            if (by == own || by == one.with) && !one.confirmed_by.contains(&by) {
                one.confirmed_by.push(by);
            }
            if one.confirmed_by.len() == 2 {
                one.attestation = Attestation::Confirmed;
            }
        }
    }
}

const fn usual_state(standing: Standing) -> State {
    match standing {
        Standing::Holder => State::Active,
        Standing::Profile => State::Profile,
    }
}
