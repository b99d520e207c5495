//! What a record's life adds to it: the files grow with the events and not with their square, and each version is what its events
//! make. Whether somebody may add it is the ledger's business.

mod support;

use convenio_events::{
    Event, OrganisationId, RecordKind, Sequence, Subject,
    codes::{AffiliationKind, OrganisationKind, Visibility},
    entry::Audience,
    ids::AffiliationId,
    types::organisation::{AffiliationClaimed, ProfileText, Standing},
};
use convenio_projections::{
    ReaderIdentity, ViewName, Views,
    collection::{self, Filters, ListQuery, PAGE_BYTES_LIMIT},
    document::Document,
};
use std::collections::HashMap;
use support::{
    Ledger, by, id, settle, start,
    story::{Story, organisation_facts, organisation_text, text},
};

const RECORDER: u128 = 7;

fn register(ledger: &mut Ledger, number: u128, name: &str) -> OrganisationId {
    let new: OrganisationId = id(number);
    let facts = organisation_facts(OrganisationKind::Ngo, Standing::Holder, Visibility::Public);
    ledger.put(new, by(id(RECORDER)), Audience::Public, facts, Some(organisation_text(text("en", name))));
    new
}

/// An organisation that is described in so many languages, in 80 KB each.
fn register_at_length(ledger: &mut Ledger, number: u128, languages: u8) {
    let new: OrganisationId = id(number);
    let facts = organisation_facts(OrganisationKind::Ngo, Standing::Holder, Visibility::Public);
    let tag = |language: u8| format!("en-{language:03}");
    let texts: HashMap<_, _> = (0..languages).map(|language| (tag(language), "𐍈".repeat(20_000))).collect();
    let description = serde_json::json!({"original": tag(0), "texts": texts});
    let description = serde_json::from_value(description).expect("a text");
    let words = ProfileText { description: Some(description), ..organisation_text(text("en", "At length")) };
    ledger.put(new, by(id(RECORDER)), Audience::Public, facts, Some(words));
}

/// An organisation of which a recorder, or it itself, says that it belongs to so many others.
async fn flooded(affiliations: u128, own_word: bool) -> (Ledger, OrganisationId) {
    let mut ledger = Ledger::open(1).await;
    register(&mut ledger, RECORDER, "A recorder");
    let victim = register(&mut ledger, 8, "Somebody else");
    for number in 0..affiliations {
        let other = register(&mut ledger, 10_000 + number, "A profile");
        let affiliation: AffiliationId = id(50_000 + number);
        let facts = AffiliationClaimed { affiliation, with: other, kind: AffiliationKind::Member };
        let says = if own_word { victim } else { id(RECORDER) };
        ledger.put(victim, by(says), Audience::Public, facts, None);
    }
    ledger.commit().await;
    (ledger, victim)
}

