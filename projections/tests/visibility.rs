//! Who sees what: every view, every visibility, every kind of reader; and nothing is counted that is not seen.

mod support;

use convenio_events::{
    AccessId, AgreementId, Event, LearningId, OrganisationId, RecordKind, Subject, Timestamp,
    codes::{AccessRole, LearningLevel, PartyRole, ScreeningOutcome, Visibility},
    commitment::Digest,
    entry::Audience,
    types::{access, agreement, learning, listing, record},
    values::Quantity,
};
use convenio_projections::{
    ReaderIdentity, SequenceCursor, ViewName, Views, access as grants, activity,
    collection::{Count, ListQuery, list, record as one},
    document::{Document, State},
    history,
};
use support::{
    By, Ledger, OPERATOR, by, id,
    scene::{opened, readers, register, views_of},
    settle,
    story::{
        Dice, Story, agreement_terms, agreement_text, audience, granted, learning_content, learning_text,
        listing_terms, listing_text, text,
    },
};

const READERS: [&str; 5] = ["anonymous", "member", "other party", "owner", "admin"];

/// Whether each of the usual readers sees a record.
fn check_sees(views: &Views, subject: Subject, expected: [bool; 5]) {
    for (name, (reader, expected)) in READERS.into_iter().zip(readers().into_iter().zip(expected)) {
        check_reader_sees(views, subject, (name, &reader), expected);
    }
}

