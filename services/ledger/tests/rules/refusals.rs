//! Every reason is told by some command, and no reason exists that nothing tells. Which state refuses what is in the tables.

use crate::{
    agreements,
    cast::{
        BROKER, By, MINISTRY, OBSERVATORY, PROFILE, SITE, SOCIOS, UNIVERSITY, agreement, commitment, convening, grant,
        learning, listing, organisation, text, uuid, with,
    },
    node::{BOOTSTRAP_TOKEN, Call, Node},
};
use convenio_events::commitment::{Digest, token_digest};
use convenio_ledger::{authorise::Credential, rejection::Reason};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Reasons that no command is told today, and why they are there.
const NEVER_TOLD: [(Reason, &str); 1] = [(
    Reason::TooManyEvents,
    "no command of today records more than 403 events (a last signature with 200 commitments); it bounds commands that are yet to come",
)];

/// Reasons that take hundreds of records or commands to be told: `names` does.
const TOLD_IN_NAMES: [Reason; 3] =
    [Reason::TooManyOpenClaims, Reason::TooManyRefusals, Reason::TooManyVisibilityChanges];
/// Reasons that have tables of their own in `dates`.
const TOLD_IN_DATES: [Reason; 6] = [
    Reason::CommitmentItself,
    Reason::PrevailingLanguage,
    Reason::ReviewInPast,
    Reason::ReviewOutsideTerm,
    Reason::DueOutsideTerm,
    Reason::DayOfPlatform,
];

const ABSENT: u128 = 0xdead;
/// An offer of 10 expert-days and a demand; offers that are paused, without end, withdrawn; a demand that is withdrawn.
const OFFER: u128 = 1;
const DEMAND: u128 = 2;
const ENDLESS: u128 = 3;
const WITHDRAWN: u128 = 4;

type Case = (By, &'static str, Value, &'static str);

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

/// The bilateral agreement of a fresh id, changed at a pointer.
fn terms(pointer: &str, new: Value) -> Value {
    with(agreement(0x99), pointer, new)
}
fn takes(source: &str, amount: &str) -> Value {
    terms("/terms/commitments", json!([commitment(1, amount, source)]))
}
fn parties(all: Value) -> Value {
    terms("/terms/parties", all)
}
fn party(organisation: u128, role: &str, side: &str) -> Value {
    json!({"organisation": uuid(organisation), "roles": [role], "side": side, "signs": true})
}

async fn prepared() -> Node {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(OFFER)).await;
    node.accept(By::Ministry, "publish-demand", listing(DEMAND)).await;
    node.accept(By::Socios, "publish-offer", with(listing(ENDLESS), "/terms/quantity", Value::Null)).await;
    for (by, kind) in [(By::Socios, "offer"), (By::Ministry, "demand")] {
        node.accept(by, &format!("publish-{kind}"), listing(WITHDRAWN)).await;
        node.accept(by, &format!("withdraw-{kind}"), only(WITHDRAWN)).await;
    }
    for (id, state) in
        (0x21..).zip(["drafted", "proposed", "signed", "active", "cancelled", "registered", "confirmed", "denied"])
    {
        agreements::bring_to(&node, state, with(agreement(id), "/visibility", json!("public"))).await;
    }
    node.accept(By::Socios, "submit-learning", learning(0x31, &[SOCIOS, MINISTRY])).await;
    node.accept(By::Socios, "register-learning", learning(0x32, &[SOCIOS])).await;
    node.accept(By::Socios, "submit-learning", learning(0x33, &[SOCIOS])).await;
    let revision = json!({"id": uuid(0x33), "outcome": "revision-requested"});
    node.accept(By::Reviewer, "screen-learning", revision).await;
    node.accept(By::Socios, "announce-convening", convening(0x41)).await;
    node.accept(By::Socios, "announce-convening", convening(0x42)).await;
    node.accept(By::Socios, "cancel-convening", only(0x42)).await;
    let identifier = json!({"id": uuid(SOCIOS), "identifier": "PE-RUC-20506006024"});
    node.accept(By::Socios, "add-identifier", identifier).await;
    node.accept(By::Admin, "grant-access", grant(0x51, "recorder", &[MINISTRY])).await;
    node.accept(By::Admin, "revoke-access", only(0x51)).await;
    // An agreement with an organisation that nobody vouches for.
    let rector = parties(json!([party(UNIVERSITY, "offering", "a"), party(MINISTRY, "requesting", "b")]));
    node.accept(By::Rector, "draft-agreement", with(rector, "/id", json!(uuid(0x29)))).await;
    node.accept(By::Rector, "propose-agreement", only(0x29)).await;
    let mut left = agreement(0x2b);
    let technical = json!({"organisation": uuid(UNIVERSITY), "roles": ["technical"], "side": "PE", "signs": false});
    left["terms"]["parties"].as_array_mut().expect("a list").push(technical);
    node.accept(By::Socios, "draft-agreement", left).await;
    // And one that somebody looks on.
    let observer = json!({"organisation": uuid(BROKER), "roles": ["observer"], "signs": false});
    let mut watched = agreement(0x2a);
    watched["terms"]["parties"].as_array_mut().expect("a list").push(observer);
    node.accept(By::Socios, "draft-agreement", watched).await;
    node
}

