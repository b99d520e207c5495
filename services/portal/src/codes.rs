//! Code lists as they are served: every code with its labels in all languages. What a code is used for is not known here.

use crate::{
    asking::{Asked, json},
    contract::problem_codes,
    problem::{Code, Problem},
    state::PortalState,
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::code_list::{self, CodeList, Labels};
use convenio_ledger::nearest::nearest;
use serde_json::{Map, Value, json as value};

/// The list of themes: what stands in records, put together from the lists that have them.
pub(crate) const THEMES: &str = "themes";
/// The list of everything that a request can be refused for.
const REFUSALS: &str = "refusals";
/// Of a list with at most so many codes, a refusal names all.
const FEW_CODES: usize = 20;
/// The lists whose codes are themes, and what stands before a code in a record.
const THEME_LISTS: [(&str, &str); 4] =
    [("sdg-goals", "sdg"), ("sdg-targets", "sdg"), ("dac-categories", "dac"), ("dac-purposes", "dac")];

/// `GET /api/v1/codes`: which lists there are.
pub(crate) async fn lists(State(state): State<PortalState>, mut asked: Asked) -> Response {
    if let Err(problem) = asked.ready(&state, &[]).await {
        return problem.into_response();
    }
    let mut names: Vec<&str> = code_list::all().map(|list| list.name.as_str()).chain([REFUSALS, THEMES]).collect();
    names.sort_unstable();
    let items: Vec<Value> = names.into_iter().filter_map(described).collect();
    json(None, &value!({"items": items, "next_cursor": null}))
}

/// `GET /api/v1/codes/<list>`: one list.
pub(crate) async fn list(State(state): State<PortalState>, mut asked: Asked) -> Response {
    let Some(list) = asked.path.first().and_then(|name| whole(name)) else {
        return Problem::from(Code::ListUnknown).into_response();
    };
    match asked.ready(&state, &[]).await {
        Ok(()) => json(None, &list),
        Err(problem) => problem.into_response(),
    }
}

/// A list without its codes.
fn described(name: &str) -> Option<Value> {
    let Some(Value::Object(mut list)) = whole(name) else { return None };
    let count = list.remove("items").and_then(|items| items.as_array().map(Vec::len));
    list.insert("codes".to_owned(), count.into());
    list.insert("href".to_owned(), format!("/api/v1/codes/{name}").into());
    Some(Value::Object(list))
}

fn whole(name: &str) -> Option<Value> {
    match name {
        THEMES => Some(themes()),
        REFUSALS => Some(refusals()),
        other => code_list::list(other).map(|list| {
            value!({"list": list.name, "version": list.version, "source": list.source, "items": items(list, "")})
        }),
    }
}

/// Whether the list of themes holds one.
pub(crate) fn is_theme(theme: &str) -> bool {
    let Some((scheme, code)) = theme.split_once(':') else { return false };
    let lists = THEME_LISTS.iter().filter(|(_, of)| *of == scheme);
    lists.filter_map(|(name, _)| code_list::list(name)).any(|list| list.get(code).is_some())
}

/// The lists of which one is put together, and what stands before the codes of each.
fn lists_of(name: &str) -> Vec<(&'static CodeList, String)> {
    let of_themes =
        || THEME_LISTS.iter().filter_map(|(name, scheme)| Some((code_list::list(name)?, format!("{scheme}:"))));
    if name == THEMES {
        return of_themes().collect();
    }
    code_list::list(name).map(|list| (list, String::new())).into_iter().collect()
}

/// What may be meant by a value that a list does not hold: all its codes where they are few, else those that are spelt nearly so or
/// have that label, else an example.
pub(crate) fn advice(name: &str, value: &str) -> String {
    let lists = lists_of(name);
    let codes: Vec<(String, &Labels)> = lists
        .iter()
        .flat_map(|(list, prefix)| {
            list.items().iter().map(move |item| (format!("{prefix}{}", item.code), &item.labels))
        })
        .collect();
    if codes.len() <= FEW_CODES {
        let codes: Vec<&str> = codes.iter().map(|(code, _)| code.as_str()).collect();
        return format!("it has {}", codes.join(", "));
    }
    let folded = value.to_lowercase();
    let is_so_called = |labels: &Labels| {
        [&labels.en, &labels.es, &labels.pt, &labels.fr].into_iter().any(|label| label.to_lowercase() == folded)
    };
    let named = codes.iter().find(|(_, labels)| is_so_called(labels)).map(|(code, _)| code.as_str());
    let meant = named.map_or_else(|| nearest(value, codes.iter().map(|(code, _)| code.as_str())), |code| vec![code]);
    let labelled = |code: &str| {
        let known = codes.iter().find(|(known, _)| known == code);
        known.map_or_else(String::new, |(code, labels)| format!("{code} ({})", labels.en))
    };
    match meant.as_slice() {
        [] => format!("it has codes such as {}", codes.first().map_or_else(String::new, |(code, _)| labelled(code))),
        meant => {
            format!("did you mean {}?", meant.iter().map(|code| labelled(code)).collect::<Vec<_>>().join(", "))
        }
    }
}

fn themes() -> Value {
    let all = lists_of(THEMES);
    let version = all.iter().map(|(list, _)| list.version.as_str()).max();
    let source: Vec<&str> = all.iter().map(|(list, _)| list.source.as_str()).collect();
    let items: Vec<Value> = all.iter().flat_map(|(list, prefix)| items(list, prefix)).collect();
    value!({"list": THEMES, "version": version, "source": source.join(" "), "items": items})
}

/// Reasons are told in English, like every `title` of a problem.
fn refusals() -> Value {
    let codes = problem_codes();
    let items: Vec<Value> = codes
        .iter()
        .map(|(code, (status, title))| value!({"code": code, "labels": {"en": title}, "status": status}))
        .collect();
    value!({"list": REFUSALS, "version": env!("CARGO_PKG_VERSION"), "source": "Convenio", "items": items})
}

fn items(list: &CodeList, prefix: &str) -> Vec<Value> {
    let all = list.items().iter();
    all.map(|code| {
        let Labels { en, es, pt, fr } = &code.labels;
        let mut item = Map::new();
        item.insert("code".to_owned(), format!("{prefix}{}", code.code).into());
        item.insert("labels".to_owned(), value!({"en": en, "es": es, "pt": pt, "fr": fr}));
        let replaced_by = code.replaced_by.as_ref().map(|other| format!("{prefix}{other}"));
        let others = [("withdrawn", &code.withdrawn), ("replaced_by", &replaced_by), ("group", &code.group)];
        item.extend(others.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text.as_deref()?.into()))));
        Value::Object(item)
    })
    .collect()
}
