//! `GET /v1/jobs` and `GET /v1/jobs/{id}`.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::job::JobView;
use axum::extract::Path;
use domain::JobId;
use domain::principal::Role;

use crate::State;

/// Lists what goes on by itself and what has come to its end in the last 30 days, the newest first.
#[utoipa::path(
    get,
    path = "/v1/jobs",
    tag = "retrieval",
    params(
        ("limit" = Option<usize>, Query, description = "Most jobs of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of jobs", body = Page<JobView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<JobView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the last job shown.
    let asked: Asked<JobId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let limit = i32::try_from(asked.limit).unwrap_or(i32::MAX);
    let (jobs, more) = state
        .store
        .jobs(&principal.workspace, asked.cursor, limit)
        .await?;
    let last = jobs.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.id)).transpose()?;
    Ok(axum::Json(Page {
        items: jobs.into_iter().map(JobView::from).collect(),
        next_cursor,
    }))
}

/// Shows one job: what it does, and how far it has come.
#[utoipa::path(
    get,
    path = "/v1/jobs/{id}",
    tag = "retrieval",
    params(("id" = uuid::Uuid, Path, description = "The job")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 404, description = "No such job"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<axum::Json<JobView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: JobId = id.parse()?;
    let job = state.store.job(&principal.workspace, id).await?;
    Ok(axum::Json(job.into()))
}
