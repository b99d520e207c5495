//! What agreements hold of offers and demands: the owner's signature reserves, activation allocates, an early end releases. Nobody
//! else's signature takes anything, and nobody but the owner is told how much is left.

use super::super::listing::closed;
use crate::{
    context::Context,
    rejection::{Reason, Rejection, require},
    state::{
        agreement::Agreement,
        listing::{Hold, Listing},
    },
    world::World,
};
use convenio_events::{
    AgreementId, NewEvent, OrganisationId, Subject,
    sums::Sums,
    types::{
        agreement::Terms,
        listing::{Allocated, Released, Reserved},
    },
    values::Quantity,
};
use std::{collections::BTreeSet, sync::Arc};

/// Checks what terms take against what everybody reads of each offer and demand: whether it is open, and how much it is in all.
/// Of one that the caller may not see, its owner is told when it signs.
pub(super) fn check_sources(terms: &Terms, context: &Context<'_>) -> Result<(), Rejection> {
    for source in terms.sources() {
        let listing = context.world.listing(source).ok_or(Reason::LinkUnknown)?;
        if !context.sees(source) {
            continue;
        }
        require_open(&listing, source, context)?;
        let sums = taken(terms, source, &listing)?;
        let total = listing.quantity.as_ref();
        let fits = total.is_none_or(|total| sums.of(&total.unit) <= total.amount);
        require(fits, Reason::QuantityExceeded).map_err(|r| {
            let total = total.map(Quantity::to_string).unwrap_or_default();
            r.field("terms.commitments").detail(format!("{source} is {total} in all"))
        })?;
    }
    Ok(())
}

fn require_open(listing: &Listing, source: Subject, context: &Context<'_>) -> Result<(), Rejection> {
    let open = listing.is_open(context.now, context.world.time_zone());
    require(open, closed(source.kind)).map_err(|r| r.field("terms.commitments").detail(format!("{source} is not open")))
}

/// How much all commitments together take of a source; of one that is limited, each says how much in its unit.
fn taken(terms: &Terms, source: Subject, listing: &Listing) -> Result<Sums, Rejection> {
    let named = |reason: Reason| Rejection::from(reason).field("terms.commitments").detail(format!("of {source}"));
    if let Some(total) = &listing.quantity {
        for commitment in terms.commitments.iter().filter(|commitment| commitment.source == Some(source)) {
            let quantity = commitment.quantity.as_ref().ok_or_else(|| named(Reason::QuantityRequired))?;
            require(quantity.unit == total.unit, Reason::UnitDiffers).map_err(|_| named(Reason::UnitDiffers))?;
        }
    }
    terms.takes(source).ok_or_else(|| named(Reason::QuantityExceeded))
}

/// Reserves what the agreement takes of each source of the organisation that signs.
pub(super) fn reservations(
    id: AgreementId,
    agreement: &Agreement,
    owner: OrganisationId,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Rejection> {
    let mut events = Vec::new();
    for source in agreement.sources() {
        let listing = context.world.listing(source).ok_or(Reason::LinkUnknown)?;
        // A proposal of an earlier version of this program holds its part already.
        if listing.organisation != owner || context.world.hold(source, id).is_some() {
            continue;
        }
        require_open(&listing, source, context)?;
        let sums = taken(&agreement.terms, source, &listing)?;
        require_left(&listing, source, &sums)?;
        let mut quantities = sums.into_quantities().into_iter();
        let facts = Reserved { agreement: id, quantity: quantities.next(), further: quantities.collect() };
        events.push(NewEvent::new(source, facts, None));
    }
    Ok(events)
}

/// The owner reads how much is left: what restricted agreements hold is for it to know.
fn require_left(listing: &Listing, source: Subject, sums: &Sums) -> Result<(), Rejection> {
    let too_much = |detail: String| Rejection::from(Reason::QuantityExceeded).field("terms.commitments").detail(detail);
    match listing.left() {
        Some((unit, left)) => {
            let sum = sums.of(unit);
            let detail = || too_much(format!("{left} {unit} of {source} is left, {sum} {unit} would be taken"));
            left.minus(sum).map(drop).ok_or_else(detail)
        }
        None => sums.iter().try_for_each(|sum| {
            let whole = listing.held.of(&sum.unit).plus(sum.amount);
            whole.map(drop).ok_or_else(|| too_much(format!("{sum} more of {source} is no amount")))
        }),
    }
}

/// Each source that the agreement holds a part of.
fn held(id: AgreementId, agreement: &Agreement, world: &World) -> Vec<(Subject, Arc<Hold>)> {
    let sources = agreement.sources().into_iter();
    sources.filter_map(|source| Some((source, world.hold(source, id)?))).collect()
}

/// Takes for good what was reserved before, and what is `reserved` by the same command.
pub(crate) fn allocations(
    id: AgreementId,
    agreement: &Agreement,
    reserved: &BTreeSet<Subject>,
    world: &World,
) -> Vec<NewEvent> {
    let holds = |source: &Subject| reserved.contains(source) || world.hold(*source, id).is_some();
    let event = |source: Subject| NewEvent::new(source, Allocated { agreement: id }, None);
    agreement.sources().into_iter().filter(holds).map(event).collect()
}

/// Gives back what was reserved or taken.
pub(crate) fn releases(id: AgreementId, agreement: &Agreement, world: &World) -> Vec<NewEvent> {
    let event = |(source, hold): (Subject, Arc<Hold>)| {
        let facts = Released { agreement: id, quantities: hold.quantities.clone() };
        NewEvent::new(source, facts, None)
    };
    held(id, agreement, world).into_iter().map(event).collect()
}
