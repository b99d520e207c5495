//! Registering an organisation and saying what and where it is. Who vouches for it is decided elsewhere.

use super::{identifier_name, subject};
use crate::{
    context::{Context, Decision, audience},
    organisation::Organisation,
    rejection::{Reason, Rejection, require},
};
use convenio_events::{
    Actor, NewEvent, OrganisationId,
    codes::{AccessRole, Visibility},
    ids::SiteId,
    language_map::Line,
    types::{
        access::ReasonText,
        organisation::{
            IdentifierAdded, IdentifierWithdrawn, Profile, ProfileText, Registered, Revised, SiteAdded, SiteClosed,
            SiteText, Standing,
        },
    },
    values::{Identifier, Place},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The most identifiers of one organisation.
pub(crate) const IDENTIFIERS_LIMIT: usize = 50;

/// Registers an organisation: as a holder (an admin does) or as a profile of one that is not here (anyone with a grant may).
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RegisterOrganisation {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<OrganisationId>,
    /// Holder or profile; a profile unless said.
    #[serde(default = "profile")]
    pub standing: Standing,
    /// What it is.
    pub profile: Profile,
    /// What it is, in words.
    pub text: ProfileText,
    /// Identifiers that others gave it.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Who may see it; everybody unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

fn profile() -> Standing {
    Standing::Profile
}

/// Changes what an organisation is.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ReviseOrganisation {
    /// Which.
    pub id: OrganisationId,
    /// What it is now.
    pub profile: Profile,
    /// What it is now, in words.
    pub text: ProfileText,
}

/// Adds an identifier that others gave the organisation.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct AddIdentifier {
    /// Which organisation.
    pub id: OrganisationId,
    /// Which identifier.
    pub identifier: Identifier,
}

/// Withdraws an identifier, which is free again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct WithdrawIdentifier {
    /// Which organisation.
    pub id: OrganisationId,
    /// Which identifier.
    pub identifier: Identifier,
}

/// Adds a site.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct AddSite {
    /// Which organisation.
    pub id: OrganisationId,
    /// The site's id; without it one is derived from the command id.
    #[serde(default)]
    pub site: Option<SiteId>,
    /// Where it is.
    pub place: Place,
    /// What it is called.
    pub text: SiteText,
}

/// Closes a site.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct CloseSite {
    /// Which organisation.
    pub id: OrganisationId,
    /// Which site.
    pub site: SiteId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// The organisation, for whoever may see it.
pub(super) fn seen(context: &Context<'_>, id: OrganisationId) -> Result<Arc<Organisation>, Rejection> {
    context.require_seen(id.into())?;
    context.world.organisation(id).ok_or_else(|| Reason::RecordUnknown.into())
}

/// The organisation, for whoever may describe it: itself, its registrar while it is a profile, or an admin.
pub(super) fn editable(context: &Context<'_>, id: OrganisationId) -> Result<Arc<Organisation>, Rejection> {
    let organisation = seen(context, id)?;
    let registrar = organisation.standing == Standing::Profile && organisation.registered_by == context.acting.actor;
    let may = context.owns(id) || registrar || context.acting.role == AccessRole::Admin;
    require(may, Reason::NotOwner)?;
    Ok(organisation)
}

fn require_free(context: &Context<'_>, identifier: &Identifier, field: &str) -> Result<(), Rejection> {
    require(context.world.holder(&identifier_name(identifier)).is_none(), Reason::IdentifierInUse)
        .map_err(|rejection| rejection.field(field).detail(format!("{identifier} belongs to an organisation")))
}

impl RegisterOrganisation {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let id = self.id.unwrap_or_else(|| OrganisationId::new(context.new_id));
        let admin = context.acting.role == AccessRole::Admin || context.acting.sample;
        require(self.standing == Standing::Profile || admin, Reason::RoleRequired).map_err(|r| r.field("standing"))?;
        context.require_new(subject(id))?;
        require(self.identifiers.len() <= IDENTIFIERS_LIMIT, Reason::TooManyItems)
            .map_err(|r| r.field("identifiers"))?;
        for (at, identifier) in self.identifiers.iter().enumerate() {
            require_free(context, identifier, &format!("identifiers[{at}]"))?;
            let twice = self.identifiers[..at].contains(identifier);
            require(!twice, Reason::IdentifierInUse).map_err(|r| r.field(format!("identifiers[{at}]")))?;
        }
        let visibility = self.visibility.unwrap_or(Visibility::Public);
        let facts =
            Registered { standing: self.standing, profile: self.profile, identifiers: self.identifiers, visibility };
        Ok(Decision::one(NewEvent::new(id, audience(visibility), facts, Some(self.text))))
    }
}

impl ReviseOrganisation {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        let facts = Revised { profile: self.profile };
        Ok(Decision::one(NewEvent::new(self.id, audience(organisation.visibility), facts, Some(self.text))))
    }
}

impl AddIdentifier {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        require_free(context, &self.identifier, "identifier")?;
        let room = organisation.identifiers.len() < IDENTIFIERS_LIMIT;
        require(room, Reason::TooManyItems).map_err(|r| r.field("identifier"))?;
        let facts = IdentifierAdded { identifier: self.identifier };
        Ok(Decision::one(NewEvent::new(self.id, audience(organisation.visibility), facts, None)))
    }
}

impl WithdrawIdentifier {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        let has = organisation.identifiers.contains(&self.identifier);
        require(has, Reason::IdentifierUnknown).map_err(|r| r.field("identifier"))?;
        let facts = IdentifierWithdrawn { identifier: self.identifier };
        Ok(Decision::one(NewEvent::new(self.id, audience(organisation.visibility), facts, None)))
    }
}

impl AddSite {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        let site = self.site.unwrap_or_else(|| SiteId::new(context.new_id));
        require(!organisation.sites.contains_key(&site), Reason::IdExists).map_err(|r| r.field("site"))?;
        let facts = SiteAdded { site, place: self.place };
        Ok(Decision::one(NewEvent::new(self.id, audience(organisation.visibility), facts, Some(self.text))))
    }
}

impl CloseSite {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        require(organisation.has_site(self.site), Reason::SiteUnknown).map_err(|r| r.field("site"))?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(
            self.id,
            audience(organisation.visibility),
            SiteClosed { site: self.site },
            text,
        )))
    }
}

/// Whether an actor is an organisation; used where a rule asks for one.
pub(super) fn acts_as(actor: Actor, id: OrganisationId) -> bool {
    actor.organisation() == Some(id)
}