fn of_access() -> Vec<Case> {
    let used = token_digest(&BOOTSTRAP_TOKEN).to_string();
    let granted = |pointer: &str, new: Value| with(grant(0x59, "recorder", &[SOCIOS]), pointer, new);
    vec![
        (By::Pair, "pause-offer", only(OFFER), "acting-for-required"),
        (By::Socios, "fly-to-the-moon", json!({}), "unknown-command"),
        (By::Socios, "pause-offer", json!([uuid(OFFER)]), "invalid-field"),
        (By::Socios, "pause-offer", json!({"id": uuid(OFFER), "colour": "red"}), "unknown-field@colour"),
        (By::Robot, "pause-offer", only(OFFER), "role-required"),
        (By::Operator, "pause-offer", only(OFFER), "organisation-required"),
        (By::Admin, "grant-access", granted("/organisations", json!([])), "organisations-required@organisations"),
        (
            By::Admin,
            "grant-access",
            granted("/organisations/0", json!(uuid(PROFILE))),
            "profile-cannot-act@organisations",
        ),
        (
            By::Admin,
            "grant-access",
            granted("/organisations/0", json!(uuid(ABSENT))),
            "organisation-unknown@organisations",
        ),
        (By::Socios, "grant-access", granted("/role", json!("admin")), "role-beyond-own@role"),
        (By::Admin, "grant-access", granted("/token_digest", json!(used)), "token-in-use@token_digest"),
        (By::Admin, "grant-access", granted("/on_behalf", json!(true)), "mandate-required@mandate"),
        (
            By::Admin,
            "grant-access",
            granted("/valid_through", json!("2026-01-15T11:00:00Z")),
            "validity-passed@valid_through",
        ),
        (By::Admin, "revoke-access", only(0x51), "already-revoked"),
    ]
}

