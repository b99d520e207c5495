//! What a party may do with an agreement, and what a grant may give: nobody more than it has. States are in other tables.

use crate::{
    agreements::bring_to,
    cast::{BROKER, By, MINISTRY, SOCIOS, UNIVERSITY, agreement, grant, uuid, with},
    node::Node,
};
use serde_json::{Value, json};

fn only(id: u128) -> Value {
    json!({"id": uuid(id)})
}
fn party(organisation: u128, role: &str, signs: bool) -> Value {
    let side = if signs { json!(uuid(organisation)) } else { Value::Null };
    json!({"organisation": uuid(organisation), "roles": [role], "side": side, "signs": signs})
}
/// The NGO offers, the ministry requests, the multilateral brokers, the university looks on.
fn watched(id: u128) -> Value {
    let parties = json!([
        party(SOCIOS, "offering", true),
        party(MINISTRY, "requesting", true),
        party(BROKER, "facilitator", false),
        party(UNIVERSITY, "observer", false),
    ]);
    with(agreement(id), "/terms/parties", parties)
}

#[tokio::test(start_paused = true)]
async fn only_its_drafter_and_its_principal_parties_change_or_give_up_an_agreement() {
    let node = Node::with_cast().await;
    bring_to(&node, "drafted", watched(1)).await;
    bring_to(&node, "proposed", watched(2)).await;
    for (command, id) in [("revise-agreement", 1), ("cancel-agreement", 1), ("withdraw-proposal", 2)] {
        let data = if command == "revise-agreement" { watched(id) } else { only(id) };
        for by in [By::University, By::Broker] {
            assert_eq!(node.tell(by, command, data.clone()).await, "not-principal", "{command} by {by:?}");
        }
        let said = node.tell(By::Ministry, command, data).await;
        assert!(said.starts_with("(agreement."), "{command}: {said}");
    }
    bring_to(&node, "drafted", watched(3)).await;
    assert_eq!(node.tell(By::University, "propose-agreement", only(3)).await, "not-principal");
    assert_eq!(node.tell(By::Broker, "propose-agreement", only(3)).await, "(agreement.proposed)", "it brokers");
    // A drafter works on what it brokers, party or not.
    let brokered = with(agreement(4), "/terms/parties/0/roles", json!(["offering"]));
    node.accept(By::Broker, "draft-agreement", brokered.clone()).await;
    node.accept(By::Broker, "revise-agreement", brokered).await;
    node.accept(By::Broker, "propose-agreement", only(4)).await;
    node.accept(By::Broker, "withdraw-proposal", only(4)).await;
    node.accept(By::Broker, "cancel-agreement", only(4)).await;
    // An observer that signs is bound, and so it may.
    let bound = with(watched(5), "/terms/parties/3", party(UNIVERSITY, "observer", true));
    bring_to(&node, "drafted", bound.clone()).await;
    assert_eq!(node.tell(By::University, "revise-agreement", bound).await, "(agreement.revised)");
}

#[tokio::test(start_paused = true)]
async fn holding_and_ending_an_agreement_binds_as_signing_does() {
    let node = Node::with_cast().await;
    bring_to(&node, "active", agreement(1)).await;
    for verb in ["suspend", "resume", "complete", "terminate"] {
        let command = format!("{verb}-agreement");
        assert_eq!(node.tell(By::Clerk, &command, only(1)).await, "signatory-required", "{verb}");
    }
    for (verb, said) in [("suspend", "suspended"), ("resume", "resumed"), ("complete", "completed")] {
        let expected = format!("(agreement.{said})");
        assert_eq!(node.tell(By::Socios, &format!("{verb}-agreement"), only(1)).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gives_a_right_to_sign_that_it_does_not_have() {
    let node = Node::with_cast().await;
    let signing = |id: u128| with(grant(id, "signatory", &[SOCIOS]), "/may_sign", json!(true));
    node.accept(By::Admin, "grant-access", grant(0x6100, "organisation-admin", &[SOCIOS])).await;
    let credential = convenio_ledger::authorise::Credential::Grant(uuid(0x6100).parse().expect("an id"));
    let give = |data: &Value| crate::node::Call::new(credential, "grant-access", data);
    assert_eq!(node.send(give(&signing(0x6101))).await, "role-beyond-own@may_sign");
    assert_eq!(node.send(give(&grant(0x6101, "signatory", &[SOCIOS]))).await, "(access.granted)");
    assert_eq!(node.tell(By::Socios, "grant-access", signing(0x6102)).await, "(access.granted)", "it may sign itself");
    // It may end what it could not give: taking a right away gives nobody one.
    let end = crate::node::Call::new(credential, "revoke-access", &only(0x6102));
    assert_eq!(node.send(end).await, "(access.revoked)");
    // Somebody gives the first one.
    assert_eq!(node.tell(By::Admin, "grant-access", signing(0x6103)).await, "(access.granted)");
}
