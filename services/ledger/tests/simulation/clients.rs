//! Clients that want the same things at once, and that send a command again, under its id, until its outcome is known.

use crate::{faulty_log::Chance, nodes::Nodes};
use convenio_events::{
    AccessId, Actor, CommandId, OrganisationId, Sequence, StreamVersion,
    log::{EventLog, PAGE_EVENTS_LIMIT},
    record::RawRecord,
};
use convenio_ledger::{
    authorise::Credential,
    rejection::{Accepted, Refusal, Rejection},
    submission::{Answer, Body, Ledger, Submission},
};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::HashMap, rc::Rc};
use uuid::Uuid;

/// How many organisations, offers, agreements and identifiers there are to quarrel over.
const ORGANISATIONS: u64 = 3;
const OFFERS: u64 = 4;
const AGREEMENTS: u64 = 5;
const IDENTIFIERS: u64 = 3;

fn id(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128((kind << 64) + u128::from(number))
}
pub(crate) fn organisation(number: u64) -> Uuid {
    id(1, number)
}
fn grant(number: u64) -> Uuid {
    id(2, number)
}
pub(crate) fn offer(number: u64) -> Uuid {
    id(3, number)
}
fn agreement(number: u64) -> Uuid {
    id(4, number)
}

/// A command and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) actor: Actor,
    pub(crate) id: CommandId,
    pub(crate) name: &'static str,
    pub(crate) data: Value,
    pub(crate) expected_version: Option<StreamVersion>,
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Accepted(Accepted),
    /// Decided on a state between the two positions. A node that was fenced and does not know it yet may refuse on what was
    /// true before: it can write nothing, but it cannot know that either. The first position is then zero.
    Refused(Rejection, Sequence, Sequence),
    /// The client gave up before it learnt it.
    Unknown,
}

/// What clients know of agreements: the terms that were last shown to somebody.
pub(crate) type Shown = Rc<RefCell<HashMap<Uuid, String>>>;

struct Wish {
    actor: u64,
    name: &'static str,
    data: Value,
    expected_version: Option<StreamVersion>,
}

fn text(text: &str) -> Value {
    json!({"original": "en", "texts": {"en": text}})
}

/// An offer of 10 visits, which two agreements of 4 leave too small for a third.
fn offer_data(number: u64) -> Value {
    json!({
        "id": offer(number),
        "terms": {"themes": ["sdg:3.3"], "mechanisms": ["training"], "places": ["PE"],
            "quantity": {"amount": "10", "unit": "visits"}},
        "text": {"title": text("Visits")},
    })
}

fn agreement_data(number: u64, source: u64) -> Value {
    json!({
        "id": agreement(number),
        "terms": {
            "instrument": "letter", "modality": "bilateral", "direction": "south-south",
            "parties": [
                {"organisation": organisation(0), "roles": ["offering"], "side": "a", "signs": true},
                {"organisation": organisation(1), "roles": ["requesting"], "side": "b", "signs": true},
            ],
            "commitments": [{
                "id": id(5, number), "provider": organisation(0), "receiver": organisation(1),
                "quantity": {"amount": "4", "unit": "visits"}, "source": format!("offer/{}", offer(source)),
            }],
        },
        "text": {"title": text("A letter")},
    })
}

fn wish(chance: &Chance, shown: &Shown) -> Wish {
    let (who, what) = (chance.below(2), chance.below(AGREEMENTS));
    let version = |one_in: u64| (chance.below(one_in) == 0).then(|| StreamVersion(chance.below(4)));
    let wish = |actor, name, data| Wish { actor, name, data, expected_version: None };
    let of_offer = |name| wish(0, name, json!({"id": offer(chance.below(OFFERS))}));
    match chance.below(16) {
        0 | 1 => wish(0, "publish-offer", offer_data(chance.below(OFFERS))),
        2 => Wish { expected_version: version(2), ..of_offer("pause-offer") },
        3 => Wish { expected_version: version(2), ..of_offer("resume-offer") },
        4 => of_offer(if chance.below(4) == 0 { "withdraw-offer" } else { "pause-offer" }),
        5 | 6 => {
            let identifier = format!("XM-DAC-{}", chance.below(IDENTIFIERS));
            let actor = chance.below(ORGANISATIONS);
            let name = if chance.below(2) == 0 { "add-identifier" } else { "withdraw-identifier" };
            wish(actor, name, json!({"id": organisation(actor), "identifier": identifier}))
        }
        7 | 8 => wish(who, "draft-agreement", agreement_data(what, chance.below(OFFERS))),
        9 | 10 => wish(who, "propose-agreement", json!({"id": agreement(what)})),
        11 | 12 => {
            let digest = shown.borrow().get(&agreement(what)).cloned();
            let digest = digest.unwrap_or_else(|| "A".repeat(43) + "=");
            wish(who, "sign-agreement", json!({"id": agreement(what), "terms_digest": digest}))
        }
        13 => wish(who, "refuse-agreement", json!({"id": agreement(what)})),
        14 => wish(who, "terminate-agreement", json!({"id": agreement(what)})),
        _ => {
            // Without an id: it is derived from the command's, and two events are recorded.
            let content =
                json!({"kind": "lesson", "authors": [organisation(2)], "themes": ["sdg:3.8"], "licence": "CC-BY-4.0"});
            let text = json!({"title": text("A lesson"), "lessons": text("Ask twice.")});
            wish(2, "submit-learning", json!({"content": content, "text": text}))
        }
    }
}

