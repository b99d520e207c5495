//! What is hidden from a reader moves nothing that it sees: no page, no version, no order; not while views are made either.

mod support;

use convenio_events::{
    AccessId, OrganisationId, RecordKind, Subject,
    codes::{AccessRole, Visibility},
    commitment::Digest,
    entry::Audience,
    types::{access, listing, record},
};
use convenio_projections::{
    QueryError, ReaderIdentity, SequenceCursor, ViewName, access as grants,
    collection::{ListQuery, Sort, list, parts, record as one, record_as_of},
    document::PartKind,
    history,
};
use support::{
    OPERATOR, by, id,
    scene::{opened, readers, views_of},
    settle, start,
    story::{Dice, granted, listing_terms, listing_text, text},
};

#[tokio::test(flavor = "multi_thread")]
async fn while_views_are_made_nobody_reads_what_was_hidden_later_nor_by_a_grant_that_was_revoked() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let [offer, other] = [10, 11].map(|number| Subject::new(RecordKind::Offer, id::<()>(number).uuid()));
    for subject in [offer, other] {
        let terms = listing_terms(&mut Dice(5));
        let facts = listing::Published { organisation: owner, terms, visibility: Visibility::Public };
        ledger.put(subject, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Secret offer"))));
    }
    let (grant, token): (AccessId, Digest) = (id(50), Digest([9; 32]));
    let scope = access::Scope::Organisations { organisations: vec![id(1)] };
    ledger.put(grant, OPERATOR, Audience::Restricted, granted(scope, AccessRole::Recorder, Some(token)), None);
    for _ in 0..1_000 {
        ledger.put(other, by(owner), Audience::Public, listing::Paused {}, None);
        ledger.put(other, by(owner), Audience::Public, listing::Resumed {}, None);
    }
    let cause = access::RevocationCause::Revoked;
    ledger.put(grant, OPERATOR, Audience::Restricted, access::Revoked { cause }, None);
    let changed = record::VisibilityChanged { from: Visibility::Public, to: Visibility::Parties };
    ledger.put(offer, by(owner), Audience::Restricted, changed, None);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 5).await;
    let mut refused = 0;
    while !views.is_whole(ViewName::Board) || !views.is_whole(ViewName::Access) {
        match views.read(ViewName::Board) {
            Ok(reader) => {
                let shown = one(&reader, &ReaderIdentity::default(), offer).expect("answers");
                assert!(shown.is_none(), "at {}: {shown:?}", reader.position());
            }
            Err(QueryError::Outdated(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
        if let Ok(reader) = views.read(ViewName::Access) {
            let known = grants::grant_by_token(&reader, &token).expect("answers");
            assert!(known.is_none_or(|grant| grant.revoked.is_some()), "at {}", reader.position());
        }
    }
    assert!(refused > 0, "it was asked meanwhile");
    settle(&views, ledger.head()).await;
    let board = views.read(ViewName::Board).expect("reads");
    let shown = |subject| one(&board, &ReaderIdentity::default(), subject).expect("answers").is_some();
    assert_eq!((shown(offer), shown(other)), (false, true));
    drop(board);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_page_of_parts_goes_on_tells_nothing_of_those_that_are_hidden() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let offer = Subject::new(RecordKind::Offer, id::<()>(10).uuid());
    let facts =
        listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility: Visibility::Public };
    ledger.put(offer, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Visits"))));
    for number in 100..106 {
        let audience = if number < 103 { Audience::Restricted } else { Audience::Public };
        let reserved = listing::Reserved { agreement: id(number), quantity: None, further: Vec::new() };
        ledger.put(offer, by(owner), audience, reserved, None);
    }
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Board).expect("reads");
    let [anonymous, .., admin] = readers();
    for (identity, expected) in [(anonymous, 3), (admin, 6)] {
        let (mut cursor, mut shown) = (None, Vec::new());
        loop {
            let page = parts(&reader, &identity, offer, PartKind::Reservations, cursor, 1).expect("answers");
            let page = page.expect("is seen");
            shown.extend(page.items.iter().map(ToString::to_string));
            cursor = page.next_cursor;
            let Some(SequenceCursor(after)) = cursor else { break };
            assert_eq!(after.0, shown.len() as u64, "as many as were shown");
        }
        assert_eq!(shown.len(), expected);
        shown.dedup();
        assert_eq!(shown.len(), expected, "each once");
    }
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_names_what_is_hidden_moves_nothing_for_those_who_may_not_read_it() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let offer = Subject::new(RecordKind::Offer, id::<()>(10).uuid());
    let facts =
        listing::Published { organisation: owner, terms: listing_terms(&mut Dice(5)), visibility: Visibility::Public };
    let published = ledger.put(offer, by(owner), Audience::Public, facts, Some(listing_text(text("en", "Visits"))));
    let revised = listing::Revised { terms: listing_terms(&mut Dice(6)) };
    let revised = ledger.put(offer, by(owner), Audience::Restricted, revised, Some(listing_text(text("en", "Visits"))));
    let (_folder, views) = views_of(&mut ledger).await;
    let reader = views.read(ViewName::Board).expect("reads");
    let [anonymous, _, _, own, _] = readers();
    for (identity, sequence, version) in [(&anonymous, published, 0), (&own, revised, 1)] {
        let item = one(&reader, identity, offer).expect("answers").expect("public");
        let document: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
        assert_eq!(
            (&document["updated"]["sequence"], &document["streamversion"]),
            (&sequence.0.into(), &version.into())
        );
        assert_eq!(item.updated_sequence, sequence);
        let mut since = ListQuery::new(RecordKind::Offer);
        since.filters.updated_since_sequence = Some(revised);
        let page = list(&reader, identity, &since).expect("answers");
        assert_eq!(page.items.len(), usize::from(sequence == revised), "as it was updated for its reader");
    }
    drop(reader);
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_order_tells_when_a_record_was_made_that_was_opened_later() {
    let mut ledger = opened().await;
    let owner: OrganisationId = id(1);
    let [hidden, between, last] = [10, 11, 12].map(|number| Subject::new(RecordKind::Offer, id::<()>(number).uuid()));
    let publish = |ledger: &mut support::Ledger, subject, visibility: Visibility| {
        let facts = listing::Published { organisation: owner, terms: undated(), visibility };
        let audience = if visibility == Visibility::Public { Audience::Public } else { Audience::Restricted };
        ledger.put(subject, by(owner), audience, facts, Some(listing_text(text("en", "Visits"))));
    };
    publish(&mut ledger, hidden, Visibility::Parties);
    publish(&mut ledger, between, Visibility::Public);
    let opening = record::VisibilityChanged { from: Visibility::Parties, to: Visibility::Public };
    let opening = ledger.put(hidden, by(owner), Audience::Restricted, opening, None);
    publish(&mut ledger, last, Visibility::Public);
    // Narrowed and opened again, it is nothing new.
    let visibilities = [Visibility::Public, Visibility::Parties, Visibility::Public];
    for pair in visibilities.windows(2) {
        let changed = record::VisibilityChanged { from: pair[0], to: pair[1] };
        ledger.put(hidden, by(owner), Audience::Restricted, changed, None);
    }
    // As many as make a rebuild go in bulk.
    for _ in 0..1_200 {
        ledger.put(between, by(owner), Audience::Public, listing::Paused {}, None);
        ledger.put(between, by(owner), Audience::Public, listing::Resumed {}, None);
    }
    let (_folder, views) = views_of(&mut ledger).await;
    let [anonymous, .., own, _] = readers();
    let check = || {
        let reader = views.read(ViewName::Board).expect("reads");
        for (q, sort) in [(None, Sort::Created), (Some("visits"), Sort::Created), (Some("visits"), Sort::Relevance)] {
            let q = q.map(str::to_owned);
            let asked = ListQuery { q, sort, ..ListQuery::new(RecordKind::Offer) };
            let page = list(&reader, &anonymous, &asked).expect("answers");
            let shown: Vec<_> = page.items.iter().map(|item| item.id).collect();
            assert_eq!(shown, [last, hidden, between].map(|subject| subject.id), "{sort:?}");
        }
        let asked = ListQuery { sort: Sort::Title, ..ListQuery::new(RecordKind::Offer) };
        let page = list(&reader, &own, &asked).expect("answers");
        assert_eq!(page.items.len(), 3, "each once");
        let then = record_as_of(&reader, &own, hidden, opening).expect("answers").expect("its own");
        assert_eq!(then.stream_version.0, 0, "its versions are found");
        let reader = views.read(ViewName::History).expect("reads");
        let passport = history::passport(&reader, &anonymous, owner).expect("answers").expect("public");
        let shown: Vec<_> = passport.timeline.iter().map(|one| one.id).collect();
        assert_eq!(shown, [last, hidden, between].map(|subject| subject.id), "in the organisation's history");
    };
    check();
    let followed = support::dump_all(&views);
    for view in [ViewName::Board, ViewName::History] {
        views.rebuild(view).expect("nothing is under way").finished().await;
    }
    assert_eq!(support::dump_all(&views), followed, "a rebuild makes the same");
    check();
    ledger.put(hidden, by(owner), Audience::Public, listing::Paused {}, None);
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    check();
    views.shutdown().await;
}

/// Terms that do not say when they begin or end.
fn undated() -> listing::Terms {
    let terms = listing_terms(&mut Dice(5));
    listing::Terms { valid_from: None, valid_through: None, ..terms }
}
