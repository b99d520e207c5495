//! Whether a log on Kafka is as it must be, and whether nodes can reach each other. It makes no topic and sends no command.

use super::Finding;
use crate::config::Config;
use convenio_events::causes::with_causes;
use convenio_kafka::{
    Examined, Fault, KafkaLogError, Settings,
    topics::{self, Inspected},
};

/// Looks at the topics; `opened` says that the identity has opened its ledger, which has its topics since then.
pub(super) fn topics(settings: &Settings, opened: bool, quick: bool) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::error("Kafka", error.to_string(), "free what the system lacks")],
    };
    let Inspected { cluster, missing, thin } = match runtime.block_on(topics::inspect(settings)) {
        Ok(found) => found,
        Err(error) => return vec![broken(&error)],
    };
    let found = format!("cluster {}, {} brokers, at {}", cluster.id, cluster.brokers, settings.address);
    let mut findings = vec![if cluster.brokers < topics::REPLICAS {
        let advice = "what one broker loses is lost: use three brokers for anything that matters";
        Finding::warning("Kafka", found, advice)
    } else {
        Finding::ok("Kafka", found)
    }];
    if !thin.is_empty() {
        let found = format!("{} have fewer copies than there are brokers for", thin.join(", "));
        let advice = "give them three replicas and min.insync.replicas=2, with Kafka's own tools";
        findings.push(Finding::warning("topics", found, advice));
    }
    let truth = topics::Topic::TRUTH.map(|topic| topic.name(settings));
    let gone = truth.iter().filter(|name| missing.contains(name)).count();
    findings.push(match (missing.is_empty(), gone) {
        (true, _) => Finding::ok("topics", "all are there, and as they must be"),
        (false, gone) if gone > 0 && (opened || gone < truth.len()) => Finding::error(
            "topics",
            format!("{} are not there, and the ledger was opened before: no node makes them anew", missing.join(", ")),
            "see that the ledger's name in --log is right; if they were deleted, docs/operating-kafka.md, \"Disasters\"",
        ),
        (false, _) => Finding::ok("topics", format!("the first node makes {}", missing.join(", "))),
    });
    if gone == 0 {
        findings.extend(contents(settings, opened, quick));
    }
    findings
}

/// What is in log and keys.
fn contents(settings: &Settings, opened: bool, quick: bool) -> Vec<Finding> {
    let Examined { events, ledger, faults } = match convenio_kafka::examine(settings, quick) {
        Ok(found) => found,
        Err(error) => return vec![broken(&error)],
    };
    if !faults.is_empty() {
        return faults.into_iter().map(|Fault { what, advice }| Finding::error("log", what, advice)).collect();
    }
    let Some(ledger) = ledger else {
        return vec![if quick {
            Finding::ok("log", "its topics can be read; what is in them was left out")
        } else if opened {
            let advice =
                "see that the ledger's name in --log is right; if it is, docs/operating-kafka.md, \"Disasters\"";
            Finding::error("log", "it holds no event, and the ledger was opened before", advice)
        } else {
            Finding::ok("log", "it holds no event yet")
        }];
    };
    vec![Finding::ok("log", format!("{events} events of {ledger}, each with its text, and as it was committed"))]
}

fn broken(error: &KafkaLogError) -> Finding {
    let advice = match error {
        KafkaLogError::Topic { .. } => {
            "change that setting of the topic with Kafka's own tools; docs/kafka.md says why"
        }
        KafkaLogError::Property { .. } => "correct the property that is passed through to librdkafka",
        KafkaLogError::Refused { .. } => {
            "check user, password and authority (kafka.sasl.*, kafka.ssl.*) and the user's rights"
        }
        KafkaLogError::Kafka { .. }
        | KafkaLogError::Late(_)
        | KafkaLogError::OtherHistory { .. }
        | KafkaLogError::Truncated { .. }
        | KafkaLogError::Missing { .. }
        | KafkaLogError::Key { .. }
        | KafkaLogError::Published { .. }
        | KafkaLogError::Undecided { .. }
        | KafkaLogError::Message { .. }
        | KafkaLogError::KeyMessage { .. }
        | KafkaLogError::Clock(_)
        | KafkaLogError::Unauthorised { .. }
        | KafkaLogError::Forbidden(_)
        | KafkaLogError::Seal(_)
        | KafkaLogError::Closed { .. }
        | KafkaLogError::Fenced
        | KafkaLogError::Halted(_)
        | KafkaLogError::Journal(_) => "check the addresses of the brokers, and that they run",
    };
    Finding::error("Kafka", with_causes(error), advice)
}

/// Whether commands can be sent on, as far as that can be told from here.
pub(super) fn peers(config: &Config) -> Option<Finding> {
    if config.peers.is_empty() {
        let advice = "name every other node with --peer, or send commands to the one that writes only";
        return Some(Finding::warning("peers", "none: this node sends no command on", advice));
    }
    if config.advertise.is_none() && !config.listen.ip().is_loopback() {
        let advice = "say with --advertise where other nodes reach this one";
        return Some(Finding::warning("peers", "no other node knows where this one is", advice));
    }
    Some(Finding::ok("peers", format!("{} other nodes", config.peers.len())))
}
