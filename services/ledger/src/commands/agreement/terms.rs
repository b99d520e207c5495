//! What the terms of an agreement must satisfy, and the digest that signatures cover. Nothing here changes an agreement.

use super::{
    super::listing::closed,
    dates::{check_order, check_plan},
};
use crate::{
    context::Context,
    rejection::{Reason, Rejection, require},
    state::agreement::Agreement,
};
use convenio_events::{
    RecordKind, Subject, canonical,
    codes::{Modality, PartyRole},
    commitment::{Digest, Salt, terms_digest},
    limits::{COMMITMENTS_LIMIT, PARTIES_LIMIT},
    types::agreement::{Links, Party, Terms, TermsText},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Digest of the whole terms under a salt: SHA-256("convenio-terms/v1\n" || salt || RFC 8785 JSON of `{facts, text}`).
pub fn digest_of_terms(salt: &Salt, facts: &Terms, text: &TermsText) -> Digest {
    #[derive(Serialize)]
    struct Whole<'a> {
        facts: &'a Terms,
        text: &'a TermsText,
    }
    terms_digest(salt, canonical::to_string(&Whole { facts, text }).as_bytes())
}

/// Whether terms are to be signed here, or were agreed elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Concluded {
    Here,
    Elsewhere,
}

/// Checks terms against every rule that needs no other agreement. What `before` names already, its parties know of.
pub(super) fn check(
    terms: &Terms,
    text: &TermsText,
    concluded: Concluded,
    before: Option<&Agreement>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    check_parties(&terms.parties, before, context)?;
    check_modality(terms, concluded)?;
    if concluded == Concluded::Here {
        check_signers(terms)?;
        for (at, party) in terms.parties.iter().enumerate() {
            let declared = !party.signs || party.side.is_some();
            require(declared, Reason::SideRequired).map_err(|r| r.field(format!("terms.parties[{at}].side")))?;
        }
    }
    check_order(terms)?;
    if concluded == Concluded::Here {
        check_plan(terms, context.today(terms.time_zone))?;
    }
    check_languages(terms)?;
    check_commitments(terms, concluded, before, context)?;
    check_texts(terms, text)
}

/// Whoever offers, requests or pays signs, and so does whoever gives or receives by a commitment: nobody is bound by others alone.
pub(super) fn check_signers(terms: &Terms) -> Result<(), Rejection> {
    let signers = terms.signers();
    require(!signers.is_empty(), Reason::SignerRequired).map_err(|r| r.field("terms.parties"))?;
    let committed: BTreeSet<_> = terms.commitments.iter().flat_map(|one| [one.provider, one.receiver]).collect();
    for (at, party) in terms.parties.iter().enumerate() {
        let field = || format!("terms.parties[{at}].signs");
        require(party.signs || !party.is_principal(), Reason::SignatureRequired).map_err(|r| r.field(field()))?;
        // Of an organisation that is here with several of its sites, one signs.
        let mut own = terms.parties.iter().filter(|other| other.organisation == party.organisation);
        let bound = committed.contains(&party.organisation);
        require(!bound || own.any(|other| other.signs), Reason::SignatureRequired).map_err(|r| r.field(field()))?;
    }
    Ok(())
}

/// Whoever left it is not named in it again.
pub(super) fn check_parties_stay(terms: &Terms, agreement: &Agreement) -> Result<(), Rejection> {
    for (at, party) in terms.parties.iter().enumerate() {
        require(!agreement.left.contains(&party.organisation), Reason::PartyLeft)
            .map_err(|r| r.field(format!("terms.parties[{at}].organisation")))?;
    }
    Ok(())
}

fn check_languages(terms: &Terms) -> Result<(), Rejection> {
    let listed = terms.prevailing_language.as_ref().is_none_or(|prevails| terms.languages.contains(prevails));
    require(listed, Reason::PrevailingLanguage).map_err(|r| r.field("terms.prevailing_language"))
}

fn check_parties(parties: &[Party], before: Option<&Agreement>, context: &Context<'_>) -> Result<(), Rejection> {
    require(parties.len() <= PARTIES_LIMIT, Reason::TooManyItems).map_err(|r| r.field("terms.parties"))?;
    let mut seen = BTreeSet::new();
    for (at, party) in parties.iter().enumerate() {
        let field = |name: &str| format!("terms.parties[{at}].{name}");
        if !before.is_some_and(|before| before.has_party(party.organisation)) {
            context.require_organisation(party.organisation, &field("organisation"))?;
        }
        if let Some(site) = party.site {
            let has = context.world.organisation(party.organisation).is_some_and(|o| o.has_site(site));
            require(has, Reason::SiteUnknown).map_err(|r| r.field(field("site")))?;
        }
        require(!party.roles.is_empty(), Reason::RoleMissing).map_err(|r| r.field(field("roles")))?;
        let new = seen.insert((party.organisation, party.site));
        require(new, Reason::PartyTwice).map_err(|r| r.field(field("organisation")))?;
    }
    require(seen.len() >= 2, Reason::PartiesTooFew).map_err(|r| r.field("terms.parties"))
}

