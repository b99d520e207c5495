//! What was for some stays theirs when its record is for more, or for others; and who saw a record is told when it is hidden.

mod support;

use convenio_events::{
    AgreementId, LanguageMap, LearningId, OrganisationId, RecordKind, Sequence, StreamVersion, Subject,
    codes::{AffiliationKind, LearningLevel, OrganisationKind, PartyRole, ScreeningOutcome, Visibility},
    commitment::Digest,
    entry::Audience,
    ids::AffiliationId,
    types::{agreement, learning, listing, organisation, record},
};
use convenio_projections::{
    ReaderIdentity, ViewName, Views,
    access::{self as grants, Sight},
    activity,
    collection::{ListQuery, Sort, list, record as one, record_as_of, version, versions},
    document::Document,
};
use support::{
    Ledger, by, id, settle, start,
    story::{
        Dice, agreement_terms, agreement_text, learning_content, learning_text, listing_terms, listing_text,
        organisation_facts, organisation_text, text,
    },
};

const OWNER: u128 = 1;
const OTHER: u128 = 2;
const REVIEWER: u128 = 8;

fn organisation(number: u128) -> OrganisationId {
    id(number)
}

fn member_of(number: u128) -> ReaderIdentity {
    ReaderIdentity { organisations: vec![id(number)], member: true, ..Default::default() }
}

fn anonymous() -> ReaderIdentity {
    ReaderIdentity::default()
}

fn english(words: &str) -> LanguageMap {
    text("en", words)
}

/// A ledger and the views over it, which follow as it grows.
struct Scene {
    ledger: Ledger,
    views: Views,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn open() -> Self {
        let mut ledger = Ledger::open(1).await;
        for number in [OWNER, OTHER, 3, REVIEWER] {
            let standing = organisation::Standing::Holder;
            let facts = organisation_facts(OrganisationKind::Ngo, standing, Visibility::Public);
            let name = Some(organisation_text(english(&format!("Organisation {number}"))));
            ledger.put(organisation(number), by(id(number)), Audience::Public, facts, name);
        }
        ledger.commit().await;
        let folder = tempfile::tempdir().expect("folder");
        let views = start(folder.path(), &ledger.log, 100).await;
        Self { ledger, views, folder }
    }

    async fn settle(&mut self) {
        self.ledger.commit().await;
        settle(&self.views, self.ledger.head()).await;
    }

    fn json(&self, reader: &ReaderIdentity, subject: impl Into<Subject>) -> Option<serde_json::Value> {
        let subject = subject.into();
        let view = self.views.read(ViewName::of_kind(subject.kind).expect("a collection")).expect("reads");
        let item = one(&view, reader, subject).expect("answers")?;
        let json: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
        assert_eq!(json["updated"]["sequence"], item.updated_sequence.0, "the item and its document agree");
        assert_eq!(json["streamversion"], item.stream_version.0);
        Some(json)
    }

    /// The versions that a reader sees, each with its document.
    fn versions(&self, reader: &ReaderIdentity, subject: impl Into<Subject>) -> Vec<(u64, String)> {
        let subject = subject.into();
        let view = self.views.read(ViewName::of_kind(subject.kind).expect("a collection")).expect("reads");
        let summaries = versions(&view, reader, subject).expect("answers").unwrap_or_default();
        let mut seen = Vec::new();
        for number in 0..9 {
            let found = version(&view, reader, subject, StreamVersion(number)).expect("answers");
            let listed = summaries.iter().find(|one| one.stream_version.0 == number);
            assert_eq!(found.is_some(), listed.is_some(), "version {number}");
            seen.extend(found.map(|item| (number, item.document.get().to_owned())));
        }
        seen
    }

    /// How much a reader may read of each event of a record.
    async fn sights(&self, reader: &ReaderIdentity, subject: impl Into<Subject>) -> Vec<Sight> {
        let (subject, view) = (subject.into(), self.views.read(ViewName::Access).expect("reads"));
        let events = self.ledger.events().await;
        let own = events.iter().filter(|event| event.subject == subject);
        own.map(|event| grants::sight(&view, reader, event).expect("answers")).collect()
    }

