//! Facets: each is a filter, and what it counts is what the filter finds.

use crate::app::{App, MINISTRY, SOCIOS, User, agreement, listing, text, uuid};
use axum::http::StatusCode;
use convenio_portal::routes::COLLECTIONS;
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
    for collection in COLLECTIONS {
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
    for facet in ["commitment_level", "level", "verification"] {
        assert!(telling.contains(facet), "whether {facet} filters is not told: {telling:?}");
    }
}
