//! What stands behind the `?` of a page's address, and the addresses that pages link to. It does not know what a name means.

use super::request::PageError;

/// The names and values of a query string, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string.
    ///
    /// # Errors
    /// [`PageError::NotUnderstood`] when it is not UTF-8.
    pub(super) fn parse(query: &str) -> Result<Self, PageError> {
        let is_utf8 = |pairs: &Vec<(String, String)>| !pairs.iter().any(|(_, value)| value.contains('\u{fffd}'));
        let pairs = serde_urlencoded::from_str(query).ok().filter(is_utf8);
        pairs.map(Self).ok_or(PageError::NotUnderstood("cause-query"))
    }

    /// The first value of a name that is not blank.
    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Every value of a name that is not blank.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(known, _)| known == name)
            .map(|(_, value)| value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Every value of a name, each once.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for value in self.values(name) {
            if !values.iter().any(|known| known == value) {
                values.push(value.to_owned());
            }
        }
        values
    }

    /// A value of a form; `None` where it was left blank.
    ///
    /// # Errors
    /// [`PageError::NotUnderstood`] with this cause when it has another form.
    pub(super) fn parsed<T: std::str::FromStr>(&self, name: &str, cause: &'static str) -> Result<Option<T>, PageError> {
        self.first(name).map(|value| value.parse().map_err(|_| PageError::NotUnderstood(cause))).transpose()
    }

    /// The address of the same page with one name set to one value.
    pub(super) fn with(&self, path: &str, name: &str, value: &str) -> String {
        let others = self.0.iter().filter(|(known, _)| known != name).cloned();
        address(path, others.chain([(name.to_owned(), value.to_owned())]))
    }

    /// The address of the same page without one value of a name; the page it is in begins anew.
    pub(super) fn without(&self, path: &str, name: &str, value: &str) -> String {
        address(
            path,
            self.0.iter().filter(|(known, one)| known != "cursor" && (known != name || one.trim() != value)).cloned(),
        )
    }

    /// An address elsewhere that is asked for the same by these names.
    pub(super) fn only(&self, path: &str, names: &[&str]) -> String {
        address(path, self.0.iter().filter(|(known, _)| names.contains(&known.as_str())).cloned())
    }
}

/// An address with a query string; blank values are left out.
fn address(path: &str, pairs: impl Iterator<Item = (String, String)>) -> String {
    let pairs: Vec<_> = pairs.filter(|(_, value)| !value.trim().is_empty()).collect();
    let query = serde_urlencoded::to_string(&pairs).expect("pairs of texts can always be written");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_come_and_go_in_links() {
        let params = Params::parse("q=ma%C3%B1ana+y&theme=sdg:3.8&theme=sdg:3.4&country=&cursor=x").expect("a query");
        assert_eq!(params.first("q"), Some("mañana y"));
        assert_eq!((params.all("theme").len(), params.first("country")), (2, None));
        assert_eq!(params.without("/en/", "theme", "sdg:3.4"), "/en/?q=ma%C3%B1ana+y&theme=sdg%3A3.8");
        assert_eq!(params.with("/en/", "cursor", "y"), "/en/?q=ma%C3%B1ana+y&theme=sdg%3A3.8&theme=sdg%3A3.4&cursor=y");
        assert!(Params::parse("q=%FF").is_err());
    }
}
