//! Figures and how they are printed: a table for people, a list for programs. It judges nothing.

use serde::Serialize;

/// One figure, beside its floor in the same run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    floor: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
}

impl Figure {
    /// A figure alone.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, floor: None, ratio: None }
    }
    /// Beside its floor, in the same unit.
    #[must_use]
    pub(crate) fn beside(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self.ratio = (floor > 0.0).then(|| self.value / floor);
        self
    }
}

/// A figure as a line of the table.
pub(crate) fn table_line(figure: &Figure) -> String {
    let number = |value: f64| if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    let floor = figure.floor.map_or_else(String::new, |floor| format!("floor {}", number(floor)));
    let ratio = figure.ratio.map_or_else(String::new, |ratio| format!("{:.0} %", ratio * 100.0));
    format!("{:<58} {:>12} {:<12} {:<18} {:>7}", figure.name, number(figure.value), figure.unit, floor, ratio)
}

/// The `q` quantile of durations in seconds, sorted here.
pub(crate) fn quantile(seconds: &mut [f64], q: f64) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let last = seconds.len().saturating_sub(1);
    seconds.get((last as f64 * q).round() as usize).copied().unwrap_or(0.0)
}
