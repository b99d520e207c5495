//! Points in time as the ledger writes them, and dates as exactly as they are known. Nothing here reads a clock.

use crate::ids::as_string;
use chrono::{DateTime, Datelike, NaiveDate, TimeZone as _, Utc};
use std::{fmt, str::FromStr};

/// A UTC instant in whole microseconds, written RFC 3339 with exactly six digits and `Z`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(i64);

/// A text that is not an instant or date of the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct TimeError(&'static str);

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999Z in microseconds: four-digit years only.
const BOUNDS: (i64, i64) = (-62_135_596_800_000_000, 253_402_300_799_999_999);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z, held within the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Self {
        let (least, most) = BOUNDS;
        Self(if micros < least {
            least
        } else if micros > most {
            most
        } else {
            micros
        })
    }
    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn micros(self) -> i64 {
        self.0
    }
    /// Reads what `Display` writes, and nothing else.
    pub(crate) fn from_canonical(text: &str) -> Option<Self> {
        let bytes: &[u8; 27] = text.as_bytes().try_into().ok()?;
        let number = |range: std::ops::Range<usize>| {
            bytes[range]
                .iter()
                .try_fold(0_i64, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
        };
        let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
        if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
            return None;
        }
        let part = |range| number(range).and_then(|number| u32::try_from(number).ok());
        let year = i32::try_from(number(0..4)?).ok().filter(|year| *year > 0)?;
        let day = NaiveDate::from_ymd_opt(year, part(5..7)?, part(8..10)?)?;
        let time = day.and_hms_micro_opt(part(11..13)?, part(14..16)?, part(17..19)?, part(20..26)?)?;
        Some(Self(time.and_utc().timestamp_micros()))
    }
    /// As chrono's type.
    pub fn to_utc(self) -> DateTime<Utc> {
        Utc.timestamp_micros(self.0).single().expect("every value within BOUNDS is an instant")
    }
    /// The civil date that this instant falls on in a zone.
    pub fn date_in(self, zone: TimeZone) -> NaiveDate {
        self.to_utc().with_timezone(&zone.0).date_naive()
    }
    /// This instant moved by whole seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}
impl From<DateTime<Utc>> for Timestamp {
    fn from(time: DateTime<Utc>) -> Self {
        Self::from_micros(time.timestamp_micros())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.to_utc();
        // Written by hand: chrono's format machinery costs ten times as much, on every event.
        let seconds = self.0.div_euclid(1_000_000).rem_euclid(86_400);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let micros = self.0.rem_euclid(1_000_000);
        let (year, month, day) = (time.year(), time.month(), time.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}
impl FromStr for Timestamp {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        const FORM: TimeError = TimeError("an RFC 3339 time such as 2026-11-21T09:30:00.123456Z");
        if let Some(time) = Self::from_canonical(text) {
            return Ok(time);
        }
        // RFC 3339 5.6 allows every offset; a space in place of the T is an agreement that we do not have.
        let time = DateTime::parse_from_rfc3339(text).map_err(|_| FORM)?;
        if text.contains(' ') {
            return Err(FORM);
        }
        Ok(time.to_utc().into())
    }
}

/// A date as exactly as it is known (EDTF level 0): `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PartialDate {
    /// The year is known.
    Year(i32),
    /// The month is known.
    Month(i32, u32),
    /// The day is known.
    Day(NaiveDate),
}

impl PartialDate {
    /// The first day it may mean.
    pub fn first_day(self) -> NaiveDate {
        match self {
            Self::Year(year) => NaiveDate::from_ymd_opt(year, 1, 1),
            Self::Month(year, month) => NaiveDate::from_ymd_opt(year, month, 1),
            Self::Day(day) => Some(day),
        }
        .expect("checked when it was parsed")
    }
    /// The last day it may mean.
    pub fn last_day(self) -> NaiveDate {
        match self {
            Self::Year(year) => NaiveDate::from_ymd_opt(year, 12, 31),
            Self::Month(year, month) => {
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                NaiveDate::from_ymd_opt(next.0, next.1, 1).and_then(|first| first.pred_opt())
            }
            Self::Day(day) => Some(day),
        }
        .expect("checked when it was parsed")
    }
    /// Whether it is certainly later than `other`, as exactly as both are known: `2025` is not after `2025-06`.
    pub fn is_after(self, other: Self) -> bool {
        self.first_day() > other.last_day()
    }
    /// The year.
    pub fn year(self) -> i32 {
        self.first_day().year()
    }
}
impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::Month(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::Day(day) => write!(f, "{}", day.format("%Y-%m-%d")),
        }
    }
}
impl FromStr for PartialDate {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        const FORM: TimeError = TimeError("a date that exists, as YYYY, YYYY-MM or YYYY-MM-DD");
        let digits = |range: std::ops::Range<usize>| {
            let part = text.get(range).ok_or(FORM)?;
            if part.bytes().all(|b| b.is_ascii_digit()) { part.parse::<i32>().map_err(|_| FORM) } else { Err(FORM) }
        };
        let year = digits(0..4)?;
        if year == 0 {
            return Err(FORM);
        }
        let dashes = |at: usize| if text.as_bytes().get(at) == Some(&b'-') { Ok(()) } else { Err(FORM) };
        let month = |n: i32| u32::try_from(n).ok().filter(|m| (1..=12).contains(m)).ok_or(FORM);
        match text.len() {
            4 => Ok(Self::Year(year)),
            7 => dashes(4).and(Ok(Self::Month(year, month(digits(5..7)?)?))),
            10 => {
                dashes(4).and(dashes(7))?;
                let day = u32::try_from(digits(8..10)?).map_err(|_| FORM)?;
                NaiveDate::from_ymd_opt(year, month(digits(5..7)?)?, day).map(Self::Day).ok_or(FORM)
            }
            _ => Err(FORM),
        }
    }
}

