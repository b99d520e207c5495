//! Logs: human on a terminal, JSON otherwise. Control characters in data never reach a terminal.

use anyhow::Context as _;
use convenio_events::characters::turns_direction;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// The words for how much is logged.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Starts logging to standard error; `CONVENIO_LOG` says what is logged (`info` unless set).
///
/// # Errors
/// Where that says nothing that can be understood.
pub(crate) fn start() -> anyhow::Result<()> {
    let wanted = std::env::var("CONVENIO_LOG").ok().filter(|wanted| !wanted.trim().is_empty());
    let filter = filter(wanted.as_deref().unwrap_or("info"))?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written (its disk is full) is lost; saying so where it cannot be said would end the thread.
    let logs = logs.log_internal_errors(false);
    // Somebody else may have started logging already (tests do): theirs stays.
    let _ = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
    Ok(())
}

/// A misspelt level would be taken for a part of the program, and nothing else be logged.
fn filter(wanted: &str) -> anyhow::Result<EnvFilter> {
    let is_level = |word: &str| LEVELS.contains(&word.trim().to_lowercase().as_str());
    let is_understood = |part: &str| is_level(part.rsplit_once('=').map_or(part, |(_, level)| level));
    let parsed = EnvFilter::try_new(wanted).ok().filter(|_| wanted.split(',').all(is_understood));
    parsed.with_context(|| {
        format!(
            "CONVENIO_LOG is {wanted:?}: it must be {}, or a level for a part of the program, such as info,convenio_kafka=debug",
            LEVELS.join(", ")
        )
    })
}

/// Text with its control characters escaped, line feeds excepted, and with what turns the direction of writing.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let harms = (c.is_control() && c != '\n') || turns_direction(c);
        if harms { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_there_is_not_is_refused_and_switches_nothing_off() {
        for right in ["info", "WARN", "info,convenio_kafka=debug", "off"] {
            assert!(filter(right).is_ok(), "{right}");
        }
        for wrong in ["debg", "convenio=dbug", "info,debg", "convenio"] {
            let refused = filter(wrong).expect_err(wrong).to_string();
            assert!(refused.contains(wrong) && refused.contains("off, error, warn, info, debug, trace"), "{refused}");
        }
    }
}
