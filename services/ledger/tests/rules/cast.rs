//! Who acts in the tests, and what they say. It asserts nothing.

use crate::node::{Call, Node, Setup};
use convenio_events::{AccessId, AgreementId};
use convenio_ledger::authorise::Credential;
use serde_json::{Value, json};
use uuid::Uuid;

/// An observatory: holder, verified, its grant an admin's.
pub(crate) const OBSERVATORY: u128 = 0x0b5;
/// An NGO that offers: holder, verified.
pub(crate) const SOCIOS: u128 = 0x50c;
/// A ministry that needs: holder, verified.
pub(crate) const MINISTRY: u128 = 0x313;
/// A multilateral that brokers: holder, verified.
pub(crate) const BROKER: u128 = 0xb20;
/// A university: holder, nobody vouches for it.
pub(crate) const UNIVERSITY: u128 = 0x041;
/// A profile that the observatory registered.
pub(crate) const PROFILE: u128 = 0x920;
/// An open site of the NGO.
pub(crate) const SITE: u128 = 0x517e;

/// Whoever sends a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum By {
    /// At the machine.
    Operator,
    /// `admin` of the observatory.
    Admin,
    /// `organisation-admin` of the NGO; may sign.
    Socios,
    /// `signatory` of the ministry; may sign.
    Ministry,
    /// `facilitator` of the multilateral.
    Broker,
    /// `recorder` of the university.
    University,
    /// `reviewer` of the university.
    Reviewer,
    /// `recorder` of the NGO, which may not sign.
    Clerk,
    /// `integrator` of the NGO.
    Robot,
    /// `organisation-admin` of the NGO and the ministry at once.
    Pair,
    /// `signatory` of the university; may sign.
    Rector,
}

impl By {
    const GRANTS: [(Self, &'static str, &'static [u128], bool); 10] = [
        (Self::Admin, "admin", &[OBSERVATORY], false),
        (Self::Socios, "organisation-admin", &[SOCIOS], true),
        (Self::Ministry, "signatory", &[MINISTRY], true),
        (Self::Broker, "facilitator", &[BROKER], false),
        (Self::University, "recorder", &[UNIVERSITY], false),
        (Self::Reviewer, "reviewer", &[UNIVERSITY], false),
        (Self::Clerk, "recorder", &[SOCIOS], false),
        (Self::Robot, "integrator", &[SOCIOS], false),
        (Self::Pair, "organisation-admin", &[SOCIOS, MINISTRY], true),
        (Self::Rector, "signatory", &[UNIVERSITY], true),
    ];
    /// The grant's id.
    pub(crate) fn grant(self) -> u128 {
        0x6000 + Self::GRANTS.iter().position(|(by, ..)| *by == self).expect("has a grant") as u128
    }
    pub(crate) fn credential(self) -> Credential {
        if self == Self::Operator {
            return Credential::Operator;
        }
        Credential::Grant(AccessId::new(Uuid::from_u128(self.grant())))
    }
}

pub(crate) fn uuid(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}
pub(crate) fn text(text: &str) -> Value {
    json!({"original": "en", "texts": {"en": text}})
}
/// The value with another one at a JSON pointer; `null` takes a member away.
pub(crate) fn with(mut value: Value, pointer: &str, new: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = value.pointer_mut(parent).expect("the parent is there");
    match (parent, new) {
        (Value::Object(members), Value::Null) => drop(members.remove(name)),
        (Value::Object(members), new) => drop(members.insert(name.to_owned(), new)),
        (Value::Array(items), new) => items[name.parse::<usize>().expect("an index")] = new,
        _ => panic!("{pointer} leads nowhere"),
    }
    value
}