    fn feed(&self, reader: &ReaderIdentity, query: activity::TrailQuery) -> Vec<u64> {
        let view = self.views.read(ViewName::Activity).expect("reads");
        let asked = activity::TrailQuery { limit: 50, ..query };
        activity::feed(&view, reader, &asked).expect("answers").items.iter().map(|item| item.sequence.0).collect()
    }

    fn list(&self, reader: &ReaderIdentity, query: &ListQuery) -> Vec<serde_json::Value> {
        let view = self.views.read(ViewName::of_kind(query.kind).expect("a collection")).expect("reads");
        let items = list(&view, reader, query).expect("answers").items;
        items.iter().map(|item| serde_json::from_str(item.document.get()).expect("JSON")).collect()
    }

    fn since(&self, reader: &ReaderIdentity, kind: RecordKind, sequence: u64) -> Vec<serde_json::Value> {
        let mut query = ListQuery::new(kind);
        query.filters.updated_since_sequence = Some(Sequence(sequence));
        self.list(reader, &query)
    }

    fn offer(&mut self, number: u128, visibility: Visibility, title: &str) -> Subject {
        let subject = Subject::new(RecordKind::Offer, id::<()>(number).uuid());
        let facts = listing::Published { organisation: id(OWNER), terms: listing_terms(&mut Dice(5)), visibility };
        let audience = if visibility == Visibility::Public { Audience::Public } else { Audience::Restricted };
        self.ledger.put(subject, by(id(OWNER)), audience, facts, Some(listing_text(english(title))));
        subject
    }

