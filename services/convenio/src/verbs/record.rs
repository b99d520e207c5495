//! `convenio record`: sends commands and prints a result for each. Where an answer is lost the same lines go again with the
//! same ids; it decides nothing about them.

mod lines;

use crate::{
    cli::NodeArguments,
    client::{Remote, may_pass},
    verbs::output::{self, Progress},
};
use anyhow::{Context as _, bail, ensure};
use lines::{Line, Numbering, Reading};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use std::{path::PathBuf, time::Duration};

/// The most lines of one request; what has been read by then is sent.
const REQUEST_LINES: usize = 10_000;
/// The most bytes of one request; the node takes 64 MiB.
const REQUEST_BYTES: usize = 32 << 20;
/// So often the same lines are sent without any getting an outcome; then the verb fails, and running it again is safe.
const ATTEMPTS: u32 = 8;
/// The wait before the second attempt; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Flags of the verb.
#[derive(clap::Args, Debug)]
pub(crate) struct RecordArguments {
    /// Commands, one a line: {"command":"publish-offer","id":"UUID","data":{...}}, optional `acting_for`,
    /// `expected_version`; `-` reads standard input. A line without `id` gets one that is the same when it is sent again
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    node: NodeArguments,
    /// Prints the node's answers as NDJSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(crate) async fn run(arguments: RecordArguments) -> anyhow::Result<()> {
    let (mut reading, length) = Reading::start(&arguments.file)?;
    let mut recorder = Recorder {
        remote: arguments.node.remote()?,
        json: arguments.json,
        progress: Progress::new("recording", length),
        told: Told::default(),
    };
    let mut numbering = Numbering::default();
    let mut bytes_read = 0;
    while let Some(batch) = reading.batch(REQUEST_LINES, REQUEST_BYTES).await? {
        if batch.iter().any(Line::lacks_id) && !numbering.has_ledger() {
            numbering.set_ledger(recorder.remote.ledger_id().await.context("asking which ledger the ids are for")?);
        }
        bytes_read += batch.iter().map(|line| line.length).sum::<u64>();
        let batch: Vec<_> = batch.into_iter().map(|line| numbering.number(line)).collect();
        recorder.record(&batch).await?;
        recorder.progress.set(bytes_read, length);
    }
    let Recorder { progress, told, .. } = recorder;
    progress.finish(&format!("{} accepted, {} refused", told.accepted, told.refused));
    ensure!(told.refused == 0, "{} of {} commands were refused", told.refused, told.refused + told.accepted);
    Ok(())
}

struct Recorder {
    remote: Remote,
    json: bool,
    progress: Progress,
    told: Told,
}

#[derive(Default)]
struct Told {
    accepted: u64,
    refused: u64,
}

/// An answer to one line, or the last line of all.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    line: usize,
    #[serde(default)]
    done: bool,
    #[serde(default)]
    status: u16,
    #[serde(default)]
    code: String,
    #[serde(default)]
    title: String,
    detail: Option<String>,
    field: Option<String>,
    subject: Option<String>,
    sequence: Option<u64>,
}

impl Answer {
    /// Nothing was decided, or nobody knows: the line goes again. So does the one that the node had come to when it read no further:
    /// what is told of it then is told of the request.
    fn is_open(&self) -> bool {
        const OPEN: [&str; 9] = [
            "answers-unread",
            "batch-too-large",
            "body-too-slow",
            "body-unreadable",
            "log-unwritable",
            "no-writer",
            "outcome-unknown",
            "overloaded",
            "too-many-requests",
        ];
        OPEN.contains(&self.code.as_str())
    }
}

