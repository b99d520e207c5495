//! Agreements concluded elsewhere: registered by anybody with a source, confirmed or denied by each party for itself.

use super::{
    Status,
    commands::party_of,
    digest_of_terms, subject,
    terms::{Concluded, check, check_links},
};
use crate::{
    context::{Context, Decision, audience},
    rejection::{Reason, Rejection, require},
};
use convenio_events::{
    AgreementId, NewEvent,
    codes::{Attestation, Visibility},
    language_map::Line,
    time::PartialDate,
    types::{
        access::ReasonText,
        agreement::{Confirmed, Denied, Links, Registered, SaltedTermsText, Terms, TermsText},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Registers an agreement that was concluded elsewhere. It stays claimed until each party confirms.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RegisterAgreement {
    /// Its id; without it one is derived from the command id.
    #[serde(default)]
    pub id: Option<AgreementId>,
    /// What it says, as far as known.
    pub terms: Terms,
    /// What it says, in words.
    pub text: TermsText,
    /// Where that is known from.
    #[serde(default)]
    pub citation: Option<Line>,
    /// When it was concluded.
    #[serde(default)]
    pub concluded_on: Option<PartialDate>,
    /// When it ended, if it did.
    #[serde(default)]
    pub ended_on: Option<PartialDate>,
    /// What it hangs together with.
    #[serde(default)]
    pub links: Links,
    /// Who may see it; the parties unless said.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

/// Says, as a party, that a registered agreement is as registered.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct ConfirmAgreement {
    /// Which agreement.
    pub id: AgreementId,
}

/// Says, as a party, that it is not.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct DenyAgreement {
    /// Which agreement.
    pub id: AgreementId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl RegisterAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let by = context.organisation()?;
        let id = self.id.unwrap_or_else(|| AgreementId::new(context.new_id));
        context.require_new(subject(id))?;
        check(&self.terms, &self.text, Concluded::Elsewhere, None, context)?;
        check_links(&self.links, context)?;
        let today = context.today(self.terms.time_zone);
        for (field, date) in [("concluded_on", self.concluded_on), ("ended_on", self.ended_on)] {
            let past = date.is_none_or(|date| date.first_day() <= today);
            require(past, Reason::DateInFuture).map_err(|r| r.field(field))?;
        }
        if let (Some(start), Some(end)) = (self.concluded_on, self.ended_on) {
            require(start.year() <= end.year(), Reason::DatesReversed).map_err(|r| r.field("ended_on"))?;
        }
        let visibility = self.visibility.unwrap_or(Visibility::Parties);
        let terms_digest = digest_of_terms(&context.salt, &self.terms, &self.text);
        let facts = Registered {
            by,
            terms: self.terms,
            terms_digest,
            concluded_on: self.concluded_on,
            ended_on: self.ended_on,
            links: self.links,
            visibility,
        };
        let text = SaltedTermsText { terms: self.text, terms_salt: context.salt, citation: self.citation };
        let party = facts.terms.parties.iter().any(|party| party.organisation == by);
        let mut decision = Decision::one(NewEvent::new(id, audience(visibility), facts, Some(text)));
        if party && context.require_verified(by).is_ok() {
            // Whoever registers its own agreement has confirmed it thereby.
            decision.events.push(NewEvent::new(id, audience(visibility), Confirmed { by }, None));
        }
        Ok(decision)
    }
}

impl ConfirmAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        let Status::Registered { attestations } = &agreement.status else { return Err(Reason::NotRegistered.into()) };
        context.require_verified(by)?;
        require(attestations.get(&by) != Some(&Attestation::Confirmed), Reason::AlreadyConfirmed)?;
        Ok(Decision::one(NewEvent::new(self.id, agreement.audience(), Confirmed { by }, None)))
    }
}

impl DenyAgreement {
    pub(crate) fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        let Status::Registered { attestations } = &agreement.status else { return Err(Reason::NotRegistered.into()) };
        require(attestations.get(&by) != Some(&Attestation::Denied), Reason::AlreadyDenied)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        Ok(Decision::one(NewEvent::new(self.id, agreement.audience(), Denied { by }, text)))
    }
}
