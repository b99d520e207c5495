//! What a record shows at each step of its life, folded from its events alone. Who may see it is tested elsewhere.

mod support;

use convenio_events::{
    AgreementId, Event, OrganisationId,
    codes::{PartyRole, SignatureMethod, Visibility},
    commitment::Digest,
    entry::Audience,
    time::Date,
    types::agreement::{Activated, Drafted, Links, ProposalWithdrawn, Proposed, Signed},
};
use convenio_projections::document::{Document, State};
use support::{
    Ledger, by, id,
    story::{agreement_terms, agreement_text, text},
};

const TERMS: Digest = Digest([3; 32]);
const AGREEMENT: u128 = 20;

fn day(text: &str) -> Date {
    serde_json::from_value(text.into()).expect("a date")
}

/// The states that the events of the agreement lead through, from its draft on.
fn states(events: &[Event]) -> Vec<State> {
    let agreement: AgreementId = id(AGREEMENT);
    let own: Vec<&Event> = events.iter().filter(|event| event.subject == agreement.into()).collect();
    let fold = |upto: usize| Document::fold(own[..=upto].iter().copied()).expect("folds").expect("there");
    (0..own.len()).map(|upto| fold(upto).head.state).collect()
}

#[tokio::test]
async fn an_agreement_that_all_have_signed_says_so_while_it_waits_for_its_first_day() {
    let mut ledger = Ledger::open(1).await;
    let (first, second): (OrganisationId, OrganisationId) = (id(1), id(2));
    let (agreement, restricted): (AgreementId, _) = (id(AGREEMENT), Audience::Restricted);
    let mut terms = agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None);
    terms.parties.iter_mut().for_each(|party| party.signs = true);
    let (links, visibility) = (Links::default(), Visibility::Parties);
    let facts = Drafted { by: first, terms, terms_digest: TERMS, links, visibility };
    ledger.put(agreement, by(first), restricted, facts, Some(agreement_text(text("en", "An agreement"))));
    let signed = |by| {
        let (method, on) = (SignatureMethod::Platform, day("2026-01-15"));
        Signed { by, method, terms_digest: TERMS, mandate: None, on }
    };
    for _ in 0..2 {
        ledger.put(agreement, by(first), restricted, Proposed { terms_digest: TERMS }, None);
        ledger.put(agreement, by(first), restricted, signed(first), None);
        ledger.put(agreement, by(second), restricted, signed(second), None);
        ledger.put(agreement, by(second), restricted, ProposalWithdrawn {}, None);
    }
    ledger.put(agreement, by(first), restricted, Proposed { terms_digest: TERMS }, None);
    ledger.put(agreement, by(second), restricted, signed(second), None);
    ledger.put(agreement, by(first), restricted, signed(first), None);
    ledger.put(agreement, by(first), restricted, Activated { effective_on: day("2026-02-01") }, None);
    ledger.commit().await;
    let round = [State::Proposed, State::PartlySigned, State::Signed, State::Drafted];
    let expected = [&[State::Drafted][..], &round, &round, &round[..3], &[State::Active]].concat();
    assert_eq!(states(&ledger.events().await), expected);
}