impl Recorder {
    /// Sends lines until each has an outcome. Answers come in order: from the first open one on all lines go again, since
    /// later ones may have been refused for the lack of it, and those that were recorded are replayed.
    async fn record(&mut self, batch: &[Line]) -> anyhow::Result<()> {
        let (mut settled, mut attempts, mut wait) = (0, 0, FIRST_WAIT);
        loop {
            let before = settled;
            let cause = match self.send(&batch[settled..], &mut settled).await {
                Ok(()) if settled == batch.len() => return Ok(()),
                Ok(()) => "the node does not know the outcome, or takes no more now".to_owned(),
                Err(error) if may_pass(&error) => format!("{error:#}"),
                Err(error) => return Err(error),
            };
            if settled > before {
                (attempts, wait) = (0, FIRST_WAIT);
            }
            attempts += 1;
            if attempts == ATTEMPTS {
                let next = batch[settled].number;
                bail!("no outcome for line {next} and those after it: {cause}. Run it again: the ids stay the same");
            }
            tracing::warn!(line = batch[settled].number, cause, "sending again");
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Sends lines once and prints the outcomes up to the first that is open.
    async fn send(&mut self, lines: &[Line], settled: &mut usize) -> anyhow::Result<()> {
        let body: Vec<u8> = lines.iter().flat_map(|line| line.bytes.iter().copied().chain([b'\n'])).collect();
        let request = self.remote.request(Method::POST, "/api/v1/commands");
        let request = request.header("Content-Type", "application/x-ndjson").body(body);
        let mut response = self.remote.send(request).await?;
        let mut held = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            held.extend_from_slice(&chunk);
            while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let answer: Vec<u8> = held.drain(..=end).collect();
                if self.answered(lines, std::str::from_utf8(&answer)?, settled)? {
                    return Ok(());
                }
            }
        }
        // Without its last line the answer was cut off: what has no outcome goes again.
        Ok(())
    }

    /// Takes one answer; true when no more are wanted.
    fn answered(&mut self, lines: &[Line], text: &str, settled: &mut usize) -> anyhow::Result<bool> {
        let answer: Answer = serde_json::from_str(text).context("the node's answer is not understood")?;
        if answer.done {
            return Ok(true);
        }
        if answer.is_open() {
            return Ok(true);
        }
        let line = answer.line.checked_sub(1).and_then(|at| lines.get(at)).context("the node answered another line")?;
        *settled += 1;
        let accepted = (200..300).contains(&answer.status);
        if accepted {
            self.told.accepted += 1
        } else {
            self.told.refused += 1
        }
        let said = if self.json { renumbered(text, line.number)? } else { told(&answer, line.number) };
        self.progress.around(|| if self.json { output::json_line(&said) } else { output::line(&said) })?;
        Ok(false)
    }
}

fn told(answer: &Answer, number: u64) -> String {
    let Answer { status, code, title, .. } = answer;
    match (&answer.subject, answer.sequence) {
        (Some(subject), Some(sequence)) if answer.status == 200 => {
            format!("{number}: recorded before: {subject} at {sequence}")
        }
        (Some(subject), Some(sequence)) => format!("{number}: recorded: {subject} at {sequence}"),
        _ => {
            let field = answer.field.as_ref().map(|field| format!(" {field}:")).unwrap_or_default();
            let rule = answer.detail.as_ref().unwrap_or(title);
            format!("{number}: refused: {status} {code}:{field} {rule}")
        }
    }
}

/// The node counts the lines of a request, the caller those of the file.
fn renumbered(text: &str, number: u64) -> anyhow::Result<String> {
    let mut value: Value = serde_json::from_str(text)?;
    value["line"] = number.into();
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_ends_a_batch_is_no_refusal_of_the_command_that_was_not_read() {
        let answer = |code: &str| Answer {
            line: 3,
            done: false,
            status: 408,
            code: code.to_owned(),
            title: String::new(),
            detail: None,
            field: None,
            subject: None,
            sequence: None,
        };
        for code in ["body-unreadable", "body-too-slow", "answers-unread", "batch-too-large", "overloaded"] {
            assert!(answer(code).is_open(), "{code}");
        }
        for code in ["line-too-long", "unknown-command", "not-utf8"] {
            assert!(!answer(code).is_open(), "{code}");
        }
    }
}
