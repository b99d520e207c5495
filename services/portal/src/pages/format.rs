//! Dates, numbers and names of events as a reader's language writes them. All rules are texts of the locale, none is code.

use super::locale::Language;
use chrono::{Datelike, NaiveDate, Timelike};
use convenio_events::{
    Timestamp, code_list,
    time::PartialDate,
    types::split_type_name,
    values::{Amount, Quantity, Theme, Unit},
};

impl Language {
    /// A whole number with the language's separators.
    pub(super) fn number(self, number: u64) -> String {
        self.decimal(&number.to_string())
    }

    /// A decimal number, as exactly as it was recorded.
    pub(super) fn amount(self, amount: Amount) -> String {
        self.decimal(&amount.to_string())
    }

    fn decimal(self, plain: &str) -> String {
        let (whole, part) = plain.split_once('.').map_or((plain, None), |(whole, part)| (whole, Some(part)));
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("\u{2212}", digits));
        let least = self.say("number-group-from").parse().unwrap_or(4);
        let mut shown = sign.to_owned();
        for (at, digit) in digits.chars().enumerate() {
            if digits.len() >= least && at > 0 && (digits.len() - at).is_multiple_of(3) {
                shown.push_str(&self.say("number-group"));
            }
            shown.push(digit);
        }
        if let Some(part) = part {
            shown.push_str(&self.say("number-decimal"));
            shown.push_str(part);
        }
        shown
    }

    /// How much of what: `10 expert days`, `PEN 1,200.50`.
    pub(super) fn quantity(self, quantity: &Quantity) -> String {
        self.amount_of(quantity.amount, &quantity.unit)
    }

    /// An amount and its unit.
    pub(super) fn amount_of(self, amount: Amount, unit: &Unit) -> String {
        let shown = self.amount(amount);
        if unit.is_money() {
            return self.say_all("amount-of-money", &[("amount", &shown), ("currency", unit.as_str())]);
        }
        let key = match unit.as_str() {
            "expert-days" => "unit-expert-days",
            "places" => "unit-places",
            "visits" => "unit-visits",
            "hours" => "unit-hours",
            "units" => "unit-units",
            other => return format!("{shown} {other}"),
        };
        // Where it is no whole number that fits, the plural stands.
        self.say_count(key, amount.to_string().parse().unwrap_or(2), &shown)
    }

    /// A date as exactly as it is known: `21 November 2026`, `November 2026`, `2026`.
    pub(super) fn date(self, date: PartialDate) -> String {
        match date {
            PartialDate::Year(year) => year.to_string(),
            PartialDate::Month(year, month) => {
                let (month, year) = (self.month(month), year.to_string());
                self.say_all("date-month", &[("month", &month), ("year", &year)])
            }
            PartialDate::Day(day) => self.day(day),
        }
    }

    /// A day.
    pub(super) fn day(self, day: NaiveDate) -> String {
        let (month, year, number) = (self.month(day.month()), day.year().to_string(), day.day().to_string());
        self.say_all("date-day", &[("day", &number), ("month", &month), ("year", &year)])
    }

    /// From one date to another; either may be open.
    pub(super) fn span(self, from: Option<PartialDate>, to: Option<PartialDate>) -> Option<String> {
        match (from, to) {
            (None, None) => None,
            (Some(one), Some(other)) if one == other => Some(self.date(one)),
            (Some(from), Some(to)) => {
                Some(self.say_all("date-span", &[("from", &self.date(from)), ("to", &self.date(to))]))
            }
            (Some(from), None) => Some(self.say_with("date-since", "from", &self.date(from))),
            (None, Some(to)) => Some(self.say_with("date-until", "to", &self.date(to))),
        }
    }

    /// An instant to the minute, in UTC.
    pub(super) fn time(self, time: Timestamp) -> String {
        let utc = time.to_utc();
        let clock = format!("{:02}:{:02}", utc.hour(), utc.minute());
        self.say_all("date-time", &[("day", &self.day(utc.date_naive())), ("clock", &clock)])
    }

    fn month(self, month: u32) -> String {
        self.find(&format!("month-{month}")).map_or_else(|| month.to_string(), |name| name.into_owned())
    }

    /// A theme in words: `Universal health coverage (SDG 3.8)`.
    pub(super) fn theme(self, theme: &Theme) -> String {
        let (scheme, code) = theme.parts();
        self.theme_label(scheme, code)
    }

    /// The same for a theme that came from outside, such as a filter.
    pub(super) fn theme_word(self, word: &str) -> String {
        match word.split_once(':') {
            Some((scheme, code)) => self.theme_label(scheme, code),
            None => word.to_owned(),
        }
    }

    fn theme_label(self, scheme: &str, code: &str) -> String {
        let found = match scheme {
            "sdg" => code_list::sdg_targets().get(code).or_else(|| code_list::list("sdg-goals")?.get(code)),
            "dac" => code_list::dac_purposes().get(code),
            _ => None,
        };
        let scheme = match scheme {
            "sdg" => self.say("scheme-sdg"),
            "dac" => self.say("scheme-dac"),
            "decs" => self.say("scheme-decs"),
            "mesh" => self.say("scheme-mesh"),
            other => other.to_owned().into(),
        };
        match found {
            Some(found) => format!("{} ({scheme} {code})", found.labels.in_language(self.code())),
            None => format!("{scheme} {code}"),
        }
    }

    /// A country, with its subdivision's code where there is one.
    pub(super) fn place(self, place: &convenio_events::values::Place) -> String {
        let country = self.label("countries", place.country());
        let named = match (place.as_str().contains('-'), place.subdivision()) {
            (true, Some(subdivision)) => format!("{}, {country} ({place})", subdivision.name),
            (true, None) => format!("{country} ({place})"),
            (false, _) => country,
        };
        // It is kept, and shown so: what was recorded under it stays true.
        let withdrawn = place.is_withdrawn().then(|| self.find("place-withdrawn")).flatten();
        withdrawn.map_or_else(|| named.clone(), |word| format!("{named}, {word}"))
    }

    /// What an organisation does in a record: a role in an agreement, or author, organiser, ...
    pub(super) fn role(self, word: &str) -> String {
        self.label("roles", word)
    }

    /// What happened, from an event's full type name; the name itself for a type of a newer program.
    pub(super) fn event(self, type_name: &str) -> String {
        let said = event_key(type_name).and_then(|key| self.find(&key));
        said.map_or_else(|| type_name.to_owned(), |said| said.into_owned())
    }
}

