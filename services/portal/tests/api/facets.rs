//! Facets: each is a filter, and what it counts is what the filter finds.

use crate::app::{App, MINISTRY, SOCIOS, UNIVERSITY, User, agreement, listing, text, uuid};
use axum::http::StatusCode;
use convenio_events::{RecordKind, code_list};
use convenio_portal::{Parameters, list_query, routes::collections};
use convenio_projections::document::{ROLES_BESIDE_PARTIES, State};
use serde_json::json;
use std::collections::BTreeSet;

const TAKEN: u128 = 0xfe;

/// Of each kind more than one, which differ in what facets count: of two offers an agreement takes something from one, and of two
/// learnings one says nothing of its level.
async fn with_records_that_differ() -> App {
    let app = App::with_cast().await;
    app.accept(User::Socios, "publish-offer", listing(0xff, "Training in diagnosis")).await;
    app.accept(User::Socios, "publish-offer", listing(TAKEN, "Laboratory equipment")).await;
    app.accept(User::Ministry, "publish-demand", listing(0xde, "Training needed")).await;
    let mut taking = agreement(0xa9);
    taking["terms"]["commitments"] = json!([{
        "id": uuid(0xc1), "provider": uuid(SOCIOS), "receiver": uuid(MINISTRY),
        "quantity": {"amount": "3", "unit": "expert-days"}, "source": format!("offer/{}", uuid(TAKEN)),
    }]);
    app.accept(User::Socios, "draft-agreement", taking).await;
    app.accept(User::Socios, "propose-agreement", json!({"id": uuid(0xa9)})).await;
    app.settle().await;
    let drafted = app.get(User::Socios, &format!("/api/v1/agreements/{}", uuid(0xa9))).await.json();
    let signature = json!({"id": uuid(0xa9), "terms_digest": drafted["terms_digest"]});
    app.accept(User::Socios, "sign-agreement", signature).await;
    // Of two agreements that nobody has confirmed yet, one is denied.
    for id in [0xaa, 0xab] {
        app.accept(User::Socios, "draft-agreement", agreement(id)).await;
        app.accept(User::Socios, "propose-agreement", json!({"id": uuid(id)})).await;
    }
    app.accept(User::Ministry, "deny-agreement", json!({"id": uuid(0xab)})).await;
    for (id, command) in [(0x1e1, "register-learning"), (0x1e2, "submit-learning")] {
        let content =
            json!({"kind": "lesson", "authors": [uuid(SOCIOS)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
        let words = json!({"title": text("What we learnt"), "lessons": text("Meet in person.")});
        app.accept(User::Socios, command, json!({"id": uuid(id), "content": content, "text": words})).await;
    }
    app.accept(User::Socios, "publish-learning", json!({"id": uuid(0x1e2)})).await;
    app.settle().await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn every_facet_is_a_filter_and_a_value_that_no_list_holds_is_refused() {
    let app = with_records_that_differ().await;
    let (mut facets, mut telling) = (0, BTreeSet::new());
    for collection in collections() {
        let path = format!("/api/v1/{}", collection.kind.plural());
        let counted = app.get(User::Admin, &format!("{path}?facets=true&total=true")).await.json();
        for (facet, values) in counted["facets"].as_object().expect("facets") {
            for value in values.as_array().expect("values") {
                let (value, count) = (value["value"].as_str().expect("a value"), &value["count"]);
                let found = app.get(User::Admin, &format!("{path}?{facet}={value}&total=true")).await;
                assert_eq!(found.status, StatusCode::OK, "{path} {facet}={value}: {}", found.body);
                assert_eq!(found.json()["total"], *count, "{path} {facet}={value}");
                facets += 1;
                if *count != counted["total"] {
                    telling.insert(facet.clone());
                }
            }
            let wrong = app.get(User::Admin, &format!("{path}?{facet}=no-such-value-0")).await;
            assert_eq!(wrong.said(), format!("400 filter-value-unknown@{facet}"), "{path}");
        }
    }
    assert!(facets > 15, "{facets}");
    for facet in ["attestation", "commitment_level", "level", "verification"] {
        assert!(telling.contains(facet), "whether {facet} filters is not told: {telling:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_expires_without_an_event_and_everything_says_so() {
    let app = App::with_cast().await;
    let until = json!({"id": uuid(UNIVERSITY), "method": "operator", "valid_through": "2026-01-20"});
    app.accept(User::Operator, "verify-organisation", until).await;
    app.settle().await;
    let state = async || {
        let found = async |word: &str| {
            let path = format!("/api/v1/organisations?verification={word}&total=true&facets=true");
            let page = app.get(User::Anonymous, &path).await.json();
            let total = page["total"].as_u64().unwrap_or_else(|| panic!("{page}"));
            // What a filter finds says that it is so, and so does its own facet.
            let items = page["items"].as_array().expect("items");
            assert!(items.iter().all(|item| item["verification"]["state"] == word), "{word}: {page}");
            assert_eq!(items.len() as u64, total);
            if total > 0 {
                assert_eq!(page["facets"]["verification"], json!([{"value": word, "count": total}]));
            }
            total
        };
        let all = app.get(User::Anonymous, "/api/v1/organisations?facets=true").await.json();
        let counted: Vec<String> = all["facets"]["verification"]
            .as_array()
            .expect("values")
            .iter()
            .map(|one| format!("{} {}", one["value"].as_str().expect("a code"), one["count"]))
            .collect();
        let own = format!("organisations/{}", uuid(UNIVERSITY));
        let record = app.get(User::Anonymous, &format!("/api/v1/{own}")).await;
        let exported = app.get(User::Anonymous, "/api/v1/export/organisations").await.lines();
        let exported = exported.iter().find(|line| line["id"] == uuid(UNIVERSITY)).expect("it is there").clone();
        assert_eq!(exported, record.json());
        let page = app.get(User::Anonymous, &format!("/en/{own}")).await.body;
        let marks = (page.contains("Verified"), page.contains("Verification expired"));
        let state = record.json()["verification"]["state"].as_str().expect("a code").to_owned();
        ((found("verified").await, found("expired").await), counted.join(", "), state, marks)
    };
    assert_eq!(state().await, ((4, 0), "verified 4".to_owned(), "verified".to_owned(), (true, false)));
    app.clock.advance(5 * 86_400);
    assert_eq!(state().await.0, (4, 0), "its last day is not over");
    app.clock.advance(86_400);
    let expired = ((3, 1), "verified 3, expired 1".to_owned(), "expired".to_owned(), (false, true));
    let (found, counted, word, marks) = state().await;
    assert_eq!((found, counted, word, marks.1), (expired.0, expired.1, expired.2, expired.3.1));
    let past = format!("/api/v1/organisations/{}?as_of_sequence={}", uuid(UNIVERSITY), app.head());
    let past = app.get(User::Anonymous, &past).await.json();
    assert_eq!(past["verification"]["state"], "verified", "the past is as it was recorded");
    app.accept(User::Admin, "revoke-verification", json!({"id": uuid(UNIVERSITY), "reason": "It moved"})).await;
    app.settle().await;
    assert_eq!(state().await.0, (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_takes_every_code_of_its_list_and_names_the_list_where_it_does_not() {
    let app = with_records_that_differ().await;
    let (mut asked, mut taken) = (0, 0);
    for collection in collections() {
        let types = match collection.kind {
            RecordKind::Organisation => "organisation-kinds",
            RecordKind::Agreement => "instruments",
            RecordKind::Learning => "learning-kinds",
            RecordKind::Convening => "convening-formats",
            RecordKind::Offer | RecordKind::Demand | RecordKind::Ledger | RecordKind::Access => "",
        };
        let own = format!("{}-states", collection.kind);
        let filters = [
            ("state", "states"),
            ("state", own.as_str()),
            ("theme", "themes"),
            ("country", "countries"),
            ("language", "languages"),
            ("mechanism", "mechanisms"),
            ("modality", "modalities"),
            ("attestation", "attestations"),
            ("verification", "verification-states"),
            ("level", "learning-levels"),
            ("commitment_level", "commitment-levels"),
            ("role", "roles"),
            ("kind", "record-kinds"),
            ("type", types),
        ];
        let path = format!("/api/v1/{}", collection.kind.plural());
        for (filter, list) in filters.into_iter().filter(|(_, list)| !list.is_empty()) {
            let codes = app.get(User::Anonymous, &format!("/api/v1/codes/{list}")).await.json();
            let codes = codes["items"].as_array().unwrap_or_else(|| panic!("{list}: {codes}"));
            let codes: Vec<&str> = codes.iter().map(|item| item["code"].as_str().expect("a code")).collect();
            for some in codes.chunks(50) {
                let answer = app.get(User::Anonymous, &format!("{path}?limit=1&{filter}={}", some.join(","))).await;
                assert_eq!(answer.status, StatusCode::OK, "{filter} of {list}: {}", answer.body);
                (asked, taken) = (asked + 1, taken + some.len());
            }
            let wrong = app.get(User::Anonymous, &format!("{path}?{filter}=no-such-value-0")).await;
            let named = if list == "states" { &own } else { list };
            assert!(wrong.body.contains(&format!("/api/v1/codes/{named}")), "{filter}: {}", wrong.body);
        }
    }
    assert!(asked > 100 && taken > 3_000, "{asked} {taken}");
    let mut school_meals = listing(0x5c, "School meals");
    school_meals["terms"]["themes"] = json!(["dac:11250"]);
    app.accept(User::Socios, "publish-offer", school_meals).await;
    app.settle().await;
    for (theme, found) in [("dac:11250", 1), ("dac:112", 1), ("dac:121", 0), ("sdg:3", 2), ("dac:112,sdg:3", 3)] {
        let page = app.get(User::Anonymous, &format!("/api/v1/offers?theme={theme}&total=true")).await.json();
        assert_eq!(page["total"], found, "{theme}");
    }
}

/// What is asked for by a filter, without a node that answers.
fn is_taken(kind: RecordKind, filter: &str, value: &str) -> bool {
    let query = serde_urlencoded::to_string([(filter, value)]).expect("pairs of texts can be written");
    let mut parameters = Parameters::parse(Some(&query)).expect("a query");
    list_query(&mut parameters, kind).is_ok()
}

#[test]
fn the_list_of_a_filter_holds_what_it_takes_and_nothing_else() {
    /// Of long lists, as many codes as tell.
    const ENOUGH: usize = 60;
    // Themes and languages are open: other vocabularies have more of them than lists can hold.
    let lists = [
        ("state", "states"),
        ("country", "countries"),
        ("mechanism", "mechanisms"),
        ("modality", "modalities"),
        ("attestation", "attestations"),
        ("verification", "verification-states"),
        ("level", "learning-levels"),
        ("commitment_level", "commitment-levels"),
        ("role", "roles"),
        ("kind", "record-kinds"),
    ];
    let codes = |list: &code_list::CodeList| {
        list.items().iter().take(ENOUGH).map(|item| item.code.clone()).collect::<BTreeSet<String>>()
    };
    let mut known: BTreeSet<String> = code_list::all().flat_map(codes).collect();
    known.extend(ROLES_BESIDE_PARTIES.map(str::to_owned));
    known.extend(State::ALL.iter().map(|state| state.word().to_owned()));
    for collection in collections() {
        for (filter, list) in lists {
            let list = code_list::list(list).expect("a list");
            let taken: BTreeSet<_> = known.iter().filter(|code| is_taken(collection.kind, filter, code)).collect();
            let held: BTreeSet<_> = known.iter().filter(|code| list.get(code).is_some()).collect();
            assert_eq!(taken, held, "{} {filter}", collection.kind);
        }
    }
}