fn of_organisations() -> Vec<Case> {
    let mine = |more: Value| {
        let mut data = json!({"id": uuid(SOCIOS)});
        data.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        data
    };
    let identifiers: Vec<_> = (0..51).map(|number| format!("XM-DAC-{number}")).collect();
    let verify = |id: u128| json!({"id": uuid(id), "method": "site-visit"});
    vec![
        (By::Socios, "pause-offer", only(ABSENT), "record-unknown"),
        (By::Ministry, "pause-offer", only(OFFER), "not-owner"),
        (By::Admin, "register-organisation", organisation(SOCIOS, "holder"), "id-exists@id"),
        (
            By::Admin,
            "add-identifier",
            json!({"id": uuid(MINISTRY), "identifier": "PE-RUC-20506006024"}),
            "identifier-in-use@identifier",
        ),
        (By::Socios, "withdraw-identifier", mine(json!({"identifier": "XM-DAC-9"})), "identifier-unknown@identifier"),
        (
            By::Admin,
            "register-organisation",
            with(organisation(0x98, "holder"), "/identifiers", json!(identifiers)),
            "too-many-items@identifiers",
        ),
        (By::Socios, "close-site", mine(json!({"site": uuid(ABSENT)})), "site-unknown@site"),
        (By::Socios, "end-affiliation", mine(json!({"affiliation": uuid(ABSENT)})), "affiliation-unknown"),
        (
            By::Socios,
            "affiliate-organisation",
            mine(json!({"with": uuid(SOCIOS), "kind": "sister"})),
            "affiliation-with-itself@with",
        ),
        (
            By::Socios,
            "affiliate-organisation",
            mine(json!({"affiliation": uuid(0xaff1), "with": uuid(MINISTRY), "kind": "sister"})),
            "",
        ),
        (
            By::Socios,
            "affiliate-organisation",
            mine(json!({"affiliation": uuid(0xaff2), "with": uuid(MINISTRY), "kind": "sister"})),
            "already-affiliated@with",
        ),
        (By::Admin, "verify-organisation", verify(SOCIOS), "already-verified"),
        (
            By::Admin,
            "verify-organisation",
            with(verify(UNIVERSITY), "/valid_through", json!("2026-01-14")),
            "date-in-past@valid_through",
        ),
        (By::Admin, "revoke-verification", only(UNIVERSITY), "not-verified"),
        (By::Admin, "suspend-organisation", only(BROKER), ""),
        (By::Admin, "suspend-organisation", only(BROKER), "already-suspended"),
        (By::Broker, "draft-agreement", agreement(0x97), "organisation-suspended"),
        (By::Admin, "reinstate-organisation", only(BROKER), ""),
        (By::Admin, "reinstate-organisation", only(BROKER), "not-suspended"),
        (By::Admin, "revoke-verification", only(OBSERVATORY), ""),
        (By::Admin, "verify-organisation", verify(OBSERVATORY), "verify-itself"),
        (
            By::Socios,
            "set-visibility",
            json!({"subject": format!("offer/{}", uuid(OFFER)), "visibility": "public"}),
            "visibility-same@visibility",
        ),
        (
            By::Socios,
            "set-visibility",
            json!({"subject": format!("agreement/{}", uuid(0x22)), "visibility": "parties"}),
            "consent-required",
        ),
    ]
}

fn of_listings() -> Vec<Case> {
    let offer = |pointer: &str, new: Value| with(listing(0x96), pointer, new);
    let reversed = with(offer("/terms/valid_from", json!("2026-03-02")), "/terms/valid_through", json!("2026-03-01"));
    vec![
        (By::Socios, "pause-offer", only(WITHDRAWN), "offer-closed"),
        (By::Ministry, "pause-demand", only(WITHDRAWN), "demand-closed"),
        (By::Socios, "resume-offer", only(OFFER), "not-paused"),
        (By::Socios, "publish-offer", offer("/text/title", Value::Null), "title-required@text.title"),
        (By::Socios, "publish-offer", offer("/terms/themes", json!([])), "theme-required@terms.themes"),
        (By::Socios, "publish-offer", offer("/terms/mechanisms", json!([])), "mechanism-required@terms.mechanisms"),
        (By::Socios, "publish-offer", offer("/terms/places", json!([])), "place-required@terms.places"),
        (
            By::Socios,
            "publish-offer",
            offer("/terms/themes", json!(vec!["sdg:3.3"; 201])),
            "too-many-items@terms.themes",
        ),
        (By::Socios, "publish-offer", reversed, "dates-reversed@terms.valid_through"),
        (
            By::Socios,
            "publish-offer",
            offer("/terms/valid_through", json!("2026-01-14")),
            "date-in-past@terms.valid_through",
        ),
        (By::Socios, "publish-offer", offer("/terms/site", json!(uuid(ABSENT))), "site-unknown@terms.site"),
        (By::Socios, "publish-offer", offer("/terms/evidence", json!([uuid(ABSENT)])), "link-unknown@terms.evidence"),
        (By::Ministry, "publish-offer", offer("/organisation", json!(uuid(SOCIOS))), "not-owner@organisation"),
        (By::Ministry, "publish-offer", offer("/terms/site", json!(uuid(SITE))), "site-unknown@terms.site"),
    ]
}

