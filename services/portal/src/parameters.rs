//! Query parameters: read one by one, and whatever nobody asked for is refused by name. It knows no parameter itself.

use crate::{
    limits::QUERY_CHARACTERS_LIMIT,
    problem::{Code, Problem},
};
use convenio_events::{Timestamp, time::TimeError};
use convenio_ledger::parser_words::plain;
use convenio_projections::SequenceCursor;
use std::{fmt, str::FromStr};

/// What was asked in a query string and not yet looked at.
#[derive(Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Splits a query string.
    ///
    /// # Errors
    /// 400 `query-too-long`, `parameter-invalid`.
    pub fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let query = query.unwrap_or_default();
        if query.is_empty() {
            return Ok(Self::default());
        }
        if query.len() > QUERY_CHARACTERS_LIMIT {
            return Err(Code::QueryTooLong.into());
        }
        let pairs = serde_urlencoded::from_str(query)
            .map_err(|_| invalid("?", "a query is names and values, percent-encoded UTF-8: name=value&name=value"))?;
        Ok(Self(pairs))
    }

    /// Whether a parameter is given and was not read yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// A parameter that is given at most once.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn one<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<Option<T>, Problem> {
        let Some(at) = self.0.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        if self.0.iter().any(|(key, _)| key == name) {
            return Err(invalid(name, "it is given twice"));
        }
        value.parse().map(Some).map_err(|error| unfit(name, &error))
    }

    /// A parameter with several values: given several times, or separated by commas.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Result<Vec<T>, Problem> {
        let mut values = Vec::new();
        for (_, value) in self.0.extract_if(.., |(key, _)| key == name) {
            for part in value.split(',').filter(|part| !part.is_empty()) {
                values.push(part.parse().map_err(|error| unfit(name, &error))?);
            }
        }
        Ok(values)
    }

    /// `true` or `false`; false when not given.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self.one(name)?.unwrap_or(false))
    }

    /// A page's size, from 1 to `most`.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn limit(&mut self, default: usize, most: usize) -> Result<usize, Problem> {
        match self.one("limit")? {
            None => Ok(default),
            Some(limit) if (1..=most).contains(&limit) => Ok(limit),
            Some(_) => Err(invalid("limit", format_args!("it is from 1 to {most}"))),
        }
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// 400 `parameter-unknown`, naming it.
    pub fn finish(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::from(Code::ParameterUnknown).field(name)),
        }
    }
}

/// A value that a parameter does not take, in our words.
fn unfit(name: &str, error: &impl fmt::Display) -> Problem {
    invalid(name, plain(&error.to_string()))
}

/// An instant in a query (RFC 3339 5.6, any offset). A plus sign that was not percent-encoded arrives as a space.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl FromStr for Instant {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        match text.rsplit_once(' ') {
            Some((time, offset)) if time.contains(['T', 't']) => format!("{time}+{offset}").parse().map(Self),
            _ => text.parse().map(Self),
        }
    }
}

/// Where events are to begin: a sequence, or `end` for what comes from now on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StartAt {
    Sequence(u64),
    End,
}

impl FromStr for StartAt {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "end" => Ok(Self::End),
            number => number.parse().map(Self::Sequence).map_err(|_| "it must be a sequence, from 0 on, or end"),
        }
    }
}

/// Where a page of a list in the order of the log begins.
///
/// # Errors
/// 400 `cursor-invalid`.
pub(crate) fn cursor(parameters: &mut Parameters) -> Result<Option<SequenceCursor>, Problem> {
    let text: Option<String> = parameters.one("cursor")?;
    text.map(|text| text.parse()).transpose().map_err(|error: convenio_projections::NotACursor| error.into())
}

/// 400 for one parameter.
pub(crate) fn invalid(name: &str, why: impl fmt::Display) -> Problem {
    Problem::from(Code::ParameterInvalid).field(name).detail(why.to_string())
}
