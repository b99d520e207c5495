//! How organisations belong together: claimed by anybody who may describe one of them, confirmed by each for itself.

use super::profile::{acts_as, editable, seen};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::ties::Tie,
};
use convenio_events::{
    NewEvent, OrganisationId, RecordKind,
    codes::{AccessRole, AffiliationKind},
    ids::AffiliationId,
    language_map::Line,
    types::{
        access::ReasonText,
        organisation::{AffiliationClaimed, AffiliationConfirmed, AffiliationEnded},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Says that an organisation belongs to another. It counts as confirmed by whichever of the two says so.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct AffiliateOrganisation {
    /// Which organisation.
    pub id: OrganisationId,
    /// The affiliation's id; without it one is derived from the command id.
    #[serde(default)]
    pub affiliation: Option<AffiliationId>,
    /// The other organisation.
    pub with: OrganisationId,
    /// How it belongs.
    pub kind: AffiliationKind,
}

/// Confirms an affiliation, as one of the two organisations.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ConfirmAffiliation {
    /// The organisation that has it.
    pub id: OrganisationId,
    /// Which affiliation.
    pub affiliation: AffiliationId,
}

/// Ends an affiliation, as either of the two organisations or as whoever may describe the first.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct EndAffiliation {
    /// The organisation that has it.
    pub id: OrganisationId,
    /// Which affiliation.
    pub affiliation: AffiliationId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

/// The most affiliations that an organisation claims of itself and that nobody else has confirmed; one more is refused as
/// `too-many-items`. Confirmed ones are not counted: a network has any number of members.
pub const OWN_CLAIMS_LIMIT: usize = 200;
/// The most affiliations that an organisation claims on the records of others, over the whole ledger, and that nobody else has
/// confirmed or ended; one more is refused as `too-many-open-claims`. What it took back itself goes on counting: each claim moves a
/// record that is not its own.
pub const OPEN_CLAIMS_LIMIT: usize = 200;

/// What others say of an organisation counts against them, and not against it.
fn require_room(context: &Context<'_>, of: OrganisationId) -> Result<(), Rejection> {
    let Some(by) = context.acting.actor.organisation() else { return Ok(()) };
    let claims = context.world.claims(by);
    if by == of {
        return require(claims.of_itself() < OWN_CLAIMS_LIMIT, Reason::TooManyItems).map_err(|rejection| {
            rejection
                .field("with")
                .detail(format!("{OWN_CLAIMS_LIMIT} affiliations of it wait to be confirmed already"))
        });
    }
    require(claims.of_others() < OPEN_CLAIMS_LIMIT, Reason::TooManyOpenClaims).map_err(|rejection| {
        rejection.field("id").detail(format!(
            "{OPEN_CLAIMS_LIMIT} claims of the acting organisation wait to be confirmed or were taken back by it"
        ))
    })
}

fn existing(
    context: &Context<'_>,
    of: OrganisationId,
    affiliation: AffiliationId,
) -> Result<(OrganisationId, Tie), Rejection> {
    context.world.affiliation(of, affiliation).ok_or_else(|| Reason::AffiliationUnknown.into())
}

impl CommandData for AffiliateOrganisation {
    const NAME: &'static str = "affiliate-organisation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "224335b1-d5c1-5036-8204-766533c52a8f",
  "affiliation": "27b56b1f-d2db-5bea-bef3-54640144a373",
  "with": "2f2096da-33e6-5743-945f-bd26863cd991",
  "kind": "member"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        // The other one may say it as well, of an organisation that it sees: to be named in a record is to see it.
        let _organisation = if context.owns(self.with) { seen(context, self.id)? } else { editable(context, self.id)? };
        require(self.id != self.with, Reason::AffiliationItself).map_err(|r| r.field("with"))?;
        context.require_organisation(self.with, "with")?;
        let affiliation = self.affiliation.unwrap_or_else(|| AffiliationId::new(context.new_id));
        require(context.world.affiliation(self.id, affiliation).is_none(), Reason::IdExists)
            .map_err(|r| r.field("affiliation"))?;
        let twice = context.world.is_affiliated(self.id, self.with, self.kind);
        require(!twice, Reason::AlreadyAffiliated).map_err(|r| r.field("with"))?;
        require_room(context, self.id)?;
        let claimed = AffiliationClaimed { affiliation, with: self.with, kind: self.kind };
        let mut decision = Decision::one(NewEvent::new(self.id, claimed, None));
        if let Some(by) = context.acting.actor.organisation().filter(|by| [self.id, self.with].contains(by)) {
            decision.events.push(NewEvent::new(self.id, AffiliationConfirmed { affiliation, by }, None));
        }
        Ok(decision)
    }
}

impl CommandData for ConfirmAffiliation {
    const NAME: &'static str = "confirm-affiliation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Confirms];
    const EXAMPLE: &'static str = r#"{
  "id": "224335b1-d5c1-5036-8204-766533c52a8f",
  "affiliation": "27b56b1f-d2db-5bea-bef3-54640144a373"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let _organisation = seen(context, self.id)?;
        let (with, tie) = existing(context, self.id, self.affiliation)?;
        let by = context.organisation()?;
        require(by == self.id || by == with, Reason::NotParty)?;
        require(!tie.confirmed_by.contains(&by), Reason::AlreadyConfirmed)?;
        let facts = AffiliationConfirmed { affiliation: self.affiliation, by };
        Ok(Decision::one(NewEvent::new(self.id, facts, None)))
    }
}

impl CommandData for EndAffiliation {
    const NAME: &'static str = "end-affiliation";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Organisation;
    const FLAGS: &'static [Flag] = &[Flag::Operator];
    const EXAMPLE: &'static str = r#"{
  "id": "0190a1b2-0000-7000-8000-000000000001",
  "affiliation": "0190a1b2-0000-7000-8000-000000000007",
  "reason": "The network was dissolved."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let _organisation = seen(context, self.id)?;
        let (with, _) = existing(context, self.id, self.affiliation)?;
        let either = acts_as(context.acting.actor, self.id) || acts_as(context.acting.actor, with);
        if !either && context.acting.role != AccessRole::Admin {
            editable(context, self.id)?;
        }
        let text = self.reason.map(|reason| ReasonText { reason });
        let facts = AffiliationEnded { affiliation: self.affiliation };
        Ok(Decision::one(NewEvent::new(self.id, facts, text)))
    }
}
