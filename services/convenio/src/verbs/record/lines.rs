//! Lines of commands as they are read, and the ids of those that bring none. What a line asks for is not looked at.

use anyhow::Context as _;
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// Lines are handed on when so many bytes of them are there, or when the next has not come yet.
const BLOCK_BYTES: usize = 64 << 10;
/// Blocks that wait to be sent; reading waits beyond it.
const BLOCKS: usize = 64;
/// The node takes lines of 1 MiB; of a longer one this much is sent, so that it is refused by its own answer.
const LINE_BYTES_LIMIT: usize = (1 << 20) + 1;

/// A line that is no blank.
#[derive(Debug)]
pub(super) struct Line {
    /// Its number in the file, from 1.
    pub(super) number: u64,
    /// What is sent.
    pub(super) bytes: Vec<u8>,
    /// How many bytes of the file it is.
    pub(super) length: u64,
}

impl Line {
    /// True for a JSON object without `id`; what is no command at all is for the node to refuse.
    pub(super) fn lacks_id(&self) -> bool {
        #[derive(Deserialize)]
        struct Named {
            #[serde(default)]
            id: Present,
        }
        #[derive(Default)]
        struct Present(bool);
        impl<'de> Deserialize<'de> for Present {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                IgnoredAny::deserialize(deserializer).map(|IgnoredAny| Self(true))
            }
        }
        self.bytes.starts_with(b"{") && matches!(serde_json::from_slice(&self.bytes), Ok(Named { id: Present(false) }))
    }
}

/// Gives ids: UUIDv5 of the ledger and `<line>\n<how many equal lines came before>`.
#[derive(Default)]
pub(super) struct Numbering {
    ledger: Option<Uuid>,
    seen: HashMap<Uuid, u64>,
}

impl Numbering {
    pub(super) fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }
    pub(super) fn set_ledger(&mut self, ledger: Uuid) {
        self.ledger = Some(ledger);
    }

    pub(super) fn number(&mut self, mut line: Line) -> Line {
        let Some(ledger) = self.ledger.filter(|_| line.lacks_id()) else { return line };
        // Equal lines are counted by a digest: the lines themselves are not kept.
        let occurrence = self.seen.entry(Uuid::new_v5(&ledger, &line.bytes)).or_default();
        let mut name = line.bytes.clone();
        name.extend_from_slice(format!("\n{occurrence}").as_bytes());
        *occurrence += 1;
        let id = Uuid::new_v5(&ledger, &name);
        let empty = line.bytes[1..].trim_ascii_start().starts_with(b"}");
        let comma = if empty { "" } else { "," };
        line.bytes.splice(..1, format!("{{\"id\":\"{id}\"{comma}").into_bytes());
        line
    }
}

/// A thread that reads, so that what has come is sent while more is on its way.
pub(super) struct Reading {
    blocks: mpsc::Receiver<std::io::Result<Vec<Line>>>,
}

impl Reading {
    /// Begins to read a file (or `-`, standard input); also its length, where it has one.
    pub(super) fn start(path: &Path) -> anyhow::Result<(Self, Option<u64>)> {
        let (source, length): (Box<dyn Read + Send>, _) = if path.as_os_str() == "-" {
            (Box::new(std::io::stdin()), None)
        } else {
            let file = File::open(path).with_context(|| format!("reading commands from {}", path.display()))?;
            let length = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|data| data.len());
            (Box::new(file), length)
        };
        let (sender, blocks) = mpsc::channel(BLOCKS);
        std::thread::Builder::new().name("reading".to_owned()).spawn(move || read(source, &sender))?;
        Ok((Self { blocks }, length))
    }

    /// What has come, at least one line; `None` at the end.
    pub(super) async fn batch(&mut self, lines: usize, bytes: usize) -> anyhow::Result<Option<Vec<Line>>> {
        let Some(first) = self.blocks.recv().await else { return Ok(None) };
        let mut batch = first.context("reading commands")?;
        let mut size: usize = batch.iter().map(|line| line.bytes.len()).sum();
        while batch.len() < lines && size < bytes {
            let Ok(block) = self.blocks.try_recv() else { break };
            let block = block.context("reading commands")?;
            size += block.iter().map(|line| line.bytes.len()).sum::<usize>();
            batch.extend(block);
        }
        Ok(Some(batch))
    }
}

