//! What can be done to any record: changing who may see it. Consent of several parties is not here yet.

use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::agreement,
    world::Aggregate,
};
use convenio_events::{
    NewEvent, RecordKind, Subject,
    codes::{AccessRole, Visibility},
    language_map::Line,
    sight::Openness,
    types::{access::ReasonText, organisation::Standing, record::VisibilityChanged},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// How often it is changed who may see one record; one more is refused as `too-many-visibility-changes`.
pub const VISIBILITY_CHANGES_LIMIT: u32 = 100;

/// Changes who may see a record. What was public stays public on the streams.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct SetVisibility {
    /// Which record: `offer/<uuid>`.
    pub subject: Subject,
    /// Who may see it from now on.
    pub visibility: Visibility,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl CommandData for SetVisibility {
    const NAME: &'static str = "set-visibility";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Ledger;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "subject": "offer/0190a1b2-0000-7000-8000-000000000003",
  "visibility": "members",
  "reason": "For members only from now on."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        context.require_seen(self.subject)?;
        let aggregate = context.world.aggregate(self.subject).ok_or(Reason::RecordUnknown)?;
        match &aggregate {
            Aggregate::Ledger(_)
            | Aggregate::Access(_)
            | Aggregate::Ties(_)
            | Aggregate::Claims(_)
            | Aggregate::Hold(_) => {
                return Err(Reason::RecordUnknown.into());
            }
            Aggregate::Organisation(organisation) => {
                let registrar =
                    organisation.standing == Standing::Profile && organisation.registered_by == context.acting.actor;
                let own = context.acting.actor.organisation().is_some_and(|id| id.uuid() == self.subject.id);
                require(own || registrar || context.acting.role == AccessRole::Admin, Reason::NotOwner)?;
            }
            Aggregate::Listing(listing) => context.require_owner(listing.organisation)?,
            Aggregate::Agreement(agreement) => {
                let by = context.organisation()?;
                require(agreement.has_party(by) || agreement.is_by(by), Reason::NotParty)?;
                // While nothing else has happened to it since it was drafted, nobody else's consent is needed.
                let drafted = agreement.status == agreement::Status::Drafted;
                require(agreement.untouched && drafted && agreement.is_by(by), Reason::ConsentRequired)?;
            }
            Aggregate::Learning(learning) => context.require_owner(learning.by)?,
            Aggregate::Convening(convening) => context.require_owner(convening.by)?,
        }
        let from = context.world.openness(self.subject).and_then(Openness::chosen).ok_or(Reason::RecordUnknown)?;
        require(from != self.visibility, Reason::VisibilitySame).map_err(|r| r.field("visibility"))?;
        let often = context.world.visibility_changes(self.subject);
        require(often < VISIBILITY_CHANGES_LIMIT, Reason::TooManyVisibilityChanges)
            .map_err(|r| r.field("visibility").detail(format!("it was changed {often} times")))?;
        let text = self.reason.map(|reason| ReasonText { reason });
        let facts = VisibilityChanged { from, to: self.visibility };
        Ok(Decision::one(NewEvent::new(self.subject, facts, text)))
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::given::{OTHER, OWNER, given, uuid};
    use serde_json::{Value, json};

    fn to(visibility: &str) -> Value {
        json!({"subject": format!("organisation/{}", uuid(OWNER)), "visibility": visibility})
    }

    #[test]
    fn an_organisation_says_who_sees_it_and_nobody_else_does() {
        assert_eq!(given(&[]).when(OWNER, "set-visibility", &to("parties")), "(organisation.visibility-changed)");
        assert_eq!(given(&[]).when(OTHER, "set-visibility", &to("parties")), "not-owner");
        assert_eq!(given(&[]).when(OWNER, "set-visibility", &to("public")), "visibility-same@visibility");
        let hidden = given(&[(OWNER, "set-visibility", to("parties"))]);
        assert_eq!(hidden.when(OTHER, "set-visibility", &to("public")), "record-unknown");
    }
}
