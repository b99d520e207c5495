//! Where a page ends: a cursor goes on from there, and tells nothing else.

mod support;

use convenio_events::{
    OrganisationId, RecordKind, Subject,
    codes::Visibility,
    entry::Audience,
    types::{listing, record},
};
use convenio_projections::{
    ReaderIdentity, ViewName,
    collection::{ListQuery, Sort, list},
};
use support::{
    Ledger, by, id, settle, start,
    story::{Dice, audience, listing_terms, listing_text, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_tells_nothing_of_records_that_its_reader_does_not_see() {
    let mut ledger = Ledger::open(1).await;
    let owner: OrganisationId = id(1);
    let offers =
        [(10, Visibility::Public), (11, Visibility::Parties), (12, Visibility::Parties), (13, Visibility::Public)];
    for (number, visibility) in offers {
        let facts = listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility };
        let subject = Subject::new(RecordKind::Offer, id::<()>(number).uuid());
        let words = text("en", &format!("Offer {number}"));
        ledger.put(subject, by(owner), audience(visibility), facts, Some(listing_text(words)));
    }
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let board = views.read(ViewName::Board).expect("reads");
    let anonymous = ReaderIdentity::default();
    for sort in [Sort::Created, Sort::Title, Sort::Ends, Sort::Starts] {
        let asked = ListQuery { sort, limit: 1, ..ListQuery::new(RecordKind::Offer) };
        let page = |reader, cursor| list(&board, reader, &ListQuery { cursor, ..asked.clone() });
        let first = page(&anonymous, None).expect("answers");
        let shown = first.items[0].id;
        let cursor = first.next_cursor.expect("there is another");
        let second = page(&anonymous, Some(cursor.clone())).expect("answers");
        assert_eq!((second.items.len(), second.next_cursor), (1, None));
        assert_ne!(second.items[0].id, shown);
        // Whatever place is tried out, what comes behind it is shown, and nothing of what is hidden there.
        for place in 0..6 {
            let parts: Vec<&str> = cursor.split('.').collect();
            let tried = format!("{}.{}.{place:x}.{}", parts[0], parts[1], parts[3]);
            let items = page(&anonymous, Some(tried)).expect("answers").items;
            let seen: Vec<_> = items.iter().map(|item| item.id).collect();
            assert!(seen.iter().all(|seen| [10, 13].map(|number| id::<()>(number).uuid()).contains(seen)), "{seen:?}");
        }
    }
    drop(board);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_opened_between_two_pages_moves_no_page() {
    let mut ledger = Ledger::open(1).await;
    let owner: OrganisationId = id(1);
    let subject = |number: u128| Subject::new(RecordKind::Offer, id::<()>(number).uuid());
    for number in 10..14 {
        let visibility = if number == 13 { Visibility::Members } else { Visibility::Public };
        let facts = listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility };
        let words = text("en", "Offer");
        ledger.put(subject(number), by(owner), audience(visibility), facts, Some(listing_text(words)));
    }
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let member = ReaderIdentity { member: true, ..Default::default() };
    let asked = ListQuery { sort: Sort::Created, limit: 1, ..ListQuery::new(RecordKind::Offer) };
    let page = |cursor| {
        let board = views.read(ViewName::Board).expect("reads");
        let page = list(&board, &member, &ListQuery { cursor, ..asked.clone() }).expect("answers");
        (page.items[0].id, page.next_cursor)
    };
    let (first, mut next) = page(None);
    assert_eq!(first, subject(13).id);
    let opened = record::VisibilityChanged { from: Visibility::Members, to: Visibility::Public };
    ledger.put(subject(13), by(owner), Audience::Public, opened, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    let mut seen = Vec::new();
    while let Some(cursor) = next {
        let (id, more) = page(Some(cursor));
        seen.push(id);
        next = more;
    }
    assert_eq!(seen, [12, 11, 10].map(|number| subject(number).id), "the walk goes on where it was");
    views.shutdown().await;
}
