//! What may be meant by a command or a field that there is not. It refuses, and proposes names; it knows no rule.

use crate::{
    body::SHAPES,
    commands::Command,
    nearest::nearest,
    rejection::{Reason, Rejection},
};
use std::collections::BTreeSet;

/// What somebody is told who sends a command that there is not: those that may be meant.
pub(crate) fn command(name: &str) -> Rejection {
    let mut meant = nearest(name, Command::NAMES.iter().copied());
    if let (true, Some((verb, _))) = (meant.is_empty(), name.split_once('-')) {
        // What is done is known, and not to what.
        let same = |known: &&&str| known.split_once('-').is_some_and(|(other, _)| other == verb);
        meant = Command::NAMES.iter().filter(same).copied().collect();
    }
    let advice = match meant.as_slice() {
        [] => "/docs has the names of all".to_owned(),
        meant => did_you_mean(meant),
    };
    Rejection::from(Reason::UnknownCommand).detail(format!("there is no command {name:?}: {advice}"))
}

/// The same for a field: those of the command that have a name like it, wherever they stand, else those of the command itself.
pub(crate) fn field(command: &str, path: &str) -> Rejection {
    let name = path.rsplit('.').next().unwrap_or(path);
    let refused = Rejection::from(Reason::UnknownField).field(path);
    let Some(shape) = SHAPES.get(command) else { return refused };
    let mut known = BTreeSet::new();
    shape.collect_members(&mut known);
    let meant = nearest(name, known);
    if !meant.is_empty() {
        return refused.detail(did_you_mean(&meant));
    }
    let mut own: Vec<&str> = shape.members().collect();
    own.sort_unstable();
    refused.detail(format!("the data of the command has {}", own.join(", ")))
}

fn did_you_mean(meant: &[&str]) -> String {
    format!("did you mean {}?", meant.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_there_is_not_comes_with_those_that_may_be_meant() {
        let id = "018f0000-0000-7000-8000-000000000001";
        for (name, data, expected) in [
            ("pause-offer", format!(r#"{{"id":"{id}","resaon":{{}}}}"#), "resaon: did you mean reason?"),
            ("pause-offer", format!(r#"{{"id":"{id}","colour":1}}"#), "colour: the data of the command has id, reason"),
            (
                "revise-offer",
                format!(r#"{{"id":"{id}","terms":{{"quantty":1}},"text":{{}}}}"#),
                "terms.quantty: did you mean quantity?",
            ),
        ] {
            let refused = Command::parse(name, data.as_bytes()).expect_err("there is none");
            let said = format!("{}: {}", refused.field.expect("a field"), refused.detail.expect("advice"));
            assert_eq!(said, expected);
        }
    }
}
