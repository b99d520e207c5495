//! Lists of records: parameters in, one page out.

use super::links::Links;
use crate::{
    asking::{Asked, json, with_next},
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
    OrganisationId, RecordKind, Sequence, Subject,
    codes::{
        Attestation, ConveningFormat, Instrument, LearningKind, LearningLevel, Mechanism, Modality, OrganisationKind,
        PartyRole,
    },
    language_map::canonical_tag,
    values::{Place, Theme},
};
use convenio_projections::{
    ViewName,
    collection::{self, Filters, ListQuery, PAGE_LIMIT, Sort},
    document::{COMMITMENT_LEVELS, ROLES_BESIDE_PARTIES, State as RecordState, VERIFICATION_STATES},
};
use std::{fmt, str::FromStr};

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
            let mut page = collection::list(&reading.view(view)?, &reading.identity, &query)?;
            let mut links = Links::begin(reading)?;
            page.items.iter_mut().try_for_each(|item| links.tell_item(item))?;
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

/// Whether a filter's list holds a value.
type Known = fn(&str, RecordKind) -> bool;

fn is_code<T: Copy + 'static>(all: &[T], word: fn(T) -> &'static str, value: &str) -> bool {
    all.iter().any(|code| word(*code) == value)
}

/// Reads a filter. A value that its list does not hold finds nothing, and is more likely a slip than a question.
fn codes(
    parameters: &mut Parameters,
    name: &'static str,
    kind: RecordKind,
    known: Known,
) -> Result<Vec<String>, Problem> {
    let values: Vec<String> = parameters.list(name)?;
    match values.iter().find(|value| !known(value, kind)) {
        None => Ok(values),
        Some(value) => Err(unknown_value(name, format_args!("{value:?} is not a value of this filter"))),
    }
}

fn unknown_value(name: &str, detail: impl fmt::Display) -> Problem {
    Problem::from(Code::FilterValueUnknown).field(name).detail(detail.to_string())
}

/// Languages as commands spell them: `es`, `ES` and `spa` are one. Records are found by the language alone, whatever script or region
/// it is written for: who asks for these is told so, and not that there is nothing.
fn languages(parameters: &mut Parameters) -> Result<Vec<String>, Problem> {
    let language = |value: String| match canonical_tag(&value) {
        Err(_) => Err(unknown_value(
            "language",
            format_args!(
                "{value:?} is not a registered language (BCP 47) such as es; /api/v1/codes/languages has the names of many"
            ),
        )),
        Ok(tag) => match tag.split_once('-') {
            None => Ok(tag),
            Some((language, _)) => {
                Err(unknown_value("language", format_args!("it takes the language alone: {language:?} for {value:?}")))
            }
        },
    };
    parameters.list::<String>("language")?.into_iter().map(language).collect()
}

fn is_type(value: &str, kind: RecordKind) -> bool {
    match kind {
        RecordKind::Organisation => is_code(OrganisationKind::ALL, OrganisationKind::word, value),
        RecordKind::Agreement => is_code(Instrument::ALL, Instrument::word, value),
        RecordKind::Learning => is_code(LearningKind::ALL, LearningKind::word, value),
        RecordKind::Convening => is_code(ConveningFormat::ALL, ConveningFormat::word, value),
        RecordKind::Offer | RecordKind::Demand | RecordKind::Ledger | RecordKind::Access => false,
    }
}

fn is_theme(value: &str, _: RecordKind) -> bool {
    let goal = value.strip_prefix("sdg:").and_then(|goal| goal.parse::<u8>().ok());
    value.parse::<Theme>().is_ok() || goal.is_some_and(|goal| (1..=17).contains(&goal))
}

fn is_role(value: &str, _: RecordKind) -> bool {
    ROLES_BESIDE_PARTIES.contains(&value) || is_code(PartyRole::ALL, PartyRole::word, value)
}

fn filters(parameters: &mut Parameters, kind: RecordKind) -> Result<Filters, Problem> {
    let mut list = |name, known| codes(parameters, name, kind, known);
    let (roles, states) =
        (list("role", is_role)?, list("state", |value, _| is_code(RecordState::ALL, RecordState::word, value))?);
    let countries = list("country", |value, _| value.len() == 2 && value.parse::<Place>().is_ok())?;
    let (themes, types) = (list("theme", is_theme)?, list("type", is_type)?);
    let mechanisms = list("mechanism", |value, _| is_code(Mechanism::ALL, Mechanism::word, value))?;
    let modalities = list("modality", |value, _| is_code(Modality::ALL, Modality::word, value))?;
    let attestations = list("attestation", |value, _| is_code(Attestation::ALL, Attestation::word, value))?;
    let kinds = list("kind", |value, kind| value == kind.word())?;
    let levels = list("level", |value, _| is_code(LearningLevel::ALL, LearningLevel::word, value))?;
    let verifications = list("verification", |value, _| VERIFICATION_STATES.contains(&value))?;
    let commitment_levels = list("commitment_level", |value, _| COMMITMENT_LEVELS.contains(&value))?;
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
        text.parse().map(Self).map_err(|_| "not the id of an organisation")
    }
}

struct SortWord(Sort);

impl FromStr for SortWord {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Sort::WORDS.map(|(word, _)| word).join(", ");
        Sort::from_word(text).map(Self).ok_or_else(|| format!("not one of: {}", known()))
    }
}