/// A civil date `YYYY-MM-DD`; it ends at midnight in its record's time zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(pub NaiveDate);

impl Date {
    /// The instant at which this date is over in `zone` (the next day's first instant there).
    pub fn end_in(self, zone: TimeZone) -> Timestamp {
        let midnight = self.0.succ_opt().unwrap_or(NaiveDate::MAX).and_hms_opt(0, 0, 0).expect("midnight is a time");
        // Where clocks are put forward at midnight that minute does not exist: the day then starts an hour later.
        (0..4)
            .find_map(|hours| zone.0.from_local_datetime(&(midnight + chrono::Duration::hours(hours))).earliest())
            .map_or_else(|| midnight.and_utc().into(), |time| time.to_utc().into())
    }
}
impl From<Date> for PartialDate {
    fn from(date: Date) -> Self {
        Self::Day(date.0)
    }
}
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PartialDate::Day(self.0).fmt(f)
    }
}
impl FromStr for Date {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        match text.parse() {
            Ok(PartialDate::Day(day)) => Ok(Self(day)),
            _ => Err(TimeError("a date that exists, as YYYY-MM-DD")),
        }
    }
}

/// An IANA time zone, such as `America/Lima`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimeZone(chrono_tz::Tz);

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(chrono_tz::UTC);
}
impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}
impl FromStr for TimeZone {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse().map(Self).map_err(|_| TimeError("an IANA time zone such as America/Lima"))
    }
}

as_string! {
    Timestamp, "RFC 3339 UTC time with microseconds", r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$", 40;
    PartialDate, "a date as exactly as known: YYYY, YYYY-MM or YYYY-MM-DD", r"^\d{4}(-\d\d(-\d\d)?)?$", 10;
    Date, "a civil date, YYYY-MM-DD", r"^\d{4}-\d\d-\d\d$", 10;
    TimeZone, "an IANA time zone", r"^[A-Za-z0-9_+/-]+$", 60;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_have_six_digits_and_come_back() {
        for micros in [0, 1, -1, 1_795_253_400_123_456, BOUNDS.0, BOUNDS.1] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(time.to_string().parse(), Ok(time));
            assert_eq!(time.to_string().len(), 27);
        }
        assert_eq!(Timestamp::from_micros(1_795_253_400_123_456).to_string(), "2026-11-21T09:30:00.123456Z");
        let there = "2026-11-21T10:30:00+01:00".parse::<Timestamp>().expect("RFC 3339 5.6 allows every offset");
        assert_eq!(there.to_string(), "2026-11-21T09:30:00.000000Z");
        assert!("2026-11-21 09:30:00Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for wrong in
            ["2026-02-29", "2026-13", "2026-00-01", "26", "2026-1-1", "+026", "0000", "2026-11-21T", "２０２６"]
        {
            assert!(wrong.parse::<PartialDate>().is_err(), "{wrong}");
        }
        for right in ["2024", "2024-01", "2024-02-29"] {
            assert_eq!(right.parse::<PartialDate>().expect("exists").to_string(), right);
        }
    }

    #[test]
    fn dates_are_compared_as_exactly_as_both_are_known() {
        let date = |text: &str| text.parse::<PartialDate>().expect("exists");
        for (one, other, after) in [
            ("2007-12-01", "2007-02-01", true),
            ("2007-12-01", "2007", false),
            ("2007-12-01", "2007-12", false),
            ("2007-12", "2007-11-30", true),
            ("2010", "2009", true),
            ("2010", "2009-12-31", true),
            ("2024", "2024-02-29", false),
            ("2024-03", "2024-02-29", true),
            ("2007-02-01", "2007-12-01", false),
            ("9999-12", "9999-12-31", false),
        ] {
            assert_eq!(date(one).is_after(date(other)), after, "{one} after {other}");
        }
        assert_eq!(date("2024-02").last_day().to_string(), "2024-02-29");
    }

    #[test]
    fn a_civil_date_ends_at_local_midnight() {
        let date: Date = "2024-01-31".parse().expect("exists");
        assert_eq!(date.end_in("America/Lima".parse().expect("zone")).to_string(), "2024-02-01T05:00:00.000000Z");
        // In Asuncion clocks went forward at midnight of 2023-10-01: that day began at 01:00, 04:00 UTC.
        let date: Date = "2023-09-30".parse().expect("exists");
        assert_eq!(date.end_in("America/Asuncion".parse().expect("zone")).to_string(), "2023-10-01T04:00:00.000000Z");
    }
}
