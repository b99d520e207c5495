//! Agreements as a person sees them: terms, signatures over their digest, and what each party vouches for.

use super::{
    attesting::{Attested, attest_together, claimed},
    body::{RecordBody, Shown, Span},
    head::{Head, Moment, State},
    involvement::{Roles, attestation_of},
    links::retain,
    parts::PartKind,
    tags::{Field, Tags},
};
use convenio_events::{
    Event, OrganisationId, Subject,
    codes::{Attestation, SignatureMethod},
    commitment::{Digest, Salt},
    language_map::Line,
    time::{Date, PartialDate},
    types::agreement::{Drafted, Facts, Links, Registered, SignedText, Terms},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// One signature over the terms digest that was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// Who signed.
    pub organisation: OrganisationId,
    /// How.
    pub method: SignatureMethod,
    /// The terms that were signed.
    pub terms_digest: Digest,
    /// Digest of the mandate, where one was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mandate: Option<Digest>,
    /// The day of the signature.
    pub on: Date,
    /// The office that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub office: Option<Line>,
    /// The event that recorded it.
    pub recorded: Moment,
}

/// An agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Agreement {
    /// Who drafted or registered it.
    pub by: OrganisationId,
    /// Whether it was concluded elsewhere and registered here.
    pub concluded_elsewhere: bool,
    /// What was agreed.
    pub terms: Terms,
    /// Digest of the whole terms: what a signature covers.
    pub terms_digest: Digest,
    /// The salt of that digest; gone with the text when it was erased.
    pub terms_salt: Option<Salt>,
    /// What was agreed, in words.
    pub text: Option<Box<RawValue>>,
    /// What it hangs together with.
    pub links: Links,
    /// Of all parties together: denied by any that is bound, confirmed of all, else claimed.
    pub attestation: Attestation,
    /// How far each party's part is vouched for.
    pub attestations: Vec<Attested>,
    /// The signatures on these terms.
    #[serde(default)]
    pub signatures: Vec<Signature>,
    /// Who will not sign these terms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused_by: Vec<OrganisationId>,
    /// Who was named and left it before it was active.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_by: Vec<OrganisationId>,
    /// Its first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<Date>,
    /// When one concluded elsewhere was concluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concluded_on: Option<PartialDate>,
    /// When one concluded elsewhere ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<PartialDate>,
    /// Who completed, terminated, suspended, resumed or cancelled it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_by: Option<OrganisationId>,
    /// Where the facts of one concluded elsewhere come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citation: Option<Line>,
}

/// The text of drafts, split without reading the words.
#[derive(Deserialize)]
struct SaltedWords<'a> {
    #[serde(borrow)]
    terms: &'a RawValue,
    terms_salt: Salt,
    #[serde(default)]
    citation: Option<Line>,
}

impl RecordBody for Agreement {
    type Facts = Facts;
    const LISTS: &'static [PartKind] = &[];

    fn begin(facts: &Facts, event: &Event) -> Option<(Head, Self)> {
        match facts {
            Facts::Drafted(facts) => Some(Self::begin_draft(facts, event)),
            Facts::Registered(facts) => Some(Self::begin_registered(facts, event)),
            Facts::Revised(_)
            | Facts::Proposed(_)
            | Facts::Signed(_)
            | Facts::Refused(_)
            | Facts::ProposalWithdrawn(_)
            | Facts::Activated(_)
            | Facts::EndReached(_)
            | Facts::Completed(_)
            | Facts::Terminated(_)
            | Facts::Suspended(_)
            | Facts::Resumed(_)
            | Facts::Left(_)
            | Facts::Cancelled(_)
            | Facts::Confirmed(_)
            | Facts::Denied(_) => None,
        }
    }

