//! Giving and ending grants. What a grant allows is decided in `authorise`.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::access::token_name,
};
use convenio_events::{
    AccessId, NewEvent, OrganisationId, RecordKind, Timestamp,
    codes::AccessRole,
    commitment::Digest,
    language_map::Line,
    limits::{ITEMS_LIMIT, Office},
    types::{
        access::{Granted, GrantedText, ReasonText, RevocationCause, Revoked, Scope},
        organisation::Standing,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Gives a grant for one or more organisations that are here.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct GrantAccess {
    /// The grant's id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<AccessId>,
    /// For which organisations it acts.
    #[schemars(length(max = ITEMS_LIMIT))]
    pub organisations: Vec<OrganisationId>,
    /// What it allows.
    pub role: AccessRole,
    /// The office that holds it; never a person.
    #[serde(default)]
    #[schemars(with = "Option<Office>")]
    pub office: Option<Line>,
    /// Whether it may sign agreements.
    #[serde(default)]
    pub may_sign: bool,
    /// Whether it acts on behalf of somebody else's organisation.
    #[serde(default)]
    pub on_behalf: bool,
    /// Digest of the mandate.
    #[serde(default)]
    pub mandate: Option<Digest>,
    /// From when; now without.
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    /// Until when.
    #[serde(default)]
    pub valid_through: Option<Timestamp>,
    /// SHA-256("convenio-token/v1\n" || token) of a token that the caller made; without it the node makes one and shows it once.
    #[serde(default)]
    pub token_digest: Option<Digest>,
}

/// Ends a grant.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RevokeAccess {
    /// Which grant.
    pub id: AccessId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl CommandData for GrantAccess {
    const NAME: &'static str = "grant-access";
    const RIGHT: Right = Right::AdministerOrganisation;
    const KIND: RecordKind = RecordKind::Access;
    const FLAGS: &'static [Flag] = &[Flag::Operator, Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000009",
  "organisations": ["0190a1b2-0000-7000-8000-000000000001"],
  "role": "recorder",
  "office": "Cooperation Office",
  "may_sign": false,
  "valid_through": "2030-12-31T00:00:00.000000Z"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let id = self.id.unwrap_or_else(|| AccessId::new(context.new_id));
        require_own(context, &self.organisations)?;
        context.require_new(id.into())?;
        require(!self.organisations.is_empty(), Reason::OrganisationsRequired).map_err(|r| r.field("organisations"))?;
        for organisation in &self.organisations {
            context.require_organisation(*organisation, "organisations")?;
            let holder = context.world.organisation(*organisation).is_some_and(|o| o.standing == Standing::Holder);
            require(holder, Reason::ProfileCannotAct).map_err(|r| r.field("organisations"))?;
        }
        require_within_own(context, &self.organisations, self.role)?;
        // Somebody gives the first right to sign: an admin of the ledger, who need not have it.
        let may_give = !self.may_sign || context.acting.may_sign || context.acting.role == AccessRole::Admin;
        require(may_give, Reason::RoleBeyondOwn).map_err(|r| r.field("may_sign"))?;
        require_within_term(context, self.valid_through)?;
        let in_use = self.token_digest.is_some_and(|digest| context.world.holder(&token_name(&digest)).is_some());
        require(!in_use, Reason::TokenInUse).map_err(|r| r.field("token_digest"))?;
        let valid_from = self.valid_from.unwrap_or(context.now);
        let reversed = self.valid_from.zip(self.valid_through).is_some_and(|(from, through)| from >= through);
        require(!reversed, Reason::DatesReversed).map_err(|r| r.field("valid_through"))?;
        let open = self.valid_through.is_none_or(|end| end > context.now);
        require(open, Reason::ValidityPassed).map_err(|r| r.field("valid_through"))?;
        require(!self.on_behalf || self.mandate.is_some(), Reason::MandateRequired).map_err(|r| r.field("mandate"))?;
        let facts = Granted {
            scope: Scope::Organisations { organisations: self.organisations },
            role: self.role,
            may_sign: self.may_sign,
            on_behalf: self.on_behalf,
            mandate: self.mandate,
            valid_from,
            valid_through: self.valid_through,
            token_digest: self.token_digest,
        };
        let text = self.office.map(|office| GrantedText { office: Some(office) });
        Ok(Decision::one(NewEvent::new(id, facts, text)))
    }
}

/// An organisation's admin gives grants within its own organisation, and none that gives more than its own: it has every right
/// of a recorder, a signatory and an integrator, but does not broker, review, audit or administer the ledger.
fn require_within_own(
    context: &Context<'_>,
    organisations: &[OrganisationId],
    role: AccessRole,
) -> Result<(), Rejection> {
    if context.acting.role == AccessRole::Admin {
        return Ok(());
    }
    require_own(context, organisations)?;
    let within = match role {
        AccessRole::Admin | AccessRole::Auditor | AccessRole::Reviewer | AccessRole::Facilitator => false,
        AccessRole::OrganisationAdmin | AccessRole::Recorder | AccessRole::Signatory | AccessRole::Integrator => true,
    };
    require(within, Reason::RoleBeyondOwn).map_err(|r| r.field("role"))
}

/// A grant that ends gives none that lasts longer: else whoever was to act for a while would act for good.
fn require_within_term(context: &Context<'_>, valid_through: Option<Timestamp>) -> Result<(), Rejection> {
    if context.acting.role == AccessRole::Admin {
        return Ok(());
    }
    let own = context.acting.grant.and_then(|grant| context.world.access(grant));
    let Some(end) = own.and_then(|own| own.granted.valid_through) else { return Ok(()) };
    require(valid_through.is_some_and(|last| last <= end), Reason::RoleBeyondOwn)
        .map_err(|rejection| rejection.field("valid_through").detail(format!("the giver's own grant ends at {end}")))
}

/// An organisation's admin ends grants of its own organisation, those that it may not give included: taking a right away gives
/// nobody one. But who audits, reviews or administers is not for its organisation to end.
fn require_may_end(context: &Context<'_>, organisations: &[OrganisationId], role: AccessRole) -> Result<(), Rejection> {
    require_own(context, organisations)?;
    let within = match role {
        AccessRole::Admin | AccessRole::Auditor | AccessRole::Reviewer => false,
        AccessRole::OrganisationAdmin
        | AccessRole::Recorder
        | AccessRole::Signatory
        | AccessRole::Facilitator
        | AccessRole::Integrator => true,
    };
    require(within, Reason::RoleBeyondOwn).map_err(|r| r.field("role"))
}

/// Only an admin gives and ends grants of organisations that are not its own.
fn require_own(context: &Context<'_>, organisations: &[OrganisationId]) -> Result<(), Rejection> {
    let admin = context.acting.role == AccessRole::Admin;
    let own = admin || organisations.iter().all(|organisation| context.owns(*organisation));
    require(own, Reason::NotOwner).map_err(|r| r.field("organisations"))
}

impl CommandData for RevokeAccess {
    const NAME: &'static str = "revoke-access";
    const RIGHT: Right = Right::AdministerOrganisation;
    const KIND: RecordKind = RecordKind::Access;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000009",
  "reason": "The office was closed."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let access = context.world.access(self.id).ok_or(Reason::RecordUnknown)?;
        if context.acting.role != AccessRole::Admin {
            context.require_seen(self.id.into())?;
            let Scope::Organisations { organisations } = &access.granted.scope else {
                return Err(Reason::RecordUnknown.into());
            };
            require_may_end(context, organisations, access.granted.role)?;
        }
        require(!access.revoked, Reason::AlreadyRevoked)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        let sample = access.granted.scope == Scope::Sample;
        let cause = if sample { RevocationCause::SampleRecorded } else { RevocationCause::Revoked };
        Ok(Decision::one(revocation(self.id, cause, text)))
    }
}

/// The event that ends a grant.
pub(crate) fn revocation(id: AccessId, cause: RevocationCause, text: Option<ReasonText>) -> NewEvent {
    NewEvent::new(id, Revoked { cause }, text)
}