fn of_agreements() -> Vec<Case> {
    let (offering, requesting) = (party(SOCIOS, "offering", "a"), party(MINISTRY, "requesting", "b"));
    let unsigned = |party: &Value| with(party.clone(), "/signs", json!(false));
    let offer = format!("offer/{}", uuid(OFFER));
    let unit = with(takes(&offer, "1"), "/terms/commitments/0/quantity/unit", json!("visits"));
    let no_quantity = with(takes(&offer, "1"), "/terms/commitments/0/quantity", Value::Null);
    let third = with(takes(&offer, "1"), "/terms/commitments/0/receiver", json!(uuid(BROKER)));
    let twice = terms("/terms/commitments", json!([commitment(1, "1", &offer), commitment(1, "1", &offer)]));
    let described = terms("/text/commitments", json!({uuid(ABSENT): text("nothing")}));
    let sign = |id: u128| json!({"id": uuid(id), "terms_digest": Digest([1; 32]).to_string()});
    let reversed = with(terms("/terms/effective_on", json!("2026-03-02")), "/terms/ends_on", json!("2026-03-01"));
    let one = json!([offering, with(offering.clone(), "/site", json!(uuid(SITE)))]);
    let looks_on = |party: &Value| with(unsigned(party), "/roles", json!(["technical"]));
    let onlookers = json!([looks_on(&offering), looks_on(&requesting)]);
    let renews = with(terms("/links", json!({})), "/links/renews", json!(uuid(0x28)));
    let at = |data: Value, id: u128| with(data, "/id", json!(uuid(id)));
    vec![
        (By::University, "draft-agreement", agreement(0x99), "not-party"),
        (By::Broker, "cancel-agreement", only(0x2a), "not-principal"),
        (By::Clerk, "sign-agreement", sign(0x22), "signatory-required"),
        (By::Rector, "sign-agreement", sign(0x29), "verification-required"),
        (By::Socios, "confirm-agreement", only(0x26), "version-required"),
        (By::Socios, "sign-agreement", sign(0x22), "terms-changed@terms_digest"),
        (By::Socios, "propose-agreement", only(0x22), "not-draft"),
        (By::Socios, "refuse-agreement", only(0x21), "not-proposed"),
        (By::Socios, "suspend-agreement", only(0x21), "not-active"),
        (By::Socios, "terminate-agreement", only(0x25), "already-over"),
        (By::Socios, "cancel-agreement", only(0x24), "already-active"),
        (By::Socios, "deny-agreement", only(0x24), "already-signed"),
        (By::Socios, "deny-agreement", only(0x28), "already-denied"),
        (By::Socios, "draft-agreement", parties(json!([offering])), "parties-too-few@terms.parties"),
        (
            By::Socios,
            "draft-agreement",
            parties(json!([offering, offering])),
            "party-twice@terms.parties[1].organisation",
        ),
        (
            By::Socios,
            "draft-agreement",
            terms("/terms/parties/0/roles", json!([])),
            "party-role-required@terms.parties[0].roles",
        ),
        (
            By::Socios,
            "draft-agreement",
            parties(json!([unsigned(&offering), unsigned(&requesting)])),
            "signature-required@terms.parties[0].signs",
        ),
        (By::Socios, "draft-agreement", parties(onlookers), "signer-required@terms.parties"),
        (By::Rector, "leave-agreement", only(0x2b), ""),
        (By::Socios, "propose-agreement", only(0x2b), "party-left@terms.parties[2].organisation"),
        (By::Socios, "draft-agreement", renews, "not-citable@links.renews"),
        (
            By::Socios,
            "draft-agreement",
            terms("/terms/parties/0/side", Value::Null),
            "side-required@terms.parties[0].side",
        ),
        (By::Socios, "draft-agreement", terms("/terms/parties/0/side", json!("PE")), "bilateral-sides@terms.parties"),
        (
            By::Socios,
            "draft-agreement",
            terms("/terms/modality", json!("triangular")),
            "triangular-roles@terms.parties",
        ),
        (
            By::Socios,
            "draft-agreement",
            terms("/terms/modality", json!("internal")),
            "internal-organisation@terms.modality",
        ),
        (By::Socios, "draft-agreement", parties(one), "internal-organisation@terms.modality"),
        (
            By::Socios,
            "draft-agreement",
            terms("/terms/parties/1/organisation", json!(uuid(ABSENT))),
            "organisation-unknown@terms.parties[1].organisation",
        ),
        (By::Socios, "draft-agreement", reversed, "dates-reversed@terms.ends_on"),
        (By::Socios, "draft-agreement", third, "commitment-party@terms.commitments[0].receiver"),
        (By::Socios, "draft-agreement", twice, "commitment-twice@terms.commitments[1].id"),
        (By::Socios, "draft-agreement", described, "description-unknown@text.commitments"),
        (
            By::Socios,
            "draft-agreement",
            takes(&format!("offer/{}", uuid(ABSENT)), "1"),
            "link-unknown@terms.commitments[0].source",
        ),
        (
            By::Socios,
            "draft-agreement",
            takes(&format!("offer/{}", uuid(WITHDRAWN)), "1"),
            "offer-closed@terms.commitments[0].source",
        ),
        (
            By::Socios,
            "draft-agreement",
            with(
                with(takes(&offer, "1"), "/terms/commitments/0/provider", json!(uuid(MINISTRY))),
                "/terms/commitments/0/receiver",
                json!(uuid(SOCIOS)),
            ),
            "source-owner@terms.commitments[0].source",
        ),
        (By::Socios, "draft-agreement", at(unit, 0x71), ""),
        (By::Socios, "propose-agreement", only(0x71), "unit-differs@terms.commitments"),
        (By::Socios, "draft-agreement", at(no_quantity, 0x72), ""),
        (By::Socios, "propose-agreement", only(0x72), "quantity-required@terms.commitments"),
        (By::Socios, "draft-agreement", at(takes(&offer, "10.000001"), 0x73), ""),
        (By::Socios, "propose-agreement", only(0x73), "quantity-exceeded@terms.commitments"),
        (By::Socios, "register-agreement", terms("/concluded_on", json!("2026-02")), "date-in-future@concluded_on"),
    ]
}

