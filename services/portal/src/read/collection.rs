//! Lists of records: parameters in, one page out.

use super::{links::Links, today};
use crate::{
    asking::{Asked, json, with_next},
    codes::advice,
    events::page::begin_at,
    parameters::{Parameters, StartAt, invalid},
    problem::{Code, Problem},
    state::{PortalState, last},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{
    OrganisationId, RecordKind, Sequence, Subject, code_list, language_map::canonical_tag, values::Theme,
};
use convenio_projections::{
    ViewName,
    collection::{self, Filters, ListQuery, PAGE_LIMIT, Sort},
};
use std::{fmt, str::FromStr};

/// The most characters of a wrong value that are told again: what would be right has to fit beside it.
const VALUE_CHARACTERS_TOLD: usize = 64;

/// `GET /api/v1/<collection>`.
pub(crate) async fn list(State(state): State<PortalState>, asked: Asked, kind: RecordKind, view: ViewName) -> Response {
    page(&state, asked, kind, view).await.unwrap_or_else(IntoResponse::into_response)
}

async fn page(state: &PortalState, mut asked: Asked, kind: RecordKind, view: ViewName) -> Result<Response, Problem> {
    let query = list_query(&mut asked.parameters, kind)?;
    let of_the_past = ["as_of_sequence", "as_of"].into_iter().find(|name| asked.parameters.has(name));
    fits_together(&query, of_the_past)?;
    query.check(of_the_past.is_some())?;
    let as_of = asked.ready_as_of(state, &[view]).await?;
    if let Some(since) = query.filters.updated_since_sequence {
        // Who has seen what is not there would be told that nothing changed.
        begin_at(state, StartAt::Sequence(since.0))?;
    }
    let query = ListQuery { as_of, ..query };
    let uri = asked.uri;
    state
        .ask(asked.token, move |reading| {
            // The past is shown as it was recorded.
            let today = if as_of.is_none() { Some(reading.today()?) } else { None };
            let query = ListQuery { today, ..query };
            let mut page = collection::list(&reading.view(view)?, &reading.identity, &query)?;
            let mut links = Links::begin(reading)?;
            page.items.iter_mut().try_for_each(|item| links.tell_item(item))?;
            if let Some(today) = today {
                page.items.iter_mut().try_for_each(|item| today::turn(item, today))?;
            }
            let response = json(as_of.and_then(last).or(reading.sequence()), &page);
            Ok(with_next(response, &uri, "cursor", page.next_cursor.as_deref()))
        })
        .await
}

/// What was updated since a sequence is told with what is gone since, and that has a place in the order of changes alone: it has no
/// title, no words and no past.
fn fits_together(query: &ListQuery, of_the_past: Option<&str>) -> Result<(), Problem> {
    if query.filters.updated_since_sequence.is_none() {
        return Ok(());
    }
    let other = match query.sort {
        _ if query.q.is_some() => Some("q"),
        Sort::Created | Sort::Title | Sort::Ends | Sort::Starts => Some("sort"),
        Sort::Relevance | Sort::Updated => of_the_past,
    };
    let Some(other) = other else { return Ok(()) };
    Err(invalid(
        other,
        "updated_since_sequence also tells what is gone, in the order of changes: send it without q, as_of and \
        as_of_sequence, and with no sort but -updated",
    ))
}

/// What a list's parameters ask for.
///
/// # Errors
/// 400 `parameter-invalid`, naming the parameter.
pub fn list_query(parameters: &mut Parameters, kind: RecordKind) -> Result<ListQuery, Problem> {
    Ok(ListQuery {
        q: parameters.one("q")?,
        filters: filters(parameters, kind)?,
        sort: parameters.one("sort")?.map(|SortWord(sort)| sort).unwrap_or_default(),
        limit: parameters.limit(ListQuery::new(kind).limit, PAGE_LIMIT)?,
        cursor: parameters.one("cursor")?,
        total: parameters.flag("total")?,
        facets: parameters.flag("facets")?,
        ..ListQuery::new(kind)
    })
}

/// Reads a filter: each code of its list is a question that may be asked, also where no record can have it. A value that the list does
/// not hold finds nothing, and is more likely a slip than a question.
fn codes(parameters: &mut Parameters, name: &'static str, list: &str) -> Result<Vec<String>, Problem> {
    let values: Vec<String> = parameters.list(name)?;
    match values.iter().find(|value| !holds(list, value)) {
        None => Ok(values),
        Some(value) => Err(not_in(name, value, list)),
    }
}

fn not_in(name: &str, value: &str, list: &str) -> Problem {
    unknown_value(name, format_args!("{:?} is not in /api/v1/codes/{list}: {}", told(value), advice(list, value)))
}

/// As much of a wrong value as is told again.
fn told(value: &str) -> String {
    value.chars().take(VALUE_CHARACTERS_TOLD).collect()
}

fn holds(list: &str, code: &str) -> bool {
    code_list::list(list).is_some_and(|list| list.get(code).is_some())
}

fn types(parameters: &mut Parameters, kind: RecordKind) -> Result<Vec<String>, Problem> {
    match kind.types() {
        Some(list) => codes(parameters, "type", list),
        None => match parameters.list::<String>("type")?.first() {
            None => Ok(Vec::new()),
            Some(_) => Err(unknown_value("type", format_args!("{} have no types: leave it out", kind.plural()))),
        },
    }
}

/// States of any kind of record; those of its own are proposed.
fn states(parameters: &mut Parameters, kind: RecordKind) -> Result<Vec<String>, Problem> {
    let values: Vec<String> = parameters.list("state")?;
    match values.iter().find(|value| !holds("states", value)) {
        None => Ok(values),
        Some(value) => Err(not_in("state", value, &format!("{}-states", kind.word()))),
    }
}

fn themes(parameters: &mut Parameters) -> Result<Vec<String>, Problem> {
    let values: Vec<String> = parameters.list("theme")?;
    // Those of the lists, and the identifiers of other vocabularies, which no list has.
    match values.iter().find(|value| !crate::codes::is_theme(value) && value.parse::<Theme>().is_err()) {
        None => Ok(values),
        Some(value) => Err(not_in("theme", value, crate::codes::THEMES)),
    }
}

fn unknown_value(name: &str, detail: impl fmt::Display) -> Problem {
    Problem::from(Code::FilterValueUnknown).field(name).detail(detail.to_string())
}

/// Languages as commands spell them: `es`, `ES` and `spa` are one. Records are found by the language alone, whatever script or region
/// it is written for, and so it is asked for alone.
fn languages(parameters: &mut Parameters) -> Result<Vec<String>, Problem> {
    let language = |value: String| match canonical_tag(&value) {
        Ok(tag) => Ok(tag.split('-').next().unwrap_or_default().to_owned()),
        Err(_) => Err(unknown_value(
            "language",
            format_args!(
                "{:?} is no registered language (BCP 47); /api/v1/codes/languages has the names of many: {}",
                told(&value),
                advice("languages", &value)
            ),
        )),
    };
    parameters.list::<String>("language")?.into_iter().map(language).collect()
}

fn filters(parameters: &mut Parameters, kind: RecordKind) -> Result<Filters, Problem> {
    let (roles, states) = (codes(parameters, "role", "roles")?, states(parameters, kind)?);
    let (themes, types) = (themes(parameters)?, types(parameters, kind)?);
    let mut list = |name, list| codes(parameters, name, list);
    let countries = list("country", "countries")?;
    let mechanisms = list("mechanism", "mechanisms")?;
    let modalities = list("modality", "modalities")?;
    let attestations = list("attestation", "attestations")?;
    let kinds = list("kind", "record-kinds")?;
    let levels = list("level", "learning-levels")?;
    let verifications = list("verification", "verification-states")?;
    let commitment_levels = list("commitment_level", "commitment-levels")?;
    let filters = Filters {
        organisations: parameters.list("organisation")?.into_iter().map(|Organisation(id)| id).collect(),
        roles,
        countries,
        themes,
        mechanisms,
        modalities,
        states,
        attestations,
        types,
        languages: languages(parameters)?,
        kinds,
        levels,
        verifications,
        commitment_levels,
        origins: Vec::new(),
        taken_back: false,
        from: parameters.one("from")?,
        to: parameters.one("to")?,
        updated_since_sequence: parameters.one("updated_since_sequence")?.map(Sequence),
    };
    match (filters.from, filters.to) {
        (Some(from), Some(to)) if to < from => Err(invalid("to", "it is before from")),
        _ => Ok(filters),
    }
}

/// An organisation, as a bare UUID or as a subject.
pub(crate) struct Organisation(pub(crate) OrganisationId);

impl FromStr for Organisation {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(Subject { kind: RecordKind::Organisation, id }) = text.parse() {
            return Ok(Self(OrganisationId::new(id)));
        }
        let rule = "it must be the id of an organisation, such as organisation/018f4e2a-0000-7000-8000-000000000001, or the \
                    UUID alone";
        text.parse().map(Self).map_err(|_| rule)
    }
}

struct SortWord(Sort);

impl FromStr for SortWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Sort::WORDS.map(|(word, _)| word).join(", ");
        Sort::from_word(text).map(Self).ok_or_else(|| format!("it must be one of: {}", known()))
    }
}
