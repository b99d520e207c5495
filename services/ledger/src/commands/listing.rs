//! Publishing an offer or a demand, changing it, and ending it. What agreements take of it is decided with the agreement.

mod named;

pub use named::{
    FulfilDemand, FulfilOffer, PauseDemand, PauseOffer, PublishDemand, PublishOffer, ResumeDemand, ResumeOffer,
    ReviseDemand, ReviseOffer, WithdrawDemand, WithdrawOffer,
};

use crate::{
    context::{Context, Decision},
    rejection::{Reason, Rejection, require, require_not_over},
    state::{
        State as _,
        listing::{Listing, Status},
    },
};
use convenio_events::{
    AgreementId, ListingId, NewEvent, OrganisationId, RecordKind, Subject,
    codes::Visibility,
    language_map::Line,
    types::{
        access::ReasonText,
        listing::{Fulfilled, ListingText, Paused, Published, Resumed, Revised, Terms, Withdrawn},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The most themes, mechanisms, places, ... of one record.
pub(crate) const ITEMS_LIMIT: usize = 200;

/// Publishes an offer or a demand of the acting organisation.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Publish {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<ListingId>,
    /// Whose it is; the acting organisation's, and no other's.
    #[serde(default)]
    pub organisation: Option<OrganisationId>,
    /// What it is.
    pub terms: Terms,
    /// What it is, in words.
    pub text: ListingText,
    /// Who may see it; everybody unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Changes an offer or a demand that is not over.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Revise {
    /// Which.
    pub id: ListingId,
    /// What it is now.
    pub terms: Terms,
    /// What it is now, in words.
    pub text: ListingText,
}

/// Pauses one that is open.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Pause {
    /// Which.
    pub id: ListingId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// Opens one again that is paused.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Resume {
    /// Which.
    pub id: ListingId,
}

/// Takes one back.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Withdraw {
    /// Which.
    pub id: ListingId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// Says that one was met.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct Fulfil {
    /// Which.
    pub id: ListingId,
    /// The agreement that met it.
    #[serde(default)]
    pub agreement: Option<AgreementId>,
}

/// Checks what offers and demands must have.
fn check(
    terms: &Terms,
    owner: OrganisationId,
    before: Option<&Listing>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    require(!terms.themes.is_empty(), Reason::ThemeRequired).map_err(|r| r.field("terms.themes"))?;
    require(!terms.mechanisms.is_empty(), Reason::MechanismRequired).map_err(|r| r.field("terms.mechanisms"))?;
    require(!terms.places.is_empty(), Reason::PlaceRequired).map_err(|r| r.field("terms.places"))?;
    let counts = [
        ("terms.themes", terms.themes.len()),
        ("terms.mechanisms", terms.mechanisms.len()),
        ("terms.places", terms.places.len()),
        ("terms.languages", terms.languages.len()),
        ("terms.costs", terms.costs.len()),
        ("terms.evidence", terms.evidence.len()),
    ];
    for (field, count) in counts {
        require(count <= ITEMS_LIMIT, Reason::TooManyItems).map_err(|r| r.field(field))?;
    }
    if let (Some(from), Some(through)) = (terms.valid_from, terms.valid_through) {
        require(from <= through, Reason::DatesReversed).map_err(|r| r.field("terms.valid_through"))?;
    }
    require_not_over(terms.valid_through, context.today(terms.time_zone), "terms.valid_through")?;
    if let Some(site) = terms.site {
        let has = context.world.organisation(owner).is_some_and(|organisation| organisation.has_site(site));
        require(has, Reason::SiteUnknown).map_err(|r| r.field("terms.site"))?;
    }
    for learning in &terms.evidence {
        let known = context.sees((*learning).into());
        require(known, Reason::LinkUnknown).map_err(|r| r.field("terms.evidence"))?;
        // What speaks for it already may stay: it is marked wherever it is cited.
        if !before.is_some_and(|before| before.evidence.contains(learning)) {
            context.require_citable((*learning).into(), "terms.evidence")?;
        }
    }
    Ok(())
}

/// One of the acting organisation's own that is not over.
fn own(kind: RecordKind, id: ListingId, context: &Context<'_>) -> Result<(Subject, Arc<Listing>), Rejection> {
    let subject = Subject::new(kind, id.uuid());
    context.require_seen(subject)?;
    let listing = context.world.listing(subject).ok_or(Reason::RecordUnknown)?;
    context.require_owner(listing.organisation)?;
    // What is overdue is over, also while the timers are held back.
    let overdue = listing.due(context.world.time_zone()).is_some_and(|due| due <= context.now);
    match listing.status {
        Status::Open | Status::Paused if !overdue => Ok((subject, listing)),
        Status::Open | Status::Paused | Status::Withdrawn | Status::Expired | Status::Fulfilled => {
            Err(closed(kind).into())
        }
    }
}

