//! The filters beside a list: what can be chosen, how many records have it, and how to take a choice back.

use super::{
    request::{PageError, PageRequest},
    snapshot::Snapshot,
};
use convenio_events::OrganisationId;
use convenio_projections::collection::{Count, FacetCount};
use std::collections::BTreeMap;

/// Filters that have boxes to tick, in the order in which they are shown.
const SHOWN: [&str; 8] = ["type", "country", "theme", "mechanism", "modality", "state", "language", "attestation"];
/// The most values of one filter that are shown; the search box finds the rest.
const VALUES_LIMIT: usize = 40;

/// A filter.
pub(super) struct Facet {
    pub(super) name: &'static str,
    pub(super) label: String,
    /// Whether one of its values is chosen.
    pub(super) open: bool,
    pub(super) values: Vec<Value>,
}

/// A value of a filter.
pub(super) struct Value {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) count: String,
    pub(super) chosen: bool,
}

/// A chosen value, and the address of the page without it.
pub(super) struct Removal {
    pub(super) label: String,
    pub(super) href: String,
}

/// The filters of a list.
pub(super) fn facets(
    request: &PageRequest,
    board: bool,
    states: &str,
    types: &str,
    counts: Option<&BTreeMap<String, Vec<FacetCount>>>,
) -> Vec<Facet> {
    let facet = |name: &'static str| {
        let chosen = request.params.all(name);
        let counted = counts.and_then(|counts| counts.get(name)).map(Vec::as_slice).unwrap_or_default();
        let shown = counted.iter().take(VALUES_LIMIT).map(|one| Value {
            label: label(request, name, &one.value, states, types),
            count: shown(request, one.count),
            chosen: chosen.contains(&one.value),
            value: one.value.clone(),
        });
        let mut values: Vec<_> = shown.collect();
        // What was chosen stays in the form, also where nothing is left that has it.
        for value in chosen.iter().filter(|value| counted.iter().take(VALUES_LIMIT).all(|one| one.value != **value)) {
            let label = label(request, name, value, states, types);
            values.push(Value { label, count: request.language.number(0), chosen: true, value: value.clone() });
        }
        Facet { name, label: facet_label(request, name), open: !chosen.is_empty(), values }
    };
    let offered = SHOWN.into_iter().filter(|name| !(board && *name == "state" || types.is_empty() && *name == "type"));
    offered.map(facet).filter(|facet| facet.values.len() > 1 || facet.open).collect()
}

/// Everything that is chosen now.
pub(super) fn removals(
    request: &PageRequest,
    snapshot: &Snapshot,
    states: &str,
    types: &str,
) -> Result<Vec<Removal>, PageError> {
    let mut removals = Vec::new();
    let path = request.own_path();
    for name in SHOWN.into_iter().chain(["organisation", "role", "from", "to", "q"]) {
        for value in request.params.all(name) {
            let label = match (name, value.parse::<OrganisationId>()) {
                ("organisation", Ok(id)) => snapshot.organisation(id)?.words.text().to_owned(),
                ("q", _) => format!("\u{201c}{value}\u{201d}"),
                _ => label(request, name, &value, states, types),
            };
            removals.push(Removal {
                label: format!("{}: {label}", facet_label(request, name)),
                href: request.params.without(&path, name, &value),
            });
        }
    }
    Ok(removals)
}

fn facet_label(request: &PageRequest, name: &str) -> String {
    request.language.find(&format!("facet-{name}")).map_or_else(|| name.to_owned(), |label| label.into_owned())
}

fn label(request: &PageRequest, name: &str, value: &str, states: &str, types: &str) -> String {
    let list = match name {
        "theme" => return request.language.theme_word(value),
        "language" => return request.language.language_name(value),
        "role" => return request.language.role(value),
        "from" | "to" => {
            return value.parse().map_or_else(|_| value.to_owned(), |date| request.language.date(date));
        }
        "country" => "countries",
        "mechanism" => "mechanisms",
        "modality" => "modalities",
        "attestation" => "attestations",
        "state" => states,
        _ => types,
    };
    request.language.label(list, value)
}

fn shown(request: &PageRequest, count: Count) -> String {
    match count {
        Count::Exactly(count) => request.language.number(u64::from(count)),
        Count::More => {
            format!("{}+", request.language.number(u64::from(convenio_projections::collection::COUNT_LIMIT)))
        }
    }
}
