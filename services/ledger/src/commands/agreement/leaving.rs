//! Leaving an agreement before it is active: whoever is named need not stay. What was agreed already is ended, not left.

use super::{
    holding::releases,
    working::{drafted_or_party_of, now},
};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection},
    state::agreement::Status,
};
use convenio_events::{
    AgreementId, NewEvent, RecordKind,
    language_map::Line,
    types::{access::ReasonText, agreement::Left},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Leaves a draft or a proposal: it is a draft again, can be proposed once its terms name the leaver no more, and never names it
/// again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct LeaveAgreement {
    /// Which agreement.
    pub id: AgreementId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl CommandData for LeaveAgreement {
    const NAME: &'static str = "leave-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::WhileSuspended];
    const EXAMPLE: &'static str = r#"{
  "id": "4e7de809-13ad-5b26-a514-89cd1f13a6c3",
  "reason": "Ya no prestamos ese servicio."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = drafted_or_party_of(self.id, context)?;
        match *now(&agreement, context) {
            Status::Drafted | Status::Proposed { .. } => {}
            Status::Active | Status::Suspended | Status::Closing => return Err(Reason::AlreadyActive.into()),
            Status::Completed | Status::Terminated | Status::Cancelled => return Err(Reason::AlreadyOver.into()),
            Status::Registered => return Err(Reason::NotDraft.into()),
        }
        let text = self.reason.map(|reason| ReasonText { reason });
        let mut decision = Decision::one(NewEvent::new(self.id, Left { by }, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}