/// Sends `count` commands, one after the other.
pub(crate) async fn client(nodes: Rc<Nodes>, shown: Shown, count: u64, patient: bool) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..count {
        let Wish { actor, name, data, expected_version } = wish(&nodes.chance, &shown);
        let id = CommandId::new(nodes.chance.id());
        let actor_id = OrganisationId::new(organisation(actor));
        let submission = Submission {
            credential: Credential::Grant(AccessId::new(grant(actor))),
            acting_for: None,
            id,
            correlation_id: None,
            expected_version,
            body: Body::parse(name, data.to_string().as_bytes(), expected_version),
        };
        let outcome = insist(&nodes, submission, patient).await;
        if let Outcome::Accepted(accepted) = &outcome {
            is_durable(&nodes, accepted, &shown).await;
        }
        sent.push(Sent { actor: Actor::Organisation(actor_id), id, name, data, expected_version, outcome });
        nodes.chance.pause(60).await;
    }
    sent
}

async fn insist(nodes: &Nodes, submission: Submission, patient: bool) -> Outcome {
    loop {
        let node = nodes.chance.below(2) as usize;
        let (before, fence) = (*nodes.log.head().borrow(), nodes.fence());
        let answer: Option<Answer> = match nodes.ledger(node) {
            Some(ledger) if nodes.chance.below(4) == 0 => Some(twice_at_once(&ledger, &submission).await),
            Some(ledger) => Some(ledger.submit(submission.clone()).await),
            None => None,
        };
        nodes.chance.note(format_args!("node {node} says of {}: {}", submission.id, in_short(&answer)));
        match answer {
            Some(Ok(accepted)) => return Outcome::Accepted(accepted),
            Some(Err(Refusal::Rejected(rejection))) => {
                let writes = fence == nodes.fence() && fence.1 == node;
                let from = if writes { before } else { Sequence::ZERO };
                return Outcome::Refused(rejection, from, *nodes.log.head().borrow());
            }
            Some(Err(Refusal::Unavailable(_))) | None if !patient && nodes.chance.strikes(6) => {
                return Outcome::Unknown;
            }
            Some(Err(Refusal::Unavailable(_))) | None => nodes.chance.pause(100).await,
        }
    }
}

/// As when a client's library sends a request again before the first is answered. Both get the same.
async fn twice_at_once(ledger: &Ledger, submission: &Submission) -> Answer {
    match tokio::join!(ledger.submit(submission.clone()), ledger.submit(submission.clone())) {
        (Ok(first), Ok(second)) => {
            assert_eq!((&first.events, second.replay), (&second.events, true), "one id was recorded twice");
            Ok(first)
        }
        (Ok(first), Err(Refusal::Rejected(second))) => panic!("{first:?} was refused to its double: {second}"),
        (Err(Refusal::Unavailable(_)), known) | (known, _) => known,
    }
}

fn in_short(answer: &Option<Answer>) -> String {
    match answer {
        Some(Ok(accepted)) => format!("accepted at {}, replay: {}", accepted.sequence, accepted.replay),
        Some(Err(Refusal::Rejected(rejection))) => rejection.code.to_string(),
        Some(Err(Refusal::Unavailable(why))) => why.code().to_owned(),
        None => "nothing, it is down".to_owned(),
    }
}

/// What was acknowledged is in the log at that very moment.
async fn is_durable(nodes: &Nodes, accepted: &Accepted, shown: &Shown) {
    let count = accepted.events.len();
    let recorded = nodes.log.read(accepted.sequence, count.min(PAGE_EVENTS_LIMIT)).await.expect("memory reads");
    assert_eq!(recorded.len(), count, "acknowledged before it was durable: {accepted:?}");
    for (recorded, told) in recorded.iter().zip(&accepted.events) {
        let raw = RawRecord::parse(&recorded.record).expect("a record");
        assert_eq!((raw.id, raw.r#type, recorded.sequence), (told.id, &*told.type_name, told.sequence), "{accepted:?}");
        assert_eq!(raw.commandid, accepted.command_id);
        let facts: Value = serde_json::from_str(raw.facts.get()).expect("facts");
        if let Some(digest) = facts["terms_digest"].as_str() {
            shown.borrow_mut().insert(raw.subject.id, digest.to_owned());
        }
    }
}

/// The organisations and grants that the clients use, recorded by the operator while there is peace.
pub(crate) async fn register_all(nodes: &Nodes) {
    let ledger = nodes.ledger(0).expect("it runs");
    for number in 0..ORGANISATIONS {
        let organisation = organisation(number);
        let commands = [
            (
                "register-organisation",
                json!({
                    "id": organisation, "standing": "holder", "profile": {"kind": "ngo"}, "text": {"name": text("An organisation")},
                }),
            ),
            ("verify-organisation", json!({"id": organisation, "method": "site-visit"})),
            (
                "grant-access",
                json!({
                    "id": grant(number), "organisations": [organisation], "role": "signatory", "may_sign": true,
                }),
            ),
        ];
        for (name, data) in commands {
            let submission = Submission {
                credential: Credential::Operator,
                acting_for: None,
                id: CommandId::new(nodes.chance.id()),
                correlation_id: None,
                expected_version: None,
                body: Body::parse(name, data.to_string().as_bytes(), None),
            };
            ledger.submit(submission).await.expect("accepted in peace");
        }
    }
}