/// The key of an event type's name: offers and demands have their own, the schema's version does not matter.
pub(super) fn event_key(type_name: &str) -> Option<String> {
    let (kind, suffix) = split_type_name(type_name)?;
    let word = suffix.split('.').next().unwrap_or(suffix);
    Some(if word == "visibility-changed" { format!("event-{word}") } else { format!("event-{kind}-{word}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(code: &str) -> Language {
        Language::of_tag(code).expect("a language of the pages")
    }

    #[test]
    fn numbers_have_the_separators_of_the_language() {
        let (en, es) = (language("en"), language("es"));
        let table =
            [("0", "0", "0"), ("999", "999", "999"), ("1234", "1,234", "1234"), ("12345.5", "12,345.5", "12.345,5")];
        for (plain, english, spanish) in table {
            let amount: Amount = plain.parse().expect("an amount");
            assert_eq!((en.amount(amount), es.amount(amount)), (english.to_owned(), spanish.to_owned()));
        }
        assert_eq!(en.number(1_234_567), "1,234,567");
        assert_eq!(en.amount("-3".parse().expect("an amount")), "\u{2212}3");
    }

    #[test]
    fn quantities_name_their_unit() {
        let quantity: Quantity = serde_json::from_str(r#"{"amount":"1200.5","unit":"PEN"}"#).expect("a quantity");
        assert_eq!(language("en").quantity(&quantity), "PEN 1,200.5");
        let quantity: Quantity = serde_json::from_str(r#"{"amount":"12","unit":"expert-days"}"#).expect("a quantity");
        assert_eq!(language("es").quantity(&quantity), "12 días de experto");
    }

    #[test]
    fn dates_are_as_exact_as_known() {
        let table = [
            ("2024", "2024", "2024"),
            ("2024-01", "January 2024", "enero de 2024"),
            ("2024-01-09", "9 January 2024", "9 de enero de 2024"),
        ];
        for (date, english, spanish) in table {
            let date: PartialDate = date.parse().expect("a date");
            assert_eq!(
                (language("en").date(date), language("es").date(date)),
                (english.to_owned(), spanish.to_owned())
            );
        }
        let time: Timestamp = "2026-11-21T09:05:00.123456Z".parse().expect("a time");
        assert_eq!(language("en").time(time), "21 November 2026, 09:05 UTC");
    }

    #[test]
    fn themes_say_their_scheme() {
        let es = language("es");
        assert_eq!(es.theme_word("sdg:3.8"), "Cobertura universal de salud (ODS 3.8)");
        assert_eq!(es.theme_word("sdg:3"), "Salud y bienestar (ODS 3)");
        assert_eq!(es.theme_word("mesh:D014611"), "MeSH D014611");
        assert_eq!(es.theme_word("<b>"), "<b>");
    }
}
