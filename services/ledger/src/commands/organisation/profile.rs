//! Registering an organisation and saying what and where it is. Who vouches for it is decided elsewhere.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::organisation::{Organisation, identifier_names, site_name},
};
use convenio_events::{
    Actor, NewEvent, OrganisationId, RecordKind,
    codes::{AccessRole, Visibility},
    ids::SiteId,
    language_map::Line,
    limits::IDENTIFIERS_LIMIT,
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

/// The most open sites of one organisation; one more is refused as `too-many-items`.
pub const SITES_LIMIT: usize = 200;

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
    #[schemars(length(max = IDENTIFIERS_LIMIT))]
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

/// Whose it is, is not told: it may be somebody's that is not the caller's to see.
fn require_free(context: &Context<'_>, identifier: &Identifier, field: &str) -> Result<(), Rejection> {
    let free = identifier_names(identifier).all(|name| context.world.holder(&name).is_none());
    require(free, Reason::IdentifierInUse).map_err(|rejection| rejection.field(field))
}

impl CommandData for RegisterOrganisation {
    const NAME: &'static str = "register-organisation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator, Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "a3773905-ae76-5a5f-bd4c-53ed3bede467",
  "standing": "profile",
  "profile": {"kind": "ministry", "place": "CU", "languages": ["es"]},
  "text": {
    "name": {
      "original": "es",
      "texts": {
        "es": "Ministerio de Salud Pública de Cuba (MINSAP)",
        "en": "Ministry of Public Health of Cuba",
        "fr": "Ministère de la santé publique de Cuba"
      },
      "translations": {"en": "other", "fr": "other"}
    },
    "citation": "https://salud.msp.gob.cu"
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let id = self.id.unwrap_or_else(|| OrganisationId::new(context.new_id));
        let admin = context.acting.role == AccessRole::Admin || context.acting.sample;
        require(self.standing == Standing::Profile || admin, Reason::RoleRequired).map_err(|r| r.field("standing"))?;
        context.require_new(id.into())?;
        for (at, identifier) in self.identifiers.iter().enumerate() {
            require_free(context, identifier, &format!("identifiers[{at}]"))?;
            let twice = self.identifiers[..at].iter().any(|other| other.folded() == identifier.folded());
            require(!twice, Reason::IdentifierInUse).map_err(|r| r.field(format!("identifiers[{at}]")))?;
        }
        let visibility = self.visibility.unwrap_or(Visibility::Public);
        let facts =
            Registered { standing: self.standing, profile: self.profile, identifiers: self.identifiers, visibility };
        Ok(Decision::one(NewEvent::new(id, facts, Some(self.text))))
    }
}

impl CommandData for ReviseOrganisation {
    const NAME: &'static str = "revise-organisation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "profile": {"kind": "ngo", "place": "PE", "languages": ["es", "en"]},
  "text": {
    "name": {"original": "es", "texts": {"es": "Organización Ejemplo"}},
    "office": "Oficina de Cooperación",
    "mailbox": "cooperacion@example.org"
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let _organisation = editable(context, self.id)?;
        let facts = Revised { profile: self.profile };
        Ok(Decision::one(NewEvent::new(self.id, facts, Some(self.text))))
    }
}

impl CommandData for AddIdentifier {
    const NAME: &'static str = "add-identifier";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "identifier": "PE-RUC-20100000001"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        require_free(context, &self.identifier, "identifier")?;
        let room = organisation.identifiers.len() < IDENTIFIERS_LIMIT;
        require(room, Reason::TooManyItems).map_err(|r| r.field("identifier"))?;
        let facts = IdentifierAdded { identifier: self.identifier };
        Ok(Decision::one(NewEvent::new(self.id, facts, None)))
    }
}

impl CommandData for WithdrawIdentifier {
    const NAME: &'static str = "withdraw-identifier";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "identifier": "PE-RUC-20100000001"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        // As it was recorded: the case in which it is named now may be another.
        let recorded = organisation.identifiers.get(&self.identifier).or_else(|| {
            organisation.identifiers.iter().find(|identifier| identifier.folded() == self.identifier.folded())
        });
        let identifier = recorded.cloned().ok_or(Reason::IdentifierUnknown);
        let identifier = identifier.map_err(|reason| Rejection::from(reason).field("identifier"))?;
        let facts = IdentifierWithdrawn { identifier };
        Ok(Decision::one(NewEvent::new(self.id, facts, None)))
    }
}

impl CommandData for AddSite {
    const NAME: &'static str = "add-site";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "11158c3e-7fa8-5390-88e9-0d3facd29e7a",
  "site": "ad6f9309-f8f2-5c3e-a6cd-65a82d4db56f",
  "place": "PE-LIM",
  "text": {"name": {"original": "es", "texts": {"es": "Carabayllo, Lima"}}}
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        let site = self.site.unwrap_or_else(|| SiteId::new(context.new_id));
        let new = context.world.holder(&site_name(self.id.uuid(), site)).is_none();
        require(new, Reason::IdExists).map_err(|r| r.field("site"))?;
        require(organisation.sites.len() < SITES_LIMIT, Reason::TooManyItems).map_err(|rejection| {
            rejection.field("site").detail(format!("an organisation has at most {SITES_LIMIT} open sites"))
        })?;
        let facts = SiteAdded { site, place: self.place };
        Ok(Decision::one(NewEvent::new(self.id, facts, Some(self.text))))
    }
}

impl CommandData for CloseSite {
    const NAME: &'static str = "close-site";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "site": "0190a1b2-0000-7000-8000-000000000006",
  "reason": "The clinic moved."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = editable(context, self.id)?;
        require(organisation.has_site(self.site), Reason::SiteUnknown).map_err(|r| r.field("site"))?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, SiteClosed { site: self.site }, text)))
    }
}

/// Whether an actor is an organisation; used where a rule asks for one.
pub(super) fn acts_as(actor: Actor, id: OrganisationId) -> bool {
    actor.organisation() == Some(id)
}