fn of_learnings_and_convenings() -> Vec<Case> {
    let lesson = |pointer: &str, new: Value| with(learning(0x95, &[SOCIOS]), pointer, new);
    let held = |pointer: &str, new: Value| with(convening(0x94), pointer, new);
    let visit = json!({"id": uuid(0x41), "host": uuid(SOCIOS), "facilities": [], "text": {"title": text("A visit")}});
    let early = with(with(visit.clone(), "/facilities", json!(["pharmacy"])), "/occurred_on", json!("2024"));
    vec![
        (By::Socios, "submit-learning", lesson("/text/lessons", Value::Null), "lessons-required@text.lessons"),
        (By::Socios, "submit-learning", lesson("/content/authors", json!([])), "author-required@content.authors"),
        (
            By::Socios,
            "submit-learning",
            lesson("/content/occurred_on", json!("2026-02")),
            "date-in-future@content.occurred_on",
        ),
        (
            By::Socios,
            "submit-learning",
            lesson("/content/licence", json!("none of your business")),
            "licence-unknown@content.licence",
        ),
        (By::Socios, "publish-learning", only(0x31), "authorship-open"),
        (By::Socios, "publish-learning", only(0x32), "already-published"),
        (By::Socios, "publish-learning", only(0x33), "screening-required"),
        (By::Socios, "announce-convening", held("/plan/organisers", json!([])), "organiser-required@plan.organisers"),
        (By::Socios, "hold-convening", only(0x42), "convening-over"),
        (By::Socios, "record-visit", visit, "facility-required@facilities"),
        (By::Socios, "record-visit", early, "outside-convening@occurred_on"),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_reason_is_told_by_some_command_and_each_is_the_one_that_holds() {
    let node = prepared().await;
    let (mut told, mut wrong) = (BTreeSet::new(), Vec::new());
    let cases = [of_access(), of_organisations(), of_listings(), of_agreements(), of_learnings_and_convenings()];
    for (by, command, data, expected) in cases.into_iter().flatten() {
        let head = node.head();
        let said = node.tell(by, command, data.clone()).await;
        if expected.is_empty() {
            assert!(node.head() > head, "{command} by {by:?}: {said}");
            continue;
        }
        if said != expected || node.head() != head {
            wrong.push(format!("{command} by {by:?}: {said} instead of {expected}: {data}"));
        }
        told.insert(expected.split('@').next().expect("has a code").to_owned());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    for (call, expected) in special_calls() {
        assert_eq!(node.send(call.clone()).await, expected, "{}", call.command);
        told.insert(expected.to_owned());
    }
    assert_eq!(node.sign(By::Socios, 0x23).await, "already-signed");
    let confirmed = format!("agreement/{}", uuid(0x27));
    assert_eq!(node.confirm(By::Socios, "confirm-agreement", &confirmed, only(0x27)).await, "already-confirmed");
    let active = format!("agreement/{}", uuid(0x24));
    assert_eq!(node.confirm(By::Socios, "confirm-agreement", &active, only(0x24)).await, "not-registered");
    told.extend(["already-signed", "already-confirmed", "not-registered"].map(str::to_owned));
    told.extend(TOLD_IN_NAMES.into_iter().chain(TOLD_IN_DATES).map(|reason| reason.code().to_owned()));
    let missing: Vec<_> = Reason::ALL.iter().filter(|reason| !told.contains(reason.code())).collect();
    assert_eq!(missing, NEVER_TOLD.iter().map(|(reason, _)| reason).collect::<Vec<_>>(), "reasons that nothing tells");
}

/// Calls that are unlike others in more than their data, and what is told.
fn special_calls() -> Vec<(Call, &'static str)> {
    let socios = By::Socios.credential();
    let pause = Call::new(socios, "pause-offer", &only(OFFER));
    vec![
        (Call::new(Credential::Token(Digest([3; 32])), "pause-offer", &only(OFFER)), "token-invalid"),
        (pause.clone().acting_for(MINISTRY), "acting-for-not-granted"),
        (Call { data: b"{\"id\":".to_vec(), ..pause.clone() }, "malformed-json"),
        (pause.expecting(7), "stale-version"),
        (Call::new(socios, "publish-offer", &listing(0x93)).under(1), "offer.published"),
        (Call::new(socios, "publish-offer", &listing(0x92)).under(1), "command-id-reused"),
        (
            Call::new(By::Reviewer.credential(), "screen-learning", &json!({"id": uuid(0x34), "outcome": "passed"})),
            "record-unknown",
        ),
        (
            Call::new(By::Rector.credential(), "submit-learning", &learning(0x35, &[UNIVERSITY])),
            "(learning.submitted) (learning.authorship-accepted)",
        ),
        (
            Call::new(By::Reviewer.credential(), "screen-learning", &json!({"id": uuid(0x35), "outcome": "passed"})),
            "review-own",
        ),
    ]
}
