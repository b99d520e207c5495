//! Lists of records: parameters in, one page out.

use crate::{
    asking::{Asked, json, with_next},
    parameters::{Parameters, invalid},
    problem::Problem,
    state::{PortalState, last},
};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use convenio_events::{OrganisationId, RecordKind, Sequence, Subject};
use convenio_projections::{
    ViewName,
    collection::{self, Filters, ListQuery, PAGE_LIMIT, Sort},
};
use std::str::FromStr;

/// `GET /api/v1/<collection>`.
pub(crate) async fn list(State(state): State<PortalState>, asked: Asked, kind: RecordKind, view: ViewName) -> Response {
    page(&state, asked, kind, view).await.unwrap_or_else(IntoResponse::into_response)
}

async fn page(state: &PortalState, mut asked: Asked, kind: RecordKind, view: ViewName) -> Result<Response, Problem> {
    let query = list_query(&mut asked.parameters, kind)?;
    let as_of = asked.ready_as_of(state, &[view]).await?;
    let query = ListQuery { as_of, ..query };
    let uri = asked.uri;
    state
        .ask(asked.token, move |reading| {
            let page = collection::list(&reading.view(view)?, &reading.identity, &query)?;
            let response = json(as_of.and_then(last).or(reading.sequence()), &page);
            Ok(with_next(response, &uri, "cursor", page.next_cursor.as_deref()))
        })
        .await
}

/// What a list's parameters ask for.
///
/// # Errors
/// 400 `parameter-invalid`, naming the parameter.
pub fn list_query(parameters: &mut Parameters, kind: RecordKind) -> Result<ListQuery, Problem> {
    Ok(ListQuery {
        q: parameters.one("q")?,
        filters: filters(parameters)?,
        sort: parameters.one("sort")?.map(|SortWord(sort)| sort).unwrap_or_default(),
        limit: parameters.limit(ListQuery::new(kind).limit, PAGE_LIMIT)?,
        cursor: parameters.one("cursor")?,
        total: parameters.flag("total")?,
        facets: parameters.flag("facets")?,
        ..ListQuery::new(kind)
    })
}

fn filters(parameters: &mut Parameters) -> Result<Filters, Problem> {
    let filters = Filters {
        organisations: parameters.list("organisation")?.into_iter().map(|Organisation(id)| id).collect(),
        roles: parameters.list("role")?,
        countries: parameters.list("country")?,
        themes: parameters.list("theme")?,
        mechanisms: parameters.list("mechanism")?,
        modalities: parameters.list("modality")?,
        states: parameters.list("state")?,
        attestations: parameters.list("attestation")?,
        types: parameters.list("type")?,
        languages: parameters.list("language")?,
        origins: Vec::new(),
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
