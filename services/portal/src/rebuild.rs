//! Making a view anew beside the live one, as an admin asks for it. How that is done is the projections' business.

use crate::{
    asking::{Asked, Reading, blocking},
    problem::{Code, Problem},
    state::PortalState,
};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use convenio_events::codes::AccessRole;
use convenio_projections::{Rebuild, RebuildError, RebuildProgress, ViewName};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The last rebuild of each view since the node started.
#[derive(Debug, Default)]
pub(crate) struct Rebuilds(Mutex<BTreeMap<ViewName, Rebuild>>);

impl Rebuilds {
    fn all(&self) -> MutexGuard<'_, BTreeMap<ViewName, Rebuild>> {
        // Every statement that changes it leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self, view: ViewName) -> Result<RebuildProgress, Problem> {
        let progress = self.all().get(&view).map(|rebuild| rebuild.progress().borrow().clone());
        progress
            .ok_or_else(|| Problem::from(Code::RecordUnknown).detail(format!("no rebuild of {view} since the start")))
    }
}

/// `POST /api/v1/views/{view}/rebuild`: begins one, or joins the one that is under way.
pub(crate) async fn begin(state: State<PortalState>, asked: Asked) -> Response {
    answer(state, asked, StatusCode::ACCEPTED, |state, view| match state.views().rebuild(view) {
        Ok(rebuild) => {
            state.rebuilds().all().insert(view, rebuild);
            Ok(())
        }
        Err(RebuildError::UnderWay(_)) => Ok(()),
        Err(RebuildError::Closed) => Err(Code::NotReady.into()),
    })
    .await
}

/// `GET /api/v1/views/{view}/rebuild`: how far it is, or how it ended.
pub(crate) async fn progress(state: State<PortalState>, asked: Asked) -> Response {
    answer(state, asked, StatusCode::OK, |_, _| Ok(())).await
}

/// `DELETE /api/v1/views/{view}/rebuild`: gives it up; the live file stays as it is.
pub(crate) async fn cancel(state: State<PortalState>, asked: Asked) -> Response {
    answer(state, asked, StatusCode::ACCEPTED, |state, view| {
        if let Some(rebuild) = state.rebuilds().all().get(&view) {
            rebuild.cancel();
        }
        Ok(())
    })
    .await
}

async fn answer(
    State(state): State<PortalState>,
    asked: Asked,
    status: StatusCode,
    act: impl FnOnce(&PortalState, ViewName) -> Result<(), Problem> + Send,
) -> Response {
    let acted = async {
        require_admin(&state, &asked).await?;
        let view: ViewName =
            asked.id().map_err(|_| Problem::from(Code::RecordUnknown).detail("there is no such view"))?;
        asked.parameters.finish()?;
        act(&state, view)?;
        state.rebuilds().progress(view)
    };
    match acted.await {
        Ok(progress) => (status, Json(progress)).into_response(),
        Err(problem) => problem.into_response(),
    }
}

async fn require_admin(state: &PortalState, asked: &Asked) -> Result<(), Problem> {
    let token = asked.token.ok_or(Code::TokenRequired)?;
    let known = state.clone();
    let role = blocking(move || {
        let reading = Reading::begin_by_what_is_known(&known, Some(token))?;
        Ok(reading.grant.map(|grant| grant.role))
    });
    let role = role.await?;
    match role {
        Some(AccessRole::Admin) => Ok(()),
        _ => Err(Problem::from(Code::RoleRequired).detail("only an admin may rebuild a view")),
    }
}
