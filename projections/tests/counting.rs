//! Who is counted: what a party alone says is claimed, whoever records what others do is in no count. What is hidden from whom is tested
//! elsewhere.

mod support;

use convenio_events::{
    AgreementId, ConveningId, LearningId, OrganisationId,
    codes::{OrganisationKind, PartyRole, ScreeningOutcome, SignatureMethod, Visibility},
    commitment::Digest,
    entry::Audience,
    types::{agreement, convening, learning, organisation},
};
use convenio_projections::{
    ReaderIdentity, ViewName, Views,
    collection::{ListQuery, list, record as one},
    history::{self, Passport},
};
use support::{
    Ledger, by, id, settle, start,
    story::{
        agreement_terms, agreement_text, convening_plan, convening_text, learning_content, learning_text,
        organisation_facts, organisation_text, text,
    },
};

const DIGEST: Digest = Digest([3; 32]);

/// Two that cooperate, and a third that records what they do.
fn cast() -> [OrganisationId; 3] {
    [id(1), id(2), id(3)]
}

async fn opened() -> Ledger {
    let mut ledger = Ledger::open(1).await;
    for organisation in cast() {
        let facts = organisation_facts(OrganisationKind::Ngo, organisation::Standing::Holder, Visibility::Public);
        let name = organisation_text(text("en", "An organisation"));
        ledger.put(organisation, by(organisation), Audience::Public, facts, Some(name));
    }
    ledger
}

async fn views_of(ledger: &mut Ledger) -> (tempfile::TempDir, Views) {
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    (folder, views)
}

fn passport(views: &Views, organisation: OrganisationId) -> Passport {
    let reader = views.read(ViewName::History).expect("reads");
    history::passport(&reader, &ReaderIdentity::default(), organisation).expect("answers").expect("is public")
}

/// The counts of one kind of record as `claimed/confirmed/denied`, and the partners as `number: claimed/confirmed/denied`.
fn counted(views: &Views, organisation: OrganisationId, kind: &str) -> (String, Vec<String>) {
    let passport = passport(views, organisation);
    let words = |count: &history::AttestedCount| format!("{}/{}/{}", count.claimed, count.confirmed, count.denied);
    let number = |of: OrganisationId| cast().iter().position(|one| *one == of).map_or(0, |at| at + 1);
    let mut partners: Vec<_> =
        passport.partners.iter().map(|one| format!("{}: {}", number(one.organisation), words(&one.records))).collect();
    partners.sort();
    (passport.counts.get(kind).map_or_else(|| "none".to_owned(), words), partners)
}

fn registered(by: OrganisationId, says_so: bool) -> agreement::Registered {
    let [first, second, _] = cast();
    agreement::Registered {
        by,
        concluded_on: None,
        ended_on: None,
        links: agreement::Links::default(),
        says_so,
        terms: agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None),
        terms_digest: DIGEST,
        visibility: Visibility::Public,
    }
}

fn put_registered(ledger: &mut Ledger, subject: AgreementId, facts: agreement::Registered) {
    let (actor, text) = (by(facts.by), Some(agreement_text(text("en", "An agreement"))));
    ledger.put(subject, actor, Audience::Public, facts, text);
}

