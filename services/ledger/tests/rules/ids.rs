//! Command ids, record ids, versions and the order in which refusals are told. What the sequencer does when the log fails is
//! simulated elsewhere.

use crate::{
    agreements::bring_to,
    cast::{By, MINISTRY, SOCIOS, agreement, convening, grant, learning, listing, organisation, uuid, with},
    node::{Call, Node, Setup},
};
use convenio_events::{Actor, Id, RecordKind, Subject};
use convenio_ledger::{
    memory_stores::{MemoryIndex, MemoryState},
    rejection::{Accepted, Refusal},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

#[tokio::test(start_paused = true)]
async fn the_same_command_again_is_answered_as_before_and_recorded_once() {
    let node = Node::with_cast().await;
    let call = Call::new(By::Socios.credential(), "submit-learning", &learning(1, &[SOCIOS])).under(7);
    let first = node.answer(&call).await.expect("accepted");
    assert!(!first.replay && first.events.len() == 2 && first.stream_version.0 == 1);
    node.accept(By::Socios, "publish-learning", only(1)).await;
    let head = node.head();
    let again = node.answer(&call).await.expect("known");
    assert_eq!(again, Accepted { replay: true, ..first.clone() });
    // The order of members and white space are not part of what was asked.
    let text = String::from_utf8(call.data.clone()).expect("is text");
    let spaced = Call { data: text.replace("\":", "\" : ").into(), ..call.clone() };
    assert!(node.answer(&spaced).await.expect("known").replay);
    assert_eq!(node.head(), head, "nothing was recorded again");
    // And after a restart that has nothing but the log.
    let setup = node.stop().await.expect("stops in peace");
    let (state, index) = (Arc::new(MemoryState::default()), Arc::new(MemoryIndex::default()));
    let node = Setup { state, index, ..setup }.start();
    assert_eq!(node.answer(&call).await.expect("known"), again);
}

#[tokio::test(start_paused = true)]
async fn an_id_that_was_used_is_refused_for_anything_else() {
    let node = Node::with_cast().await;
    let pause = Call::new(By::Socios.credential(), "pause-offer", &only(1)).under(7);
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    assert_eq!(node.send(pause.clone()).await, "offer.paused");
    let others = [
        Call { command: "resume-offer".to_owned(), ..pause.clone() },
        Call { data: only(2).to_string().into(), ..pause.clone() },
        pause.clone().expecting(0),
    ];
    for other in others {
        assert_eq!(node.send(other).await, "command-id-reused");
    }
    // Ids are an organisation's own: another one's same id is another command.
    let other = Call::new(By::Ministry.credential(), "publish-demand", &listing(3)).under(7);
    assert_eq!(node.send(other).await, "demand.published");
    // Another grant of the same organisation is the same caller.
    assert!(node.answer(&Call { credential: By::Clerk.credential(), ..pause }).await.expect("known").replay);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_binds_no_id() {
    let node = Node::with_cast().await;
    let pause = Call::new(By::Socios.credential(), "pause-offer", &only(1)).under(7);
    assert_eq!(node.send(pause.clone()).await, "record-unknown");
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    assert_eq!(node.send(pause).await, "offer.paused");
}

#[tokio::test(start_paused = true)]
async fn a_double_that_is_under_way_joins_the_first() {
    let node = Node::with_cast().await;
    let call = Call::new(By::Socios.credential(), "publish-offer", &listing(1)).under(7);
    let other = Call { data: listing(2).to_string().into(), ..call.clone() };
    let (first, double, other) = tokio::join!(node.answer(&call), node.answer(&call), node.answer(&other));
    let (first, double) = (first.expect("accepted"), double.expect("joined"));
    assert_eq!((first.replay, double.replay, &first.events), (false, true, &double.events));
    assert!(matches!(other, Err(Refusal::Rejected(rejection)) if rejection.code == "command-id-reused"));
}

#[tokio::test(start_paused = true)]
async fn what_is_made_without_an_id_gets_one_from_its_command() {
    let node = Node::with_cast().await;
    let call = Call::new(By::Socios.credential(), "publish-offer", &with(listing(1), "/id", Value::Null)).under(7);
    let accepted = node.answer(&call).await.expect("accepted");
    let scope = Actor::Organisation(Id::new(Uuid::from_u128(SOCIOS))).scope();
    let id = Uuid::new_v5(&scope, call.id.uuid().as_bytes());
    assert_eq!(accepted.subject, Subject::new(RecordKind::Offer, id));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_shown_must_be_the_present_one() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    let pause = Call::new(By::Socios.credential(), "pause-offer", &only(1));
    assert_eq!(node.send(pause.clone().expecting(1)).await, "stale-version");
    assert_eq!(node.send(pause.expecting(0)).await, "offer.paused");
    // What does not exist yet has no version.
    let publish = Call::new(By::Socios.credential(), "publish-offer", &listing(2)).expecting(0);
    assert_eq!(node.send(publish).await, "stale-version");
    let subject = format!("offer/{}", uuid(1));
    let hide =
        Call::new(By::Socios.credential(), "set-visibility", &json!({"subject": subject, "visibility": "members"}));
    assert_eq!(node.send(hide.clone().expecting(0)).await, "stale-version");
    assert_eq!(node.send(hide.expecting(1)).await, "offer.visibility-changed");
}

/// Each command breaks two rules or more; the first in the order of precedence is told.
#[tokio::test(start_paused = true)]
async fn of_several_reasons_the_first_in_order_is_told() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    node.accept(By::Socios, "withdraw-offer", only(1)).await;
    node.accept(By::Socios, "announce-convening", convening(1)).await;
    bring_to(&node, "registered", with(agreement(1), "/visibility", json!("public"))).await;
    let untimely = with(listing(1), "/terms/themes", json!([]));
    let stale = |by: By, command: &str, data: Value| Call::new(by.credential(), command, &data).expecting(9);
    let cases = [
        (stale(By::Robot, "pause-offer", json!({"colour": 1})), "unknown-field@colour"),
        (stale(By::Robot, "pause-offer", only(0xdead)), "role-required"),
        (stale(By::Socios, "pause-offer", only(0xdead)), "record-unknown"),
        (stale(By::Ministry, "pause-offer", only(1)), "not-owner"),
        (stale(By::Socios, "pause-offer", only(1)), "stale-version"),
        (stale(By::Rector, "confirm-agreement", only(1)), "not-party"),
        (Call::new(By::Rector.credential(), "confirm-agreement", &only(1)), "not-party"),
        (stale(By::Socios, "publish-offer", untimely), "id-exists@id"),
        // Whether a record exists is no business of whoever may not make one.
        (Call::new(By::University.credential(), "draft-agreement", &agreement(1)), "not-party"),
        (
            Call::new(By::Socios.credential(), "register-organisation", &organisation(SOCIOS, "holder")),
            "role-required@standing",
        ),
        (Call::new(By::Ministry.credential(), "submit-learning", &learning(1, &[SOCIOS])), "not-owner@content.authors"),
        (Call::new(By::Ministry.credential(), "announce-convening", &convening(1)), "not-owner@plan.organisers"),
        (
            Call::new(By::Socios.credential(), "grant-access", &grant(By::Robot.grant(), "recorder", &[MINISTRY])),
            "not-owner@organisations",
        ),
    ];
    let mut wrong = Vec::new();
    for (call, expected) in cases {
        let said = node.send(call.clone()).await;
        if said != expected {
            wrong.push(format!("{}: {said} instead of {expected}", call.command));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_amount_in_other_digits_is_the_same_command() {
    let node = Node::with_cast().await;
    let offering = |amount: &str| with(listing(1), "/terms/quantity/amount", json!(amount));
    let publish = Call::new(By::Socios.credential(), "publish-offer", &offering("20")).under(7);
    assert_eq!(node.send(publish.clone()).await, "offer.published");
    for same in ["20", "20.0", "20.000000", "020"] {
        let again = Call { data: offering(same).to_string().into(), ..publish.clone() };
        assert!(node.answer(&again).await.expect("known").replay, "{same}");
    }
    for other in ["20.1", "2", "200"] {
        let other = Call { data: offering(other).to_string().into(), ..publish.clone() };
        assert_eq!(node.send(other).await, "command-id-reused");
    }
}
