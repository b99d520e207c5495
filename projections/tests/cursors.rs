//! Where a page ends: a cursor goes on from there, and tells nothing else.

mod support;

use convenio_events::{OrganisationId, RecordKind, Subject, codes::Visibility, types::listing};
use convenio_projections::{
    QueryError, ReaderIdentity, ViewName,
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
    let admin = ReaderIdentity { admin_or_auditor: true, member: true, ..Default::default() };
    for sort in [Sort::Created, Sort::Title, Sort::Ends, Sort::Starts] {
        let asked = ListQuery { sort, limit: 1, ..ListQuery::new(RecordKind::Offer) };
        let page = |reader, cursor| list(&board, reader, &ListQuery { cursor, ..asked.clone() });
        let first = page(&anonymous, None).expect("answers");
        let shown = first.items[0].id;
        let cursor = first.next_cursor.expect("there is another");
        assert!(cursor.contains(&shown.simple().to_string()), "{cursor} names what was shown");
        let second = page(&anonymous, Some(cursor)).expect("answers");
        assert_eq!((second.items.len(), second.next_cursor), (1, None));
        assert_ne!(second.items[0].id, shown);
        // An id that nobody has, and one that is hidden.
        let ends = [id::<()>(99).uuid(), id::<()>(11).uuid()];
        let mut tried = ends.map(|end| {
            let cursor = page(&anonymous, None).expect("answers").next_cursor.expect("there is another");
            cursor.replace(&shown.simple().to_string(), &end.simple().to_string())
        });
        let refusals = tried.each_ref().map(|cursor| page(&anonymous, Some(cursor.clone())).map(drop));
        assert!(
            refusals.iter().all(|refused| matches!(refused, Err(QueryError::Refused { code: "cursor-invalid", .. }))),
            "{sort:?}: {refusals:?}"
        );
        assert!(page(&admin, Some(std::mem::take(&mut tried[1]))).is_ok(), "who sees it may go on from it");
    }
    drop(board);
    views.shutdown().await;
}
