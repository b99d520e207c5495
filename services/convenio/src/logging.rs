//! Logs: human on a terminal, JSON otherwise. Control characters in data never reach a terminal.

use convenio_events::characters::turns_direction;
use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error; `CONVENIO_LOG` says what is logged (`info` unless set).
pub(crate) fn start() {
    let filter = EnvFilter::try_from_env("CONVENIO_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that cannot be written (its disk is full) is lost; saying so where it cannot be said would end the thread.
    let logs = logs.log_internal_errors(false);
    // Somebody else may have started logging already (tests do): theirs stays.
    let _ = if std::io::stderr().is_terminal() {
        logs.with_target(false).try_init()
    } else {
        logs.json().flatten_event(true).try_init()
    };
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
