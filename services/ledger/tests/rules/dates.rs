//! Dates that cannot be, and other things that contradict each other in one record: each is refused with a code of its own.

use crate::{
    agreements::bring_to,
    cast::{By, MINISTRY, SITE, SOCIOS, agreement, convening, text, uuid, with},
    node::{Call, Node},
};
use convenio_ledger::rejection::Refusal;
use serde_json::{Value, json};

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
/// Every pair at its pointer in the agreement.
fn agreement_with(id: u128, changes: &[(&str, Value)]) -> Value {
    changes.iter().fold(agreement(id), |data, (pointer, value)| with(data, pointer, value.clone()))
}

#[tokio::test(start_paused = true)]
async fn what_was_concluded_elsewhere_ends_after_it_began_as_exactly_as_both_are_known() {
    let node = Node::with_cast().await;
    let ended = "dates-reversed@ended_on";
    for (id, (changes, expected)) in (2..).zip([
        (vec![("/concluded_on", "2007-12-01"), ("/ended_on", "2007-02-01")], ended),
        (vec![("/concluded_on", "2007-12"), ("/ended_on", "2007-11-30")], ended),
        (vec![("/concluded_on", "2010"), ("/ended_on", "2009")], ended),
        (vec![("/terms/effective_on", "2010-01-01"), ("/ended_on", "2009")], ended),
        (vec![("/terms/effective_on", "2010-06-01"), ("/ended_on", "2010-05")], ended),
        (vec![("/terms/ends_on", "2009-12-31"), ("/concluded_on", "2010")], "dates-reversed@terms.ends_on"),
        (vec![("/terms/effective_on", "2010-06-01"), ("/terms/ends_on", "2010-05-31")], "dates-reversed@terms.ends_on"),
        (vec![("/concluded_on", "2007-12-01"), ("/ended_on", "2007")], ""),
        (vec![("/concluded_on", "2007"), ("/ended_on", "2007-02-01")], ""),
        (vec![("/terms/effective_on", "2010-06-01"), ("/ended_on", "2010")], ""),
        (vec![("/terms/ends_on", "2010-03-01"), ("/concluded_on", "2010")], ""),
    ]) {
        let changes: Vec<_> = changes.into_iter().map(|(at, date)| (at, json!(date))).collect();
        let said = node.tell(By::Socios, "register-agreement", agreement_with(id, &changes)).await;
        assert_eq!(said, if expected.is_empty() { "(agreement.registered)" } else { expected }, "{changes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_convening_ends_after_it_began_as_exactly_as_both_are_known() {
    let node = Node::with_cast().await;
    let plan = |id: u128, starts: &str, ends: &str| {
        with(with(convening(id), "/plan/starts_on", json!(starts)), "/plan/ends_on", json!(ends))
    };
    for (id, (starts, ends, reversed)) in (2..).zip([
        ("2025-06-10", "2025-06-09", true),
        ("2025-06", "2025-05-31", true),
        ("2025", "2024", true),
        ("2025-06-10", "2025", false),
        ("2025-06-10", "2025-06", false),
        ("2025", "2025-02-01", false),
    ]) {
        for command in ["announce-convening", "register-convening"] {
            let id = id + if command.starts_with('a') { 0 } else { 0x100 };
            let said = node.tell(By::Socios, command, plan(id, starts, ends)).await;
            assert_eq!(said == "dates-reversed@plan.ends_on", reversed, "{starts} {ends}: {said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_signed_looks_ahead() {
    let node = Node::with_cast().await;
    let due = |date: &str| json!([{"id": uuid(1), "due": date}]);
    let gives =
        |date: &str| json!([{"id": uuid(1), "provider": uuid(SOCIOS), "receiver": uuid(MINISTRY), "due": date}]);
    let term = [("/terms/effective_on", json!("2026-02-01")), ("/terms/ends_on", json!("2026-06-30"))];
    for (pointer, value, expected) in [
        ("/terms/review_on", json!("2026-01-14"), "review-in-past@terms.review_on"),
        ("/terms/review_on", json!("2026-07-01"), "review-outside-term@terms.review_on"),
        ("/terms/review_on", json!("2026-01-31"), "review-outside-term@terms.review_on"),
        ("/terms/milestones", due("2026-07-01"), "due-outside-term@terms.milestones[0].due"),
        ("/terms/milestones", due("2026-01-31"), "due-outside-term@terms.milestones[0].due"),
        ("/terms/commitments", gives("2026-07-01"), "due-outside-term@terms.commitments[0].due"),
        ("/terms/commitments", gives("2026-01-31"), "due-outside-term@terms.commitments[0].due"),
        ("/terms/ends_on", json!("2026-01-14"), "dates-reversed@terms.ends_on"),
        ("/terms/review_on", json!("2026-06-30"), ""),
        ("/terms/milestones", due("2026-02-01"), ""),
        ("/terms/commitments", gives("2026-06-30"), ""),
    ] {
        let mut changes = term.to_vec();
        changes.push((pointer, value));
        let id = 0x10 + u128::from(node.head());
        let said = node.tell(By::Socios, "draft-agreement", agreement_with(id, &changes)).await;
        assert_eq!(said, if expected.is_empty() { "(agreement.drafted)" } else { expected }, "{changes:?}");
    }
    // A review that has passed since it was drafted is planned anew before it is proposed.
    node.accept(By::Socios, "draft-agreement", agreement_with(2, &[("/terms/review_on", json!("2026-01-16"))])).await;
    node.setup.clock.advance_to("2026-01-17T12:00:00Z");
    assert_eq!(node.tell(By::Socios, "propose-agreement", only(2)).await, "review-in-past@terms.review_on");
    // Without a first day it begins today at the earliest.
    for (pointer, value, expected) in [
        ("/terms/milestones", due("2026-01-16"), "due-outside-term@terms.milestones[0].due"),
        ("/terms/commitments", gives("2008-01-01"), "due-outside-term@terms.commitments[0].due"),
        ("/terms/ends_on", json!("2026-01-16"), "date-in-past@terms.ends_on"),
    ] {
        let said = node.tell(By::Socios, "draft-agreement", agreement_with(4, &[(pointer, value)])).await;
        assert_eq!(said, expected);
    }
    // What was concluded elsewhere was reviewed long ago.
    let past =
        agreement_with(3, &[("/terms/review_on", json!("2020-01-01")), ("/terms/milestones", due("2030-01-01"))]);
    assert_eq!(node.tell(By::Socios, "register-agreement", past).await, "(agreement.registered)");
}

#[tokio::test(start_paused = true)]
async fn nobody_signs_what_is_over_or_what_was_due_before_it_begins() {
    let node = Node::with_cast().await;
    let soon = json!([{"id": uuid(1), "due": "2026-01-16"}]);
    for (id, (pointer, value, expected)) in (2..).zip([
        ("/terms/ends_on", json!("2026-01-16"), "date-in-past@terms.ends_on"),
        ("/terms/review_on", json!("2026-01-16"), "review-in-past@terms.review_on"),
        ("/terms/milestones", soon, "due-outside-term@terms.milestones[0].due"),
    ]) {
        node.setup.clock.advance_to("2026-01-15T12:00:00Z");
        let node = if id == 2 { &node } else { &Node::with_cast().await };
        node.accept(By::Socios, "draft-agreement", agreement_with(id, &[(pointer, value)])).await;
        node.accept(By::Socios, "propose-agreement", only(id)).await;
        assert_eq!(node.sign(By::Socios, id).await, "(agreement.signed)");
        node.setup.clock.advance_to("2026-01-19T12:00:00Z");
        assert_eq!(node.sign(By::Ministry, id).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_convening_is_not_put_off_once_it_took_place_nor_into_the_past() {
    let node = Node::with_cast().await;
    let later = |id: u128, starts: &str| json!({"id": uuid(id), "starts_on": starts});
    let day = json!({"title": text("A day")});
    let session = |id: u128| json!({"id": uuid(id), "kind": "plenary", "text": day});
    let visit = |id: u128| json!({"id": uuid(id), "host": uuid(SOCIOS), "facilities": ["pharmacy"], "text": day});
    node.accept(By::Socios, "announce-convening", with(convening(2), "/plan/starts_on", json!("2027-05-05"))).await;
    for (command, data) in [("record-session", session(2)), ("record-visit", visit(2))] {
        assert_eq!(node.tell(By::Socios, command, data).await, "date-in-future@occurred_on", "{command}");
    }
    assert_eq!(node.tell(By::Socios, "postpone-convening", later(2, "2020-01-01")).await, "date-in-past@starts_on");
    let call = Call::new(By::Socios.credential(), "postpone-convening", &later(2, "2020-01-01"));
    let Err(Refusal::Rejected(refused)) = node.answer(&call).await else { panic!("it is over") };
    assert_eq!(refused.detail.as_deref(), Some("today is 2026-01-15 in its time zone"), "what would be right is said");
    node.accept(By::Socios, "postpone-convening", later(2, "2026-01-15")).await;
    node.accept(By::Socios, "record-session", session(2)).await;
    assert_eq!(node.tell(By::Socios, "postpone-convening", later(2, "2027-01-01")).await, "convening-over");
}

#[tokio::test(start_paused = true)]
async fn nobody_commits_itself_to_itself_but_sites_of_one_organisation() {
    let node = Node::with_cast().await;
    let own = json!([{"id": uuid(1), "provider": uuid(SOCIOS), "receiver": uuid(SOCIOS)}]);
    for command in ["draft-agreement", "register-agreement"] {
        let said = node.tell(By::Socios, command, agreement_with(2, &[("/terms/commitments", own.clone())])).await;
        assert_eq!(said, "commitment-to-itself@terms.commitments[0].receiver", "{command}");
    }
    let party = |site: Value| {
        with(json!({"organisation": uuid(SOCIOS), "roles": ["offering"], "side": "PE", "signs": true}), "/site", site)
    };
    let internal = agreement_with(
        2,
        &[
            ("/terms/modality", json!("internal")),
            ("/terms/parties", json!([party(json!(uuid(SITE))), party(Value::Null)])),
            ("/terms/commitments", own),
        ],
    );
    assert_eq!(node.tell(By::Socios, "draft-agreement", internal).await, "(agreement.drafted)");
}

#[tokio::test(start_paused = true)]
async fn the_language_that_prevails_is_one_of_the_languages() {
    let node = Node::with_cast().await;
    for (languages, expected) in [
        (json!(["fr", "es"]), "prevailing-language-not-listed@terms.prevailing_language"),
        (json!([]), "prevailing-language-not-listed@terms.prevailing_language"),
        (json!(["fr", "pt"]), ""),
    ] {
        for (command, accepted) in
            [("draft-agreement", "(agreement.drafted)"), ("register-agreement", "(agreement.registered)")]
        {
            let id = 0x10 + u128::from(node.head());
            let changes = [("/terms/languages", languages.clone()), ("/terms/prevailing_language", json!("pt"))];
            let said = node.tell(By::Socios, command, agreement_with(id, &changes)).await;
            assert_eq!(said, if expected.is_empty() { accepted } else { expected }, "{command} {languages}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_and_visits_lie_in_the_past_and_within_their_convening() {
    let node = Node::with_cast().await;
    let plan = with(with(convening(2), "/plan/starts_on", json!("2025-03-10")), "/plan/ends_on", json!("2025-03-12"));
    node.accept(By::Socios, "register-convening", plan).await;
    node.accept(By::Socios, "register-convening", with(convening(3), "/plan/starts_on", json!("2025-03"))).await;
    node.accept(By::Socios, "announce-convening", with(convening(4), "/plan/starts_on", json!("2026-02-01"))).await;
    let outside = "outside-convening@occurred_on";
    let cases = [
        (2, "2024", outside),
        (2, "2025-03-09", outside),
        (2, "2025-03-13", outside),
        (2, "2025-04", outside),
        (2, "2025-03-11", ""),
        (2, "2025-03", ""),
        (2, "2025", ""),
        (3, "2025-02-28", outside),
        (3, "2025-04-02", ""),
        (3, "2026-02", "date-in-future@occurred_on"),
        (4, "2026-02-01", "date-in-future@occurred_on"),
        (4, "2026-01-15", outside),
    ];
    for (id, date, expected) in cases {
        let session = json!({"id": uuid(id), "kind": "plenary", "occurred_on": date, "text": {"title": text("A day")}});
        let visit = json!({
            "id": uuid(id), "host": uuid(SOCIOS), "facilities": ["pharmacy"], "occurred_on": date,
            "text": {"title": text("A day")},
        });
        for (command, data, accepted) in [
            ("record-session", session, "convening.session-recorded"),
            ("record-visit", visit, "convening.visit-recorded"),
        ] {
            let said = node.tell(By::Socios, command, data).await;
            assert_eq!(said, if expected.is_empty() { accepted } else { expected }, "{command} {date}");
        }
    }
    assert_eq!(node.tell(By::Socios, "hold-convening", only(4)).await, "date-in-future", "it has not begun");
    node.setup.clock.advance_to("2026-02-01T12:00:00Z");
    assert_eq!(node.tell(By::Socios, "hold-convening", only(4)).await, "convening.held");
}

#[tokio::test(start_paused = true)]
async fn a_session_or_a_visit_is_recorded_once_under_its_id() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "register-convening", convening(2)).await;
    let session = json!({"id": uuid(2), "session": uuid(9), "kind": "plenary", "text": {"title": text("A day")}});
    let visit = json!({
        "id": uuid(2), "visit": uuid(9), "host": uuid(SOCIOS), "facilities": ["pharmacy"], "text": {"title": text("A day")},
    });
    node.accept(By::Socios, "record-session", session.clone()).await;
    node.accept(By::Socios, "record-visit", visit.clone()).await;
    assert_eq!(node.tell(By::Socios, "record-session", session).await, "id-exists@session");
    assert_eq!(node.tell(By::Socios, "record-visit", visit).await, "id-exists@visit");
}

#[tokio::test(start_paused = true)]
async fn a_signature_on_the_platform_has_no_other_day_than_today() {
    let node = Node::with_cast().await;
    bring_to(&node, "proposed", agreement(2)).await;
    let sign = async |method: Option<&str>, on: Option<&str>| {
        let mut data = json!({"id": uuid(2), "terms_digest": node.terms_digest(2).await});
        for (name, value) in [("method", method), ("on", on)] {
            if let Some(value) = value {
                data[name] = json!(value);
            }
        }
        node.tell(By::Socios, "sign-agreement", data).await
    };
    for method in [None, Some("platform")] {
        for day in ["2026-10-02", "2026-01-15", "2025-12-24"] {
            assert_eq!(sign(method, Some(day)).await, "day-of-platform@on", "{method:?} {day}");
        }
    }
    assert_eq!(sign(Some("paper"), Some("2026-10-02")).await, "date-in-future@on");
    assert_eq!(sign(Some("paper"), Some("2025-12-24")).await, "(agreement.signed)");
}

#[tokio::test(start_paused = true)]
async fn what_was_concluded_between_two_has_two_sides_as_far_as_they_are_known() {
    let node = Node::with_cast().await;
    let three = |sides: [Value; 3]| {
        let party = |at: usize, side: &Value| {
            let organisation = [SOCIOS, MINISTRY, crate::cast::UNIVERSITY][at];
            with(json!({"organisation": uuid(organisation), "roles": ["offering"]}), "/side", side.clone())
        };
        let parties: Vec<_> = sides.iter().enumerate().map(|(at, side)| party(at, side)).collect();
        agreement_with(0x10 + 3, &[("/terms/parties", json!(parties))])
    };
    for (sides, expected) in [
        ([json!("a"), json!("b"), json!("c")], "bilateral-sides@terms.parties"),
        ([json!("a"), json!("a"), json!("a")], "bilateral-sides@terms.parties"),
        ([json!("a"), json!("b"), Value::Null], "(agreement.registered)"),
    ] {
        assert_eq!(node.tell(By::Socios, "register-agreement", three(sides)).await, expected);
    }
}
