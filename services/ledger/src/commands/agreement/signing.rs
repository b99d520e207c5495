//! Signing the terms that were shown, or refusing to: the owner's signature reserves, the last one may make the agreement active. How
//! it ends is decided elsewhere.

use super::{
    dates::check_plan,
    holding::{allocations, releases, reservations},
    working::{now, party_of},
};
use crate::{
    commands::{CommandData, Flag, Right},
    context::{Context, Decision},
    rejection::{Reason, Rejection, require},
    state::{
        State as _,
        agreement::{Agreement, Status},
    },
    world::World,
};
use convenio_events::{
    AgreementId, NewEvent, OrganisationId, RecordKind, Subject,
    codes::{SignatureMethod, Visibility},
    commitment::Digest,
    language_map::Line,
    limits::Office,
    time::Date,
    types::{
        Facts,
        access::ReasonText,
        agreement::{self, Activated, Refused, Signed, SignedText},
        record::VisibilityChanged,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Signs the terms that were shown.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct SignAgreement {
    /// Which agreement.
    pub id: AgreementId,
    /// The terms digest that was shown to whoever signs.
    pub terms_digest: Digest,
    /// How the signature was given; on this platform unless said.
    #[serde(default)]
    pub method: Option<SignatureMethod>,
    /// The office that signs; never a person.
    #[serde(default)]
    #[schemars(with = "Option<Office>")]
    pub office: Option<Line>,
    /// The day of a paper or external signature; today unless said. A signature on this platform has the day on which it is given.
    #[serde(default)]
    pub on: Option<Date>,
}

/// Says that a party will not sign; the agreement is a draft again.
#[derive(Clone, PartialEq, Debug, Deserialize, JsonSchema)]
pub struct RefuseAgreement {
    /// Which agreement.
    pub id: AgreementId,
    /// Why.
    #[serde(default)]
    pub reason: Option<Line>,
}

impl CommandData for SignAgreement {
    const NAME: &'static str = "sign-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const EXAMPLE: &'static str = r#"{
  "id": "07690839-026c-5438-8b38-e827bd28fb8d",
  "terms_digest": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
  "office": "Reitoria"
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        require(agreement.is_signed_by(by), Reason::NotParty)?;
        require(context.acting.may_sign, Reason::SignatoryRequired)?;
        context.require_verified(by)?;
        // Told before the state: who signs terms that were revised meanwhile must learn that they are others.
        require(self.terms_digest == agreement.terms_digest, Reason::TermsChanged)
            .map_err(|r| r.field("terms_digest"))?;
        let Status::Proposed { signed } = &agreement.status else { return Err(Reason::NotProposed.into()) };
        require(!signed.contains_key(&by), Reason::AlreadySigned)?;
        let signature = self.signature(&agreement, by, context)?;
        let reserved = reservations(self.id, &agreement, by, context)?;
        // Days may have passed since it was proposed: nobody signs what is over, or what was due before it begins.
        check_plan(&agreement.terms, context.today(agreement.terms.time_zone))?;
        let text = self.office.map(|office| SignedText { office: Some(office) });
        let mut after = Agreement::clone(&agreement);
        if let Status::Proposed { signed } = &mut after.status {
            signed.insert(by, signature.on);
        }
        let mut decision = Decision::one(NewEvent::new(self.id, signature, text));
        let mine: BTreeSet<_> = reserved.iter().map(|event| event.subject).collect();
        decision.events.extend(reserved);
        decision.events.extend(activation(self.id, &after, &mine, context));
        Ok(decision)
    }
}

impl SignAgreement {
    fn signature(&self, agreement: &Agreement, by: OrganisationId, context: &Context<'_>) -> Result<Signed, Rejection> {
        let method = self.method.unwrap_or(SignatureMethod::Platform);
        let today = Date(context.today(agreement.terms.time_zone));
        let mandate = if context.acting.on_behalf { context.acting.mandate } else { None };
        let on = match method {
            SignatureMethod::Platform => {
                require(self.on.is_none(), Reason::DayOfPlatform).map_err(|r| r.field("on"))?;
                today
            }
            SignatureMethod::Paper | SignatureMethod::External => {
                let mandated = !context.acting.on_behalf || mandate.is_some();
                require(mandated, Reason::MandateRequired).map_err(|r| r.field("method"))?;
                self.on.unwrap_or(today)
            }
        };
        require(on <= today, Reason::DateInFuture).map_err(|r| r.field("on"))?;
        Ok(Signed { by, method, terms_digest: self.terms_digest, mandate, on })
    }
}

/// What follows when all have signed and the first day has come; `reserved` is what this very signature reserves.
fn activation(
    id: AgreementId,
    agreement: &Agreement,
    reserved: &BTreeSet<Subject>,
    context: &Context<'_>,
) -> Vec<NewEvent> {
    let due = agreement.due(context.world.time_zone());
    let Some(effective_on) = agreement.effective_on().filter(|_| due.is_some_and(|due| due <= context.now)) else {
        return Vec::new();
    };
    let mut events = vec![NewEvent::new(id, Activated { effective_on }, None)];
    events.extend(allocations(id, agreement, reserved, context.world));
    events.extend(publication(id, context.world));
    events
}

/// What follows from an event that the clock records.
pub(crate) fn follow_ups(event: &NewEvent, world: &World) -> Vec<NewEvent> {
    if !matches!(event.facts, Facts::Agreement(agreement::Facts::Activated(_))) {
        return Vec::new();
    }
    let id = AgreementId::new(event.subject.id);
    let Some(agreement) = world.agreement(id) else { return Vec::new() };
    let mut events = allocations(id, &agreement, &BTreeSet::new(), world);
    events.extend(publication(id, world));
    events
}

/// A ledger may require agreements to become public once active.
fn publication(id: AgreementId, world: &World) -> Option<NewEvent> {
    let (from, to) = (world.openness(id.into())?.chosen()?, Visibility::Public);
    let required = world.settings().agreements_public && from != to;
    required.then(|| NewEvent::new(id, VisibilityChanged { from, to }, None))
}

impl CommandData for RefuseAgreement {
    const NAME: &'static str = "refuse-agreement";
    const RIGHT: Right = Right::Sign;
    const KIND: RecordKind = RecordKind::Agreement;
    const FLAGS: &'static [Flag] = &[Flag::WhileSuspended];
    const EXAMPLE: &'static str = r#"{
  "id": "4e7de809-13ad-5b26-a514-89cd1f13a6c3",
  "reason": "El costo del transporte supera el de comprarlos aquí."
}"#;

    fn decide(self, context: &Context<'_>) -> Result<Decision, Rejection> {
        let (agreement, by) = party_of(self.id, context)?;
        require(agreement.is_signed_by(by), Reason::NotParty)?;
        require(matches!(*now(&agreement, context), Status::Proposed { .. }), Reason::NotProposed)?;
        let text = self.reason.map(|reason| ReasonText { reason });
        let mut decision = Decision::one(NewEvent::new(self.id, Refused { by }, text));
        decision.events.extend(releases(self.id, &agreement, context.world));
        Ok(decision)
    }
}
