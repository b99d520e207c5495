//! Tables of what each state of a record makes of each command. They are read here; what they say is in each record's file.

use crate::{cast::By, node::Node};
use convenio_events::RecordKind;
use convenio_ledger::commands::Command;
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::collections::BTreeMap;

/// What a state makes of each command: `accepted: pause-offer, withdraw-offer; not-paused: resume-offer`.
pub(crate) fn row(text: &'static str) -> BTreeMap<&'static str, &'static str> {
    let groups = text.split(';').map(|group| group.split_once(':').expect("outcome: command, command"));
    let cells = groups.flat_map(|(outcome, commands)| commands.split(',').map(move |c| (c.trim(), outcome.trim())));
    let mut row = BTreeMap::new();
    for (command, outcome) in cells {
        assert_eq!(row.insert(command, outcome), None, "{command} stands twice in {text}");
    }
    row
}

/// Every command about a kind of record.
pub(crate) fn commands_of(kind: RecordKind) -> Vec<&'static str> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let schemas = Command::schemas(&mut generator).into_iter();
    let mut names: Vec<_> = schemas.filter(|command| command.kind == kind).map(|command| command.name).collect();
    names.sort_unstable();
    names
}

/// Sends a command to a record in a state and compares what became of it; `accepted` stands for any events.
pub(crate) async fn check_cell(
    node: &Node,
    state: &str,
    expected: &str,
    by: By,
    command: &str,
    subject: &str,
    data: Value,
) {
    let head = node.head();
    let version = node.version(subject).await;
    let mut call = crate::node::Call::new(by.credential(), command, &data);
    if Command::parse(command, data.to_string().as_bytes()).is_ok_and(|command| command.confirms()) {
        call = call.expecting(version);
    }
    let answer = node.answer(&call).await;
    let said = if answer.is_ok() { "accepted".to_owned() } else { node.say(answer).await };
    assert_eq!(said.split('@').next(), Some(expected), "{command} when {state}: {said}");
    assert!(expected == "accepted" || node.head() == head, "{command} when {state}: a refusal writes nothing");
}
