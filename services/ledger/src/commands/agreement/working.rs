//! Drafting an agreement, and how it is put forward, held, and ended. Signing is decided elsewhere.

use super::{
    dates::check_plan,
    digest_of_terms,
    holding::{check_sources, releases},
    terms::{Concluded, check, check_links, check_parties_stay, check_signers},
};
use crate::{
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::agreement::{Agreement, Status},
};
use convenio_events::{
    AgreementId, NewEvent, OrganisationId,
    codes::{AccessRole, Visibility},
    language_map::Line,
    types::{
        access::ReasonText,
        agreement::{
            Cancelled, Completed, Drafted, Links, ProposalWithdrawn, Proposed, Resumed, Revised, SaltedTermsText,
            Suspended, Terminated, Terms, TermsText,
        },
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::{borrow::Cow, sync::Arc};

/// Shares a draft with the parties.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct DraftAgreement {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<AgreementId>,
    /// What it says.
    pub terms: Terms,
    /// What it says, in words.
    pub text: TermsText,
    /// What it hangs together with.
    #[serde(default)]
    pub links: Links,
    /// Who may see it; the parties unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Changes a draft or a proposal; signatures given so far are void, and it is a draft again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ReviseAgreement {
    /// Which.
    pub id: AgreementId,
    /// What it says now.
    pub terms: Terms,
    /// What it says now, in words.
    pub text: TermsText,
}

/// Puts a draft before the parties for signature. What it takes of an offer or a demand is reserved when the owner of that signs.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ProposeAgreement {
    /// Which.
    pub id: AgreementId,
}

macro_rules! with_reason {
    ($($(#[$doc:meta])* $name:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
        pub struct $name {
            /// Which agreement.
            pub id: AgreementId,
            /// Why.
            #[serde(default)]
            pub reason: Option<Line>,
        }
    )* };
}
with_reason! {
    /// Takes a proposal back; it is a draft again.
    WithdrawProposal;
    /// Gives an agreement up before it is active.
    CancelAgreement;
    /// Puts an active agreement on hold.
    SuspendAgreement;
    /// Lets a suspended agreement go on.
    ResumeAgreement;
    /// Says that everything was done.
    CompleteAgreement;
    /// Ends an agreement early.
    TerminateAgreement;
}

/// An agreement that the acting organisation is a party of. Whoever may not see it learns nothing of it.
pub(super) fn party_of(id: AgreementId, context: &Context<'_>) -> Result<(Arc<Agreement>, OrganisationId), Rejection> {
    let agreement = context.world.agreement(id).ok_or(Reason::RecordUnknown)?;
    let by = context.organisation()?;
    if agreement.has_party(by) {
        return Ok((agreement, by));
    }
    context.require_seen(id.into())?;
    Err(Reason::NotParty.into())
}

/// An agreement that the acting organisation works on: as a principal party, or as its drafter, for a facilitator brokers
/// agreements that it is no party of.
fn worked_on(id: AgreementId, context: &Context<'_>) -> Result<Arc<Agreement>, Rejection> {
    let (agreement, by) = drafted_or_party_of(id, context)?;
    require(agreement.is_by(by) || agreement.has_principal(by), Reason::NotPrincipal)?;
    Ok(agreement)
}

/// An agreement that the acting organisation drafted or is a party of.
pub(super) fn drafted_or_party_of(
    id: AgreementId,
    context: &Context<'_>,
) -> Result<(Arc<Agreement>, OrganisationId), Rejection> {
    let by = context.organisation()?;
    let drafted_here = context.world.agreement(id).filter(|agreement| agreement.is_by(by));
    drafted_here.map_or_else(|| party_of(id, context), |agreement| Ok((agreement, by)))
}

/// Where it stands at the ledger's time.
pub(super) fn now<'a>(agreement: &'a Agreement, context: &Context<'_>) -> Cow<'a, Status> {
    agreement.status_at(context.now, context.world.time_zone())
}

fn reason_text(reason: Option<Line>) -> Option<ReasonText> {
    reason.map(|reason| ReasonText { reason })
}

impl DraftAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| AgreementId::new(context.new_id));
        let party = self.terms.parties.iter().any(|party| party.organisation == by);
        require(party || context.acting.role == AccessRole::Facilitator, Reason::NotParty)?;
        context.require_new(id.into())?;
        check(&self.terms, &self.text, Concluded::Here, None, context)?;
        check_links(&self.links, context)?;
        let visibility = self.visibility.unwrap_or(Visibility::Parties);
        let terms_digest = digest_of_terms(&context.salt, &self.terms, &self.text);
        let facts = Drafted { by, terms: self.terms, terms_digest, links: self.links, visibility };
        let text = SaltedTermsText { terms: self.text, terms_salt: context.salt, citation: None };
        Ok(Decision::one(NewEvent::new(id, facts, Some(text))))
    }
}

