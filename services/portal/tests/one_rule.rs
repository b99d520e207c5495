//! The ledger, the views and the documents say the same of who may see a record, whatever happened to it: no command is told that there
//! is no such record by which its sender can read one, and none acts on what its sender cannot.

#[path = "../../../projections/tests/support/mod.rs"]
mod support;

use convenio_events::{
    Event, OrganisationId, RecordKind, Subject,
    codes::{SessionKind, Visibility},
    entry::Audience,
    sight::ReaderIdentity,
    types::{Facts, agreement, convening, learning, organisation, record},
};
use convenio_ledger::{
    memory_stores::MemoryState,
    world::{Sight, World},
};
use convenio_projections::{
    ViewName,
    access::{self, Standing},
    document::Document,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use support::{By, Ledger, id, scene::views_of, story::Story};

/// What the views let a reader see of a record.
fn by_the_views(standing: &Standing, reader: &ReaderIdentity) -> Sight {
    match standing.lets(reader) {
        true => Sight::Now,
        false if standing.was_named(reader) => Sight::Once,
        false => Sight::Never,
    }
}

/// Leaves organisations out of records that named them: by a revision, by leaving, by an affiliation that ends. Hides convenings from
/// all but those whom they name, a session of theirs included.
async fn leave_some_out(ledger: &mut Ledger) {
    let told = ledger.events().await;
    let other: OrganisationId = id(0x0ffe);
    let is_organisation = |event: &&Event| event.subject.kind == RecordKind::Organisation;
    let registered: Vec<_> =
        told.iter().filter(is_organisation).take(3).map(|event| OrganisationId::new(event.subject.id)).collect();
    for (number, event) in told.iter().enumerate() {
        let actor = By { actor: event.actor, grant: event.grant };
        match &event.facts {
            Facts::Agreement(agreement::Facts::Drafted(drafted)) if number % 2 == 0 => {
                let (mut terms, terms_digest) = (drafted.terms.clone(), drafted.terms_digest);
                terms.parties[1].organisation = other;
                terms.commitments.clear();
                let revised = agreement::Revised { terms, terms_digest };
                ledger.put(event.subject, actor, Audience::Restricted, revised, None);
            }
            Facts::Agreement(agreement::Facts::Drafted(drafted)) => {
                let left = agreement::Left { by: drafted.terms.parties[1].organisation };
                ledger.put(event.subject, actor, Audience::Restricted, left, None);
            }
            Facts::Learning(learning::Facts::Submitted(submitted)) => {
                for authors in [registered.clone(), vec![other]] {
                    let content = learning::Content { authors, ..submitted.content.clone() };
                    let revised = learning::Revised { by: submitted.by, content };
                    ledger.put(event.subject, actor, Audience::Restricted, revised, None);
                }
            }
            Facts::Organisation(organisation::Facts::AffiliationClaimed(claimed)) => {
                let ended = organisation::AffiliationEnded { affiliation: claimed.affiliation };
                ledger.put(event.subject, actor, Audience::Public, ended, None);
                let hidden = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
                ledger.put(event.subject, actor, Audience::Public, hidden, None);
            }
            Facts::Convening(convening::Facts::Registered(_)) => {
                let held = convening::SessionRecorded {
                    kind: SessionKind::Training,
                    occurred_on: None,
                    organisations: vec![registered[number % registered.len()]],
                    session: id(number as u128 + 1),
                };
                ledger.put(event.subject, actor, Audience::Public, held, None);
                let hidden = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
                ledger.put(event.subject, actor, Audience::Public, hidden, None);
            }
            Facts::Ledger(_)
            | Facts::Access(_)
            | Facts::Organisation(_)
            | Facts::Listing(_)
            | Facts::Agreement(_)
            | Facts::Learning(_)
            | Facts::Convening(_)
            | Facts::Record(_) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_the_views_and_the_documents_agree_on_who_may_see_what() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in [3, 21, 77] {
        let mut ledger = Ledger::open(1).await;
        Story::new(seed).tell(&mut ledger, 1_500);
        ledger.commit().await;
        leave_some_out(&mut ledger).await;
        let (_folder, views) = views_of(&mut ledger).await;
        let events = ledger.events().await;
        let mut world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
        events.iter().for_each(|event| {
            world.fold(event.into());
        });
        let subjects: BTreeSet<Subject> = events.iter().map(|event| event.subject).collect();
        let is_organisation = |subject: &&Subject| ViewName::of_kind(subject.kind) == Some(ViewName::Organisations);
        let organisations = subjects.iter().filter(is_organisation).map(|subject| OrganisationId::new(subject.id));
        let one =
            |organisation| ReaderIdentity { organisations: vec![organisation], member: true, ..Default::default() };
        let mut readers: Vec<ReaderIdentity> = organisations.map(one).collect();
        readers.push(ReaderIdentity::default());
        readers.push(ReaderIdentity { member: true, reviewer: true, ..Default::default() });
        readers.push(ReaderIdentity { admin_or_auditor: true, ..Default::default() });
        let view = views.read(ViewName::Access).expect("reads");
        for subject in subjects {
            let standing = access::standing(&view, subject).expect("answers").expect("known");
            let circle = world.openness(subject).and_then(|openness| openness.circle);
            assert_eq!(circle, standing.openness.circle, "{subject}");
            if ViewName::of_kind(subject.kind).is_some() {
                let own = events.iter().filter(|event| event.subject == subject);
                let document = Document::fold(own).expect("folds").expect("there");
                assert_eq!(document.head.circle(), standing.openness.circle, "{subject}");
                assert_eq!(document.head.organisations, standing.organisations(), "{subject}");
            }
            for reader in &readers {
                let seen = world.sight(reader, subject);
                assert_eq!(seen, by_the_views(&standing, reader), "seed {seed}: {subject}, {reader:?}");
                *met.entry(format!("{:?} {seen:?}", standing.openness.circle)).or_default() += 1;
            }
        }
        drop(view);
        views.shutdown().await;
    }
    for expected in
        ["Some(Public) Now", "Some(Members) Never", "Some(Parties) Once", "Some(Review) Never", "Some(Review) Once"]
    {
        assert!(met.contains_key(expected), "the histories are rich enough: {met:?}");
    }
}
