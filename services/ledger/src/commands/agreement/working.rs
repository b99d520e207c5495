//! Drafting an agreement, and how it is put forward, held, and ended. Signing is decided elsewhere.

use super::{
    dates::check_plan,
    digest_of_terms,
    holding::{check_sources, releases},
    terms::{Concluded, check, check_links, check_parties_stay, check_signers},
};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::agreement::{Agreement, Status},
};
use convenio_events::{
    AgreementId, NewEvent, OrganisationId, RecordKind,
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

impl CommandData for DraftAgreement {
    const NAME: &'static str = "draft-agreement";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::Creates];
    const EXAMPLE: &'static str = r#"{
  "id": "4e7de809-13ad-5b26-a514-89cd1f13a6c3",
  "terms": {
    "instrument": "letter",
    "parties": [
      {
        "organisation": "224335b1-d5c1-5036-8204-766533c52a8f",
        "roles": ["offering"],
        "represents": "MX",
        "side": "MX",
        "signs": true
      },
      {
        "organisation": "5a4dbd12-ff6a-5e02-a798-77d265b3d1c3",
        "roles": ["requesting"],
        "represents": "BO",
        "side": "BO",
        "signs": true
      }
    ],
    "modality": "bilateral",
    "direction": "south-south",
    "mechanisms": ["equipment"],
    "themes": ["sdg:3.3", "dac:12230"],
    "places": ["BO"],
    "languages": ["es"],
    "commitments": [
      {
        "id": "84b874a2-50a1-5644-850a-ca4dccffecae",
        "provider": "224335b1-d5c1-5036-8204-766533c52a8f",
        "receiver": "5a4dbd12-ff6a-5e02-a798-77d265b3d1c3",
        "quantity": {"amount": "8", "unit": "units"},
        "due": "2031-03-31",
        "source": "offer/95b590b7-9198-5e38-935b-9c41736039fa"
      }
    ]
  },
  "text": {
    "title": {
      "original": "es",
      "texts": {"es": "Microscopios para centros rurales", "en": "Microscopes for rural centres"},
      "translations": {"en": "author-approved"}
    },
    "commitments": {
      "84b874a2-50a1-5644-850a-ca4dccffecae": {"original": "es", "texts": {"es": "Ocho microscopios, puestos en La Paz."}}
    }
  },
  "links": {"listings": ["offer/95b590b7-9198-5e38-935b-9c41736039fa"]},
  "visibility": "public"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for ReviseAgreement {
    const NAME: &'static str = "revise-agreement";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{
  "id": "00b56c9e-bca9-58c5-9f58-58a6da6423cd",
  "terms": {
    "instrument": "framework",
    "parties": [
      {
        "organisation": "69750eff-68ff-5a59-8f50-3a7db6627b65",
        "roles": ["facilitator", "offering"],
        "represents": "JM",
        "side": "JM",
        "signs": true
      },
      {
        "organisation": "3c45d3e0-d34f-5cd6-a076-e92aab356e10",
        "roles": ["requesting", "offering"],
        "represents": "HT",
        "side": "HT",
        "signs": true
      },
      {
        "organisation": "e98dea9e-5509-5803-bfae-eed2bb501e98",
        "roles": ["offering"],
        "represents": "GY",
        "side": "GY",
        "signs": true
      }
    ],
    "modality": "network",
    "direction": "south-south",
    "mechanisms": ["peer-exchange", "training", "software-or-tool"],
    "themes": ["sdg:3.8", "sdg:17.16", "dac:12220"],
    "places": ["JM", "HT", "GY"],
    "renewal": "automatic",
    "notice_days": 90,
    "languages": ["en", "fr"],
    "review_on": "2032-01-01"
  },
  "text": {
    "title": {
      "original": "en",
      "texts": {
        "en": "A Caribbean framework for learning between community health programmes",
        "fr": "Un cadre caribéen d’apprentissage entre programmes de santé communautaire",
        "es": "Un marco caribeño de aprendizaje entre programas de salud comunitaria"
      },
      "translations": {"fr": "author-approved", "es": "machine"}
    },
    "objectives": {
      "original": "en",
      "texts": {
        "en": "To exchange supervisors, tools and training materials, and to publish what is learnt.",
        "fr": "Échanger superviseurs, outils et supports de formation, et publier ce qui est appris."
      },
      "translations": {"fr": "author-approved"}
    }
  }
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for ProposeAgreement {
    const NAME: &'static str = "propose-agreement";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{"id": "cec95e3d-9f33-5931-b8f7-45be1d123028"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for WithdrawProposal {
    const NAME: &'static str = "withdraw-proposal";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000005"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let agreement = worked_on(self.id, context)?;
        require(matches!(*now(&agreement, context), Status::Proposed { .. }), Reason::NotProposed)?;
        let text = reason_text(self.reason);
        let mut decision = Decision::one(NewEvent::new(self.id, ProposalWithdrawn {}, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}

impl CommandData for CancelAgreement {
    const NAME: &'static str = "cancel-agreement";
    const RIGHT: Right = Right::Record;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{
  "id": "4e7de809-13ad-5b26-a514-89cd1f13a6c3",
  "reason": "Las partes no llegaron a un acuerdo sobre el transporte."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
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

impl CommandData for SuspendAgreement {
    const NAME: &'static str = "suspend-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{
  "id": "8e20515c-a57b-597d-a3da-0fcad4a96458",
  "reason": "The clinics are closed for storm repairs; we go on when they open again."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        require(*now(&agreement, context) == Status::Active, Reason::NotActive)?;
        Ok(Decision::one(NewEvent::new(self.id, Suspended { by }, reason_text(self.reason))))
    }
}

impl CommandData for ResumeAgreement {
    const NAME: &'static str = "resume-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{"id": "0190a1b2-0000-7000-8000-000000000005"}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        require(agreement.status == Status::Suspended, Reason::NotSuspended)?;
        Ok(Decision::one(NewEvent::new(self.id, Resumed { by }, reason_text(self.reason))))
    }
}

impl CommandData for CompleteAgreement {
    const NAME: &'static str = "complete-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{
  "id": "4642dc20-83cd-5187-bfb7-b576d3d7b852",
  "reason": "La visita se hizo y los dos equipos presentaron su plan."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (_, by) = in_force(self.id, context)?;
        Ok(Decision::one(NewEvent::new(self.id, Completed { by }, reason_text(self.reason))))
    }
}

impl CommandData for TerminateAgreement {
    const NAME: &'static str = "terminate-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::WhileSuspended];
    const EXAMPLE: &'static str = r#"{
  "id": "c08ee01f-ac8d-5142-a143-b0148c749467",
  "reason": "Les visas n’ont pas été accordés à temps ; nous voulons reprendre l’an prochain."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = in_force(self.id, context)?;
        let text = reason_text(self.reason);
        let mut decision = Decision::one(NewEvent::new(self.id, Terminated { by }, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}
