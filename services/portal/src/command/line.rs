//! Lines of a batch: cut out of the bytes as they come, and read. It sends nothing.

use super::ActingFor;
use crate::{
    limits::BATCH_LINE_BYTES_LIMIT,
    problem::{Code, Problem},
};
use bytes::{Buf, Bytes, BytesMut};
use convenio_events::{CommandId, OrganisationId, StreamVersion};
use convenio_ledger::parser_words::{not_json, plain};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Cuts bytes at newlines. It holds at most one line.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: BytesMut,
    looked: usize,
    skipping: bool,
}

/// One line, without its newline.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Cut {
    Line(Bytes),
    TooLong,
}

impl Lines {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next whole line; `None` when more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Cut> {
        let Some(at) = self.held[self.looked..].iter().position(|byte| *byte == b'\n') else {
            self.looked = self.held.len();
            if self.looked > BATCH_LINE_BYTES_LIMIT {
                self.skipping = true;
                self.held.clear();
                self.looked = 0;
            }
            return None;
        };
        let line = self.held.split_to(self.looked + at);
        self.held.advance(1);
        self.looked = 0;
        Some(self.cut(line))
    }

    /// What is left when no more bytes come.
    pub(super) fn rest(&mut self) -> Option<Cut> {
        let line = self.held.split();
        (self.skipping || !line.is_empty()).then(|| self.cut(line))
    }

    fn cut(&mut self, line: BytesMut) -> Cut {
        let skipped = std::mem::take(&mut self.skipping);
        if skipped || line.len() > BATCH_LINE_BYTES_LIMIT { Cut::TooLong } else { Cut::Line(line.freeze()) }
    }
}

/// What a line says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    #[serde(borrow)]
    pub(super) command: Cow<'a, str>,
    pub(super) id: CommandId,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
    #[serde(default)]
    pub(super) expected_version: Option<StreamVersion>,
    #[serde(default, borrow)]
    acting_for: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(super) correlation_id: Option<CommandId>,
}

impl<'a> Line<'a> {
    /// Reads a line, or says why it is none, with its id if that much can be read.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, (Option<CommandId>, Problem)> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| (None, Problem::from(Code::NotUtf8).detail(not_utf8(&error))))?;
        serde_json::from_str(text)
            .map_err(|error| (readable_id(text), Problem::from(Code::LineInvalid).detail(why_not(&error))))
    }

    /// Which organisation acts, where the line says so.
    pub(super) fn acting_for(&self) -> Result<Option<OrganisationId>, Problem> {
        let Some(text) = &self.acting_for else { return Ok(None) };
        let parsed = text.parse().map(|ActingFor(organisation)| Some(organisation));
        parsed.map_err(|why: &str| Problem::from(Code::LineInvalid).field("acting_for").detail(why))
    }
}

fn not_utf8(error: &std::str::Utf8Error) -> String {
    format!("from byte {} on it is not UTF-8", error.valid_up_to())
}

/// Why a line is none. The data of its command is judged later, where its fields are known.
fn why_not(error: &serde_json::Error) -> String {
    if error.is_data() { plain(&error.to_string()) } else { not_json(error) }
}

fn readable_id(text: &str) -> Option<CommandId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: CommandId,
    }
    serde_json::from_str(text).ok().map(|OnlyId { id }| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pieces: &[&[u8]], expected: &[Cut]) {
        let mut lines = Lines::default();
        let mut cut = Vec::new();
        for piece in pieces {
            lines.push(piece);
            cut.extend(std::iter::from_fn(|| lines.next()));
        }
        cut.extend(lines.rest());
        assert_eq!(cut, expected);
    }

    #[test]
    fn lines_are_cut_wherever_the_bytes_were_split() {
        let line = |text: &'static str| Cut::Line(Bytes::from_static(text.as_bytes()));
        check(&[b"a\nb", b"c\n", b"\n", b"d"], &[line("a"), line("bc"), line(""), line("d")]);
        check(&[b""], &[]);
        let long = vec![b'x'; BATCH_LINE_BYTES_LIMIT + 1];
        check(&[&long, b"more", b"\nok\n"], &[Cut::TooLong, line("ok")]);
        check(&[&long], &[Cut::TooLong]);
    }

    #[test]
    fn a_line_that_is_none_still_tells_its_id() {
        let id = "018f4e2a-0000-7000-8000-000000000001";
        let wrong = format!(r#"{{"command":"publish-offer","id":"{id}","data":{{}},"more":1}}"#);
        let (found, problem) = Line::parse(wrong.as_bytes()).err().expect("an unknown member");
        assert_eq!((found.map(|id| id.to_string()).as_deref(), problem.code()), (Some(id), "line-invalid"));
        let (found, problem) = Line::parse(b"\xff").err().expect("not UTF-8");
        assert_eq!((found, problem.code()), (None, "not-utf8"));
    }
}
