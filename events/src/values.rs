//! Small values of the domain: themes, places, identifiers, quantities. Parsed once, trusted afterwards; no look-ups of records.

use crate::{
    code_list,
    codes::{CostBearer, CostItem},
    ids::as_string,
    registers::{self, Subdivision},
};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use url::Url;

/// Why a text is not the value it should be; the message starts with a stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {rule}")]
pub struct ValueError {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What is asked for.
    pub rule: String,
}
fn refuse<T>(code: &'static str, rule: impl Into<String>) -> Result<T, ValueError> {
    Err(ValueError { code, rule: rule.into() })
}

/// What a record is about: `sdg:3.8`, `dac:12220`, `decs:D014611` or `mesh:D014611`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Theme(Box<str>);

impl Theme {
    /// `sdg:3.8`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The scheme and the code in it.
    pub fn parts(&self) -> (&str, &str) {
        self.0.split_once(':').expect("checked when it was parsed")
    }
    /// The entry of the code list, for the schemes that have one here.
    pub fn code(&self) -> Option<&'static code_list::Code> {
        let (scheme, code) = self.parts();
        theme_list(scheme)?.get(code)
    }
}
fn theme_list(scheme: &str) -> Option<&'static code_list::CodeList> {
    match scheme {
        "sdg" => Some(code_list::sdg_targets()),
        "dac" => Some(code_list::dac_purposes()),
        _ => None,
    }
}
impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Theme {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        const RULE: &str = "a theme is sdg:<target>, dac:<purpose code>, decs:<id> or mesh:<id>";
        let Some((scheme, code)) = text.split_once(':') else { return refuse("theme-unknown", RULE) };
        let known = match (scheme, theme_list(scheme)) {
            (_, Some(list)) => list.get(code).is_some(),
            ("decs" | "mesh", None) => {
                code.len() <= 16 && code.len() > 1 && code.bytes().all(|b| b.is_ascii_alphanumeric())
            }
            _ => false,
        };
        if known { Ok(Self(text.into())) } else { refuse("theme-unknown", format!("{RULE}; got {text:?}")) }
    }
}

/// What places look like in schemas.
pub const PLACE_PATTERN: &str = "^[A-Z]{2}(-[A-Z0-9]{1,3})?$";

/// A country (ISO 3166-1 alpha-2), or one of its subdivisions (ISO 3166-2): `PE`, `US-AZ`.
///
/// The free name of a nation or territory that has no code travels in the text of its event, as `place_names`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Place(Box<str>);

impl Place {
    /// `PE` or `US-AZ`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The country's code.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }
    /// The register's entry of a subdivision; `None` for a whole country, and for what older versions recorded unchecked.
    pub fn subdivision(&self) -> Option<Subdivision> {
        registers::subdivision(&self.0)
    }
    /// Whether ISO withdrew it since: it is kept, and shown so.
    pub fn is_withdrawn(&self) -> bool {
        let country = code_list::countries().get(self.country());
        country.is_some_and(code_list::Code::is_withdrawn) || self.subdivision().is_some_and(|it| it.withdrawn)
    }

    /// Refuses a subdivision that ISO 3166-2 never had. Events recorded before this was asked may hold one.
    ///
    /// # Errors
    /// `place-unknown`.
    pub fn check_known(text: &str) -> Result<(), ValueError> {
        let subdivision = text.contains('-');
        if !subdivision || registers::subdivision(text).is_some() { Ok(()) } else { place_unknown(text) }
    }
}