/// The reason for which what is over is refused.
pub(crate) fn closed(kind: RecordKind) -> Reason {
    if kind == RecordKind::Demand { Reason::DemandClosed } else { Reason::OfferClosed }
}

impl Publish {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = context.organisation()?;
        let own = self.organisation.is_none_or(|named| named == organisation);
        require(own, Reason::NotOwner).map_err(|r| r.field("organisation"))?;
        let subject = Subject::new(kind, self.id.map_or(context.new_id, ListingId::uuid));
        context.require_new(subject)?;
        check(&self.terms, organisation, None, context)?;
        let visibility = self.visibility.unwrap_or(Visibility::Public);
        let facts = Published { organisation, terms: self.terms, visibility };
        Ok(Decision::one(NewEvent::new(subject, facts, Some(self.text))))
    }
}

impl Revise {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (subject, listing) = own(kind, self.id, context)?;
        check(&self.terms, listing.organisation, Some(&listing), context)?;
        require_room(&listing, &self.terms)?;
        Ok(Decision::one(NewEvent::new(subject, Revised { terms: self.terms }, Some(self.text))))
    }
}

/// A revision leaves room for what agreements hold already, whether or not it was limited when they took it.
fn require_room(listing: &Listing, terms: &Terms) -> Result<(), Rejection> {
    let Some(total) = &terms.quantity else { return Ok(()) };
    let same_unit = listing.held.iter().all(|held| held.unit == total.unit);
    require(same_unit, Reason::UnitDiffers).map_err(|r| r.field("terms.quantity"))?;
    let room = listing.held.of(&total.unit) <= total.amount;
    require(room, Reason::QuantityExceeded).map_err(|r| r.field("terms.quantity"))
}

impl Pause {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (subject, listing) = own(kind, self.id, context)?;
        require(listing.status == Status::Open, closed(kind))?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(subject, Paused {}, text)))
    }
}

impl Resume {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (subject, listing) = own(kind, self.id, context)?;
        require(listing.status == Status::Paused, Reason::NotPaused)?;
        Ok(Decision::one(NewEvent::new(subject, Resumed {}, None)))
    }
}

impl Withdraw {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (subject, _) = own(kind, self.id, context)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(subject, Withdrawn {}, text)))
    }
}

impl Fulfil {
    fn decide(self, kind: RecordKind, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (subject, _) = own(kind, self.id, context)?;
        if let Some(id) = self.agreement {
            let known = context.world.agreement(id).is_some() && context.sees(id.into());
            require(known, Reason::LinkUnknown).map_err(|refused| refused.field("agreement"))?;
            context.require_citable(id.into(), "agreement")?;
        }
        Ok(Decision::one(NewEvent::new(subject, Fulfilled { agreement: self.agreement }, None)))
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::given::{OTHER, OWNER, given, uuid, words};
    use serde_json::{Value, json};

    const OFFER: u128 = 0x0ff;

    fn published() -> (u128, &'static str, Value) {
        let terms = json!({"themes": ["sdg:3.3"], "mechanisms": ["training"], "places": ["PE"]});
        let offer = json!({"id": uuid(OFFER), "terms": terms, "text": {"title": words("Training")}});
        (OWNER, "publish-offer", offer)
    }

    fn it() -> Value {
        json!({"id": uuid(OFFER)})
    }

    #[test]
    fn what_is_open_is_withdrawn_once() {
        assert_eq!(given(&[published()]).when(OWNER, "withdraw-offer", &it()), "(offer.withdrawn)");
        let over = given(&[published(), (OWNER, "withdraw-offer", it())]);
        assert_eq!(over.when(OWNER, "withdraw-offer", &it()), "offer-closed");
    }

    #[test]
    fn its_owner_alone_withdraws_it() {
        assert_eq!(given(&[published()]).when(OTHER, "withdraw-offer", &it()), "not-owner");
        let (by, name, mut hidden) = published();
        hidden["visibility"] = json!("parties");
        assert_eq!(given(&[(by, name, hidden)]).when(OTHER, "withdraw-offer", &it()), "record-unknown");
    }

    #[test]
    fn what_is_paused_is_resumed_and_only_that() {
        assert_eq!(given(&[published()]).when(OWNER, "resume-offer", &it()), "not-paused");
        let paused = || given(&[published(), (OWNER, "pause-offer", it())]);
        assert_eq!(paused().when(OWNER, "pause-offer", &it()), "offer-closed");
        assert_eq!(paused().when(OWNER, "resume-offer", &it()), "(offer.resumed)");
    }

    #[test]
    fn an_offer_has_a_theme() {
        let (_, _, mut offer) = published();
        offer["id"] = json!(uuid(1 << 20));
        offer["terms"]["themes"] = json!([]);
        assert_eq!(given(&[]).when(OWNER, "publish-offer", &offer), "theme-required@terms.themes");
    }
}