/// Whether a reader sees a record in its collection, its list and counts, and in the activity feed and the audit trail.
fn check_reader_sees(views: &Views, subject: Subject, (name, reader): (&str, &ReaderIdentity), expected: bool) {
    let view = ViewName::of_kind(subject.kind).expect("a collection");
    let board = views.read(view).expect("reads");
    assert_eq!(one(&board, reader, subject).expect("answers").is_some(), expected, "{name}: record {subject}");
    let mut query = ListQuery::new(subject.kind);
    (query.total, query.facets) = (true, true);
    // What was retracted is listed for those who ask for it.
    query.filters.taken_back = true;
    for q in [None, Some("secret"), Some("secre")] {
        query.q = q.map(str::to_owned);
        let page = list(&board, reader, &query).expect("answers");
        assert_eq!(page.items.iter().any(|item| item.id == subject.id), expected, "{name}: list {q:?}");
        assert_eq!(page.total, Some(Count::Exactly(u32::try_from(page.items.len()).expect("few"))), "{name}: total");
        let states = page.facets.expect("asked for").remove("state").unwrap_or_default();
        assert_eq!(states.is_empty(), page.items.is_empty(), "{name}: facets tell of nothing hidden");
    }
    query = ListQuery { as_of: Some(board.position()), ..ListQuery::new(subject.kind) };
    let past = list(&board, reader, &query).expect("answers");
    assert_eq!(past.items.iter().any(|item| item.id == subject.id), expected, "{name}: the past");
    let trail = views.read(ViewName::Activity).expect("reads");
    let asked = activity::TrailQuery { subject: Some(subject), limit: 50, ..Default::default() };
    let feed = activity::feed(&trail, reader, &asked).expect("answers");
    let audit = activity::audit(&trail, reader, &asked).expect("answers");
    // What hid the record is told to whoever saw it; nothing else is.
    let hides = |name: &str| name.ends_with("visibility-changed.v1") || name.ends_with("retracted.v1");
    let feed = feed.items.iter().any(|item| !hides(&item.r#type));
    let audit = audit.items.iter().any(|item| !hides(&item.r#type));
    assert_eq!((feed, audit), (expected, expected), "{name}: trail");
    let access = views.read(ViewName::Access).expect("reads");
    let standing = grants::standing(&access, subject).expect("answers").expect("there");
    assert_eq!(standing.lets(reader), expected, "{name}: standing");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_visibility_is_kept_in_every_view_and_follows_changes() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let subject = |number| Subject::new(RecordKind::Offer, id::<()>(number).uuid());
    let table = [
        (10, Visibility::Public, [true, true, true, true, true]),
        (11, Visibility::Members, [false, true, true, true, true]),
        (12, Visibility::Parties, [false, false, false, true, true]),
    ];
    for (number, visibility, _) in table {
        let facts = listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility };
        ledger.put(
            subject(number),
            by(owner),
            audience(visibility),
            facts,
            Some(listing_text(text("en", "Secret offer"))),
        );
    }
    let (_folder, views) = views_of(&mut ledger).await;
    for (number, _, expected) in table {
        check_sees(&views, subject(number), expected);
    }
    let changed = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
    ledger.put(subject(10), by(owner), Audience::Restricted, changed, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    check_sees(&views, subject(10), table[2].2);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_for_its_parties_and_shows_what_a_signature_covers() {
    let mut ledger = opened().await;
    let (first, second): (OrganisationId, OrganisationId) = (id(1), id(2));
    let agreement: AgreementId = id(20);
    let facts = agreement::Drafted {
        by: first,
        terms: agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None),
        terms_digest: Digest([3; 32]),
        links: agreement::Links::default(),
        visibility: Visibility::Parties,
    };
    ledger.put(agreement, by(first), Audience::Restricted, facts, Some(agreement_text(text("en", "Secret agreement"))));
    let (_folder, views) = views_of(&mut ledger).await;
    check_sees(&views, agreement.into(), [false, false, true, true, true]);
    let reader = views.read(ViewName::Agreements).expect("reads");
    let item = one(&reader, &readers()[2], agreement.into()).expect("answers").expect("a party sees it");
    let json: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
    assert_eq!(json["terms_digest"], "AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=");
    assert_eq!(json["terms_salt"], "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    assert_eq!((&json["state"], &json["kind"]), (&"drafted".into(), &"agreement".into()));
    assert_eq!(json["text"]["title"]["texts"]["en"], "Secret agreement");
    assert_eq!(json["attestations"][0]["attestation"], "claimed");
    assert_eq!(json["terms"]["parties"].as_array().map(Vec::len), Some(2));
    let events = ledger.events().await;
    let folded =
        Document::fold(events.iter().filter(|event| event.subject == agreement.into())).expect("folds").expect("there");
    assert_eq!(folded.to_json(), item.document.get(), "as-of and the collection show the same");
    assert!(folded.seen_by(&readers()[0]).is_none() && folded.seen_by(&readers()[2]).is_some());
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restricted_agreement_took_is_for_the_owner_alone() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let offer = Subject::new(RecordKind::Offer, id::<()>(30).uuid());
    let quantity = |amount: &str| {
        Some(Quantity { amount: amount.parse().expect("amount"), unit: "visits".parse().expect("unit") })
    };
    let mut terms = listing_terms(&mut Dice(5));
    terms.quantity = quantity("5");
    let facts = listing::Published { organisation: owner, terms, visibility: Visibility::Public };
    ledger.put(offer, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Visits"))));
    let agreement: AgreementId = id(31);
    let taken = listing::Reserved { agreement, quantity: quantity("2"), further: Vec::new() };
    ledger.put(offer, by(owner), Audience::Restricted, taken, None);
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Board).expect("reads");
    let shown = |identity: &ReaderIdentity| -> serde_json::Value {
        let item = one(&reader, identity, offer).expect("answers").expect("public");
        serde_json::from_str(item.document.get()).expect("JSON")
    };
    let [anonymous, _, _, own, _] = readers();
    let json = shown(&anonymous);
    assert_eq!(json["commitment_level"], "partly-committed");
    assert!(json.get("remaining").is_none() && !json.to_string().contains(&agreement.to_string()), "{json}");
    let json = shown(&own);
    assert_eq!(json["remaining"]["amount"], "3");
    assert_eq!(json["reservations"][0]["agreement"], agreement.to_string());
    let trail = views.read(ViewName::Activity).expect("reads");
    let asked = activity::TrailQuery { subject: Some(offer), limit: 9, ..Default::default() };
    let seen = |identity: &ReaderIdentity| activity::feed(&trail, identity, &asked).expect("answers").items.len();
    assert_eq!(seen(&anonymous), 1, "not that an agreement took some");
    drop(trail);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learning_appears_when_it_is_published() {
    let mut ledger = opened().await;
    let (author, learning): (OrganisationId, LearningId) = (id(1), id(40));
    let facts =
        learning::Submitted { by: author, content: learning_content(vec![author]), visibility: Visibility::Public };
    ledger.put(learning, by(author), Audience::Restricted, facts, Some(learning_text(text("en", "Secret lesson"))));
    let (_folder, views) = views_of(&mut ledger).await;
    check_sees(&views, learning.into(), [false, false, false, true, true]);
    let reviewer = ReaderIdentity { reviewer: true, organisations: vec![id(99)], member: true, ..Default::default() };
    check_reader_sees(&views, learning.into(), ("reviewer", &reviewer), true);
    // Who reviews it is named in it, and another reviewer goes on seeing it, whatever its state and its words are by then.
    let outcome = ScreeningOutcome::RevisionRequested;
    let screened = learning::Screened { by: id(98), outcome, affiliations: Vec::new() };
    ledger.put(learning, by(id(98)), Audience::Restricted, screened, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    check_reader_sees(&views, learning.into(), ("reviewer", &reviewer), true);
    let revised = learning::Revised { by: author, content: learning_content(vec![author, id(2)]) };
    ledger.put(learning, by(author), Audience::Restricted, revised, Some(learning_text(text("en", "Secret words"))));
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    check_reader_sees(&views, learning.into(), ("reviewer", &reviewer), true);
    check_sees(&views, learning.into(), [false, false, true, true, true]);
    let item = one(&views.read(ViewName::Learnings).expect("reads"), &reviewer, learning.into()).expect("answers");
    let document = item.expect("is seen").document;
    let shown = Document::from_json(RecordKind::Learning, document.get()).expect("a document");
    assert!(document.get().contains("Secret words") && !document.get().contains("Secret lesson"), "{document}");
    assert_eq!(shown.head.state, State::Submitted);
    let published = learning::Published { level: LearningLevel::SelfPublished };
    ledger.put(learning, by(author), Audience::Public, published, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    check_sees(&views, learning.into(), [true; 5]);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learning_that_is_taken_back_before_it_was_published_stays_unseen() {
    let mut ledger = opened().await;
    let (author, learning): (OrganisationId, LearningId) = (id(1), id(41));
    let facts =
        learning::Submitted { by: author, content: learning_content(vec![author]), visibility: Visibility::Public };
    ledger.put(learning, by(author), Audience::Restricted, facts, Some(learning_text(text("en", "Secret lesson"))));
    ledger.put(learning, by(author), Audience::Restricted, learning::Retracted { by: author }, None);
    let (_folder, views) = views_of(&mut ledger).await;
    check_sees(&views, learning.into(), [false, false, false, true, true]);
    let reviewer = ReaderIdentity { reviewer: true, member: true, ..Default::default() };
    check_reader_sees(&views, learning.into(), ("reviewer", &reviewer), false);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_restricted_agreement_that_met_an_offer_is_for_its_owner_alone() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let offer = Subject::new(RecordKind::Offer, id::<()>(32).uuid());
    let agreement: AgreementId = id(33);
    let facts =
        listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility: Visibility::Public };
    ledger.put(offer, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Visits"))));
    ledger.put(offer, by(owner), Audience::Public, listing::Paused {}, None);
    let met = listing::Fulfilled { agreement: Some(agreement) };
    ledger.put(offer, by(owner), Audience::Restricted, met, None);
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Board).expect("reads");
    let [anonymous, _, _, own, _] = readers();
    let shown = |identity: &ReaderIdentity| {
        let item = one(&reader, identity, offer).expect("answers").expect("public");
        item.document.get().contains(&agreement.to_string())
    };
    assert_eq!((shown(&anonymous), shown(&own)), (false, true));
    let trail = views.read(ViewName::Activity).expect("reads");
    let page = |identity: &ReaderIdentity, limit| {
        let asked = activity::TrailQuery { subject: Some(offer), limit, ..Default::default() };
        activity::feed(&trail, identity, &asked).expect("answers")
    };
    let first = page(&anonymous, 1);
    assert_eq!((first.items.len(), first.next_cursor), (1, Some(SequenceCursor(first.items[0].sequence))));
    drop(trail);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_ends_with_what_the_reader_sees() {
    let mut ledger = opened().await;
    let (owner, learning): (OrganisationId, LearningId) = (id(1), id(42));
    let facts =
        learning::Submitted { by: owner, content: learning_content(vec![owner]), visibility: Visibility::Public };
    ledger.put(learning, by(owner), Audience::Restricted, facts, Some(learning_text(text("en", "Secret lesson"))));
    let offer = Subject::new(RecordKind::Offer, id::<()>(34).uuid());
    let facts =
        listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility: Visibility::Public };
    ledger.put(offer, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Visits"))));
    let (_folder, views) = views_of(&mut ledger).await;
    let trail = views.read(ViewName::Activity).expect("reads");
    let page = |cursor| {
        let asked = activity::TrailQuery { organisation: Some(owner), limit: 1, cursor, ..Default::default() };
        activity::feed(&trail, &ReaderIdentity::default(), &asked).expect("answers")
    };
    let first = page(None);
    assert_eq!(
        first.next_cursor,
        Some(SequenceCursor(first.items[0].sequence)),
        "not that of a row that is not for everybody"
    );
    let last = page(first.next_cursor);
    assert_eq!((last.items.len(), last.next_cursor), (1, None));
    drop(trail);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_trail_that_shows_nothing_tells_no_place_of_a_hidden_event() {
    /// More than one page looks at.
    const HIDDEN: u64 = 20_500;
    let mut ledger = opened().await;
    let (owner, learning, absent): (OrganisationId, LearningId, LearningId) = (id(1), id(42), id(99));
    let submitted =
        learning::Submitted { by: owner, content: learning_content(vec![owner]), visibility: Visibility::Public };
    ledger.put(learning, by(owner), Audience::Restricted, submitted, Some(learning_text(text("en", "Secret lesson"))));
    for _ in 0..HIDDEN {
        let accepted = learning::AuthorshipAccepted { by: owner };
        ledger.put(learning, by(owner), Audience::Restricted, accepted, None);
    }
    let (_folder, views) = views_of(&mut ledger).await;
    let trail = views.read(ViewName::Activity).expect("reads");
    let page = |cursor, subject| {
        let asked = activity::TrailQuery { cursor, subject, limit: 50, ..Default::default() };
        activity::feed(&trail, &ReaderIdentity::default(), &asked).expect("answers")
    };
    let first = page(None, None);
    let next = first.next_cursor.map(|SequenceCursor(next)| next.0).expect("it stopped");
    assert!(next.is_multiple_of(4_096) && next < HIDDEN, "{next}");
    assert_eq!(page(first.next_cursor, None).next_cursor, None, "it comes to the end");
    // A record of which the reader sees nothing is as one that is not there.
    let (hidden, absent) = (page(None, Some(learning.into())), page(None, Some(absent.into())));
    assert_eq!((hidden.items.len(), hidden.next_cursor), (absent.items.len(), absent.next_cursor));
    drop(trail);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_known_by_token_and_at_any_time() {
    let mut ledger = opened().await;
    let (plain, sample): (AccessId, AccessId) = (id(50), id(51));
    let token = Digest([9; 32]);
    let scope = access::Scope::Organisations { organisations: vec![id(1)] };
    ledger.put(plain, OPERATOR, Audience::Restricted, granted(scope, AccessRole::Recorder, Some(token)), None);
    ledger.put(sample, OPERATOR, Audience::Restricted, granted(access::Scope::Sample, AccessRole::Admin, None), None);
    register(&mut ledger, 3, By { grant: Some(sample), ..OPERATOR });
    let cause = access::RevocationCause::Revoked;
    ledger.put(plain, OPERATOR, Audience::Restricted, access::Revoked { cause }, None);
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Access).expect("reads");
    let grant = grants::grant_by_token(&reader, &token).expect("answers").expect("given");
    let (given, revoked) = (grant.granted.time, grant.revoked.expect("revoked").time);
    assert_eq!((grant.id, grant.identity().organisations), (plain, vec![id(1)]));
    assert_eq!(
        [given, revoked].map(|at| (grant.is_in_force(at), grant.state(at))),
        [(true, "active"), (false, "revoked")]
    );
    assert!(grants::grant_by_token(&reader, &Digest([8; 32])).expect("answers").is_none());
    assert_eq!(grants::sample_grants(&reader).expect("answers"), [sample]);
    let of_sample = grants::grant(&reader, sample).expect("answers").expect("given");
    assert_eq!(of_sample.organisations, [id(3)], "a sample grant acts for the holders that it registered");
    let seen = |identity: &ReaderIdentity, at: Option<Timestamp>| {
        let query = grants::GrantQuery { in_force_at: at, limit: 10, ..Default::default() };
        grants::grants(&reader, identity, &query).expect("answers").iter().map(|grant| grant.id).collect::<Vec<_>>()
    };
    let [anonymous, _, other, own, admin] = readers();
    assert_eq!([&anonymous, &other, &own].map(|reader| seen(reader, None).len()), [0, 0, 1]);
    assert_eq!(seen(&admin, None), [plain, sample]);
    assert_eq!(seen(&admin, Some(revoked)), [sample]);
    let organisations = views.read(ViewName::Organisations).expect("reads");
    let marked = |number| {
        let item =
            one(&organisations, &anonymous, Subject::from(id::<convenio_events::ids::OrganisationKindMarker>(number)));
        item.expect("answers").expect("public").document.get().contains("\"sample\":true")
    };
    assert!(marked(3) && !marked(1), "what came from the sample is marked");
    let events = ledger.events().await;
    let readable = |identity: &ReaderIdentity, event: &Event| {
        grants::sight(&reader, identity, event).expect("answers") == grants::Sight::Whole
    };
    let given = events.iter().find(|event| event.subject == plain.into()).expect("recorded");
    assert!(
        !readable(&anonymous, given) && !readable(&other, given) && readable(&own, given) && readable(&admin, given)
    );
    assert!(readable(&anonymous, &events[0]), "ledger events are always public");
    drop((reader, organisations));
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passport_counts_what_the_reader_may_see_and_claimed_apart_from_confirmed() {
    let mut ledger = opened().await;
    let (first, second): (OrganisationId, OrganisationId) = (id(1), id(2));
    for (number, visibility) in [(60, Visibility::Public), (61, Visibility::Parties)] {
        let facts = agreement::Registered {
            by: first,
            terms: agreement_terms(&[(first, PartyRole::Offering), (second, PartyRole::Requesting)], None),
            terms_digest: Digest([3; 32]),
            concluded_on: Some("2019".parse().expect("date")),
            ended_on: None,
            links: agreement::Links::default(),
            says_so: true,
            visibility,
        };
        let agreement: AgreementId = id(number);
        ledger.put(agreement, by(first), audience(visibility), facts, Some(agreement_text(text("en", "Registered"))));
    }
    let (_folder, views) = views_of(&mut ledger).await;
    let counts = |views: &Views, identity: &ReaderIdentity, whose| {
        let reader = views.read(ViewName::History).expect("reads");
        let passport = history::passport(&reader, identity, whose).expect("answers").expect("public");
        let count = passport.counts.get("agreements").copied().unwrap_or_default();
        assert_eq!(passport.partners.len(), 1);
        (count.claimed, count.confirmed, passport.partners[0].records.claimed, passport.partners[0].records.confirmed)
    };
    let [anonymous, _, party, ..] = readers();
    assert_eq!(counts(&views, &anonymous, second), (1, 0, 1, 0));
    assert_eq!(counts(&views, &party, second), (2, 0, 2, 0));
    assert_eq!(counts(&views, &party, first), (2, 0, 2, 0), "what a party alone says is claimed");
    let agreement: AgreementId = id(60);
    ledger.put(agreement, by(second), Audience::Public, agreement::Confirmed { by: second }, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    assert_eq!(counts(&views, &anonymous, second), (0, 1, 0, 1));
    let reader = views.read(ViewName::History).expect("reads");
    assert!(history::passport(&reader, &anonymous, id(77)).expect("answers").is_none());
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_knows_where_each_moment_is() {
    let mut ledger = Ledger::open(1).await;
    Story::new(21).tell(&mut ledger, 1_500);
    let (_folder, views) = views_of(&mut ledger).await;
    let events = ledger.events().await;
    let trail = views.read(ViewName::Activity).expect("reads");
    let half = events[events.len() / 2].time;
    let expected = events.iter().filter(|event| event.time <= half).count() as u64;
    assert_eq!(activity::position_at(&trail, half).expect("answers").0, expected);
    drop(trail);
    views.shutdown().await;
}