fn place_unknown<T>(text: &str) -> Result<T, ValueError> {
    refuse(
        "place-unknown",
        format!(
            "a place is an ISO 3166-1 alpha-2 country such as PE, or an ISO 3166-2 subdivision of one such as PE-LIM; got \
             {text:?}"
        ),
    )
}
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Place {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (country, subdivision) = text.split_once('-').map_or((text, None), |(c, s)| (c, Some(s)));
        let subdivision_fits = subdivision.is_none_or(|s| {
            (1..=3).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if code_list::countries().get(country).is_some() && subdivision_fits {
            return Ok(Self(text.into()));
        }
        place_unknown(text)
    }
}

/// An identifier that others gave an organisation, `{list}-{id}` as in org-id.guide: `XM-DAC-47083`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Identifier(Box<str>);

impl Identifier {
    /// `XM-DAC-47083`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
/// The most characters of an identifier; a longer one is refused as `identifier-form`.
pub const IDENTIFIER_CHARACTERS_LIMIT: usize = 100;
/// The ledger's own list, for organisations that stand in none of org-id.guide: `XX-LEDGER-46002`. `XX` is no country and no
/// prefix of org-id.guide.
pub const OWN_IDENTIFIER_LIST: &str = "XX-LEDGER";
/// What systems write where there is no identifier.
const NO_IDENTIFIERS: [&str; 8] = ["n/a", "na", "n.a.", "none", "null", "nil", "unknown", "tbd"];

impl Identifier {
    /// What two identifiers have in common that differ in case alone: registers mean the same by both.
    pub fn folded(&self) -> String {
        self.0.to_ascii_uppercase()
    }

    /// Refuses what has the form of an identifier and identifies nothing, such as `XM-DAC-N/A`.
    ///
    /// # Errors
    /// `identifier-form`.
    pub fn check_meaning(text: &str) -> Result<(), ValueError> {
        let id = text.splitn(3, '-').nth(2).unwrap_or_default();
        let empty = NO_IDENTIFIERS.contains(&&*id.to_ascii_lowercase());
        if empty || !id.bytes().any(|b| b.is_ascii_alphanumeric()) { identifier_form(text) } else { Ok(()) }
    }
}

fn identifier_form<T>(text: &str) -> Result<T, ValueError> {
    refuse(
        "identifier-form",
        format!(
            "an identifier is {{list}}-{{id}} of org-id.guide, such as XM-DAC-47083, at most {IDENTIFIER_CHARACTERS_LIMIT} \
             characters; an organisation that stands in no such list takes the ledger's own, {OWN_IDENTIFIER_LIST}-{{id}}, \
             with an id of your choice; got {text:?}"
        ),
    )
}

impl FromStr for Identifier {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let list = text.split('-').take(2).collect::<Vec<_>>();
        let fits = text.len() <= IDENTIFIER_CHARACTERS_LIMIT
            && matches!(list[..], [area, list] if area.len() == 2 && area.bytes().all(|b| b.is_ascii_uppercase()) && !list.is_empty())
            && text.splitn(3, '-').nth(2).is_some_and(|id| !id.is_empty())
            && text.chars().all(|c| c.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { identifier_form(text) }
    }
}

/// Refuses what is no address of the web: a browser that follows it may do something else. Events recorded before this was asked may
/// hold one.
///
/// # Errors
/// `website-form`.
pub fn check_website(text: &str) -> Result<(), ValueError> {
    if is_website(text) {
        return Ok(());
    }
    let rule = "a website is an address that begins with http:// or https:// and names a host, such as https://www.example.org";
    refuse("website-form", rule)
}

/// Stricter than a browser, which mends much: the scheme and its slashes are there, no space is, and nobody stands before an @ whom a
/// reader would take for the host.
fn is_website(text: &str) -> bool {
    let begins = |(scheme, rest): (&str, &str)| {
        (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
            && !rest.starts_with(['/', '\\', '?', '#'])
    };
    let names_a_host = |url: Url| url.has_host() && url.username().is_empty() && url.password().is_none();
    text.split_once("://").is_some_and(begins)
        && !text.contains(char::is_whitespace)
        && Url::parse(text).is_ok_and(names_a_host)
}

/// What amounts look like in schemas.
pub const AMOUNT_PATTERN: &str = r"^-?\d{1,18}(\.\d{1,6})?$";

/// A decimal amount, as a string in JSON: at most 18 digits before and 6 after the point.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Amount(Decimal);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);
    /// The number.
    pub const fn decimal(self) -> Decimal {
        self.0
    }
    /// The sum; `None` where it has more digits than an amount may have.
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| sum.abs() < Decimal::from(10_u64.pow(18))).map(Self)
    }
    /// What is left after taking `other`; `None` below zero.
    pub fn minus(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).filter(|rest| !rest.is_sign_negative() || rest.is_zero()).map(Self)
    }
}
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.normalize().fmt(f)
    }
}
impl FromStr for Amount {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = digits.split_once('.').map_or((digits, None), |(w, p)| (w, Some(p)));
        let all = |s: &str, most: usize| (1..=most).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_digit());
        if !all(whole, 18) || part.is_some_and(|p| !all(p, 6)) {
            return refuse(
                "amount-form",
                "an amount is a decimal number in a string, at most 18 digits before and 6 after the point",
            );
        }
        Decimal::from_str_exact(text)
            .map(Self)
            .or_else(|_| refuse("amount-form", "an amount is a decimal number in a string"))
    }
}

/// What an amount counts: `expert-days`, `places`, `visits`, `units`, `hours`, or an ISO 4217 currency.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Unit(Box<str>);

/// The units of cooperation in kind.
pub const UNITS_IN_KIND: [&str; 5] = ["expert-days", "places", "visits", "units", "hours"];

impl Unit {
    /// The word or the currency's code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// True for a currency; false for cooperation in kind.
    pub fn is_money(&self) -> bool {
        !UNITS_IN_KIND.contains(&&*self.0)
    }
}
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl FromStr for Unit {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        if UNITS_IN_KIND.contains(&text) || code_list::currencies().get(text).is_some() {
            return Ok(Self(text.into()));
        }
        refuse("unit-unknown", format!("a unit is one of {} or an ISO 4217 currency", UNITS_IN_KIND.join(", ")))
    }
}