/// The bytes of the views' files of a ledger.
async fn size_of_views(ledger: &Ledger) -> u64 {
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    settle(&views, ledger.head()).await;
    views.shutdown().await;
    let files = std::fs::read_dir(folder.path()).expect("folder").flatten();
    files.filter_map(|file| Some(file.metadata().ok()?.len())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_views_grow_with_the_events_of_a_record_and_not_with_their_square() {
    let (few, _) = flooded(400, false).await;
    let (many, _) = flooded(1_600, false).await;
    let (few, many) = (size_of_views(&few).await, size_of_views(&many).await);
    assert!(many < 6 * few, "four times the events take {many} bytes in place of {few}");
}

/// Reads every record as of each of its events, and compares it with what the events make for that reader.
fn check_versions(views: &Views, events: &[Event], admin: bool) {
    let mut records: HashMap<Subject, Vec<Event>> = HashMap::new();
    events.iter().for_each(|event| records.entry(event.subject).or_default().push(event.clone()));
    let identity = ReaderIdentity { admin_or_auditor: admin, member: true, ..ReaderIdentity::default() };
    let mut compared = 0;
    for (subject, events) in records {
        let Some(view) = ViewName::of_kind(subject.kind) else { continue };
        let reader = views.read(view).expect("it reads");
        let today = Document::fold(&events).expect("folds").expect("it is there").head.standing;
        for event in &events {
            let position = event.sequence.next();
            let found = collection::record_as_of(&reader, &identity, subject, position).expect("it reads");
            let found = found.map(|item| item.document.get().to_owned());
            let made = Document::as_read_by(&events, &identity, &today, position).expect("folds").map(|mut made| {
                made.head.sample = found.as_ref().is_some_and(|found| found.contains("\"sample\":true"));
                made.to_json()
            });
            assert_eq!(found, made, "{subject} {}", event.stream_version);
            if admin {
                let version = collection::version(&reader, &identity, subject, event.stream_version).expect("it reads");
                assert_eq!(version.map(|item| item.document.get().to_owned()), made);
            }
            compared += usize::from(made.is_some());
        }
        if admin {
            let now = collection::record(&reader, &identity, subject).expect("it reads").expect("it is there");
            let last = collection::record_as_of(&reader, &identity, subject, reader.position()).expect("it reads");
            assert_eq!(
                now.document.get(),
                last.expect("it is there").document.get(),
                "the last version is the present"
            );
        }
    }
    assert!(compared > 300, "{compared} versions");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_is_what_the_events_up_to_it_make() {
    let mut ledger = Ledger::open(1).await;
    Story::new(3).tell(&mut ledger, 1_000);
    ledger.commit().await;
    let events = ledger.events().await;
    for page_events in [13, 5_000] {
        let folder = tempfile::tempdir().expect("folder");
        let views = start(folder.path(), &ledger.log, page_events).await;
        settle(&views, ledger.head()).await;
        check_versions(&views, &events, true);
        check_versions(&views, &events, false);
        views.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_the_past_is_filtered_by_what_was_so_then_also_where_a_record_names_many() {
    let (ledger, victim) = flooded(300, true).await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    settle(&views, ledger.head()).await;
    let reader = views.read(ViewName::Organisations).expect("it reads");
    let identity = ReaderIdentity::default();
    let found = |number: u128, as_of: Option<u64>| {
        let filters = Filters { organisations: vec![id(10_000 + number)], ..Filters::default() };
        let as_of = as_of.map(Sequence);
        let query = ListQuery { filters, as_of, ..ListQuery::new(RecordKind::Organisation) };
        let page = collection::list(&reader, &identity, &query).expect("it lists");
        page.items.iter().any(|item| item.id == victim.uuid())
    };
    for number in [0_u128, 5, 120, 127, 128, 129, 299] {
        // Events come in pairs: a profile, and that the organisation belongs to it.
        let claimed = 3 + 2 * u64::try_from(number).expect("small") + 1;
        assert!(found(number, None), "{number}");
        assert!(found(number, Some(claimed + 1)), "{number}");
        assert!(!found(number, Some(claimed)), "{number}");
    }
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_records_ends_early_and_the_next_one_goes_on() {
    let mut ledger = Ledger::open(1).await;
    for number in 0..10 {
        register_at_length(&mut ledger, 100 + number, 8);
    }
    register_at_length(&mut ledger, 200, 32);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 4_000).await;
    settle(&views, ledger.head()).await;
    let reader = views.read(ViewName::Organisations).expect("it reads");
    for as_of in [None, Some(ledger.head())] {
        let mut query = ListQuery { as_of, limit: 200, ..ListQuery::new(RecordKind::Organisation) };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = collection::list(&reader, &ReaderIdentity::default(), &query).expect("it lists");
            let bytes: usize = page.items.iter().map(|item| item.document.get().len()).sum();
            assert!(bytes <= PAGE_BYTES_LIMIT || page.items.len() == 1, "{bytes} bytes, {} items", page.items.len());
            seen.extend(page.items.iter().map(|item| item.id));
            pages += 1;
            query.cursor = page.next_cursor;
            if query.cursor.is_none() {
                break;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!((seen.len(), pages), (11, 5), "three records fit a page, and one is alone");
    }
    views.shutdown().await;
}
