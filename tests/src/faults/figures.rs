//! How long each fault was felt. It measures nothing itself.

use super::{load::Accepted, outside::LogTopic, plan::Fault};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a figure counts, from the moment that `from` names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Until {
    /// The first command that a new writer accepts.
    Successor,
    /// The first command that is sent and accepted after it.
    Accepted,
    /// The longest time in which nothing was accepted, until this moment.
    LongestPause(Instant),
}

/// A fault that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened {
    pub(super) fault: Fault,
    pub(super) from: Instant,
    pub(super) until: Until,
}

/// One kind of fault, and how long it was felt each time.
#[derive(Clone, PartialEq, Debug)]
pub struct Measured {
    /// The fault.
    pub fault: Fault,
    /// What the times are.
    pub what: &'static str,
    /// In the order in which they happened.
    pub times: Vec<Duration>,
}

/// How long each fault of a run was felt.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Figures(pub Vec<Measured>);

/// A line of the table.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Figure {
    /// On which brokers.
    pub brokers: String,
    /// The fault's name.
    pub fault: &'static str,
    /// What the times are.
    pub what: &'static str,
    /// How often.
    pub times: usize,
    /// In seconds.
    pub median_s: f64,
    /// In seconds.
    pub worst_s: f64,
    /// What it may take at most, in seconds, where that is settled.
    pub budget_s: Option<f64>,
}

impl Figures {
    /// Of a run that is over.
    ///
    /// # Panics
    /// When nothing was accepted after a fault.
    pub(super) fn of(happened: &[Happened], accepted: &[Accepted], log: &LogTopic) -> Self {
        let mut figures = Self::default();
        for happened in happened {
            let took = took(happened, accepted, log);
            let took = took.unwrap_or_else(|| panic!("nothing was accepted after {:?}", happened.fault));
            match figures.0.iter_mut().find(|measured| measured.fault == happened.fault) {
                Some(measured) => measured.times.push(took),
                None => figures.0.push(Measured {
                    fault: happened.fault,
                    what: match happened.until {
                        Until::Successor => "until the successor accepts a command",
                        Until::Accepted => "until a command is accepted",
                        Until::LongestPause(_) => "longest time in which none was accepted",
                    },
                    times: vec![took],
                }),
            }
        }
        figures
    }

    /// The lines of the table, the budgets beside them.
    pub fn lines(&self, brokers: &str, budget: impl Fn(Fault) -> Option<Duration>) -> Vec<Figure> {
        let line = |measured: &Measured| {
            let mut times = measured.times.clone();
            times.sort();
            Figure {
                brokers: brokers.to_owned(),
                fault: measured.fault.word(),
                what: measured.what,
                times: times.len(),
                median_s: times[times.len() / 2].as_secs_f64(),
                worst_s: times[times.len() - 1].as_secs_f64(),
                budget_s: budget(measured.fault).map(|budget| budget.as_secs_f64()),
            }
        };
        self.0.iter().map(line).collect()
    }
}

impl Figure {
    /// Whether it took longer than it may.
    pub fn is_over(&self) -> bool {
        self.budget_s.is_some_and(|budget| self.worst_s > budget)
    }
}

fn took(happened: &Happened, accepted: &[Accepted], log: &LogTopic) -> Option<Duration> {
    let from = happened.from;
    match happened.until {
        Until::Successor => {
            let before = accepted.iter().filter(|accepted| accepted.at <= from);
            let term = before.map(|accepted| log.term(accepted.sequence)).max().unwrap_or_default();
            let of_successor = |accepted: &&Accepted| accepted.at > from && log.term(accepted.sequence) > term;
            accepted.iter().filter(of_successor).map(|accepted| accepted.at - from).min()
        }
        Until::Accepted => {
            let after = accepted.iter().filter(|accepted| accepted.sent >= from);
            after.map(|accepted| accepted.at - from).min()
        }
        Until::LongestPause(end) => {
            let within = accepted.iter().map(|accepted| accepted.at).filter(|at| (from..=end).contains(at));
            let mut moments: Vec<_> = [from, end].into_iter().chain(within).collect();
            moments.sort();
            moments.windows(2).map(|pair| pair[1] - pair[0]).max()
        }
    }
}
