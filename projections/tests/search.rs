//! What search, filters, orders, pages and the past find on the board.

mod support;

use convenio_events::{
    OrganisationId, RecordKind, Sequence, Subject,
    codes::{Mechanism, Visibility},
    entry::Audience,
    types::listing,
};
use convenio_projections::{
    QueryError, ReaderIdentity, ViewName, Views,
    collection::{Count, ListQuery, PAGE_LIMIT, Page, Sort, list, record_as_of, version, versions},
};
use support::{
    Ledger, by, id, settle, start,
    story::{self, Dice, Story, listing_terms, listing_text, text},
};

fn offer(number: u128) -> Subject {
    Subject::new(RecordKind::Offer, id::<()>(number).uuid())
}

fn publish(ledger: &mut Ledger, number: u128, language: &str, title: &str) {
    let owner: OrganisationId = id(1);
    let mut terms = listing_terms(&mut Dice(3));
    terms.mechanisms = vec![if number.is_multiple_of(2) { Mechanism::Training } else { Mechanism::StudyVisit }];
    let facts = listing::Published { organisation: owner, terms, visibility: Visibility::Public };
    let mut words = listing_text(text(language, title));
    words.summary = None;
    ledger.put(offer(number), by(owner), Audience::Public, facts, Some(words));
}

fn ask(views: &Views, change: impl FnOnce(&mut ListQuery)) -> Result<Page, QueryError> {
    let mut query = ListQuery::new(RecordKind::Offer);
    change(&mut query);
    let reader = views.read(ViewName::Board)?;
    list(&reader, &ReaderIdentity::default(), &query)
}