    fn apply(&mut self, head: &mut Head, facts: &Facts, event: &Event) {
        match facts {
            Facts::Drafted(_) | Facts::Registered(_) => {}
            Facts::Revised(revised) => {
                head.enter(State::Drafted);
                (self.terms, self.terms_digest) = (revised.terms.clone(), revised.terms_digest);
                self.read_words(event);
                self.void_signatures(event);
            }
            Facts::Proposed(_) => head.enter(State::Proposed),
            Facts::Signed(signed) => {
                self.signatures.retain(|one| one.organisation != signed.by);
                self.signatures.push(Signature {
                    organisation: signed.by,
                    method: signed.method,
                    terms_digest: signed.terms_digest,
                    mandate: signed.mandate,
                    on: signed.on,
                    office: office(event),
                    recorded: event.into(),
                });
                if matches!(head.state, State::Proposed | State::PartlySigned) {
                    head.enter(if self.is_signed_by_all() { State::Signed } else { State::PartlySigned });
                }
                self.attest(signed.by, Attestation::Confirmed, event);
            }
            Facts::Refused(refused) => {
                head.enter_because(State::Drafted, event);
                self.void_signatures(event);
                self.refused_by.push(refused.by);
            }
            Facts::Left(left) => {
                head.enter_because(State::Drafted, event);
                self.void_signatures(event);
                self.left_by.push(left.by);
            }
            Facts::ProposalWithdrawn(_) => {
                head.enter_because(State::Drafted, event);
                self.void_signatures(event);
            }
            Facts::Activated(activated) => {
                head.enter(State::Active);
                self.effective_on = Some(activated.effective_on);
            }
            Facts::EndReached(_) => head.enter(State::Closing),
            Facts::Completed(facts) => self.moved(head, State::Completed, facts.by, event),
            Facts::Terminated(facts) => self.moved(head, State::Terminated, facts.by, event),
            Facts::Suspended(facts) => self.moved(head, State::Suspended, facts.by, event),
            Facts::Resumed(facts) => self.moved(head, State::Active, facts.by, event),
            Facts::Cancelled(facts) => self.moved(head, State::Cancelled, facts.by, event),
            Facts::Confirmed(facts) => self.attest(facts.by, Attestation::Confirmed, event),
            Facts::Denied(facts) => self.attest(facts.by, Attestation::Denied, event),
        }
    }
}

impl Shown for Agreement {
    fn text(&self) -> Option<&RawValue> {
        self.text.as_deref()
    }

    fn text_mut(&mut self) -> &mut Option<Box<RawValue>> {
        &mut self.text
    }

    fn add_roles(&self, roles: &mut Roles) {
        for party in &self.terms.parties {
            let attestation = attestation_of(&self.attestations, party.organisation);
            party.roles.iter().for_each(|role| roles.add(party.organisation, role.word(), attestation));
        }
        if self.terms.parties.iter().all(|party| party.organisation != self.by) {
            roles.add(self.by, "registrar", None);
        }
    }

    fn span(&self) -> Span {
        let day = |date: Date| PartialDate::Day(date.0);
        let begins = self.effective_on.or(self.terms.effective_on).map(day).or(self.concluded_on);
        (begins, self.ended_on.or(self.terms.ends_on.map(day)))
    }

    fn is_history(&self, state: State) -> bool {
        let waits = matches!(state, State::Proposed | State::PartlySigned | State::Signed);
        !waits && !matches!(state, State::Drafted | State::Cancelled)
    }

    fn add_tags(&self, _: &Head, tags: &mut Tags) {
        let terms = &self.terms;
        tags.add(Field::Type, terms.instrument.word());
        tags.themes(&terms.themes);
        tags.words(Field::Mechanism, &terms.mechanisms, |code| code.word());
        tags.add(Field::Modality, terms.modality.word());
        tags.places(&terms.places);
        tags.places(terms.parties.iter().filter_map(|party| party.represents.as_ref()));
        tags.languages(&terms.languages);
        let above = [self.links.convening.map(Subject::from), self.links.parent.map(Subject::from)];
        tags.origins(above.iter().flatten().chain(&self.links.listings));
    }

    fn tell_moments(&mut self, tell: &mut dyn FnMut(&mut Moment)) {
        self.attestations.iter_mut().for_each(|one| tell(&mut one.since));
        self.signatures.iter_mut().for_each(|signature| tell(&mut signature.recorded));
    }

    fn retain_links(&mut self, keep: &mut dyn FnMut(Subject) -> bool) {
        self.links.listings.retain(|listing| keep(*listing));
        retain(&mut self.links.parent, keep);
        retain(&mut self.links.renews, keep);
        retain(&mut self.links.convening, keep);
        self.terms.commitments.iter_mut().for_each(|commitment| retain(&mut commitment.source, keep));
    }