fn check_modality(terms: &Terms, concluded: Concluded) -> Result<(), Rejection> {
    let organisations: BTreeSet<_> = terms.parties.iter().map(|party| party.organisation).collect();
    let one = organisations.len() == 1;
    require(one == (terms.modality == Modality::Internal), Reason::InternalOrganisation)
        .map_err(|r| r.field("terms.modality"))?;
    let has =
        |roles: &[PartyRole]| terms.parties.iter().any(|party| party.roles.iter().any(|role| roles.contains(role)));
    match terms.modality {
        Modality::Bilateral => {
            let aside = |party: &&Party| {
                party.roles.iter().all(|role| matches!(role, PartyRole::Facilitator | PartyRole::Observer))
            };
            let sides: BTreeSet<_> =
                terms.parties.iter().filter(|party| !aside(party)).map(|party| &party.side).collect();
            // Of what was concluded elsewhere a side may not be known: then only what is known must fit.
            let unknown = concluded == Concluded::Elsewhere && sides.contains(&None);
            let two = if unknown { sides.len() <= 3 } else { sides.len() == 2 };
            require(two, Reason::BilateralSides).map_err(|r| r.field("terms.parties"))
        }
        Modality::Triangular => {
            let complete = has(&[PartyRole::Offering])
                && has(&[PartyRole::Requesting])
                && has(&[PartyRole::Facilitator, PartyRole::Donor]);
            require(complete, Reason::TriangularRoles).map_err(|r| r.field("terms.parties"))
        }
        Modality::Network | Modality::Regional | Modality::Internal => Ok(()),
    }
}

fn check_commitments(
    terms: &Terms,
    concluded: Concluded,
    before: Option<&Agreement>,
    context: &Context<'_>,
) -> Result<(), Rejection> {
    let sources = before.map(Agreement::sources).unwrap_or_default();
    require(terms.commitments.len() <= COMMITMENTS_LIMIT, Reason::TooManyItems)
        .map_err(|r| r.field("terms.commitments"))?;
    require(terms.milestones.len() <= COMMITMENTS_LIMIT, Reason::TooManyItems)
        .map_err(|r| r.field("terms.milestones"))?;
    let mut commitments = BTreeSet::new();
    for (at, commitment) in terms.commitments.iter().enumerate() {
        let field = |name: &str| format!("terms.commitments[{at}].{name}");
        require(commitments.insert(commitment.id), Reason::CommitmentTwice).map_err(|r| r.field(field("id")))?;
        for (name, party) in [("provider", commitment.provider), ("receiver", commitment.receiver)] {
            let known = terms.parties.iter().any(|p| p.organisation == party);
            require(known, Reason::CommitmentParty).map_err(|r| r.field(field(name)))?;
        }
        // Sites of one organisation may well give each other something.
        let apart = commitment.provider != commitment.receiver || terms.modality == Modality::Internal;
        require(apart, Reason::CommitmentItself).map_err(|r| r.field(field("receiver")))?;
        if let Some(source) = commitment.source {
            let seen = sources.contains(&source) || context.sees(source);
            let listing = context
                .world
                .listing(source)
                .filter(|_| seen)
                .ok_or_else(|| Rejection::from(Reason::LinkUnknown).field(field("source")))?;
            let owner = if source.kind == RecordKind::Demand { commitment.receiver } else { commitment.provider };
            require(listing.organisation == owner, Reason::SourceOwner).map_err(|r| r.field(field("source")))?;
            // What was concluded elsewhere takes nothing here, and may have met what is closed by now. Of one that the caller may
            // not see, its owner is told when it signs.
            let told = concluded == Concluded::Here && context.sees(source);
            let open = !told || listing.is_open(context.now, context.world.time_zone());
            require(open, closed(source.kind)).map_err(|r| r.field(field("source")))?;
        }
    }
    Ok(())
}

fn check_texts(terms: &Terms, text: &TermsText) -> Result<(), Rejection> {
    let commitments: BTreeSet<_> = terms.commitments.iter().map(|commitment| commitment.id).collect();
    let milestones: BTreeSet<_> = terms.milestones.iter().map(|milestone| milestone.id).collect();
    require(milestones.len() == terms.milestones.len(), Reason::CommitmentTwice)
        .map_err(|r| r.field("terms.milestones"))?;
    let known = text.commitments.keys().all(|id| commitments.contains(id));
    require(known, Reason::DescriptionUnknown).map_err(|r| r.field("text.commitments"))?;
    let known = text.milestones.keys().all(|id| milestones.contains(id));
    require(known, Reason::DescriptionUnknown).map_err(|r| r.field("text.milestones"))
}

/// Checks that what an agreement is linked to is there, the caller's to see, and neither denied nor taken back.
pub(super) fn check_links(links: &Links, context: &Context<'_>) -> Result<(), Rejection> {
    let agreements = [("links.parent", links.parent), ("links.renews", links.renews)];
    let agreements = agreements.into_iter().filter_map(|(field, id)| Some((field, Subject::from(id?))));
    let convening = links.convening.map(|id| ("links.convening", Subject::from(id)));
    let listings = links.listings.iter().map(|listing| ("links.listings", *listing));
    for (field, subject) in agreements.chain(convening).chain(listings) {
        let linkable = field != "links.listings" || context.world.listing(subject).is_some();
        require(linkable && context.sees(subject), Reason::LinkUnknown).map_err(|r| r.field(field))?;
        context.require_citable(subject, field)?;
    }
    Ok(())
}