fn none() -> (String, Vec<String>) {
    ("none".to_owned(), Vec::new())
}
fn alone(count: &str, partner: &str) -> (String, Vec<String>) {
    (count.to_owned(), vec![partner.to_owned()])
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_registers_what_others_agreed_is_in_no_count_and_no_partner() {
    let mut ledger = opened().await;
    let [first, second, registrar] = cast();
    put_registered(&mut ledger, id(20), registered(registrar, false));
    let (_folder, views) = views_of(&mut ledger).await;
    assert_eq!(counted(&views, registrar, "agreements"), none());
    assert!(passport(&views, registrar).timeline.is_empty(), "it took part in nothing");
    assert_eq!(counted(&views, first, "agreements"), alone("1/0/0", "2: 1/0/0"));
    assert_eq!(counted(&views, second, "agreements"), alone("1/0/0", "1: 1/0/0"));
    let reader = views.read(ViewName::Agreements).expect("reads");
    let mut query = ListQuery::new(convenio_events::RecordKind::Agreement);
    query.facets = true;
    let facets = list(&reader, &ReaderIdentity::default(), &query).expect("answers").facets.expect("asked for");
    let attested: Vec<_> = facets["attestation"].iter().map(|facet| facet.value.to_string()).collect();
    assert_eq!(attested, ["claimed"], "nobody has confirmed anything");
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_party_alone_says_is_claimed_until_another_party_says_so_too() {
    let [first, second, registrar] = cast();
    let confirmed = |by: OrganisationId| agreement::Confirmed { by };
    // Who registers it, whether that party says so by that, and who says so afterwards; an earlier version of this program wrote the
    // registering party's own confirmation beside it.
    for (registers, says_so, confirm, both) in [
        (first, true, vec![], false),
        (first, false, vec![first], false),
        (registrar, false, vec![second], false),
        (registrar, false, vec![registrar], false),
        (first, true, vec![second], true),
        (first, false, vec![first, second], true),
        (registrar, false, vec![second, first], true),
    ] {
        let mut ledger = opened().await;
        let subject: AgreementId = id(20);
        put_registered(&mut ledger, subject, registered(registers, says_so));
        for organisation in &confirm {
            ledger.put(subject, by(*organisation), Audience::Public, confirmed(*organisation), None);
        }
        let (_folder, views) = views_of(&mut ledger).await;
        let expected = if both { "0/1/0" } else { "1/0/0" };
        let case = format!("registered by {registers}, confirmed by {confirm:?}");
        assert_eq!(counted(&views, first, "agreements"), alone(expected, &format!("2: {expected}")), "{case}");
        assert_eq!(counted(&views, second, "agreements"), alone(expected, &format!("1: {expected}")), "{case}");
        assert_eq!(counted(&views, registrar, "agreements"), none(), "{case}");
        let reader = views.read(ViewName::Agreements).expect("reads");
        let item = one(&reader, &ReaderIdentity::default(), subject.into()).expect("answers").expect("is public");
        let json: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
        assert_eq!(json["attestation"], if both { "confirmed" } else { "claimed" }, "{case}");
        drop(reader);
        views.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_alone_confirms_nothing_either_and_a_denial_outlives_new_terms() {
    let mut ledger = opened().await;
    let [first, second, _] = cast();
    let subject: AgreementId = id(20);
    let terms = agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None);
    let drafted = agreement::Drafted {
        by: first,
        links: agreement::Links::default(),
        terms: terms.clone(),
        terms_digest: DIGEST,
        visibility: Visibility::Public,
    };
    let on = "2026-11-21".parse().expect("a day");
    let signed =
        agreement::Signed { by: first, mandate: None, method: SignatureMethod::Platform, on, terms_digest: DIGEST };
    let words = || Some(agreement_text(text("en", "An agreement")));
    let public = Audience::Public;
    ledger.put(subject, by(first), public, drafted, words());
    ledger.put(subject, by(second), public, agreement::Denied { by: second }, None);
    ledger.put(subject, by(first), public, agreement::Revised { terms, terms_digest: DIGEST }, words());
    ledger.put(subject, by(first), public, agreement::Proposed { terms_digest: DIGEST }, None);
    ledger.put(subject, by(first), public, signed, None);
    ledger.put(subject, by(first), public, agreement::Activated { effective_on: on }, None);
    let (_folder, views) = views_of(&mut ledger).await;
    assert_eq!(counted(&views, first, "agreements"), alone("1/0/0", "2: 0/0/1"), "an earlier version let it begin so");
    assert_eq!(counted(&views, second, "agreements"), alone("0/0/1", "1: 0/0/1"));
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_left_is_told_of_and_the_agreement_is_a_draft_again() {
    let mut ledger = opened().await;
    let [first, second, _] = cast();
    let subject: AgreementId = id(20);
    let drafted = agreement::Drafted {
        by: first,
        links: agreement::Links::default(),
        terms: agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None),
        terms_digest: DIGEST,
        visibility: Visibility::Public,
    };
    ledger.put(subject, by(first), Audience::Public, drafted, Some(agreement_text(text("en", "An agreement"))));
    ledger.put(subject, by(first), Audience::Public, agreement::Proposed { terms_digest: DIGEST }, None);
    ledger.put(subject, by(second), Audience::Public, agreement::Left { by: second }, None);
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Agreements).expect("reads");
    let item = one(&reader, &ReaderIdentity::default(), subject.into()).expect("answers").expect("is public");
    let json: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
    assert_eq!((&json["state"], &json["left_by"][0]), (&"drafted".into(), &second.to_string().into()));
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn authorship_is_claimed_until_the_author_accepts_and_reviewers_are_no_authors() {
    let mut ledger = opened().await;
    let [author, reviewer, registrar] = cast();
    let public = Audience::Public;
    for (number, registers) in [(30, author), (31, registrar)] {
        let subject: LearningId = id(number);
        let content = learning_content(vec![author]);
        let facts = learning::Registered { by: registers, content, visibility: Visibility::Public };
        ledger.put(subject, by(registers), public, facts, Some(learning_text(text("en", "A lesson"))));
    }
    let subject: LearningId = id(32);
    let submitted =
        learning::Submitted { by: author, content: learning_content(vec![author]), visibility: Visibility::Public };
    ledger.put(subject, by(author), Audience::Restricted, submitted, Some(learning_text(text("en", "A lesson"))));
    ledger.put(subject, by(author), Audience::Restricted, learning::AuthorshipAccepted { by: author }, None);
    let screened = learning::Screened { affiliations: Vec::new(), by: reviewer, outcome: ScreeningOutcome::Passed };
    ledger.put(subject, by(reviewer), Audience::Restricted, screened, None);
    let published = learning::Published { level: convenio_events::codes::LearningLevel::Screened };
    ledger.put(subject, by(author), public, published, None);
    let (_folder, views) = views_of(&mut ledger).await;
    assert_eq!(counted(&views, author, "learnings"), ("2/1/0".to_owned(), Vec::new()));
    for other in [reviewer, registrar] {
        assert_eq!(counted(&views, other, "learnings"), none());
    }
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_alone_says_that_it_took_part_is_claimed_to_have() {
    let [organiser, guest, registrar] = cast();
    for (registers, confirm, both) in [
        (organiser, vec![], false),
        (registrar, vec![guest], false),
        (organiser, vec![guest], true),
        (registrar, vec![guest, organiser], true),
    ] {
        let mut ledger = opened().await;
        let subject: ConveningId = id(40);
        let plan = convening_plan(vec![organiser], vec![guest]);
        let facts = convening::Registered { by: registers, plan, visibility: Visibility::Public };
        ledger.put(subject, by(registers), Audience::Public, facts, Some(convening_text(text("en", "A workshop"))));
        for organisation in &confirm {
            let confirmed = convening::ParticipationConfirmed { by: *organisation };
            ledger.put(subject, by(*organisation), Audience::Public, confirmed, None);
        }
        let (_folder, views) = views_of(&mut ledger).await;
        let expected = if both { "0/1/0" } else { "1/0/0" };
        let case = format!("registered by {registers}, confirmed by {confirm:?}");
        assert_eq!(counted(&views, organiser, "convenings"), alone(expected, &format!("2: {expected}")), "{case}");
        assert_eq!(counted(&views, guest, "convenings"), alone(expected, &format!("1: {expected}")), "{case}");
        assert_eq!(counted(&views, registrar, "convenings"), none(), "{case}");
        views.shutdown().await;
    }
}