fn found(views: &Views, q: &str) -> Vec<u128> {
    let page = ask(views, |query| query.q = Some(q.to_owned())).expect("answers");
    page.items.iter().map(|item| item.id.as_u128() & 0xffff).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_words_in_four_languages_without_accents_and_plurals() {
    let mut ledger = Ledger::open(1).await;
    publish(&mut ledger, 1, "es", "Vacunación contra el sarampión");
    publish(&mut ledger, 2, "pt", "Formações em saúde da família");
    publish(&mut ledger, 3, "fr", "Réseaux régionaux de laboratoires");
    publish(&mut ledger, 4, "en", "Accompaniment of community health workers");
    publish(&mut ledger, 5, "es", "Brigadas de vacunaciones para niñas");
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let table: [(&str, &[u128]); 17] = [
        ("vacunacion", &[5, 1]),
        // As it was typed, then the others of its root.
        ("VACUNACIÓN", &[1, 5]),
        ("vacunaciones", &[5, 1]),
        ("vacu", &[5, 1]),
        ("formação", &[2]),
        ("formacao", &[2]),
        ("formações", &[2]),
        ("formaco", &[2]),
        ("reseau", &[3]),
        ("réseaux regionaux", &[3]),
        ("communities", &[4]),
        ("health worker", &[4]),
        ("nina vacunacion", &[5]),
        ("vacunacion formacao", &[]),
        ("\" OR * NEAR(", &[]),
        ("saude familias", &[2]),
        ("¶vacunacion", &[5, 1]),
    ];
    for (q, expected) in table {
        assert_eq!(found(&views, q), expected, "{q}");
    }
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revised_text_is_found_by_its_new_words_only_and_titles_come_first() {
    let mut ledger = Ledger::open(1).await;
    publish(&mut ledger, 1, "en", "Old words about malaria");
    publish(&mut ledger, 2, "en", "Something else");
    let folder = tempfile::tempdir().expect("folder");
    ledger.commit().await;
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    assert_eq!(found(&views, "malaria"), [1]);
    let revise = |title: &str, summary: &str| {
        let mut words = listing_text(text("en", title));
        words.summary = Some(text("en", summary));
        (listing::Revised { terms: listing_terms(&mut Dice(3)) }, words)
    };
    let (facts, words) = revise("Dengue", "about mosquitoes");
    ledger.put(offer(1), by(id(1)), Audience::Public, facts, Some(words));
    let (facts, words) = revise("Mosquitoes", "about nothing");
    ledger.put(offer(2), by(id(1)), Audience::Public, facts, Some(words));
    publish(&mut ledger, 3, "en", "Nothing new");
    ledger.commit().await;
    settle(&views, ledger.head()).await;
    assert_eq!(found(&views, "malaria"), [0; 0], "old words are gone");
    assert_eq!(found(&views, "mosquito"), [2, 1], "the title counts more than the summary");
    assert_eq!(found(&views, "nothing"), [3, 2]);
    let words = views.dump(ViewName::Board).expect("dump");
    assert!(words.iter().any(|(table, row)| table == "search" && row.ends_with("|emosquitoes")), "the dump has words");
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_pages_through_everything_once() {
    let mut ledger = Ledger::open(1).await;
    Story::new(11).tell(&mut ledger, 3_000);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 500).await;
    settle(&views, ledger.head()).await;
    let changes: [fn(&mut ListQuery); 4] = [
        |_| {},
        |query| query.q = Some("formacion salud".to_owned()),
        |query| query.filters.countries = vec!["PE".to_owned()],
        |query| query.filters.states = vec!["open".to_owned(), "paused".to_owned()],
    ];
    for (_, sort) in Sort::WORDS {
        for change in changes {
            let mut seen = Vec::new();
            let mut cursor = None;
            loop {
                let page = ask(&views, |query| {
                    change(query);
                    (query.sort, query.limit, query.cursor) = (sort, 9, cursor.take());
                });
                let page = page.expect("answers");
                seen.extend(page.items.iter().map(|item| item.id));
                cursor = page.next_cursor;
                if cursor.is_none() {
                    break;
                }
            }
            let all = ask(&views, |query| {
                change(query);
                (query.total, query.limit) = (true, PAGE_LIMIT);
            });
            let total = all.expect("answers").total;
            assert_eq!(total, Some(Count::Exactly(u32::try_from(seen.len()).expect("few"))), "{sort:?}");
            let once: std::collections::HashSet<_> = seen.iter().collect();
            assert_eq!(once.len(), seen.len(), "{sort:?}: nothing twice");
            assert!(seen.len() > 9, "{sort:?}: more than a page");
        }
    }
    views.shutdown().await;
}

/// An offer of a large board: title, summary, and every seventh for members alone.
fn publish_numbered(ledger: &mut Ledger, n: u128) {
    let visibility = if n.is_multiple_of(7) { Visibility::Members } else { Visibility::Public };
    let facts = listing::Published { organisation: id(1), terms: listing_terms(&mut Dice(n as u64 + 1)), visibility };
    let parity = if n.is_multiple_of(2) { "par" } else { "impar" };
    let mut words = listing_text(text("es", &format!("Lote lote{n} {parity}")));
    let half = if n <= LARGE / 2 { "temprano" } else { "tardio" };
    let rare = if n.is_multiple_of(100) { "raro" } else { "" };
    words.summary = Some(text("es", &format!("serie{} {half} {rare}", n % 3)));
    ledger.put(offer(n), by(id(1)), story::audience(visibility), facts, Some(words));
}

/// So many that each way to find them is taken: frequent words, rare ones, beginnings of few words and of thousands.
const LARGE: u128 = 9_000;

/// In which group of relevance, if any, a question finds offer `n`.
type Group = fn(u128) -> Option<u8>;

const LARGE_QUESTIONS: [(&str, Group); 11] = [
    ("par", |n| n.is_multiple_of(2).then_some(0)),
    ("LOTES", |_| Some(0)),
    ("lot", |_| Some(2)),
    ("lote1", |n| begins(n, "1")),
    ("lote12", |n| begins(n, "12")),
    ("lote123", |n| begins(n, "123")),
    ("raro par", |n| n.is_multiple_of(100).then_some(1)),
    ("temprano tardio", |_| None),
    ("temprano lote8", |n| begins(n, "8").filter(|_| n <= LARGE / 2).map(|group| group.max(1))),
    ("impar serie1", |n| (n % 3 == 1 && n % 2 == 1).then_some(1)),
    ("ser tem par", |n| (n <= LARGE / 2 && n.is_multiple_of(2)).then_some(2)),
];

fn begins(n: u128, digits: &str) -> Option<u8> {
    let number = n.to_string();
    number.starts_with(digits).then_some(if number == digits { 0 } else { 2 })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_board_is_searched_exactly_in_every_order() {
    let mut ledger = Ledger::open(1).await;
    (1..=LARGE).for_each(|n| publish_numbered(&mut ledger, n));
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 2_000).await;
    settle(&views, ledger.head()).await;
    for (q, group) in LARGE_QUESTIONS {
        let mut expected: Vec<(u8, u128)> =
            (1..=LARGE).rev().filter(|n| n % 7 != 0).filter_map(|n| Some((group(n)?, n))).collect();
        let newest: Vec<u128> = expected.iter().map(|(_, n)| *n).collect();
        expected.sort_by_key(|(group, _)| *group);
        let relevant: Vec<u128> = expected.iter().map(|(_, n)| *n).collect();
        for (word, sort) in Sort::WORDS {
            let mut found = every_page(&views, |query| (query.q, query.sort) = (Some(q.to_owned()), sort));
            match sort {
                Sort::Relevance => assert_eq!(found, relevant, "{q} by {word}"),
                Sort::Updated | Sort::Created => assert_eq!(found, newest, "{q} by {word}"),
                Sort::Title | Sort::Ends | Sort::Starts => {
                    found.sort_unstable_by(|one, other| other.cmp(one));
                    assert_eq!(found, newest, "{q} by {word}");
                }
            }
        }
        let counted = ask(&views, |query| (query.q, query.total, query.facets) = (Some(q.to_owned()), true, true));
        let counted = counted.expect("answers");
        let count = |count: usize| match u32::try_from(count).expect("few") {
            count @ ..=1_000 => Count::Exactly(count),
            _ => Count::More,
        };
        assert_eq!(counted.total, Some(count(newest.len())), "{q}");
        let facets = counted.facets.expect("asked for");
        let places = facets.get("country").into_iter().flatten().find(|facet| facet.value == "CL");
        assert_eq!(places.map(|facet| facet.count), (!newest.is_empty()).then(|| count(newest.len())), "{q}");
    }
    views.shutdown().await;
}

fn every_page(views: &Views, change: impl Fn(&mut ListQuery)) -> Vec<u128> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask(views, |query| {
            change(query);
            (query.limit, query.cursor) = (PAGE_LIMIT, cursor.take());
        });
        let page = page.expect("answers");
        found.extend(page.items.iter().map(|item| item.id.as_u128() & 0xffff));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_facets_agree() {
    let mut ledger = Ledger::open(1).await;
    Story::new(12).tell(&mut ledger, 2_000);
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 500).await;
    settle(&views, ledger.head()).await;
    let facets = ask(&views, |query| query.facets = true).expect("answers").facets.expect("asked for");
    assert!(facets.keys().any(|field| field == "country") && !facets.contains_key("organisation"));
    for facet in &facets["mechanism"] {
        let page = ask(&views, |query| {
            query.filters.mechanisms = vec![facet.value.clone()];
            query.total = true;
        });
        assert_eq!(page.expect("answers").total, Some(facet.count), "{}", facet.value);
    }
    let goal =
        ask(&views, |query| (query.filters.themes, query.total) = (vec!["sdg:3".to_owned()], true)).expect("answers");
    let targets = |facet: &&convenio_projections::collection::FacetCount| facet.value.starts_with("sdg:3.");
    let counts = facets["theme"].iter().filter(targets).map(|facet| match facet.count {
        Count::Exactly(count) => count,
        Count::More => panic!("a small story"),
    });
    assert_eq!(goal.total, Some(Count::Exactly(counts.sum())), "a goal is all its targets");
    assert_eq!(ask(&views, |query| query.filters.countries = vec!["ZZ".to_owned()]).expect("answers").items.len(), 0);
    let many = ask(&views, |query| query.filters.countries = vec!["PE".to_owned(); 51]);
    assert!(matches!(many, Err(QueryError::Refused { code: "too-many-values", .. })));
    let cursor = ask(&views, |query| query.cursor = Some("nonsense".to_owned()));
    assert!(matches!(cursor, Err(QueryError::Refused { code: "cursor-invalid", .. })));
    views.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_as_it_was() {
    let mut ledger = Ledger::open(1).await;
    publish(&mut ledger, 1, "en", "First");
    publish(&mut ledger, 2, "en", "Second");
    let then = ledger.head();
    ledger.put(offer(1), by(id(1)), Audience::Public, listing::Paused {}, None);
    publish(&mut ledger, 3, "en", "Third");
    ledger.commit().await;
    let folder = tempfile::tempdir().expect("folder");
    let views = start(folder.path(), &ledger.log, 100).await;
    settle(&views, ledger.head()).await;
    let at = |position: Sequence| {
        let page = ask(&views, |query| (query.as_of, query.total) = (Some(position), true)).expect("answers");
        assert_eq!(page.total, Some(Count::Exactly(u32::try_from(page.items.len()).expect("few"))));
        let states = page.items.iter().map(|item| {
            let json: serde_json::Value = serde_json::from_str(item.document.get()).expect("JSON");
            (item.id.as_u128() & 0xffff, json["state"].as_str().expect("a state").to_owned())
        });
        states.collect::<Vec<_>>()
    };
    let open = |number| (number, "open".to_owned());
    assert_eq!(at(Sequence::ZERO), []);
    assert_eq!(at(then), [open(2), open(1)]);
    assert_eq!(at(ledger.head()), [open(3), (1, "paused".to_owned()), open(2)]);
    let paused = ask(&views, |query| {
        (query.as_of, query.filters.states) = (Some(ledger.head()), vec!["paused".to_owned()]);
    });
    assert_eq!(paused.expect("answers").items.len(), 1);
    for change in [|query: &mut ListQuery| query.q = Some("x".to_owned()), |query: &mut ListQuery| query.facets = true]
    {
        let refused = ask(&views, |query| {
            query.as_of = Some(then);
            change(query);
        });
        assert!(matches!(refused, Err(QueryError::Refused { code: "as-of-without-search", .. })));
    }
    let reader = views.read(ViewName::Board).expect("reads");
    let anonymous = ReaderIdentity::default();
    let all = versions(&reader, &anonymous, offer(1)).expect("answers").expect("there");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].to_sequence, Some(all[1].from_sequence));
    for one in all {
        let item = version(&reader, &anonymous, offer(1), one.stream_version).expect("answers").expect("there");
        assert_eq!(item.updated_sequence, one.from_sequence);
        let same =
            record_as_of(&reader, &anonymous, offer(1), one.from_sequence.next()).expect("answers").expect("there");
        assert_eq!(same.document.get(), item.document.get());
    }
    assert!(record_as_of(&reader, &anonymous, offer(3), then).expect("answers").is_none());
    drop(reader);
    views.shutdown().await;
}
