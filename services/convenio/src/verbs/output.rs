//! What verbs print: lines on standard output, progress on standard error. Control characters in data never reach either.

use crate::logging::printable;
use convenio_events::characters::turns_direction;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

/// How often progress is said where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Prints a line; control characters are escaped.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    print(&printable(text).replace('\n', "\\n"))
}

/// Prints a line of JSON as it came; control characters become escapes that mean the same.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn json_line(json: &str) -> std::io::Result<()> {
    print(&escape_json(json.trim()))
}

/// Prints a document, indented.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn json_document(value: &serde_json::Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(print(&escape_json(&text))?)
}

fn print(text: &str) -> std::io::Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        // Whoever read has seen enough (`convenio events | head`): no more is wanted, and nothing failed.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        written => written,
    }
}

/// JSON allows DEL, the C1 controls and overrides of direction in a string, terminals act on them. Outside strings JSON has no
/// others than white space, so each may be written as an escape.
fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if (c.is_control() && c != '\n') || turns_direction(c) {
            // Each of them is below U+10000: its escape is one unit.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// How far long work is: a bar on a terminal, a plain line now and then elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    length: Option<u64>,
    position: u64,
    said: Instant,
}

impl Progress {
    /// Begins; `length` where it is known.
    pub(crate) fn new(what: &str, length: Option<u64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(length.unwrap_or(0));
            let style =
                if length.is_some() { "{msg} {bar:40} {percent}% {eta}" } else { "{msg} {spinner} {human_pos}" };
            bar.set_style(ProgressStyle::with_template(style).expect("the template is written right"));
            bar.set_message(what.to_owned());
            bar
        });
        Self { bar, what: what.to_owned(), length, position: 0, said: Instant::now() }
    }

    /// Says how far it is.
    pub(crate) fn set(&mut self, position: u64, length: Option<u64>) {
        (self.position, self.length) = (position, length.or(self.length));
        if let Some(bar) = &self.bar {
            bar.set_length(self.length.unwrap_or(0));
            bar.set_position(position);
        } else if self.said.elapsed() >= PLAIN_INTERVAL {
            self.said = Instant::now();
            let of = self.length.map(|length| format!(" of {length}")).unwrap_or_default();
            eprintln!("{}: {position}{of}", self.what);
        }
    }

    /// Prints with the bar out of the way.
    pub(crate) fn around<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if std::io::stdout().is_terminal() => bar.suspend(print),
            _ => print(),
        }
    }

    /// Ends with a last word.
    pub(crate) fn finish(self, last: &str) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{}", printable(last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_its_meaning_when_control_characters_are_escaped() {
        let json = serde_json::to_string("a\u{1b}[31m\u{9b}\u{7f}b\u{e9}\u{202e}").expect("a string is JSON");
        let escaped = escape_json(&json);
        assert!(!escaped.chars().any(|c| c.is_control() || turns_direction(c)), "{escaped}");
        assert_eq!(
            serde_json::from_str::<String>(&escaped).expect("still JSON"),
            "a\u{1b}[31m\u{9b}\u{7f}b\u{e9}\u{202e}"
        );
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
