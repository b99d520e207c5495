//! Variables of the environment that look like settings of ours and are none. What each setting means is said where it is read.

use crate::cli::Arguments;
use clap::{Command, CommandFactory as _};
use convenio_ledger::nearest::nearest;
use std::collections::BTreeSet;

/// What is read without a flag.
const WITHOUT_FLAG: [&str; 3] = ["CONVENIO_CLOCK", "CONVENIO_LOG", "CONVENIO_TOKEN"];
/// Properties of librdkafka follow.
const KAFKA: &str = "CONVENIO_KAFKA_";

/// What an operator should know of these names of variables: a misspelt setting is none, and the default holds in its place. It is no
/// error, for others name variables too (Kubernetes does, after a service `convenio`).
pub(crate) fn misspelt(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut known: BTreeSet<String> = WITHOUT_FLAG.iter().map(|&name| name.to_owned()).collect();
    collect(&Arguments::command(), &mut known);
    let ours = |name: &String| name.starts_with("CONVENIO_") && !name.starts_with(KAFKA) && !known.contains(name);
    let proposed = |name: String| {
        let meant = nearest(&name, known.iter().map(String::as_str));
        (!meant.is_empty()).then(|| format!("no setting has the variable {name}: did you mean {}?", meant.join(", ")))
    };
    names.into_iter().filter(ours).filter_map(proposed).collect()
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    known.extend(command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)));
    command.get_subcommands().for_each(|verb| collect(verb, known));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_is_misspelt_is_told() {
        let told = |name: &str| misspelt([name.to_owned()]);
        assert_eq!(
            told("CONVENIO_TIMEZONE"),
            ["no setting has the variable CONVENIO_TIMEZONE: did you mean CONVENIO_TIME_ZONE?"]
        );
        assert!(told("CONVENIO_LISTN")[0].ends_with("CONVENIO_LISTEN?"));
        for name in ["CONVENIO_DATA", "CONVENIO_LOG", "CONVENIO_KAFKA_ACKS", "CONVENIO_PORT_8080_TCP_ADDR", "PATH"] {
            assert_eq!(told(name), [""; 0], "{name}");
        }
    }
}
