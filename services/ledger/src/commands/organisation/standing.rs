//! Who vouches for an organisation, and who may not act for now. Admins decide; nobody vouches for itself but the first of a ledger.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require, require_not_over},
};
use convenio_events::{
    NewEvent, OrganisationId, RecordKind,
    codes::VerificationMethod,
    commitment::Digest,
    language_map::Line,
    time::Date,
    types::{
        access::ReasonText,
        organisation::{Reinstated, Suspended, VerificationRevoked, Verified},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Vouches for an organisation.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct VerifyOrganisation {
    /// Which.
    pub id: OrganisationId,
    /// How it was checked.
    pub method: VerificationMethod,
    /// Digest of the evidence.
    #[serde(default)]
    pub evidence: Option<Digest>,
    /// The last day on which it holds; for good without.
    #[serde(default)]
    pub valid_through: Option<Date>,
}

/// Takes the verification back.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RevokeVerification {
    /// Which organisation.
    pub id: OrganisationId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// Suspends an organisation.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct SuspendOrganisation {
    /// Which.
    pub id: OrganisationId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// Lets a suspended organisation act again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ReinstateOrganisation {
    /// Which.
    pub id: OrganisationId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

fn reason_text(reason: Option<Line>) -> Option<ReasonText> {
    reason.map(|reason| ReasonText { reason })
}

impl CommandData for VerifyOrganisation {
    const NAME: &'static str = "verify-organisation";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{"id": "8205ae0b-f8bc-53c8-99aa-3df2d5d59c38", "method": "operator"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = context.world.organisation(self.id).ok_or(Reason::RecordUnknown)?;
        let today = context.today(None);
        require_not_over(self.valid_through, today, "valid_through")?;
        // One that ends is renewed before it does, so that there is no day without.
        let renews =
            organisation.is_verified_until().is_some_and(|end| self.valid_through.is_none_or(|last| end < last));
        require(renews || !organisation.is_verified(today), Reason::AlreadyVerified)?;
        // Whichever of its organisations a grant acts for now: it vouches for none of them.
        let by_itself = context.covers(self.id);
        require(!by_itself || !context.world.anybody_verified(), Reason::VerifyItself)?;
        let facts =
            Verified { method: self.method, evidence: self.evidence, valid_through: self.valid_through, by_itself };
        Ok(Decision::one(NewEvent::new(self.id, facts, None)))
    }
}

impl CommandData for RevokeVerification {
    const NAME: &'static str = "revoke-verification";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "reason": "The letter was withdrawn."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = context.world.organisation(self.id).ok_or(Reason::RecordUnknown)?;
        require(organisation.verification.is_some(), Reason::NotVerified)?;
        Ok(Decision::one(NewEvent::new(self.id, VerificationRevoked {}, reason_text(self.reason))))
    }
}

impl CommandData for SuspendOrganisation {
    const NAME: &'static str = "suspend-organisation";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000001", "reason": "Under review."}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = context.world.organisation(self.id).ok_or(Reason::RecordUnknown)?;
        require(!organisation.suspended, Reason::AlreadySuspended)?;
        Ok(Decision::one(NewEvent::new(self.id, Suspended {}, reason_text(self.reason))))
    }
}

impl CommandData for ReinstateOrganisation {
    const NAME: &'static str = "reinstate-organisation";
    const RIGHT: Right = Right::Administer;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000001", "reason": "The review ended."}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let organisation = context.world.organisation(self.id).ok_or(Reason::RecordUnknown)?;
        require(organisation.suspended, Reason::NotSuspended)?;
        Ok(Decision::one(NewEvent::new(self.id, Reinstated {}, reason_text(self.reason))))
    }
}
