//! For tests of commands: given what organisations did, when one of them sends a command, then this is recorded, or refused. It is pure:
//! no log, no clock and no task; who may send a command at all is tested with `authorise`.

use super::Command;
use crate::{
    context::{Acting, Context, Decision},
    memory_stores::MemoryState,
    rejection::Rejection,
    world::{Folded, World},
};
use convenio_events::{
    Actor, LedgerId, OrganisationId, Subject, Timestamp,
    codes::{AccessRole, Purpose},
    commitment::Salt,
    time::TimeZone,
    types::{EventType as _, ledger::Opened},
};
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Two organisations that are here.
pub(super) const OWNER: u128 = 1;
pub(super) const OTHER: u128 = 2;

/// Whoever runs the ledger.
const OPERATOR: u128 = 0;

/// What happened so far.
pub(super) struct Given {
    world: World,
    sent: u128,
}

/// A ledger with two organisations, in which these commands were accepted: who sent each, its name and its data.
pub(super) fn given(history: &[(u128, &str, Value)]) -> Given {
    let world = World::load(Arc::new(MemoryState::default())).expect("an empty snapshot loads");
    let mut given = Given { world, sent: 0 };
    given.open();
    for id in [OWNER, OTHER] {
        let profile = json!({"kind": "ngo", "place": "PE"});
        let organisation =
            json!({"id": uuid(id), "standing": "holder", "profile": profile, "text": {"name": words("Example")}});
        given.accept(OPERATOR, "register-organisation", &organisation);
        given.accept(OPERATOR, "verify-organisation", &json!({"id": uuid(id), "method": "operator"}));
    }
    history.iter().for_each(|(by, name, data)| given.accept(*by, name, data));
    given
}

/// An id of which only the last digits differ.
pub(super) fn uuid(id: u128) -> String {
    Uuid::from_u128(id).to_string()
}

fn acting(by: u128) -> Acting {
    match by {
        OPERATOR => Acting::operator(),
        organisation => Acting {
            actor: Actor::Organisation(OrganisationId::new(Uuid::from_u128(organisation))),
            role: AccessRole::OrganisationAdmin,
            may_sign: true,
            ..Acting::operator()
        },
    }
}

/// A text in one language.
pub(super) fn words(words: &str) -> Value {
    json!({"original": "en", "texts": {"en": words}})
}

impl Given {
    fn open(&mut self) {
        let ledger = LedgerId::new(Uuid::from_u128(0x1ed));
        let opened = Opened {
            key: String::new(),
            ledger,
            origin: "example.org".to_owned(),
            purpose: Purpose::Test,
            source: convenio_events::cloud_event::source(ledger),
            time_zone: TimeZone::UTC,
        };
        self.fold(ledger.into(), Actor::Operator, &opened.into_facts());
    }

    fn accept(&mut self, by: u128, name: &str, data: &Value) {
        let decision = self.decide(by, name, data).unwrap_or_else(|refused| panic!("{name} {data}: {refused}"));
        let actor = acting(by).actor;
        decision.events.iter().for_each(|event| self.fold(event.subject, actor, &event.facts));
    }

    fn fold(&mut self, subject: Subject, actor: Actor, facts: &convenio_events::types::Facts) {
        let sequence = self.world.next();
        self.world.fold(Folded { sequence, subject, stream_version: None, actor, grant: None, facts });
    }

    fn decide(&mut self, by: u128, name: &str, data: &Value) -> Result<Decision, Rejection> {
        self.sent += 1;
        let acting = acting(by);
        let context = Context {
            world: &self.world,
            now: "2026-01-15T12:00:00Z".parse::<Timestamp>().expect("a time"),
            acting: &acting,
            new_id: Uuid::from_u128(0xf000 + self.sent),
            salt: Salt([1; 32]),
        };
        Command::parse(name, data.to_string().as_bytes())?.decide(&context)
    }

    /// What becomes of a command: `(offer.withdrawn)` for each event, or `code@field`.
    pub(super) fn when(mut self, by: u128, name: &str, data: &Value) -> String {
        match self.decide(by, name, data) {
            Ok(decision) => {
                let types = decision.events.iter().map(|event| event.facts.type_name(event.subject.kind));
                let short = |name: String| {
                    let name = name.strip_prefix("org.convenio.").unwrap_or(&name);
                    format!("({})", name.rsplit_once('.').map_or(name, |(name, _)| name))
                };
                types.map(short).collect::<Vec<_>>().join(" ")
            }
            Err(refused) => match &refused.field {
                Some(field) => format!("{}@{field}", refused.code),
                None => refused.code.to_string(),
            },
        }
    }
}