    fn draft(&mut self, number: u128, title: &str) -> AgreementId {
        let agreement: AgreementId = id(number);
        let facts = agreement::Drafted {
            by: id(OWNER),
            terms: agreement_terms(&[(id(OWNER), PartyRole::Offering), (id(OTHER), PartyRole::Requesting)], None),
            terms_digest: Digest([3; 32]),
            links: agreement::Links::default(),
            visibility: Visibility::Parties,
        };
        let words = Some(agreement_text(english(title)));
        self.ledger.put(agreement, by(id(OWNER)), Audience::Restricted, facts, words);
        agreement
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_learning_shows_neither_its_drafts_nor_its_review() {
    let mut scene = Scene::open().await;
    let (author, learning): (OrganisationId, LearningId) = (id(OWNER), id(40));
    let content = learning_content(vec![author]);
    let facts = learning::Submitted { by: author, content: content.clone(), visibility: Visibility::Public };
    let draft = Some(learning_text(english("Withdrawn words")));
    let submitted = scene.ledger.put(learning, by(author), Audience::Restricted, facts, draft);
    let outcome = ScreeningOutcome::RevisionRequested;
    let screened = learning::Screened { by: id(REVIEWER), outcome, affiliations: Vec::new() };
    let remarks = learning::ScreenedText { remarks: Some(english("Remarkable weakness")) };
    let screened = scene.ledger.put(learning, by(id(REVIEWER)), Audience::Restricted, screened, Some(remarks));
    let revised = learning::Revised { by: author, content };
    let last = Some(learning_text(english("Published words")));
    scene.ledger.put(learning, by(author), Audience::Restricted, revised, last);
    let level = LearningLevel::SelfPublished;
    let published = scene.ledger.put(learning, by(author), Audience::Public, learning::Published { level }, None);
    scene.settle().await;

    let json = scene.json(&anonymous(), learning).expect("it is published");
    let words = json.to_string();
    assert!(
        words.contains("Published words") && !words.contains("Withdrawn") && !words.contains("weakness"),
        "{words}"
    );
    assert!(!words.contains(&organisation(REVIEWER).to_string()), "nor who reviewed it: {words}");
    assert_eq!(json["created"]["sequence"], published.0, "it is there for the public since it was published");
    assert!(!words.contains(&format!("\"sequence\":{}", submitted.0)), "{words}");
    let versions: Vec<u64> = scene.versions(&anonymous(), learning).into_iter().map(|(number, _)| number).collect();
    assert_eq!(versions, [3]);
    let view = scene.views.read(ViewName::Learnings).expect("reads");
    assert!(record_as_of(&view, &anonymous(), learning.into(), published).expect("answers").is_none());
    drop(view);
    use Sight::{Whole, Withheld};
    assert_eq!(scene.sights(&anonymous(), learning).await, [Withheld, Withheld, Withheld, Whole]);
    assert_eq!(scene.sights(&member_of(OTHER), learning).await, [Withheld, Withheld, Withheld, Whole]);
    let subject = activity::TrailQuery { subject: Some(learning.into()), ..Default::default() };
    assert_eq!(scene.feed(&anonymous(), subject.clone()), [published.0]);
    let reviews = activity::TrailQuery { organisation: Some(id(REVIEWER)), ..Default::default() };
    assert!(!scene.feed(&anonymous(), reviews.clone()).contains(&published.0), "not by whom it was reviewed");
    let mut query = ListQuery::new(RecordKind::Learning);
    query.filters.organisations = vec![id(REVIEWER)];
    assert!(scene.list(&anonymous(), &query).is_empty());

    let any_reviewer = ReaderIdentity { reviewer: true, ..member_of(99) };
    for reader in [member_of(OWNER), member_of(REVIEWER), any_reviewer] {
        assert_eq!(scene.sights(&reader, learning).await, [Whole; 4], "{reader:?}");
        assert_eq!(scene.feed(&reader, subject.clone()).len(), 4);
        let versions = scene.versions(&reader, learning);
        assert!(versions.len() == 4 && versions[0].1.contains("Withdrawn words"), "{reader:?}: {versions:?}");
    }
    assert!(scene.feed(&member_of(REVIEWER), reviews).contains(&screened.0), "it knows that itself");
    let own = scene.json(&member_of(OWNER), learning).expect("its author sees it");
    assert_eq!(own["created"]["sequence"], submitted.0);
    assert_eq!(own["screenings"][0]["remarks"]["texts"]["en"], "Remarkable weakness");
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_becomes_public_shows_no_draft_of_it() {
    let mut scene = Scene::open().await;
    let agreement = scene.draft(20, "Hard bargain");
    let terms = agreement_terms(&[(id(OWNER), PartyRole::Offering), (id(OTHER), PartyRole::Requesting)], None);
    let revised = agreement::Revised { terms, terms_digest: Digest([4; 32]) };
    let words = Some(agreement_text(english("Fair deal")));
    scene.ledger.put(agreement, by(id(OWNER)), Audience::Restricted, revised, words);
    let changed = record::VisibilityChanged { from: Visibility::Parties, to: Visibility::Public };
    let opened = scene.ledger.put(agreement, by(id(OWNER)), Audience::Public, changed, None);
    scene.settle().await;
    let json = scene.json(&anonymous(), agreement).expect("public");
    assert!(json.to_string().contains("Fair deal") && !json.to_string().contains("Hard bargain"), "{json}");
    assert_eq!(
        (&json["created"]["sequence"], &json["attestations"][0]["since"]["sequence"]),
        (&opened.0.into(), &opened.0.into())
    );
    use Sight::{Whole, Withheld};
    assert_eq!(scene.sights(&anonymous(), agreement).await, [Withheld, Withheld, Whole]);
    assert_eq!(scene.versions(&anonymous(), agreement).len(), 1);
    assert_eq!(scene.versions(&member_of(OTHER), agreement).len(), 3);
    let mut past = ListQuery { as_of: Some(opened), ..ListQuery::new(RecordKind::Agreement) };
    assert!(scene.list(&anonymous(), &past).is_empty(), "what an export shows of the past is the same");
    assert_eq!(scene.list(&member_of(OTHER), &past).len(), 1);
    past.as_of = Some(opened.next());
    assert_eq!(scene.list(&anonymous(), &past).len(), 1);
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_party_that_was_left_out_reads_nothing_later() {
    let mut scene = Scene::open().await;
    let agreement = scene.draft(20, "Terms for both");
    let terms = agreement_terms(&[(id(OWNER), PartyRole::Offering), (id(3), PartyRole::Requesting)], None);
    let revised = agreement::Revised { terms, terms_digest: Digest([4; 32]) };
    let words = Some(agreement_text(english("Later secret terms")));
    let left = scene.ledger.put(agreement, by(id(OWNER)), Audience::Restricted, revised, words);
    scene.settle().await;
    let other = member_of(OTHER);
    let seen = scene.json(&other, agreement).expect("what it saw it keeps");
    assert_eq!(seen["text"]["title"]["texts"]["en"], "Terms for both");
    assert!(!seen.to_string().contains(&organisation(3).to_string()), "{seen}");
    use Sight::{Whole, Withheld};
    assert_eq!(scene.sights(&other, agreement).await, [Whole, Withheld]);
    assert_eq!(scene.versions(&other, agreement).len(), 1);
    let trail = activity::TrailQuery { subject: Some(agreement.into()), limit: 9, ..Default::default() };
    let view = scene.views.read(ViewName::Activity).expect("reads");
    let feed = activity::feed(&view, &other, &trail).expect("answers").items;
    assert_eq!((feed.len(), feed[0].title.is_none()), (1, true), "the title is that of today");
    drop(view);
    let mut query = ListQuery::new(RecordKind::Agreement);
    for q in [None, Some("later"), Some("terms")] {
        query.q = q.map(str::to_owned);
        assert!(scene.list(&other, &query).is_empty(), "its list and search hold what is there now");
    }
    let told = scene.since(&other, RecordKind::Agreement, left.0);
    assert_eq!(told, [serde_json::json!({"id": agreement.to_string(), "gone": true})]);
    assert!(scene.since(&other, RecordKind::Agreement, left.0 + 1).is_empty());
    assert!(scene.since(&anonymous(), RecordKind::Agreement, 0).is_empty());
    assert_eq!(scene.versions(&member_of(3), agreement).len(), 2, "who is named now sees all of it");
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_claims_of_an_organisation_gives_it_no_sight() {
    let mut scene = Scene::open().await;
    let (own, claimant) = (organisation(OWNER), organisation(OTHER));
    let affiliation: AffiliationId = id(70);
    let claimed = organisation::AffiliationClaimed { affiliation, with: claimant, kind: AffiliationKind::Member };
    scene.ledger.put(own, by(claimant), Audience::Public, claimed.clone(), None);
    let confirmed = organisation::AffiliationConfirmed { affiliation, by: claimant };
    scene.ledger.put(own, by(claimant), Audience::Public, confirmed, None);
    let changed = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
    scene.ledger.put(own, by(own), Audience::Public, changed, None);
    scene.settle().await;
    assert!(scene.json(&member_of(OTHER), own).is_none(), "a claim that was not confirmed");
    let confirmed = organisation::AffiliationConfirmed { affiliation, by: own };
    scene.ledger.put(own, by(own), Audience::Restricted, confirmed, None);
    scene.settle().await;
    assert!(scene.json(&member_of(OTHER), own).is_some(), "the organisation itself says so");
    let ended = organisation::AffiliationEnded { affiliation };
    scene.ledger.put(own, by(own), Audience::Restricted, ended, None);
    let profile = organisation_facts(OrganisationKind::Ngo, organisation::Standing::Holder, Visibility::Public).profile;
    let words = Some(organisation_text(english("New name")));
    scene.ledger.put(own, by(own), Audience::Restricted, organisation::Revised { profile }, words);
    scene.settle().await;
    let seen = scene.json(&member_of(OTHER), own).expect("what it saw it keeps");
    assert_eq!(seen["text"]["name"]["texts"]["en"], "Organisation 1");
    use Sight::{Whole, Withheld};
    assert_eq!(scene.sights(&member_of(OTHER), own).await, [Whole, Whole, Whole, Whole, Whole, Withheld, Withheld]);
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_version_time_or_order_tells_what_a_restricted_agreement_does_to_an_offer() {
    let mut scene = Scene::open().await;
    let offer = scene.offer(30, Visibility::Public, "Visits");
    let later = scene.offer(31, Visibility::Public, "Trainings");
    scene.settle().await;
    let head = scene.ledger.head();
    let before = scene.json(&anonymous(), offer).expect("public");
    let agreement = scene.draft(20, "Secret");
    let reserved = listing::Reserved { agreement, quantity: None, further: Vec::new() };
    let reserved = scene.ledger.put(offer, by(id(OWNER)), Audience::Restricted, reserved, None);
    scene.ledger.put(offer, by(id(OWNER)), Audience::Restricted, listing::Allocated { agreement }, None);
    scene.settle().await;
    let after = scene.json(&anonymous(), offer).expect("public");
    for field in ["updated", "streamversion", "created"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    assert_eq!(after["commitment_level"], "partly-committed", "that much is said");
    let ids = |items: Vec<serde_json::Value>| -> Vec<String> {
        items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
    };
    let query = ListQuery { sort: Sort::Updated, limit: 1, ..ListQuery::new(RecordKind::Offer) };
    let (offer_id, later_id) = (offer.id.to_string(), later.id.to_string());
    assert_eq!(ids(scene.list(&anonymous(), &query)), [&*later_id], "it did not move");
    assert_eq!(ids(scene.list(&member_of(OWNER), &query)), [&*offer_id], "for its owner it did");
    assert!(scene.since(&anonymous(), RecordKind::Offer, head.0).is_empty());
    assert_eq!(ids(scene.since(&member_of(OWNER), RecordKind::Offer, head.0)), [&*offer_id]);
    let own = scene.json(&member_of(OWNER), offer).expect("its owner");
    assert_eq!((&own["streamversion"], &own["updated"]["sequence"]), (&2.into(), &(reserved.0 + 1).into()));
    let view = scene.views.read(ViewName::Board).expect("reads");
    let then: Vec<String> = (head.0..=scene.ledger.head().0)
        .map(|position| {
            let item = record_as_of(&view, &anonymous(), offer, Sequence(position)).expect("answers");
            item.expect("public").document.get().to_owned()
        })
        .collect();
    assert!(then.windows(2).all(|pair| pair[0] == pair[1]), "no past tells when: {then:?}");
    for position in head.0..=scene.ledger.head().0 {
        let past = ListQuery { as_of: Some(Sequence(position)), ..ListQuery::new(RecordKind::Offer) };
        assert_eq!(ids(scene.list(&anonymous(), &past)), [&*later_id, &*offer_id], "as of {position}");
    }
    drop(view);
    let folded = Document::fold(scene.ledger.events().await.iter().filter(|event| event.subject == offer));
    let folded = folded.expect("folds").expect("there");
    let shown: serde_json::Value =
        serde_json::from_str(&folded.seen_by(&anonymous()).expect("public").to_json()).expect("JSON");
    assert_eq!(shown, after, "a fold shows what the view shows");
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_saw_a_record_is_told_that_it_was_hidden_and_nothing_more() {
    let mut scene = Scene::open().await;
    let offer = scene.offer(30, Visibility::Public, "Visits");
    let changed = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Members };
    let why = convenio_events::types::access::ReasonText {
        reason: "an embarrassment".to_owned().try_into().expect("a line"),
    };
    let first = scene.ledger.put(offer, by(id(OWNER)), Audience::Public, changed, Some(why));
    let changed = record::VisibilityChanged { from: Visibility::Members, to: Visibility::Parties };
    let second = scene.ledger.put(offer, by(id(OWNER)), Audience::Restricted, changed, None);
    scene.ledger.put(offer, by(id(OWNER)), Audience::Restricted, listing::Paused {}, None);
    scene.settle().await;
    use Sight::{Whole, Withheld, WithoutText};
    assert_eq!(scene.sights(&anonymous(), offer).await, [Whole, WithoutText, Withheld, Withheld]);
    assert_eq!(scene.sights(&member_of(OTHER), offer).await, [Whole, WithoutText, WithoutText, Withheld]);
    assert_eq!(scene.sights(&member_of(OWNER), offer).await, [Whole; 4]);
    let gone = serde_json::json!({"id": offer.id.to_string(), "gone": true});
    for (reader, at) in [(anonymous(), first), (member_of(OTHER), second)] {
        assert!(scene.json(&reader, offer).is_none());
        assert_eq!(scene.since(&reader, RecordKind::Offer, at.0), std::slice::from_ref(&gone), "{reader:?}");
        assert!(scene.since(&reader, RecordKind::Offer, at.0 + 1).is_empty(), "{reader:?}");
        assert!(scene.since(&reader, RecordKind::Demand, at.0).is_empty(), "{reader:?}");
        assert!(scene.list(&reader, &ListQuery::new(RecordKind::Offer)).is_empty());
    }
    let rebuilt = scene.views.rebuild(ViewName::Board).expect("begins").finished().await;
    assert!(rebuilt.is_over(), "{rebuilt:?}");
    assert_eq!(scene.since(&anonymous(), RecordKind::Offer, first.0), [gone], "a rebuild knows it too");
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_words_of_hidden_records_stand_in_no_list_that_others_are_answered_from() {
    let mut scene = Scene::open().await;
    let hidden = scene.offer(30, Visibility::Parties, "Zqhidden visits");
    scene.offer(31, Visibility::Members, "Zqmembers visits");
    let shown = scene.offer(32, Visibility::Public, "Zqpublic visits");
    scene.settle().await;
    let marks = |scene: &Scene, word: &str| -> String {
        let rows = scene.views.dump(ViewName::Board).expect("reads");
        let words =
            rows.iter().filter(|(table, _)| table == "word").map(|(_, row)| row.split('|').next().unwrap_or(""));
        words.filter(|found| found.get(1..) == Some(word)).filter_map(|found| found.chars().next()).collect()
    };
    let all = |scene: &Scene| ["zqhidden", "zqmembers", "zqpublic", "visit"].map(|word| marks(scene, word));
    assert_eq!(all(&scene), ["f", "m", "e", "efm"]);
    let found = |scene: &Scene, reader: &ReaderIdentity, q: &str| -> usize {
        let query = ListQuery { q: Some(q.to_owned()), total: true, facets: true, ..ListQuery::new(RecordKind::Offer) };
        scene.list(reader, &query).len()
    };
    let readers =
        [anonymous(), member_of(OTHER), member_of(OWNER), ReaderIdentity { admin_or_auditor: true, ..anonymous() }];
    for q in ["visits", "visit", "visi"] {
        assert_eq!([0, 1, 2, 3].map(|at| found(&scene, &readers[at], q)), [1, 2, 3, 3], "{q}");
    }
    let hide = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
    scene.ledger.put(shown, by(id(OWNER)), Audience::Public, hide, None);
    let show = record::VisibilityChanged { from: Visibility::Parties, to: Visibility::Public };
    scene.ledger.put(hidden, by(id(OWNER)), Audience::Public, show, None);
    scene.settle().await;
    assert_eq!(all(&scene), ["e", "m", "f", "efm"], "they follow what becomes of their records");
    assert_eq!((found(&scene, &anonymous(), "zqhidden"), found(&scene, &anonymous(), "zqpublic")), (1, 0));
    let followed = scene.views.dump(ViewName::Board).expect("reads");
    assert!(scene.views.rebuild(ViewName::Board).expect("begins").finished().await.is_over());
    assert_eq!(followed, scene.views.dump(ViewName::Board).expect("reads"), "a rebuild makes the same");
    // Whoever looks at a word of another list fails: its count is no number.
    let manifest = std::fs::read(scene.folder.path().join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let file = scene.folder.path().join(manifest[ViewName::Board.word()].as_str().expect("a file"));
    for (spoilt, reader, visits) in [("f", member_of(OTHER), 2), ("m", anonymous(), 1)] {
        // Between two runs, with right checksums: else the whole file would be made anew.
        scene.views.shutdown().await;
        let shell = rusqlite::Connection::open(&file).expect("it opens");
        shell.execute("UPDATE word SET records = 'none' WHERE word GLOB ?1 || '*'", [spoilt]).expect("it is spoilt");
        drop(shell);
        convenio_pages::Sums::seal(&file).expect("it is sealed");
        scene.views = start(scene.folder.path(), &scene.ledger.log, 100).await;
        scene.settle().await;
        let all = ["zqpublic", "zqp", "visits", "visi"].map(|q| found(&scene, &reader, q));
        assert_eq!(all, [0, 0, visits, visits], "{reader:?}");
    }
    scene.views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_as_they_were_typed_come_before_others_of_their_root() {
    let mut scene = Scene::open().await;
    let titles = ["Campañas de vacunación", "Campaña de lactancia", "Campanas y torres", "Campana extractora"];
    for (number, title) in (40..).zip(titles) {
        scene.offer(number, Visibility::Public, title);
    }
    scene.settle().await;
    let found = |q: &str| -> Vec<String> {
        let query = ListQuery { q: Some(q.to_owned()), ..ListQuery::new(RecordKind::Offer) };
        let items = scene.list(&anonymous(), &query);
        items.iter().map(|item| item["text"]["title"]["texts"]["en"].as_str().expect("a title").to_owned()).collect()
    };
    assert_eq!(found("campañas"), [titles[0], titles[1], titles[3], titles[2]]);
    assert_eq!(found("campana"), [titles[3], titles[2], titles[1], titles[0]]);
    scene.views.shutdown().await;
}
