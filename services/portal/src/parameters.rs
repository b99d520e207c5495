//! Query parameters: read one by one, and whatever nobody asked for is refused by name. It knows no parameter itself.

use crate::{
    limits::QUERY_CHARACTERS_LIMIT,
    problem::{Code, Problem},
};
use convenio_events::{Timestamp, time::TimeError};
use convenio_ledger::{nearest::nearest, parser_words::plain};
use convenio_projections::SequenceCursor;
use std::{fmt, str::FromStr};

/// The most characters of an unknown name that are told again: what there is has to fit beside it.
const NAME_CHARACTERS_TOLD: usize = 64;

/// What was asked in a query string and not yet looked at.
#[derive(Debug, Default)]
pub struct Parameters {
    asked: Vec<(String, String)>,
    /// The names that were looked for: those that there are here.
    known: Vec<&'static str>,
}

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
        Ok(Self { asked: pairs, known: Vec::new() })
    }

    /// Whether a parameter is given and was not read yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.asked.iter().any(|(key, _)| key == name)
    }

    /// A parameter that is given at most once.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn one<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Result<Option<T>, Problem> {
        self.known.push(name);
        let Some(at) = self.asked.iter().position(|(key, _)| key == name) else { return Ok(None) };
        let (_, value) = self.asked.remove(at);
        if self.asked.iter().any(|(key, _)| key == name) {
            return Err(invalid(name, "it is given twice"));
        }
        value.parse().map(Some).map_err(|error| unfit(name, &error))
    }

    /// A parameter with several values: given several times, or separated by commas.
    ///
    /// # Errors
    /// 400 `parameter-invalid`, naming it.
    pub fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Result<Vec<T>, Problem> {
        self.known.push(name);
        let mut values = Vec::new();
        for (_, value) in self.asked.extract_if(.., |(key, _)| key == name) {
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
    pub fn flag(&mut self, name: &'static str) -> Result<bool, Problem> {
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
    /// 400 `parameter-unknown`, naming it and those that there are.
    pub fn finish(self) -> Result<(), Problem> {
        let Self { asked, mut known } = self;
        let Some((name, _)) = asked.into_iter().next() else { return Ok(()) };
        let meant = nearest(&name, known.iter().copied());
        let advice = if meant.is_empty() { String::new() } else { format!("did you mean {}? ", meant.join(", ")) };
        known.sort_unstable();
        let all =
            if known.is_empty() { "there are none".to_owned() } else { format!("there are {}", known.join(", ")) };
        let said: String = name.chars().take(NAME_CHARACTERS_TOLD).collect();
        let detail = format!("there is no parameter {said:?} here: {advice}{all}");
        Err(Problem::from(Code::ParameterUnknown).field(name).detail(detail))
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