    fn about_bytes(&self) -> usize {
        400 * (self.terms.commitments.len() + self.terms.parties.len())
    }
}

impl Agreement {
    fn new(by: OrganisationId, terms: &Terms, terms_digest: Digest, event: &Event) -> Self {
        let mut agreement = Self {
            by,
            concluded_elsewhere: false,
            terms: terms.clone(),
            terms_digest,
            terms_salt: None,
            text: None,
            links: Links::default(),
            attestation: Attestation::Claimed,
            attestations: Vec::new(),
            signatures: Vec::new(),
            refused_by: Vec::new(),
            left_by: Vec::new(),
            effective_on: None,
            concluded_on: None,
            ended_on: None,
            state_by: None,
            citation: None,
        };
        agreement.read_words(event);
        agreement
    }

    fn begin_draft(facts: &Drafted, event: &Event) -> (Head, Self) {
        let head = Head::new(event, State::Drafted);
        let mut agreement = Self::new(facts.by, &facts.terms, facts.terms_digest, event);
        agreement.links = facts.links.clone();
        agreement.claim_for_all(event);
        (head, agreement)
    }

    fn begin_registered(facts: &Registered, event: &Event) -> (Head, Self) {
        let head = Head::new(event, State::Registered);
        let mut agreement = Self::new(facts.by, &facts.terms, facts.terms_digest, event);
        agreement.links = facts.links.clone();
        agreement.concluded_elsewhere = true;
        (agreement.concluded_on, agreement.ended_on) = (facts.concluded_on, facts.ended_on);
        agreement.effective_on = facts.terms.effective_on;
        agreement.claim_for_all(event);
        if facts.says_so {
            agreement.attest(facts.by, Attestation::Confirmed, event);
        }
        (head, agreement)
    }

    fn moved(&mut self, head: &mut Head, state: State, by: OrganisationId, event: &Event) {
        head.enter_because(state, event);
        self.state_by = Some(by);
    }

    fn attest(&mut self, organisation: OrganisationId, attestation: Attestation, event: &Event) {
        attest_together(&mut self.attestations, organisation, attestation, event);
        self.sum_attestations();
    }

    /// Everybody's part is claimed anew; whoever denied its own goes on doing so.
    fn claim_for_all(&mut self, event: &Event) {
        let before = std::mem::take(&mut self.attestations);
        let denied = before.into_iter().filter(|one| one.attestation == Attestation::Denied);
        self.attestations = claimed(self.terms.parties.iter().map(|party| party.organisation), event);
        for one in denied {
            let same = self.attestations.iter_mut().find(|other| other.organisation == one.organisation);
            same.into_iter().for_each(|other| *other = one.clone());
        }
        self.sum_attestations();
    }

    /// Whether it waits for nothing but its first day.
    fn is_signed_by_all(&self) -> bool {
        let signed = |organisation| self.signatures.iter().any(|one| one.organisation == organisation);
        self.terms.signers().into_iter().all(signed)
    }

    fn void_signatures(&mut self, event: &Event) {
        self.signatures.clear();
        self.refused_by.clear();
        self.claim_for_all(event);
    }

    fn sum_attestations(&mut self) {
        let all = |wanted| self.attestations.iter().all(|one| one.attestation == wanted);
        // Whoever only brokers or looks on speaks for its own part.
        let bound = self.terms.signers();
        let mut denying = self.attestations.iter().filter(|one| one.attestation == Attestation::Denied);
        let denied = denying.any(|one| bound.contains(&one.organisation));
        self.attestation = match () {
            () if denied => Attestation::Denied,
            () if all(Attestation::Confirmed) => Attestation::Confirmed,
            () => Attestation::Claimed,
        };
    }

    fn read_words(&mut self, event: &Event) {
        let words: Option<SaltedWords<'_>> = event.text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        self.terms_salt = words.as_ref().map(|words| words.terms_salt);
        self.text = words.as_ref().map(|words| words.terms.to_owned());
        self.citation = words.and_then(|words| words.citation);
    }
}

fn office(event: &Event) -> Option<Line> {
    let text: SignedText = serde_json::from_str(event.text.as_deref()?).ok()?;
    text.office
}