as_string! {
    Theme, "a theme: sdg:<target>, dac:<purpose code>, decs:<id> or mesh:<id>", "^(sdg|dac|decs|mesh):[A-Za-z0-9.]+$", 40;
    Place, "an ISO 3166-1 alpha-2 country, optionally with its ISO 3166-2 subdivision", PLACE_PATTERN, 6, "place";
    Identifier, "{list}-{id} as in org-id.guide, or XX-LEDGER-{id} for one that has none there", "^[A-Z]{2}-[!-~]+-[!-~]+$", IDENTIFIER_CHARACTERS_LIMIT, "identifier";
    Amount, "a decimal number as a string", AMOUNT_PATTERN, 26;
    Unit, "expert-days, places, visits, units, hours, or an ISO 4217 currency", "^([a-z-]+|[A-Z]{3})$", 40;
}

/// How much of what. More than zero.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "QuantityWire")]
pub struct Quantity {
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub unit: Unit,
}
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "Quantity")]
struct QuantityWire {
    amount: Amount,
    unit: Unit,
}
impl TryFrom<QuantityWire> for Quantity {
    type Error = ValueError;
    fn try_from(QuantityWire { amount, unit }: QuantityWire) -> Result<Self, ValueError> {
        if amount > Amount::ZERO {
            Ok(Self { amount, unit })
        } else {
            refuse("amount-not-positive", "a quantity is more than zero")
        }
    }
}
impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.unit)
    }
}

/// Who bears which cost.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CostShare {
    /// Who bears it.
    pub bearer: CostBearer,
    /// Which cost.
    pub item: CostItem,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_bounded() {
        for right in ["0", "12.5", "-3", "999999999999999999.999999"] {
            assert!(right.parse::<Amount>().is_ok(), "{right}");
        }
        let forty = "1".repeat(40);
        for wrong in ["", "1e3", "1.", ".5", "+1", " 1", "1,5", "1.1234567", forty.as_str(), "NaN", "１"] {
            assert_eq!(wrong.parse::<Amount>().expect_err("refused").code, "amount-form", "{wrong}");
        }
        let (three, two): (Amount, Amount) = ("3".parse().expect("amount"), "2.50".parse().expect("amount"));
        assert_eq!(three.minus(two).expect("left").to_string(), "0.5");
        assert_eq!(two.minus(three), None);
    }

    #[test]
    fn what_older_versions_recorded_is_read_and_what_is_new_is_looked_up() {
        let recorded: Place = "PE-ZZZ".parse().expect("is read");
        assert_eq!((recorded.country(), recorded.subdivision()), ("PE", None));
        assert_eq!(Place::check_known("PE-ZZZ").expect_err("is not in the list").code, "place-unknown");
        for right in ["PE", "PE-LIM", "IN-OR", "AN"] {
            assert_eq!(Place::check_known(right), Ok(()), "{right}");
        }
        assert!("IN-OR".parse::<Place>().is_ok_and(|place| place.is_withdrawn()));
        assert!("PE-LIM".parse::<Place>().is_ok_and(|place| !place.is_withdrawn()));
    }

    #[test]
    fn an_identifier_that_identifies_nothing_is_told_of_the_ledgers_own_list() {
        for wrong in ["GB-1", "46002", "N/A", "", "XM-DAC-"] {
            let error = wrong.parse::<Identifier>().expect_err(wrong);
            assert!(error.code == "identifier-form" && error.rule.contains("XX-LEDGER-{id}"), "{error}");
        }
        for wrong in ["XM-DAC-N/A", "XM-DAC-none", "XM-DAC---", "XX-LEDGER-?"] {
            assert_eq!(Identifier::check_meaning(wrong).expect_err(wrong).code, "identifier-form");
        }
        for right in ["XX-LEDGER-46002", "XX-LEDGER-GB-1", "XM-DAC-47083", "PE-RUC-20506006024"] {
            assert!(right.parse::<Identifier>().is_ok() && Identifier::check_meaning(right).is_ok(), "{right}");
        }
        let (one, other): (Identifier, Identifier) =
            ("XI-ROR-03yrm5c26".parse().expect("valid"), "XI-ROR-03YRM5C26".parse().expect("valid"));
        assert!(one != other && one.folded() == other.folded());
    }

    #[test]
    fn values_name_the_rule_that_refuses_them() {
        assert_eq!("sdg:99.9".parse::<Theme>().expect_err("refused").code, "theme-unknown");
        assert_eq!("ZZ".parse::<Place>().expect_err("refused").code, "place-unknown");
        assert_eq!("hugs".parse::<Unit>().expect_err("refused").code, "unit-unknown");
        assert_eq!("47083".parse::<Identifier>().expect_err("refused").code, "identifier-form");
        for right in ["sdg:3.8", "dac:12220", "mesh:D014611"] {
            assert!(right.parse::<Theme>().is_ok(), "{right}");
        }
        assert!(
            "US-AZ".parse::<Place>().is_ok()
                && "XM-DAC-47083".parse::<Identifier>().is_ok()
                && "PEN".parse::<Unit>().is_ok()
        );
        assert!(serde_json::from_str::<Quantity>(r#"{"amount":"0","unit":"visits"}"#).is_err());
    }
}
