//! What a party says for itself of an agreement: that it is so, or that it is not. Each may say the other later; signing is elsewhere.

use super::working::party_of;
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::agreement::{Agreement, Status},
};
use convenio_events::{
    AgreementId, NewEvent, OrganisationId, RecordKind,
    codes::Attestation,
    language_map::Line,
    types::{
        access::ReasonText,
        agreement::{Confirmed, Denied},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Says, as a party, that an agreement is as it stands: one registered from elsewhere, or one that this party need not sign. It
/// counts as confirmed once another party says so too.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ConfirmAgreement {
    /// Which agreement.
    pub id: AgreementId,
}

/// Says, as a party that has not signed it, that an agreement is not so. Confirming or signing it later takes that back.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct DenyAgreement {
    /// Which agreement.
    pub id: AgreementId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl Agreement {
    fn says(&self, organisation: OrganisationId) -> Option<Attestation> {
        self.says.get(&organisation).copied()
    }
}

impl CommandData for ConfirmAgreement {
    const NAME: &'static str = "confirm-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::Confirms];
    const EXAMPLE: &'static str = r#"{"id": "bb73d7df-931e-568d-bfec-80702f53628b"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        // Whoever must sign says so by signing.
        let signs = agreement.status != Status::Registered && agreement.is_signed_by(by);
        require(!signs, Reason::NotRegistered)?;
        require(agreement.status != Status::Cancelled, Reason::AlreadyOver)?;
        context.require_verified(by)?;
        require(agreement.says(by) != Some(Attestation::Confirmed), Reason::AlreadyConfirmed)?;
        Ok(Decision::one(NewEvent::new(self.id, Confirmed { by }, None)))
    }
}

impl CommandData for DenyAgreement {
    const NAME: &'static str = "deny-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::WhileSuspended];
    const EXAMPLE: &'static str = r#"{
  "id": "bb73d7df-931e-568d-bfec-80702f53628b",
  "reason": "Se negoció, pero nunca se firmó."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        require(agreement.status != Status::Cancelled, Reason::AlreadyOver)?;
        require(!agreement.signed.contains(&by), Reason::AlreadySigned)?;
        require(agreement.says(by) != Some(Attestation::Denied), Reason::AlreadyDenied)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, Denied { by }, text)))
    }
}
