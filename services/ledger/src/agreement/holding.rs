//! What agreements hold of offers and demands: proposing reserves, activation allocates, an early end releases.

use super::Agreement;
use crate::{
    context::Context,
    listing::{Listing, closed},
    rejection::{Reason, Rejection, require},
    world::World,
};
use convenio_events::{
    AgreementId, NewEvent, Subject,
    types::listing::{Allocated, Released, Reserved},
    values::{Amount, Quantity},
};
use std::sync::Arc;

/// Reserves what the agreement takes of each source.
pub(super) fn reservations(
    id: AgreementId,
    agreement: &Agreement,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Rejection> {
    let mut events = Vec::new();
    for source in agreement.sources() {
        let listing = context.world.listing(source).ok_or(Reason::LinkUnknown)?;
        let open = listing.is_open(context.now, context.world.time_zone());
        require(open, closed(source.kind))
            .map_err(|r| r.field("terms.commitments").detail(format!("{source} is not open")))?;
        let quantity = taken(agreement, source, &listing, context)?;
        let audience = agreement.audience().narrower(listing.audience());
        events.push(NewEvent::new(source, audience, Reserved { agreement: id, quantity }, None));
    }
    Ok(events)
}

/// How much all commitments together take of a source; `None` of one that is unlimited.
fn taken(
    agreement: &Agreement,
    source: Subject,
    listing: &Listing,
    context: &Context<'_>,
) -> Result<Option<Quantity>, Rejection> {
    let Some((unit, left)) = listing.left() else { return Ok(None) };
    let mut sum = Amount::ZERO;
    for commitment in agreement.terms.commitments.iter().filter(|commitment| commitment.source == Some(source)) {
        let named = |reason: Reason| Rejection::from(reason).field("terms.commitments").detail(format!("of {source}"));
        let quantity = commitment.quantity.as_ref().ok_or_else(|| named(Reason::QuantityRequired))?;
        require(quantity.unit == *unit, Reason::UnitDiffers).map_err(|_| named(Reason::UnitDiffers))?;
        sum = sum.plus(quantity.amount).ok_or_else(|| named(Reason::QuantityExceeded))?;
    }
    // How much is left would tell others what restricted agreements have taken.
    let own = context.owns(listing.organisation);
    let left_of_it = if own { format!("{left} {unit}") } else { "less".to_owned() };
    let detail = format!("{left_of_it} of {source} is left, {sum} {unit} would be taken");
    require(left.minus(sum).is_some(), Reason::QuantityExceeded)
        .map_err(|rejection| rejection.field("terms.commitments").detail(detail))?;
    Ok(Some(Quantity { amount: sum, unit: unit.clone() }))
}

/// Each source that the agreement holds a part of.
fn held(id: AgreementId, agreement: &Agreement, world: &World) -> Vec<(Subject, Arc<Listing>)> {
    let listings = agreement.sources().into_iter().filter_map(|source| Some((source, world.listing(source)?)));
    listings.filter(|(_, listing)| listing.held.contains_key(&id)).collect()
}

/// Takes for good what was reserved.
pub(crate) fn allocations(id: AgreementId, agreement: &Agreement, world: &World) -> Vec<NewEvent> {
    let event = |(source, listing): (Subject, Arc<Listing>)| {
        NewEvent::new(source, agreement.audience().narrower(listing.audience()), Allocated { agreement: id }, None)
    };
    held(id, agreement, world).into_iter().map(event).collect()
}

/// Gives back what was reserved or taken.
pub(crate) fn releases(id: AgreementId, agreement: &Agreement, world: &World) -> Vec<NewEvent> {
    let event = |(source, listing): (Subject, Arc<Listing>)| {
        NewEvent::new(source, agreement.audience().narrower(listing.audience()), Released { agreement: id }, None)
    };
    held(id, agreement, world).into_iter().map(event).collect()
}