pub(crate) fn organisation(id: u128, standing: &str) -> Value {
    json!({"id": uuid(id), "standing": standing, "profile": {"kind": "ngo", "place": "PE"}, "text": {"name": text("An organisation")}})
}
/// An offer or a demand of 10 expert-days.
pub(crate) fn listing(id: u128) -> Value {
    json!({
        "id": uuid(id),
        "terms": {
            "themes": ["sdg:3.3"], "mechanisms": ["training"], "places": ["PE"],
            "quantity": {"amount": "10", "unit": "expert-days"}, "valid_through": "2026-03-31",
        },
        "text": {"title": text("Training in diagnosis")},
    })
}
/// A bilateral agreement of the NGO and the ministry, without commitments.
pub(crate) fn agreement(id: u128) -> Value {
    json!({
        "id": uuid(id),
        "terms": {
            "instrument": "mou", "modality": "bilateral", "direction": "south-south",
            "parties": [
                {"organisation": uuid(SOCIOS), "roles": ["offering"], "side": "pih", "signs": true},
                {"organisation": uuid(MINISTRY), "roles": ["requesting"], "side": "PE", "signs": true},
            ],
        },
        "text": {"title": text("A memorandum")},
    })
}
/// A commitment of the NGO to the ministry that takes from an offer or demand.
pub(crate) fn commitment(id: u128, amount: &str, source: &str) -> Value {
    json!({
        "id": uuid(id), "provider": uuid(SOCIOS), "receiver": uuid(MINISTRY),
        "quantity": {"amount": amount, "unit": "expert-days"}, "source": source,
    })
}
pub(crate) fn learning(id: u128, authors: &[u128]) -> Value {
    json!({
        "id": uuid(id),
        "content": {
            "kind": "lesson", "authors": authors.iter().map(|id| uuid(*id)).collect::<Vec<_>>(),
            "themes": ["sdg:3.8"], "licence": "CC-BY-4.0",
        },
        "text": {"title": text("What we learnt"), "lessons": text("Meet in person.")},
    })
}
/// A convening of the NGO with the ministry.
pub(crate) fn convening(id: u128) -> Value {
    json!({
        "id": uuid(id),
        "plan": {
            "organisers": [uuid(SOCIOS)], "participants": [uuid(MINISTRY)], "format": "in-person",
            "starts_on": "2026-01-10",
        },
        "text": {"title": text("A workshop")},
    })
}
pub(crate) fn grant(id: u128, role: &str, organisations: &[u128]) -> Value {
    let organisations: Vec<_> = organisations.iter().map(|id| uuid(*id)).collect();
    json!({"id": uuid(id), "role": role, "organisations": organisations})
}

impl Node {
    /// A ledger with everybody in it, opened by its operator.
    pub(crate) async fn with_cast() -> Self {
        let node = Setup::new().start();
        node.register_cast().await;
        node
    }

    pub(crate) async fn register_cast(&self) {
        for id in [OBSERVATORY, SOCIOS, MINISTRY, BROKER, UNIVERSITY] {
            self.accept(By::Operator, "register-organisation", organisation(id, "holder")).await;
        }
        for id in [OBSERVATORY, SOCIOS, MINISTRY, BROKER] {
            let data = json!({"id": uuid(id), "method": "official-letter"});
            self.accept(By::Operator, "verify-organisation", data).await;
        }
        for (by, role, organisations, may_sign) in By::GRANTS {
            let data = with(grant(by.grant(), role, organisations), "/may_sign", json!(may_sign));
            self.accept(By::Operator, "grant-access", data).await;
        }
        self.accept(By::Admin, "register-organisation", organisation(PROFILE, "profile")).await;
        let site = json!({"id": uuid(SOCIOS), "site": uuid(SITE), "place": "PE", "text": {"name": text("Carabayllo")}});
        self.accept(By::Socios, "add-site", site).await;
    }

    /// Sends a command under a fresh id.
    pub(crate) async fn tell(&self, by: By, command: &str, data: Value) -> String {
        self.send(Call::new(by.credential(), command, &data)).await
    }
    /// Sends a command that must be accepted.
    pub(crate) async fn accept(&self, by: By, command: &str, data: Value) -> String {
        let call = Call::new(by.credential(), command, &data);
        let answer = self.answer(&call).await;
        assert!(answer.is_ok(), "{command} by {by:?}: {answer:?}");
        self.say(answer).await
    }
    /// Sends a command that carries the version that was shown.
    pub(crate) async fn confirm(&self, by: By, command: &str, subject: &str, data: Value) -> String {
        let version = self.version(subject).await;
        self.send(Call::new(by.credential(), command, &data).expecting(version)).await
    }
    /// The digest of an agreement's terms as they are now.
    pub(crate) async fn terms_digest(&self, agreement: u128) -> String {
        use convenio_events::{Event, types::Facts};
        let events = self.history(AgreementId::new(Uuid::from_u128(agreement)).into()).await;
        let of = |event: &Event| if let Facts::Agreement(facts) = &event.facts { facts.terms_digest() } else { None };
        let digest = events.iter().rev().filter_map(of);
        digest.take(1).next().expect("the agreement has terms").to_string()
    }
    /// Signs the terms as they are now.
    pub(crate) async fn sign(&self, by: By, agreement: u128) -> String {
        let data = json!({"id": uuid(agreement), "terms_digest": self.terms_digest(agreement).await});
        self.tell(by, "sign-agreement", data).await
    }
}

/// A fresh id for every record of a test.
#[derive(Default)]
pub(crate) struct Ids(u128);
impl Ids {
    pub(crate) fn next(&mut self) -> u128 {
        self.0 += 1;
        0xa000_0000 + self.0
    }
}