fn read(source: Box<dyn Read + Send>, blocks: &mpsc::Sender<std::io::Result<Vec<Line>>>) {
    let mut reader = BufReader::with_capacity(BLOCK_BYTES, source);
    let (mut block, mut size, mut number) = (Vec::new(), 0, 0);
    loop {
        let line = match read_line(&mut reader) {
            Ok(Some(line)) => line,
            Ok(None) => break,
            Err(error) => {
                // The receiver is gone only when the verb has failed already.
                let _ = blocks.blocking_send(Ok(block)).and_then(|()| blocks.blocking_send(Err(error)));
                return;
            }
        };
        number += 1;
        let (bytes, length) = line;
        if !bytes.trim_ascii().is_empty() {
            size += bytes.len();
            block.push(Line { number, bytes: bytes.trim_ascii().to_vec(), length });
        }
        let waits = reader.buffer().is_empty();
        if !block.is_empty() && (size >= BLOCK_BYTES || waits) {
            size = 0;
            if blocks.blocking_send(Ok(std::mem::take(&mut block))).is_err() {
                return;
            }
        }
    }
    if !block.is_empty() {
        let _ = blocks.blocking_send(Ok(block));
    }
}

/// The next line without its end, and how many bytes it was; of one that is too long only the beginning is kept.
fn read_line(reader: &mut BufReader<Box<dyn Read + Send>>) -> std::io::Result<Option<(Vec<u8>, u64)>> {
    let (mut line, mut length) = (Vec::new(), 0);
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok((length > 0).then_some((line, length)));
        }
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        let room = LINE_BYTES_LIMIT.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        length += used as u64;
        reader.consume(used);
        if end.is_some() {
            return Ok(Some((line, length)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line { number: 1, bytes: text.as_bytes().to_vec(), length: text.len() as u64 }
    }

    fn numbered(numbering: &mut Numbering, text: &str) -> serde_json::Value {
        serde_json::from_slice(&numbering.number(line(text)).bytes).expect("it stays JSON")
    }

    #[test]
    fn a_line_without_id_gets_the_same_one_in_every_run_and_another_for_each_occurrence() {
        let run = || {
            let mut numbering = Numbering { ledger: Some(Uuid::NAMESPACE_DNS), ..Numbering::default() };
            let texts =
                [r#"{"command":"a","data":{}}"#, r#"{"command":"a","data":{}}"#, r#"{"command":"b","data":{}}"#];
            texts.map(|text| numbered(&mut numbering, text)["id"].as_str().expect("an id").to_owned())
        };
        let [first, second, other] = run();
        assert!(first != second && first != other && second != other);
        assert_eq!(run(), [first, second, other]);
    }

    #[test]
    fn what_brings_an_id_or_is_no_object_goes_as_it_is() {
        let mut numbering = Numbering { ledger: Some(Uuid::NAMESPACE_DNS), ..Numbering::default() };
        for text in [r#"{"id":"x","command":"a"}"#, r#"{"id":null}"#, "{nonsense", "[]", "\u{fffd}"] {
            assert_eq!(numbering.number(line(text)).bytes, text.as_bytes(), "{text}");
        }
        assert!(numbered(&mut numbering, "{ }")["id"].is_string());
    }

    #[test]
    fn lines_are_cut_and_one_that_is_too_long_is_shortened() {
        let long = "x".repeat(LINE_BYTES_LIMIT + 10);
        let source: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(format!("a\n\n{long}\nb").into_bytes()));
        let mut reader = BufReader::new(source);
        let mut lengths = Vec::new();
        while let Some((line, length)) = read_line(&mut reader).expect("memory can be read") {
            lengths.push((line.len(), length));
        }
        let long = (LINE_BYTES_LIMIT, long.len() as u64 + 1);
        assert_eq!(lengths, [(1, 2), (0, 1), long, (1, 1)]);
    }
}