impl ReviseAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let agreement = worked_on(self.id, context)?;
        let open = matches!(*now(&agreement, context), Status::Drafted | Status::Proposed { .. });
        require(open, Reason::NotDraft)?;
        check(&self.terms, &self.text, Concluded::Here, Some(&agreement), context)?;
        check_parties_stay(&self.terms, &agreement)?;
        let by = context.organisation()?;
        let stays = agreement.is_by(by) || self.terms.parties.iter().any(|party| party.organisation == by);
        require(stays, Reason::NotParty).map_err(|r| r.field("terms.parties"))?;
        let terms_digest = digest_of_terms(&context.salt, &self.terms, &self.text);
        let text = SaltedTermsText { terms: self.text, terms_salt: context.salt, citation: None };
        let facts = Revised { terms: self.terms, terms_digest };
        let mut decision = Decision::one(NewEvent::new(self.id, facts, Some(text)));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}

impl ProposeAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = drafted_or_party_of(self.id, context)?;
        let may = agreement.is_by(by) || agreement.has_principal(by) || agreement.has_facilitator(by);
        require(may, Reason::NotPrincipal)?;
        require(agreement.status == Status::Drafted, Reason::NotDraft)?;
        // The draft may be older than today, than what happened since, and than these rules.
        check_parties_stay(&agreement.terms, &agreement)?;
        check_signers(&agreement.terms)?;
        check_plan(&agreement.terms, context.today(agreement.terms.time_zone))?;
        check_sources(&agreement.terms, context)?;
        let facts = Proposed { terms_digest: agreement.terms_digest };
        Ok(Decision::one(NewEvent::new(self.id, facts, None)))
    }
}

impl WithdrawProposal {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let agreement = worked_on(self.id, context)?;
        require(matches!(*now(&agreement, context), Status::Proposed { .. }), Reason::NotProposed)?;
        let text = reason_text(self.reason);
        let mut decision = Decision::one(NewEvent::new(self.id, ProposalWithdrawn {}, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}

impl CancelAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let agreement = worked_on(self.id, context)?;
        match *now(&agreement, context) {
            Status::Drafted | Status::Proposed { .. } => {}
            Status::Active | Status::Suspended | Status::Closing => return Err(Reason::AlreadyActive.into()),
            Status::Completed | Status::Terminated | Status::Cancelled | Status::Registered => {
                return Err(Reason::AlreadyOver.into());
            }
        }
        let (by, text) = (context.organisation()?, reason_text(self.reason));
        let mut decision = Decision::one(NewEvent::new(self.id, Cancelled { by }, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}

/// A signing party of an agreement in force, under a grant that may sign: to hold or end it binds as signing does. What is
/// overdue counts as closing, which is in force still.
fn in_force(id: AgreementId, context: &Context<'_>) -> Result<(Arc<Agreement>, OrganisationId), Rejection> {
    let (agreement, by) = party_of(id, context)?;
    require(agreement.is_signed_by(by), Reason::NotParty)?;
    require(context.acting.may_sign, Reason::SignatoryRequired)?;
    match agreement.status {
        Status::Active | Status::Suspended | Status::Closing => Ok((agreement, by)),
        Status::Completed | Status::Terminated | Status::Cancelled => Err(Reason::AlreadyOver.into()),
        Status::Drafted | Status::Proposed { .. } | Status::Registered => Err(Reason::NotActive.into()),
    }
}

impl SuspendAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        require(*now(&agreement, context) == Status::Active, Reason::NotActive)?;
        Ok(Decision::one(NewEvent::new(self.id, Suspended { by }, reason_text(self.reason))))
    }
}

impl ResumeAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        require(agreement.status == Status::Suspended, Reason::NotSuspended)?;
        Ok(Decision::one(NewEvent::new(self.id, Resumed { by }, reason_text(self.reason))))
    }
}

impl CompleteAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (_, by) = in_force(self.id, context)?;
        Ok(Decision::one(NewEvent::new(self.id, Completed { by }, reason_text(self.reason))))
    }
}

impl TerminateAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        let text = reason_text(self.reason);
        let mut decision = Decision::one(NewEvent::new(self.id, Terminated { by }, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}
