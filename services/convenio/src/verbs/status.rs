//! `convenio status`: where a node stands, as it says itself. It judges nothing: `doctor` does.

use crate::{cli::NodeArguments, verbs::output};
use serde_json::Value;

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct StatusArguments {
    /// Prints the node's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    node: NodeArguments,
}

/// Runs the verb.
pub(crate) async fn run(arguments: StatusArguments) -> anyhow::Result<()> {
    let status = arguments.node.remote()?.get("/api/v1/status").await?;
    if arguments.json {
        return output::json_document(&status);
    }
    for line in described(&status) {
        output::line(&line)?;
    }
    Ok(())
}

fn described(status: &Value) -> Vec<String> {
    let said = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    let mut lines: Vec<_> = [("node", "node"), ("ledger", "ledger"), ("source", "source"), ("version", "version")]
        .into_iter()
        .chain([("role", "role"), ("head sequence", "head_sequence"), ("durable", "durable"), ("key", "key")])
        .filter(|(_, name)| status.get(name).is_some_and(|value| !value.is_null()))
        .map(|(label, name)| format!("{label:<14}{}", said(&status[name])))
        .collect();
    lines.push(format!(
        "{:<14}{} leaves, root {}",
        "tree",
        said(&status["tree"]["size"]),
        said(&status["tree"]["root"])
    ));
    lines.extend(log(&status["log"]));
    if status["clock_jumped"] == true {
        lines.push("clock         it jumped: commands are refused until the operator confirms it".to_owned());
    }
    if status["timers_held"] == true {
        lines.push("timers        held back until the clock is known to be right".to_owned());
    }
    let publisher = &status["log"]["publisher"];
    if publisher.is_object() {
        let error = publisher["error"].as_str().map(|error| format!(", NOT PUBLISHING: {error}")).unwrap_or_default();
        let (next, lag) = (said(&publisher["next_sequence"]), said(&publisher["lag"]));
        lines.push(format!("publisher     next event {next}, lag {lag}{error}"));
    }
    for view in status["views"].as_array().into_iter().flatten() {
        let message = view["message"].as_str().map(|message| format!(": {message}")).unwrap_or_default();
        let alive = if view["alive"] == true { "" } else { ", NOT ALIVE" };
        lines.push(format!(
            "view          {:<14}v{} at {}, lag {}, {}{alive}{message}",
            said(&view["view"]),
            said(&view["version"]),
            said(&view["sequence"]),
            said(&view["lag"]),
            said(&view["state"]),
        ));
    }
    lines
}

/// How the log stands, where other nodes may write it.
fn log(log: &Value) -> Vec<String> {
    let told = |lines: &mut Vec<String>| {
        for (name, label) in [("halted", "HALTED"), ("illegible", "ILLEGIBLE"), ("alarm", "ALARM")] {
            lines.extend(log[name].as_str().map(|why| format!("{label:<14}{why}")));
        }
        for alarm in log["alarms"].as_array().into_iter().flatten() {
            let said = |name: &str| alarm[name].as_str().unwrap_or_default().to_owned();
            lines.push(format!("{:<14}{}: {}", "ALARM", said("code"), said("detail")));
        }
    };
    if log["kind"] != "kafka" {
        let mut lines = Vec::new();
        told(&mut lines);
        return lines;
    }
    let seen = log["confirmed_age_ms"].as_u64();
    let seen = seen.map_or_else(|| "its end not seen yet".to_owned(), |age| format!("its end seen {age} ms ago"));
    let writer =
        log["writer"].as_str().map_or_else(|| "nobody says to write".to_owned(), |name| format!("{name} writes"));
    let reached = if log["forwards"] == true { ", and takes commands from here" } else { "" };
    let mut lines = vec![format!("log           on Kafka, {seen}; {writer}{reached}")];
    told(&mut lines);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_node_does_not_have_is_not_said() {
        let tree = serde_json::json!({"size": 0, "root": "abc="});
        let status = serde_json::json!({"node": null, "ledger": "one", "head_sequence": null, "tree": tree});
        assert_eq!(described(&status), ["ledger        one", "tree          0 leaves, root abc="]);
    }

    #[test]
    fn what_stands_still_says_why() {
        let status = serde_json::json!({
            "role": "writer",
            "tree": {"size": 2, "root": "abc="},
            "timers_held": true,
            "log": {
                "kind": "kafka", "confirmed_age_ms": 7, "writer": "one", "forwards": false, "alarm": "no peer",
                "publisher": {"next_sequence": 7, "lag": 2, "error": "Kafka is away"},
            },
            "views": [{"view": "board", "version": 1, "sequence": 1, "lag": 0, "state": "stopped", "alive": false, "message": "event 2"}],
        });
        let lines = described(&status);
        assert!(lines.iter().any(|line| line.contains("stopped, NOT ALIVE: event 2")), "{lines:?}");
        let publisher = "publisher     next event 7, lag 2, NOT PUBLISHING: Kafka is away";
        assert!(lines.iter().any(|line| line == publisher), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("timers")), "{lines:?}");
        let (log, alarm) = ("log           on Kafka, its end seen 7 ms ago; one writes", "ALARM         no peer");
        assert!(lines.iter().any(|line| line == log) && lines.iter().any(|line| line == alarm), "{lines:?}");
    }
}
