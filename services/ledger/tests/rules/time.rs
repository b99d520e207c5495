//! What time does: days that end in a record's zone, a clock that jumps, a start that comes late, the first token's end.

use crate::{
    agreements::bring_to,
    cast::{By, agreement, listing, organisation, uuid, with},
    node::{BOOTSTRAP_TOKEN, Call, Node, Setup, TestClock, opening},
};
use convenio_events::{codes::Purpose, commitment::token_digest};
use convenio_ledger::authorise::Credential;
use serde_json::{Value, json};
use std::time::Duration;

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}

#[tokio::test(start_paused = true)]
async fn an_offer_expires_at_midnight_where_it_is() {
    for (zone, over) in [
        (None, "2026-04-01T05:00:00Z"),
        (Some("UTC"), "2026-04-01T00:00:00Z"),
        (Some("Pacific/Auckland"), "2026-03-31T11:00:00Z"),
        (Some("America/Los_Angeles"), "2026-04-01T07:00:00Z"),
    ] {
        let node = Node::with_cast().await;
        let data = zone.map_or(listing(1), |zone| with(listing(1), "/terms/time_zone", json!(zone)));
        node.accept(By::Socios, "publish-offer", data).await;
        let head = node.head();
        node.setup.clock.advance_to(over);
        node.setup.clock.advance(-1);
        node.idle().await;
        assert_eq!(node.since(head).await, "", "{zone:?}");
        node.setup.clock.advance(1);
        node.idle().await;
        node.idle().await;
        assert_eq!(node.since(head).await, "offer.expired", "{zone:?}");
        let event = node.events(head).await.remove(0);
        assert_eq!((event.actor.to_string(), event.grant), ("system/clock".to_owned(), None));
        assert!(event.facts.to_canonical().contains("2026-03-31"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_runs_before_the_next_command() {
    let node = Node::with_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    node.accept(By::Socios, "publish-offer", with(listing(2), "/terms/valid_through", Value::Null)).await;
    let head = node.head();
    node.setup.clock.advance_to("2026-04-01T05:00:00Z");
    assert_eq!(node.tell(By::Socios, "pause-offer", only(2)).await, "offer.paused");
    assert_eq!(node.since(head).await, "offer.expired offer.paused");
}

#[tokio::test(start_paused = true)]
async fn time_never_goes_backwards_along_the_log() {
    let node = Node::with_cast().await;
    node.setup.clock.advance(100);
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    node.setup.clock.jump(-50);
    node.accept(By::Socios, "pause-offer", only(1)).await;
    let events = node.events(node.head() - 2).await;
    assert_eq!(events[0].time, events[1].time);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_while_no_command_comes_is_told_within_a_second() {
    let node = on_a_real_clock(true).await;
    let mut standing = node.ledger.watch();
    node.setup.clock.jump(7_200);
    let told = tokio::time::timeout(Duration::from_secs(1), standing.wait_for(|standing| standing.clock_jumped)).await;
    assert!(told.is_ok(), "nobody was told");
}

async fn on_a_real_clock(synchronised: bool) -> Node {
    let clock = TestClock::at(crate::node::NOON).real(synchronised);
    let opening = Some(opening(Purpose::Production, false));
    let node = Setup { clock, opening, ..Setup::new() }.start();
    node.register_cast().await;
    node.accept(By::Socios, "publish-offer", listing(1)).await;
    node
}

#[tokio::test(start_paused = true)]
async fn after_a_jump_commands_wait_until_the_operator_confirms_the_clock() {
    for jump in [3_700, -3_700, 400 * 86_400] {
        let node = on_a_real_clock(true).await;
        let known = Call::new(By::Socios.credential(), "pause-offer", &only(1));
        assert_eq!(node.send(known.clone()).await, "offer.paused");
        let head = node.head();
        node.setup.clock.jump(jump);
        node.idle().await;
        assert!(node.ledger.standing().clock_jumped);
        assert_eq!(node.tell(By::Socios, "resume-offer", only(1)).await, "clock-jumped", "{jump}");
        assert!(node.answer(&known).await.expect("what is known is told all the same").replay);
        assert_eq!(node.since(head).await, "", "one wrong clock expires nothing");
        assert_eq!(node.tell(By::Operator, "confirm-clock", json!({})).await, "ledger.clock-confirmed");
        let said = node.tell(By::Socios, "resume-offer", only(1)).await;
        // What was due by a clock that an operator confirmed is over.
        assert_eq!(said, if jump > 86_400 { "offer-closed" } else { "offer.resumed" }, "{jump}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_start_holds_the_timers_and_what_is_overdue_is_over_all_the_same() {
    let setup = on_a_real_clock(true).await.stop().await.expect("stops in peace");
    setup.clock.advance_to("2026-06-01T12:00:00Z");
    let node = Setup { clock: setup.clock.clone().real(false), ..setup }.start();
    node.idle().await;
    let standing = node.ledger.standing();
    assert!(standing.timers_held && !standing.clock_jumped);
    let head = node.head();
    for verb in ["pause", "withdraw", "fulfil"] {
        assert_eq!(node.tell(By::Socios, &format!("{verb}-offer"), only(1)).await, "offer-closed", "{verb}");
    }
    let later = with(listing(1), "/terms/valid_through", json!("2026-12-31"));
    assert_eq!(node.tell(By::Socios, "revise-offer", later).await, "offer-closed");
    assert_eq!(node.since(head).await, "", "the timers are held");
    node.setup.clock.clone().real(true);
    node.idle().await;
    assert_eq!(node.since(head).await, "offer.expired", "the operating system says that the clock is right");
}

#[tokio::test(start_paused = true)]
async fn an_agreement_whose_first_day_has_come_is_in_force_though_the_timers_are_held() {
    let node = on_a_real_clock(true).await;
    bring_to(&node, "awaited", agreement(0xa1)).await;
    let setup = node.stop().await.expect("stops in peace");
    setup.clock.advance(30 * 86_400);
    let node = Setup { clock: setup.clock.clone().real(false), ..setup }.start();
    node.idle().await;
    assert!(node.ledger.standing().timers_held);
    let head = node.head();
    for (command, data, expected) in [
        ("revise-agreement", agreement(0xa1), "not-draft"),
        ("withdraw-proposal", only(0xa1), "not-proposed"),
        ("refuse-agreement", only(0xa1), "not-proposed"),
        ("cancel-agreement", only(0xa1), "already-active"),
    ] {
        assert_eq!(node.tell(By::Socios, command, data).await, expected, "{command}");
    }
    assert_eq!(node.since(head).await, "", "the timers are held");
    node.setup.clock.clone().real(true);
    node.idle().await;
    assert_eq!(node.since(head).await, "(agreement.activated)");
}

#[tokio::test(start_paused = true)]
async fn an_agreement_whose_last_day_is_over_is_not_put_on_hold_though_the_timers_are() {
    let node = on_a_real_clock(true).await;
    bring_to(&node, "active", with(agreement(0xa1), "/terms/ends_on", json!("2026-01-31"))).await;
    let setup = node.stop().await.expect("stops in peace");
    setup.clock.advance(30 * 86_400);
    let node = Setup { clock: setup.clock.clone().real(false), ..setup }.start();
    node.idle().await;
    assert_eq!(node.tell(By::Socios, "suspend-agreement", only(0xa1)).await, "not-active");
    assert_eq!(node.tell(By::Socios, "complete-agreement", only(0xa1)).await, "(agreement.completed)");
}

#[tokio::test(start_paused = true)]
async fn a_start_more_than_a_year_late_refuses_commands() {
    let setup = on_a_real_clock(true).await.stop().await.expect("stops in peace");
    setup.clock.advance(366 * 86_400);
    let node = setup.start();
    assert_eq!(node.tell(By::Socios, "pause-offer", only(1)).await, "clock-jumped");
    assert_eq!(node.tell(By::Operator, "confirm-clock", json!({})).await, "ledger.clock-confirmed");
    assert_eq!(node.tell(By::Socios, "pause-offer", only(1)).await, "offer-closed");
}

#[tokio::test(start_paused = true)]
async fn the_first_token_ends_when_a_real_admin_acts_or_after_a_day() {
    let bootstrap = Credential::Token(token_digest(&BOOTSTRAP_TOKEN));
    let register = |id: u128| Call::new(bootstrap, "register-organisation", &organisation(id, "holder"));
    let setup = Setup::new();
    let node = setup.start();
    assert_eq!(node.send(register(1)).await, "organisation.registered");
    node.setup.clock.advance(86_399);
    assert_eq!(node.send(register(2)).await, "organisation.registered");
    node.setup.clock.advance(1);
    assert_eq!(node.send(register(3)).await, "token-invalid");

    // The cast's admin has acted already: its first command ended the token.
    let node = Node::with_cast().await;
    assert_eq!(node.send(register(1)).await, "token-invalid");
    let ended = node.events(0).await.iter().filter(|event| event.type_name().contains("access.revoked")).count();
    assert_eq!(ended, 1, "once");
    let said = node.tell(By::Admin, "register-organisation", organisation(4, "holder")).await;
    assert_eq!(said, "organisation.registered");
}

#[tokio::test(start_paused = true)]
async fn the_sample_acts_for_what_it_registered_itself() {
    use convenio_events::{AccessId, Id};
    use convenio_ledger::genesis::sample_grant;
    let setup = Setup { opening: Some(opening(Purpose::Test, true)), ..Setup::new() };
    let grant: AccessId = sample_grant(setup.opening.as_ref().expect("an opening").ledger);
    let sample = Credential::Grant(grant);
    let node = setup.start();
    node.accept(By::Operator, "register-organisation", organisation(1, "holder")).await;
    let call = |command: &str, data: Value| Call::new(sample, command, &data);
    assert_eq!(node.send(call("register-organisation", organisation(2, "holder"))).await, "organisation.registered");
    assert_eq!(node.send(call("register-organisation", organisation(3, "profile"))).await, "organisation.registered");
    for (organisation, expected) in
        [(1, "acting-for-not-granted"), (2, "offer.published"), (3, "acting-for-not-granted")]
    {
        let publish = call("publish-offer", listing(organisation)).acting_for(organisation);
        assert_eq!(node.send(publish).await, expected, "{organisation}");
    }
    // It is not the real admin whose first act ends the operator's token, and it is over once it was ended.
    let revoke = call("revoke-access", json!({"id": grant.to_string()}));
    assert_eq!(node.send(revoke.clone()).await, "(access.revoked)");
    let event = node.events(node.head() - 1).await.remove(0);
    assert!(event.facts.to_canonical().contains("sample-recorded"));
    let _: AccessId = Id::new(event.subject.id);
    assert_eq!(node.send(call("publish-offer", listing(9)).acting_for(2)).await, "token-invalid");
}
